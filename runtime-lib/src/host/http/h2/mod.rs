//! HTTP/2 (RFC 9113), whichever side this is. Frames, streams and flow control are the crate h2's;
//! here are the bytes below it, and how messages and errors are called.

pub mod client;
mod receiving;
mod sending;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ErrorCode;
use super::fields::{Fields, is_forbidden};
use super::transport::{Buffer, Transport};
use crate::host::Error;

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

/// The bytes below a connection of HTTP/2.
pub(super) struct Wire {
    below: Box<dyn Transport>,
    /// What came before this was HTTP/2.
    buffer: Buffer,
    out: Vec<u8>,
    written: usize,
    link: Rc<Link>,
}

/// What is known of a connection beside what h2 knows.
#[derive(Default)]
pub(super) struct Link {
    /// How often everything has been handed to the system.
    flushes: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
    failure: RefCell<Option<ErrorCode>>,
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
        };
        (wire, link)
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
        match ready!(self.below.poll_read(cx, into.initialize_unfilled())) {
            Ok(count) => into.advance(count),
            Err(error) => return Poll::Ready(Err(self.failed(error))),
        }
        Poll::Ready(Ok(()))
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

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl Link {
    /// Waits until everything has been handed to the system after so many times.
    fn poll_flushed(&self, cx: &mut Context<'_>, since: u64) -> Poll<()> {
        if self.flushes.get() > since {
            return Poll::Ready(());
        }
        let mut waiting = self.waiting.borrow_mut();
        if !waiting.iter().any(|known| known.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
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
    let pairs = headers.iter();
    Fields::received(
        pairs.map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())),
    )
}
