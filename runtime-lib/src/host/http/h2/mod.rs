//! HTTP/2 (RFC 9113), whichever side this is. Frames, streams and flow control are the crate h2's;
//! here are the bytes below it, and how messages and errors are called.

mod answering;
mod asking;
pub mod client;
mod receiving;
mod sending;
pub mod server;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ErrorCode;
use super::fields::{Fields, is_forbidden};
use super::transport::{Buffer, Transport, after_ns};
use crate::host::Error;
use crate::io::{Pause, Sleep, sleep_until};

/// Bytes that a stream may have on their way to a guest that does not read.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;

/// And all streams of a connection together.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// Bytes of one stream that wait for the connection.
const SEND_BYTES_MAX: usize = 128 * 1024;

/// Bytes of a head, as RFC 9113, section 6.5.2 counts them.
const HEAD_BYTES_MAX: u32 = 256 * 1024;

/// Bytes that are put together before they are written.
const OUT_BYTES_MAX: usize = 64 * 1024;

/// Bytes that are read from one connection before others have their turn.
const TURN_BYTES_MAX: usize = 256 * 1024;

/// Bytes that may still come on a connection that a server has ended, and for how long: closing
/// with bytes unread would take back why.
const LEFT_BYTES_MAX: usize = 1024 * 1024;
const LEFT_NS: u64 = 1_000_000_000;

/// The bytes below a connection of HTTP/2.
pub(super) struct Wire {
    below: Box<dyn Transport>,
    /// What came before this was HTTP/2.
    buffer: Buffer,
    out: Vec<u8>,
    written: usize,
    link: Rc<Link>,
    /// Bytes that have come without a pause.
    turn_bytes: usize,
    /// Until it is this connection's turn again.
    pause: Option<Pause>,
    leaving: Leaving,
}

/// How a connection is closed.
enum Leaving {
    /// As soon as everything has been handed to the system.
    AtOnce,
    /// When the other side has closed it too.
    Together,
    /// The same, until then, and if it says no more than that.
    Until(Sleep, usize),
}

/// What is known of a connection beside what h2 knows.
#[derive(Default)]
pub(super) struct Link {
    /// How often everything has been handed to the system.
    flushes: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
    failure: RefCell<Option<ErrorCode>>,
    /// There is no connection any more.
    is_closed: Cell<bool>,
    /// See [`Link::idle_talk_bytes`].
    idle_talk_bytes: Cell<usize>,
}

impl Wire {
    pub(super) fn new(below: Box<dyn Transport>, buffer: Buffer) -> (Wire, Rc<Link>) {
        let link = Rc::<Link>::default();
        let wire = Wire {
            below,
            buffer,
            out: Vec::new(),
            written: 0,
            link: Rc::clone(&link),
            turn_bytes: 0,
            pause: None,
            leaving: Leaving::AtOnce,
        };
        (wire, link)
    }

    /// As [`Wire::new`], of a server, which lets its clients close first.
    fn of_server(below: Box<dyn Transport>, buffer: Buffer) -> (Wire, Rc<Link>) {
        let (mut wire, link) = Wire::new(below, buffer);
        wire.leaving = Leaving::Together;
        (wire, link)
    }

