//! A client's connection, with what has come in, and the times that are measured on it.

use std::os::fd::OwnedFd;

use crate::host::clocks::{Clock, now_ns};
use crate::host::http::transport::{Buffer, Socket, Transport};

/// A client's connection, with what has come in.
pub(super) struct Connection {
    pub(super) transport: Box<dyn Transport>,
    pub(super) buffer: Buffer,
}

impl Connection {
    pub(super) fn new(fd: OwnedFd) -> Connection {
        Connection {
            transport: Box::new(Socket::new(fd)),
            buffer: Buffer::default(),
        }
    }
}

/// The time when so many nanoseconds are over.
pub(super) fn after_ns(ns: u64) -> u64 {
    now_ns(Clock::Monotonic).saturating_add(ns)
}
