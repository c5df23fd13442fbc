//! Exports that are called with values whose types only run time knows: `--invoke`, and the driver
//! of test scripts.
//!
//! Text comes in and goes out as WAVE (`read`, `show`); between, values are lowered and lifted as
//! the canonical ABI says (`lower`, `lift`), by the types of the program's description (`types`).
//! Specification: CanonicalABI.md, "`canon lift`", for a caller that is the host. A function of
//! async type is called as a task, and runs until it has a result.

mod lift;
mod lower;
mod read;
mod show;
#[cfg(test)]
mod tests;
mod transfer;
mod types;

pub use read::{complete, list, value};
pub use show::show;
pub(super) use transfer::{is_number, transfer_elements};
pub use types::{Type, text};

use crate::component::call::Call;
use crate::component::tasks::{self, ExportCall};
use crate::vm::process::items;
use crate::vm::store::Store;
use wasmelt_abi::{AsyncLift, ComponentExport, FLAT_PARAMS_MAX, LiftFlags, TypeKind};

/// What lifting and lowering rely on when they read and write.
const PLACE: &str = "the place was found to be inside the memory";

/// A value of any type.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    F32(f32),
    F64(f64),
    Char(char),
    String(String),
    /// The elements of a list, the members of a record or tuple, or the entries of a map, which
    /// are pairs.
    Sequence(Vec<Value>),
    /// A case of a variant, enum, option or result, by its number, and what it holds.
    Case(u32, Option<Box<Value>>),
    /// One bit a label.
    Flags(u32),
    /// What an owned handle stood for, or the readable end of a stream or future, which is in
    /// transit.
    Handle(u32),
}

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

/// What a type is called in messages.
fn kind_name(ty: Type) -> &'static str {
    match ty.kind() {
        TypeKind::Bool => "`true` or `false`",
        TypeKind::S8 => "an integer from -128 to 127",
        TypeKind::U8 => "an integer from 0 to 255",
        TypeKind::S16 => "an integer from -32768 to 32767",
        TypeKind::U16 => "an integer from 0 to 65535",
        TypeKind::S32 => "an integer of 32 bits",
        TypeKind::U32 => "an integer of 32 bits, not negative",
        TypeKind::S64 => "an integer of 64 bits",
        TypeKind::U64 => "an integer of 64 bits, not negative",
        TypeKind::F32 | TypeKind::F64 => "a number",
        TypeKind::Char => "a character in single quotes",
        TypeKind::String => "a string in double quotes",
        TypeKind::List | TypeKind::FixedList => "a list in brackets",
        TypeKind::Record => "a record in braces",
        TypeKind::Tuple => "a tuple in parentheses",
        TypeKind::Variant => "a case of a variant",
        TypeKind::Enum => "a case of an enum",
        TypeKind::Option => "`some(…)` or `none`",
        TypeKind::Result => "`ok(…)` or `err(…)`",
        TypeKind::Flags => "flags in braces",
        TypeKind::Own | TypeKind::Borrow => "a resource",
        TypeKind::Map => "a map in braces",
        TypeKind::Stream => "a stream",
        TypeKind::Future => "a future",
        TypeKind::ErrorContext => "an error context",
    }
}
