//! Waiting until one of several things happens: a descriptor becomes readable or writable, or the
//! monotonic clock shows a time.
//!
//! What is ready stays ready until somebody uses it up: whatever has been seen before, the system
//! is asked in the end. A few descriptors are waited for with one `poll(2)`, which leaves nothing
//! behind. Many are registered with the event loop of `reactor` once and cost nothing while they
//! are silent. Nothing here reads or writes, and nothing here knows a version of WASI.

mod apart;
mod driving;
mod futures;
mod reactor;
#[cfg(test)]
pub(crate) mod script;
mod source;
mod tasks;
#[cfg(test)]
mod tests;

use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::host::clocks::{Clock, now_ns};
use crate::host::stat::NS_PER_S;

pub use apart::apart;
pub use driving::wait_any_driving;
pub use futures::{Changes, Ready, Sleep, ready, sleep_until, turn};
pub use reactor::Waiting;
pub use source::{Handle, Source};
pub use tasks::{Task, spawn};

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

/// More descriptors than these are left to the event loop.
const DIRECT_MAX: usize = 16;

impl Wanted {
    fn deadline_ns(&self) -> Option<u64> {
        match self {
            Wanted::Now => Some(0),
            Wanted::Time { at_ns } => Some(*at_ns),
            Wanted::Ready(..) => None,
            Wanted::Event(event) => has_happened(&**event).then_some(0),
        }
    }

    fn poll_fd(&self) -> Option<PollFd<'_>> {
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
        match rustix::event::poll(&mut fd, Some(&NO_TIME)) {
            Err(Errno::INTR) => {}
            Err(_) => return true,
            Ok(_) => return fd.iter().any(is_returned),
        }
    }
}

/// Waits until it has happened. Events are left to [`wait_any_driving`].
pub fn wait_one(wanted: &Wanted) {
    match wanted {
        Wanted::Now | Wanted::Event(_) => {}
        Wanted::Time { at_ns } => {
            poll(&mut [], Some(*at_ns));
        }
        Wanted::Ready(handle, interest) => wait_for_descriptor(handle, *interest),
    }
}

/// Waits until a descriptor is ready. Unlike [`wait_one`], this does not refer to clocks.
pub fn wait_for_descriptor(handle: &Handle, interest: Interest) {
    let mut fd = [poll_fd(handle, interest)];
    while rustix::event::poll(&mut fd, None) == Err(Errno::INTR) {}
}

/// Waits until at least one of them has happened, and returns the indices of those that have,
/// in ascending order. Of nothing, nothing ever happens: `wanted` is not empty.
#[must_use]
pub fn wait_any(wanted: &[Wanted]) -> Vec<usize> {
    let descriptors = wanted.iter().filter(|one| matches!(one, Wanted::Ready(..)));
    if descriptors.count() > DIRECT_MAX
        && let Some(ready) = reactor::wait_any(wanted, false)
    {
        return ready;
    }
    wait_directly(wanted)
}

/// From now on, the event loop wakes the waker when there is something new about the descriptor,
/// until what this gives is dropped. Nothing where the loop has no room for it.
#[must_use]
pub fn notify(handle: &Handle, interest: Interest, waker: &Waker) -> Option<Waiting> {
    reactor::wait_for(handle, interest, waker, None)
}

/// As [`wait_any`], but returns early, with nothing, when the event loop has had something new for
/// somebody else. Nothing at all where there is no event loop.
#[must_use]
pub fn wait_any_or_news(wanted: &[Wanted]) -> Option<Vec<usize>> {
    reactor::wait_any(wanted, true)
}

fn wait_directly(wanted: &[Wanted]) -> Vec<usize> {
    let mut fds: Vec<PollFd<'_>> = wanted.iter().filter_map(Wanted::poll_fd).collect();
    let refused = !poll(&mut fds, deadline_ns(wanted));
    let mut polled = fds.iter().map(|fd| refused || is_returned(fd));
    happened(wanted, |_| polled.next().unwrap_or(true))
}

/// The indices of what has happened; `is_ready` tells for each of the descriptors, in order.
fn happened(wanted: &[Wanted], mut is_ready: impl FnMut(usize) -> bool) -> Vec<usize> {
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
fn deadline_ns(wanted: &[Wanted]) -> Option<u64> {
    wanted.iter().filter_map(Wanted::deadline_ns).min()
}

fn poll_fd(handle: &Handle, interest: Interest) -> PollFd<'_> {
    let flags = match interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    };
    PollFd::from_borrowed_fd(handle.fd(), flags)
}

fn is_returned(fd: &PollFd<'_>) -> bool {
    !fd.revents().is_empty()
}

/// `poll(2)`, up to a time of the monotonic clock: whether the system was willing to. What it
/// refuses to wait for counts as ready, since using it tells why.
fn poll(fds: &mut [PollFd<'_>], deadline_ns: Option<u64>) -> bool {
    #[cfg(test)]
    if script::is_running() {
        script::wait(deadline_ns, || {
            rustix::event::poll(fds, Some(&NO_TIME)) != Ok(0)
        });
        return true;
    }
    loop {
        let timeout = deadline_ns.map(|at| timespec(ns_until(at)));
        match rustix::event::poll(fds, timeout.as_ref()) {
            Err(Errno::INTR) => {}
            Ok(0) if deadline_ns.is_none_or(|at| ns_until(at) > 0) => {}
            result => return result.is_ok(),
        }
    }
}

fn ns_until(at_ns: u64) -> u64 {
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
