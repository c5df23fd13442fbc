//! Messages of HTTP as all versions of `wasi:http` see them.
//!
//! A message is a head (`message`, with its `fields`) and a `body`, which is a pipe between a guest
//! and a connection.

pub mod answer;
pub mod body;
pub mod client;
mod error;
pub mod fields;
pub mod h1;
pub mod h2;
pub mod large;
pub mod message;
pub mod parcel;
pub mod server;
pub mod tls;
pub mod transport;

pub use error::{DnsErrorPayload, ErrorCode, FieldSizePayload, Result, TlsAlertReceivedPayload};
pub use fields::{Fields, FieldsError};
pub use message::{Method, RequestHead, RequestOptions, ResponseHead, Scheme};
