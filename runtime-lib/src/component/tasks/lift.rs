//! `canon_lift`: the thread of a task, as a state machine between the calls of its core code.

use std::rc::Rc;

use super::scheduler;
use super::task::{Position, Task, TaskState, Wait};
use super::waitable::{Event, WaitableSet};
use crate::component::handles::kind;
use crate::component::state;
use crate::vm::trap::raise;
use wasmelt_abi::{EventCode, LiftFlags, TrapCode};

/// `CallbackCode`.
const EXIT: u32 = 0;
const YIELD: u32 = 1;
const WAIT: u32 = 2;

/// Runs the thread until it waits between calls of its core code, or ends.
pub(super) fn advance(task: &Rc<Task>) {
    match task.position.get() {
        Position::Initial => enter_implicit_thread(task),
        Position::Entering => {
            task.stop_waiting();
            if task.cancelled.get() {
                task.cancel();
                end(task);
                task.instance.wake_entering();
            } else {
                start(task);
            }
        }
        Position::Returning => {
            let wait = task.stop_waiting();
            let event = match wait {
                _ if task.cancelled.get() => Event::of(EventCode::TaskCancelled),
                Some(Wait::ReturnWith(set)) => set.get_pending_event(),
                _ => Event::of(EventCode::None),
            };
            let packed = callback(task, event);
            proceed(task, packed);
        }
        Position::InCode | Position::Exited => {
            unreachable!("its code is on a fiber, or it has ended")
        }
    }
}

/// `enter_implicit_thread`.
///
/// Differs from the spec: if what the task has to wait for is a thread that can go on because of an
/// event, that thread goes on first. The specification's test of synchronous streams counts on
/// that, and Wasmtime looks later whether a task can start.
fn enter_implicit_thread(task: &Rc<Task>) {
    if task.has_backpressure() && !task.instance.is_awaited() {
        let exclusive = task.instance.exclusive();
        if let Some(other) = exclusive.filter(|other| other.has_event()) {
            scheduler::resume(&other, false);
        }
    }
    if task.has_backpressure() || task.instance.is_awaited() {
        task.position.set(Position::Entering);
        task.start_waiting(Wait::Enter, true);
    } else {
        start(task);
    }
}

fn start(task: &Rc<Task>) {
    if task.needs_exclusive() {
        task.instance.take(task);
    } else if !task.has_backpressure() {
        task.instance.wake_entering();
    }
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
            task.position.set(Position::Returning);
            task.start_waiting(wait, true);
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
    if task.state.get() != TaskState::Resolved {
        raise(TrapCode::NoAsyncResult)
    }
    end(task);
    if task.needs_exclusive() {
        task.instance.release();
    }
}

fn end(task: &Rc<Task>) {
    task.position.set(Position::Exited);
    state::with(task.store, |state| state.task_borrows_free(task.borrows));
}
