//! Where an instance gets its requests from.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use super::running::{Running, TOO_LATE, complain};
use crate::host::clocks::{Clock, now_ns};
use crate::host::http::server::Asked;
use crate::io::{self, sleep_until};

/// What instances do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Requests that an instance answers in all.
    pub(super) requests: u64,
    /// Requests that it answers at the same time.
    pub(super) at_once: usize,
    /// How long it waits for another.
    pub(super) idle_ns: u64,
    /// How long it may take for one.
    pub(super) request_ns: Option<u64>,
    /// Instances of the worker.
    pub(super) instances: usize,
}

/// Where an instance gets its requests from.
pub(super) struct Inbox {
    me: Weak<Inbox>,
    limits: Limits,
    new: RefCell<VecDeque<(Asked, Rc<Running>)>>,
    running: RefCell<Vec<Rc<Running>>>,
    /// Requests that it has got.
    count: Cell<u64>,
    closed: Cell<bool>,
    /// Since when it has none.
    idle_since_ns: Cell<Option<u64>>,
    waker: Cell<Option<Waker>>,
}

impl Inbox {
    pub(super) fn new(limits: Limits, closed: bool) -> Rc<Inbox> {
        Rc::new_cyclic(|me| Inbox {
            me: Weak::clone(me),
            limits,
            new: RefCell::default(),
            running: RefCell::default(),
            count: Cell::new(0),
            closed: Cell::new(closed),
            idle_since_ns: Cell::new(None),
            waker: Cell::new(None),
        })
    }

    /// It gets no more requests.
    pub(super) fn close(&self) {
        self.closed.set(true);
    }

    /// The requests that it has got and not begun with.
    pub(super) fn take_new(&self) -> VecDeque<(Asked, Rc<Running>)> {
        self.new.take()
    }

    pub(super) fn can_take(&self) -> bool {
        let running = self.running.borrow().len() + self.new.borrow().len();
        !self.closed.get()
            && self.count.get() < self.limits.requests
            && running < self.limits.at_once
    }

    pub(super) fn put(&self, request: (Asked, Rc<Running>)) {
        self.count.set(self.count.get() + 1);
        self.idle_since_ns.set(None);
        self.new.borrow_mut().push_back(request);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The next request, if there is one.
    pub(super) fn take(&self) -> Option<(Asked, Rc<Running>)> {
        let (asked, running) = self.new.borrow_mut().pop_front()?;
        self.running.borrow_mut().push(Rc::clone(&running));
        Some((asked, running))
    }

    /// Whether there is something to do about it: a request has come, or none comes any more.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.new.borrow().is_empty() || self.is_over() {
            return Poll::Ready(());
        }
        self.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// The next request; nothing if none comes any more.
    pub(super) fn next(&self) -> Option<(Asked, Rc<Running>)> {
        if self.is_over() {
            return None;
        }
        let mut idle = pin!(sleep_until(self.idle_until_ns()));
        let waited = io::block_on(|cx| match self.poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => idle.as_mut().poll(cx),
        });
        waited.ok().and_then(|()| self.take())
    }

    /// When it has been idle for long enough.
    pub(super) fn idle_until_ns(&self) -> u64 {
        let since_ns = self.idle_since_ns.get();
        let since_ns = since_ns.unwrap_or_else(|| now_ns(Clock::Monotonic));
        self.idle_since_ns.set(Some(since_ns));
        since_ns.saturating_add(self.limits.idle_ns)
    }

    /// Whether requests have come, and no more do, and all are over.
    pub(super) fn is_over(&self) -> bool {
        let takes = !self.closed.get() && self.count.get() < self.limits.requests;
        !takes && self.is_idle()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.borrow().is_empty() && self.new.borrow().is_empty()
    }

    /// The inbox, for what may outlive a call.
    pub(super) fn shared(&self) -> Rc<Inbox> {
        self.me.upgrade().expect("the instance has it")
    }

    /// The guest has done what it does about the only request.
    pub(super) fn finish_first(&self) {
        let first = self.running.borrow().first().cloned();
        if let Some(first) = first {
            self.finish(&first);
            first.reply.end();
        }
    }

    /// The guest has done what it does about a request.
    pub(super) fn finish(&self, running: &Rc<Running>) {
        let is_other = |other: &Rc<Running>| !Rc::ptr_eq(other, running);
        self.running.borrow_mut().retain(is_other);
        // A client that waits now would wait for ever.
        if running.reply.is_awaited() {
            running.complain("the guest has returned and not answered");
            running.reply.cut(500);
        }
        // The last may end while the instance waits for another.
        if self.is_idle()
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }

    /// Whether there is nothing left of its requests but bodies of responses.
    pub(super) fn have_all_returned(&self) -> bool {
        let running = self.running.borrow();
        !running.is_empty() && running.iter().all(|running| running.has_returned.get())
    }

    /// The guest does nothing more about the requests that it has.
    pub(super) fn end_all(&self) {
        let all = self.running.take();
        all.iter().for_each(|running| running.reply.end());
    }

    pub(super) fn is_running(&self, running: &Rc<Running>) -> bool {
        let (here, new) = (self.running.borrow(), self.new.borrow());
        let mut all = here.iter().chain(new.iter().map(|(_, running)| running));
        all.any(|other| Rc::ptr_eq(other, running))
    }

    pub(super) fn deadline_ns(&self) -> Option<u64> {
        self.limits.request_ns?;
        let running = self.running.borrow();
        let new = self.new.borrow();
        let all = running.iter().chain(new.iter().map(|(_, running)| running));
        all.filter_map(|running| running.deadline_ns).min()
    }

    /// All that it has to do ends here.
    pub(super) fn fail(&self, why: &str) {
        self.closed.set(true);
        let now = now_ns(Clock::Monotonic);
        let new = self.new.take().into_iter().map(|(_, running)| running);
        let all: Vec<Rc<Running>> = self.running.take().into_iter().chain(new).collect();
        if all.is_empty() {
            complain(why);
        }
        for (index, running) in all.iter().enumerate() {
            let is_late = running.deadline_ns.is_some_and(|at_ns| at_ns <= now);
            if is_late {
                running.complain(TOO_LATE);
            } else if index == 0 {
                running.complain(why);
            } else {
                running.has_failed.set(true);
            }
            running.reply.cut(if is_late { 504 } else { 500 });
        }
    }
}
