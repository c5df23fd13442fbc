//! How parameters and results are passed.

use super::ty::{Flat, FuncTyId, TyId, val_type};
use super::types::Types;
use wasmelt_abi::PtrType;
use wasmparser::{FuncType, ValType};

/// `MAX_FLAT_PARAMS`.
pub const FLAT_PARAMS_MAX: usize = 16;
/// `MAX_FLAT_ASYNC_PARAMS`.
pub const FLAT_ASYNC_PARAMS_MAX: usize = 4;
/// `MAX_FLAT_RESULTS`.
pub const FLAT_RESULTS_MAX: usize = 1;

/// Where the values of one side are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Form {
    Flat,
    Memory,
}

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

    /// The core values of a side with pointers of this type.
    #[must_use]
    pub fn values(self, ptr: PtrType) -> Vec<ValType> {
        match self {
            Passing::Flat(flat) => flat,
            Passing::Memory => vec![val_type(ptr)],
        }
    }
}

/// `flatten_functype`: everything is said of a side with pointers of a type. Where values are
/// passed is the same for both types, as the number of flat values is.
impl Types {
    /// How the parameters of a function are passed.
    #[must_use]
    pub fn params(&self, ty: FuncTyId, ptr: PtrType) -> Passing {
        let params = self.func(ty).params.iter().map(|p| p.1);
        self.passing(params, ptr, FLAT_PARAMS_MAX)
    }

    /// How the result of a function is passed; nothing is no flat value.
    #[must_use]
    pub fn result(&self, ty: FuncTyId, ptr: PtrType) -> Passing {
        self.passing(self.func(ty).result.into_iter(), ptr, FLAT_RESULTS_MAX)
    }

    fn passing(&self, types: impl Iterator<Item = TyId>, ptr: PtrType, max: usize) -> Passing {
        let mut flat = Vec::new();
        for ty in types {
            match self.flat(ty, ptr) {
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
    pub fn lowered_params(&self, ty: FuncTyId, ptr: PtrType, is_async: bool) -> Passing {
        let max = if is_async {
            FLAT_ASYNC_PARAMS_MAX
        } else {
            FLAT_PARAMS_MAX
        };
        self.passing(self.func(ty).params.iter().map(|p| p.1), ptr, max)
    }

    /// How `task.return` passes a result.
    #[must_use]
    pub fn returned(&self, result: Option<TyId>, ptr: PtrType) -> Passing {
        self.passing(result.into_iter(), ptr, FLAT_PARAMS_MAX)
    }

    /// The core type of a function after `canon lower`.
    #[must_use]
    pub fn lowered(&self, ty: FuncTyId, ptr: PtrType, is_async: bool) -> FuncType {
        let mut params = self.lowered_params(ty, ptr, is_async).values(ptr);
        if is_async {
            params.extend(self.func(ty).result.map(|_| val_type(ptr)));
            return FuncType::new(params, [ValType::I32]);
        }
        let results = match self.result(ty, ptr) {
            Passing::Flat(flat) => flat,
            Passing::Memory => {
                params.push(val_type(ptr));
                Vec::new()
            }
        };
        FuncType::new(params, results)
    }

    /// The core type that `canon lift` asks for.
    #[must_use]
    pub fn lifted(&self, ty: FuncTyId, ptr: PtrType, style: LiftStyle) -> FuncType {
        let params = self.params(ty, ptr).values(ptr);
        let results = match style {
            LiftStyle::Sync => self.result(ty, ptr).values(ptr),
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
