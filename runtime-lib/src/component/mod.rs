//! The runtime's side of the component model: the canonical ABI between guests and host, named and
//! ordered as in its `definitions.py`, for synchronous calls.
//!
//! **Host functions** of WASI 0.2 and later are safe functions of this shape, in `wasi`:
//!
//! ```text
//! pub fn input_stream_read(
//!     call: &mut Call<'_>,
//!     this: Borrow<InputStream>,
//!     len: u64,
//! ) -> Result<Vec<u8>, StreamError>
//! ```
//!
//! Parameters are [`Lift`], the result is [`Lower`]: numbers, `bool`, `char`, `String` (and `&str`
//! to lower), `Vec`, `Option`, `Result` with `()` where there is no payload, tuples, [`Own`] and
//! [`Borrow`] of a [`Resource`], [`Bytes`], and what `record!`, `variant!`, `enumeration!` and
//! `flags!` declare. `host_fns!`, in `exports`, makes a symbol of each, which links only if a
//! program imports it, and a test that its type is that of the table in `wasmelt_abi`.
//!
//! **[`Call`]** is the context of one call. What it gives borrows it, so that nothing refers to
//! the guest's memory or to resources when the guest runs, which it does in
//! [`Call::allocate_bytes`] and wherever a result is lowered. A trap does not return and runs no
//! destructors: nothing that has to be undone is held when a method that can trap is called (no
//! guard of a `RefCell` above all).
//!
//! **Bytes**: a parameter of type [`Bytes`] stays in the guest's memory and is looked at through
//! `bytes.of(memory)`. For a result, `call.allocate_bytes(len)` gives one that the host function
//! fills through `bytes.of_mut(memory)`, so that data goes from the kernel to the guest without a
//! copy. It has to know the exact length, as some guests count on a single allocation of exactly
//! what they get; otherwise it returns a `Vec<u8>`.
//!
//! **Resources** are Rust values in one slab a store ([`Resources`]); a handle's rep is the index.
//! Handles have been checked when a host function gets them. An [`Own`] that a function gets is
//! taken out with [`Call::take`], and one that it returns comes from [`Call::push`]. When the
//! guest drops its handle, the value is dropped.
//!
//! What compiled code calls for handles, scopes, strings and lists is in `runtime_fns`; exports
//! whose types only run time knows are called through `dynamic`. The state of a store is found
//! through the header of any of its memories, so that there can be several stores.

mod call;
mod compound;
mod declare;
pub mod dynamic;
pub mod ends;
pub(crate) mod error_context;
pub mod export;
pub(crate) mod flat;
mod handles;
mod heap;
mod host_fn;
mod layout;
mod resource;
pub(crate) mod runtime_fns;
pub mod serve;
mod state;
mod strings;
pub mod tasks;
#[cfg(test)]
mod tests;
pub(crate) mod types;
mod values;

pub use call::Call;
pub use compound::{Fields, lift_discriminant, load_discriminant, store_discriminant};
#[cfg(test)]
pub use declare::wit_name;
pub use host_fn::{HostFn, RawSlots, drop_resource, enter};
pub use layout::{Layout, discriminant_bytes};
pub use resource::{Borrow, Own, Rep, Resource, Resources};
#[cfg(test)]
pub(crate) use tests::{Guest, check_complete, check_host_fns, trap_text};
pub use types::{Type, text};
pub use values::{Bytes, Lift, Lower, Slots, Value, invalid_discriminant};
