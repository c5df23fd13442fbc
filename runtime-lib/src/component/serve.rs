//! Calls of exports whose types the host knows: handlers of requests.

use std::cell::RefCell;

use crate::component::call::Call;
use crate::component::tasks::{self, ExportCall};
use crate::component::values::{Lift, Lower, Slots, Value};
use crate::vm::store::Store;
use wasmelt_abi::{ComponentExport, FLAT_PARAMS_MAX, LiftFlags};

/// Calls an export that is a task until it has returned, or has given its result and goes on. The
/// parameters are few enough to be flat; the types are those of the export.
pub fn call<P: Lower + 'static, R: Lift + 'static>(
    export: &'static ComponentExport,
    store: &'static Store,
    params: P,
) -> Option<R> {
    // SAFETY: it is null, or a record of the program.
    let lift = unsafe { export.lift.as_ref() }?;
    let by_task_return = lift.flags & LiftFlags::ASYNC != 0;
    let params = RefCell::new(Some(params));
    let call = ExportCall {
        lower: move |slots: &mut [u64]| {
            if let Some(params) = params.take() {
                lower(export, store, params, slots);
            }
        },
        lift: move |slots: &[u64]| {
            let flat = by_task_return && R::FLAT <= FLAT_PARAMS_MAX || R::FLAT <= 1;
            lift_result::<R>(export, store, slots, flat)
        },
    };
    tasks::call_export(store, lift, call)
}

/// Calls an export whose result `then` gets; what that holds is dropped when the export has done
/// all that it does. There is no result if the call has been cancelled.
pub fn begin<P: Lower + 'static, R: Lift + 'static>(
    export: &'static ComponentExport,
    store: &'static Store,
    params: P,
    then: impl Fn(Option<R>) + 'static,
) {
    // SAFETY: it is null, or a record of the program.
    let Some(lift) = (unsafe { export.lift.as_ref() }) else {
        return then(Some(call_sync(export, store, params)));
    };
    let by_task_return = lift.flags & LiftFlags::ASYNC != 0;
    let params = RefCell::new(Some(params));
    let call = ExportCall {
        lower: move |slots: &mut [u64]| {
            if let Some(params) = params.take() {
                lower(export, store, params, slots);
            }
        },
        lift: move |slots: Option<&[u64]>| {
            let flat = by_task_return && R::FLAT <= FLAT_PARAMS_MAX || R::FLAT <= 1;
            then(slots.map(|slots| lift_result::<R>(export, store, slots, flat)));
        },
    };
    tasks::begin_export(store, lift, call);
}

/// Calls an export that is no task.
pub fn call_sync<P: Lower, R: Lift>(
    export: &'static ComponentExport,
    store: &'static Store,
    params: P,
) -> R {
    let mut slots = [0; FLAT_PARAMS_MAX + 1];
    lower(export, store, params, &mut slots);
    tasks::sync_enter();
    // SAFETY: compiled code for a store of this program; there are slots enough.
    unsafe { (export.call)(store.base(), slots.as_mut_ptr()) };
    let result = lift_result::<R>(export, store, &slots, R::FLAT <= 1);
    // SAFETY: as above; the slots are as the call has left them.
    unsafe { (export.finish)(store.base(), slots.as_mut_ptr()) };
    tasks::sync_exit();
    result
}

fn lower<P: Lower>(
    export: &'static ComponentExport,
    store: &'static Store,
    params: P,
    slots: &mut [u64],
) {
    let mut call = Call::of_export(store, &export.options);
    params.lower_flat(&mut call, &mut Slots::new(slots));
    call.finish();
}

fn lift_result<R: Lift>(
    export: &'static ComponentExport,
    store: &'static Store,
    slots: &[u64],
    flat: bool,
) -> R {
    let mut call = Call::of_export(store, &export.options);
    let result = if flat {
        let mut slots = slots.to_vec();
        R::lift_flat(&mut call, &mut Slots::new(&mut slots))
    } else {
        let at = call.pointer(slots.first().copied().unwrap_or(0));
        let ptr_type = call.ptr_type();
        let layout = <R as Value>::LAYOUT;
        call.check_tuple(at, layout.bytes(ptr_type), layout.align(ptr_type));
        R::load(&mut call, at)
    };
    call.finish();
    result
}
