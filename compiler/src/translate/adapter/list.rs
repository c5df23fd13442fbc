//! What lies behind a pointer: strings, lists and maps.

use super::scalar::displacement;
use super::{Source, Target, Way};
use crate::canonical::{Layout, TyId, val_type};
use crate::index::OptionsId;
use crate::translate::clif::{Alias, clif_type};
use crate::translate::translator::FuncTranslator;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockArg, InstBuilder, StackSlotData, StackSlotKind, Type, Value, types,
};
use wasmelt_abi::{LIST_BYTES_MAX, PtrType, TrapCode};

/// Plain values of up to this many bytes are copied by loads and stores.
const INLINE_COPY_BYTES_MAX: u32 = 64;

/// A pointer or a length.
#[derive(Clone, Copy)]
struct Word {
    /// Of the type of the side's pointers.
    short: Value,
    /// The same as an `i64`.
    wide: Value,
}

impl FuncTranslator<'_, '_> {
    /// `load_string` and `store_string`. What is UTF-8 on both sides is a list of bytes that is
    /// checked when it is copied.
    pub(super) fn string(&mut self, way: Way, source: Source<'_>, target: Target) -> Vec<Value> {
        let (start, units) = self.pair(way.from, source);
        if self.linked().is_utf8(way.from) && self.linked().is_utf8(way.to) {
            let bytes = units.wide;
            self.trap_if_longer(bytes, LIST_BYTES_MAX, TrapCode::StringOutOfBounds);
            let code = TrapCode::StringOutOfBounds;
            let span = Span { bytes, align: 1 };
            let (from, start, to) = self.moved(way, start, (span, span), code);
            self.copy_utf8(to, from, bytes);
            return self.put_pair(way.to, target, start, units.short);
        }
        let memory = self.own_pointer();
        let from = self.options_address(way.from);
        let to = self.options_address(way.to);
        if [way.from, way.to].map(|side| self.ptr(side)) != [PtrType::I32; 2] {
            let args = [memory, from, to, start.wide, units.wide];
            let (start, units) = self.transferred64(args);
            return self.put_pair(way.to, target, start, units);
        }
        let args = [memory, from, to, start.short, units.short];
        let both = self.call_runtime("string_transfer", &args);
        let both = both.expect("has a result");
        let start = self.builder.ins().ireduce(types::I32, both);
        let high = self.builder.ins().ushr_imm_s(both, 32);
        let units = self.builder.ins().ireduce(types::I32, high);
        self.put_pair(way.to, target, start, units)
    }

    /// Address and length in the target's memory, where one of the sides has pointers of 64 bits.
    fn transferred64(&mut self, args: [Value; 5]) -> (Value, Value) {
        let data = StackSlotData::new(StackSlotKind::ExplicitSlot, 16, 3);
        let slot = self.builder.create_sized_stack_slot(data);
        let out = self.builder.ins().stack_addr(types::I64, slot, 0);
        let [memory, from, to, start, units] = args;
        let args = [memory, from, to, start, units, out];
        self.call_runtime("string_transfer64", &args);
        let mut word = |offset| {
            let ins = self.builder.ins();
            ins.stack_load(types::I64, types::I64, slot, offset)
        };
        (word(0), word(8))
    }

    /// `load_list` and `store_list`. A map is a list of pairs: `members` are the parts of one
    /// element.
    ///
    /// ```text
    /// v3 = uextend.i64 length
    /// v4 = imul_imm v3, element bytes
    /// v5 = icmp_imm ugt v4, 2^28 - 1
    /// trapnz v5, list too long
    /// …                                                   ; v1 is aligned and v1 + v4 inside
    /// v6 = call realloc(pointer + distance, 0, 0, align, v4)
    /// …                                                   ; v6 likewise
    /// call memory_copy(…)                                 ; or a loop
    /// ```
    pub(super) fn list(
        &mut self,
        way: Way,
        members: &[TyId],
        source: Source<'_>,
        target: Target,
    ) -> Vec<Value> {
        let types = &self.linked().types;
        let [have, want] = [way.from, way.to].map(|side| self.sequence_layout(side, members));
        let (start, length) = self.pair(way.from, source);
        let count = length.wide;
        if self.ptr(way.from) == PtrType::I64 {
            // The number of bytes could be more than 64 bits.
            let max = LIST_BYTES_MAX / have.bytes.max(1);
            self.trap_if_longer(count, max, TrapCode::ListTooLong);
        }
        let bytes = self.list_bytes(count, have);
        if self.ptr(way.from) == PtrType::I32 {
            self.trap_if_longer(bytes, LIST_BYTES_MAX, TrapCode::ListTooLong);
        }
        let code = TrapCode::ListOutOfBounds;
        let new_bytes = match have.bytes == want.bytes {
            true => bytes,
            false => self.list_bytes(count, want),
        };
        let spans = (Span::new(bytes, have), Span::new(new_bytes, want));
        let (from, start, to) = self.moved(way, start, spans, code);
        match members {
            [element] if types.nature(*element).plain => self.copy_bytes(to, from, bytes),
            _ => self.pass_elements(way, members, from, to, count),
        }
        self.put_pair(way.to, target, start, length.short)
    }

