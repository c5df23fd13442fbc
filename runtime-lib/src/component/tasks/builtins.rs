//! The built-ins about tasks, as runtime functions. That the instance may be left, compiled code
//! has checked. What they do is in `wasmelt_abi::for_each_runtime_fn` and in `canon_*` of the
//! canonical ABI.

use std::rc::Rc;

use super::model::{Callee, Event, Subtask, Wait, Waitable, WaitableSet};
use super::{running, scheduler, waiting};
use crate::component::handles::kind;
use crate::component::state;
use crate::vm::store::{self, Store};
use crate::vm::trap::{Piece, TrapInfo, raise, raise_with};
use crate::vm::{GuestMemory, Memory};
use wasmelt_abi::{BLOCKED, EventCode, LiftFlags, TaskReturn, TrapCode};

/// The store that `memory` is in.
///
/// # Safety
/// `memory` is an instance pointer.
unsafe fn store_of(memory: *mut u8) -> &'static Store {
    // SAFETY: the caller vouches for the pointer.
    unsafe { store::of_memory(memory) }
}

/// `canon_context_get`.
#[unsafe(export_name = "wasmelt_context_get")]
pub(crate) extern "C" fn context_get(_memory: *mut u8, slot: i32) -> i64 {
    let [first, second] = running::context();
    (if slot == 0 { first } else { second }).cast_signed()
}

/// `canon_context_set`.
#[unsafe(export_name = "wasmelt_context_set")]
pub(crate) extern "C" fn context_set(_memory: *mut u8, slot: i32, value: i64) {
    let [first, second] = running::context();
    running::set_context(if slot == 0 {
        [value.cast_unsigned(), second]
    } else {
        [first, value.cast_unsigned()]
    });
}

/// The beginning of a call of a synchronous function of another component instance.
#[unsafe(export_name = "wasmelt_sync_enter")]
pub(crate) extern "C" fn sync_enter(_memory: *mut u8) {
    running::sync_enter();
}

/// The end of such a call.
#[unsafe(export_name = "wasmelt_sync_exit")]
pub(crate) extern "C" fn sync_exit(_memory: *mut u8) {
    running::sync_exit();
}

/// `canon_backpressure_inc`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_backpressure_inc")]
pub(crate) unsafe extern "C" fn backpressure_inc(memory: *mut u8, instance: i32) {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    let instance = state::with(store, |state| state.instance(instance as u32));
    instance.backpressure_inc();
}

/// `canon_backpressure_dec`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_backpressure_dec")]
pub(crate) unsafe extern "C" fn backpressure_dec(memory: *mut u8, instance: i32) {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    let instance = state::with(store, |state| state.instance(instance as u32));
    instance.backpressure_dec();
}

/// `canon_task_return`.
///
/// # Safety
/// `record` is a [`TaskReturn`] of the program, and `slots` has the slots that it says.
#[unsafe(export_name = "wasmelt_task_return")]
pub(crate) unsafe extern "C" fn task_return(_memory: *mut u8, record: *mut u8, slots: *mut u8) {
    // SAFETY: records are constants of the program.
    let record: &'static TaskReturn = unsafe { &*record.cast() };
    let Some(task) = running::current_task().filter(|task| task.is(LiftFlags::ASYNC)) else {
        raise(TrapCode::TaskReturnInvalid)
    };
    let expected = &task.lift.options;
    if record.result != task.lift.result
        || !(record.options.memory_offset == u64::MAX
            || record.options.memory_offset == expected.memory_offset)
        || record.options.encoding != expected.encoding
    {
        raise(TrapCode::TaskReturnInvalid)
    }
    let slots = match record.slots as usize {
        0 => &mut [],
        // SAFETY: the caller vouches for them.
        count => unsafe { std::slice::from_raw_parts_mut(slots.cast(), count) },
    };
    task.return_(slots);
}

/// `canon_task_cancel`.
#[unsafe(export_name = "wasmelt_task_cancel")]
pub(crate) extern "C" fn task_cancel(_memory: *mut u8, _instance: i32) {
    match running::current_task() {
        Some(task) if task.is(LiftFlags::ASYNC) => task.cancel(),
        _ => raise(TrapCode::TaskNotCancelled),
    }
}

/// `canon_thread_yield`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_thread_yield")]
pub(crate) unsafe extern "C" fn thread_yield(
    memory: *mut u8,
    _instance: i32,
    cancellable: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    scheduler::wait_until(store, Wait::Yield, cancellable != 0).into()
}

/// `canon_waitable_set_new`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_waitable_set_new")]
pub(crate) unsafe extern "C" fn waitable_set_new(memory: *mut u8, instance: i32) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    let set = Rc::new(WaitableSet::default());
    state::with(store, |state| {
        state.add_object(instance as u32, kind::WAITABLE_SET, set) as i32
    })
}

/// The set that a handle stands for.
fn waitable_set(store: &'static Store, instance: i32, set: i32) -> Rc<WaitableSet> {
    state::with(store, |state| {
        state.object(instance as u32, kind::WAITABLE_SET, set as u32)
    })
}

/// `canon_waitable_set_wait`; `memory` is that of the `memory` option.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[unsafe(export_name = "wasmelt_waitable_set_wait")]
pub(crate) unsafe extern "C" fn waitable_set_wait(
    memory: *mut u8,
    instance: i32,
    cancellable: i32,
    set: i32,
    out: i64,
) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    scheduler::trap_unless_may_block();
    let set = waitable_set(store, instance, set);
    let cancelled = scheduler::wait_until(store, Wait::Set(set.clone()), cancellable != 0);
    let event = if cancelled {
        Event::of(EventCode::TaskCancelled)
    } else {
        set.get_pending_event()
    };
    // SAFETY: the caller vouches for the pointer.
    unsafe { unpack_event(memory, out, event) }
}

