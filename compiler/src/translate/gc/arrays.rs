//! Arrays.

use super::super::translator::FuncTranslator;
use super::allocation::LEN_OFFSET;
use super::fields::Extension;
use crate::index::SigId;
use crate::plan::{ELEMENTS_OFFSET, Possible, TypeKind};
use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use wasmelt_abi::TrapCode;
use wasmparser::FieldType;

/// Offset of the first element.
pub(super) const ELEMENTS: i32 = ELEMENTS_OFFSET.cast_signed();

impl FuncTranslator<'_, '_> {
    fn element(&self, ty: SigId) -> FieldType {
        match &self.plan().sigs.types()[ty.index()].kind {
            TypeKind::Array(field) => *field,
            _ => unreachable!("validated: a type of arrays"),
        }
    }

    pub(super) fn element_log2(&self, ty: SigId) -> i64 {
        self.plan().heap.element_log2(ty).into()
    }

    pub(super) fn array_new(&mut self, ty: SigId) {
        let (value, len) = self.pop2();
        let array = self.allocate_array(ty, len);
        if self.constant_value(value) != Some(0) {
            let len = self.builder.ins().uextend(types::I64, len);
            let first = self.builder.ins().iadd_imm_s(array, i64::from(ELEMENTS));
            self.fill_elements(ty, first, value, len);
        }
        self.push1(array);
    }

    pub(super) fn array_new_default(&mut self, ty: SigId) {
        let len = self.pop1();
        let array = self.allocate_array(ty, len);
        self.push1(array);
    }

    pub(super) fn array_new_fixed(&mut self, ty: SigId, len: u32) {
        let values = self.pop_many(len as usize);
        let len = self.builder.ins().iconst(types::I32, i64::from(len));
        let array = self.allocate_array(ty, len);
        let (field, log2) = (self.element(ty), self.element_log2(ty));
        let flags = self.heap_flags(None);
        let mut offset = ELEMENTS;
        for value in values {
            self.store_to(field, value, flags, array, offset);
            offset += 1 << log2;
        }
        self.push1(array);
    }

    /// The length, whose load is the null check.
    pub(super) fn array_len(&mut self, array: Value) -> Value {
        let flags = self.heap_flags(Some(TrapCode::NullReference));
        self.builder
            .ins()
            .load(types::I32, flags, array, LEN_OFFSET)
    }

    /// The address of an element, less [`ELEMENTS`].
    ///
    /// ```text
    /// v3 = load.i32 heap array+4
    /// v4 = icmp uge index, v3
    /// trapnz v4, array out of bounds
    /// v5 = uextend.i64 index
    /// v6 = ishl_imm v5, log2
    /// v7 = iadd array, v6
    /// ```
    fn element_at(&mut self, ty: SigId, array: Value, index: Value) -> Value {
        let len = self.array_len(array);
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.trap_if(out, TrapCode::ArrayOutOfBounds);
        let index = self.builder.ins().uextend(types::I64, index);
        let log2 = self.element_log2(ty);
        let scaled = self.builder.ins().ishl_imm_s(index, log2);
        self.builder.ins().iadd(array, scaled)
    }

    pub(super) fn array_get(&mut self, ty: SigId, extension: Extension) {
        let (array, index) = self.pop2();
        let place = self.element(ty);
        let possible = self.possible_element(array, index, ty);
        if let Possible::Values(values) = &possible
            && let [value] = **values
        {
            self.check_object(array, ty);
            let value = self.constant_of(place, extension, value);
            self.push1(value);
            return;
        }
        let address = match &possible {
            // It is there.
            Possible::Values(_) => {
                self.check_object(array, ty);
                let index = self.builder.ins().uextend(types::I64, index);
                let log2 = self.element_log2(ty);
                let scaled = self.builder.ins().ishl_imm_s(index, log2);
                self.builder.ins().iadd(array, scaled)
            }
            Possible::Any => self.element_at(ty, array, index),
        };
        let flags = self.heap_flags(None);
        let value = self.load_from(place, extension, flags, address, ELEMENTS);
        self.define_loaded(value, place, possible);
        self.push1(value);
    }