    fn list_bytes(&mut self, count: Value, element: Layout) -> Value {
        let bytes = i64::from(element.bytes);
        self.builder.ins().imul_imm_s(count, bytes)
    }

    fn trap_if_longer(&mut self, bytes: Value, max: u32, code: TrapCode) {
        let too_long =
            self.builder
                .ins()
                .icmp_imm_s(IntCC::UnsignedGreaterThan, bytes, i64::from(max));
        self.trap_if(too_long, code);
    }

    /// Checks a block of a source's memory, and allocates one in the target's. Gives the address
    /// of the one, and pointer and address of the other.
    fn moved(
        &mut self,
        way: Way,
        start: Word,
        (have, want): (Span, Span),
        code: TrapCode,
    ) -> (Value, Value, Value) {
        self.trap_unless_aligned(start.short, have.align);
        let from = self.range_address(way.from, start.wide, have.bytes, code);
        let bytes = self.as_ptr(way.to, want.bytes);
        let start = self.allocate(way.to, want.align, bytes);
        self.trap_unless_aligned(start, want.align);
        let wide = self.wide(start);
        let to = self.range_address(way.to, wide, want.bytes, code);
        (from, start, to)
    }

    /// `reallocate` of something new, `bytes` being of the type of the side's pointers. What it
    /// gives is not checked yet.
    pub(super) fn allocate(&mut self, options: OptionsId, align: u32, bytes: Value) -> Value {
        let ptr = clif_type(val_type(self.ptr(options)));
        let zero = self.builder.ins().iconst(ptr, 0);
        let align = self.builder.ins().iconst(ptr, i64::from(align));
        self.reallocate(options, &[zero, zero, align, bytes])
    }

    /// A pointer or length that is no larger than the side's can be, as one of them.
    fn as_ptr(&mut self, options: OptionsId, value: Value) -> Value {
        match (self.builder.func.dfg.value_type(value), self.ptr(options)) {
            (types::I64, PtrType::I32) => self.builder.ins().ireduce(types::I32, value),
            (types::I32, PtrType::I64) => self.wide(value),
            _ => value,
        }
    }

    /// A pointer or length as an `i64`.
    pub(super) fn wide(&mut self, value: Value) -> Value {
        match self.builder.func.dfg.value_type(value) {
            types::I64 => value,
            _ => self.builder.ins().uextend(types::I64, value),
        }
    }

    pub(super) fn trap_unless_aligned(&mut self, pointer: Value, align: u32) {
        if align > 1 {
            let low = self.builder.ins().band_imm_s(pointer, i64::from(align - 1));
            self.trap_if(low, TrapCode::UnalignedPointer);
        }
    }

    /// The address of `bytes` bytes at `offset` in a side's memory, which have to be inside it.
    ///
    /// ```text
    /// v3 = iadd v1, v2                                    ; no overflow: both are below 2^32
    /// v4 = load.i64 notrap aligned context memory-8
    /// v5 = icmp ugt v3, v4
    /// trapnz v5, out of bounds
    /// v6 = iadd memory, v1
    /// ```
    ///
    /// Of a pointer of 64 bits, that it is no larger than the length is checked before.
    pub(super) fn range_address(
        &mut self,
        options: OptionsId,
        offset: Value,
        bytes: Value,
        code: TrapCode,
    ) -> Value {
        let memory = self.linked().option(options).memory;
        let memory = memory.expect("validated: there is one");
        let base = self.memory_base(self.plan().core_memory(memory));
        if self.ptr(options) == PtrType::I64 {
            let len = self.bytes_at(base);
            self.trap_if_beyond(offset, len, code);
        }
        let end = self.builder.ins().iadd(offset, bytes);
        let len = self.bytes_at(base);
        self.trap_if_beyond(end, len, code);
        self.builder.ins().iadd(base, offset)
    }

