//! One request and its response on a connection of HTTP/1.1.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::connect::Connection;
use super::request::{Request, Response};
use super::timeout::{Silence, Timeouts};
use crate::host::Error;
use crate::host::http::answer::Answer;
use crate::host::http::body::{BodyWriter, pipe};
use crate::host::http::h1::framing::{Decoder, Framing, Step, Unclear, declared};
use crate::host::http::h1::head::{
    self, Head, Limits, Malformed, Received, StatusLine, large_field,
};
use crate::host::http::h1::receiving::{poll_parcel, wants_parcel};
use crate::host::http::h1::sending::{Outgoing, SendError, Sender, write_field, write_fields};
use crate::host::http::transport::Transport;
use crate::host::http::{ErrorCode, Fields, Method, ResponseHead, Result};

const LIMITS: Limits = Limits {
    line_bytes_max: 16 * 1024,
    head_bytes_max: 256 * 1024,
};

/// Informational responses before the one that counts.
const INFORMATIONAL_MAX: usize = 64;

/// Gives the connection back, if it can be used again.
pub(super) struct Exchange<'a> {
    connection: Option<Connection>,
    sender: Option<Sender>,
    /// Why the rest of the request was not sent: that may be the answer to a response.
    send_error: Option<ErrorCode>,
    /// The other side takes no more requests on this connection.
    closes: bool,
    is_head: bool,
    receiving: Receiving,
    informational: usize,
    /// So many bytes of a head were none.
    head_seen: usize,
    silence: Silence,
    answer: &'a Rc<Answer<Response>>,
}

