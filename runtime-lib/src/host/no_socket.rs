//! Sockets, on a system for which there are none yet: a process is given none either.

use std::convert::Infallible;

use super::Result;
use super::stat::FileType;
use crate::sys::fd::{AsFd, BorrowedFd};

/// There is none.
#[derive(Debug)]
pub struct Socket(Infallible);

impl Socket {
    /// See [`super::Descriptor::another`].
    pub(super) fn another(&self) -> Result<Socket> {
        match self.0 {}
    }

    /// # Errors
    /// None.
    pub fn is_nonblocking(&self) -> Result<bool> {
        match self.0 {}
    }

    pub(super) fn file_type(&self) -> FileType {
        match self.0 {}
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self.0 {}
    }
}

/// The sockets that a service manager has opened for the process: none.
pub fn inherited() -> impl Iterator<Item = Socket> {
    std::iter::empty()
}