    pub(super) fn array_set(&mut self, ty: SigId) {
        let (array, index, value) = self.pop3();
        let address = self.element_at(ty, array, index);
        let flags = self.heap_flags(None);
        self.store_to(self.element(ty), value, flags, address, ELEMENTS);
    }

    /// The address of the first of so many elements, which are checked to be there.
    pub(super) fn elements_at(
        &mut self,
        ty: SigId,
        array: Value,
        index: Value,
        count: Value,
    ) -> Value {
        let len = self.array_len(array);
        let len = self.builder.ins().uextend(types::I64, len);
        let index = self.checked_range(index, count, len, TrapCode::ArrayOutOfBounds);
        let log2 = self.element_log2(ty);
        let scaled = self.builder.ins().ishl_imm_s(index, log2);
        let address = self.builder.ins().iadd(array, scaled);
        self.builder.ins().iadd_imm_s(address, i64::from(ELEMENTS))
    }

    /// Traps unless `index + count`, both of 32 bits, is at most `len`, of 64; gives the index.
    pub(super) fn checked_range(
        &mut self,
        index: Value,
        count: Value,
        len: Value,
        code: TrapCode,
    ) -> Value {
        let index = self.builder.ins().uextend(types::I64, index);
        let count = self.builder.ins().uextend(types::I64, count);
        let end = self.builder.ins().iadd(index, count);
        let out = self
            .builder
            .ins()
            .icmp(IntCC::UnsignedGreaterThan, end, len);
        self.trap_if(out, code);
        index
    }

    pub(super) fn array_fill(&mut self, ty: SigId) {
        let count = self.pop1();
        let (array, index, value) = self.pop3();
        let first = self.elements_at(ty, array, index, count);
        let count = self.builder.ins().uextend(types::I64, count);
        self.fill_elements(ty, first, value, count);
    }

    /// ```text
    ///     v3 = iadd first, count << log2
    ///     jump next(first)
    /// next(v4: i64):
    ///     brif v4 == v3, done, body
    /// body:
    ///     store value, v4
    ///     jump next(v4 + bytes)
    /// ```
    fn fill_elements(&mut self, ty: SigId, first: Value, value: Value, count: Value) {
        let (field, log2) = (self.element(ty), self.element_log2(ty));
        let flags = self.heap_flags(None);
        let bytes = self.builder.ins().ishl_imm_s(count, log2);
        let end = self.builder.ins().iadd(first, bytes);
        self.for_each_address(first, end, 1 << log2, |this, address| {
            this.store_to(field, value, flags, address, 0);
        });
    }

    /// Goes from one address to another.
    pub(super) fn for_each_address(
        &mut self,
        first: Value,
        end: Value,
        step: i64,
        mut body: impl FnMut(&mut Self, Value),
    ) {
        let [next, inside, done] = [(); 3].map(|()| self.builder.create_block());
        let address = self.builder.append_block_param(next, types::I64);
        self.jump(next, &[first]);
        self.builder.begin_loop(next, None);
        let is_done = self.builder.ins().icmp(IntCC::Equal, address, end);
        self.builder.ins().brif(is_done, done, &[], inside, &[]);
        self.enter(inside);
        body(self, address);
        let after = self.builder.ins().iadd_imm_s(address, step);
        self.jump(next, &[after]);
        self.builder.end_loop();
        self.enter(done);
    }

    pub(super) fn array_copy(&mut self, ty: SigId) {
        let count = self.pop1();
        let (from, from_index) = self.pop2();
        let (to, to_index) = self.pop2();
        let to = self.elements_at(ty, to, to_index, count);
        let from = self.elements_at(ty, from, from_index, count);
        self.copy_elements(ty, to, from, count);
    }

    pub(super) fn copy_elements(&mut self, ty: SigId, to: Value, from: Value, count: Value) {
        let count = self.builder.ins().uextend(types::I64, count);
        let log2 = self.element_log2(ty);
        let bytes = self.builder.ins().ishl_imm_s(count, log2);
        self.call_runtime("bytes_copy", &[to, from, bytes]);
    }
}
