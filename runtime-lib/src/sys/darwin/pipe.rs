//! What Linux has for pipes and macOS has not.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{Errno, Result};

bitflags::bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct SpliceFlags: u32 {
        const NONBLOCK = 1;
        const MOVE = 2;
    }
}

/// Whether [`splice`] does anything.
pub const CAN_SPLICE: bool = false;

/// # Errors
/// [`Errno::NOSYS`].
pub fn splice(
    _from: impl AsFd,
    _from_position: Option<&mut u64>,
    _to: impl AsFd,
    _to_position: Option<&mut u64>,
    _bytes: usize,
    _flags: SpliceFlags,
) -> Result<usize> {
    Err(Errno::NOSYS)
}

bitflags::bitflags! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct PipeFlags: u32 {
        const CLOEXEC = 1;
        const NONBLOCK = 2;
    }
}

/// The two ends of a pipe for [`splice`].
///
/// # Errors
/// [`Errno::NOSYS`].
pub fn pipe_with(_flags: PipeFlags) -> Result<(OwnedFd, OwnedFd)> {
    Err(Errno::NOSYS)
}

/// # Errors
/// [`Errno::NOSYS`].
pub fn fcntl_setpipe_size(_fd: impl AsFd, _bytes: usize) -> Result<usize> {
    Err(Errno::NOSYS)
}

/// # Errors
/// [`Errno::NOSYS`]: a pipe does not tell.
pub fn fcntl_getpipe_size(_fd: impl AsFd) -> Result<usize> {
    Err(Errno::NOSYS)
}
