//! Calls of exports by values that somebody else lowers and lifts: `canon lift` for a caller that
//! is the host. A function of async type is called as a task, and runs until it has a result.

use crate::component::call::Call;
use crate::component::tasks::{self, ExportCall};
use crate::component::types::Type;
use crate::vm::process::items;
use crate::vm::store::Store;
use wasmelt_abi::{AsyncLift, ComponentExport, FLAT_PARAMS_MAX, LiftFlags};

/// How a result has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Returned {
    /// From the core function: one flat value, or an address.
    Result,
    /// By `task.return`: flat values, or an address if there are too many.
    ByTask,
}

impl Returned {
    /// Whether a result of this type is flat; else its address is in the first slot.
    #[must_use]
    pub fn is_flat(self, ty: Type) -> bool {
        match self {
            Returned::Result => ty.flat_len() <= 1,
            Returned::ByTask => ty.flat_fits(),
        }
    }

    fn of(task: &AsyncLift) -> Returned {
        match task.flags & LiftFlags::ASYNC {
            0 => Returned::Result,
            _ => Returned::ByTask,
        }
    }
}

/// The types of an export's parameters.
pub fn params(export: &'static ComponentExport) -> impl Iterator<Item = Type> + Clone {
    let params = items(&export.params).iter();
    params.filter_map(|param| Type::at(*param))
}

/// Calls an export: `lower` writes the parameters to slots, `lift` reads the result from them. A trap
/// goes its usual way: what the two own is then not freed.
pub fn call<T: 'static>(
    export: &'static ComponentExport,
    store: &'static Store,
    lower: impl Fn(&mut Call<'_>, &mut [u64]) + 'static,
    lift: impl Fn(&mut Call<'_>, Returned, &[u64]) -> T + 'static,
) -> Option<T> {
    // SAFETY: it is null, or a record of the program.
    if let Some(of_task) = unsafe { export.lift.as_ref() } {
        let returned = Returned::of(of_task);
        let call = ExportCall {
            lower: move |slots: &mut [u64]| within(export, store, |call| lower(call, slots)),
            lift: move |slots: &[u64]| within(export, store, |call| lift(call, returned, slots)),
        };
        return tasks::call_export(store, of_task, call);
    }
    let mut call = Call::of_export(store, &export.options);
    call.enter_scope();
    // As many as parameters that are flat, and one for an address.
    let mut slots = [0; FLAT_PARAMS_MAX + 1];
    lower(&mut call, &mut slots);
    call.finish();
    tasks::sync_enter();
    // SAFETY: compiled code for a store of this program; there are slots enough.
    unsafe { (export.call)(store.base(), slots.as_mut_ptr()) };
    let mut call = Call::of_export(store, &export.options);
    let value = lift(&mut call, Returned::Result, &slots);
    call.exit_scope();
    call.finish();
    // SAFETY: as above; the slots are as the call has left them.
    unsafe { (export.finish)(store.base(), slots.as_mut_ptr()) };
    tasks::sync_exit();
    Some(value)
}

/// The same, up to where the export waits for the first time, if it is a task: `lift` is called when
/// there is a result.
pub fn begin(
    export: &'static ComponentExport,
    store: &'static Store,
    lower: impl Fn(&mut Call<'_>, &mut [u64]) + 'static,
    lift: impl Fn(&mut Call<'_>, Returned, &[u64]) + 'static,
) {
    // SAFETY: it is null, or a record of the program.
    let Some(of_task) = (unsafe { export.lift.as_ref() }) else {
        call(export, store, lower, lift);
        return;
    };
    let returned = Returned::of(of_task);
    let call = ExportCall {
        lower: move |slots: &mut [u64]| within(export, store, |call| lower(call, slots)),
        // Nobody cancels it.
        lift: move |slots: Option<&[u64]>| {
            if let Some(slots) = slots {
                within(export, store, |call| lift(call, returned, slots));
            }
        },
    };
    tasks::begin_export(store, of_task, call);
}

fn within<T>(
    export: &'static ComponentExport,
    store: &'static Store,
    body: impl FnOnce(&mut Call<'_>) -> T,
) -> T {
    let mut call = Call::of_export(store, &export.options);
    let value = body(&mut call);
    call.finish();
    value
}
