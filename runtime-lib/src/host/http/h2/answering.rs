//! One request and its response on a server's connection of HTTP/2.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderValue, StatusCode};

use super::asking::Request;
use super::receiving::Receiving;
use super::sending::{SendError, Sending};
use super::{Link, to_headers};
use crate::host::http::body::{BodyReader, pipe};
use crate::host::http::server::settings::Settings;
use crate::host::http::server::{Asked, Note, Reply, Shared, own_text, with_date};
use crate::host::http::transport::after_ns;
use crate::host::http::{ErrorCode, Method, ResponseHead};
use crate::io::{Sleep, sleep_until};

/// Receives and sends until the response has been sent.
pub(super) struct Answering {
    /// Until all of the body has come.
    receiving: Option<Receiving>,
    /// The client waits for a word before it sends its body.
    expects_continue: bool,
    is_head: bool,
    shared: Rc<Shared>,
    stage: Stage,
    link: Rc<Link>,
    receive_patience: Patience,
    send_patience: Patience,
    /// For the access log.
    note: Option<Box<Note>>,
}

enum Stage {
    /// There is no response yet.
    Awaited(SendResponse<Bytes>),
    Body(Sending),
    /// The client has all that it gets; the guest may have more to say.
    Unwanted(BodyReader),
    Over,
}

/// How it has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// The client has got what there was.
    Done,
    /// The client does not want it any more, or is gone.
    TakenBack,
}

/// How long a client may do nothing.
struct Patience {
    ns: u64,
    sleep: Option<Sleep>,
}

impl Patience {
    fn new(ns: u64) -> Patience {
        Patience { ns, sleep: None }
    }

    /// It has done something, or need not.
    fn touch(&mut self) {
        self.sleep = None;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ns = self.ns;
        let sleep = self.sleep.get_or_insert_with(|| sleep_until(after_ns(ns)));
        Pin::new(sleep).poll(cx)
    }
}

impl Answering {
    /// What looks after the request, and what the guest gets.
    pub(super) fn new(
        respond: SendResponse<Bytes>,
        body: RecvStream,
        request: Request,
        link: Rc<Link>,
        settings: &Settings,
        note: Option<Box<Note>>,
    ) -> (Answering, Asked) {
        let (mut writer, reader) = pipe(None);
        writer.narrow();
        let shared = Shared::new(true);
        let is_head = request.head.method == Method::Head;
        let asked = Asked {
            head: request.head,
            body: reader,
            reply: Reply::new(&shared),
        };
        let receiving = Receiving::new(body, writer, |link, _| link.cut_by_client());
        let receiving = receiving.of_at_most(settings.body_bytes_max);
        let answering = Answering {
            receiving: Some(receiving),
            expects_continue: request.expects_continue,
            is_head,
            shared,
            stage: Stage::Awaited(respond),
            link,
            receive_patience: Patience::new(settings.body_ns),
            send_patience: Patience::new(settings.body_ns),
            note,
        };
        (answering, asked)
    }

