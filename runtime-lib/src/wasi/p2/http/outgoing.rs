//! What a guest makes and sends: requests with their options, responses, and their bodies.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use wasmelt_abi::TrapCode;

use super::fields::Fields;
use super::incoming::{Arrival, FutureIncomingResponse};
use super::streams::BodyOutput;
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::http::body::{Announced, BodyReader, BodyWriter, Kind, empty, pipe};
use crate::host::http::fields::{is_token, parse_length};
use crate::host::http::message::is_path_with_query;
use crate::host::http::{
    self, ErrorCode, Method, RequestHead, RequestOptions as Options, ResponseHead, Scheme, client,
};
use crate::wasi::p2::poll;
use crate::wasi::p2::streams::{IoError, Output};

/// What functions return that say no more than that they failed.
type Plain<T> = Result<T, ()>;

/// The resource `outgoing-request`.
pub struct OutgoingRequest {
    head: RequestHead,
    /// Once the guest has asked for it.
    body: Option<BodyReader>,
}

/// The resource `outgoing-response`.
pub struct OutgoingResponse {
    head: ResponseHead,
    body: Option<BodyReader>,
}

/// The resource `outgoing-body`.
pub struct OutgoingBody {
    /// Nothing once it is finished.
    writer: Rc<RefCell<Option<BodyWriter>>>,
    /// Once the guest has asked for it.
    stream: Option<Weak<BodyOutput>>,
}

/// The resource `request-options`.
pub struct RequestOptions(pub Options);

/// The resource `response-outparam`: where a server waits for its guest's answer.
pub struct ResponseOutparam(pub Box<dyn Respond>);

/// Whoever passes a guest's answer on.
pub trait Respond {
    /// Sends an informational response.
    ///
    /// # Errors
    /// Why it was not sent.
    fn inform(&mut self, head: ResponseHead) -> http::Result<()>;

    /// Takes the answer. Dropped before, there is none.
    fn respond(self: Box<Self>, response: http::Result<(ResponseHead, BodyReader)>);
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
    OutgoingRequest "outgoing-request"
    OutgoingResponse "outgoing-response"
    RequestOptions "request-options"
    ResponseOutparam "response-outparam"
}

impl Resource for OutgoingBody {
    const INTERFACE: &'static str = "wasi:http/types";
    const NAME: &'static str = "outgoing-body";

    fn forbids_drop(&self) -> Option<TrapCode> {
        self.has_stream().then_some(TrapCode::ChildrenRemain)
    }
}

impl OutgoingBody {
    fn has_stream(&self) -> bool {
        let stream = self.stream.as_ref();
        stream.is_some_and(|stream| stream.strong_count() > 0)
    }
}

/// The length that the fields announce.
fn announced(kind: Kind, fields: &http::Fields) -> Announced {
    let length = fields.values("content-length").next();
    Announced {
        kind,
        bytes: length.and_then(parse_length),
    }
}

/// The one body of a message: what the guest writes to, while the other end stays in the message.
fn open(kind: Kind, fields: &http::Fields, body: &mut Option<BodyReader>) -> Plain<OutgoingBody> {
    if body.is_some() {
        return Err(());
    }
    let (writer, reader) = pipe(Some(announced(kind, fields)));
    *body = Some(reader);
    Ok(OutgoingBody {
        writer: Rc::new(RefCell::new(Some(writer))),
        stream: None,
    })
}

type Request = Borrow<OutgoingRequest>;

pub fn outgoing_request_constructor(
    call: &mut Call<'_>,
    headers: Own<Fields>,
) -> Own<OutgoingRequest> {
    let fields = call.take(headers).0;
    call.push(OutgoingRequest {
        head: RequestHead::new(&fields),
        body: None,
    })
}

pub fn outgoing_request_body(call: &mut Call<'_>, this: Request) -> Plain<Own<OutgoingBody>> {
    let request = call.resource(&this);
    let body = open(Kind::Request, &request.head.fields, &mut request.body)?;
    Ok(call.push(body))
}

