//! What WASI 0.1 does with sockets, on a system for which there are none yet: no descriptor is one.

use std::io::{IoSlice, IoSliceMut};

use super::socket::Socket;
use super::{Descriptor, Error, Result};

/// What [`receive`] got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    pub bytes: usize,
    pub truncated: bool,
}

/// # Errors
/// [`Error::NotSocket`]; so for all of the following.
pub fn accept(_listener: &Descriptor, _nonblocking: bool) -> Result<Socket> {
    Err(Error::NotSocket)
}

/// # Errors
/// As [`accept`].
pub fn receive(
    _socket: &Descriptor,
    _buffers: &mut [IoSliceMut<'_>],
    _peek: bool,
    _wait_all: bool,
) -> Result<Received> {
    Err(Error::NotSocket)
}

/// # Errors
/// As [`accept`].
pub fn send(_socket: &Descriptor, _buffers: &[IoSlice<'_>]) -> Result<usize> {
    Err(Error::NotSocket)
}

/// # Errors
/// As [`accept`].
pub fn shut_down(_socket: &Descriptor, _receiving: bool, _sending: bool) -> Result<()> {
    Err(Error::NotSocket)
}
