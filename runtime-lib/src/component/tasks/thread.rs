//! `Thread`: what of a task runs and waits.
//!
//! Every task has an implicit thread, which is a part of it. Built-ins make others, explicit
//! threads, whose code is a function of a table; their task's instance has them in a table.

use super::model::{Position, Thread, Wait};

impl Thread {
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
