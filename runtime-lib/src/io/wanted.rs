//! What can be waited for, and whether it has happened.

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::sys::event::{PollFd, PollFlags, Timespec};
use crate::sys::io::Errno;

use super::source::Handle;
use crate::host::clocks::{Clock, now_ns};
use crate::host::stat::NS_PER_S;

/// A direction of a descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Interest {
    /// Reading does not wait: there is something, or the end, or an error.
    Readable,
    /// Writing something does not wait, or fails.
    Writable,
}

/// Something that this program does by itself.
pub trait Event {
    /// Whether it has happened; if not, the waker is woken when it has.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()>;
}

/// What is waited for.
#[derive(Clone)]
pub enum Wanted {
    /// Nothing: it has happened.
    Now,
    /// The monotonic clock shows this time.
    Time { at_ns: u64 },
    /// The descriptor is ready.
    Ready(Handle, Interest),
    /// This has happened.
    Event(Rc<dyn Event>),
}

const NO_TIME: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 0,
};

impl Wanted {
    fn deadline_ns(&self) -> Option<u64> {
        match self {
            Wanted::Now => Some(0),
            Wanted::Time { at_ns } => Some(*at_ns),
            Wanted::Ready(..) => None,
            Wanted::Event(event) => has_happened(&**event).then_some(0),
        }
    }

    pub(super) fn poll_fd(&self) -> Option<PollFd<'_>> {
        match self {
            Wanted::Ready(handle, interest) => Some(poll_fd(handle, *interest)),
            Wanted::Now | Wanted::Time { .. } | Wanted::Event(_) => None,
        }
    }
}

/// Whether it has happened.
#[must_use]
pub fn is_ready(wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Now => true,
        Wanted::Time { at_ns } => *at_ns <= now_ns(Clock::Monotonic),
        Wanted::Ready(handle, interest) => is_descriptor_ready(handle, *interest),
        Wanted::Event(event) => has_happened(&**event),
    }
}

fn has_happened(event: &dyn Event) -> bool {
    event
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_ready()
}

/// Whether a descriptor is ready. Unlike [`is_ready`], this does not refer to clocks.
#[must_use]
pub fn is_descriptor_ready(handle: &Handle, interest: Interest) -> bool {
    let mut fd = [poll_fd(handle, interest)];
    loop {
        match crate::sys::event::poll(&mut fd, Some(&NO_TIME)) {
            Err(Errno::INTR) => {}
            Err(_) => return true,
            Ok(_) => return fd.iter().any(is_returned),
        }
    }
}

/// The indices of what has happened; `is_ready` tells for each of the descriptors, in order.
pub(super) fn happened(wanted: &[Wanted], mut is_ready: impl FnMut(usize) -> bool) -> Vec<usize> {
    let now = now_ns(Clock::Monotonic);
    let happened = wanted.iter().enumerate().filter(|(index, one)| match one {
        Wanted::Now => true,
        Wanted::Time { at_ns } => *at_ns <= now,
        Wanted::Ready(..) => is_ready(*index),
        Wanted::Event(event) => has_happened(&**event),
    });
    happened.map(|(index, _)| index).collect()
}

/// The earliest time at which one of them has happened for certain.
pub(super) fn deadline_ns(wanted: &[Wanted]) -> Option<u64> {
    wanted.iter().filter_map(Wanted::deadline_ns).min()
}

pub(super) fn poll_fd(handle: &Handle, interest: Interest) -> PollFd<'_> {
    let flags = match interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    };
    PollFd::from_borrowed_fd(handle.fd(), flags)
}

pub(super) fn is_returned(fd: &PollFd<'_>) -> bool {
    !fd.revents().is_empty()
}

/// `poll(2)`, up to a time of the monotonic clock: whether the system was willing to. What it
/// refuses to wait for counts as ready, since using it tells why.
pub(super) fn poll(fds: &mut [PollFd<'_>], deadline_ns: Option<u64>) -> bool {
    #[cfg(test)]
    if super::script::is_running() {
        super::script::wait(deadline_ns, || {
            crate::sys::event::poll(fds, Some(&NO_TIME)) != Ok(0)
        });
        return true;
    }
    loop {
        let timeout = deadline_ns.map(|at| timespec(ns_until(at)));
        match crate::sys::event::poll(fds, timeout.as_ref()) {
            Err(Errno::INTR) => {}
            Ok(0) if deadline_ns.is_none_or(|at| ns_until(at) > 0) => {}
            result => return result.is_ok(),
        }
    }
}

pub(super) fn ns_until(at_ns: u64) -> u64 {
    match at_ns {
        0 => 0,
        at => at.saturating_sub(now_ns(Clock::Monotonic)),
    }
}

fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: (ns / NS_PER_S).cast_signed(),
        tv_nsec: (ns % NS_PER_S) as _,
    }
}
