//! Waiting for what is wanted: a few descriptors with one `poll(2)`, many with the event loop.

use std::task::Waker;

use crate::sys::event::PollFd;
use crate::sys::io::Errno;

use super::reactor::{self, Waiting};
use super::source::Handle;
use super::wanted::{Interest, Wanted, deadline_ns, happened, is_returned, poll, poll_fd};

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
    while crate::sys::event::poll(&mut fd, None) == Err(Errno::INTR) {}
}

/// More descriptors than these are left to the event loop.
pub(super) const DIRECT_MAX: usize = 16;

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
