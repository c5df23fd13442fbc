//! What runs in a store, and the queue of its threads that can go on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::model::{Instance, Task, Thread};
use super::queue::Queue;
use crate::vm::store::{self, Part, Store, place};

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
    /// The fibers of its threads, and what ends one.
    fibers: RefCell<Vec<(usize, Discard)>>,
}

/// Ends a fiber.
type Discard = unsafe fn(*mut u8);

// SAFETY: nothing else has this place.
const SCHEDULER: Part<Scheduler> = unsafe { Part::at(place::TASKS) };

impl Scheduler {
    #[cold]
    fn new() -> Scheduler {
        Scheduler {
            queue: Queue::new(|thread| &thread.queued),
            running: RefCell::default(),
            context: Cell::default(),
            outer_contexts: RefCell::default(),
            fibers: RefCell::default(),
        }
    }
}

impl Scheduler {
    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.queue.clear();
        drop(self.running.take());
        self.context.set([0; 2]);
        self.outer_contexts.take().clear();
        for (fiber, discard) in self.fibers.take() {
            // SAFETY: what ran in the store has ended, and `fiber` has noted both together.
            unsafe { discard(std::ptr::with_exposed_provenance_mut(fiber)) };
        }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The store has one more fiber, which `discard` ends.
pub(super) fn add_fiber(store: &'static Store, fiber: *mut u8, discard: Discard) {
    let address = fiber.expose_provenance();
    with_that_of(store, |it| {
        it.fibers.borrow_mut().push((address, discard));
    });
}

/// The code of a fiber has returned.
pub(super) fn remove_fiber(store: &'static Store, fiber: *mut u8) {
    with_that_of(store, |it| {
        let mut fibers = it.fibers.borrow_mut();
        // Most return soon, and there are others only for as long as they wait.
        let place = fibers
            .iter()
            .rposition(|(address, _)| *address == fiber.addr());
        if let Some(place) = place {
            fibers.swap_remove(place);
        }
    });
}

/// Calls `look` with what the store has that runs in this thread.
pub(super) fn with<R>(look: impl FnOnce(&Scheduler) -> R) -> R {
    with_that_of(store::current(), look)
}

fn with_that_of<R>(store: &'static Store, look: impl FnOnce(&Scheduler) -> R) -> R {
    // SAFETY: it lives as long as what runs in the store.
    look(unsafe { SCHEDULER.of(store, Scheduler::new).as_ref() })
}

/// The thread whose own code runs: `None` inside a call of a synchronous function.
pub(super) fn current_thread() -> Option<Thread> {
    with(|scheduler| {
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
    with(|scheduler| scheduler.context.get())
}

pub(super) fn set_context(context: [u64; 2]) {
    with(|scheduler| scheduler.context.set(context));
}

/// A synchronous function is called, which has a task and thread of its own.
pub(in crate::component) fn sync_enter() {
    with(|scheduler| {
        scheduler.running.borrow_mut().sync_calls += 1;
        let outer = scheduler.context.replace([0; 2]);
        scheduler.outer_contexts.borrow_mut().push(outer);
    });
}

/// It has returned.
pub(in crate::component) fn sync_exit() {
    with(|scheduler| {
        scheduler.running.borrow_mut().sync_calls -= 1;
        let outer = scheduler.outer_contexts.borrow_mut().pop();
        scheduler.context.set(outer.unwrap_or_default());
    });
}

/// From now on, the current thread runs on a fiber that is left in this way.
pub(super) fn set_suspend(suspend: Suspend) {
    with(|scheduler| scheduler.running.borrow_mut().suspend = Some(suspend));
}

/// The thread may be ready: a tick is going to see.
pub(super) fn wake(thread: &Thread) {
    with_that_of(thread.task().store, |it| it.queue.push(thread));
}

/// The thread goes on, or ends, without its turn.
pub(super) fn unwake(thread: &Thread) {
    with_that_of(thread.task().store, |it| it.queue.leave(&thread.queued));
}

/// Places in the queue, those of threads that have left included.
#[cfg(test)]
pub(super) fn places() -> usize {
    with(|scheduler| scheduler.queue.places())
}
