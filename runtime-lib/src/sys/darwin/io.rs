//! Reading and writing, without what only Linux can be told about it.

use std::os::fd::AsFd;

pub use rustix::io::*;

bitflags::bitflags! {
    /// How [`preadv2`] and [`pwritev2`] would differ from the calls without a number.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct ReadWriteFlags: u32 {
        /// Fails rather than waits.
        const NOWAIT = 1;
        /// To the end of the file.
        const APPEND = 2;
    }
}

/// # Errors
/// [`Errno::NOSYS`]: whoever does not want to wait asks before.
pub fn preadv2(
    _fd: impl AsFd,
    _buffers: &mut [IoSliceMut<'_>],
    _position: u64,
    _flags: ReadWriteFlags,
) -> Result<usize> {
    Err(Errno::NOSYS)
}

/// # Errors
/// [`Errno::NOSYS`]: whoever appends opens the file for that.
pub fn pwritev2(
    _fd: impl AsFd,
    _buffers: &[IoSlice<'_>],
    _position: u64,
    _flags: ReadWriteFlags,
) -> Result<usize> {
    Err(Errno::NOSYS)
}
