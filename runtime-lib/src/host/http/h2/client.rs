//! Requests by HTTP/2: one connection for all to a server, each a stream.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::Uri;
use http::header::CONTENT_LENGTH;

use super::receiving::Receiving;
use super::sending::{SendError, Sending};
use super::{
    CONNECTION_WINDOW_BYTES, HEAD_BYTES_MAX, Link, SEND_BYTES_MAX, STREAM_WINDOW_BYTES, Wire,
    to_fields, to_headers,
};
use crate::host::http::answer::Answer;
use crate::host::http::body::{empty, pipe};
use crate::host::http::client::{Exchanging, Failed, Request, Response, Shared, Silence, Timeouts};
use crate::host::http::transport::{Buffer, Transport};
use crate::host::http::{ErrorCode, ResponseHead, Result};
use crate::io::spawn;

/// A connection that goes on by itself as long as somebody has a request on it, or this.
pub struct Session {
    sender: RefCell<SendRequest<Bytes>>,
    link: Rc<Link>,
}

impl Session {
    /// Begins to speak HTTP/2.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn open(below: Box<dyn Transport>) -> Result<Session> {
        let (wire, link) = Wire::new(below, Buffer::default());
        let opened = Builder::new()
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_header_list_size(HEAD_BYTES_MAX)
            .max_send_buffer_size(SEND_BYTES_MAX)
            .handshake(wire)
            .await;
        let (sender, connection) = opened.map_err(|error| link.error_code(&error, false))?;
        // What goes wrong with it, its streams are told.
        spawn(async move { drop(connection.await) }).detach();
        Ok(Session {
            sender: RefCell::new(sender),
            link,
        })
    }
}

impl Shared for Session {
    fn is_open(&self) -> bool {
        let cx = &mut Context::from_waker(Waker::noop());
        let polled = self.sender.borrow_mut().poll_ready(cx);
        !matches!(polled, Poll::Ready(Err(_)))
    }

    fn exchange(
        self: Rc<Self>,
        mut request: Request,
        timeouts: Timeouts,
        answer: Rc<Answer<Response>>,
    ) -> Exchanging {
        Box::pin(async move {
            let head = match head(&request) {
                Ok(head) => head,
                Err(error) => {
                    request.body.sent(Err(error.clone()));
                    let request = None;
                    return Err(Failed { error, request });
                }
            };
            let (response, stream) = match self.begin(head, request.is_without_body()).await {
                Ok(begun) => begun,
                // Nothing of it has been sent.
                Err(error) => {
                    let error = self.link.error_code(&error, false);
                    let request = Some(Box::new(request));
                    return Err(Failed { error, request });
                }
            };
            let link = Rc::clone(&self.link);
            let (is_empty, body) = (request.is_without_body(), request.body);
            let sending = match is_empty {
                true => Sending::without_body(stream, body, link),
                false => Sending::new(stream, body, link),
            };
            let mut exchange = Exchange {
                session: self,
                sending: Some(sending),
                send_error: None,
                is_refused: false,
                stage: Stage::Head(response),
                silence: Silence::new(timeouts),
                answer,
            };
            let Err(error) = (&mut exchange).await else {
                return Ok(());
            };
            let sending = exchange.sending.filter(|_| exchange.is_refused);
            let body = match (sending, exchange.is_refused && is_empty) {
                (Some(sending), _) => sending.into_untouched(),
                // There is none, and whoever wrote it has been told already.
                (None, true) => Some(empty()),
                (None, false) => None,
            };
            let request = body.map(|body| {
                Box::new(Request {
                    head: request.head,
                    target: request.target,
                    host: request.host,
                    body,
                })
            });
            Err(Failed { error, request })
        })
    }
}

/// Whether the server says that it has done nothing about a request and never will (RFC 9113,
/// section 8.7).
fn is_refusal(error: &h2::Error) -> bool {
    let refuses = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    error.is_remote() && (error.is_go_away() || refuses)
}

impl Session {
    /// Opens a stream; whether the head is all there is, was decided before.
    async fn begin(
        &self,
        head: http::Request<()>,
        is_all: bool,
    ) -> std::result::Result<(ResponseFuture, SendStream<Bytes>), h2::Error> {
        let mut sender = self.sender.borrow().clone();
        poll_fn(|cx| sender.poll_ready(cx)).await?;
        sender.send_request(head, is_all)
    }
}

