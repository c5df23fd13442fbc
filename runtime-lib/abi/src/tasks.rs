//! Calls of async functions: what compiled code hands to the runtime's tasks.
//!
//! A call between components that can wait is taken apart: the runtime creates the subtask and the
//! task, decides when the callee starts, and calls the compiled pieces for what depends on types:
//! passing the parameters, calling the core function, passing the result. All pieces have the C
//! convention and take the base of the store; slots are 8 bytes, as in [`crate::component`].
//! Specification: component model, "Canonical ABI", `canon_lift` and `canon_lower`.

use crate::component::{CanonOptions, TypeDesc};
use crate::slice::Slice;

/// Bits of [`AsyncLift::flags`].
#[derive(Debug)]
pub struct LiftFlags;

impl LiftFlags {
    /// The function's type is `async`.
    pub const ASYNC_TYPE: u64 = 1;
    /// Lifted with `async`: the result comes by `task.return`.
    pub const ASYNC: u64 = 2;
    /// Lifted with `callback`: `start` gives a packed code, and `callback` is called with events.
    pub const CALLBACK: u64 = 4;
}

/// A lifted function that is called as a task.
#[repr(C)]
#[derive(Debug)]
pub struct AsyncLift {
    /// Calls the core function: flat parameters in the slots before, core results after.
    pub start: unsafe extern "C" fn(*mut u8, *mut u64),
    /// With [`LiftFlags::CALLBACK`]: event code and its two payload words; gives a packed code.
    pub callback: Option<unsafe extern "C" fn(*mut u8, u32, u32, u32) -> u32>,
    /// `post-return` of a synchronously lifted function: takes the core results. As a `realloc`,
    /// it sets and clears `may_leave` itself.
    pub post_return: Option<unsafe extern "C" fn(*mut u8, *mut u64)>,
    /// Bits of [`LiftFlags`].
    pub flags: u64,
    pub options: CanonOptions,
    /// One [`TypeDesc`] address: the result's type, null where there is none. `task.return` has to
    /// name the same.
    pub result: *const TypeDesc,
    /// The flags of the component instances that a call by the host enters, as offsets from the
    /// base of the store: `may_leave` in bit 0 of the byte there, `may_enter` in bit 1. Instances
    /// that cannot be entered while they are entered may be left out.
    pub entered: Slice<u64>,
    /// [`FIBER_RUN_SYMBOL`] if the code of the instance can call a built-in that blocks.
    pub fiber: Option<unsafe extern "C" fn(*mut u8)>,
}

/// The runtime's function that runs a task on a stack of its own. Only what refers to it links
/// such stacks.
pub const FIBER_RUN_SYMBOL: &str = "wasmelt_fiber_run";

/// A call of a lifted function by a lowered import of another component, of which at least one
/// side is async. Record of the import.
#[repr(C)]
#[derive(Debug)]
pub struct AsyncCall {
    pub lift: *const AsyncLift,
    /// Lifts the parameters from the caller's slots and lowers them to the callee's: base of the
    /// store, caller's slots, callee's slots.
    pub pass_params: unsafe extern "C" fn(*mut u8, *mut u64, *mut u64),
    /// Lifts the result from the callee's slots (the flat parameters of `task.return`, or the core
    /// results of a synchronously lifted function) and lowers it to the caller: base of the store,
    /// callee's slots, caller's slots. A caller that lowered synchronously gets the flat result in
    /// its slot 0 if it is one flat value; otherwise the result goes to the address in the
    /// caller's slot [`AsyncCall::out_slot`].
    pub pass_result: unsafe extern "C" fn(*mut u8, *mut u64, *mut u64),
    /// Which of the caller's slots has the address for the result.
    pub out_slot: u64,
    /// Number of the caller's slots.
    pub slots: u64,
    /// Options of the `canon lower`.
    pub options: CanonOptions,
    /// As [`AsyncLift::entered`], for this caller.
    pub entered: Slice<u64>,
}

/// What `task.return` gives: record of the built-in.
#[repr(C)]
#[derive(Debug)]
pub struct TaskReturn {
    /// Null where there is no result.
    pub result: *const TypeDesc,
    pub options: CanonOptions,
    /// Number of flat values; 1 with the address of the result if there are more than 16.
    pub slots: u64,
}

/// How the code of a thread is called that `thread.new-indirect` makes: record of the program.
#[repr(C)]
#[derive(Debug)]
pub struct ThreadStart {
    /// Base of the store; code and instance pointer of a function; its argument, of which one of
    /// 32 bits is the low half.
    pub start: unsafe extern "C" fn(*mut u8, *mut u8, *mut u8, u64),
}

/// A stream or future type in a `canon` definition: record of the built-in.
#[repr(C)]
#[derive(Debug)]
pub struct EndType {
    /// Of kind `Stream` or `Future`; equal addresses mean equal types.
    pub ty: *const TypeDesc,
    pub options: CanonOptions,
    /// 1 with `async`.
    pub is_async: u64,
}

/// Event codes of waitables.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventCode {
    None = 0,
    Subtask = 1,
    StreamRead = 2,
    StreamWrite = 3,
    FutureRead = 4,
    FutureWrite = 5,
    TaskCancelled = 6,
}

/// States of subtasks, as `canon lower` and events give them.
#[repr(u32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubtaskState {
    Starting = 0,
    Started = 1,
    Returned = 2,
    CancelledBeforeStarted = 3,
    CancelledBeforeReturned = 4,
}

/// What a copy of a stream or future gives when it has not ended.
pub const BLOCKED: u32 = 0xffff_ffff;
