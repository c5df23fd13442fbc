//! `Waitable` and `WaitableSet`: events that are pending. Who waits for them is in `waiting`.

use super::model::{Event, Thread, Waitable, WaitableSet, WaitableState};
use super::running;

impl WaitableState {
    /// Says who waits for this alone.
    pub(super) fn set_waiter(&self, thread: Option<Thread>) {
        drop(self.waiter.replace(thread));
    }

    /// Has the thread go on that waits for this alone.
    pub(super) fn wake(&self) {
        let waiter = self.waiter.borrow().clone();
        if let Some(thread) = waiter {
            running::wake(&thread);
        }
    }
}

impl dyn Waitable {
    #[must_use]
    pub fn has_pending_event(&self) -> bool {
        self.state().pending.get()
    }

    /// Takes the pending event, of which there is one.
    #[must_use]
    pub fn get_pending_event(&self) -> Event {
        self.state().pending.set(false);
        if let Some(set) = &*self.state().set.borrow() {
            set.ready.leave(&self.state().noticed);
        }
        self.deliver()
    }

    #[must_use]
    pub fn in_waitable_set(&self) -> bool {
        self.state().set.borrow().is_some()
    }

    #[must_use]
    pub fn has_sync_waiter(&self) -> bool {
        self.state().waiter.borrow().is_some()
    }

    /// `Waitable.drop`: there is no pending event, and nobody waits.
    pub fn drop_waitable(&self) {
        self.leave();
    }

    pub(super) fn leave(&self) {
        if let Some(set) = self.state().set.take() {
            set.len.set(set.len.get() - 1);
            set.ready.leave(&self.state().noticed);
        }
    }
}

impl WaitableSet {
    /// The number of its members.
    pub(super) fn len(&self) -> u32 {
        self.len.get()
    }

    pub(super) fn num_waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn has_pending_event(&self) -> bool {
        self.ready.len() > 0
    }

    /// The oldest of the pending events, of which there is one.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn get_pending_event(&self) -> Event {
        let first = self.ready.first();
        first.expect("there is an event").get_pending_event()
    }
}
