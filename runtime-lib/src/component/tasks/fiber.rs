//! Stacks for tasks whose code can block. Only a task's record refers to [`fiber_run`], and
//! nothing else to this file, so that programs without such tasks are linked without it.

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use super::lift;
use super::model::Thread;
use super::running::{self, Suspend};
use crate::vm::fiber::{keep_stack, stack_bytes, take_stack};
use crate::vm::trap::raise;
use crate::vm::{stack_limit, stacks};
use wasmelt_abi::TrapCode;

/// A thread on its stack.
type Fiber = Coroutine<(), (), (), DefaultStack>;

/// Runs a thread until it waits or ends. It waits on its stack when its code blocks.
///
/// # Safety
/// `thread` is a [`Thread`], which is current.
#[unsafe(export_name = "wasmelt_fiber_run")]
pub(super) unsafe extern "C" fn fiber_run(thread: *mut u8) {
    // SAFETY: the caller vouches for it.
    let thread: &Thread = unsafe { &*thread.cast() };
    let store = thread.task().store;
    let known = thread.fiber.replace(std::ptr::null_mut());
    let fiber = if known.is_null() {
        let fiber: *mut u8 = Box::into_raw(Box::new(begin(thread))).cast();
        running::add_fiber(store, fiber, discard);
        fiber
    } else {
        known
    };
    // SAFETY: it is the box that `begin` filled, which the store has until its code returns.
    let (top, coroutine) = unsafe { &mut *fiber.cast::<(usize, Fiber)>() };
    let mut result = CoroutineResult::Yield(());
    let before = match cfg!(feature = "library") {
        true => stack_limit::set(store, stack_limit::of_fiber(*top, stack_bytes())),
        false => 0,
    };
    stacks::run_on(*top, || result = coroutine.resume(()));
    if cfg!(feature = "library") {
        stack_limit::set(store, before);
    }
    match result {
        CoroutineResult::Yield(()) => thread.fiber.set(fiber),
        CoroutineResult::Return(()) => {
            running::remove_fiber(store, fiber);
            // SAFETY: as above, and nobody else has it any more.
            let (_, coroutine) = *unsafe { Box::from_raw(fiber.cast::<(usize, Fiber)>()) };
            keep_stack(coroutine.into_stack());
        }
    }
}

/// Ends a fiber whose store is no more. What is on its stack is forgotten.
///
/// # Safety
/// `fiber` is one that [`fiber_run`] has made, and it does not run.
unsafe fn discard(fiber: *mut u8) {
    // SAFETY: the caller vouches for it.
    let (top, mut coroutine) = *unsafe { Box::from_raw(fiber.cast::<(usize, Fiber)>()) };
    stacks::forget(top);
    // SAFETY: frames of compiled code need no destructors, and nothing refers to what the frames
    // of the runtime own.
    unsafe { coroutine.force_reset() };
    keep_stack(coroutine.into_stack());
}

/// A fiber that is going to run the thread, and the top of its stack.
fn begin(thread: &Thread) -> (usize, Fiber) {
    let stack = take_stack().unwrap_or_else(|_| raise(TrapCode::NoStack));
    let top = stack.base().get();
    let thread = thread.clone();
    let fiber = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
        set_suspend(yielder);
        lift::advance(&thread);
    });
    (top, fiber)
}

fn set_suspend(yielder: &Yielder<(), ()>) {
    running::set_suspend(Suspend {
        function: suspend,
        yielder: std::ptr::from_ref(yielder).cast(),
    });
}

/// Leaves the fiber; returns when [`fiber_run`] is called for its thread again.
///
/// # Safety
/// `yielder` is that of the fiber that this is called on.
unsafe fn suspend(yielder: *const u8) {
    // SAFETY: it lies on the fiber's stack as long as that is in use.
    let yielder: &Yielder<(), ()> = unsafe { &*yielder.cast() };
    stacks::leave(|| yielder.suspend(()));
    set_suspend(yielder);
}
