//! The standard streams of the process as streams of WASI.
//!
//! Bytes go between the system and the guest's memory without a copy. Nothing waits while
//! something else could go on, and nothing is buffered.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::outcome::{Ended, Outcome};
use crate::component::ends::{Attempt, ConsumeBytes, Mode, ReadEnd, StreamReader, WriteEnd};
use crate::enumeration;
use crate::host::{Error, Stream};
use crate::io::{Changes, Handle, Interest, spawn};
use crate::wasi::p2::labels::{Labels, labels_of};

enumeration! {
    /// `error-code`.
    pub enum ErrorCode {
        Io,
        IllegalByteSequence,
        Pipe,
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> ErrorCode {
        match error {
            Error::Pipe => ErrorCode::Pipe,
            Error::IllegalByteSequence => ErrorCode::IllegalByteSequence,
            _ => ErrorCode::Io,
        }
    }
}

/// A stream of what standard input has.
pub(super) fn read() -> (StreamReader<u8>, Ended<ErrorCode>) {
    let (mut outcome, ended) = Outcome::new();
    let may_wait = Stream::In.may_wait();
    let attempt = move |into: &mut [u8]| outcome.of_attempt(Stream::In.read_nowait(into, may_wait));
    let end = ReadEnd::new(Handle::Stream(Stream::In), Mode::NonBlocking, attempt);
    (StreamReader::of_bytes(end), ended)
}

/// What is written with labels.
struct Labelled {
    stream: Stream,
    may_wait: bool,
    labels: Rc<dyn Labels>,
    outcome: Outcome<ErrorCode>,
    /// What the guest has written before, and the system has not taken.
    left: Vec<u8>,
    changes: Changes,
}

impl Labelled {
    /// Writes what is left: how many bytes were written in the end, 0 if it cannot be.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        let mut last = 1;
        while !self.left.is_empty() {
            let written = self.stream.write_nowait(&self.left, self.may_wait);
            last = match self.outcome.of_attempt(written) {
                Attempt::Moved(count) => {
                    self.left.drain(..count);
                    count
                }
                Attempt::Again => {
                    ready!(self.changes.poll(cx));
                    continue;
                }
                Attempt::End => return Poll::Ready(0),
            };
        }
        Poll::Ready(last)
    }
}

impl ConsumeBytes for Labelled {
    fn poll_consume(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<usize> {
        if ready!(self.poll_write(cx)) == 0 {
            return Poll::Ready(0);
        }
        self.left = self.labels.label(from);
        match self.poll_write(cx) {
            Poll::Ready(0) => Poll::Ready(0),
            _ => Poll::Ready(from.len()),
        }
    }

    fn cancel(&mut self) {
        self.changes.forget();
    }

    fn finish(self: Box<Self>) {
        let mut this = self;
        if !this.left.is_empty() {
            // It may outlive its guest.
            spawn(async move { poll_fn(|cx| this.poll_write(cx).map(drop)).await }).detach();
        }
    }
}

/// Writes all of a stream to standard output or standard error.
pub(super) fn write(stream: Stream, data: StreamReader<u8>) -> Ended<ErrorCode> {
    let (mut outcome, ended) = Outcome::new();
    let may_wait = stream.may_wait();
    if let Some(labels) = labels_of(stream) {
        data.consume_bytes(Labelled {
            stream,
            may_wait,
            labels,
            outcome,
            left: Vec::new(),
            changes: Changes::new(Handle::Stream(stream), Interest::Writable),
        });
        return ended;
    }
    let attempt = move |from: &[u8]| outcome.of_attempt(stream.write_nowait(from, may_wait));
    let handle = Handle::Stream(stream);
    data.consume_bytes(WriteEnd::new(handle, Mode::NonBlocking, attempt, drop));
    ended
}
