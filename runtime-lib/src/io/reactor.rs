//! The event loop: which of many descriptors have something new.
//!
//! A descriptor is registered when it is first waited for, and stays so until it is closed. The
//! system reports only changes, which are noted in the descriptor's slot; that a note is still
//! true, the system is asked before anybody hears of it.
//!
//! Where the system has no room for an event loop, the few descriptors that the process then has
//! are waited for with `poll(2)`.

use crate::sys::fd::{AsRawFd, BorrowedFd, RawFd};
use std::cell::RefCell;
use std::task::Waker;
use std::time::Duration;

use crate::sys::event::{PollFd, PollFlags};
use crate::sys::io::Errno;
use crate::sys::selector::{self, Events, Poll, SourceFd, Token};

use super::source::{Handle, Registration};
use super::wanted::{
    Interest, Wanted, deadline_ns, happened, is_returned, ns_until, poll, poll_fd,
};

/// Changes that one call reports; the others wait for the next.
const EVENTS_MAX: usize = 256;

/// Descriptors that one call asks about, below the limit that the system puts on it.
const ASKED_MAX: usize = 256;

/// Nothing waits longer at once; whoever waits longer waits again.
const TURN_MAX: Duration = Duration::from_secs(3600);

/// The system has no room for one more descriptor in the event loop, or for the loop.
struct NoRoom;

/// For all that the thread waits for.
struct Reactor {
    /// Nothing where the system has no room for it.
    poll: Option<Poll>,
    events: Events,
    slots: Vec<Slot>,
    /// Slots that are not in use.
    free: Vec<usize>,
    /// Where the standard streams are, which are never closed.
    streams: [Option<usize>; 3],
    /// The number of who has begun to wait last.
    last_waiting: u64,
    /// How many wait.
    waiting: usize,
}

/// Somebody waits for a descriptor until this is dropped.
#[derive(Debug)]
pub struct Waiting {
    slot: usize,
    number: u64,
}

/// What has been noted of a descriptor.
struct Slot {
    /// It is open: whoever closes it forgets it first.
    fd: RawFd,
    readable: bool,
    writable: bool,
    /// Nothing is ever reported: it never makes anybody wait.
    silent: bool,
    /// The other side has ended it, or it has failed: neither is reported again.
    ended: bool,
    /// Those who are to be woken.
    waiters: Vec<Waiter>,
}

struct Waiter {
    number: u64,
    interest: Interest,
    waker: Waker,
}

thread_local! {
    static REACTOR: RefCell<Option<Reactor>> = const { RefCell::new(None) };
}

/// As [`super::wait_any`], or with `news` as [`super::wait_any_or_news`]; nothing where the system
/// has no room for this.
pub(super) fn wait_any(wanted: &[Wanted], news: bool) -> Option<Vec<usize>> {
    REACTOR.with_borrow_mut(|reactor| {
        let reactor = reactor.get_or_insert_with(Reactor::new);
        reactor.wait_any(wanted, news).ok()
    })
}

/// From now on, a change of the descriptor wakes this waker; `known` says that somebody waits
/// again. Nothing where the loop has no room for this, or nothing to report.
pub(super) fn wait_for(
    handle: &Handle,
    interest: Interest,
    waker: &Waker,
    known: Option<Waiting>,
) -> Option<Waiting> {
    REACTOR.with_borrow_mut(|reactor| {
        let reactor = reactor.get_or_insert_with(Reactor::new);
        reactor.wait_for(handle, interest, waker, known)
    })
}

/// Whether something has been reported of a descriptor since [`clear`], or could have been without
/// anybody's knowing.
pub(super) fn is_noted(handle: &Handle, interest: Interest) -> bool {
    REACTOR.with_borrow_mut(|reactor| match reactor {
        Some(reactor) if reactor.poll.is_none() => true,
        Some(reactor) => {
            let slot = reactor.known_slot(handle);
            let slot = slot.and_then(|slot| reactor.slots.get(slot));
            slot.is_some_and(|slot| slot.is_noted(interest))
        }
        None => false,
    })
}

/// The system has just said that there is nothing more: what was reported before is forgotten, but
/// for what is not reported again.
pub(super) fn clear(handle: &Handle, interest: Interest) {
    REACTOR.with_borrow_mut(|reactor| {
        if let Some(reactor) = reactor
            && let Some(slot) = reactor.known_slot(handle)
            && let Some(slot) = reactor.slots.get_mut(slot)
        {
            *slot.note(interest) = slot.ended || slot.silent;
        }
    });
}

