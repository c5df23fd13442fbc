//! The canonical ABI: how values of components lie in memory and in flat parameters.
//!
//! Specification: component model, "Canonical ABI". Names follow it.

mod passing;
mod types;

pub use passing::{Form, Helper, Nature, UNROLLED_MAX};
pub use types::{Case, Field, Flat, FuncTy, FuncTyId, Layout, Ty, TyId, Types};

use wasmparser::{FuncType, ValType};

/// `MAX_FLAT_PARAMS`.
pub const FLAT_PARAMS_MAX: usize = 16;
/// `MAX_FLAT_RESULTS`.
pub const FLAT_RESULTS_MAX: usize = 1;

/// How the parameters or the result of a function are passed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Passing {
    /// As these flat values.
    Flat(Vec<ValType>),
    /// In memory.
    Memory,
}

impl Types {
    /// How the parameters of a function are passed.
    #[must_use]
    pub fn params(&self, ty: FuncTyId) -> Passing {
        self.passing(self.func(ty).params.iter().map(|p| p.1), FLAT_PARAMS_MAX)
    }

    /// How the result of a function is passed; nothing is no flat value.
    #[must_use]
    pub fn result(&self, ty: FuncTyId) -> Passing {
        self.passing(self.func(ty).result.into_iter(), FLAT_RESULTS_MAX)
    }

    fn passing(&self, types: impl Iterator<Item = TyId>, max: usize) -> Passing {
        let mut flat = Vec::new();
        for ty in types {
            match self.flat(ty) {
                Flat::Values(values) => flat.extend_from_slice(values),
                Flat::TooMany => return Passing::Memory,
            }
        }
        if flat.len() > max {
            return Passing::Memory;
        }
        Passing::Flat(flat)
    }

    /// The core type of a function after `canon lower`.
    #[must_use]
    pub fn lowered(&self, ty: FuncTyId) -> FuncType {
        let mut params = match self.params(ty) {
            Passing::Flat(flat) => flat,
            Passing::Memory => vec![ValType::I32],
        };
        let results = match self.result(ty) {
            Passing::Flat(flat) => flat,
            Passing::Memory => {
                params.push(ValType::I32);
                Vec::new()
            }
        };
        FuncType::new(params, results)
    }

    /// The core type that `canon lift` asks for.
    #[must_use]
    pub fn lifted(&self, ty: FuncTyId) -> FuncType {
        let params = match self.params(ty) {
            Passing::Flat(flat) => flat,
            Passing::Memory => vec![ValType::I32],
        };
        let results = match self.result(ty) {
            Passing::Flat(flat) => flat,
            Passing::Memory => vec![ValType::I32],
        };
        FuncType::new(params, results)
    }
}
