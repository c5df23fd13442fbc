//! `wasi:http`.
//!
//! A message that a guest has made holds the ends of its stream and future until it is sent; one
//! that has been received holds the pipe from its connection. Sent on, neither enters the guest's
//! memory again.
#![allow(clippy::result_unit_err, reason = "a `result` of WIT need not say why")]

mod body;
mod fields;
mod message;
mod options;

pub use fields::*;
pub use message::*;
pub use options::*;
