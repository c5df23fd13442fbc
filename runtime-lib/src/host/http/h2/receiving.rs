//! A body that comes in by HTTP/2. The other side sends no more than has room where it is read.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};

use super::{Link, to_fields};
use crate::host::http::body::BodyWriter;
use crate::host::http::{ErrorCode, Result};

pub(super) struct Receiving {
    stream: RecvStream,
    writer: BodyWriter,
    /// What has come and has not been passed on.
    chunk: Bytes,
    /// Only trailers are to come.
    ended: bool,
    /// Something has come since somebody asked.
    heard: bool,
    /// It is the reader's turn.
    held: bool,
    /// What its errors are called.
    failed: Failed,
    /// More is too much.
    bytes_left: u64,
}

pub(super) type Failed = fn(&Link, &h2::Error) -> ErrorCode;

impl Receiving {
    pub(super) fn new(stream: RecvStream, writer: BodyWriter, failed: Failed) -> Receiving {
        Receiving {
            stream,
            writer,
            chunk: Bytes::new(),
            ended: false,
            heard: false,
            held: false,
            failed,
            bytes_left: u64::MAX,
        }
    }

    /// The same, of a body that must not have more bytes.
    pub(super) fn of_at_most(mut self, bytes_max: Option<u64>) -> Receiving {
        self.bytes_left = bytes_max.unwrap_or(u64::MAX);
        self
    }

    /// Waits until somebody reads, or will not.
    pub(super) fn poll_wanted(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.writer.poll_attached(cx)
    }

    /// Whether nobody reads any more.
    pub(super) fn is_refused(&self) -> bool {
        self.writer.is_refused()
    }

    /// Passes on what comes, up to the end.
    ///
    /// # Errors
    /// Why there is no end, which whoever reads is told too.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, link: &Link) -> Poll<Result<()>> {
        let polled = self.poll_all(cx, link);
        if let Poll::Ready(Err(error)) = &polled {
            self.writer.fail(error.clone());
        }
        polled
    }

    fn poll_all(&mut self, cx: &mut Context<'_>, link: &Link) -> Poll<Result<()>> {
        let failed = self.failed;
        loop {
            if !self.chunk.is_empty() {
                ready!(self.poll_pass_on(cx))?;
                continue;
            }
            if self.ended {
                let trailers =
                    ready!(self.stream.poll_trailers(cx)).map_err(|e| failed(link, &e))?;
                self.heard = true;
                let trailers = trailers.map(|trailers| to_fields(&trailers));
                return Poll::Ready(self.writer.finish(trailers));
            }
            if self.writer.poll_refused(cx).is_ready() {
                return Poll::Ready(Err(ErrorCode::ConnectionTerminated));
            }
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(chunk)) => {
                    link.has_worked();
                    let left = self.bytes_left.checked_sub(chunk.len() as u64);
                    self.bytes_left = left.ok_or(ErrorCode::HttpRequestBodySize(None))?;
                    self.chunk = chunk;
                }
                None => self.ended = true,
                // What follows is not wanted: the answer to it is there.
                Some(Err(error)) if error.reason() == Some(Reason::NO_ERROR) => self.ended = true,
                Some(Err(error)) => return Poll::Ready(Err(failed(link, &error))),
            }
            self.heard = true;
        }
    }

    fn poll_pass_on(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.held = self.writer.poll_room(cx).is_pending();
        if self.held {
            return Poll::Pending;
        }
        let count = self.writer.room()?.min(self.chunk.len());
        let part = self.chunk.split_to(count);
        self.writer.write(part.to_vec())?;
        // A stream that is over has no window to give back.
        let _ = self.stream.flow_control().release_capacity(count);
        Poll::Ready(Ok(()))
    }

    pub(super) fn fail(&mut self, error: ErrorCode) {
        self.writer.fail(error);
    }

    /// Whether something has come since this was asked for the last time.
    pub(super) fn has_heard(&mut self) -> bool {
        std::mem::take(&mut self.heard)
    }

    /// Whether this waits for whoever reads, not for the other side.
    pub(super) fn is_held(&self) -> bool {
        self.held
    }
}
