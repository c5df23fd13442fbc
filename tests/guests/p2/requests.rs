//! Sends a request: METHOD SCHEME AUTHORITY PATH [BODY [TIMES]]. A body is sent in two parts, with
//! a trailer behind it; `-` is none. The environment's TIMEOUT_MS is the one of the first byte and
//! of those between.

#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

use guests::say;
use wasip2::cli::environment::{get_arguments, get_environment};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::{InputStream, StreamError};

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let [_, method, scheme, authority, path, more @ ..] = &*arguments else {
            return Err(());
        };
        let body = more.first().filter(|body| *body != "-");
        let times = more.get(1).and_then(|times| times.parse().ok());
        for _ in 0..times.unwrap_or(1) {
            let request = new_request(method, scheme, authority, path, body.is_some());
            match exchange(request, body.map(|body| body.as_str())) {
                Ok(response) => show(response),
                Err(error) => say!("{error:?}"),
            }
        }
        Ok(())
    }
}

fn new_request(
    method: &str,
    scheme: &str,
    authority: &str,
    path: &str,
    has_body: bool,
) -> OutgoingRequest {
    let fields = Fields::new();
    fields.append("X-Mixed-Case", b"kept").unwrap();
    if has_body {
        fields.append("Trailer", b"x-trailer").unwrap();
    }
    let request = OutgoingRequest::new(fields);
    request.set_method(&Method::Other(method.into())).unwrap();
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    };
    request.set_scheme(Some(&scheme)).unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some(path)).unwrap();
    request
}

fn options() -> Option<RequestOptions> {
    let environment = get_environment();
    let (_, text) = environment.iter().find(|(name, _)| name == "TIMEOUT_MS")?;
    let timeout = Some(text.parse::<u64>().ok()? * 1_000_000);
    let options = RequestOptions::new();
    options.set_first_byte_timeout(timeout).ok()?;
    options.set_between_bytes_timeout(timeout).ok()?;
    Some(options)
}

fn exchange(request: OutgoingRequest, body: Option<&str>) -> Result<IncomingResponse, ErrorCode> {
    let outgoing = body.map(|_| request.body().unwrap());
    let future = handle(request, options())?;
    if let Some((outgoing, body)) = outgoing.zip(body) {
        let stream = outgoing.write().unwrap();
        let (first, second) = body.split_at(body.len() / 2);
        for part in [first, second] {
            for piece in part.as_bytes().chunks(4096) {
                if stream.blocking_write_and_flush(piece).is_err() {
                    say!("the body was not wanted");
                }
            }
        }
        drop(stream);
        let trailers = Fields::new();
        trailers.append("x-trailer", b"sent").unwrap();
        OutgoingBody::finish(outgoing, Some(trailers))?;
    }
    let pollable = future.subscribe();
    loop {
        match future.get() {
            Some(response) => {
                assert!(future.get().is_some_and(|again| again.is_err()));
                return response.unwrap();
            }
            None => pollable.block(),
        }
    }
}

fn show(response: IncomingResponse) {
    say!("status {}", response.status());
    let mut fields = Vec::new();
    for (name, value) in response.headers().entries() {
        if name.starts_with("x-") || name == "content-length" {
            fields.push((name, String::from_utf8_lossy(&value).into_owned()));
        }
    }
    say!("fields {fields:?}");
    let body = response.consume().unwrap();
    let stream = body.stream().unwrap();
    match read_all(&stream) {
        Ok(bytes) if bytes.len() > 200 => {
            let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
            say!("body of {} bytes, sum {sum}", bytes.len());
        }
        Ok(bytes) => say!("body {:?}", String::from_utf8_lossy(&bytes)),
        Err(error) => say!("body failed: {error:?}"),
    }
    drop(stream);
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    match trailers.get() {
        Some(Ok(Ok(Some(fields)))) => say!("trailers {}", fields.entries().len()),
        Some(Ok(other)) => say!("trailers {:?}", other.map(|_| ())),
        other => say!("no word of trailers: {}", other.is_some()),
    }
}

fn read_all(stream: &InputStream) -> Result<Vec<u8>, Option<ErrorCode>> {
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(65536) {
            Ok(bytes) => all.extend(bytes),
            Err(StreamError::Closed) => return Ok(all),
            Err(StreamError::LastOperationFailed(error)) => return Err(http_error_code(&error)),
        }
    }
}
