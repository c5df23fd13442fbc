//! `Task`, and the part of `Thread` that says what it waits for.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::instance::Instance;
use super::scheduler;
use super::subtask::Subtask;
use super::waitable::{Waitable, WaitableSet};
use crate::component::state;
use crate::vm::process::items;
use crate::vm::store::Store;
use crate::vm::trap::raise;
use wasmelt_abi::{AsyncCall, AsyncLift, FLAT_PARAMS_MAX, LiftFlags, Slice, TrapCode};

/// The slots of a callee: flat parameters or results, or an address.
pub(super) type CalleeSlots = [u64; FLAT_PARAMS_MAX + 1];

/// `Task.State`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TaskState {
    Initial,
    Started,
    PendingCancel,
    CancelDelivered,
    Resolved,
}

/// Who called.
pub(super) enum Caller {
    Guest {
        record: &'static AsyncCall,
        subtask: Rc<Subtask>,
    },
    Host(Rc<dyn HostCaller>),
}

/// The host as the caller of a guest's function.
pub(super) trait HostCaller {
    /// `on_start`: lowers the parameters.
    fn on_start(&self, slots: &mut CalleeSlots);
    /// `on_resolve`: lifts the result; `None` if the task has been cancelled.
    fn on_resolve(&self, slots: Option<&[u64]>);
}

/// Where a task's thread goes on.
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

pub(super) struct Task {
    pub(super) store: &'static Store,
    pub(super) lift: &'static AsyncLift,
    /// `inst`.
    pub(super) instance: Rc<Instance>,
    pub(super) caller: Caller,
    pub(super) state: Cell<TaskState>,
    /// Under which the state of the store counts `num_borrows`.
    pub(super) borrows: u32,
    pub(super) position: Cell<Position>,
    /// What the thread waits for; nothing while it runs.
    pub(super) wait: RefCell<Option<Wait>>,
    pub(super) cancellable: Cell<bool>,
    /// What waiting has given: whether it ended by cancellation.
    pub(super) cancelled: Cell<bool>,
    /// Whether it is in the scheduler's queue.
    pub(super) queued: Cell<bool>,
    /// Whether it waits on a stack that the scheduler runs on top of.
    pub(super) nested: Cell<bool>,
    /// `storage`, while it does not run.
    pub(super) context: Cell<[u32; 2]>,
    /// The fiber that its code is suspended on, which belongs to `fiber`; or null.
    pub(super) fiber: Cell<*mut u8>,
}

impl Task {
    pub(super) fn new(store: &'static Store, lift: &'static AsyncLift, caller: Caller) -> Rc<Task> {
        let (instance, borrows) = state::with(store, |state| {
            (
                state.instance(lift.options.instance),
                state.task_borrows_new(),
            )
        });
        Rc::new(Task {
            store,
            lift,
            instance,
            caller,
            state: Cell::new(TaskState::Initial),
            borrows,
            position: Cell::new(Position::Initial),
            wait: RefCell::new(None),
            cancellable: Cell::new(false),
            cancelled: Cell::new(false),
            queued: Cell::new(false),
            nested: Cell::new(false),
            context: Cell::new([0; 2]),
            fiber: Cell::new(std::ptr::null_mut()),
        })
    }

    pub(super) fn is(&self, flag: u64) -> bool {
        self.lift.flags & flag != 0
    }

    pub(super) fn needs_exclusive(&self) -> bool {
        !self.is(LiftFlags::ASYNC) || self.is(LiftFlags::CALLBACK)
    }

    pub(super) fn has_backpressure(&self) -> bool {
        self.instance.has_backpressure(self.needs_exclusive())
    }

    /// The flags of the instances that it enters when the scheduler resumes it.
    pub(super) fn entered_by_scheduler(&self) -> Entered {
        Entered::new(self.store, &self.lift.entered)
    }

    /// `request_cancellation`; `entered` are the instances that the canceller enters.
    pub(super) fn request_cancellation(self: &Rc<Self>, entered: &Entered) {
        if self.state.get() == TaskState::Initial {
            self.state.set(TaskState::CancelDelivered);
            scheduler::resume(self, true);
            return;
        }
        let is_candidate = self.cancellable.get()
            && self.wait.borrow().is_some()
            && (!self.needs_exclusive() || self.instance.is_free_for(self));
        if is_candidate && entered.may_enter() {
            self.state.set(TaskState::CancelDelivered);
            let before = entered.enter();
            scheduler::resume(self, true);
            entered.leave_as(before);
        } else {
            self.state.set(TaskState::PendingCancel);
        }
    }

    /// `deliver_pending_cancel`.
    pub(super) fn deliver_pending_cancel(&self, cancellable: bool) -> bool {
        let deliver = cancellable && self.state.get() == TaskState::PendingCancel;
        if deliver {
            self.state.set(TaskState::CancelDelivered);
        }
        deliver
    }

    /// `start`: the callee's slots.
    pub(super) fn start(&self) -> CalleeSlots {
        self.state.set(TaskState::Started);
        let mut slots = [0; FLAT_PARAMS_MAX + 1];
        match &self.caller {
            Caller::Guest { record, subtask } => {
                subtask.start();
                state::with(self.store, |state| state.scope_enter_task(self.borrows));
                // SAFETY: compiled code of this store; both have the slots that it needs.
                unsafe {
                    (record.pass_params)(self.store.base(), subtask.slots(), slots.as_mut_ptr());
                };
                let lent = state::with(self.store, |state| state.scope_exit_task());
                subtask.add_lenders(lent);
            }
            Caller::Host(host) => host.on_start(&mut slots),
        }
        slots
    }

