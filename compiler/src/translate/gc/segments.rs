//! Arrays from segments.

use super::super::clif::Alias;
use super::super::translator::FuncTranslator;
use super::arrays::ELEMENTS;
use crate::index::{DataIndex, ElemIndex, SigId};
use crate::plan::Slot;
use cranelift_codegen::ir::{InstBuilder, Value, types};
use std::mem::offset_of;
use wasmelt_abi::{DataSegment, TrapCode};

/// The logarithm of the bytes of a value in an element segment.
const VALUE_LOG2: i64 = 3;

impl FuncTranslator<'_, '_> {
    fn segment_field(&mut self, slot: Slot, field: usize) -> Value {
        let flags = self.trusted(Alias::Context);
        let (base, offset) = self.slot(slot);
        let offset = offset + i32::try_from(field).expect("small");
        self.builder.ins().load(types::I64, flags, base, offset)
    }

    /// The address of so many elements in the bytes of a segment.
    fn data_at(&mut self, ty: SigId, segment: DataIndex, offset: Value, count: Value) -> Value {
        let slot = self.instance().data[&segment];
        let len = self.segment_field(slot, offset_of!(DataSegment, len));
        let offset = self.builder.ins().uextend(types::I64, offset);
        let wide = self.builder.ins().uextend(types::I64, count);
        let log2 = self.element_log2(ty);
        let bytes = self.builder.ins().ishl_imm_s(wide, log2);
        let end = self.builder.ins().iadd(offset, bytes);
        self.trap_beyond(end, len, TrapCode::MemoryOutOfBounds);
        let start = self.segment_field(slot, offset_of!(DataSegment, start));
        self.builder.ins().iadd(start, offset)
    }

    /// The same of an element segment.
    fn values_at(&mut self, segment: ElemIndex, offset: Value, count: Value) -> Value {
        let slot = self.instance().elements[&segment];
        let len = self.segment_field(slot, offset_of!(DataSegment, len));
        let code = TrapCode::TableAccessOutOfBounds;
        let index = self.checked_range(offset, count, len, code);
        let start = self.segment_field(slot, offset_of!(DataSegment, start));
        let scaled = self.builder.ins().ishl_imm_s(index, VALUE_LOG2);
        self.builder.ins().iadd(start, scaled)
    }

    pub(super) fn array_new_data(&mut self, ty: SigId, segment: DataIndex) {
        let (offset, count) = self.pop2();
        let from = self.data_at(ty, segment, offset, count);
        let array = self.allocate_array(ty, count);
        let to = self.builder.ins().iadd_imm_s(array, i64::from(ELEMENTS));
        self.copy_elements(ty, to, from, count);
        self.push1(array);
    }

    pub(super) fn array_init_data(&mut self, ty: SigId, segment: DataIndex) {
        let (array, index, offset, count) = self.init_operands();
        let to = self.elements_at(ty, array, index, count);
        let from = self.data_at(ty, segment, offset, count);
        self.copy_elements(ty, to, from, count);
    }

    pub(super) fn array_new_elem(&mut self, ty: SigId, segment: ElemIndex) {
        let (offset, count) = self.pop2();
        let from = self.values_at(segment, offset, count);
        let array = self.allocate_array(ty, count);
        let to = self.builder.ins().iadd_imm_s(array, i64::from(ELEMENTS));
        self.narrow_values(to, from, count);
        self.push1(array);
    }

    pub(super) fn array_init_elem(&mut self, ty: SigId, segment: ElemIndex) {
        let (array, index, offset, count) = self.init_operands();
        let to = self.elements_at(ty, array, index, count);
        let from = self.values_at(segment, offset, count);
        self.narrow_values(to, from, count);
    }

    /// Array, index in it, offset in the segment, count.
    fn init_operands(&mut self) -> (Value, Value, Value, Value) {
        let count = self.pop1();
        let (array, index, offset) = self.pop3();
        (array, index, offset, count)
    }

    /// References are 8 bytes in segments and 4 in arrays.
    fn narrow_values(&mut self, to: Value, from: Value, count: Value) {
        let count = self.builder.ins().uextend(types::I64, count);
        let bytes = self.builder.ins().ishl_imm_s(count, 2);
        let end = self.builder.ins().iadd(to, bytes);
        let (heap, values) = (self.heap_flags(None), self.trusted(Alias::Table));
        self.for_each_address(to, end, 4, |this, address| {
            let distance = this.builder.ins().isub(address, to);
            let distance = this.builder.ins().ishl_imm_s(distance, 1);
            let from = this.builder.ins().iadd(from, distance);
            let value = this.builder.ins().load(types::I64, values, from, 0);
            this.builder.ins().istore32(heap, value, address, 0);
        });
    }

    fn trap_beyond(&mut self, end: Value, len: Value, code: TrapCode) {
        use cranelift_codegen::ir::condcodes::IntCC;
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, len);
        self.trap_if(out, code);
    }
}
