//! What a guest receives: requests, responses, and their bodies.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use wasmelt_abi::TrapCode;

use super::fields::Fields;
use super::streams::BodyInput;
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::http::answer::Answer;
use crate::host::http::body::BodyReader;
use crate::host::http::client::Sent;
use crate::host::http::{self, ErrorCode, Method, RequestHead, ResponseHead, Scheme};
use crate::io::{Event, Wanted};
use crate::wasi::p2::poll::{self, Pollable, Subscribe};
use crate::wasi::p2::streams::Input;

/// What functions return that say no more than that they failed.
type Plain<T> = Result<T, ()>;

/// The resource `incoming-request`.
pub struct IncomingRequest {
    pub head: RequestHead,
    /// Until the guest takes it.
    pub body: Option<BodyReader>,
}

/// The resource `incoming-response`.
pub struct IncomingResponse {
    head: ResponseHead,
    body: Option<BodyReader>,
}

/// The resource `incoming-body`.
pub struct IncomingBody {
    reader: Rc<RefCell<BodyReader>>,
    /// Once the guest has asked for it.
    stream: Option<Weak<BodyInput>>,
}

/// The resource `future-trailers`, which pollables have a share of.
pub type FutureTrailers = Rc<Trailers>;

/// The rest of a body, of which the guest wants the end.
pub struct Trailers(RefCell<Option<BodyReader>>);

/// The resource `future-incoming-response`, which pollables have a share of.
pub type FutureIncomingResponse = Rc<Arrival>;

/// A response that a guest waits for.
pub struct Arrival {
    response: Rc<Answer<http::Result<(ResponseHead, BodyReader)>>>,
    /// Dropped together with this: nobody is waiting then.
    _sent: Sent,
}

macro_rules! resources {
    ($( $type:ident $name:literal )*) => {
        $(
            impl Resource for $type {
                const INTERFACE: &'static str = "wasi:http/types";
                const NAME: &'static str = $name;
            }
        )*
    };
}

resources! {
    IncomingRequest "incoming-request"
    IncomingResponse "incoming-response"
    FutureTrailers "future-trailers"
    FutureIncomingResponse "future-incoming-response"
}

impl Resource for IncomingBody {
    const INTERFACE: &'static str = "wasi:http/types";
    const NAME: &'static str = "incoming-body";

    fn forbids_drop(&self) -> Option<TrapCode> {
        self.has_stream().then_some(TrapCode::ChildrenRemain)
    }
}

impl IncomingBody {
    fn has_stream(&self) -> bool {
        let stream = self.stream.as_ref();
        stream.is_some_and(|stream| stream.strong_count() > 0)
    }
}

/// The one body of a message.
fn consume(call: &mut Call<'_>, body: Option<BodyReader>) -> Plain<Own<IncomingBody>> {
    let reader = body.ok_or(())?;
    Ok(call.push(IncomingBody {
        reader: Rc::new(RefCell::new(reader)),
        stream: None,
    }))
}

type Request = Borrow<IncomingRequest>;

pub fn incoming_request_method(call: &mut Call<'_>, this: Request) -> Method {
    call.resource(&this).head.method.clone()
}

pub fn incoming_request_path_with_query(call: &mut Call<'_>, this: Request) -> Option<String> {
    call.resource(&this).head.path_with_query.clone()
}

pub fn incoming_request_scheme(call: &mut Call<'_>, this: Request) -> Option<Scheme> {
    call.resource(&this).head.scheme.clone()
}

pub fn incoming_request_authority(call: &mut Call<'_>, this: Request) -> Option<String> {
    call.resource(&this).head.authority.clone()
}

pub fn incoming_request_headers(call: &mut Call<'_>, this: Request) -> Own<Fields> {
    let fields = call.resource(&this).head.fields.clone();
    call.push(Fields(fields))
}

pub fn incoming_request_consume(call: &mut Call<'_>, this: Request) -> Plain<Own<IncomingBody>> {
    let body = call.resource(&this).body.take();
    consume(call, body)
}

type Response = Borrow<IncomingResponse>;

