//! HTTP/1.1 (RFC 9112), for both sides of a connection.
//!
//! Our own, since the libraries that there are neither send informational responses from servers,
//! nor trailers that were not announced, nor keep the case of names.

pub mod framing;
pub mod head;
pub mod receiving;
pub mod sending;
