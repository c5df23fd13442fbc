//! `canon_lower` of a function that another component lifts, and that is called as a task.

use std::rc::Rc;

use super::model::{Callee, Caller, Entered, Subtask, Task, Wait};
use super::scheduler;
use crate::component::handles::kind;
use crate::component::state;
use crate::vm::store::{self, Store};
use crate::vm::trap::raise;
use wasmelt_abi::{AsyncCall, CanonOptions, LiftFlags, SubtaskState, TrapCode};

/// Calls a function as a task. Lowered with `async`: the packed status. Otherwise 0, when the
/// result is in slot 0 or at its address.
///
/// # Safety
/// `memory` is an instance pointer, `record` an [`AsyncCall`] of the program, `slots` has the
/// slots that it says. The instance may be left.
#[unsafe(export_name = "wasmelt_async_call")]
pub(crate) unsafe extern "C" fn async_call(
    memory: *mut u8,
    record: *mut u8,
    slots: *mut u8,
) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store::of_memory(memory) };
    // SAFETY: records are constants of the program.
    let record: &'static AsyncCall = unsafe { &*record.cast() };
    // SAFETY: as above; a record of a call has the lifted function's.
    let lift = unsafe { &*record.lift };
    let slots = match record.slots as usize {
        0 => &mut [],
        // SAFETY: the caller vouches for them.
        count => unsafe { std::slice::from_raw_parts_mut(slots.cast(), count) },
    };
    if record.options.is_async == 0 && lift.flags & LiftFlags::ASYNC_TYPE != 0 {
        scheduler::trap_unless_may_block();
    }
    let entered = Entered::new(store, &record.entered);
    if !entered.may_enter() {
        raise(TrapCode::CannotEnter)
    }
    let subtask = Subtask::new(store, slots);
    let caller = Caller::Guest {
        record,
        subtask: subtask.clone(),
    };
    let task = Task::new(store, lift, caller);
    drop(
        subtask
            .callee
            .replace(Some(Callee::Guest(task.clone(), entered))),
    );
    let before = entered.enter();
    scheduler::begin(&task);
    entered.leave_as(before);
    finish(store, &record.options, &subtask, slots)
}

/// The end of `canon_lower`, when the callee has been called.
pub(super) fn finish(
    store: &'static Store,
    options: &CanonOptions,
    subtask: &Rc<Subtask>,
    slots: &mut [u64],
) -> i32 {
    if options.is_async == 0 {
        if !subtask.resolved() {
            scheduler::wait_until(store, Wait::Subtask(subtask.clone()), false);
        }
        subtask.deliver_resolve();
        for (slot, value) in slots.iter_mut().zip(subtask.values()) {
            *slot = value;
        }
        return 0;
    }
    if subtask.resolved() {
        subtask.deliver_resolve();
        return SubtaskState::Returned as i32;
    }
    let handle = state::with(store, |state| {
        state.add_waitable(options.instance, kind::SUBTASK, subtask.clone())
    });
    subtask.set_handle(handle);
    (subtask.state_code() as u32 | handle << 4) as i32
}