    /// Waits for others, if much has come without a pause.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.pause.is_none() && self.turn_bytes > TURN_BYTES_MAX {
            self.turn_bytes = 0;
            self.pause = Some(Pause::default());
        }
        if let Some(pause) = &mut self.pause {
            ready!(Pin::new(pause).poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    /// Waits for the other side to close, but not for long.
    fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Leaving::Together = self.leaving {
            self.below.end_writing();
            self.leaving = Leaving::Until(sleep_until(after_ns(LEFT_NS)), LEFT_BYTES_MAX);
        }
        while let Leaving::Until(limit, left) = &mut self.leaving {
            let mut some = [0; 4096];
            match self.below.poll_read(cx, &mut some) {
                Poll::Ready(Ok(count @ 1..)) if count <= *left => *left -= count,
                Poll::Ready(_) => break,
                Poll::Pending => return Pin::new(limit).poll(cx),
            }
        }
        Poll::Ready(())
    }

    fn failed(&self, error: Error) -> io::Error {
        let failure = self.below.failure().unwrap_or(match error {
            Error::TimedOut => ErrorCode::ConnectionTimeout,
            _ => ErrorCode::ConnectionTerminated,
        });
        self.link.failure.borrow_mut().get_or_insert(failure);
        io::ErrorKind::ConnectionAborted.into()
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.out.len() {
            let rest = self.out.get(self.written..).unwrap_or_default();
            match ready!(self.below.poll_write(cx, rest)) {
                Ok(count) => self.written += count,
                Err(error) => return Poll::Ready(Err(self.failed(error))),
            }
        }
        self.out.clear();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = self.buffer.bytes();
        let count = before.len().min(into.remaining());
        if count > 0 {
            into.put_slice(&before[..count]);
            self.buffer.consume(count);
            self.buffer.shrink();
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_turn(cx));
        let this = &mut *self;
        match this.below.poll_read(cx, into.initialize_unfilled()) {
            Poll::Pending => {
                this.turn_bytes = 0;
                return Poll::Pending;
            }
            Poll::Ready(Ok(count)) => {
                into.advance(count);
                this.turn_bytes += count;
                let talk = &this.link.idle_talk_bytes;
                talk.set(talk.get().saturating_add(count));
            }
            Poll::Ready(Err(error)) => return Poll::Ready(Err(this.failed(error))),
        }
        Poll::Ready(Ok(()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.link.is_closed.set(true);
        self.link.waiting.take().into_iter().for_each(Waker::wake);
    }
}

/// Writing only collects: h2 writes heads of frames and their contents one by one.
impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.out.len() >= OUT_BYTES_MAX {
            ready!(self.poll_drain(cx))?;
        }
        self.out.extend_from_slice(from);
        Poll::Ready(Ok(from.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_drain(cx))?;
        if let Err(error) = ready!(self.below.poll_flush(cx)) {
            return Poll::Ready(Err(self.failed(error)));
        }
        self.link.flushes.set(self.link.flushes.get() + 1);
        self.link.waiting.take().into_iter().for_each(Waker::wake);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        self.poll_left(cx).map(Ok)
    }
}

impl Link {
    /// Waits until everything has been handed to the system after so many times: whether it was.
    fn poll_flushed(&self, cx: &mut Context<'_>, since: u64) -> Poll<bool> {
        if self.flushes.get() > since || self.is_closed.get() {
            return Poll::Ready(self.flushes.get() > since);
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|known| known.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// How many bytes have come since a message or a part of one was the last.
    fn idle_talk_bytes(&self) -> usize {
        self.idle_talk_bytes.get()
    }

    /// A message, or a part of one, has come or gone.
    fn has_worked(&self) {
        self.idle_talk_bytes.set(0);
    }

    /// Why a client's message ends before it is whole.
    fn cut_by_client(&self) -> ErrorCode {
        let failure = self.failure.borrow().clone();
        failure.unwrap_or(ErrorCode::ConnectionTerminated)
    }

    /// What an error is called, before the other side's head has come and behind it.
    fn error_code(&self, error: &h2::Error, has_head: bool) -> ErrorCode {
        let cut = match has_head {
            true => ErrorCode::HttpResponseIncomplete,
            false => ErrorCode::ConnectionTerminated,
        };
        let Some(reason) = error.reason() else {
            return self.failure.borrow().clone().unwrap_or(cut);
        };
        match reason {
            Reason::NO_ERROR | Reason::CANCEL => cut,
            Reason::INTERNAL_ERROR if has_head => cut,
            Reason::REFUSED_STREAM | Reason::ENHANCE_YOUR_CALM => ErrorCode::ConnectionLimitReached,
            Reason::INADEQUATE_SECURITY => ErrorCode::TlsProtocolError,
            _ => ErrorCode::HttpProtocolError,
        }
    }
}

/// Fields as h2 has them: in lower case, without what only HTTP/1.1 has.
fn to_headers(fields: &Fields) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(fields.iter().count());
    for field in fields.iter().filter(|field| !is_forbidden(&field.name)) {
        // RFC 9113, sections 8.2.1 and 8.2.2.
        let value = field.value.trim_ascii();
        if field.name.eq_ignore_ascii_case("te") && value != b"trailers" {
            continue;
        }
        let name = HeaderName::from_bytes(field.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

fn to_fields(headers: &HeaderMap) -> Fields {
    Fields::received(to_pairs(headers))
}

fn to_pairs(headers: &HeaderMap) -> impl Iterator<Item = (String, Vec<u8>)> {
    let pairs = headers.iter();
    pairs.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
}
