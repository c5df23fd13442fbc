//! Allocation: memory between two words of the store is handed out in order, and the runtime is called
//! when there is no more.

use super::super::clif::Alias;
use super::super::translator::FuncTranslator;
use crate::index::SigId;
use crate::plan::{ELEMENTS_OFFSET, Slot};
use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use std::mem::offset_of;
use wasmelt_abi::{GcAllocation, TrapCode};
use wasmparser::{HeapType, RefType, UnpackedIndex, ValType};

/// Larger objects are the runtime's to place.
const INLINE_BYTES_MAX: i64 = 8 << 10;
/// No object has more, whatever room there is.
const BYTES_MAX: i64 = u32::MAX as i64 - 32;
/// Offset of the length of an array.
pub(super) const LEN_OFFSET: i32 = 4;

impl FuncTranslator<'_, '_> {
    pub(super) fn allocate_struct(&mut self, ty: SigId) -> Value {
        let bytes = self.plan().heap.struct_layout(ty).bytes;
        self.allocate_constant(ty, bytes.into())
    }

    /// An array of `len` elements that are zero.
    ///
    /// ```text
    /// v2 = uextend.i64 len
    /// v3 = ishl_imm v2, log2
    /// v4 = iadd_imm v3, 8 + 7
    /// v5 = band_imm v4, -8
    /// ```
    pub(super) fn allocate_array(&mut self, ty: SigId, len: Value) -> Value {
        let log2 = self.plan().heap.element_log2(ty);
        let header = i64::from(ELEMENTS_OFFSET);
        let array = match self.constant_value(len) {
            Some(len) => {
                let bytes = ((len << log2).cast_signed() + header + 7) & -8;
                self.allocate_constant(ty, bytes)
            }
            None => {
                let len = self.builder.ins().uextend(types::I64, len);
                let bytes = self.builder.ins().ishl_imm_s(len, i64::from(log2));
                let bytes = self.builder.ins().iadd_imm_s(bytes, header + 7);
                let bytes = self.builder.ins().band_imm_s(bytes, -8);
                let number = self.plan().heap.number_of(ty);
                let array = self.allocate_bytes(number, bytes, None);
                self.define_object(array, ty);
                array
            }
        };
        let flags = self.heap_flags(None);
        self.builder.ins().store(flags, len, array, LEN_OFFSET);
        array
    }

    fn allocate_constant(&mut self, ty: SigId, bytes: i64) -> Value {
        let number = self.plan().heap.number_of(ty);
        let object = self.allocate_number(number, bytes);
        self.define_object(object, ty);
        object
    }

    /// An object whose header has a number.
    pub(in super::super) fn allocate_number(&mut self, number: u32, bytes: i64) -> Value {
        let value = self.builder.ins().iconst(types::I64, bytes);
        self.allocate_bytes(number, value, Some(bytes))
    }

    fn define_object(&mut self, object: Value, ty: SigId) {
        let index = UnpackedIndex::Module(ty.0);
        if let Some(ty) = RefType::new(false, HeapType::Concrete(index)) {
            self.define_type(object, ValType::Ref(ty));
        }
    }

    /// ```text
    ///     v2 = load.i64 notrap aligned context pointer-next
    ///     v3 = iadd v2, bytes
    ///     v4 = load.i64 notrap aligned context pointer-end
    ///     v5 = icmp ugt v3, v4                    ; or bytes too many
    ///     brif v5, slow, fast
    /// fast:
    ///     store notrap aligned context v3, pointer-next
    ///     istore32 heap header, v2
    ///     jump done(v2)
    /// slow:                                       ; cold
    ///     v6 = call gc_allocate(pointer, pointer-next, header, bytes)
    ///     jump done(v6)
    /// done(v7: i64):
    /// ```
    fn allocate_bytes(&mut self, number: u32, bytes: Value, constant: Option<i64>) -> Value {
        let header = self.builder.ins().iconst(types::I32, i64::from(number));
        let place = self.plan().heap_plan.expect("there are types of objects");
        let place = place.allocation;
        if constant.is_some_and(|bytes| bytes > INLINE_BYTES_MAX) {
            self.allocate_slowly(place, header, bytes)
        } else {
            let done = self.builder.create_block();
            let object = self.builder.append_block_param(done, types::I64);
            let [fast, slow] = [(); 2].map(|()| self.builder.create_block());
            self.builder.set_cold_block(slow);
            if constant.is_none() {
                let few = self.builder.create_block();
                let more = IntCC::UnsignedGreaterThan;
                let ins = self.builder.ins();
                let many = ins.icmp_imm_u(more, bytes, INLINE_BYTES_MAX);
                self.builder.ins().brif(many, slow, &[], few, &[]);
                self.enter(few);
            }
            let flags = self.trusted(Alias::Context);
            let (base, offset) = self.slot(place);
            let at = |field: usize| offset + i32::try_from(field).expect("small");
            let next_at = at(offset_of!(GcAllocation, next));
            let next = self.builder.ins().load(types::I64, flags, base, next_at);
            let after = self.builder.ins().iadd(next, bytes);
            let end_at = at(offset_of!(GcAllocation, end));
            let end = self.builder.ins().load(types::I64, flags, base, end_at);
            let full = self
                .builder
                .ins()
                .icmp(IntCC::UnsignedGreaterThan, after, end);
            self.builder.ins().brif(full, slow, &[], fast, &[]);
            self.enter(fast);
            self.builder.ins().store(flags, after, base, next_at);
            let heap = self.heap_flags(None);
            self.builder.ins().store(heap, header, next, 0);
            self.jump(done, &[next]);
            self.enter(slow);
            let slowly = self.allocate_slowly(place, header, bytes);
            self.jump(done, &[slowly]);
            self.enter(done);
            object
        }
    }

    fn allocate_slowly(&mut self, place: Slot, header: Value, bytes: Value) -> Value {
        if self
            .constant_value(bytes)
            .is_none_or(|bytes| bytes > BYTES_MAX.cast_unsigned())
        {
            let more = IntCC::UnsignedGreaterThan;
            let large = self.builder.ins().icmp_imm_u(more, bytes, BYTES_MAX);
            self.trap_if(large, TrapCode::AllocationTooLarge);
        }
        let pointer = self.own_pointer();
        let place = self.slot_address(place);
        self.call_runtime("gc_allocate", &[pointer, place, header, bytes])
            .expect("has a result")
    }
}
