//! What descriptors know of sockets: which of them are some, and who does with them what is done with
//! descriptors. Programs that open none are linked without Winsock, so that it is [`super::net`] that
//! says so when it opens the first.

use std::sync::OnceLock;
use std::time::Duration;

use super::errno::{Errno, Result};

/// The number of a descriptor.
pub type RawFd = i32;

/// The system leaves the lowest two bits of a handle to whoever has it. Those of sockets are these.
const TAG: RawFd = 0b10;
const TAG_BITS: RawFd = 0b11;

static CALLS: OnceLock<Calls> = OnceLock::new();

/// What [`super::net`] does for descriptors that are sockets, which are open.
pub(super) struct Calls {
    pub(super) close: fn(RawFd),
    pub(super) duplicate: fn(RawFd) -> Result<RawFd>,
    pub(super) receive: fn(RawFd, &mut [u8]) -> Result<usize>,
    pub(super) send: fn(RawFd, &[u8]) -> Result<usize>,
    /// Bytes that can be received without waiting.
    pub(super) waiting: fn(RawFd) -> Result<u64>,
    /// Waits until one is ready, or for so long, and notes of each what it is.
    pub(super) wait: fn(&mut [Asked], Duration),
}

/// A socket that is waited for: whether that is for reading and for writing, and what has been found.
pub(super) struct Asked {
    pub(super) fd: RawFd,
    pub(super) wanted: Directions,
    pub(super) found: Directions,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Directions {
    pub(super) reading: bool,
    pub(super) writing: bool,
    /// It has failed; only found.
    pub(super) failed: bool,
}

/// The calls, once there is a socket.
pub(super) fn provide(calls: Calls) {
    // Another thread's are the same.
    let _ = CALLS.set(calls);
}

/// # Errors
/// [`Errno::NOTSOCK`] while nobody has opened one.
pub(super) fn calls() -> Result<&'static Calls> {
    CALLS.get().ok_or(Errno::NOTSOCK)
}

pub(super) fn is_socket(fd: RawFd) -> bool {
    fd > 0 && fd & TAG_BITS == TAG
}

/// The number of the descriptor that is this handle of a socket.
pub(super) fn number(handle: usize) -> RawFd {
    handle as RawFd | TAG
}

/// The handle that a descriptor is.
pub(super) fn handle(fd: RawFd) -> isize {
    let fd = if is_socket(fd) { fd & !TAG_BITS } else { fd };
    fd as isize
}
