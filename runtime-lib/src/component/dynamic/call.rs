//! Calls of exports. A function of async type is called as a task, and runs until it has a result.

use super::value::Value;
use super::{lift, lower};
use crate::component::call::Call;
use crate::component::tasks::{self, ExportCall};
use crate::component::types::Type;
use crate::vm::process::items;
use crate::vm::store::Store;
use wasmelt_abi::{AsyncLift, ComponentExport, FLAT_PARAMS_MAX, LiftFlags};

/// The types of an export's parameters.
#[must_use]
pub fn params(export: &'static ComponentExport) -> Vec<Type> {
    let params = items(&export.params).iter();
    params.filter_map(|param| Type::at(*param)).collect()
}

/// Calls an export with arguments of its parameters' types. A trap goes its usual way: what this
/// function owns is then not freed.
#[must_use]
pub fn call(
    export: &'static ComponentExport,
    store: &'static Store,
    arguments: &[Value],
) -> Option<(Type, Value)> {
    let mut call = Call::of_export(store, &export.options);
    // The script's driver may have caught a trap that ended calls between components.
    call.unwind_to(0);
    // SAFETY: it is null, or a record of the program.
    if let Some(lift) = unsafe { export.lift.as_ref() } {
        return call_async(export, store, lift, arguments.to_vec());
    }
    // As many as parameters that are flat, and one for an address.
    let mut slots = [0; FLAT_PARAMS_MAX + 1];
    let types = params(export);
    lower::lower_values(&mut call, &types, arguments, export.flat_params, &mut slots);
    call.finish();
    tasks::sync_enter();
    // SAFETY: compiled code for a store of this program; there are slots enough.
    unsafe { (export.call)(store.base(), slots.as_mut_ptr()) };
    let result = Type::at(export.result).map(|ty| {
        let mut call = Call::of_export(store, &export.options);
        let value = lift::lift_result(&mut call, ty, export.flat_results, &slots);
        call.finish();
        (ty, value)
    });
    // SAFETY: as above; the slots are as the call has left them.
    unsafe { (export.finish)(store.base(), slots.as_mut_ptr()) };
    tasks::sync_exit();
    result
}

/// As [`call`], of a function of async type: runs until it has a result.
fn call_async(
    export: &'static ComponentExport,
    store: &'static Store,
    lift: &'static AsyncLift,
    arguments: Vec<Value>,
) -> Option<(Type, Value)> {
    let result = Type::at(export.result);
    let by_task_return = lift.flags & LiftFlags::ASYNC != 0;
    let call = ExportCall {
        lower: move |slots: &mut [u64]| {
            let mut call = Call::of_export(store, &export.options);
            let types = params(export);
            lower::lower_values(&mut call, &types, &arguments, export.flat_params, slots);
            call.finish();
        },
        lift: move |slots: &[u64]| {
            let mut call = Call::of_export(store, &export.options);
            let value = result.map(|ty| match by_task_return {
                true => lift::lift_returned(&mut call, ty, slots),
                false => lift::lift_result(&mut call, ty, export.flat_results, slots),
            });
            call.finish();
            value
        },
    };
    result.zip(tasks::call_export(store, lift, call).flatten())
}

/// After a trap has been caught, which has ended whatever ran: forgets the tasks that were left.
pub fn abandon(store: &'static Store) {
    tasks::abandon_all(store);
}
