//! What a thread tells another that waits for a descriptor: an event of a queue's own, which makes the
//! queue readable.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{null, null_mut};

use rustix::io::{Errno, FdFlags, Result, fcntl_setfd};

/// A descriptor that becomes readable, for good, when it is told to.
///
/// # Errors
/// The system's, which may have no room for another descriptor.
pub fn new() -> Result<OwnedFd> {
    let queue = queue()?;
    change(&queue, libc::EVFILT_USER, 0, libc::EV_ADD, 0)?;
    Ok(queue)
}

/// Makes it readable.
pub fn give(notice: impl AsFd) {
    // The event is there for as long as the queue.
    let _ = change(notice, libc::EVFILT_USER, 0, 0, libc::NOTE_TRIGGER);
}

/// A queue of events without any.
///
/// # Errors
/// As [`new`].
pub fn queue() -> Result<OwnedFd> {
    // SAFETY: makes a descriptor.
    let fd = unsafe { libc::kqueue() };
    if fd < 0 {
        return Err(last_error());
    }
    // SAFETY: the descriptor has just been made, and nobody else has it.
    let queue = unsafe { OwnedFd::from_raw_fd(fd) };
    fcntl_setfd(&queue, FdFlags::CLOEXEC)?;
    Ok(queue)
}

/// Changes what a queue has events of.
///
/// # Errors
/// The system's.
pub fn change(queue: impl AsFd, filter: i16, ident: usize, flags: u16, fflags: u32) -> Result<()> {
    let event = libc::kevent {
        ident,
        filter,
        flags,
        fflags,
        data: 0,
        udata: null_mut(),
    };
    let fd = queue.as_fd().as_raw_fd();
    // SAFETY: the system reads one event, and writes none.
    match unsafe { libc::kevent(fd, &raw const event, 1, null_mut(), 0, null()) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// What the next event of a queue is of, if there is one now.
pub fn next(queue: impl AsFd) -> Option<usize> {
    let mut event = libc::kevent {
        ident: 0,
        filter: 0,
        flags: 0,
        fflags: 0,
        data: 0,
        udata: null_mut(),
    };
    let now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let fd = queue.as_fd().as_raw_fd();
    // SAFETY: the system writes one event to a local.
    let count = unsafe { libc::kevent(fd, null(), 0, &raw mut event, 1, &raw const now) };
    (count == 1).then_some(event.ident)
}

fn last_error() -> Errno {
    let error = std::io::Error::last_os_error();
    Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
}
