//! Function types of the whole program, numbered so that equal types have equal numbers.
//!
//! A reference to a function type of a module is written with the program's number in place of the
//! module's index, so that types of different modules can be compared. Specification: core,
//! "Type Definitions" and "Matching".

use crate::index::{SigId, TypeIndex};
use crate::parse::Module;
use std::collections::HashMap;
use wasmparser::{
    AbstractHeapType, FuncType, HeapType, PackedIndex, RefType, UnpackedIndex, ValType,
};

/// Stands for the type being defined in its own definition.
const SELF: u32 = (1 << 20) - 1;

/// The function types of a program.
#[derive(Default, Debug)]
pub struct SigTable {
    types: Vec<FuncType>,
    ids: HashMap<FuncType, SigId>,
}

impl SigTable {
    /// The number of `ty`, which is added if it is new.
    pub fn intern(&mut self, ty: &FuncType) -> SigId {
        if let Some(&id) = self.ids.get(ty) {
            return id;
        }
        let id = SigId::new(self.types.len());
        self.types.push(ty.clone());
        self.ids.insert(ty.clone(), id);
        id
    }

    /// The number of a type that is there.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn find(&self, ty: &FuncType) -> SigId {
        self.ids[ty]
    }

    /// The numbers of a module's types, in order. A type refers to those before it and to itself.
    pub fn add_module(&mut self, module: &Module<'_>) -> Vec<SigId> {
        let mut sigs = Vec::with_capacity(module.types.len());
        for ty in &module.types {
            let canonical = match ty {
                Some(ty) => {
                    let list = |types: &[ValType]| -> Vec<ValType> {
                        types.iter().map(|&ty| value_type(ty, &sigs)).collect()
                    };
                    FuncType::new(list(ty.params()), list(ty.results()))
                }
                None => FuncType::new([], []),
            };
            sigs.push(self.intern(&canonical));
        }
        sigs
    }
}

/// A value type of a module in the program's numbers; `sigs` are those of the module's types.
pub(super) fn value_type(ty: ValType, sigs: &[SigId]) -> ValType {
    match ty {
        ValType::Ref(ty) => ValType::Ref(ref_type(ty, sigs)),
        other => other,
    }
}

pub(super) fn ref_type(ty: RefType, sigs: &[SigId]) -> RefType {
    let HeapType::Concrete(UnpackedIndex::Module(index)) = ty.heap_type() else {
        return ty;
    };
    let sig = sigs.get(TypeIndex(index).index()).map_or(SELF, |sig| sig.0);
    match PackedIndex::from_module_index(sig) {
        Some(index) => RefType::concrete(ty.is_nullable(), index),
        None => ty,
    }
}

/// Whether a value of type `have` can be used where `want` is asked for.
pub(super) fn matches(have: ValType, want: ValType) -> bool {
    let (ValType::Ref(have), ValType::Ref(want)) = (have, want) else {
        return have == want;
    };
    (want.is_nullable() || !have.is_nullable()) && heap_matches(have.heap_type(), want.heap_type())
}

fn heap_matches(have: HeapType, want: HeapType) -> bool {
    use AbstractHeapType::{Exn, Extern, Func, NoExn, NoExtern, NoFunc};
    let abstract_type = |ty: HeapType| match ty {
        HeapType::Abstract { ty, .. } => Some(ty),
        HeapType::Concrete(_) | HeapType::Exact(_) => None,
    };
    if have == want {
        return true;
    }
    matches!(
        (abstract_type(have), abstract_type(want)),
        (None | Some(NoFunc), Some(Func))
            | (Some(NoFunc), None)
            | (Some(NoExtern), Some(Extern))
            | (Some(NoExn), Some(Exn))
    )
}

impl std::ops::Index<SigId> for SigTable {
    type Output = FuncType;

    fn index(&self, id: SigId) -> &FuncType {
        &self.types[id.index()]
    }
}
