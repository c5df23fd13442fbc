//! A body that goes out by HTTP/2, as fast as the other side wants it.

use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, SendStream};

use super::{Link, to_headers};
use crate::host::http::ErrorCode;
use crate::host::http::body::BodyReader;

/// The most bytes that are taken from a body at once.
const PART_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Sending {
    stream: SendStream<Bytes>,
    body: BodyReader,
    link: Rc<Link>,
    /// Everything is h2's, since so many flushes.
    ended: Option<u64>,
    /// It is the other side's turn.
    held: bool,
    /// Something has gone since somebody asked.
    moved: bool,
    /// The system has everything.
    is_sent: bool,
    /// Bytes of the body that have gone.
    body_bytes: u64,
    /// There is no body.
    is_empty: bool,
}

/// Why a message was not sent whole.
pub(super) enum SendError {
    /// Whoever wrote its body gave up.
    Body(ErrorCode),
    /// The other side does not want the rest.
    Peer(ErrorCode),
}

impl Sending {
    pub(super) fn new(stream: SendStream<Bytes>, body: BodyReader, link: Rc<Link>) -> Sending {
        body.attach();
        Sending {
            stream,
            body,
            link,
            ended: None,
            held: false,
            moved: false,
            is_sent: false,
            body_bytes: 0,
            is_empty: false,
        }
    }

    /// Of a message without a body, whose head is h2's.
    pub(super) fn without_body(
        stream: SendStream<Bytes>,
        body: BodyReader,
        link: Rc<Link>,
    ) -> Sending {
        let ended = Some(link.flushes.get());
        Sending {
            ended,
            is_empty: true,
            ..Sending::new(stream, body, link)
        }
    }

    /// Sends until all has been handed to the system.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        while self.ended.is_none() {
            if let Poll::Ready(reset) = self.stream.poll_reset(cx) {
                let error = reset.map_or_else(|error| error, h2::Error::from);
                return Poll::Ready(Err(self.peer_error(&error)));
            }
            ready!(self.poll_part(cx))?;
        }
        let since = self.ended.unwrap_or_default();
        self.held = true;
        match ready!(self.link.poll_flushed(cx, since)) {
            true => {
                self.is_sent = true;
                self.body.sent(Ok(()));
            }
            false => return Poll::Ready(Err(SendError::Peer(ErrorCode::ConnectionTerminated))),
        }
        Poll::Ready(Ok(()))
    }

    /// Hands the next part to h2, of as many bytes as the other side takes.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        self.held = false;
        ready!(self.body.poll_readable(cx));
        let unread = self.body.unread_bytes().min(PART_BYTES_MAX);
        if unread == 0 {
            return self.poll_end(cx);
        }
        self.stream.reserve_capacity(unread);
        self.held = true;
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Err(self.peer_error(&error))),
                None => return Poll::Ready(Err(SendError::Peer(ErrorCode::ConnectionTerminated))),
            }
        }
        let mut part = vec![0; unread.min(self.stream.capacity())];
        let count = ready!(self.body.poll_read(cx, &mut part)).map_err(SendError::Body)?;
        part.truncate(count);
        self.moved = true;
        self.body_bytes += count as u64;
        self.link.has_worked();
        // The end needs no frame of its own where it is known.
        let is_last = self.body.unread_bytes() == 0 && self.body.is_complete_without_trailers();
        if is_last {
            self.ended = Some(self.link.flushes.get());
        }
        let sent = self.stream.send_data(part.into(), is_last);
        Poll::Ready(sent.map_err(|error| self.peer_error(&error)))
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let trailers = ready!(self.body.poll_end(cx)).map_err(SendError::Body)?;
        let since = self.link.flushes.get();
        let sent = match trailers {
            Some(trailers) if !trailers.is_empty() => {
                self.stream.send_trailers(to_headers(&trailers))
            }
            _ => self.stream.send_data(Bytes::new(), true),
        };
        self.ended = Some(since);
        Poll::Ready(sent.map_err(|error| self.peer_error(&error)))
    }

    /// The body, if nobody has read anything of it.
    pub(super) fn into_untouched(self) -> Option<BodyReader> {
        let is_untouched = self.ended.is_none() || self.is_empty;
        (is_untouched && self.body_bytes == 0).then_some(self.body)
    }

    pub(super) fn is_sent(&self) -> bool {
        self.is_sent
    }

    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// The message is not going to be sent whole.
    pub(super) fn give_up(&mut self, error: &ErrorCode) {
        self.body.sent(Err(error.clone()));
        self.body.refuse(error.clone());
    }

    /// The other side sees that it is not whole.
    pub(super) fn reset(&mut self, reason: Reason) {
        self.stream.send_reset(reason);
    }

    /// Whether this waits for the other side, not for whoever writes.
    pub(super) fn waits_for_peer(&self) -> bool {
        self.held
    }

    /// Whether this waits for whoever writes the body.
    pub(super) fn waits_for_body(&self) -> bool {
        !self.held && self.ended.is_none()
    }

    /// Whether something has gone since this was asked for the last time.
    pub(super) fn has_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    /// Whether only the system has to take what is left.
    pub(super) fn is_handed_over(&self) -> bool {
        self.ended.is_some()
    }

    /// As far as this side is concerned, it has been sent.
    pub(super) fn settle(&mut self) {
        self.body.sent(Ok(()));
    }

    fn peer_error(&self, error: &h2::Error) -> SendError {
        SendError::Peer(self.link.error_code(error, false))
    }
}
