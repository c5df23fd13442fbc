//! `Thread`: what of a task runs and waits.
//!
//! Every task has an implicit thread, which is a part of it. Built-ins make others, explicit
//! threads, whose code is a function of a table; their task's instance has them in a table.

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;

use super::queue::Mark;
use super::scheduler;
use super::subtask::Subtask;
use super::task::Task;
use super::waitable::{Waitable, WaitableSet};
use wasmelt_abi::ThreadStart;

/// Where a thread goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Position {
    Initial,
    /// It waits to enter.
    Entering,
    /// It waits to call its callback.
    Returning,
    /// Its core code waits in a built-in.
    InCode,
    Exited,
}

/// `ready_func`: what a thread waits for.
#[derive(Clone)]
pub(super) enum Wait {
    /// Nothing; others go first.
    Yield,
    /// The instance has no back-pressure.
    Enter,
    /// Nobody runs exclusively.
    Return,
    /// An event of the set.
    Set(Rc<WaitableSet>),
    /// An event of the set, and nobody runs exclusively.
    ReturnWith(Rc<WaitableSet>),
    /// An event of this waitable, which has no other.
    Waitable(Rc<dyn Waitable>),
    /// The subtask is resolved.
    Subtask(Rc<Subtask>),
}

pub(super) struct ThreadState {
    pub(super) position: Cell<Position>,
    /// What the thread waits for; nothing while it runs or is suspended.
    wait: RefCell<Option<Wait>>,
    pub(super) running: Cell<bool>,
    pub(super) cancellable: Cell<bool>,
    /// What waiting has given: whether it ended by cancellation.
    pub(super) cancelled: Cell<bool>,
    /// Its places in the scheduler's queue, in those of the instance, and in that of a set.
    pub(super) queued: Mark,
    pub(super) entering: Mark,
    pub(super) returning: Mark,
    pub(super) waiting_for_set: Mark,
    /// Whether it waits on a stack that the scheduler runs on top of.
    pub(super) nested: Cell<bool>,
    /// `storage`, while it does not run.
    pub(super) context: Cell<[u64; 2]>,
    /// The fiber that its code is suspended on, which belongs to `fiber`; or null.
    pub(super) fiber: Cell<*mut u8>,
    /// Its place in the instance's table of threads, or 0 where nobody has asked for it.
    pub(super) index: Cell<u32>,
}

impl Default for ThreadState {
    fn default() -> ThreadState {
        ThreadState {
            position: Cell::new(Position::Initial),
            wait: RefCell::new(None),
            running: Cell::new(false),
            cancellable: Cell::new(false),
            cancelled: Cell::new(false),
            queued: Mark::new(0),
            entering: Mark::new(0),
            returning: Mark::new(0),
            waiting_for_set: Mark::new(0),
            nested: Cell::new(false),
            context: Cell::new([0; 2]),
            fiber: Cell::new(std::ptr::null_mut()),
            index: Cell::new(0),
        }
    }
}

/// A thread that a built-in has made.
pub(super) struct Explicit {
    pub(super) task: Rc<Task>,
    state: ThreadState,
    pub(super) code: Code,
}

/// What an explicit thread runs: a function of a table, its instance pointer and its argument.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) record: &'static ThreadStart,
    pub(super) function: *mut u8,
    pub(super) pointer: *mut u8,
    pub(super) argument: u64,
}

#[derive(Clone)]
pub(super) enum Thread {
    /// That of the task.
    Implicit(Rc<Task>),
    Explicit(Rc<Explicit>),
}

impl Deref for Thread {
    type Target = ThreadState;

    fn deref(&self) -> &ThreadState {
        match self {
            Thread::Implicit(task) => &task.thread,
            Thread::Explicit(thread) => &thread.state,
        }
    }
}

impl Thread {
    /// A thread that is suspended.
    pub(super) fn explicit(task: Rc<Task>, code: Code) -> Thread {
        let state = ThreadState::default();
        Thread::Explicit(Rc::new(Explicit { task, state, code }))
    }

    pub(super) fn task(&self) -> &Rc<Task> {
        match self {
            Thread::Implicit(task) => task,
            Thread::Explicit(thread) => &thread.task,
        }
    }