enum Receiving {
    Head,
    Body(Decoder, BodyWriter),
    Done,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        connection: Connection,
        request: Request,
        timeouts: Timeouts,
        answer: &'a Rc<Answer<Response>>,
    ) -> Exchange<'a> {
        let is_head = request.head.method == Method::Head;
        let (out, outgoing) = request_head(&request);
        Exchange {
            connection: Some(connection),
            sender: Some(Sender::new(out, request.body, outgoing)),
            send_error: None,
            closes: false,
            is_head,
            receiving: Receiving::Head,
            informational: 0,
            head_seen: 0,
            silence: Silence::new(timeouts),
            answer,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let (Some(sender), Some(connection)) = (&mut self.sender, &mut self.connection) else {
            return Ok(());
        };
        match sender.poll(cx, &mut *connection.transport) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(SendError::Body(error))) => {
                sender.give_up(&error);
                return Err(error);
            }
            // The other side may have answered before it has heard everything.
            Poll::Ready(Err(SendError::Connection(error))) => {
                let error = broken(error, &*connection.transport);
                sender.give_up(&error);
                self.send_error = Some(error);
            }
        }
        self.sender = None;
        Ok(())
    }

    /// Receives until the response is complete: whether the connection stays open.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        loop {
            let step = match &mut self.receiving {
                Receiving::Done => return Poll::Ready(Ok(())),
                Receiving::Head => ready!(self.poll_head(cx)),
                Receiving::Body(..) => ready!(self.poll_body(cx)),
            };
            if let Err(error) = step {
                if let Receiving::Body(_, writer) = &mut self.receiving {
                    writer.fail(error.clone());
                }
                return Poll::Ready(Err(error));
            }
        }
    }

    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Ok(()));
        };
        let bytes = connection.buffer.bytes();
        let seen = std::mem::replace(&mut self.head_seen, bytes.len());
        if !head::may_end(bytes, seen, LIMITS) {
            return self.poll_fill(cx, false);
        }
        let head = match head::response(bytes, LIMITS) {
            Ok(Some(head)) => head,
            Ok(None) => return self.poll_fill(cx, false),
            Err(malformed) => {
                let error = malformed_head(malformed, connection.buffer.bytes());
                return Poll::Ready(Err(error));
            }
        };
        connection.buffer.consume(head.bytes);
        self.head_seen = 0;
        let status = head.line.status;
        if (100..200).contains(&status) && status != 101 {
            self.informational += 1;
            if self.informational > INFORMATIONAL_MAX {
                return Poll::Ready(Err(ErrorCode::HttpProtocolError));
            }
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(self.begin_body(head))
    }

    fn begin_body(&mut self, head: Head<StatusLine>) -> Result<()> {
        let status = head.line.status;
        if status == 101 {
            return Err(ErrorCode::HttpUpgradeFailed);
        }
        let framing = self.framing(&head)?;
        self.closes = !keeps_alive(&head) || framing == Framing::UntilClose;
        let fields = Fields::received(head.fields);
        let (writer, reader) = pipe(None);
        self.answer
            .give(Ok((ResponseHead { status, fields }, reader)));
        self.receiving = Receiving::Body(Decoder::new(framing), writer);
        self.silence.touch();
        Ok(())
    }

    /// RFC 9112, section 6.3.
    fn framing(&self, head: &Head<StatusLine>) -> Result<Framing> {
        if self.is_head || matches!(head.line.status, 204 | 304) {
            return Ok(Framing::Length(0));
        }
        let declared = declared(&head.fields).map_err(|unclear| match unclear {
            Unclear::Coding(coding) => ErrorCode::HttpResponseTransferCoding(Some(coding)),
            Unclear::Length => ErrorCode::HttpProtocolError,
        })?;
        Ok(match (declared.chunked, declared.length) {
            (true, _) => Framing::Chunked,
            (false, Some(bytes)) => Framing::Length(bytes),
            (false, None) => Framing::UntilClose,
        })
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let (Receiving::Body(decoder, writer), Some(connection)) =
            (&mut self.receiving, &mut self.connection)
        else {
            return Poll::Ready(Ok(()));
        };
        let buffer = &mut connection.buffer;
        let step = decoder.step(buffer.bytes());
        let step = match step {
            Ok(step) => step,
            Err(Malformed::TooLarge) if decoder.is_at_trailers() => {
                return Poll::Ready(Err(match large_field(buffer.bytes()) {
                    Some(field) => ErrorCode::HttpResponseTrailerSize(field),
                    None => ErrorCode::HttpResponseTrailerSectionSize(None),
                }));
            }
            Err(_) => return Poll::Ready(Err(ErrorCode::HttpProtocolError)),
        };
        match step {
            Step::More => {
                // Nothing more is wanted when nobody reads.
                if writer.poll_refused(cx).is_ready() {
                    return Poll::Ready(Err(ErrorCode::ConnectionTerminated));
                }
                let as_parcel = wants_parcel(decoder, writer, buffer, u64::MAX);
                if as_parcel {
                    ready!(self.poll_room(cx));
                }
                return self.poll_fill(cx, as_parcel);
            }
            Step::Skip(count) => {
                decoder.advance(&buffer.bytes()[..count]);
                buffer.consume(count);
            }
            Step::Data(count) => {
                ready!(self.poll_room(cx));
                return Poll::Ready(self.pass_on(count));
            }
            Step::End(count, trailers) => {
                buffer.consume(count);
                let result = writer.finish(received_trailers(trailers));
                self.receiving = Receiving::Done;
                return Poll::Ready(result);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for the guest, however long that takes.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Receiving::Body(_, writer) = &self.receiving else {
            return Poll::Ready(());
        };
        if writer.poll_room(cx).is_pending() {
            self.silence.hold();
            return Poll::Pending;
        }
        if self.silence.is_held() {
            self.silence.touch();
        }
        Poll::Ready(())
    }

    /// Passes bytes on to the guest.
    fn pass_on(&mut self, count: usize) -> Result<()> {
        let (Receiving::Body(decoder, writer), Some(connection)) =
            (&mut self.receiving, &mut self.connection)
        else {
            return Ok(());
        };
        let buffer = &mut connection.buffer;
        writer.room()?;
        decoder.advance(buffer.bytes().get(..count).unwrap_or_default());
        writer.write(buffer.take(count))
    }

    /// Reads from the connection, whose end may be that of the body.
    fn poll_fill(&mut self, cx: &mut Context<'_>, as_parcel: bool) -> Poll<Result<()>> {
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Ok(()));
        };
        let (buffer, transport) = (&mut connection.buffer, &mut *connection.transport);
        let parcel = match &mut self.receiving {
            Receiving::Body(decoder, writer) if as_parcel => {
                poll_parcel(cx, (decoder, writer), buffer, transport)
            }
            _ => None,
        };
        let count = match ready!(parcel.unwrap_or_else(|| buffer.poll_fill(cx, transport))) {
            Ok(count) => count,
            Err(error) => return Poll::Ready(Err(broken(error, transport))),
        };
        if count > 0 {
            if let Receiving::Body(..) = self.receiving {
                self.silence.touch();
            }
            return Poll::Ready(Ok(()));
        }
        let is_silent = connection.buffer.is_empty();
        Poll::Ready(match &mut self.receiving {
            Receiving::Body(decoder, writer) if decoder.ends_with_connection() => {
                let result = writer.finish(None);
                self.receiving = Receiving::Done;
                result
            }
            Receiving::Head if is_silent => Err(self
                .send_error
                .take()
                .unwrap_or(ErrorCode::ConnectionTerminated)),
            _ => Err(ErrorCode::HttpResponseIncomplete),
        })
    }
}

