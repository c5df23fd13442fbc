//! `Store.tick`: one queue of tasks that can go on, and what the thread runs now.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::host;
use super::lift;
use super::task::{Position, Task, Wait};
use crate::component::state;
use crate::vm::store::Store;
use crate::vm::trap::raise;
use wasmelt_abi::TrapCode;

/// After so many ticks, the event loop is asked even if there is more to run.
const TICKS_PER_TURN: u32 = 64;

/// How code on a fiber leaves it: a function and its argument.
#[derive(Clone, Copy)]
pub(super) struct Suspend {
    pub(super) function: unsafe fn(*const u8),
    pub(super) yielder: *const u8,
}

/// What runs now.
#[derive(Default)]
struct Running {
    task: Option<Rc<Task>>,
    /// How many calls of synchronous functions its code is in.
    sync_calls: u32,
    /// Set on a fiber.
    suspend: Option<Suspend>,
}

#[derive(Default)]
struct Scheduler {
    queue: RefCell<VecDeque<Rc<Task>>>,
    running: RefCell<Running>,
    /// `storage` of the current thread.
    context: Cell<[u32; 2]>,
    /// Those of the threads that wait for a synchronous call.
    outer_contexts: RefCell<Vec<[u32; 2]>>,
    ticks: Cell<u32>,
}

thread_local! {
    static SCHEDULER: Scheduler = Scheduler::default();
}

/// The component instance of the current task, if there is one.
#[must_use]
pub fn current_instance() -> Option<u32> {
    current_task().map(|task| task.lift.options.instance)
}

/// `current_task`, also inside calls of synchronous functions.
pub(super) fn current_task() -> Option<Rc<Task>> {
    SCHEDULER.with(|scheduler| scheduler.running.borrow().task.clone())
}

/// The task whose own code runs: `None` inside a call of a synchronous function.
pub(super) fn current_async_task() -> Option<Rc<Task>> {
    SCHEDULER.with(|scheduler| {
        let running = scheduler.running.borrow();
        let is_async = running.sync_calls == 0;
        running.task.clone().filter(|_| is_async)
    })
}

/// `storage` of the current thread.
pub(super) fn context() -> [u32; 2] {
    SCHEDULER.with(|scheduler| scheduler.context.get())
}

pub(super) fn set_context(context: [u32; 2]) {
    SCHEDULER.with(|scheduler| scheduler.context.set(context));
}

/// A synchronous function is called, which has a task and thread of its own.
pub(in crate::component) fn sync_enter() {
    SCHEDULER.with(|scheduler| {
        scheduler.running.borrow_mut().sync_calls += 1;
        let outer = scheduler.context.replace([0; 2]);
        scheduler.outer_contexts.borrow_mut().push(outer);
    });
}

/// It has returned.
pub(in crate::component) fn sync_exit() {
    SCHEDULER.with(|scheduler| {
        scheduler.running.borrow_mut().sync_calls -= 1;
        let outer = scheduler.outer_contexts.borrow_mut().pop();
        scheduler.context.set(outer.unwrap_or_default());
    });
}

/// From now on, the current task runs on a fiber that is left in this way.
pub(super) fn set_suspend(suspend: Suspend) {
    SCHEDULER.with(|scheduler| scheduler.running.borrow_mut().suspend = Some(suspend));
}

/// The task may be ready: a tick is going to see.
pub(super) fn wake(task: &Rc<Task>) {
    if !task.queued.replace(true) {
        SCHEDULER.with(|scheduler| scheduler.queue.borrow_mut().push_back(task.clone()));
    }
}

