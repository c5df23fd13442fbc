//! A server's connections of HTTP/2: the requests of each are answered at the same time, and each
//! by a task of its own.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::{Builder, Connection as Streams, SendResponse};
use h2::{Reason, RecvStream};

use super::answering::{Answering, Outcome, refuse};
use super::asking::check;
use super::{CONNECTION_WINDOW_BYTES, Link, SEND_BYTES_MAX, STREAM_WINDOW_BYTES, Wire};
use crate::host::http::server::{Connection, Served, offer_http2};
use crate::host::http::transport::after_ns;
use crate::io::{Sleep, sleep_until, spawn};

/// Requests of one connection at the same time.
const STREAMS_MAX: u32 = 128;

/// Bytes of a head, as RFC 9113, section 6.5.2 counts them.
const HEAD_BYTES_MAX: u32 = 64 * 1024;

/// Bytes in a row of which no request and no body has come: acknowledgements, pings, settings.
const IDLE_TALK_BYTES_MAX: usize = 1024 * 1024;

/// Requests that a client has taken back, less those that it has not.
const RESETS_MAX: u32 = 100;

/// How long a client that has nothing to wait for may take to hear that the connection ends.
const GOODBYE_NS: u64 = 1_000_000_000;

/// Servers that are started from now on speak HTTP/2.
pub fn provide() {
    offer_http2(|connection, worker| Box::pin(speak(connection, worker)));
}

/// Answers all requests of a connection.
async fn speak(connection: Connection, worker: Rc<dyn Served>) {
    let settings = worker.settings();
    let is_secure = connection.is_secure;
    let (wire, link) = Wire::of_server(connection.transport, connection.buffer);
    let mut opening = Builder::new()
        .max_concurrent_streams(STREAMS_MAX)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_send_buffer_size(SEND_BYTES_MAX)
        .handshake(wire);
    let mut limit = sleep_until(after_ns(settings.head_ns));
    let opened = std::future::poll_fn(|cx| match Pin::new(&mut opening).poll(cx) {
        Poll::Ready(opened) => Poll::Ready(opened.ok()),
        Poll::Pending if worker.poll_ending(cx).is_ready() => Poll::Ready(None),
        Poll::Pending => Pin::new(&mut limit).poll(cx).map(|()| None),
    });
    let Some(streams) = opened.await else {
        return;
    };
    let requests = Rc::new(Requests::default());
    let session = Session {
        streams,
        link,
        is_secure,
        requests,
        stage: Stage::Open,
        idle: None,
        worker,
    };
    session.await;
}

/// The requests of a connection.
#[derive(Default)]
struct Requests {
    running: Cell<usize>,
    /// See [`RESETS_MAX`].
    resets: Cell<u32>,
    /// Of the connection.
    waker: RefCell<Option<Waker>>,
}

struct Session {
    streams: Streams<Wire, Bytes>,
    link: Rc<Link>,
    is_secure: bool,
    requests: Rc<Requests>,
    stage: Stage,
    /// Until it has had no request for too long.
    idle: Option<Sleep>,
    worker: Rc<dyn Served>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Open,
    /// The client has been told that it ends.
    Ending,
    /// It is about to be closed, whatever is going on.
    Closing,
}

impl Session {
    /// Has a request answered, or answers it.
    fn begin(&self, request: http::Request<RecvStream>, respond: SendResponse<Bytes>) {
        let (head, body) = request.into_parts();
        let is_head = head.method == http::Method::HEAD;
        let settings = self.worker.settings();
        self.link.has_worked();
        let request = match check(head, self.is_secure, settings.body_bytes_max) {
            Ok(request) => request,
            Err(status) => {
                if let Some(visitor) = self.worker.visitor() {
                    visitor.note_refused(status);
                }
                return refuse(respond, status, is_head);
            }
        };
        let visitor = self.worker.visitor();
        let note = visitor.map(|visitor| visitor.note_request(&request.head, "HTTP/2.0"));
        let link = Rc::clone(&self.link);
        let (answering, asked) = Answering::new(respond, body, request, link, settings, note);
        self.worker.take(asked);
        let requests = Rc::clone(&self.requests);
        requests.running.set(requests.running.get() + 1);
        spawn(async move {
            let outcome = answering.await;
            requests.end(outcome);
        })
        .detach();
    }

    fn is_idle(&self) -> bool {
        self.requests.running.get() == 0
    }

    /// Has the connection end when its time has come.
    fn poll_limits(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.stage == Stage::Open && self.worker.poll_ending(cx).is_ready() {
            self.say_goodbye();
        }
        if !self.is_idle() {
            self.idle = None;
            return Poll::Pending;
        }
        let ns = match self.stage {
            Stage::Open => self.worker.settings().idle_ns,
            Stage::Ending | Stage::Closing => GOODBYE_NS,
        };
        let idle = self.idle.get_or_insert_with(|| sleep_until(after_ns(ns)));
        if Pin::new(idle).poll(cx).is_pending() {
            return Poll::Pending;
        }
        match self.stage {
            Stage::Open => {
                self.say_goodbye();
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            // It does not listen.
            Stage::Ending | Stage::Closing => Poll::Ready(()),
        }
    }

    fn say_goodbye(&mut self) {
        self.stage = Stage::Ending;
        self.idle = None;
        self.streams.graceful_shutdown();
    }

    /// Whether the client only keeps the server busy.
    fn is_flooded(&self) -> bool {
        self.link.idle_talk_bytes() > IDLE_TALK_BYTES_MAX || self.requests.resets.get() > RESETS_MAX
    }
}

impl Future for Session {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        *this.requests.waker.borrow_mut() = Some(cx.waker().clone());
        loop {
            if this.stage != Stage::Closing && this.is_flooded() {
                this.stage = Stage::Closing;
                this.idle = None;
                this.streams.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
            }
            let stage = this.stage;
            if this.poll_limits(cx).is_ready() {
                return Poll::Ready(());
            }
            match this.streams.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    this.idle = None;
                    this.begin(request, respond);
                }
                // h2 has told the client why.
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending if this.stage == stage && !this.is_flooded() => {
                    return Poll::Pending;
                }
                Poll::Pending if this.stage == Stage::Closing => return Poll::Pending,
                Poll::Pending => {}
            }
        }
    }
}

impl Requests {
    fn end(&self, outcome: Outcome) {
        self.running.set(self.running.get() - 1);
        let resets = self.resets.get();
        self.resets.set(match outcome {
            Outcome::TakenBack => resets + 1,
            Outcome::Done => resets.saturating_sub(1),
        });
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
