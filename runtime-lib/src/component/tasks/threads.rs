//! The built-ins about threads, as runtime functions. That the instance may be left, compiled code
//! has checked. What they do is in `canon_thread_*` of the canonical ABI.

use std::rc::Rc;

use super::model::{Code, Instance, Thread, Wait};
use super::{running, scheduler};
use crate::component::state;
use crate::vm::store;
use crate::vm::trap::raise;
use wasmelt_abi::{ThreadStart, TrapCode};

/// The thread that runs; there is none in a `start` function or a destructor.
fn current() -> Thread {
    running::current_thread().unwrap_or_else(|| raise(TrapCode::CannotBlock))
}

/// # Safety
/// `memory` is an instance pointer.
unsafe fn instance_of(memory: *mut u8, instance: i32) -> Rc<Instance> {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store::of_memory(memory) };
    state::with(store, |state| state.instance(instance as u32))
}

/// `canon_thread_index`.
#[unsafe(export_name = "wasmelt_thread_index")]
pub(crate) extern "C" fn thread_index(_memory: *mut u8, _instance: i32) -> i32 {
    let thread = current();
    thread.task().instance.thread_index(&thread) as i32
}

/// `canon_thread_new_indirect`, of a function that compiled code has found in a table.
///
/// # Safety
/// `record` is a [`ThreadStart`] of the program, which takes the others.
#[unsafe(export_name = "wasmelt_thread_new_indirect")]
pub(crate) unsafe extern "C" fn thread_new_indirect(
    _memory: *mut u8,
    record: *mut u8,
    function: *mut u8,
    pointer: *mut u8,
    argument: i64,
) -> i32 {
    // SAFETY: records are constants of the program.
    let record: &'static ThreadStart = unsafe { &*record.cast() };
    let task = current().task().clone();
    let code = Code {
        record,
        function,
        pointer,
        argument: argument.cast_unsigned(),
    };
    task.register_thread();
    let thread = Thread::explicit(task, code);
    thread.task().instance.thread_index(&thread) as i32
}

/// A thread that is suspended.
///
/// # Safety
/// `memory` is an instance pointer.
unsafe fn suspended(memory: *mut u8, instance: i32, thread: i32) -> Thread {
    // SAFETY: the caller vouches for the pointer.
    let thread = unsafe { instance_of(memory, instance) }.thread(thread as u32);
    if !thread.suspended() {
        raise(TrapCode::ThreadNotSuspended)
    }
    thread
}

/// `canon_thread_resume_later`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_thread_resume_later")]
pub(crate) unsafe extern "C" fn thread_resume_later(memory: *mut u8, instance: i32, thread: i32) {
    // SAFETY: the caller vouches for the pointer.
    let thread = unsafe { suspended(memory, instance, thread) };
    thread.start_waiting(Wait::Yield, false);
}

/// `canon_thread_suspend`.
#[unsafe(export_name = "wasmelt_thread_suspend")]
pub(crate) extern "C" fn thread_suspend(_memory: *mut u8, _instance: i32) -> i32 {
    scheduler::suspend(false, None);
    0
}

/// `canon_thread_suspend_then_resume` and `canon_thread_yield_then_resume`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_thread_switch")]
pub(crate) unsafe extern "C" fn thread_switch(
    memory: *mut u8,
    instance: i32,
    yields: i32,
    thread: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let thread = unsafe { suspended(memory, instance, thread) };
    scheduler::suspend(yields != 0, Some(thread));
    0
}

/// `canon_thread_suspend_then_promote` and `canon_thread_yield_then_promote`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_thread_promote")]
pub(crate) unsafe extern "C" fn thread_promote(
    memory: *mut u8,
    instance: i32,
    yields: i32,
    thread: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let thread = unsafe { instance_of(memory, instance) }.thread(thread as u32);
    // That it stops to wait shows when it runs.
    let promoted = thread.ready().then_some(thread);
    scheduler::suspend(yields != 0, promoted);
    0
}
