//! `wasi:sockets`.
//!
//! The network may be used where the executable's policy says so, and otherwise no socket can be
//! made; names are looked up where it says that. A `network` adds nothing to that.

pub mod lookup;
pub mod network;
pub mod options;
pub mod tcp;
mod tcp_streams;
#[cfg(test)]
mod tests;
pub mod udp;

use crate::host::net::Direction;
use crate::io::{Handle, Interest, Wanted};

fn wanted(handle: Handle, direction: Direction) -> Wanted {
    let interest = match direction {
        Direction::Readable => Interest::Readable,
        Direction::Writable => Interest::Writable,
    };
    Wanted::Ready(handle, interest)
}
