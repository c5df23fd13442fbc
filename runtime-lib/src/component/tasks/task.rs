//! `Task`: a call of a lifted function.

use std::cell::Cell;
use std::rc::Rc;

use super::model::{CalleeSlots, Caller, Entered, Position, Task, TaskState, Thread, ThreadState};
use crate::component::state;
use crate::vm::process::items;
use crate::vm::store::Store;
use crate::vm::trap::raise;
use wasmelt_abi::{AsyncLift, FLAT_PARAMS_MAX, LiftFlags, Slice, TrapCode};

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
            thread: ThreadState::default(),
            threads: Cell::new(0),
        })
    }

    pub(super) fn is(&self, flag: u64) -> bool {
        self.lift.flags & flag != 0
    }

    /// Whether its type is `async`, and it runs exclusively.
    pub(super) fn needs_exclusive(&self) -> bool {
        let shares = self.is(LiftFlags::ASYNC) && !self.is(LiftFlags::CALLBACK);
        self.is(LiftFlags::ASYNC_TYPE) && !shares
    }

    pub(super) fn has_backpressure(&self) -> bool {
        self.instance.has_backpressure(self.needs_exclusive())
    }

    /// `register_thread`, but for its index.
    pub(super) fn register_thread(&self) {
        self.threads.set(self.threads.get() + 1);
    }

    /// `unregister_thread`: the thread has ended.
    pub(super) fn unregister_thread(&self, thread: &Thread) {
        let left = self.threads.get() - 1;
        self.threads.set(left);
        if left == 0 && self.state.get() != TaskState::Resolved {
            raise(TrapCode::NoAsyncResult)
        }
        self.instance.remove_thread(thread);
        thread.position.set(Position::Exited);
        if left == 0 {
            self.end();
        }
    }

    /// It is over, or has been cancelled before it began.
    pub(super) fn end(&self) {
        state::with(self.store, |state| state.task_borrows_free(self.borrows));
    }

    /// The flags of the instances that it enters when the scheduler resumes it.
    pub(super) fn entered_by_scheduler(&self) -> Entered {
        Entered::new(self.store, &self.lift.entered)
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
        state::with(self.store, |state| state.scope_enter_task(self.borrows));
        match &self.caller {
            Caller::Guest { record, subtask } => {
                subtask.start();
                // SAFETY: compiled code of this store; both have the slots that it needs.
                unsafe {
                    (record.pass_params)(self.store.base(), subtask.slots(), slots.as_mut_ptr());
                };
            }
            Caller::Host(host) => host.on_start(&mut slots),
        }
        let lent = state::with(self.store, |state| state.scope_exit_task());
        if let Caller::Guest { subtask, .. } = &self.caller {
            subtask.add_lenders(lent);
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
