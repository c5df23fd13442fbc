//! The event loop as futures: what async host functions of WASI wait for.
//!
//! A future says at its first poll what it waits for, and leaves a waker. [`turn`], which the
//! scheduler calls when nothing else can go on, waits until the first of all these things happens
//! and wakes whoever waits for it. Times are in one heap, descriptors in the event loop, which
//! reports only changes: whether a descriptor is ready, the system is asked at each poll.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::numbered::Numbered;
use super::{
    Handle, Interest, Wanted, is_descriptor_ready, is_ready, reactor, tasks, wait_for_descriptor,
    wait_one,
};
use crate::host::clocks::{Clock, now_ns};

/// Dead entries that the heap of times may have before it is looked through.
const STALE_MAX: usize = 1024;

#[derive(Default)]
struct Times {
    /// Time, how many there were before, and number, the earliest first. Those of futures that are
    /// gone have no waker.
    heap: BinaryHeap<Reverse<(u64, u64, u64)>>,
    wakers: Numbered<Waker>,
    count: u64,
}

thread_local! {
    static TIMES: RefCell<Times> = RefCell::default();
}

/// Is ready when the monotonic clock shows this time.
#[derive(Debug)]
pub struct Sleep {
    at_ns: u64,
    /// Its number, once somebody waits.
    number: Option<u64>,
}

/// Is ready when others have had their turn, and the event loop has been asked.
#[derive(Debug, Default)]
pub struct Pause {
    is_over: bool,
}

/// Is ready when a descriptor is.
#[derive(Debug)]
pub struct Ready {
    handle: Handle,
    interest: Interest,
    waiting: Option<reactor::Waiting>,
}

/// Waits for changes of a descriptor: for whoever has just tried to use it and was told that it
/// would block. Unlike [`Ready`], this does not ask the system how things stand.
#[derive(Debug)]
pub struct Changes {
    handle: Handle,
    interest: Interest,
    /// Using it is known to block until something is reported.
    is_drained: bool,
    waiting: Option<reactor::Waiting>,
}

/// Waits for a time of the monotonic clock.
#[must_use]
pub fn sleep_until(at_ns: u64) -> Sleep {
    Sleep {
        at_ns,
        number: None,
    }
}

/// Waits for a descriptor. Using it may all the same say that it would block.
#[must_use]
pub fn ready(handle: Handle, interest: Interest) -> Ready {
    Ready {
        handle,
        interest,
        waiting: None,
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let at_ns = self.at_ns;
        if is_ready(&Wanted::Time { at_ns }) {
            return Poll::Ready(());
        }
        TIMES.with_borrow_mut(|times| {
            let known = self.number.and_then(|number| times.wakers.get_mut(number));
            match known {
                Some(waker) => waker.clone_from(context.waker()),
                None => self.number = Some(times.add(at_ns, context.waker())),
            }
        });
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let _ = TIMES.try_with(|times| times.borrow_mut().remove(number));
        }
    }
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_over {
            return Poll::Ready(());
        }
        self.is_over = true;
        // The next turn wakes all whose time has come.
        TIMES.with_borrow_mut(|times| times.add(0, context.waker()));
        Poll::Pending
    }
}

impl Times {
    /// The number of who waits.
    fn add(&mut self, at_ns: u64, waker: &Waker) -> u64 {
        let number = self.wakers.insert(waker.clone());
        self.count += 1;
        self.heap.push(Reverse((at_ns, self.count, number)));
        number
    }

    fn remove(&mut self, number: u64) {
        self.wakers.remove(number);
        if self.heap.len() > 2 * self.wakers.len() + STALE_MAX {
            let wakers = &self.wakers;
            self.heap
                .retain(|Reverse((_, _, number))| wakers.get(*number).is_some());
        }
    }

    /// The earliest time that somebody waits for.
    fn first_ns(&mut self) -> Option<u64> {
        while let Some(Reverse((at_ns, _, number))) = self.heap.peek() {
            if self.wakers.get(*number).is_some() {
                return Some(*at_ns);
            }
            self.heap.pop();
        }
        None
    }

    /// The wakers of all times until now, the earliest first.
    fn due(&mut self) -> Vec<Waker> {
        let now = now_ns(Clock::Monotonic);
        let mut due = Vec::new();
        while self.first_ns().is_some_and(|at_ns| at_ns <= now) {
            if let Some(Reverse((_, _, number))) = self.heap.pop() {
                due.extend(self.wakers.remove(number));
            }
        }
        due
    }
}

impl Future for Ready {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if is_descriptor_ready(&self.handle, self.interest) {
            self.waiting = None;
            return Poll::Ready(());
        }
        let known = self.waiting.take();
        let waiting = reactor::wait_for(&self.handle, self.interest, context.waker(), known);
        if waiting.is_none() {
            // The event loop has no room for it: nothing else goes on meanwhile.
            wait_for_descriptor(&self.handle, self.interest);
            return Poll::Ready(());
        }
        self.waiting = waiting;
        Poll::Pending
    }
}

impl Changes {
    #[must_use]
    pub fn new(handle: Handle, interest: Interest) -> Changes {
        Changes {
            handle,
            interest,
            is_drained: false,
            waiting: None,
        }
    }

    /// The waker is woken when it makes sense to try again, until [`Changes::forget`]; if this is
    /// ready, it makes sense now.
    pub fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let known = self.waiting.take();
        self.waiting = reactor::wait_for(&self.handle, self.interest, context.waker(), known);
        if self.waiting.is_some() {
            return Poll::Pending;
        }
        // The event loop has no room for it: nothing else goes on meanwhile.
        wait_for_descriptor(&self.handle, self.interest);
        self.is_drained = false;
        Poll::Ready(())
    }

    /// There was nothing more a moment ago, as one who reads less than there is room for knows:
    /// trying again makes no sense until something changes.
    pub fn note_drained(&mut self) {
        self.is_drained = true;
        reactor::clear(&self.handle, self.interest);
    }

    /// Whether it makes sense to try.
    #[must_use]
    pub fn may_try(&self) -> bool {
        !self.is_drained || reactor::is_noted(&self.handle, self.interest)
    }

    /// Nobody waits any more.
    pub fn forget(&mut self) {
        self.waiting = None;
    }
}

/// Lets tasks go on, and wakes whoever waits for what has happened; with `block`, and if no task
/// could go on, waits until there is something. Gives whether anybody waits for anything.
pub fn turn(block: bool) -> bool {
    if tasks::run_woken() {
        return true;
    }
    let first_ns = TIMES.with_borrow_mut(Times::first_ns);
    let descriptors = reactor::has_waiting();
    if first_ns.is_none() && !descriptors {
        return false;
    }
    if descriptors {
        reactor::turn(if block { first_ns } else { Some(0) });
    } else if let (Some(at_ns), true) = (first_ns, block) {
        wait_one(&Wanted::Time { at_ns });
    }
    let due = TIMES.with_borrow_mut(Times::due);
    due.into_iter().for_each(Waker::wake);
    true
}

/// Entries of the heap, those of futures that are gone included.
#[cfg(test)]
pub(super) fn heap_len() -> usize {
    TIMES.with_borrow(|times| times.heap.len())
}
