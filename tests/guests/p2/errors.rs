//! A server whose guest prints the error that each function gives: what its paths do, `handle` says.

#![no_std]

extern crate alloc;

use alloc::vec;

use guests::say;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    ErrorCode, Fields, HeaderError, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse,
    ResponseOutparam, http_error_code,
};
use wasip2::io::streams::{OutputStream, StreamError};

struct Program;

wasip2::http::proxy::export!(Program);

impl Guest for Program {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match &*path {
            "/fields" => fields(&request),
            "/once" => once(&request),
            "/body" => body(&request),
            "/more" => return more_or_less(out, b"12345678"),
            "/less" => return more_or_less(out, b"12"),
            "/endless" => return endless(out),
            _ => return ResponseOutparam::set(out, Err(ErrorCode::ConfigurationError)),
        }
        ResponseOutparam::set(out, Ok(OutgoingResponse::new(Fields::new())));
    }
}

fn fields(request: &IncomingRequest) {
    let received = request.headers();
    let response = OutgoingResponse::new(Fields::new());
    let given = response.headers();
    let own = Fields::new();
    for (whose, fields) in [("received", &received), ("given", &given), ("own", &own)] {
        for (name, value) in [("a", &b"b"[..]), ("a b", b"b"), ("a", b"\n"), ("host", b"b")] {
            say!(
                "{whose} {name:?} {value:?}: set {:?}, append {:?}, delete {:?}",
                code(fields.set(name, &[value.to_vec()])),
                code(fields.append(name, value)),
                code(fields.delete(name)),
            );
        }
    }
    for (name, value) in [("a b", &b"b"[..]), ("a", b"\n"), ("host", b"b")] {
        let list = Fields::from_list(&[(name.into(), value.to_vec())]);
        say!("from list {name:?} {value:?}: {:?}", code(list.map(drop)));
    }
}

fn code(result: Result<(), HeaderError>) -> Option<HeaderError> {
    result.err()
}

/// What can be had once is had twice.
fn once(request: &IncomingRequest) {
    let body = request.consume().unwrap();
    say!("consume again: {:?}", request.consume().map(drop));
    let stream = body.stream().unwrap();
    say!("stream again: {:?}", body.stream().map(drop));
    drop(stream);
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    let first = trailers.get();
    say!("trailers: {:?}", first.map(|first| first.map(|first| first.map(|_| ()))));
    let again = trailers.get();
    say!("trailers again: {:?}", again.map(|again| again.map(|_| ())));
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().unwrap();
    say!("body again: {:?}", response.body().map(drop));
    let stream = body.write().unwrap();
    say!("write again: {:?}", body.write().map(drop));
    drop(stream);
    for status in [99, 1000] {
        say!("status {status}: {:?}", response.set_status_code(status));
    }
}

/// The error of a request's body, and that of its trailers.
fn body(request: &IncomingRequest) {
    let body = request.consume().unwrap();
    let stream = body.stream().unwrap();
    let mut count = 0;
    let error = loop {
        match stream.blocking_read(4096) {
            Ok(bytes) => count += bytes.len(),
            Err(error) => break of_stream(error),
        }
    };
    drop(stream);
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    let trailers = trailers.get().unwrap().unwrap().map(|_| ());
    say!("after {count} bytes: {error:?}, trailers {trailers:?}");
}

fn of_stream(error: StreamError) -> Option<ErrorCode> {
    match error {
        StreamError::Closed => None,
        StreamError::LastOperationFailed(error) => http_error_code(&error),
    }
}

fn begin(out: ResponseOutparam, fields: Fields) -> (OutgoingBody, OutputStream) {
    let response = OutgoingResponse::new(fields);
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().unwrap();
    (body, stream)
}

/// A body that has not the length that was said.
fn more_or_less(out: ResponseOutparam, bytes: &[u8]) {
    let fields = Fields::new();
    fields.append("content-length", b"5").unwrap();
    let (body, stream) = begin(out, fields);
    let written = stream.blocking_write_and_flush(bytes).map_err(of_stream);
    drop(stream);
    let finished = OutgoingBody::finish(body, None);
    say!("{} bytes of 5: {written:?}, finish {finished:?}", bytes.len());
}

/// A body that the client does not take.
fn endless(out: ResponseOutparam) {
    let (body, stream) = begin(out, Fields::new());
    let block = vec![0; 4096];
    let error = loop {
        if let Err(error) = stream.blocking_write_and_flush(&block) {
            break of_stream(error);
        }
    };
    drop(stream);
    let finished = OutgoingBody::finish(body, None);
    say!("endless: {error:?}, finish {finished:?}");
}
