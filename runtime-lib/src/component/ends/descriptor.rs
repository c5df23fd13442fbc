//! Descriptors as ends of the host: bytes go between the guest's memory and the system without a
//! copy, and the event loop tells when it makes sense to try again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::host::{ConsumeBytes, ProduceBytes};
use crate::io::{Changes, Handle, Interest, Ready};

/// What became of an attempt to read or write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt {
    /// So many bytes, at least one.
    Moved(usize),
    /// None now: the descriptor has to be waited for.
    Again,
    /// None any more: the end, or an error that has been dealt with.
    End,
}

/// Whether reading or writing may block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// It says [`Attempt::Again`] instead.
    NonBlocking,
    /// It is waited for before each attempt.
    Blocking,
}

/// A descriptor that is read: `read` makes one attempt.
pub struct ReadEnd<R> {
    waiting: Waiting,
    read: R,
}

/// A descriptor that is written: `write` makes one attempt, and `finish` is called when all has
/// been written.
pub struct WriteEnd<W, F> {
    waiting: Waiting,
    write: W,
    finish: F,
}

struct Waiting {
    handle: Handle,
    interest: Interest,
    mode: Mode,
    /// What is waited for, if nothing has been attempted.
    ready: Option<Ready>,
    /// What is waited for, since an attempt was too early.
    changes: Changes,
}

impl Waiting {
    fn new(handle: Handle, interest: Interest, mode: Mode) -> Waiting {
        Waiting {
            changes: Changes::new(handle.clone(), interest),
            handle,
            interest,
            mode,
            ready: None,
        }
    }

    /// Waits until the descriptor is ready.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let again = || crate::io::ready(self.handle.clone(), self.interest);
        let ready = self.ready.get_or_insert_with(again);
        ready!(Pin::new(ready).poll(cx));
        self.ready = None;
        Poll::Ready(())
    }

    /// Attempts until one of them moves something: 0 at the end.
    fn attempt(
        &mut self,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut() -> Attempt,
    ) -> Poll<usize> {
        let count = loop {
            if self.mode == Mode::Blocking {
                ready!(self.poll(cx));
            }
            match attempt() {
                Attempt::Moved(count) => break count,
                Attempt::End => break 0,
                Attempt::Again => ready!(self.changes.poll(cx)),
            }
        };
        self.cancel();
        Poll::Ready(count)
    }

    fn cancel(&mut self) {
        self.ready = None;
        self.changes.forget();
    }
}

impl<R: FnMut(&mut [u8]) -> Attempt + 'static> ReadEnd<R> {
    pub fn new(handle: Handle, mode: Mode, read: R) -> ReadEnd<R> {
        ReadEnd {
            waiting: Waiting::new(handle, Interest::Readable, mode),
            read,
        }
    }
}

impl<R: FnMut(&mut [u8]) -> Attempt + 'static> ProduceBytes for ReadEnd<R> {
    fn poll_produce(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<usize> {
        let read = &mut self.read;
        self.waiting.attempt(cx, || read(into))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.waiting.poll(cx)
    }

    fn cancel(&mut self) {
        self.waiting.cancel();
    }

    fn descriptor(&self) -> Option<&Handle> {
        Some(&self.waiting.handle)
    }
}

impl<W, F> WriteEnd<W, F>
where
    W: FnMut(&[u8]) -> Attempt + 'static,
    F: FnOnce(W) + 'static,
{
    pub fn new(handle: Handle, mode: Mode, write: W, finish: F) -> WriteEnd<W, F> {
        WriteEnd {
            waiting: Waiting::new(handle, Interest::Writable, mode),
            write,
            finish,
        }
    }
}

impl<W, F> ConsumeBytes for WriteEnd<W, F>
where
    W: FnMut(&[u8]) -> Attempt + 'static,
    F: FnOnce(W) + 'static,
{
    fn poll_consume(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<usize> {
        let write = &mut self.write;
        self.waiting.attempt(cx, || write(from))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.waiting.poll(cx)
    }

    fn cancel(&mut self) {
        self.waiting.cancel();
    }

    fn descriptor(&self) -> Option<&Handle> {
        Some(&self.waiting.handle)
    }

    fn finish(self: Box<Self>) {
        (self.finish)(self.write);
    }
}
