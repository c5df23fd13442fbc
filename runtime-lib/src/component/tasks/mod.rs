//! Async calls: tasks, subtasks, waitables and waitable sets of the canonical ABI, named and
//! ordered as in its `definitions.py`, and the scheduler that decides which of them goes on.
//!
//! Comes in: the records of `wasmelt_abi::AsyncCall` and its like, by which compiled code calls
//! functions of async type and the built-ins. Goes out: calls of the compiled pieces that they
//! name. Specification: CanonicalABI.md, "Concurrency" and "Canonical Definitions".
//!
//! **Tasks** have one thread each, and those that built-ins make ([`thread`]); [`model`] says what
//! all of these are. Between the calls of its core code, a task is a state machine ([`lift`]):
//! nothing of it is on a stack while it waits for a callback. A task whose instance can
//! call a built-in that blocks has its code run on a fiber ([`fiber`]), which its record refers
//! to; nothing else does, so that other programs do not contain fibers. Without a fiber, a built-in
//! that blocks runs the scheduler on top of the stack.
//!
//! **The scheduler** ([`scheduler`]) has one queue of what can go on ([`running`]). Something happens, a waker or
//! a waitable puts whoever waits for it into the queue, and a later tick runs it: an event never
//! runs guest code by itself. When the queue is empty, the event loop of `io` is waited for; when
//! it waits for nothing, that is a deadlock, which is a trap.
//!
//! **Host functions** of async type are futures ([`host`]).
//!
//! Traps do not run destructors: no guard of a `RefCell` is held when a guest is called or a trap
//! is raised. What a caught trap leaves behind, [`abandon_all`] forgets.
//!
//! A **synchronous function** is a plain call where nothing can tell. Where threads of its instance
//! can take turns with it, it is a task as well, which runs until it has returned.
//!
//! Differs from the spec: `start` functions and destructors have no thread that could be switched
//! from, and where the spec chooses at random, what has been ready first goes on first.

pub(crate) mod builtins;
mod call;
mod fiber;
mod futures;
mod host;
mod instance;
mod lift;
mod lower;
pub(super) mod model;
mod queue;
mod running;
mod scheduler;
mod subtask;
mod task;
#[cfg(test)]
mod tests;
mod thread;
pub(crate) mod threads;
mod turns;
mod waitable;
mod waiting;

pub(crate) use call::run_async;
pub use call::{ExportCall, begin_export, call_export};
#[cfg(test)]
pub(crate) use futures::run_host_tasks;
pub use futures::{HostFuture, HostTask, owe, spawn, start};
pub use host::{AsyncHostFn, New, enter_async};
pub(crate) use lower::async_call;
pub use model::{Event, Waitable, WaitableState};
pub(in crate::component) use running::{sync_enter, sync_exit};
pub(in crate::component) use scheduler::{abandon_all, may_attempt_now, trap_unless_may_block};
pub use scheduler::{can_go_on, tick_until, wait_for_pending_event};
pub(in crate::component) use turns::may_attempt;
pub use waiting::set_pending_event;
