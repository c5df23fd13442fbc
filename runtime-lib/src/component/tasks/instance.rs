//! What tasks need of a `ComponentInstance`: back-pressure, and who runs exclusively.

use std::rc::Rc;

use super::model::{Instance, Task, Thread};
use super::queue::Queue;
use super::running;
use crate::vm::trap::raise;
use wasmelt_abi::TrapCode;

/// `backpressure` stays below this.
const BACKPRESSURE_END: u32 = 1 << 16;

/// No instance has more threads than this.
const THREADS_MAX: usize = (1 << 28) - 1;

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
        self.entering.len() + self.entering_shared.len() > 0
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
        if let Some(thread) = self.returning.pop() {
            running::wake(&thread);
        }
    }

    /// Has the scheduler look at the first who could enter.
    pub(super) fn wake_entering(&self) {
        if self.backpressure.get() > 0 {
            return;
        }
        let exclusive = self.entering.first().filter(|_| self.is_free());
        for thread in exclusive.iter().chain(&self.entering_shared.first()) {
            running::wake(thread);
        }
    }

    fn entering(&self, thread: &Thread) -> &Queue<Thread> {
        match thread.task().needs_exclusive() {
            true => &self.entering,
            false => &self.entering_shared,
        }
    }

    /// Places in the queue of those who wait to enter, of who has left included.
    #[cfg(test)]
    pub(super) fn entering_places(&self) -> usize {
        self.entering.places()
    }

    pub(super) fn add_entering(&self, thread: &Thread) {
        self.entering(thread).push(thread);
    }

    pub(super) fn remove_entering(&self, thread: &Thread) {
        self.entering(thread).leave(&thread.entering);
    }

    /// The callback of the task could be called if nobody ran exclusively.
    pub(super) fn add_returning(&self, thread: &Thread) {
        self.returning.push(thread);
    }

    pub(super) fn remove_returning(&self, thread: &Thread) {
        self.returning.leave(&thread.returning);
    }

    /// The index of a thread.
    pub(super) fn thread_index(&self, thread: &Thread) -> u32 {
        if thread.index.get() == 0 {
            let mut threads = self.threads.borrow_mut();
            let free = self.free_threads.borrow_mut().pop();
            let index = free.unwrap_or_else(|| {
                if threads.len() == THREADS_MAX {
                    raise(TrapCode::HandlesExhausted)
                }
                threads.push(None);
                threads.len() as u32
            });
            threads[index as usize - 1] = Some(thread.clone());
            thread.index.set(index);
        }
        thread.index.get()
    }

    /// The thread with an index.
    pub(super) fn thread(&self, index: u32) -> Thread {
        let threads = self.threads.borrow();
        let found = index.checked_sub(1).and_then(|at| threads.get(at as usize));
        let Some(thread) = found.cloned().flatten() else {
            drop(threads);
            raise(TrapCode::UnknownThread)
        };
        thread
    }

    /// The thread has ended.
    pub(super) fn remove_thread(&self, thread: &Thread) {
        let index = thread.index.replace(0);
        if index != 0 {
            self.threads.borrow_mut()[index as usize - 1] = None;
            self.free_threads.borrow_mut().push(index);
        }
    }
}
