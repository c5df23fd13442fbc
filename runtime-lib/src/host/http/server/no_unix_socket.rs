//! Sockets that have a path instead of an address, which programs for Windows have not.

use crate::host::{Error, Result};
use crate::sys::fd::OwnedFd;

/// # Errors
/// [`Error::Unsupported`].
pub(super) fn listen_at(_path: &str, _backlog: i32) -> Result<OwnedFd> {
    Err(Error::Unsupported)
}

/// None.
pub(super) fn path_of(_socket: &OwnedFd) -> String {
    String::new()
}

/// There is none.
pub(super) fn remove(_path: &str) {}
