//! Readable ends on their way: out of an instance's table, and into another's or to the host.

use std::rc::Rc;

use super::model::{End, Family, Shared, Side};
use crate::component::state;
use crate::component::types::Type;
use crate::vm::store::Store;
use crate::vm::trap::raise;
use wasmelt_abi::{TrapCode, TypeKind};

/// Whether a type is of streams or of futures.
pub(super) fn family(ty: Type) -> Family {
    match ty.kind() {
        TypeKind::Stream => Family::Stream,
        TypeKind::Future => Family::Future,
        kind => unreachable!("{kind:?} has no ends"),
    }
}

/// `lift_async_value`: the readable end leaves the instance's table.
pub(super) fn lift_async_value(
    store: &'static Store,
    instance: u32,
    family: Family,
    handle: u32,
    is_of_type: impl FnOnce(&Shared) -> bool,
) -> Rc<Shared> {
    let kind = family.handle_kind(Side::Readable);
    let end = state::with(store, |state| {
        state.remove_object::<End>(instance, kind, handle)
    });
    if !is_of_type(&end.shared) {
        raise(TrapCode::HandleType)
    }
    end.check_lift();
    Rc::clone(&end.shared)
}

/// `lower_stream` and `lower_future`: the readable end enters an instance's table.
pub(super) fn lower_async_value(store: &'static Store, instance: u32, shared: Rc<Shared>) -> u32 {
    add_end(store, instance, &End::new(shared, Side::Readable))
}

/// Adds an end to an instance's table.
pub(super) fn add_end(store: &'static Store, instance: u32, end: &Rc<End>) -> u32 {
    let kind = end.shared.family().handle_kind(end.side);
    state::with(store, |state| {
        state.add_waitable(instance, kind, end.as_waitable())
    })
}

/// Lifts a readable end, by a type that only run time knows: its number in transit.
pub(in crate::component) fn lift_end(
    store: &'static Store,
    instance: u32,
    ty: Type,
    handle: u32,
) -> u32 {
    let shared = lift_async_value(store, instance, family(ty), handle, |it| it.is_of_type(ty));
    state::with(store, |state| state.put_in_transit(shared))
}

/// Lowers what [`lift_end`] has lifted.
pub(in crate::component) fn lower_end(store: &'static Store, instance: u32, rep: u32) -> u32 {
    let shared = state::with(store, |state| state.take_from_transit(rep));
    lower_async_value(store, instance, shared)
}
