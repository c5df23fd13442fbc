//! Structs.

use super::super::translator::FuncTranslator;
use super::fields::Extension;
use crate::index::SigId;
use crate::plan::TypeKind;
use cranelift_codegen::ir::{MemFlagsData, Value};
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
            if !self.is_zero(value) {
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

    pub(super) fn struct_get(&mut self, ty: SigId, field: u32, extension: Extension) {
        let object = self.pop1();
        let (field, flags, offset) = self.field_operand(ty, field, object);
        let value = self.load_from(field, extension, flags, object, offset);
        self.push1(value);
    }

    pub(super) fn struct_set(&mut self, ty: SigId, field: u32) {
        let (object, value) = self.pop2();
        let (field, flags, offset) = self.field_operand(ty, field, object);
        self.store_to(field, value, flags, object, offset);
    }

    fn field_operand(
        &mut self,
        ty: SigId,
        field: u32,
        object: Value,
    ) -> (FieldType, MemFlagsData, i32) {
        let offset = self.plan().heap.struct_layout(ty).offsets[field as usize];
        let field = self.struct_fields(ty)[field as usize];
        if offset > FAULTING_OFFSET_MAX {
            self.trap_unless(object, TrapCode::NullReference);
        }
        let flags = self.heap_flags(Some(TrapCode::NullReference));
        (field, flags, offset.cast_signed())
    }
}
