//! Fields and elements: how a value lies in an object.

use super::super::clif::clif_type;
use super::super::translator::FuncTranslator;
use crate::plan;
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Value, types};
use wasmparser::{FieldType, StorageType, ValType};

/// How a packed number becomes one of 32 bits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    Signed,
    Unsigned,
}

impl FuncTranslator<'_, '_> {
    pub(super) fn load_from(
        &mut self,
        field: FieldType,
        extension: Extension,
        flags: MemFlagsData,
        address: Value,
        offset: i32,
    ) -> Value {
        use Extension::{Signed, Unsigned};
        let ins = self.builder.ins();
        match (field.element_type, extension) {
            (StorageType::I8, Signed) => ins.sload8(types::I32, flags, address, offset),
            (StorageType::I8, Unsigned) => ins.uload8(types::I32, flags, address, offset),
            (StorageType::I16, Signed) => ins.sload16(types::I32, flags, address, offset),
            (StorageType::I16, Unsigned) => ins.uload16(types::I32, flags, address, offset),
            (StorageType::Val(ty @ ValType::Ref(_)), _) => {
                let value = ins.uload32(flags, address, offset);
                self.define_type(value, ty);
                value
            }
            (StorageType::Val(ty), _) => ins.load(clif_type(ty), flags, address, offset),
        }
    }

    /// What is read where a constant lies.
    pub(super) fn constant_of(
        &mut self,
        field: FieldType,
        extension: Extension,
        value: plan::Value,
    ) -> Value {
        use Extension::Signed;
        let extended = match (field.element_type, extension, value) {
            (StorageType::I8, Signed, plan::Value::I32(value)) => {
                plan::Value::I32(i32::from(value as i8))
            }
            (StorageType::I16, Signed, plan::Value::I32(value)) => {
                plan::Value::I32(i32::from(value as i16))
            }
            _ => value,
        };
        let value = self.constant(extended);
        self.define_constant(value, extended);
        value
    }

    pub(super) fn store_to(
        &mut self,
        field: FieldType,
        value: Value,
        flags: MemFlagsData,
        address: Value,
        offset: i32,
    ) {
        let ins = self.builder.ins();
        match field.element_type {
            StorageType::I8 => ins.istore8(flags, value, address, offset),
            StorageType::I16 => ins.istore16(flags, value, address, offset),
            StorageType::Val(ValType::Ref(_)) => ins.istore32(flags, value, address, offset),
            StorageType::Val(_) => ins.store(flags, value, address, offset),
        };
    }
}
