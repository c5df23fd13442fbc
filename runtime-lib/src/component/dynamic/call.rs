//! Calls of exports. A function of async type is called as a task, and runs until it has a result.

use super::value::Value;
use super::{lift, lower};
use crate::component::call::Call;
use crate::component::export::{self, Returned};
use crate::component::tasks;
use crate::component::types::Type;
use crate::vm::store::Store;
use wasmelt_abi::ComponentExport;

/// The types of an export's parameters.
#[must_use]
pub fn params(export: &'static ComponentExport) -> Vec<Type> {
    export::params(export).collect()
}

/// Calls an export with arguments of its parameters' types. A trap goes its usual way: what this
/// function owns is then not freed.
#[must_use]
pub fn call(
    export: &'static ComponentExport,
    store: &'static Store,
    arguments: &[Value],
) -> Option<(Type, Value)> {
    // The script's driver may have caught a trap that ended calls between components.
    Call::of_export(store, &export.options).unwind_to(0);
    let (arguments, types) = (arguments.to_vec(), params(export));
    let result = Type::at(export.result);
    let lower = move |call: &mut Call<'_>, slots: &mut [u64]| {
        lower::lower_values(call, &types, &arguments, export.flat_params, slots);
    };
    let lift = move |call: &mut Call<'_>, returned: Returned, slots: &[u64]| {
        result.map(|ty| lift::lift_result(call, ty, returned.is_flat(ty), slots))
    };
    result.zip(export::call(export, store, lower, lift).flatten())
}

/// After a trap has been caught, which has ended whatever ran: forgets the tasks that were left.
pub fn abandon(store: &'static Store) {
    tasks::abandon_all(store);
}