/// From now on, the thread waits as if the system had no room for the event loop.
#[cfg(test)]
pub(super) fn have_no_room() {
    let poll = None;
    REACTOR.set(Some(Reactor {
        poll,
        ..Reactor::new()
    }));
}

/// Whether anybody has called [`wait_for`] and still waits.
pub(super) fn has_waiting() -> bool {
    REACTOR.with_borrow(|reactor| {
        let reactor = reactor.as_ref();
        reactor.is_some_and(|reactor| reactor.waiting > 0)
    })
}

/// Waits for changes, up to a time of the monotonic clock, and wakes who waits for them.
pub(super) fn turn(deadline_ns: Option<u64>) {
    let woken = REACTOR.with_borrow_mut(|reactor| {
        let Some(reactor) = reactor.as_mut() else {
            return Vec::new();
        };
        if reactor.poll.is_none() {
            return reactor.wait_directly(deadline_ns);
        }
        reactor.turn(deadline_ns);
        reactor.woken()
    });
    woken.into_iter().for_each(Waker::wake);
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = REACTOR.try_with(|reactor| {
            let mut reactor = reactor.borrow_mut();
            let waiter = reactor
                .as_mut()
                .and_then(|reactor| reactor.remove_waiter(self));
            drop(reactor);
            drop(waiter);
        });
    }
}

/// The [`Registration::forget`] of this loop.
fn forget(slot: usize, fd: RawFd) {
    // A thread that ends has dropped its loop, and the system has forgotten all of it.
    let _ = REACTOR.try_with(|reactor| {
        if let Some(reactor) = reactor.borrow_mut().as_mut() {
            // What was never registered cannot be deregistered.
            if let Some(poll) = &reactor.poll {
                let _ = poll.registry().deregister(&mut SourceFd(&fd));
            }
            reactor.free.push(slot);
        }
    });
}

impl Reactor {
    fn new() -> Reactor {
        Reactor {
            poll: Poll::new().ok(),
            events: Events::with_capacity(EVENTS_MAX),
            slots: Vec::new(),
            free: Vec::new(),
            streams: [None; 3],
            last_waiting: 0,
            waiting: 0,
        }
    }

    fn wait_for(
        &mut self,
        handle: &Handle,
        interest: Interest,
        waker: &Waker,
        known: Option<Waiting>,
    ) -> Option<Waiting> {
        let waiting = match known {
            Some(waiting) => waiting,
            None => {
                let wanted = Wanted::Ready(handle.clone(), interest);
                let slot = self.slot_of(&wanted).ok()??;
                if self.slots.get(slot)?.silent {
                    return None;
                }
                self.last_waiting += 1;
                Waiting {
                    slot,
                    number: self.last_waiting,
                }
            }
        };
        let waiters = &mut self.slots.get_mut(waiting.slot)?.waiters;
        let known = waiters
            .iter_mut()
            .find(|waiter| waiter.number == waiting.number);
        match known {
            Some(waiter) => waiter.waker.clone_from(waker),
            None => {
                // Hardly ever do two wait for the same.
                waiters.reserve_exact(1);
                waiters.push(Waiter {
                    number: waiting.number,
                    interest,
                    waker: waker.clone(),
                });
                self.waiting += 1;
            }
        }
        Some(waiting)
    }

    fn remove_waiter(&mut self, waiting: &Waiting) -> Option<Waiter> {
        let waiters = &mut self.slots.get_mut(waiting.slot)?.waiters;
        let is_it = |waiter: &Waiter| waiter.number == waiting.number;
        let place = waiters.iter().position(is_it)?;
        self.waiting -= 1;
        Some(waiters.remove(place))
    }

    /// The wakers of those who wait for the descriptors about which something has been reported.
    fn woken(&mut self) -> Vec<Waker> {
        let mut woken = Vec::new();
        for event in &self.events {
            let slot = event.token().0;
            let failed = event.is_error();
            let readable = event.is_readable() || event.is_read_closed() || failed;
            let writable = event.is_writable() || event.is_write_closed() || failed;
            for (interest, happened) in [
                (Interest::Readable, readable),
                (Interest::Writable, writable),
            ] {
                if happened {
                    woken.extend(self.wakers_of(slot, interest).cloned());
                }
            }
        }
        woken
    }

