//! Numbers of descriptors.

use crate::sys::fd::{AsFd, AsRawFd, OwnedFd};

use crate::sys::io::fcntl_dupfd_cloexec;

use super::Result;

/// The first number that is not a standard stream's.
pub(super) const FIRST_FD: i32 = 3;

/// Moves a newly opened descriptor away from the numbers of the standard streams, which the
/// system hands out when the process was started without them.
pub(super) fn above_streams(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.as_raw_fd() >= FIRST_FD {
        Ok(fd)
    } else {
        Ok(fcntl_dupfd_cloexec(fd, FIRST_FD)?)
    }
}

/// Another descriptor of the same open file.
///
/// # Errors
/// The system's, which may have no room for another descriptor.
pub(super) fn duplicate(fd: impl AsFd) -> Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(fd, FIRST_FD)?)
}
