//! What values are known to be one of: see `plan::contents`.

use super::super::translator::FuncTranslator;
use crate::index::{FuncId, SigId};
use crate::plan::{Possible, Value as Known, of_program};
use cranelift_codegen::ir::{InstBuilder, Value, condcodes::IntCC, types};
use std::sync::Arc;
use wasmelt_abi::TrapCode;
use wasmparser::{AbstractHeapType, FieldType, HeapType, RefType, UnpackedIndex, ValType};

/// Which of the values that a reference may be are of a type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    All,
    AllButNull,
    None,
    NullOnly,
}

impl FuncTranslator<'_, '_> {
    /// Notes what a value can be, for good.
    pub(in super::super) fn define_contents(&mut self, value: Value, values: Arc<[Known]>) {
        self.known.contents.insert(value, values);
    }

    /// Notes that a value is a constant.
    pub(in super::super) fn define_constant(&mut self, value: Value, constant: Known) {
        if let Known::RefObject(object) = constant {
            let ty = UnpackedIndex::Module(self.plan().objects[object.index()].ty.0);
            if let Some(ty) = RefType::new(false, HeapType::Concrete(ty)) {
                self.define_type(value, ValType::Ref(ty));
            }
        }
        if self.knows_contents() && is_reference(&constant) {
            self.define_contents(value, Arc::new([constant]));
        }
    }

    fn knows_contents(&self) -> bool {
        self.plan().sigs.has_objects() && self.translation.options.constant_fields
    }

    pub(in super::super) fn contents_of(&self, value: Value) -> Option<Arc<[Known]>> {
        let contents = &self.known.contents;
        if contents.is_empty() {
            return None;
        }
        let resolved = self.builder.func.dfg.resolve_aliases(value);
        let found = contents.get(&value).or_else(|| contents.get(&resolved));
        found.cloned()
    }

    /// What a field of an object may hold, which is of a type of structs.
    pub(super) fn possible_field(&self, object: Value, ty: SigId, field: u32) -> Possible {
        let plan = self.plan();
        if let Some(values) = self.contents_of(object)
            && let known @ Possible::Values(_) = plan.field_of_values(&values, ty, field)
        {
            return known;
        }
        let known = self.known_type(object);
        let known = known.and_then(|known| of_program(known.heap_type()).ok());
        let precise = known.filter(|&known| plan.sigs.is_subtype(known, ty));
        plan.contents.field(precise.unwrap_or(ty), field).clone()
    }

    /// What an element of one of some known arrays may hold, at a known position that each has.
    pub(super) fn possible_element(&self, array: Value, index: Value, ty: SigId) -> Possible {
        let position = self.constant_value(index).map(u32::try_from);
        match (self.contents_of(array), position) {
            (Some(values), Some(Ok(position))) => {
                self.plan().element_of_values(&values, ty, position)
            }
            _ => Possible::Any,
        }
    }

    /// Notes what has been loaded from a place of a type.
    pub(super) fn define_loaded(&mut self, value: Value, place: FieldType, possible: Possible) {
        let Possible::Values(values) = possible else {
            return;
        };
        if let wasmparser::StorageType::Val(ValType::Ref(ty)) = place.element_type {
            if !values.contains(&Known::RefNull) {
                self.define_type(value, ValType::Ref(ty.as_non_null()));
            }
            self.define_contents(value, values);
        }
    }

    /// Which of the values that a reference may be are of a type; nothing where that differs among
    /// objects, or is not known.
    pub(super) fn part_of_type(&self, value: Value, to: RefType) -> Option<Part> {
        let values = self.contents_of(value)?;
        let (mut others, mut matching, mut has_null) = (0, 0, false);
        for known in &*values {
            match self.heap_type_of(known)? {
                None => has_null = true,
                Some(ty) => {
                    others += 1;
                    matching += usize::from(self.plan().sigs.heap_matches(ty, to.heap_type()));
                }
            }
        }
        let null_matches = !has_null || to.is_nullable();
        Some(match (matching == others, matching == 0) {
            (true, _) if null_matches => Part::All,
            (_, true) if !has_null || !to.is_nullable() => Part::None,
            (true, _) => Part::AllButNull,
            (_, true) => Part::NullOnly,
            _ => return None,
        })
    }

    /// Of a reference that is not null; nothing where that is not known.
    fn heap_type_of(&self, known: &Known) -> Option<Option<HeapType>> {
        let concrete = |ty: SigId| HeapType::Concrete(UnpackedIndex::Module(ty.0));
        Some(match *known {
            Known::RefNull => None,
            Known::RefObject(object) => Some(concrete(self.plan().objects[object.index()].ty)),
            Known::RefFunc(func) => Some(concrete(self.plan().sig_of(func)?)),
            Known::RefI31(_) => Some(HeapType::Abstract {
                shared: false,
                ty: AbstractHeapType::I31,
            }),
            _ => return None,
        })
    }

    /// The functions of a type that a reference may be.
    pub(in super::super) fn targets_of(&self, reference: Value, sig: SigId) -> Option<Vec<FuncId>> {
        let values = self.contents_of(reference)?;
        let functions = values.iter().filter_map(|known| match known {
            Known::RefFunc(func) if self.plan().has_type(*func, sig) => Some(*func),
            _ => None,
        });
        Some(functions.collect())
    }

    /// Whether a reference is known not to be null.
    pub(in super::super) fn is_not_null(&self, reference: Value) -> bool {
        let known = self.known_type(reference);
        known.is_some_and(|known| !known.is_nullable())
            || self
                .contents_of(reference)
                .is_some_and(|values| !values.contains(&Known::RefNull))
    }

    /// Whether a reference is null, as `i8`.
    pub(in super::super) fn is_null(&mut self, reference: Value) -> Value {
        match self.is_not_null(reference) {
            true => self.builder.ins().iconst(types::I8, 0),
            false => self.builder.ins().icmp_imm_s(IntCC::Equal, reference, 0),
        }
    }

    /// Notes that a reference of a type has been seen not to be null.
    pub(super) fn show_not_null(&mut self, reference: Value, ty: SigId) {
        let index = UnpackedIndex::Module(ty.0);
        let ty = RefType::new(false, HeapType::Concrete(index));
        let known = self.known_type(reference).map(|ty| ty.as_non_null());
        if let Some(ty) = known.or(ty) {
            self.show_type(reference, ty);
        }
    }

    /// Traps if an object is null, by a load of its header.
    pub(super) fn check_object(&mut self, object: Value, ty: SigId) {
        if !self.is_not_null(object) {
            let flags = self.heap_flags(Some(TrapCode::NullReference));
            self.builder.ins().load(types::I32, flags, object, 0);
            self.show_not_null(object, ty);
        }
    }
}

fn is_reference(value: &Known) -> bool {
    matches!(
        value,
        Known::RefNull | Known::RefFunc(_) | Known::RefI31(_) | Known::RefObject(_)
    )
}
