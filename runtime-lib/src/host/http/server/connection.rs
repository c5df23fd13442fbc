//! A client's connection, with what has come in.

use crate::host::http::transport::{Buffer, Socket, Transport};
use crate::sys::fd::OwnedFd;

/// A client's connection, with what has come in.
pub struct Connection {
    pub(in crate::host::http) transport: Box<dyn Transport>,
    pub(in crate::host::http) buffer: Buffer,
    /// It has TLS.
    pub(in crate::host::http) is_secure: bool,
}

impl Connection {
    pub(in crate::host::http) fn new(fd: OwnedFd) -> Connection {
        Connection {
            transport: Box::new(Socket::new(fd)),
            buffer: Buffer::default(),
            is_secure: false,
        }
    }
}