fn head(request: &Request) -> Result<http::Request<()>> {
    let uri = Uri::builder()
        .scheme("https")
        .authority(&*request.host)
        .path_and_query(&*request.target)
        .build()
        .map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
    let method = http::Method::from_bytes(request.head.method.name().as_bytes())
        .map_err(|_| ErrorCode::HttpRequestMethodInvalid)?;
    let mut head = http::Request::new(());
    *head.method_mut() = method;
    *head.uri_mut() = uri;
    *head.version_mut() = http::Version::HTTP_2;
    *head.headers_mut() = to_headers(&request.head.fields);
    if let Some(bytes) = request.length_to_tell() {
        head.headers_mut().insert(CONTENT_LENGTH, bytes.into());
    }
    Ok(head)
}

/// A request and its response.
struct Exchange {
    session: Rc<Session>,
    sending: Option<Sending>,
    /// Why the server does not want the rest of it.
    send_error: Option<ErrorCode>,
    /// See [`is_refusal`].
    is_refused: bool,
    stage: Stage,
    silence: Silence,
    answer: Rc<Answer<Response>>,
}

enum Stage {
    Head(ResponseFuture),
    Body(Receiving),
}

impl Exchange {
    /// Whoever wrote the request gave up, which is the only error that counts.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<()> {
        let Some(sending) = &mut self.sending else {
            return Ok(());
        };
        match sending.poll(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.sending = None,
            Poll::Ready(Err(SendError::Body(error))) => {
                sending.give_up(&error);
                return Err(error);
            }
            // The other side may have answered before it has heard everything, or want nothing of
            // it: the response says which.
            Poll::Ready(Err(SendError::Peer(error))) => self.send_error = Some(error),
        }
        Ok(())
    }

    fn stop_sending(&mut self) {
        if let (Some(error), Some(sending)) = (self.send_error.take(), &mut self.sending) {
            sending.give_up(&error);
            self.sending = None;
        }
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let link = &self.session.link;
        if let Stage::Head(response) = &mut self.stage {
            let response = ready!(Pin::new(response).poll(cx));
            let response = response.map_err(|error| {
                self.is_refused = is_refusal(&error);
                link.error_code(&error, false)
            })?;
            let (head, stream) = response.into_parts();
            let (writer, reader) = pipe(None);
            let status = head.status.as_u16();
            let fields = to_fields(&head.headers);
            self.answer
                .give(Ok((ResponseHead { status, fields }, reader)));
            self.stage = Stage::Body(Receiving::new(stream, writer, |link, error| {
                link.error_code(error, true)
            }));
            self.silence.touch();
        }
        let Stage::Body(receiving) = &mut self.stage else {
            return Poll::Pending;
        };
        let polled = receiving.poll(cx, link);
        if receiving.is_held() {
            self.silence.hold();
        } else if receiving.has_heard() || self.silence.is_held() {
            self.silence.touch();
        }
        polled
    }

    fn fail(&mut self, error: ErrorCode) -> Poll<Result<()>> {
        if let Stage::Body(receiving) = &mut self.stage {
            receiving.fail(error.clone());
        }
        Poll::Ready(Err(error))
    }
}

impl Future for Exchange {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let this = &mut *self;
        if let Err(error) = this.poll_send(cx) {
            return this.fail(error);
        }
        if let Poll::Ready(received) = this.poll_receive(cx) {
            if let Some(sending) = &mut this.sending
                && received.is_ok()
                && sending.is_handed_over()
            {
                sending.settle();
            }
            if !this.is_refused {
                this.stop_sending();
            }
            return Poll::Ready(received);
        }
        this.stop_sending();
        match this.silence.poll(cx) {
            Poll::Ready(()) => {
                let sending = this.sending.as_ref();
                this.fail(match sending.is_some_and(Sending::waits_for_peer) {
                    true => ErrorCode::ConnectionWriteTimeout,
                    false => ErrorCode::ConnectionReadTimeout,
                })
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
