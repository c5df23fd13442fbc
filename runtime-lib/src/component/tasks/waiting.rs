//! Threads that wait, and what has them go on.

use std::rc::Rc;

use super::model::{Thread, Wait, Waitable, WaitableSet};
use super::running;

impl Thread {
    /// `start_waiting_internal`: what the thread goes on for.
    pub(super) fn start_waiting(&self, wait: Wait, cancellable: bool) {
        self.cancellable.set(cancellable);
        let instance = &self.task().instance;
        match &wait {
            Wait::Yield => running::wake(self),
            Wait::Enter => {
                instance.add_entering(self);
                // It may have to wait only because others do.
                instance.wake_entering();
            }
            Wait::Return if instance.is_free() => running::wake(self),
            Wait::Return => instance.add_returning(self),
            Wait::Set(set) | Wait::ReturnWith(set) => {
                set.add_waiting(self);
                if set.has_pending_event() {
                    running::wake(self);
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
        running::unwake(self);
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

impl WaitableSet {
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
            running::wake(&thread);
        }
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
    use std::any::Any;

    use super::*;
    use crate::component::tasks::model::{Event, WaitableState};
    use wasmelt_abi::EventCode;

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