impl Future for Exchange<'_> {
    type Output = Result<Option<Connection>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        // Trying once more may send the rest, where the system has room that it does not tell of.
        let held_at = this.sender.as_ref().and_then(Sender::held_at);
        if let Err(error) = this.poll_send(cx) {
            if let Receiving::Body(_, writer) = &mut this.receiving {
                writer.fail(error.clone());
            }
            return Poll::Ready(Err(error));
        }
        if let Poll::Ready(received) = this.poll_receive(cx) {
            received?;
            let used_up = this.closes || this.sender.is_some() || this.send_error.is_some();
            let left = this.connection.take();
            return Poll::Ready(Ok(left.filter(|left| !used_up && left.buffer.is_empty())));
        }
        if this.silence.poll(cx).is_ready() {
            let is_held_now = this.sender.as_ref().and_then(Sender::held_at).is_some();
            let error = match is_held_now || held_at.is_some_and(|sent_bytes| sent_bytes > 0) {
                true => ErrorCode::ConnectionWriteTimeout,
                false => ErrorCode::ConnectionReadTimeout,
            };
            if let Receiving::Body(_, writer) = &mut this.receiving {
                writer.fail(error.clone());
            }
            return Poll::Ready(Err(error));
        }
        Poll::Pending
    }
}

/// The head of a request, and how its body is written.
fn request_head(request: &Request) -> (Vec<u8>, Outgoing) {
    let mut out = Vec::with_capacity(512);
    let method = request.head.method.name();
    out.extend_from_slice(format!("{method} {} HTTP/1.1\r\n", request.target).as_bytes());
    write_field(&mut out, "Host", request.host.as_bytes());
    write_fields(&mut out, &request.head.fields);
    let says = request.head.fields.has("content-length");
    let outgoing = match request.length_to_tell() {
        Some(bytes) => {
            write_field(&mut out, "Content-Length", bytes.to_string().as_bytes());
            Outgoing::Plain
        }
        None if says && request.body.known_bytes().is_some() => Outgoing::Plain,
        None if request.is_without_body() => Outgoing::Nothing,
        None => {
            write_field(&mut out, "Transfer-Encoding", b"chunked");
            Outgoing::Chunked
        }
    };
    out.extend_from_slice(b"\r\n");
    (out, outgoing)
}

/// Whether the other side takes another request on the same connection.
fn keeps_alive(head: &Head<StatusLine>) -> bool {
    let says = |word: &str| {
        head.fields.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("connection")
                && value
                    .split(|byte| *byte == b',')
                    .any(|part| part.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        })
    };
    match head.line.minor {
        0 => says("keep-alive"),
        _ => !says("close"),
    }
}

fn received_trailers(trailers: Vec<Received>) -> Option<Fields> {
    match trailers.is_empty() {
        true => None,
        false => Some(Fields::received(trailers)),
    }
}

fn malformed_head(malformed: Malformed, bytes: &[u8]) -> ErrorCode {
    match malformed {
        Malformed::LineTooLong => ErrorCode::HttpResponseHeaderSectionSize(None),
        Malformed::TooLarge => match large_field(bytes) {
            Some(field) => ErrorCode::HttpResponseHeaderSize(field),
            None => ErrorCode::HttpResponseHeaderSectionSize(None),
        },
        Malformed::Syntax | Malformed::Version => ErrorCode::HttpProtocolError,
    }
}

/// The error of a connection that no longer works.
fn broken(error: Error, transport: &dyn Transport) -> ErrorCode {
    transport.failure().unwrap_or(match error {
        Error::TimedOut => ErrorCode::ConnectionTimeout,
        _ => ErrorCode::ConnectionTerminated,
    })
}
