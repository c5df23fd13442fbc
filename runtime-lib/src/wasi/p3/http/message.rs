//! The resources `request` and `response`, and `client.send`.

use super::body::{Content, Trailers, made};
use super::fields::Fields;
use super::options::RequestOptions;
use crate::component::ends::{FutureReader, StreamReader};
use crate::component::tasks::{HostFuture, New};
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::http::body::{BodyReader, Kind};
use crate::host::http::{self, ErrorCode, Method, RequestHead, ResponseHead, Scheme, client};

/// The resource `request`.
pub struct Request {
    head: RequestHead,
    options: Option<http::RequestOptions>,
    /// Until it is sent or taken out.
    content: Option<Content>,
}

/// The resource `response`.
pub struct Response {
    head: ResponseHead,
    content: Option<Content>,
}

macro_rules! resources {
    ($( $type:ident $name:literal )*) => {
        $(
            impl Resource for $type {
                const INTERFACE: &'static str = "wasi:http/types";
                const NAME: &'static str = $name;
                const IS_P3: bool = true;
            }

            impl Drop for $type {
                fn drop(&mut self) {
                    if let Some(content) = self.content.take() {
                        content.give_up();
                    }
                }
            }
        )*
    };
}

resources! {
    Request "request"
    Response "response"
}

/// How sending a message has ended.
type Sent = FutureReader<http::Result<()>>;
type Plain = Result<(), ()>;
type Body = (StreamReader<u8>, FutureReader<Trailers>);

const WHOLE: &str = "a message that a guest has is whole";

impl Request {
    /// A request that has come from elsewhere.
    #[must_use]
    pub fn received(head: RequestHead, body: BodyReader) -> Request {
        Request {
            head,
            options: None,
            content: Some(Content::Received(body)),
        }
    }
}

impl Response {
    /// What there is to send.
    #[must_use]
    pub fn into_parts(mut self) -> (ResponseHead, BodyReader) {
        let content = self.content.take().expect(WHOLE);
        let body = content.send(Kind::Response, &self.head.fields);
        (self.head.clone(), body)
    }
}

/// `request.new`.
pub fn request_new(
    call: &mut Call<'_>,
    headers: Own<Fields>,
    contents: Option<StreamReader<u8>>,
    trailers: FutureReader<Trailers>,
    options: Option<Own<RequestOptions>>,
) -> (Own<Request>, Sent) {
    let fields = call.take(headers).0;
    let options = options.map(|options| call.take(options).options);
    let (content, sent) = made(contents, trailers);
    let request = Request {
        head: RequestHead::new(&fields),
        options,
        content: Some(content),
    };
    (call.push(request), sent)
}

type This = Borrow<Request>;

pub fn request_method(call: &mut Call<'_>, this: This) -> Method {
    call.resource(&this).head.method.clone()
}

pub fn request_set_method(call: &mut Call<'_>, this: This, method: Method) -> Plain {
    call.resource(&this).head.method = Method::parse(method.name()).ok_or(())?;
    Ok(())
}

pub fn request_path_with_query(call: &mut Call<'_>, this: This) -> Option<String> {
    call.resource(&this).head.path_with_query.clone()
}

/// `set-path-with-query`: an empty path is `/`.
pub fn request_set_path_with_query(call: &mut Call<'_>, this: This, path: Option<String>) -> Plain {
    let path = path.map(|path| {
        if path.is_empty() {
            "/".to_owned()
        } else {
            path
        }
    });
    let set = call.resource(&this).head.set_path_with_query(path);
    set.then_some(()).ok_or(())
}

pub fn request_scheme(call: &mut Call<'_>, this: This) -> Option<Scheme> {
    call.resource(&this).head.scheme.clone()
}

pub fn request_set_scheme(call: &mut Call<'_>, this: This, scheme: Option<Scheme>) -> Plain {
    let parse = |scheme: Scheme| Scheme::parse(scheme.name()).ok_or(());
    call.resource(&this).head.scheme = scheme.map(parse).transpose()?;
    Ok(())
}

pub fn request_authority(call: &mut Call<'_>, this: This) -> Option<String> {
    call.resource(&this).head.authority.clone()
}

pub fn request_set_authority(call: &mut Call<'_>, this: This, authority: Option<String>) -> Plain {
    let set = call.resource(&this).head.set_authority(authority);
    set.then_some(()).ok_or(())
}

pub fn request_options(call: &mut Call<'_>, this: This) -> Option<Own<RequestOptions>> {
    let options = call.resource(&this).options?;
    Some(call.push(RequestOptions {
        options,
        immutable: true,
    }))
}

pub fn request_headers(call: &mut Call<'_>, this: This) -> Own<Fields> {
    let fields = call.resource(&this).head.fields.clone();
    call.push(Fields(fields))
}

/// `request.consume-body`.
pub fn request_consume_body(call: &mut Call<'_>, this: Own<Request>, res: Sent) -> Body {
    let content = call.take(this).content.take();
    content.expect(WHOLE).consume(res)
}

/// `response.new`.
pub fn response_new(
    call: &mut Call<'_>,
    headers: Own<Fields>,
    contents: Option<StreamReader<u8>>,
    trailers: FutureReader<Trailers>,
) -> (Own<Response>, Sent) {
    let fields = call.take(headers).0;
    let (content, sent) = made(contents, trailers);
    let response = Response {
        head: ResponseHead::new(&fields),
        content: Some(content),
    };
    (call.push(response), sent)
}

pub fn response_status_code(call: &mut Call<'_>, this: Borrow<Response>) -> u16 {
    call.resource(&this).head.status
}

pub fn response_set_status_code(call: &mut Call<'_>, this: Borrow<Response>, status: u16) -> Plain {
    if !(100..=599).contains(&status) {
        return Err(());
    }
    call.resource(&this).head.status = status;
    Ok(())
}

pub fn response_headers(call: &mut Call<'_>, this: Borrow<Response>) -> Own<Fields> {
    let fields = call.resource(&this).head.fields.clone();
    call.push(Fields(fields))
}

/// `response.consume-body`.
pub fn response_consume_body(call: &mut Call<'_>, this: Own<Response>, res: Sent) -> Body {
    let content = call.take(this).content.take();
    content.expect(WHOLE).consume(res)
}

/// `client.send`.
pub fn send(call: &mut Call<'_>, request: Own<Request>) -> HostFuture<http::Result<New<Response>>> {
    let mut request = call.take(request);
    let content = request.content.take().expect(WHOLE);
    let body = content.send(Kind::Request, &request.head.fields);
    let sent = client::send(
        request.head.clone(),
        body,
        request.options.unwrap_or_default(),
    );
    Box::pin(async move {
        let (head, body) = sent?.response().wait().await?;
        let content = Some(Content::Received(body));
        Ok::<_, ErrorCode>(New(Response { head, content }))
    })
}
