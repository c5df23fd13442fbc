//! `wasi:http`.
//!
//! What a guest gets of a message is a copy that it cannot change; bodies are pipes, whose streams
//! wait for events of this program. Where the documents are silent, what Wasmtime does counts:
//! only a body has children that must be gone first, its stream.
#![allow(clippy::result_unit_err, reason = "a `result` of WIT need not say why")]

mod fields;
mod incoming;
mod outgoing;
mod streams;
mod types;

pub use fields::*;
pub use incoming::*;
pub use outgoing::*;
pub use types::ErrorNames;