pub fn incoming_response_status(call: &mut Call<'_>, this: Response) -> u16 {
    call.resource(&this).head.status
}

pub fn incoming_response_headers(call: &mut Call<'_>, this: Response) -> Own<Fields> {
    let fields = call.resource(&this).head.fields.clone();
    call.push(Fields(fields))
}

pub fn incoming_response_consume(call: &mut Call<'_>, this: Response) -> Plain<Own<IncomingBody>> {
    let body = call.resource(&this).body.take();
    consume(call, body)
}

pub fn incoming_body_stream(call: &mut Call<'_>, this: Borrow<IncomingBody>) -> Plain<Own<Input>> {
    poll::drive();
    let body = call.resource(&this);
    if body.stream.is_some() {
        return Err(());
    }
    let stream = Rc::new(BodyInput::new(&body.reader));
    body.stream = Some(Rc::downgrade(&stream));
    let stream: Input = stream;
    Ok(call.push(stream))
}

pub fn incoming_body_finish(call: &mut Call<'_>, this: Own<IncomingBody>) -> Own<FutureTrailers> {
    poll::drive();
    let body = call.take(this);
    if body.has_stream() {
        call.trap(TrapCode::ChildrenRemain);
    }
    let reader = Rc::into_inner(body.reader).expect("only the stream has a share of it");
    let mut reader = reader.into_inner();
    reader.discard();
    call.push(Rc::new(Trailers(RefCell::new(Some(reader)))))
}

pub fn future_trailers_subscribe(
    call: &mut Call<'_>,
    this: Borrow<FutureTrailers>,
) -> Own<Pollable> {
    let subject = Rc::clone(call.resource(&this));
    call.push(Pollable::new(subject))
}

/// What there is to be said about trailers: `error-code` where the body is not whole.
type TrailersResult = Result<http::Result<Option<Own<Fields>>>, ()>;

pub fn future_trailers_get(
    call: &mut Call<'_>,
    this: Borrow<FutureTrailers>,
) -> Option<TrailersResult> {
    let trailers = call.resource(&this).get()?;
    Some(trailers.map(|trailers| {
        trailers.map(|fields| fields.map(|fields| call.push(Fields(fields.to_immutable()))))
    }))
}

impl Trailers {
    fn get(&self) -> Option<Result<http::Result<Option<http::Fields>>, ()>> {
        poll::is_ready(self);
        let mut reader = self.0.borrow_mut();
        let Some(body) = &*reader else {
            return Some(Err(()));
        };
        let end = body.end_now()?;
        *reader = None;
        Some(Ok(end))
    }
}

impl Subscribe for Trailers {
    fn wanted(&self) -> Wanted {
        match &*self.0.borrow() {
            Some(body) => Wanted::Event(body.ended()),
            None => Wanted::Now,
        }
    }
}

pub fn future_incoming_response_subscribe(
    call: &mut Call<'_>,
    this: Borrow<FutureIncomingResponse>,
) -> Own<Pollable> {
    let subject = Rc::clone(call.resource(&this));
    call.push(Pollable::new(subject))
}

pub fn future_incoming_response_get(
    call: &mut Call<'_>,
    this: Borrow<FutureIncomingResponse>,
) -> Option<Result<Result<Own<IncomingResponse>, ErrorCode>, ()>> {
    let arrival = Rc::clone(call.resource(&this));
    poll::is_ready(&*arrival);
    if arrival.response.is_taken() {
        return Some(Err(()));
    }
    let response = arrival.response.take()?;
    Some(Ok(response.map(|(head, body)| {
        let body = Some(body);
        call.push(IncomingResponse { head, body })
    })))
}

impl Arrival {
    pub(super) fn new(sent: Sent) -> FutureIncomingResponse {
        Rc::new(Arrival {
            response: Rc::clone(sent.response()),
            _sent: sent,
        })
    }
}

impl Subscribe for Arrival {
    fn wanted(&self) -> Wanted {
        Wanted::Event(Rc::clone(&self.response) as Rc<dyn Event>)
    }
}
