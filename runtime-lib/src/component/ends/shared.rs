//! What the two ends of a stream or future share: `SharedStreamImpl` and `SharedFutureImpl` of the
//! canonical ABI, and ends that the host has.
//!
//! Nothing is buffered: whoever comes first waits with its buffer, and whoever comes second
//! copies. An end of the host never comes first. It is asked when an end of a guest waits, at once
//! and then by a host future until it has something to give or to take.
//!
//! No guard of a `RefCell` is held where a guest's `realloc` can run, which is where elements are
//! copied, nor where a host end is asked or dropped.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::buffer::{self, Buffer};
use super::copy::copy;
use super::host::{Sink, Step};
use super::model::{CopyResult, End, Family, Shared, Side};
use super::pipe::Pipe;
use crate::component::tasks;

impl Shared {
    /// `read` and `write` of an end that has begun to copy.
    pub(super) fn copy(self: &Rc<Shared>, end: &Rc<End>) {
        if self.dropped.get() {
            end.notify(CopyResult::Dropped);
            return;
        }
        let pending = self.pending.borrow().clone();
        match (pending, self.family) {
            (None, _) => {
                self.pending.replace(Some(Rc::clone(end)));
                self.ask_host();
            }
            (Some(pending), Family::Stream) => self.meet_stream(&pending, end),
            (Some(pending), Family::Future) => self.meet_future(&pending, end),
        }
    }

    /// `SharedStreamImpl.read` and `.write`, where the other end is waiting.
    fn meet_stream(&self, pending: &Rc<End>, end: &Rc<End>) {
        let (theirs, ours) = (pending.buffer(), end.buffer());
        buffer::check_instances(&theirs, &ours);
        if theirs.remain() > 0 {
            let count = theirs.remain().min(ours.remain());
            if count > 0 {
                transfer(pending, end, count);
                pending.notify(CopyResult::Completed);
            }
            end.notify(CopyResult::Completed);
        } else if end.side == Side::Writable && ours.is_zero_length() && theirs.is_zero_length() {
            end.notify(CopyResult::Completed);
        } else {
            self.reset_and_notify_pending(CopyResult::Completed);
            self.pending.replace(Some(Rc::clone(end)));
        }
    }

    /// `SharedFutureImpl.read` and `.write`, where the other end is waiting.
    fn meet_future(&self, pending: &Rc<End>, end: &Rc<End>) {
        buffer::check_instances(&pending.buffer(), &end.buffer());
        transfer(pending, end, 1);
        self.reset_and_notify_pending(CopyResult::Completed);
        end.notify(CopyResult::Completed);
    }

    fn reset_and_notify_pending(&self, result: CopyResult) {
        let pending = self.pending.take();
        if let Some(pending) = pending {
            pending.notify(result);
        }
    }

    /// `cancel`: the end that waits does not want to any more.
    pub(super) fn cancel(&self) {
        drop(self.driver.take());
        self.cancel_host();
        self.reset_and_notify_pending(CopyResult::Cancelled);
    }

    /// The end of the host, if there is one, need not wait any more.
    fn cancel_host(&self) {
        if let Some(source) = self.source.borrow_mut().as_mut() {
            source.cancel();
        }
        if let Some(sink) = self.sink.borrow_mut().as_mut() {
            sink.cancel();
        }
    }

    /// `drop` of an end that a guest has had, or that the host has lifted and not used.
    pub(super) fn drop_guest_end(&self) {
        drop(self.driver.take());
        self.drop_end();
    }

    /// `drop`, and the end of what the host has here.
    fn drop_end(&self) {
        if !self.dropped.replace(true) {
            self.reset_and_notify_pending(CopyResult::Dropped);
        }
        drop(self.source.take());
        let sink = self.sink.take();
        if let Some(sink) = sink {
            sink.finish();
        }
    }

    /// The readable end is the host's from now on.
    pub(super) fn attach(self: &Rc<Shared>, sink: Sink) {
        let source = self.source.take();
        match source {
            Some(source) => {
                self.dropped.set(true);
                tasks::spawn(Pipe::new(self.family, source, sink)).detach();
            }
            None if self.dropped.get() => sink.finish(),
            None => {
                self.sink.replace(Some(sink));
                self.ask_host();
            }
        }
    }

    /// Asks the host's end, if there is one, for what the guest's end waits for: now, and if that
    /// is too early from the scheduler's loop. There it begins if others have to have their turn
    /// first: an end that always has something would never let the guest wait.
    fn ask_host(self: &Rc<Shared>) {
        if self.source.borrow().is_none() && self.sink.borrow().is_none() {
            return;
        }
        let shared = Rc::clone(self);
        // A guest may well return without waiting for its last output.
        let is_output = self.sink.borrow().as_ref().is_some_and(Sink::is_standard);
        let owed = is_output.then(tasks::owe);
        let poll = move |cx: &mut Context<'_>| {
            let _owed = &owed;
            shared.poll_host(cx)
        };
        let driver = match tasks::may_attempt_now(is_output) {
            true => tasks::start(poll),
            false => Some(tasks::spawn(poll_fn(poll))),
        };
        self.driver.replace(driver);
    }

    /// Moves elements between the guest's end that waits and the host's.
    fn poll_host(&self, cx: &mut Context<'_>) -> Poll<()> {
        let pending = self.pending.borrow().clone();
        let Some(end) = pending else {
            return Poll::Ready(());
        };
        let mut buffer = end.buffer();
        let step = match end.side {
            Side::Readable => self.poll_source(&mut buffer, cx),
            Side::Writable => self.poll_sink(&mut buffer, cx),
        };
        end.set_buffer(buffer);
        match step {
            Poll::Pending if buffer.progress() == 0 => return Poll::Pending,
            Poll::Ready(Step::End) => self.drop_end(),
            Poll::Ready(Step::Moved) => self.reset_and_notify_pending(CopyResult::Completed),
            Poll::Pending => {
                // What has been moved is enough.
                self.cancel_host();
                self.reset_and_notify_pending(CopyResult::Completed);
            }
        }
        Poll::Ready(())
    }

    fn poll_source(&self, buffer: &mut Buffer, cx: &mut Context<'_>) -> Poll<Step> {
        let source = self.source.take();
        let Some(mut source) = source else {
            return Poll::Pending;
        };
        let step = source.poll(buffer, cx);
        // A future is used up when it has given its value.
        let is_over = self.family == Family::Future && buffer.remain() == 0;
        if !is_over && !matches!(step, Poll::Ready(Step::End)) {
            self.source.replace(Some(source));
        }
        step
    }

    fn poll_sink(&self, buffer: &mut Buffer, cx: &mut Context<'_>) -> Poll<Step> {
        let sink = self.sink.take();
        let Some(mut sink) = sink else {
            return Poll::Pending;
        };
        let step = sink.poll(buffer, cx);
        match step {
            Poll::Ready(Step::End) => {}
            _ if self.family == Family::Future && buffer.remain() == 0 => sink.finish(),
            _ => drop(self.sink.replace(Some(sink))),
        }
        step
    }
}

/// Copies between two buffers, whichever end is the readable one.
fn transfer(a: &Rc<End>, b: &Rc<End>, count: u32) {
    let (from, to) = match a.side {
        Side::Writable => (a, b),
        Side::Readable => (b, a),
    };
    let (mut source, mut target) = (from.buffer(), to.buffer());
    copy(&mut source, &mut target, count);
    from.set_buffer(source);
    to.set_buffer(target);
}
