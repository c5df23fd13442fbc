//! What calls of async functions, and of functions of an embedder, need: records for the runtime, and
//! what is known of the code of a component instance.

use crate::canonical::{TyId, val_type};
use crate::index::{CanonId, LiftId};
use wasmelt_abi::PtrType;
use wasmparser::FuncType;

/// A record for the runtime in read-only data. Code finds its address in a slot of a context.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Record {
    /// A `wasmelt_abi::AsyncLift`.
    Lift(LiftId),
    /// A `wasmelt_abi::AsyncCall`.
    Call(CanonId),
    /// A `wasmelt_abi::TaskReturn`.
    TaskReturn(CanonId),
    /// A `wasmelt_abi::EndType`.
    End(CanonId),
    /// A `wasmelt_abi::TypeDesc`.
    Type(TyId),
    /// A `wasmelt_abi::LibraryImport`, by its position in `Linked::embedder_fns`.
    Import(u32),
    /// A `wasmelt_abi::ThreadStart` of functions with an argument of this type.
    Thread(PtrType),
}

/// The type of the functions that threads begin with.
#[must_use]
pub fn thread_type(argument: PtrType) -> FuncType {
    FuncType::new([val_type(argument)], [])
}

/// What the reachable code of a component instance can do.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct TaskUse {
    /// It can call a built-in that blocks, or a lowered function that it waits for.
    pub blocks: bool,
    /// It can tell threads apart: by their context slots, or by their indices.
    pub context: bool,
}

impl TaskUse {
    /// Whether it can tell in which task it runs.
    #[must_use]
    pub fn is_any(self) -> bool {
        self.blocks || self.context
    }
}