    /// `suspended`.
    pub(super) fn suspended(&self) -> bool {
        let over = self.position.get() == Position::Exited;
        !over && !self.running.get() && self.wait.borrow().is_none()
    }

    /// Whether it could run within a synchronous call into its instance. The implicit threads of
    /// tasks that need exclusive use of the stack cannot, even if nobody runs exclusively.
    pub(super) fn may_run_in_sync_call(&self) -> bool {
        let Thread::Implicit(task) = self else {
            return true;
        };
        !task.needs_exclusive() && self.position.get() != Position::Entering
    }

    /// `start_waiting_internal`: what the thread goes on for.
    pub(super) fn start_waiting(&self, wait: Wait, cancellable: bool) {
        self.cancellable.set(cancellable);
        let instance = &self.task().instance;
        match &wait {
            Wait::Yield => scheduler::wake(self),
            Wait::Enter => instance.add_entering(self),
            Wait::Return if instance.is_free() => scheduler::wake(self),
            Wait::Return => instance.add_returning(self),
            Wait::Set(set) | Wait::ReturnWith(set) => {
                set.add_waiting(self);
                if set.has_pending_event() {
                    scheduler::wake(self);
                }
            }
            Wait::Waitable(waitable) => waitable.state().set_waiter(Some(self.clone())),
            Wait::Subtask(subtask) => subtask.state().set_waiter(Some(self.clone())),
        }
        drop(self.wait.replace(Some(wait)));
    }

    /// `stop_waiting_internal`: what it has waited for.
    pub(super) fn stop_waiting(&self) -> Option<Wait> {
        let wait = self.wait.take()?;
        scheduler::unwake(self);
        let instance = &self.task().instance;
        match &wait {
            Wait::Yield => {}
            Wait::Enter => instance.remove_entering(self),
            Wait::Return => instance.remove_returning(self),
            Wait::Set(set) => set.remove_waiting(self),
            Wait::ReturnWith(set) => {
                set.remove_waiting(self);
                instance.remove_returning(self);
            }
            Wait::Waitable(waitable) => waitable.state().set_waiter(None),
            Wait::Subtask(subtask) => subtask.state().set_waiter(None),
        }
        Some(wait)
    }

    /// `waiting`.
    pub(super) fn waiting(&self) -> bool {
        self.wait.borrow().is_some()
    }

    /// `ready`.
    pub(super) fn ready(&self) -> bool {
        let wait = self.wait.borrow().clone();
        wait.is_some_and(|wait| wait.is_over(Some(self)))
    }

    /// Whether it waits, on a stack of its own, for an event that has happened.
    pub(super) fn has_event(&self) -> bool {
        let yields = matches!(*self.wait.borrow(), Some(Wait::Yield));
        !yields && !self.nested.get() && self.ready()
    }

    /// Has been in the queue, but is not ready: who has to wake it?
    pub(super) fn await_turn(&self) {
        let wait = self.wait.borrow().clone();
        let instance = &self.task().instance;
        match wait {
            Some(Wait::Return) => instance.add_returning(self),
            Some(Wait::ReturnWith(set)) if set.has_pending_event() => set.wake_waiting(),
            // The event that it was woken for has gone to another.
            Some(Wait::ReturnWith(_)) if instance.is_free() => instance.wake_returning(),
            _ => {}
        }
    }
}

impl Wait {
    /// Whether what is waited for has happened; `thread` is the one that waits.
    pub(super) fn is_over(&self, thread: Option<&Thread>) -> bool {
        let is_free = || thread.is_some_and(|thread| thread.task().instance.is_free());
        match self {
            Wait::Yield => true,
            Wait::Enter => thread.is_some_and(|thread| !thread.task().has_backpressure()),
            Wait::Return => is_free(),
            Wait::Set(set) => set.has_pending_event(),
            Wait::ReturnWith(set) => is_free() && set.has_pending_event(),
            Wait::Waitable(waitable) => waitable.has_pending_event(),
            Wait::Subtask(subtask) => subtask.resolved(),
        }
    }
}
