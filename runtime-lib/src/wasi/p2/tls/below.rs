//! The streams that records go through.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::host::http::transport::Transport;
use crate::host::{Error, Result, buffers};
use crate::io::{self, Wanted};
use crate::wasi::p2::poll::Subscribe;
use crate::wasi::p2::streams::{Input, Output, StreamError};

/// Streams of the guest's as a connection.
pub(super) struct Below {
    input: Input,
    output: Output,
    reading: Waiting,
    writing: Waiting,
}

/// What has whoever polls woken.
type Waiting = Option<Pin<Box<dyn Future<Output = ()>>>>;

impl Below {
    pub(super) fn new(input: Input, output: Output) -> Below {
        Below {
            input,
            output,
            reading: None,
            writing: None,
        }
    }

    /// How much the stream takes, more than nothing.
    fn poll_permit(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize>> {
        loop {
            match self.output.check_write() {
                Ok(0) => ready!(poll_subject(&*self.output, &mut self.writing, cx)),
                permit => return Poll::Ready(permit.map_err(system)),
            }
        }
    }
}

/// Whether it makes sense to try again.
fn poll_subject(
    subject: &(impl Subscribe + ?Sized),
    waiting: &mut Waiting,
    cx: &mut Context<'_>,
) -> Poll<()> {
    loop {
        let mut future: Pin<Box<dyn Future<Output = ()>>> = match subject.wanted() {
            Wanted::Now => Box::pin(std::future::ready(())),
            Wanted::Time { at_ns } => Box::pin(io::sleep_until(at_ns)),
            Wanted::Ready(handle, interest) => Box::pin(io::ready(handle, interest)),
            Wanted::Event(event) => Box::pin(std::future::poll_fn(move |cx| event.poll(cx))),
        };
        if future.as_mut().poll(cx).is_pending() {
            *waiting = Some(future);
            return Poll::Pending;
        }
        *waiting = None;
        if subject.settle() {
            return Poll::Ready(());
        }
    }
}

fn system(error: StreamError) -> Error {
    match error {
        StreamError::Failed(error) => error,
        StreamError::Closed => Error::Pipe,
        StreamError::Caused(_) | StreamError::Trap(_) => Error::Io,
    }
}

impl Transport for Below {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
        loop {
            match self.input.read(into.len()) {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => {
                    let count = bytes.len();
                    let place = into
                        .get_mut(..count)
                        .expect("no more is read than asked for");
                    place.copy_from_slice(&bytes);
                    buffers::give_back(bytes);
                    return Poll::Ready(Ok(count));
                }
                Err(StreamError::Closed) => return Poll::Ready(Ok(0)),
                Err(error) => return Poll::Ready(Err(system(error))),
            }
            ready!(poll_subject(&*self.input, &mut self.reading, cx));
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<Result<usize>> {
        let permit = ready!(self.poll_permit(cx))?;
        let now = from.get(..permit).unwrap_or(from);
        self.output.write(now).map_err(system)?;
        Poll::Ready(Ok(now.len()))
    }

    /// So that the stream takes the next record at once.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.output.flush().map_err(system)?;
        self.poll_permit(cx).map_ok(|_| ())
    }

    /// The guest ends the connection below, of which it has the socket.
    fn end_writing(&mut self) {}

    fn abort(&mut self) {}
}
