//! What tasks need of a `ComponentInstance`: back-pressure, and who runs exclusively.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::scheduler;
use super::task::Task;
use crate::vm::trap::raise;
use wasmelt_abi::TrapCode;

/// `backpressure` stays below this.
const BACKPRESSURE_END: u32 = 1 << 16;

#[derive(Default)]
pub(in crate::component) struct Instance {
    backpressure: Cell<u32>,
    /// `exclusive_thread`.
    exclusive: RefCell<Option<Rc<Task>>>,
    /// Tasks that wait to enter, in the order in which they came: `num_waiting_to_enter`.
    entering: RefCell<VecDeque<Rc<Task>>>,
    /// Tasks whose callback could be called if nobody ran exclusively.
    returning: RefCell<VecDeque<Rc<Task>>>,
}

impl Instance {
    /// `canon_backpressure_inc`.
    pub(super) fn backpressure_inc(&self) {
        let count = self.backpressure.get() + 1;
        if count == BACKPRESSURE_END {
            raise(TrapCode::BackpressureOverflow)
        }
        self.backpressure.set(count);
    }

    /// `canon_backpressure_dec`.
    pub(super) fn backpressure_dec(&self) {
        let Some(count) = self.backpressure.get().checked_sub(1) else {
            raise(TrapCode::BackpressureOverflow)
        };
        self.backpressure.set(count);
        self.wake_entering();
    }

    /// `has_backpressure`.
    pub(super) fn has_backpressure(&self, needs_exclusive: bool) -> bool {
        self.backpressure.get() > 0 || (needs_exclusive && !self.is_free())
    }

    /// Whether a task waits to enter.
    pub(super) fn is_awaited(&self) -> bool {
        !self.entering.borrow().is_empty()
    }

    /// Whether nobody runs exclusively.
    pub(super) fn is_free(&self) -> bool {
        self.exclusive.borrow().is_none()
    }

    /// Who runs exclusively.
    pub(super) fn exclusive(&self) -> Option<Rc<Task>> {
        self.exclusive.borrow().clone()
    }

    /// Whether this task runs exclusively, or nobody does.
    pub(super) fn is_free_for(&self, task: &Rc<Task>) -> bool {
        let exclusive = self.exclusive.borrow();
        exclusive
            .as_ref()
            .is_none_or(|other| Rc::ptr_eq(other, task))
    }

    /// The task runs exclusively from now on.
    pub(super) fn take(&self, task: &Rc<Task>) {
        drop(self.exclusive.replace(Some(task.clone())));
    }

    /// Nobody runs exclusively any more.
    pub(super) fn release(&self) {
        drop(self.exclusive.take());
        self.wake_returning();
        self.wake_entering();
    }

    /// Has the scheduler look at the first whose callback could be called.
    pub(super) fn wake_returning(&self) {
        let first = self.returning.borrow_mut().pop_front();
        if let Some(task) = first {
            scheduler::wake(&task);
        }
    }

    pub(super) fn wake_entering(&self) {
        let first = self.entering.borrow().front().cloned();
        if let Some(task) = first {
            scheduler::wake(&task);
        }
    }

    pub(super) fn add_entering(&self, task: &Rc<Task>) {
        self.entering.borrow_mut().push_back(task.clone());
    }

    pub(super) fn remove_entering(&self, task: &Rc<Task>) {
        let mut entering = self.entering.borrow_mut();
        match entering.front() {
            Some(first) if Rc::ptr_eq(first, task) => drop(entering.pop_front()),
            _ => entering.retain(|waiting| !Rc::ptr_eq(waiting, task)),
        }
    }

    /// The callback of the task could be called if nobody ran exclusively.
    pub(super) fn add_returning(&self, task: &Rc<Task>) {
        self.returning.borrow_mut().push_back(task.clone());
    }

    pub(super) fn remove_returning(&self, task: &Rc<Task>) {
        self.returning
            .borrow_mut()
            .retain(|waiting| !Rc::ptr_eq(waiting, task));
    }
}