/// `Thread.resume`: runs a task's thread until it waits or ends.
pub(super) fn resume(task: &Rc<Task>, cancelled: bool) {
    task.cancelled.set(cancelled);
    if task.nested.get() {
        // It goes on when the scheduler that runs on top of it sees this.
        return;
    }
    let running = Running {
        task: Some(task.clone()),
        ..Running::default()
    };
    let (outer, outer_context) = SCHEDULER.with(|scheduler| {
        (
            scheduler.running.replace(running),
            scheduler.context.replace(task.context.get()),
        )
    });
    match task.lift.fiber {
        // SAFETY: this is `fiber_run`, which wants a task.
        Some(fiber_run) => unsafe { fiber_run(std::ptr::from_ref(task).cast_mut().cast()) },
        None => lift::advance(task),
    }
    SCHEDULER.with(|scheduler| {
        drop(scheduler.running.replace(outer));
        task.context.set(scheduler.context.replace(outer_context));
    });
}

/// Traps unless the current thread may block.
///
/// Differs from the spec: a synchronous call that would not block after all traps as well. Suites
/// and Wasmtime ask before they do anything else.
pub(in crate::component) fn trap_unless_may_block() {
    if current_async_task().is_none() {
        raise(TrapCode::CannotBlock)
    }
}

/// `Thread.wait_until`, of the current thread: whether it has been cancelled.
pub(super) fn wait_until(store: &'static Store, wait: Wait, cancellable: bool) -> bool {
    let Some(task) = current_async_task() else {
        if !wait.is_over(None) {
            raise(TrapCode::CannotBlock)
        }
        return false;
    };
    debug_assert!(std::ptr::eq(task.store, store));
    if task.deliver_pending_cancel(cancellable) {
        return true;
    }
    let is_yield = matches!(wait, Wait::Yield);
    if !is_yield && wait.is_over(Some(&task)) {
        return false;
    }
    let position = task.position.replace(Position::InCode);
    task.cancelled.set(false);
    task.start_waiting(wait, cancellable);
    let suspend = SCHEDULER.with(|scheduler| scheduler.running.borrow().suspend);
    match suspend {
        // SAFETY: the current task runs on the fiber that has set this.
        Some(suspend) => unsafe { (suspend.function)(suspend.yielder) },
        None => run_nested(&task, is_yield),
    }
    task.stop_waiting();
    task.position.set(position);
    task.cancelled.get()
}

/// Runs other tasks until this one, which is below on the stack, can go on.
fn run_nested(task: &Rc<Task>, is_yield: bool) {
    task.nested.set(true);
    if is_yield {
        let turns = SCHEDULER.with(|scheduler| scheduler.queue.borrow().len());
        for _ in 0..turns {
            tick();
        }
    }
    run_until(|| task.cancelled.get() || task.is_ready());
    task.nested.set(false);
}

/// Runs until it is `done`; that nothing can ever go on is a trap.
pub(super) fn run_until(done: impl Fn() -> bool) {
    while !done() {
        if !tick() {
            raise(TrapCode::Deadlock)
        }
    }
}

/// `Store.tick`: whether anything can go on.
fn tick() -> bool {
    // Futures of the host and tasks take turns.
    let polled = host::run_woken();
    let ticks = SCHEDULER.with(|scheduler| {
        let ticks = scheduler.ticks.get().wrapping_add(1);
        scheduler.ticks.set(ticks);
        ticks
    });
    if ticks.is_multiple_of(TICKS_PER_TURN) {
        crate::io::turn(false);
    }
    let next = SCHEDULER.with(|scheduler| scheduler.queue.borrow_mut().pop_front());
    let Some(task) = next else {
        return polled || crate::io::turn(true) || host::has_woken();
    };
    task.queued.set(false);
    if task.nested.get() {
        return true;
    }
    if task.is_ready() {
        let entered = task.entered_by_scheduler();
        let before = entered.enter();
        resume(&task, false);
        entered.leave_as(before);
    } else {
        task.await_turn();
    }
    true
}

/// After a trap has been caught, which has ended whatever ran: forgets all tasks.
pub(in crate::component) fn abandon_all(store: &'static Store) {
    SCHEDULER.with(|scheduler| {
        scheduler.queue.take().clear();
        drop(scheduler.running.take());
        scheduler.context.set([0; 2]);
        scheduler.outer_contexts.take().clear();
    });
    host::abandon_all();
    state::with(store, state::State::forget_instances);
}
