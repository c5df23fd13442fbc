//! `Subtask`: what a caller has of a call that it does not wait for.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::model::{Event, Subtask, Waitable, WaitableState};
use super::waiting::set_pending_event;
use crate::component::handles::Lent;
use crate::component::state;
use crate::vm::store::Store;
use wasmelt_abi::{EventCode, SubtaskState};

impl Subtask {
    pub(super) fn new(store: &'static Store, slots: &[u64]) -> Rc<Subtask> {
        Rc::new(Subtask {
            store,
            waitable: WaitableState::default(),
            state: Cell::new(SubtaskState::Starting),
            handle: Cell::new(0),
            this: RefCell::new(None),
            callee: RefCell::new(None),
            lenders: RefCell::new(Some(Vec::new())),
            cancellation_requested: Cell::new(false),
            slots: slots.iter().copied().map(Cell::new).collect(),
        })
    }

    /// The caller's slots, for compiled code.
    pub(super) fn slots(&self) -> *mut u64 {
        self.slots.as_ptr().cast_mut().cast()
    }

    /// What is in the slots.
    pub(super) fn values(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().map(Cell::get)
    }

    pub(super) fn set_values(&self, values: &[u64]) {
        for (slot, value) in self.slots.iter().zip(values) {
            slot.set(*value);
        }
    }

    pub(super) fn state_code(&self) -> SubtaskState {
        self.state.get()
    }

    /// The call has become a handle of the caller, which hears of progress from now on.
    pub(super) fn set_handle(self: &Rc<Self>, handle: u32) {
        self.handle.set(handle);
        drop(self.this.replace(Some(self.clone())));
    }

    fn on_progress(&self) {
        self.waitable.wake();
        let this = self.this.borrow().clone();
        if let Some(this) = this {
            let waitable: Rc<dyn Waitable> = this;
            set_pending_event(&waitable);
        }
    }

    /// `on_start`, but for the parameters.
    pub(super) fn start(&self) {
        self.state.set(SubtaskState::Started);
        self.on_progress();
    }

    pub(super) fn add_lenders(&self, lent: Lent) {
        if let Some(lenders) = self.lenders.borrow_mut().as_mut() {
            lenders.extend(lent);
        }
    }

    /// `on_resolve`, but for the result: whether there is one.
    pub(super) fn resolve(&self, returned: bool) {
        let state = match (returned, self.state.get()) {
            (true, _) => SubtaskState::Returned,
            (false, SubtaskState::Starting) => SubtaskState::CancelledBeforeStarted,
            (false, _) => SubtaskState::CancelledBeforeReturned,
        };
        self.state.set(state);
        self.on_progress();
        drop(self.callee.take());
    }

    /// `deliver_resolve`.
    pub(super) fn deliver_resolve(&self) {
        if let Some(lenders) = self.lenders.take() {
            state::with(self.store, |state| state.give_back_all(&lenders));
        }
    }

    pub(super) fn resolve_delivered(&self) -> bool {
        self.lenders.borrow().is_none()
    }

    /// It has left the caller's table.
    pub(super) fn forget(&self) {
        drop(self.this.take());
    }
}

impl Waitable for Subtask {
    fn state(&self) -> &WaitableState {
        &self.waitable
    }

    fn deliver(&self) -> Event {
        if self.resolved() {
            self.deliver_resolve();
        }
        Event {
            code: EventCode::Subtask,
            index: self.handle.get(),
            payload: self.state.get() as u32,
        }
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}
