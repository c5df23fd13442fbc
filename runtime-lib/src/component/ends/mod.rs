//! Streams and futures of the canonical ABI, named and ordered as in its `definitions.py`: "Stream
//! State", "Future State" and their built-ins.
//!
//! A stream or future is an object ([`shared`]) with two ends; [`model`] says what both are. An end
//! is an entry of an instance's table and a waitable ([`end`]), or belongs to the host ([`host`]). Nothing is buffered between
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
mod copy;
mod descriptor;
mod end;
mod host;
mod model;
mod pipe;
mod reader;
mod shared;
#[cfg(test)]
mod tests;
pub(super) mod transit;

pub use descriptor::{Attempt, Mode, ReadEnd, WriteEnd};
pub use host::{Consume, ConsumeBytes, Produce, ProduceBytes};
pub use reader::{FutureReader, Resolver, StreamReader};
