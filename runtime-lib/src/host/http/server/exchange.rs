//! One request and its response on a connection of a client.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::access_log::Note;
use super::connection::Connection;
use super::reply::{Asked, Reply, Shared};
use super::request::{Request, Shape, refusal};
use super::response::{informational, own, response_head};
use super::settings::Settings;
use crate::host::http::body::{BodyReader, BodyWriter, empty, pipe};
use crate::host::http::h1::framing::{Decoder, Step};
use crate::host::http::h1::head::{Malformed, large_field};
use crate::host::http::h1::receiving::{poll_parcel, wants_parcel};
use crate::host::http::h1::sending::{Outgoing, SendError, Sender};
use crate::host::http::transport::after_ns;
use crate::host::http::{ErrorCode, Fields, ResponseHead, Result};
use crate::host::stat::NS_PER_S;
use crate::io::{Sleep, sleep_until};

/// Bytes of a request that the guest did not want, and that are read for the sake of the next one.
const UNWANTED_BYTES_MAX: usize = 256 * 1024;

/// How long a client may be silent within them.
const UNWANTED_NS: u64 = 5 * NS_PER_S;

/// Receives and sends until the response has been sent.
pub(super) struct Exchange {
    pub(super) connection: Connection,
    shape: Shape,
    /// The client waits for a word before it sends its body.
    expects_continue: bool,
    /// Until all of the body has come.
    receiving: Option<(Decoder, BodyWriter)>,
    shared: Rc<Shared>,
    out: Vec<u8>,
    sender: Option<Sender>,
    keeps_alive: bool,
    send_patience: SendPatience,
    /// For the access log.
    note: Option<Box<Note>>,
    /// The server is about to end, and the connection with it.
    ending: Rc<Cell<bool>>,
    sleep: Option<Sleep>,
    /// How long the client may say nothing.
    body_ns: u64,
    /// More is too much.
    body_bytes_left: u64,
    /// Of what comes after the response and the guest does not want.
    unwanted_bytes_left: Option<usize>,
}

/// How long a client may take nothing of a response.
struct SendPatience {
    ns: u64,
    /// Since the client has taken so many bytes and no more.
    held: Option<(u64, Sleep)>,
}

impl SendPatience {
    fn new(ns: u64) -> SendPatience {
        SendPatience { ns, held: None }
    }

    /// Is ready when it is over, for a client that has taken so many bytes and is waited for.
    fn poll(&mut self, cx: &mut Context<'_>, held_at: Option<u64>) -> Poll<()> {
        let Some(bytes) = held_at else {
            self.held = None;
            return Poll::Pending;
        };
        let ns = self.ns;
        let new = || (bytes, sleep_until(after_ns(ns)));
        let held = self.held.get_or_insert_with(new);
        if held.0 != bytes {
            *held = new();
        }
        Pin::new(&mut held.1).poll(cx)
    }
}

/// How an exchange has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The connection takes another request.
    Next,
    /// It ends here, in order.
    Close,
    /// It ends in the middle of a message.
    Abort,
}

impl Exchange {
    /// The exchange, and what the guest gets.
    pub(super) fn new(
        connection: Connection,
        request: Request,
        settings: &Settings,
        ending: Rc<Cell<bool>>,
        note: Option<Box<Note>>,
    ) -> (Exchange, Asked) {
        let (writer, reader) = pipe(None);
        let shared = Shared::new(request.shape.minor > 0);
        let asked = Asked {
            head: request.head,
            body: reader,
            reply: Reply::new(&shared),
        };
        let exchange = Exchange {
            connection,
            receiving: Some((Decoder::new(request.framing), writer)),
            shared,
            out: Vec::new(),
            sender: None,
            keeps_alive: request.shape.keeps_alive,
            shape: request.shape,
            expects_continue: request.expects_continue,
            ending,
            send_patience: SendPatience::new(settings.body_ns),
            note,
            sleep: None,
            body_ns: settings.body_ns,
            body_bytes_left: settings.body_bytes_max.unwrap_or(u64::MAX),
            unwanted_bytes_left: None,
        };
        (exchange, asked)
    }