    /// Receives what there is room for.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(receiving) = &mut self.receiving else {
            return Poll::Ready(());
        };
        if self.expects_continue {
            // Only whoever reads wants the body.
            ready!(receiving.poll_wanted(cx));
            self.expects_continue = false;
            if let Stage::Awaited(respond) = &mut self.stage {
                inform(respond, StatusCode::CONTINUE, http::HeaderMap::new());
            }
        }
        let received = receiving.poll(cx, &self.link);
        if receiving.has_heard() || receiving.is_held() {
            self.receive_patience.touch();
        }
        match received {
            Poll::Ready(received) => {
                if let Err(ErrorCode::HttpRequestBodySize(_)) = received {
                    self.shared.cut(413);
                }
                self.receiving = None;
                Poll::Ready(())
            }
            Poll::Pending if receiving.is_held() => Poll::Pending,
            Poll::Pending => {
                ready!(self.receive_patience.poll(cx));
                receiving.fail(ErrorCode::ConnectionReadTimeout);
                self.receiving = None;
                Poll::Ready(())
            }
        }
    }

    /// Sends what there is.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        loop {
            match &mut self.stage {
                Stage::Awaited(_) => {
                    if let Some(outcome) = ready!(self.poll_head(cx)) {
                        return Poll::Ready(outcome);
                    }
                }
                Stage::Body(_) => return self.poll_body(cx),
                Stage::Unwanted(body) => {
                    if self.shared.over().is_none() {
                        let end = ready!(body.poll_end(cx));
                        body.sent(end.map(drop));
                    }
                    self.stage = Stage::Over;
                }
                Stage::Over => return Poll::Ready(Outcome::Done),
            }
        }
    }

    /// Waits for the head and sends it: how it has ended, if nothing follows.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let informed = self.shared.take_informed(cx);
        let Stage::Awaited(respond) = &mut self.stage else {
            return Poll::Ready(None);
        };
        if respond.poll_reset(cx).is_ready() {
            return Poll::Ready(Some(Outcome::TakenBack));
        }
        for head in informed {
            let status = StatusCode::from_u16(head.status);
            inform(
                respond,
                status.unwrap_or_default(),
                to_headers(&head.fields),
            );
        }
        let response = match self.shared.over() {
            Some(status) => Err(status),
            None => match ready!(self.shared.poll_response(cx)) {
                Some(response) => response.map_err(|_| 500),
                None => return Poll::Ready(Some(Outcome::Done)),
            },
        };
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let Stage::Awaited(respond) = stage else {
            return Poll::Ready(None);
        };
        let refused = match response {
            Ok((head, body)) if head.status >= 200 => {
                self.answer(head.status);
                self.begin(respond, &head, body);
                return Poll::Ready(None);
            }
            Ok(_) => 500,
            Err(status) => status,
        };
        self.answer(refused);
        refuse(respond, refused, self.is_head);
        Poll::Ready(None)
    }

    fn answer(&mut self, status: u16) {
        if let Some(note) = &mut self.note {
            note.answer(status);
        }
    }

    /// Sends the head.
    fn begin(&mut self, mut respond: SendResponse<Bytes>, head: &ResponseHead, body: BodyReader) {
        let is_without_body = self.is_head || matches!(head.status, 204 | 304);
        let (response, is_all) = response(head, &body, is_without_body);
        // A client that is gone is noticed by whoever sends the body.
        let Ok(stream) = respond.send_response(response, is_all) else {
            return;
        };
        let mut body = body;
        self.stage = if is_without_body {
            body.discard();
            Stage::Unwanted(body)
        } else if is_all {
            Stage::Body(Sending::without_body(stream, body, Rc::clone(&self.link)))
        } else {
            Stage::Body(Sending::new(stream, body, Rc::clone(&self.link)))
        };
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Stage::Body(sending) = &mut self.stage else {
            return Poll::Ready(Outcome::Done);
        };
        if self.shared.over().is_some() && !sending.is_handed_over() {
            self.cut(&ErrorCode::ConnectionTerminated, Reason::INTERNAL_ERROR);
            return Poll::Ready(Outcome::Done);
        }
        // So that whatever ends the request is heard of.
        drop(self.shared.take_informed(cx));
        let sent = sending.poll(cx);
        if sending.has_moved() || !sending.waits_for_peer() {
            self.send_patience.touch();
        }
        match sent {
            Poll::Ready(Ok(())) => Poll::Ready(Outcome::Done),
            Poll::Ready(Err(SendError::Body(error))) => {
                self.cut(&error, Reason::INTERNAL_ERROR);
                Poll::Ready(Outcome::Done)
            }
            Poll::Ready(Err(SendError::Peer(error))) => {
                sending.give_up(&error);
                Poll::Ready(Outcome::TakenBack)
            }
            Poll::Pending if self.shared.has_returned() && sending.waits_for_body() => {
                self.cut(&ErrorCode::ConnectionTerminated, Reason::INTERNAL_ERROR);
                Poll::Ready(Outcome::Done)
            }
            Poll::Pending if sending.waits_for_peer() => {
                ready!(self.send_patience.poll(cx));
                self.cut(&ErrorCode::ConnectionWriteTimeout, Reason::CANCEL);
                Poll::Ready(Outcome::TakenBack)
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Ends it in the middle, so that the client does not take a part for the whole.
    fn cut(&mut self, error: &ErrorCode, reason: Reason) {
        if let Stage::Body(sending) = &mut self.stage {
            sending.give_up(error);
            sending.reset(reason);
        }
        self.receiving = None;
    }
}

impl Future for Answering {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let _ = this.poll_receive(cx);
        let outcome = ready!(this.poll_send(cx));
        if let Some(mut note) = this.note.take() {
            let (bytes, is_whole) = match &this.stage {
                Stage::Body(sending) => (sending.body_bytes(), sending.is_sent()),
                _ => (0, outcome == Outcome::Done),
            };
            note.end(bytes, is_whole);
        }
        if outcome == Outcome::Done && matches!(this.stage, Stage::Body(_) | Stage::Over) {
            // The guest may go on reading after it has answered.
            if let Some(receiving) = &this.receiving
                && !receiving.is_refused()
            {
                ready!(this.poll_receive(cx));
            }
        }
        Poll::Ready(outcome)
    }
}

fn inform(respond: &mut SendResponse<Bytes>, status: StatusCode, headers: http::HeaderMap) {
    let mut response = http::Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    // A client that is gone, or a status that is none of these, is nobody's business.
    let _ = respond.send_informational(response);
}

/// The head of a response, and whether it is all there is.
fn response(
    head: &ResponseHead,
    body: &BodyReader,
    is_without_body: bool,
) -> (http::Response<()>, bool) {
    let mut headers = to_headers(&head.fields);
    if head.status == 204 {
        headers.remove(CONTENT_LENGTH);
    }
    let bytes = body.known_bytes();
    let bytes = bytes.filter(|_| body.is_complete_without_trailers());
    if let Some(bytes) = bytes
        && !is_without_body
        && !headers.contains_key(CONTENT_LENGTH)
    {
        headers.insert(CONTENT_LENGTH, bytes.into());
    }
    if !headers.contains_key(DATE) {
        headers.insert(DATE, date());
    }
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or_default();
    *response.headers_mut() = headers;
    (response, is_without_body || bytes == Some(0))
}

fn date() -> HeaderValue {
    with_date(|date| HeaderValue::from_str(date).expect("dates are letters and digits"))
}

/// Answers in the guest's place.
pub(super) fn refuse(mut respond: SendResponse<Bytes>, status: u16, is_head: bool) {
    let text = own_text(status);
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    headers.insert(CONTENT_LENGTH, text.len().into());
    headers.insert(DATE, date());
    // Nobody is there to be told that a client is gone.
    let sent = respond.send_response(response, is_head);
    if let (Ok(mut stream), false) = (sent, is_head) {
        let _ = stream.send_data(text.into(), true);
    }
}
