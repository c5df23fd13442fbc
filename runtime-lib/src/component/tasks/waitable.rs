//! `Waitable` and `WaitableSet`.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::queue::{Mark, Queue};
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
    /// Its place among those of the set that have a pending event.
    noticed: Mark,
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

    fn leave(&self) {
        if let Some(set) = self.state().set.take() {
            set.len.set(set.len.get() - 1);
            set.ready.leave(&self.state().noticed);
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
pub(super) struct WaitableSet {
    /// The number of `elems`.
    len: Cell<u32>,
    /// Those that have a pending event, the oldest event first.
    ready: Queue<Rc<dyn Waitable>>,
    /// Threads that wait for an event of this set: `num_waiting`.
    waiting: Queue<Thread>,
}

impl Default for WaitableSet {
    fn default() -> WaitableSet {
        WaitableSet {
            len: Cell::new(0),
            ready: Queue::new(|waitable| &waitable.state().noticed),
            waiting: Queue::new(|thread| &thread.waiting_for_set),
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

    /// One of its members has a pending event.
    fn notice(&self, waitable: &Rc<dyn Waitable>) {
        self.ready.push(waitable);
        self.wake_waiting();
    }

    /// If there is an event, has the first go on of those who can. Who could if nobody ran
    /// exclusively is looked at when nobody does.
    pub(super) fn wake_waiting(&self) {
        if !self.has_pending_event() {
            return;
        }
        let woken = self.waiting.find(|thread| {
            let ready = thread.ready();
            if !ready {
                thread.task().instance.add_returning(thread);
            }
            ready
        });
        if let Some(thread) = woken {
            scheduler::wake(&thread);
        }
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

    /// The thread waits for an event.
    pub(super) fn add_waiting(&self, thread: &Thread) {
        self.waiting.push(thread);
    }

    /// It no longer does.
    pub(super) fn remove_waiting(&self, thread: &Thread) {
        self.waiting.leave(&thread.waiting_for_set);
        // What has woken this one may be for another.
        self.wake_waiting();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Thing(WaitableState);

    impl Waitable for Thing {
        fn state(&self) -> &WaitableState {
            &self.0
        }

        fn deliver(&self) -> Event {
            Event::of(EventCode::None)
        }

        fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
            self
        }
    }

    fn pending() -> Rc<dyn Waitable> {
        let thing: Rc<dyn Waitable> = Rc::new(Thing::default());
        set_pending_event(&thing);
        thing
    }

    #[test]
    fn members_that_leave_are_not_kept() {
        let set = Rc::new(WaitableSet::default());
        let (oldest, restless) = (pending(), pending());
        join(&oldest, Some(set.clone()));
        for _ in 0..1000 {
            let other = pending();
            join(&other, Some(set.clone()));
            join(&restless, Some(set.clone()));
            other.drop_waitable();
            let other = pending();
            join(&other, Some(set.clone()));
            let _ = other.get_pending_event();
            join(&other, None);
        }
        assert!(set.ready.places() < 100, "{}", set.ready.places());
        assert_eq!((set.len(), set.ready.len()), (2, 2));
        assert!(Rc::ptr_eq(&set.ready.first().unwrap(), &oldest));
    }
}
