//! `Waitable` and `WaitableSet`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::scheduler;
use super::thread::{Thread, Wait};
use crate::vm::store::Store;
use wasmelt_abi::EventCode;

/// `EventTuple`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    pub code: EventCode,
    pub index: u32,
    pub payload: u32,
}

impl Event {
    /// An event without a payload.
    pub(super) const fn of(code: EventCode) -> Event {
        Event {
            code,
            index: 0,
            payload: 0,
        }
    }
}

/// What has events that tasks can wait for.
pub trait Waitable: 'static {
    fn state(&self) -> &WaitableState;

    /// The pending event, computed when it is delivered so that it says what is true then. Called
    /// once for each event.
    fn deliver(&self) -> Event;

    /// The same object, for whoever knows its type.
    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;
}

/// What every waitable has.
#[derive(Default)]
pub struct WaitableState {
    /// Whether there is a `pending_event`.
    pending: Cell<bool>,
    /// `wset`.
    set: RefCell<Option<Rc<WaitableSet>>>,
    /// The thread that waits for it alone: `has_sync_waiter`.
    waiter: RefCell<Option<Thread>>,
}

impl WaitableState {
    /// Says who waits for this alone.
    pub(super) fn set_waiter(&self, thread: Option<Thread>) {
        drop(self.waiter.replace(thread));
    }

    /// Has the thread go on that waits for this alone.
    pub(super) fn wake(&self) {
        let waiter = self.waiter.borrow().clone();
        if let Some(thread) = waiter {
            scheduler::wake(&thread);
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

    fn leave(&self) {
        if let Some(set) = self.state().set.take() {
            set.len.set(set.len.get() - 1);
        }
    }
}

/// `Waitable.join`.
pub(super) fn join(waitable: &Rc<dyn Waitable>, set: Option<Rc<WaitableSet>>) {
    waitable.leave();
    let Some(set) = set else {
        return;
    };
    set.len.set(set.len.get() + 1);
    drop(waitable.state().set.replace(Some(set.clone())));
    if waitable.has_pending_event() {
        set.notice(waitable);
    }
}

/// `Waitable.set_pending_event`: there is something for [`Waitable::deliver`] to say.
pub fn set_pending_event(waitable: &Rc<dyn Waitable>) {
    if waitable.state().pending.replace(true) {
        return;
    }
    waitable.state().wake();
    let set = waitable.state().set.borrow().clone();
    if let Some(set) = set {
        set.notice(waitable);
    }
}

/// `Waitable.wait_for_pending_event`: it is in no set, and nobody else waits for it.
pub fn wait_for_pending_event(store: &'static Store, waitable: &Rc<dyn Waitable>) {
    scheduler::wait_until(store, Wait::Waitable(waitable.clone()), false);
}

/// `WaitableSet`.
#[derive(Default)]
pub(super) struct WaitableSet {
    /// The number of `elems`.
    len: Cell<u32>,
    /// Those that had a pending event when they were last looked at, the oldest event first. Some
    /// of them may have left the set since.
    ready: RefCell<VecDeque<Rc<dyn Waitable>>>,
    /// Threads that wait for an event of this set: `num_waiting`.
    waiting: RefCell<VecDeque<Thread>>,
}

impl WaitableSet {
    /// The number of its members.
    pub(super) fn len(&self) -> u32 {
        self.len.get()
    }

    pub(super) fn num_waiting(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// One of its members has a pending event.
    fn notice(self: &Rc<Self>, waitable: &Rc<dyn Waitable>) {
        self.ready.borrow_mut().push_back(waitable.clone());
        self.wake_waiting();
    }

    /// If there is an event, has the first go on of those who can. Who could if nobody ran
    /// exclusively is looked at when nobody does.
    pub(super) fn wake_waiting(self: &Rc<Self>) {
        if !self.has_pending_event() {
            return;
        }
        for thread in self.waiting.borrow().iter() {
            if thread.ready() {
                scheduler::wake(thread);
                break;
            }
            thread.task().instance.add_returning(thread);
        }
    }

    pub(super) fn has_pending_event(self: &Rc<Self>) -> bool {
        let mut ready = self.ready.borrow_mut();
        while let Some(first) = ready.front() {
            if self.is_pending(first) {
                return true;
            }
            ready.pop_front();
        }
        false
    }

    fn is_pending(self: &Rc<Self>, waitable: &Rc<dyn Waitable>) -> bool {
        let set = waitable.state().set.borrow();
        let is_member = set.as_ref().is_some_and(|set| Rc::ptr_eq(set, self));
        is_member && waitable.has_pending_event()
    }

    /// The oldest of the pending events, of which there is one.
    ///
    /// # Panics
    /// When there is none.
    pub(super) fn get_pending_event(self: &Rc<Self>) -> Event {
        assert!(self.has_pending_event(), "there is an event");
        let first = self.ready.borrow_mut().pop_front();
        first.expect("there is an event").get_pending_event()
    }

    /// The thread waits for an event.
    pub(super) fn add_waiting(&self, thread: &Thread) {
        self.waiting.borrow_mut().push_back(thread.clone());
    }

    /// It no longer does.
    pub(super) fn remove_waiting(self: &Rc<Self>, thread: &Thread) {
        let mut waiting = self.waiting.borrow_mut();
        match waiting.front() {
            Some(first) if first.is(thread) => drop(waiting.pop_front()),
            _ => waiting.retain(|waiting| !waiting.is(thread)),
        }
        drop(waiting);
        // What has woken this one may be for another.
        self.wake_waiting();
    }
}
