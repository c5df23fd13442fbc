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
/// `MAX_FLAT_ASYNC_PARAMS`.
pub const FLAT_ASYNC_PARAMS_MAX: usize = 4;
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

impl Passing {
    #[must_use]
    pub fn form(&self) -> Form {
        match self {
            Passing::Flat(_) => Form::Flat,
            Passing::Memory => Form::Memory,
        }
    }

    /// The core values.
    #[must_use]
    pub fn values(self) -> Vec<ValType> {
        match self {
            Passing::Flat(flat) => flat,
            Passing::Memory => vec![ValType::I32],
        }
    }
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

    /// How the parameters are passed by the caller of a lowered function.
    #[must_use]
    pub fn lowered_params(&self, ty: FuncTyId, is_async: bool) -> Passing {
        let max = if is_async {
            FLAT_ASYNC_PARAMS_MAX
        } else {
            FLAT_PARAMS_MAX
        };
        self.passing(self.func(ty).params.iter().map(|p| p.1), max)
    }

    /// How `task.return` passes a result.
    #[must_use]
    pub fn returned(&self, result: Option<TyId>) -> Passing {
        self.passing(result.into_iter(), FLAT_PARAMS_MAX)
    }

    /// The core type of a function after `canon lower`.
    #[must_use]
    pub fn lowered(&self, ty: FuncTyId, is_async: bool) -> FuncType {
        let mut params = self.lowered_params(ty, is_async).values();
        if is_async {
            params.extend(self.func(ty).result.map(|_| ValType::I32));
            return FuncType::new(params, [ValType::I32]);
        }
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
    pub fn lifted(&self, ty: FuncTyId, style: LiftStyle) -> FuncType {
        let params = self.params(ty).values();
        let results = match style {
            LiftStyle::Sync => self.result(ty).values(),
            LiftStyle::Callback => vec![ValType::I32],
            LiftStyle::Stackful => Vec::new(),
        };
        FuncType::new(params, results)
    }
}

/// How the core function behind `canon lift` gives its result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LiftStyle {
    /// Returns it.
    Sync,
    /// By `task.return`; it returns what it waits for, and is called back.
    Callback,
    /// By `task.return`, before it returns.
    Stackful,
}