    /// `return_`. The slots have the flat values of `task.return`, or the core results.
    pub(super) fn return_(&self, slots: &mut [u64]) {
        self.check_resolvable();
        match &self.caller {
            Caller::Guest { record, subtask } => {
                // SAFETY: compiled code of this store; both have the slots that it needs.
                unsafe {
                    (record.pass_result)(self.store.base(), slots.as_mut_ptr(), subtask.slots());
                };
                subtask.resolve(true);
            }
            Caller::Host(host) => host.on_resolve(Some(slots)),
        }
        self.state.set(TaskState::Resolved);
    }

    fn check_resolvable(&self) {
        if self.state.get() == TaskState::Resolved {
            raise(TrapCode::TaskResolvedTwice)
        }
        let borrows = state::with(self.store, |state| state.task_borrows(self.borrows));
        if borrows > 0 {
            raise(TrapCode::BorrowsRemain)
        }
    }

    /// `cancel`.
    pub(super) fn cancel(&self) {
        if self.state.get() == TaskState::Resolved {
            raise(TrapCode::TaskResolvedTwice)
        }
        if self.state.get() != TaskState::CancelDelivered {
            raise(TrapCode::TaskNotCancelled)
        }
        self.check_resolvable();
        match &self.caller {
            Caller::Guest { subtask, .. } => subtask.resolve(false),
            Caller::Host(host) => host.on_resolve(None),
        }
        self.state.set(TaskState::Resolved);
    }

    /// `start_waiting_internal`: what the thread goes on for.
    pub(super) fn start_waiting(self: &Rc<Self>, wait: Wait, cancellable: bool) {
        self.cancellable.set(cancellable);
        match &wait {
            Wait::Yield => scheduler::wake(self),
            Wait::Enter => self.instance.add_entering(self),
            Wait::Return if self.instance.is_free() => scheduler::wake(self),
            Wait::Return => self.instance.add_returning(self),
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
    pub(super) fn stop_waiting(self: &Rc<Self>) -> Option<Wait> {
        let wait = self.wait.take()?;
        match &wait {
            Wait::Yield => {}
            Wait::Enter => self.instance.remove_entering(self),
            Wait::Return => self.instance.remove_returning(self),
            Wait::Set(set) => set.remove_waiting(self),
            Wait::ReturnWith(set) => {
                set.remove_waiting(self);
                self.instance.remove_returning(self);
            }
            Wait::Waitable(waitable) => waitable.state().set_waiter(None),
            Wait::Subtask(subtask) => subtask.state().set_waiter(None),
        }
        Some(wait)
    }

    /// `ready`.
    pub(super) fn is_ready(self: &Rc<Self>) -> bool {
        let wait = self.wait.borrow().clone();
        wait.is_some_and(|wait| wait.is_over(Some(self)))
    }

    /// Whether it waits, on a stack of its own, for an event that has happened.
    pub(super) fn has_event(self: &Rc<Self>) -> bool {
        let yields = matches!(*self.wait.borrow(), Some(Wait::Yield));
        !yields && !self.nested.get() && self.is_ready()
    }

    /// Has been in the queue, but is not ready: who has to wake it?
    pub(super) fn await_turn(self: &Rc<Self>) {
        let wait = self.wait.borrow().clone();
        match wait {
            Some(Wait::Return) => self.instance.add_returning(self),
            Some(Wait::ReturnWith(set)) if set.has_pending_event() => {
                self.instance.add_returning(self);
            }
            // The event that it was woken for has gone to another.
            Some(Wait::ReturnWith(_)) if self.instance.is_free() => self.instance.wake_returning(),
            _ => {}
        }
    }
}

impl Wait {
    /// Whether what is waited for has happened; `task` is the one whose thread waits.
    pub(super) fn is_over(&self, task: Option<&Rc<Task>>) -> bool {
        let is_free = || task.is_some_and(|task| task.instance.is_free());
        match self {
            Wait::Yield => true,
            Wait::Enter => task.is_some_and(|task| !task.has_backpressure()),
            Wait::Return => is_free(),
            Wait::Set(set) => set.has_pending_event(),
            Wait::ReturnWith(set) => is_free() && set.has_pending_event(),
            Wait::Waitable(waitable) => waitable.has_pending_event(),
            Wait::Subtask(subtask) => subtask.resolved(),
        }
    }
}

/// `entering_set`: the flags of the instances that a call enters.
#[derive(Clone, Copy)]
pub(super) struct Entered {
    store: &'static Store,
    offsets: &'static [u64],
}

/// `may_enter` of the flags of an instance.
const MAY_ENTER: u8 = 2;

impl Entered {
    pub(super) fn new(store: &'static Store, offsets: &'static Slice<u64>) -> Entered {
        Entered {
            store,
            offsets: items(offsets),
        }
    }

    fn flags(&self) -> impl Iterator<Item = *mut u8> {
        let base = self.store.base();
        self.offsets
            .iter()
            .map(move |offset| base.wrapping_add(*offset as usize))
    }

    /// `may_enter_from`.
    pub(super) fn may_enter(&self) -> bool {
        // SAFETY: the compiler wrote the offsets of bytes in contexts of the store.
        self.flags().all(|flags| unsafe { *flags } & MAY_ENTER != 0)
    }

    /// `enter_from`: whether they could be entered before.
    pub(super) fn enter(&self) -> bool {
        let before = self.may_enter();
        for flags in self.flags() {
            // SAFETY: as above.
            unsafe { *flags &= !MAY_ENTER };
        }
        before
    }

    /// `leave_to`, unless they had been entered before.
    pub(super) fn leave_as(&self, before: bool) {
        if before {
            for flags in self.flags() {
                // SAFETY: as above.
                unsafe { *flags |= MAY_ENTER };
            }
        }
    }
}