    /// As a turn, without an event loop: asks for all descriptors that somebody waits for.
    fn wait_directly(&self, deadline_ns: Option<u64>) -> Vec<Waker> {
        let mut wanted: Vec<(usize, PollFlags)> = Vec::new();
        for (index, slot) in self.slots.iter().enumerate() {
            let flags = slot.waiters.iter();
            let flags = flags.map(|waiter| direction(waiter.interest)).collect();
            if flags != PollFlags::empty() {
                wanted.push((index, flags));
            }
        }
        let mut fds: Vec<PollFd<'_>> = wanted.iter().filter_map(|at| self.poll_fd(*at)).collect();
        if !poll(&mut fds, deadline_ns) {
            // They are more than the process may have by now: one after the other.
            fds.truncate(1);
            poll(&mut fds, deadline_ns);
        }
        let mut woken = Vec::new();
        for ((slot, _), fd) in wanted.iter().zip(&fds) {
            for (interest, other) in [
                (Interest::Readable, Interest::Writable),
                (Interest::Writable, Interest::Readable),
            ] {
                // Errors and ends concern both directions.
                if fd.revents().intersects(!direction(other)) {
                    woken.extend(self.wakers_of(*slot, interest).cloned());
                }
            }
        }
        woken
    }

    fn poll_fd(&self, (slot, flags): (usize, PollFlags)) -> Option<PollFd<'_>> {
        let fd = self.slots.get(slot)?.fd;
        // SAFETY: a descriptor leaves its slot before it is closed.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        Some(PollFd::from_borrowed_fd(fd, flags))
    }

    fn wakers_of(&self, slot: usize, interest: Interest) -> impl Iterator<Item = &Waker> {
        let slot = self.slots.get(slot).into_iter();
        let waiters = slot.flat_map(|slot| &slot.waiters);
        let concerned = waiters.filter(move |waiter| waiter.interest == interest);
        concerned.map(|waiter| &waiter.waker)
    }

    fn wait_any(&mut self, wanted: &[Wanted], news: bool) -> Result<Vec<usize>, NoRoom> {
        if self.poll.is_none() {
            return Err(NoRoom);
        }
        let slots = wanted
            .iter()
            .map(|one| self.slot_of(one))
            .collect::<Result<Vec<Option<usize>>, NoRoom>>()?;
        let deadline_ns = deadline_ns(wanted);
        loop {
            let known = wanted.iter().zip(slots.iter().copied());
            let any = known.clone().any(|(one, slot)| self.is_noted(one, slot));
            self.turn(if any { Some(0) } else { deadline_ns });
            // What is reported is reported once, also of what others wait for.
            self.woken().into_iter().for_each(Waker::wake);
            self.ask(known.clone());
            let noted: Vec<bool> = known.map(|(one, slot)| self.is_noted(one, slot)).collect();
            let happened = happened(wanted, |index| noted.get(index) == Some(&true));
            if news || !happened.is_empty() {
                return Ok(happened);
            }
        }
    }

    /// Notes changes; waits for the first, up to a time of the monotonic clock. A signal ends the
    /// waiting early.
    fn turn(&mut self, deadline_ns: Option<u64>) {
        let timeout = deadline_ns.map(|at| Duration::from_nanos(ns_until(at)));
        let timeout = timeout.unwrap_or(TURN_MAX).min(TURN_MAX);
        let Some(poll) = &mut self.poll else {
            return;
        };
        #[cfg(test)]
        if super::script::is_running() {
            super::script::wait(deadline_ns, || {
                let polled = poll.poll(&mut self.events, Some(Duration::ZERO));
                polled.is_err() || !self.events.is_empty()
            });
            return self.note_events();
        }
        if poll.poll(&mut self.events, Some(timeout)).is_err() {
            return;
        }
        self.note_events();
    }

    fn note_events(&mut self) {
        for event in &self.events {
            if let Some(slot) = self.slots.get_mut(event.token().0) {
                let failed = event.is_error();
                slot.readable |= event.is_readable() || event.is_read_closed() || failed;
                slot.writable |= event.is_writable() || event.is_write_closed() || failed;
                slot.ended |= event.is_read_closed() || event.is_write_closed() || failed;
            }
        }
    }

    /// Asks the system whether what is noted of the wanted descriptors is true, and clears the
    /// notes that are not: the next change is going to be reported.
    fn ask<'a>(&mut self, known: impl Iterator<Item = (&'a Wanted, Option<usize>)>) {
        let noted: Vec<(&Handle, Interest, usize)> = known
            .filter(|(one, slot)| self.is_noted(one, *slot))
            .filter_map(|(one, slot)| match one {
                Wanted::Ready(handle, interest) => Some((handle, *interest, slot?)),
                Wanted::Now | Wanted::Time { .. } | Wanted::Event(_) => None,
            })
            .collect();
        for some in noted.chunks(ASKED_MAX) {
            let asked = some
                .iter()
                .map(|(handle, interest, _)| poll_fd(handle, *interest));
            let mut fds: Vec<PollFd<'_>> = asked.collect();
            if !poll(&mut fds, Some(0)) {
                continue;
            }
            let silent = fds.iter().zip(some).filter(|(fd, _)| !is_returned(fd));
            for (_, (_, interest, slot)) in silent {
                if let Some(slot) = self.slots.get_mut(*slot) {
                    *slot.note(*interest) = false;
                }
            }
        }
    }

    fn is_noted(&self, one: &Wanted, slot: Option<usize>) -> bool {
        let slot = slot.and_then(|slot| self.slots.get(slot));
        match (one, slot) {
            (Wanted::Ready(_, interest), Some(slot)) => slot.is_noted(*interest),
            _ => false,
        }
    }

    /// The slot of a descriptor, which is registered now if it was not; none for a time.
    fn slot_of(&mut self, wanted: &Wanted) -> Result<Option<usize>, NoRoom> {
        let Wanted::Ready(handle, _) = wanted else {
            return Ok(None);
        };
        if let Some(known) = self.known_slot(handle) {
            return Ok(Some(known));
        }
        let slot = self.register(handle.fd().as_raw_fd())?;
        match handle {
            Handle::Stream(stream) => {
                if let Some(known) = self.streams.get_mut(*stream as usize) {
                    *known = Some(slot);
                }
            }
            Handle::Source(source) => {
                source
                    .registration()
                    .set(Some(Registration { slot, forget }));
            }
        }
        Ok(Some(slot))
    }

    /// The slot of a descriptor that is registered.
    fn known_slot(&self, handle: &Handle) -> Option<usize> {
        match handle {
            Handle::Stream(stream) => self.streams.get(*stream as usize).copied().flatten(),
            Handle::Source(source) => source.registration().get().map(|known| known.slot),
        }
    }

    /// A slot for a descriptor, from which changes are noted.
    fn register(&mut self, fd: RawFd) -> Result<usize, NoRoom> {
        let index = self.free.last().copied().unwrap_or(self.slots.len());
        let interests = selector::Interest::READABLE | selector::Interest::WRITABLE;
        let registered = match &self.poll {
            Some(poll) => {
                let registry = poll.registry();
                registry.register(&mut SourceFd(&fd), Token(index), interests)
            }
            None => Ok(()),
        };
        let always = match registered.map_err(|error| Errno::from_io_error(&error)) {
            Ok(()) => false,
            // A regular file, or a standard stream that is closed: they never make anybody wait.
            Err(Some(Errno::PERM | Errno::BADF)) => true,
            Err(_) => return Err(NoRoom),
        };
        let slot = Slot {
            fd,
            readable: always,
            writable: always,
            silent: always,
            ended: false,
            waiters: Vec::new(),
        };
        match self.slots.get_mut(index) {
            // Whoever has not noticed yet that the descriptor before is gone still waits.
            Some(place) => {
                let waiters = std::mem::take(&mut place.waiters);
                *place = Slot { waiters, ..slot };
            }
            None => self.slots.push(slot),
        }
        self.free.pop();
        Ok(index)
    }
}

fn direction(interest: Interest) -> PollFlags {
    match interest {
        Interest::Readable => PollFlags::IN,
        Interest::Writable => PollFlags::OUT,
    }
}

impl Slot {
    fn note(&mut self, interest: Interest) -> &mut bool {
        match interest {
            Interest::Readable => &mut self.readable,
            Interest::Writable => &mut self.writable,
        }
    }

    fn is_noted(&self, interest: Interest) -> bool {
        match interest {
            Interest::Readable => self.readable,
            Interest::Writable => self.writable,
        }
    }
}