    /// Receives what there is room for.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some((decoder, writer)) = &mut self.receiving {
            let buffer = &mut self.connection.buffer;
            match decoder.step(buffer.bytes()) {
                Err(malformed) => {
                    writer.fail(malformed_body(malformed, decoder, buffer.bytes()));
                    // Whatever the guest says to half a request, nobody has asked for.
                    self.shared.cut(refusal(malformed));
                    self.stop_receiving();
                }
                Ok(Step::Skip(count)) => {
                    decoder.advance(&buffer.bytes()[..count]);
                    buffer.consume(count);
                }
                Ok(Step::End(count, trailers)) => {
                    buffer.consume(count);
                    let trailers = (!trailers.is_empty()).then(|| Fields::received(trailers));
                    // Nothing was announced to the pipe that could be missing.
                    let _ = writer.finish(trailers);
                    self.receiving = None;
                }
                Ok(Step::Data(count)) => {
                    if !writer.is_refused() {
                        ready!(writer.poll_room(cx));
                    }
                    // Where there is room for some, there is for what one reading has brought.
                    let Some(left) = self.body_bytes_left.checked_sub(count as u64) else {
                        writer.fail(ErrorCode::HttpRequestBodySize(None));
                        self.shared.cut(413);
                        self.stop_receiving();
                        break;
                    };
                    self.body_bytes_left = left;
                    if let Some(left) = self.unwanted_bytes_left {
                        self.unwanted_bytes_left = left.checked_sub(count);
                        if self.unwanted_bytes_left.is_none() {
                            self.stop_receiving();
                            break;
                        }
                    }
                    decoder.advance(&buffer.bytes()[..count]);
                    let bytes = buffer.take(count);
                    // More than was announced it cannot be: the decoder counts too.
                    let _ = writer.write(bytes);
                    self.sleep = None;
                }
                Ok(Step::More) => {
                    let as_parcel = wants_parcel(decoder, writer, buffer, self.body_bytes_left);
                    if as_parcel {
                        ready!(writer.poll_room(cx));
                    }
                    ready!(self.poll_fill(cx, as_parcel));
                }
            }
        }
        Poll::Ready(())
    }

    /// Reads more of the body.
    fn poll_fill(&mut self, cx: &mut Context<'_>, as_parcel: bool) -> Poll<()> {
        let Some((decoder, writer)) = &mut self.receiving else {
            return Poll::Ready(());
        };
        if self.expects_continue {
            // Only whoever reads wants the body.
            ready!(writer.poll_attached(cx));
            self.expects_continue = false;
            if self.sender.is_none() {
                self.out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                cx.waker().wake_by_ref();
            }
        }
        let (buffer, from) = (&mut self.connection.buffer, &mut *self.connection.transport);
        let parcel = match as_parcel {
            true => poll_parcel(cx, (decoder, &mut *writer), buffer, from),
            false => None,
        };
        match parcel.unwrap_or_else(|| buffer.poll_fill(cx, from)) {
            Poll::Ready(Ok(count @ 1..)) if buffer.is_empty() => {
                self.body_bytes_left -= count as u64;
                self.sleep = None;
            }
            Poll::Ready(Ok(1..)) => {}
            Poll::Ready(_) => {
                writer.fail(ErrorCode::ConnectionTerminated);
                self.stop_receiving();
            }
            Poll::Pending => {
                let at_ns = after_ns(self.body_ns);
                let sleep = self.sleep.get_or_insert_with(|| sleep_until(at_ns));
                ready!(Pin::new(sleep).poll(cx));
                writer.fail(ErrorCode::ConnectionReadTimeout);
                self.stop_receiving();
            }
        }
        Poll::Ready(())
    }

    fn stop_receiving(&mut self) {
        self.receiving = None;
        self.keeps_alive = false;
    }

    /// Sends what there is.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let over = self.shared.over();
        if over.is_some()
            && let Some(sender) = &mut self.sender
            && !sender.has_all()
        {
            sender.give_up(&ErrorCode::ConnectionTerminated);
            return Poll::Ready(Outcome::Abort);
        }
        for head in self.shared.take_informed(cx) {
            self.out.extend(informational(&head));
        }
        while !self.out.is_empty() {
            let transport = &mut *self.connection.transport;
            match ready!(transport.poll_write(cx, &self.out)) {
                Ok(count) => drop(self.out.drain(..count)),
                Err(_) => return Poll::Ready(Outcome::Abort),
            }
        }
        if self.sender.is_none() {
            if let Some(status) = over {
                self.refuse(status);
            } else {
                let Some(response) = ready!(self.shared.poll_response(cx)) else {
                    return Poll::Ready(Outcome::Abort);
                };
                self.begin(response);
            }
        }
        let Some(sender) = &mut self.sender else {
            return Poll::Ready(Outcome::Abort);
        };
        let sent = sender.poll(cx, &mut *self.connection.transport);
        if sent.is_pending() {
            let held_at = sender.held_at();
            if self.send_patience.poll(cx, held_at).is_ready() {
                sender.give_up(&ErrorCode::ConnectionWriteTimeout);
                return Poll::Ready(Outcome::Abort);
            }
        }
        if sent.is_pending() && self.shared.has_returned() && sender.waits_for_body() {
            sender.give_up(&ErrorCode::ConnectionTerminated);
            return Poll::Ready(Outcome::Abort);
        }
        Poll::Ready(match ready!(sent) {
            Ok(()) if self.keeps_alive => Outcome::Next,
            Ok(()) => Outcome::Close,
            Err(SendError::Body(error)) => {
                sender.give_up(&error);
                Outcome::Abort
            }
            Err(SendError::Connection(_)) => {
                sender.give_up(&ErrorCode::ConnectionTerminated);
                Outcome::Abort
            }
        })
    }

    fn begin(&mut self, response: Result<(ResponseHead, BodyReader)>) {
        let shape = self.shape;
        self.sender = Some(match response {
            Ok((head, body)) => {
                self.answer(head.status);
                let mut shape = shape;
                // A body that was not asked for may come all the same, or not.
                let is_open = self.expects_continue && self.receiving.is_some();
                shape.keeps_alive = self.keeps_alive && !is_open && !self.ending.get();
                let (out, outgoing, keeps_alive) = response_head(&head, &body, shape);
                self.keeps_alive = keeps_alive;
                Sender::new(out, body, outgoing)
            }
            Err(_) => return self.refuse(500),
        });
    }

    fn answer(&mut self, status: u16) {
        if let Some(note) = &mut self.note {
            note.answer(status);
        }
    }

    /// Has the server answer by itself.
    fn refuse(&mut self, status: u16) {
        self.keeps_alive = false;
        self.answer(status);
        let head = own(status, self.shape.is_head);
        self.sender = Some(Sender::new(head, empty(), Outgoing::Nothing));
    }
}

