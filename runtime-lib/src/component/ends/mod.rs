//! Streams and futures of the canonical ABI, named and ordered as in its `definitions.py`: "Stream
//! State", "Future State" and their built-ins.
//!
//! A stream or future is an object ([`shared`]) with two ends. An end is an entry of an instance's
//! table and a waitable ([`end`]), or belongs to the host ([`host`]). Nothing is buffered between
//! them: elements are copied from memory to memory when both sides are there ([`buffer`]), and
//! between a guest and the host from memory to descriptor.
//!
//! **Host functions** take and return [`StreamReader`] and [`FutureReader`]. What they return is
//! made from a producer or a Rust future; what they get is given to a consumer:
//!
//! ```text
//! pub fn read_via_stream(call: &mut Call<'_>, …)
//!     -> (StreamReader<u8>, FutureReader<Result<(), ErrorCode>>)
//! {
//!     let (resolver, future) = Resolver::new();
//!     (StreamReader::of_bytes(FileBytes { …, resolver: Some(resolver) }), future)
//! }
//!
//! pub fn write_via_stream(call: &mut Call<'_>, data: StreamReader<u8>)
//!     -> FutureReader<Result<(), ErrorCode>>
//! {
//!     let (resolver, future) = Resolver::new();
//!     data.consume_bytes(FileSink { …, resolver: Some(resolver) });
//!     future
//! }
//! ```
//!
//! Readable ends pass from one instance to another as the number of a shared object in transit:
//! compiled code calls [`builtins::end_lift`] and then [`builtins::end_lower`].

mod buffer;
pub(crate) mod builtins;
mod descriptor;
mod end;
mod host;
mod pipe;
mod reader;
mod shared;
#[cfg(test)]
mod tests;

use std::rc::Rc;

pub use descriptor::{Attempt, Mode, ReadEnd, WriteEnd};
pub use host::{Consume, ConsumeBytes, Produce, ProduceBytes};
pub use reader::{FutureReader, Resolver, StreamReader};

use crate::component::dynamic::Type;
use crate::component::state;
use crate::vm::store::Store;
use crate::vm::trap::raise;
use end::{End, Family, Side};
use shared::Shared;
use wasmelt_abi::{TrapCode, TypeKind};

/// The shared objects whose readable ends have been lifted and not yet lowered.
#[derive(Default)]
pub struct Transit {
    slots: Vec<Option<Rc<Shared>>>,
    free: Vec<u32>,
}

impl std::fmt::Debug for Transit {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.slots.len() - self.free.len();
        write!(to, "Transit({count})")
    }
}

impl Transit {
    fn put(&mut self, shared: Rc<Shared>) -> u32 {
        if let Some(rep) = self.free.pop() {
            self.slots[rep as usize] = Some(shared);
            return rep;
        }
        self.slots.push(Some(shared));
        self.slots.len() as u32 - 1
    }

    fn take(&mut self, rep: u32) -> Rc<Shared> {
        let slot = self.slots.get_mut(rep as usize);
        let shared = slot.and_then(Option::take);
        self.free.push(rep);
        shared.expect("what is lowered has been lifted")
    }
}

/// Whether a type is of streams or of futures.
fn family(ty: Type) -> Family {
    match ty.kind() {
        TypeKind::Stream => Family::Stream,
        TypeKind::Future => Family::Future,
        kind => unreachable!("{kind:?} has no ends"),
    }
}

/// `lift_async_value`: the readable end leaves the instance's table.
fn lift_async_value(
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
fn lower_async_value(store: &'static Store, instance: u32, shared: Rc<Shared>) -> u32 {
    add_end(store, instance, &End::new(shared, Side::Readable))
}

/// Adds an end to an instance's table.
fn add_end(store: &'static Store, instance: u32, end: &Rc<End>) -> u32 {
    let kind = end.shared.family().handle_kind(end.side);
    state::with(store, |state| {
        state.add_waitable(instance, kind, end.as_waitable())
    })
}

/// Lifts a readable end, by a type that only run time knows: its number in transit.
pub(super) fn lift_end(store: &'static Store, instance: u32, ty: Type, handle: u32) -> u32 {
    let shared = lift_async_value(store, instance, family(ty), handle, |it| it.is_of_type(ty));
    state::with(store, |state| state.transit.put(shared))
}

/// Lowers what [`lift_end`] has lifted.
pub(super) fn lower_end(store: &'static Store, instance: u32, rep: u32) -> u32 {
    let shared = state::with(store, |state| state.transit.take(rep));
    lower_async_value(store, instance, shared)
}