pub fn outgoing_request_method(call: &mut Call<'_>, this: Request) -> Method {
    call.resource(&this).head.method.clone()
}

pub fn outgoing_request_set_method(
    call: &mut Call<'_>,
    this: Request,
    method: Method,
) -> Plain<()> {
    if !is_token(method.name().as_bytes()) {
        return Err(());
    }
    call.resource(&this).head.method = method;
    Ok(())
}

pub fn outgoing_request_path_with_query(call: &mut Call<'_>, this: Request) -> Option<String> {
    call.resource(&this).head.path_with_query.clone()
}

/// Differs from 0.3: what is relative is refused, as the address of the server could be meant.
pub fn outgoing_request_set_path_with_query(
    call: &mut Call<'_>,
    this: Request,
    path: Option<String>,
) -> Plain<()> {
    let is_absolute = |path: &String| path.is_empty() || path.starts_with(['/', '?']);
    let is_path = |path: &String| is_absolute(path) && is_path_with_query(path);
    if !path.as_ref().is_none_or(is_path) {
        return Err(());
    }
    call.resource(&this).head.path_with_query = path;
    Ok(())
}

pub fn outgoing_request_scheme(call: &mut Call<'_>, this: Request) -> Option<Scheme> {
    call.resource(&this).head.scheme.clone()
}

pub fn outgoing_request_set_scheme(
    call: &mut Call<'_>,
    this: Request,
    scheme: Option<Scheme>,
) -> Plain<()> {
    let is_scheme = |scheme: &Scheme| Scheme::parse(scheme.name()).is_some();
    if !scheme.as_ref().is_none_or(is_scheme) {
        return Err(());
    }
    call.resource(&this).head.scheme = scheme;
    Ok(())
}

pub fn outgoing_request_authority(call: &mut Call<'_>, this: Request) -> Option<String> {
    call.resource(&this).head.authority.clone()
}

pub fn outgoing_request_set_authority(
    call: &mut Call<'_>,
    this: Request,
    authority: Option<String>,
) -> Plain<()> {
    let set = call.resource(&this).head.set_authority(authority);
    set.then_some(()).ok_or(())
}

pub fn outgoing_request_headers(call: &mut Call<'_>, this: Request) -> Own<Fields> {
    let fields = call.resource(&this).head.fields.clone();
    call.push(Fields(fields))
}

type Response = Borrow<OutgoingResponse>;

pub fn outgoing_response_constructor(
    call: &mut Call<'_>,
    headers: Own<Fields>,
) -> Own<OutgoingResponse> {
    let fields = call.take(headers).0;
    call.push(OutgoingResponse {
        head: ResponseHead::new(&fields),
        body: None,
    })
}

pub fn outgoing_response_status_code(call: &mut Call<'_>, this: Response) -> u16 {
    call.resource(&this).head.status
}

pub fn outgoing_response_set_status_code(
    call: &mut Call<'_>,
    this: Response,
    status: u16,
) -> Plain<()> {
    if !(100..=999).contains(&status) {
        return Err(());
    }
    call.resource(&this).head.status = status;
    Ok(())
}

pub fn outgoing_response_headers(call: &mut Call<'_>, this: Response) -> Own<Fields> {
    let fields = call.resource(&this).head.fields.clone();
    call.push(Fields(fields))
}

pub fn outgoing_response_body(call: &mut Call<'_>, this: Response) -> Plain<Own<OutgoingBody>> {
    let response = call.resource(&this);
    let body = open(Kind::Response, &response.head.fields, &mut response.body)?;
    Ok(call.push(body))
}

pub fn outgoing_body_write(call: &mut Call<'_>, this: Borrow<OutgoingBody>) -> Plain<Own<Output>> {
    poll::drive();
    let body = call.resource(&this);
    if body.stream.is_some() {
        return Err(());
    }
    let stream = Rc::new(BodyOutput::new(&body.writer));
    body.stream = Some(Rc::downgrade(&stream));
    let stream: Output = stream;
    Ok(call.push(stream))
}

