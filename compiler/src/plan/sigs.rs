//! Function types of the whole program, numbered so that equal types have equal numbers.

use crate::index::SigId;
use std::collections::HashMap;
use wasmparser::FuncType;

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

    #[must_use]
    pub fn get(&self, ty: &FuncType) -> Option<SigId> {
        self.ids.get(ty).copied()
    }
}

impl std::ops::Index<SigId> for SigTable {
    type Output = FuncType;

    fn index(&self, id: SigId) -> &FuncType {
        &self.types[id.index()]
    }
}
