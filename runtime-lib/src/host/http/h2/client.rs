//! Requests by HTTP/2: one connection for all to a server, each a stream.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::SendStream;
use h2::client::{Builder, ResponseFuture, SendRequest};
use http::Uri;
use http::header::CONTENT_LENGTH;

use super::receiving::Receiving;
use super::sending::{SendError, Sending};
use super::{
    CONNECTION_WINDOW_BYTES, HEAD_BYTES_MAX, Link, SEND_BYTES_MAX, STREAM_WINDOW_BYTES, Wire,
    to_fields, to_headers,
};
use crate::host::http::answer::Answer;
use crate::host::http::body::pipe;
use crate::host::http::client::{Request, Response, Shared, Silence, Timeouts};
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
    ) -> Pin<Box<dyn Future<Output = Result<()>>>> {
        Box::pin(async move {
            let begun = match head(&request) {
                Ok(head) => self.begin(head, request.is_without_body()).await,
                Err(error) => Err(error),
            };
            match begun {
                Ok((response, stream)) => {
                    let link = Rc::clone(&self.link);
                    let sending = match request.is_without_body() {
                        true => Sending::without_body(stream, request.body, link),
                        false => Sending::new(stream, request.body, link),
                    };
                    Exchange {
                        session: self,
                        sending: Some(sending),
                        stage: Stage::Head(response),
                        silence: Silence::new(timeouts),
                        answer,
                    }
                    .await
                }
                Err(error) => {
                    request.body.sent(Err(error.clone()));
                    Err(error)
                }
            }
        })
    }
}

impl Session {
    /// Opens a stream; whether the head is all there is, was decided before.
    async fn begin(
        &self,
        head: http::Request<()>,
        is_all: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>)> {
        let mut sender = self.sender.borrow().clone();
        let ready = poll_fn(|cx| sender.poll_ready(cx)).await;
        let sent = ready.and_then(|()| sender.send_request(head, is_all));
        sent.map_err(|error| self.link.error_code(&error, false))
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
        let error = match sending.poll(cx) {
            Poll::Pending => return Ok(()),
            Poll::Ready(Ok(())) => None,
            Poll::Ready(Err(SendError::Body(error))) => {
                sending.give_up(&error);
                return Err(error);
            }
            // The other side may have answered before it has heard everything.
            Poll::Ready(Err(SendError::Peer(error))) => Some(error),
        };
        if let (Some(error), Some(sending)) = (error, &mut self.sending) {
            sending.give_up(&error);
        }
        self.sending = None;
        Ok(())
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        let link = &self.session.link;
        if let Stage::Head(response) = &mut self.stage {
            let response = ready!(Pin::new(response).poll(cx));
            let response = response.map_err(|error| link.error_code(&error, false))?;
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
            return Poll::Ready(received);
        }
        match this.silence.poll(cx) {
            Poll::Ready(()) => this.fail(ErrorCode::ConnectionReadTimeout),
            Poll::Pending => Poll::Pending,
        }
    }
}
