//! Learns the types of references: see `known_types`.

use super::super::translator::FuncTranslator;
use crate::plan::{ref_type, value_type};
use cranelift_codegen::ir::Value;
use wasmparser::{RefType, ValType};

impl FuncTranslator<'_, '_> {
    /// Notes the type that a value has been defined with.
    pub(in super::super) fn define_type(&mut self, value: Value, ty: ValType) {
        if let ValType::Ref(ty) = ty
            && self.plan().sigs.has_objects()
        {
            self.known.defined.insert(value, ty);
        }
    }

    /// The same for a type of the module.
    pub(in super::super) fn define_module_type(&mut self, value: Value, ty: ValType) {
        if ty.is_reference_type() {
            self.define_type(value, value_type(ty, self.type_ids()));
        }
    }

    /// Notes the type of a local that holds a value here.
    pub(in super::super) fn show_module_type(&mut self, value: Value, ty: ValType) {
        if let ValType::Ref(ty) = ty
            && self.plan().sigs.has_objects()
        {
            let ty = ref_type(ty, self.type_ids());
            self.show_type(value, ty);
        }
    }

    /// Notes the type that a value is shown to have, unless more is known.
    pub(super) fn show_type(&mut self, value: Value, ty: RefType) {
        let known = self.known_type(value);
        if known.is_some_and(|known| self.plan().sigs.ref_matches(known, ty)) {
            return;
        }
        let block = self.builder.current_block().expect("a block is filled");
        let value = self.builder.func.dfg.resolve_aliases(value);
        self.known.shown.insert(value, (ty, block));
    }

    pub(super) fn known_type(&self, value: Value) -> Option<RefType> {
        let block = self.builder.current_block();
        let resolved = self.builder.func.dfg.resolve_aliases(value);
        match self.known.shown.get(&resolved) {
            Some(&(ty, shown)) if Some(shown) == block => Some(ty),
            _ => self
                .known
                .defined
                .get(&value)
                .or_else(|| self.known.defined.get(&resolved))
                .copied(),
        }
    }
}