/// `canon_waitable_set_poll`; `memory` is that of the `memory` option.
///
/// # Safety
/// `memory` is byte 0 of a memory.
#[unsafe(export_name = "wasmelt_waitable_set_poll")]
pub(crate) unsafe extern "C" fn waitable_set_poll(
    memory: *mut u8,
    instance: i32,
    cancellable: i32,
    set: i32,
    out: i64,
) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    let set = waitable_set(store, instance, set);
    let task = running::current_task();
    let event = if task.is_some_and(|task| task.deliver_pending_cancel(cancellable != 0)) {
        Event::of(EventCode::TaskCancelled)
    } else if set.has_pending_event() {
        set.get_pending_event()
    } else {
        Event::of(EventCode::None)
    };
    // SAFETY: the caller vouches for the pointer.
    unsafe { unpack_event(memory, out, event) }
}

/// `unpack_event`.
///
/// # Safety
/// `memory` is byte 0 of a memory.
unsafe fn unpack_event(memory: *mut u8, out: i64, event: Event) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let mut memory = GuestMemory::from_header(unsafe { Memory::at(memory) });
    let out = out.cast_unsigned();
    if !out.is_multiple_of(4) {
        let text = [Piece::Text("pointer not aligned")];
        raise_with(TrapInfo::with_text(TrapCode::PointerMisaligned, &text))
    }
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&event.index.to_le_bytes());
    bytes[4..].copy_from_slice(&event.payload.to_le_bytes());
    if memory.write_bytes(out, &bytes).is_err() {
        let text = [Piece::Text("pointer out of bounds of memory")];
        raise_with(TrapInfo::with_text(TrapCode::MemoryOutOfBounds, &text))
    }
    event.code as i32
}

/// `canon_waitable_set_drop`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_waitable_set_drop")]
pub(crate) unsafe extern "C" fn waitable_set_drop(memory: *mut u8, instance: i32, set: i32) {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    let handle = set as u32;
    let set = waitable_set(store, instance, set);
    if set.num_waiting() > 0 || set.len() > 0 {
        raise(TrapCode::WaitableSetInUse)
    }
    state::with(store, |state| {
        state.remove_object::<WaitableSet>(instance as u32, kind::WAITABLE_SET, handle)
    });
}

/// `canon_waitable_join`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_waitable_join")]
pub(crate) unsafe extern "C" fn waitable_join(
    memory: *mut u8,
    instance: i32,
    waitable: i32,
    set: i32,
) {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    let waitable = state::with(store, |state| {
        state.waitable(instance as u32, waitable as u32)
    });
    if waitable.has_sync_waiter() {
        raise(TrapCode::WaitableInSet)
    }
    let set = (set != 0).then(|| waitable_set(store, instance, set));
    waiting::join(&waitable, set);
}

/// `canon_subtask_cancel`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_subtask_cancel")]
pub(crate) unsafe extern "C" fn subtask_cancel(
    memory: *mut u8,
    instance: i32,
    is_async: i32,
    subtask: i32,
) -> i32 {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    if is_async == 0 {
        scheduler::trap_unless_may_block();
    }
    let subtask: Rc<Subtask> = state::with(store, |state| {
        state.object(instance as u32, kind::SUBTASK, subtask as u32)
    });
    let waitable: Rc<dyn Waitable> = subtask.clone();
    if subtask.resolve_delivered() || subtask.cancellation_requested.get() {
        raise(TrapCode::SubtaskTerminal)
    }
    if waitable.in_waitable_set() && is_async == 0 {
        raise(TrapCode::WaitableInSet)
    }
    if !subtask.resolved() {
        subtask.cancellation_requested.set(true);
        on_cancel(&subtask);
        if !subtask.resolved() {
            if is_async != 0 {
                return BLOCKED as i32;
            }
            // An event about the start of the call is none that is waited for.
            scheduler::wait_until(store, Wait::Subtask(subtask.clone()), false);
        }
    }
    waitable.get_pending_event().payload as i32
}

/// `on_cancel`.
fn on_cancel(subtask: &Subtask) {
    let callee = subtask.callee.take();
    match callee {
        Some(Callee::Guest(task, entered)) => {
            let again = Callee::Guest(task.clone(), entered);
            drop(subtask.callee.replace(Some(again)));
            task.request_cancellation(&entered);
        }
        Some(Callee::Host(future)) => {
            // Dropping the future ends it.
            drop(future);
            subtask.resolve(false);
        }
        None => {}
    }
}

/// `canon_subtask_drop`.
///
/// # Safety
/// `memory` is an instance pointer.
#[unsafe(export_name = "wasmelt_subtask_drop")]
pub(crate) unsafe extern "C" fn subtask_drop(memory: *mut u8, instance: i32, subtask: i32) {
    // SAFETY: the caller vouches for the pointer.
    let store = unsafe { store_of(memory) };
    let handle = subtask as u32;
    let subtask: Rc<Subtask> = state::with(store, |state| {
        state.object(instance as u32, kind::SUBTASK, handle)
    });
    if !subtask.resolve_delivered() {
        raise(TrapCode::SubtaskUnresolved)
    }
    let waitable: Rc<dyn Waitable> = subtask.clone();
    waitable.drop_waitable();
    subtask.forget();
    state::with(store, |state| {
        state.remove_object::<Subtask>(instance as u32, kind::SUBTASK, handle)
    });
}