/// What a body is that cannot be read on.
fn malformed_body(malformed: Malformed, decoder: &Decoder, bytes: &[u8]) -> ErrorCode {
    if malformed != Malformed::TooLarge || !decoder.is_at_trailers() {
        return ErrorCode::HttpProtocolError;
    }
    match large_field(bytes) {
        Some(field) => ErrorCode::HttpRequestTrailerSize(field),
        None => ErrorCode::HttpRequestTrailerSectionSize(None),
    }
}

impl Future for Exchange {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let _ = this.poll_receive(cx);
        let outcome = ready!(this.poll_send(cx));
        if let Some(mut note) = this.note.take() {
            let bytes = this.sender.as_ref().map_or(0, Sender::body_bytes);
            note.end(bytes, outcome != Outcome::Abort);
        }
        if outcome != Outcome::Next {
            return Poll::Ready(outcome);
        }
        // The next request is behind this one's body.
        let Some((_, writer)) = &mut this.receiving else {
            return Poll::Ready(Outcome::Next);
        };
        // The guest may go on reading after it has answered. What it does not want, the client may
        // be sending still, and relies on the connection.
        if writer.is_refused() && this.unwanted_bytes_left.is_none() {
            this.unwanted_bytes_left = Some(UNWANTED_BYTES_MAX);
            this.body_ns = this.body_ns.min(UNWANTED_NS);
            this.sleep = None;
        }
        ready!(this.poll_receive(cx));
        Poll::Ready(match this.keeps_alive {
            true => Outcome::Next,
            false => Outcome::Close,
        })
    }
}