    fn trap_if_beyond(&mut self, end: Value, len: Value, code: TrapCode) {
        let outside = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, len);
        self.trap_if(outside, code);
    }

    /// Elements that follow each other, `count` of them.
    ///
    /// ```text
    ///     v4 = imul_imm count, element bytes
    ///     v5 = iadd from, v4                              ; kept
    ///     v6 = icmp eq from, v5
    ///     brif v6, block2, block1(from, to)
    /// block1(v7: i64, v8: i64):
    ///     …                                               ; one element
    ///     v9 = iadd_imm v7, element bytes
    ///     v10 = iadd_imm v8, element bytes
    ///     v11 = icmp eq v9, v5
    ///     brif v11, block2, block1(v9, v10)
    /// block2:
    /// ```
    pub(super) fn pass_elements(
        &mut self,
        way: Way,
        members: &[TyId],
        from: Value,
        to: Value,
        count: Value,
    ) {
        let [have, want] = [way.from, way.to].map(|side| self.sequence_layout(side, members));
        let bytes = self.list_bytes(count, have);
        let last = self.builder.ins().iadd(from, bytes);
        let last = self.kept(last);
        let element = self.builder.create_block();
        let end = self.builder.create_block();
        let source = self.builder.append_block_param(element, types::I64);
        let target = self.builder.append_block_param(element, types::I64);
        self.branch_unless_last(from, last, end, element, to);
        self.builder.begin_loop(element, None);
        let part = Source::Memory(source, 0);
        self.pass_sequence(way, members, part, Target::Memory(target, 0));
        let source = self.builder.ins().iadd_imm_s(source, i64::from(have.bytes));
        let target = self.builder.ins().iadd_imm_s(target, i64::from(want.bytes));
        self.branch_unless_last(source, last, end, element, target);
        self.builder.end_loop();
        self.enter(end);
    }

    fn branch_unless_last(
        &mut self,
        source: Value,
        last: Value,
        end: Block,
        element: Block,
        target: Value,
    ) {
        let done = self.builder.ins().icmp(IntCC::Equal, source, last);
        let next = [source, target].map(BlockArg::Value);
        self.builder.ins().brif(done, end, &[], element, &next);
    }

    /// Copies a plain value.
    pub(super) fn copy_plain(&mut self, to: Value, at: u32, from: Value, start: u32, bytes: u32) {
        if bytes > INLINE_COPY_BYTES_MAX {
            let to = self.builder.ins().iadd_imm_s(to, i64::from(at));
            let from = self.builder.ins().iadd_imm_s(from, i64::from(start));
            let bytes = self.builder.ins().iconst(types::I64, i64::from(bytes));
            self.copy_bytes(to, from, bytes);
            return;
        }
        let flags = self.trusted(Alias::Memory);
        let mut chunks = Vec::new();
        let mut offset = 0;
        while offset < bytes {
            let ty = chunk_type(bytes - offset, self.translation.has_vectors);
            let place = displacement(start + offset);
            let value = self.builder.ins().load(ty, flags, from, place);
            chunks.push((value, offset));
            offset += ty.bytes();
        }
        for (value, offset) in chunks {
            let place = displacement(at + offset);
            self.builder.ins().store(flags, value, to, place);
        }
    }

    /// Copies bytes from one address to another, both checked.
    fn copy_bytes(&mut self, to: Value, from: Value, bytes: Value) {
        self.call_runtime("bytes_copy", &[to, from, bytes]);
    }

    /// Pointer and length.
    fn pair(&mut self, options: OptionsId, source: Source<'_>) -> (Word, Word) {
        let ptr = self.ptr(options);
        let [start, length] = [0, 1].map(|position| match source {
            Source::Flat(values) => {
                let short = values[position as usize];
                let wide = self.wide(short);
                Word { short, wide }
            }
            Source::Memory(address, offset) => {
                let flags = self.trusted(Alias::Memory);
                let offset = displacement(offset + ptr.bytes() * position);
                if ptr == PtrType::I64 {
                    let ins = self.builder.ins();
                    let wide = ins.load(types::I64, flags, address, offset);
                    return Word { short: wide, wide };
                }
                let wide = self.builder.ins().uload32(flags, address, offset);
                let short = self.builder.ins().ireduce(types::I32, wide);
                Word { short, wide }
            }
        });
        (start, length)
    }

    /// Pointer and length; the latter may be of the other side's type.
    fn put_pair(
        &mut self,
        options: OptionsId,
        target: Target,
        start: Value,
        length: Value,
    ) -> Vec<Value> {
        let bytes = self.ptr(options).bytes();
        let [start, length] = [start, length].map(|value| self.as_ptr(options, value));
        let mut results = self.put(target, bytes, start);
        results.extend(self.put(target.part(bytes), bytes, length));
        results
    }
}

/// A part of a memory: how many bytes, and how they are aligned.
#[derive(Clone, Copy)]
struct Span {
    bytes: Value,
    align: u32,
}

impl Span {
    fn new(bytes: Value, element: Layout) -> Span {
        Span {
            bytes,
            align: element.align,
        }
    }
}

/// The largest type that is not larger than what is left of a copy.
fn chunk_type(bytes: u32, has_vectors: bool) -> Type {
    match bytes {
        16.. if has_vectors => types::I8X16,
        8.. => types::I64,
        4.. => types::I32,
        2.. => types::I16,
        _ => types::I8,
    }
}
