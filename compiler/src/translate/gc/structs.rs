//! Structs.

use super::super::clif::trap_code;
use super::super::translator::FuncTranslator;
use super::fields::Extension;
use crate::index::SigId;
use crate::plan::{Possible, TypeKind};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value};
use wasmelt_abi::TrapCode;
use wasmparser::FieldType;

/// Null with a larger offset may be an address where there is something.
const FAULTING_OFFSET_MAX: u32 = (64 << 10) - 16;

impl<'a> FuncTranslator<'a, '_> {
    fn struct_fields(&self, ty: SigId) -> &'a [FieldType] {
        match &self.plan().sigs.types()[ty.index()].kind {
            TypeKind::Struct(fields) => fields,
            _ => unreachable!("validated: a type of structs"),
        }
    }

    pub(super) fn struct_new(&mut self, ty: SigId) {
        let fields = self.struct_fields(ty);
        let values = self.pop_many(fields.len());
        let object = self.allocate_struct(ty);
        let flags = self.heap_flags(None);
        let plan = self.plan();
        let offsets = &plan.heap.struct_layout(ty).offsets;
        for ((field, value), &offset) in fields.iter().zip(values).zip(offsets) {
            // Memory is zero as it is allocated.
            if let Some(offset) = offset
                && !self.is_zero(value)
            {
                self.store_to(*field, value, flags, object, offset.cast_signed());
            }
        }
        self.push1(object);
    }

    fn is_zero(&self, value: Value) -> bool {
        self.constant_value(value) == Some(0)
    }

    pub(super) fn struct_new_default(&mut self, ty: SigId) {
        let object = self.allocate_struct(ty);
        self.push1(object);
    }

    /// A field that can hold but one value is that value, and what is left is the null check.
    pub(super) fn struct_get(&mut self, ty: SigId, field: u32, extension: Extension) {
        let object = self.pop1();
        let place = self.struct_fields(ty)[field as usize];
        let possible = self.possible_field(object, ty, field);
        if let Possible::Values(values) = &possible {
            match **values {
                // There are no such objects.
                [] => return self.trap_null(),
                [value] => {
                    self.check_object(object, ty);
                    let value = self.constant_of(place, extension, value);
                    self.push1(value);
                    return;
                }
                _ => {}
            }
        }
        let offset = self.field_offset(ty, field);
        let offset = offset.expect("what is read and holds several values is stored");
        let flags = self.field_flags(ty, object, offset);
        let value = self.load_from(place, extension, flags, object, offset.cast_signed());
        self.define_loaded(value, place, possible);
        self.show_not_null(object, ty);
        self.push1(value);
    }

    pub(super) fn struct_set(&mut self, ty: SigId, field: u32) {
        let (object, value) = self.pop2();
        let place = self.struct_fields(ty)[field as usize];
        match self.field_offset(ty, field) {
            Some(offset) => {
                let flags = self.field_flags(ty, object, offset);
                self.store_to(place, value, flags, object, offset.cast_signed());
                self.show_not_null(object, ty);
            }
            None => self.check_object(object, ty),
        }
    }

    fn trap_null(&mut self) {
        let code = trap_code(TrapCode::NullReference);
        self.builder.ins().trap(code);
        self.set_unreachable();
    }

    fn field_offset(&self, ty: SigId, field: u32) -> Option<u32> {
        self.plan().heap.struct_layout(ty).offsets[field as usize]
    }

    /// Flags of an access to a field, whose fault is the null check.
    fn field_flags(&mut self, ty: SigId, object: Value, offset: u32) -> MemFlagsData {
        if self.is_not_null(object) {
            return self.heap_flags(None);
        }
        if offset > FAULTING_OFFSET_MAX {
            self.check_object(object, ty);
        }
        self.heap_flags(Some(TrapCode::NullReference))
    }
}