pub fn outgoing_body_finish(
    call: &mut Call<'_>,
    this: Own<OutgoingBody>,
    trailers: Option<Own<Fields>>,
) -> http::Result<()> {
    let trailers = trailers.map(|trailers| call.take(trailers).0);
    let body = call.take(this);
    if body.has_stream() {
        call.trap(TrapCode::ChildrenRemain);
    }
    let writer = body.writer.take();
    let mut writer = writer.expect("a body is finished once");
    writer.finish(trailers)
}

type OptionsOf = Borrow<RequestOptions>;

pub fn request_options_constructor(call: &mut Call<'_>) -> Own<RequestOptions> {
    call.push(RequestOptions(Options::default()))
}

pub fn request_options_connect_timeout(call: &mut Call<'_>, this: OptionsOf) -> Option<u64> {
    call.resource(&this).0.connect_timeout_ns
}

pub fn request_options_set_connect_timeout(
    call: &mut Call<'_>,
    this: OptionsOf,
    duration: Option<u64>,
) -> Plain<()> {
    call.resource(&this).0.connect_timeout_ns = duration;
    Ok(())
}

pub fn request_options_first_byte_timeout(call: &mut Call<'_>, this: OptionsOf) -> Option<u64> {
    call.resource(&this).0.first_byte_timeout_ns
}

pub fn request_options_set_first_byte_timeout(
    call: &mut Call<'_>,
    this: OptionsOf,
    duration: Option<u64>,
) -> Plain<()> {
    call.resource(&this).0.first_byte_timeout_ns = duration;
    Ok(())
}

pub fn request_options_between_bytes_timeout(call: &mut Call<'_>, this: OptionsOf) -> Option<u64> {
    call.resource(&this).0.between_bytes_timeout_ns
}

pub fn request_options_set_between_bytes_timeout(
    call: &mut Call<'_>,
    this: OptionsOf,
    duration: Option<u64>,
) -> Plain<()> {
    call.resource(&this).0.between_bytes_timeout_ns = duration;
    Ok(())
}

pub fn response_outparam_send_informational(
    call: &mut Call<'_>,
    this: Borrow<ResponseOutparam>,
    status: u16,
    headers: Own<Fields>,
) -> http::Result<()> {
    let fields = call.take(headers).0;
    // 101 would change the protocol.
    if !(100..=199).contains(&status) || status == 101 {
        return Err(ErrorCode::HttpProtocolError);
    }
    let head = ResponseHead { status, fields };
    call.resource(&this).0.inform(head)
}

pub fn response_outparam_set(
    call: &mut Call<'_>,
    param: Own<ResponseOutparam>,
    response: Result<Own<OutgoingResponse>, ErrorCode>,
) {
    let response = response.map(|response| {
        let response = call.take(response);
        (response.head, response.body.unwrap_or_else(empty))
    });
    call.take(param).0.respond(response);
}

/// `http-error-code`.
pub fn http_error_code(call: &mut Call<'_>, error: Borrow<IoError>) -> Option<ErrorCode> {
    match call.resource(&error) {
        IoError::System(_) => None,
        IoError::Caused(cause) => cause.0.http_error_code(),
    }
}

/// `outgoing-handler.handle`.
pub fn handle(
    call: &mut Call<'_>,
    request: Own<OutgoingRequest>,
    options: Option<Own<RequestOptions>>,
) -> http::Result<Own<FutureIncomingResponse>> {
    let options = options.map(|options| call.take(options).0);
    let OutgoingRequest { head, body } = call.take(request);
    if head.path_with_query.is_none() && head.authority.is_some() {
        return Err(ErrorCode::HttpRequestUriInvalid);
    }
    let missing = announced(Kind::Request, &head.fields).bytes.unwrap_or(0) > 0;
    if body.is_none() && missing {
        return Err(Kind::Request.body_size(0));
    }
    let body = body.unwrap_or_else(empty);
    let sent = client::send(head, body, options.unwrap_or_default())?;
    poll::drive();
    Ok(call.push(Arrival::new(sent)))
}
