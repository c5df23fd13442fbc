//! `canon_lift`: the thread of a task, as a state machine between the calls of its core code.

use std::rc::Rc;

use super::model::{Event, Position, Task, Thread, Wait, WaitableSet};
use crate::component::handles::kind;
use crate::component::state;
use crate::vm::trap::raise;
use wasmelt_abi::{EventCode, LiftFlags, TrapCode};

/// `CallbackCode`.
const EXIT: u32 = 0;
const YIELD: u32 = 1;
const WAIT: u32 = 2;

/// Runs a thread until it waits between calls of its core code, or ends.
pub(super) fn advance(thread: &Thread) {
    let task = thread.task();
    match (thread, thread.position.get()) {
        (Thread::Implicit(_), Position::Initial) => enter_implicit_thread(task),
        (Thread::Explicit(explicit), Position::Initial) => {
            thread.stop_waiting();
            let code = explicit.code;
            // SAFETY: compiled code of this store, with what the built-in has found in a table.
            unsafe {
                let start = code.record.start;
                start(
                    task.store.base(),
                    code.function,
                    code.pointer,
                    code.argument,
                );
            }
            task.unregister_thread(thread);
        }
        (_, Position::Entering) => {
            thread.stop_waiting();
            if thread.cancelled.get() {
                task.cancel();
                thread.position.set(Position::Exited);
                task.end();
                task.instance.wake_entering();
            } else {
                start(task);
            }
        }
        (_, Position::Returning) => {
            let wait = thread.stop_waiting();
            let event = match wait {
                _ if thread.cancelled.get() => Event::of(EventCode::TaskCancelled),
                Some(Wait::ReturnWith(set)) => set.get_pending_event(),
                _ => Event::of(EventCode::None),
            };
            let packed = callback(task, event);
            proceed(task, packed);
        }
        (_, Position::InCode | Position::Exited) => {
            unreachable!("its code is on a fiber, or it has ended")
        }
    }
}

/// `enter_implicit_thread`.
fn enter_implicit_thread(task: &Rc<Task>) {
    let waits =
        task.is(LiftFlags::ASYNC_TYPE) && (task.has_backpressure() || task.instance.is_awaited());
    if waits {
        let thread = Thread::Implicit(task.clone());
        thread.position.set(Position::Entering);
        thread.start_waiting(Wait::Enter, true);
    } else {
        start(task);
    }
}

fn start(task: &Rc<Task>) {
    if task.needs_exclusive() {
        task.instance.take(task);
    }
    task.instance.wake_entering();
    task.register_thread();
    let mut slots = task.start();
    // SAFETY: compiled code of this store; there are slots enough.
    unsafe { (task.lift.start)(task.store.base(), slots.as_mut_ptr()) };
    if !task.is(LiftFlags::ASYNC) {
        let mut results = slots;
        task.return_(&mut results);
        if let Some(post_return) = task.lift.post_return {
            // SAFETY: as above; the slots are as the function has left them.
            unsafe { post_return(task.store.base(), slots.as_mut_ptr()) };
        }
        exit_implicit_thread(task);
    } else if task.is(LiftFlags::CALLBACK) {
        proceed(task, slots[0] as u32);
    } else {
        exit_implicit_thread(task);
    }
}

/// Does what the core code has returned for, which runs exclusively.
fn proceed(task: &Rc<Task>, mut packed: u32) {
    loop {
        // `unpack_callback_result`.
        let (code, index) = (packed & 0xf, packed >> 4);
        let wait = match code {
            EXIT => return exit_implicit_thread(task),
            YIELD => Wait::Return,
            WAIT => {
                let instance = task.lift.options.instance;
                let set = state::with(task.store, |state| {
                    state.object::<WaitableSet>(instance, kind::WAITABLE_SET, index)
                });
                Wait::ReturnWith(set)
            }
            _ => raise(TrapCode::UnsupportedCallbackCode),
        };
        task.instance.release();
        if !task.deliver_pending_cancel(true) {
            let thread = Thread::Implicit(task.clone());
            thread.position.set(Position::Returning);
            thread.start_waiting(wait, true);
            return;
        }
        packed = callback(task, Event::of(EventCode::TaskCancelled));
    }
}

fn callback(task: &Rc<Task>, event: Event) -> u32 {
    task.instance.take(task);
    let callback = task
        .lift
        .callback
        .expect("only a task with a callback waits to call it");
    let base = task.store.base();
    // SAFETY: compiled code of this store.
    unsafe { callback(base, event.code as u32, event.index, event.payload) }
}

/// `exit_implicit_thread`.
fn exit_implicit_thread(task: &Rc<Task>) {
    task.unregister_thread(&Thread::Implicit(task.clone()));
    if task.needs_exclusive() {
        task.instance.release();
    }
}
