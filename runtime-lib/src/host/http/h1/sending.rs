//! Writing a message: its head, and its body as the framing wants it.

use std::task::{Context, Poll, ready};

use crate::host;
use crate::host::http::ErrorCode;
use crate::host::http::body::BodyReader;
use crate::host::http::fields::{Fields, is_forbidden};
use crate::host::http::transport::Transport;

/// Bytes that are put together before they are written.
const OUT_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of one chunk: their number has four digits.
const CHUNK_BYTES_MAX: usize = 32 * 1024;

/// The four digits and CRLF.
const CHUNK_HEAD_BYTES: usize = 6;

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outgoing {
    /// There is none, whatever the fields say.
    Nothing,
    /// As it is: its length has been told, or it ends with the connection.
    Plain,
    Chunked,
}

/// Why a message was not sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendError {
    /// Whoever wrote its body gave up.
    Body(ErrorCode),
    Connection(host::Error),
}

impl From<host::Error> for SendError {
    fn from(error: host::Error) -> SendError {
        SendError::Connection(error)
    }
}

/// A message on its way out.
pub struct Sender {
    out: Vec<u8>,
    written: usize,
    body: BodyReader,
    outgoing: Outgoing,
    /// Of the body, handed over.
    body_bytes: u64,
    ended: bool,
}

impl Sender {
    /// Of a message whose head has been written out.
    #[must_use]
    pub fn new(head: Vec<u8>, body: BodyReader, outgoing: Outgoing) -> Sender {
        body.attach();
        Sender {
            out: head,
            written: 0,
            body,
            outgoing,
            body_bytes: 0,
            ended: false,
        }
    }

    /// Writes until all has been handed to the system.
    ///
    /// # Errors
    /// Why it was not.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut dyn Transport,
    ) -> Poll<Result<(), SendError>> {
        loop {
            while !self.ended && self.out.len() < OUT_BYTES_MAX {
                match self.poll_fill(cx) {
                    Poll::Ready(filled) => filled?,
                    Poll::Pending => break,
                }
            }
            let rest = self.out.get(self.written..).unwrap_or_default();
            if !rest.is_empty() {
                self.written += ready!(to.poll_write(cx, rest))?;
                if self.written == self.out.len() {
                    self.out.clear();
                    self.written = 0;
                }
                continue;
            }
            ready!(to.poll_flush(cx))?;
            if !self.ended {
                return Poll::Pending;
            }
            self.body.sent(Ok(()));
            return Poll::Ready(Ok(()));
        }
    }

    /// Puts the next bytes of the body behind what is to be written.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.body.poll_readable(cx));
        let start = self.out.len();
        let head = match self.outgoing {
            Outgoing::Chunked => CHUNK_HEAD_BYTES,
            Outgoing::Nothing | Outgoing::Plain => 0,
        };
        let room = self.body.unread_bytes().min(CHUNK_BYTES_MAX);
        self.out.resize(start + head + room, 0);
        let into = self.out.get_mut(start + head..).unwrap_or_default();
        let read = self.body.poll_read(cx, into);
        let sends = matches!(read, Poll::Ready(Ok(1..))) && self.outgoing != Outgoing::Nothing;
        self.out
            .truncate(if sends { start + head + room } else { start });
        match ready!(read) {
            Err(error) => Poll::Ready(Err(SendError::Body(error))),
            Ok(0) => self.poll_end(cx),
            Ok(count) => {
                if sends {
                    self.body_bytes += count as u64;
                }
                if self.outgoing == Outgoing::Chunked {
                    let digits = format!("{count:04x}\r\n");
                    if let Some(place) = self.out.get_mut(start..start + head) {
                        place.copy_from_slice(digits.as_bytes());
                    }
                    self.out.extend_from_slice(b"\r\n");
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let end = ready!(self.body.poll_end(cx));
        let trailers = end.map_err(SendError::Body)?;
        self.ended = true;
        if self.outgoing == Outgoing::Chunked {
            self.out.extend_from_slice(b"0\r\n");
            if let Some(trailers) = trailers {
                write_fields(&mut self.out, &trailers);
            }
            self.out.extend_from_slice(b"\r\n");
        }
        Poll::Ready(Ok(()))
    }

    /// Bytes of the body that have been taken to be sent, without what frames them.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Whether all of the message is there, and only has to be handed to the system.
    #[must_use]
    pub fn has_all(&self) -> bool {
        self.ended
    }

    /// Whether all that there is has been handed to the system, and more is to come.
    #[must_use]
    pub fn waits_for_body(&self) -> bool {
        !self.ended && self.out.is_empty()
    }

    /// The message is not going to be sent whole.
    pub fn give_up(&mut self, error: &ErrorCode) {
        self.body.sent(Err(error.clone()));
        self.body.refuse(error.clone());
    }
}

/// Writes fields as lines, with names as whoever made them wrote them.
pub fn write_fields(out: &mut Vec<u8>, fields: &Fields) {
    for field in fields.iter().filter(|field| !is_forbidden(&field.name)) {
        write_field(out, &field.name, &field.value);
    }
}

/// Writes one line.
pub fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
