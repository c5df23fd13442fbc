//! What runs, and the queue of threads that can go on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::model::{Instance, Task, Thread};
use super::queue::Queue;

/// How code on a fiber leaves it: a function and its argument.
#[derive(Clone, Copy)]
pub(super) struct Suspend {
    pub(super) function: unsafe fn(*const u8),
    pub(super) yielder: *const u8,
}

/// What runs now.
#[derive(Default)]
pub(super) struct Running {
    pub(super) thread: Option<Thread>,
    /// How many calls of synchronous functions its code is in.
    pub(super) sync_calls: u32,
    /// Set on a fiber.
    pub(super) suspend: Option<Suspend>,
    /// The instance of the synchronous call that this is a part of, if its threads take turns.
    pub(super) sync_instance: Option<Rc<Instance>>,
    /// `block_arg`: who goes on when this has left its stack.
    pub(super) switch_to: Option<Thread>,
}

pub(super) struct Scheduler {
    pub(super) queue: Queue<Thread>,
    pub(super) running: RefCell<Running>,
    /// `storage` of the current thread.
    pub(super) context: Cell<[u64; 2]>,
    /// Those of the threads that wait for a synchronous call.
    pub(super) outer_contexts: RefCell<Vec<[u64; 2]>>,
}

thread_local! {
    pub(super) static SCHEDULER: Scheduler = Scheduler {
        queue: Queue::new(|thread| &thread.queued),
        running: RefCell::default(),
        context: Cell::default(),
        outer_contexts: RefCell::default(),
    };
}

/// The component instance of the current task, if there is one.
#[must_use]
pub fn current_instance() -> Option<u32> {
    SCHEDULER.with(|scheduler| {
        let running = scheduler.running.borrow();
        let thread = running.thread.as_ref()?;
        Some(thread.task().lift.options.instance)
    })
}

/// The thread whose own code runs: `None` inside a call of a synchronous function.
pub(super) fn current_thread() -> Option<Thread> {
    SCHEDULER.with(|scheduler| {
        let running = scheduler.running.borrow();
        let is_own = running.sync_calls == 0;
        running.thread.clone().filter(|_| is_own)
    })
}

/// The task of that thread.
pub(super) fn current_task() -> Option<Rc<Task>> {
    current_thread().map(|thread| thread.task().clone())
}

/// `storage` of the current thread.
pub(super) fn context() -> [u64; 2] {
    SCHEDULER.with(|scheduler| scheduler.context.get())
}

pub(super) fn set_context(context: [u64; 2]) {
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

/// From now on, the current thread runs on a fiber that is left in this way.
pub(super) fn set_suspend(suspend: Suspend) {
    SCHEDULER.with(|scheduler| scheduler.running.borrow_mut().suspend = Some(suspend));
}

/// The thread may be ready: a tick is going to see.
pub(super) fn wake(thread: &Thread) {
    SCHEDULER.with(|scheduler| scheduler.queue.push(thread));
}

/// The thread goes on, or ends, without its turn.
pub(super) fn unwake(thread: &Thread) {
    SCHEDULER.with(|scheduler| scheduler.queue.leave(&thread.queued));
}

/// Places in the queue, those of threads that have left included.
#[cfg(test)]
pub(super) fn places() -> usize {
    SCHEDULER.with(|scheduler| scheduler.queue.places())
}
