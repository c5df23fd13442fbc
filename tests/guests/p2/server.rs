//! A server: what its paths do, `handle` says.

#![no_std]

extern crate alloc;
extern crate guests;

use core::sync::atomic::{AtomicU32, Ordering};

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingBody, IncomingRequest, OutgoingBody, OutgoingResponse,
    ResponseOutparam,
};
use wasip2::io::streams::{OutputStream, StreamError};

struct Program;

wasip2::http::proxy::export!(Program);

static SERVED: AtomicU32 = AtomicU32::new(0);

impl Guest for Program {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        match &*path {
            "/trap" => core::arch::wasm32::unreachable(),
            "/exit" => wasip2::cli::exit::exit(Err(())),
            "/loop" => loop {
                core::hint::spin_loop();
            },
            "/unset" => drop(out),
            "/error" => ResponseOutparam::set(out, Err(ErrorCode::LoopDetected)),
            "/echo" => echo(&request, out),
            "/late-trap" => {
                let (body, stream) = begin(200, out);
                let _ = stream.blocking_write_and_flush(b"the beginning");
                wasip2::clocks::monotonic_clock::subscribe_duration(1_000_000).block();
                core::mem::forget((body, stream));
                core::arch::wasm32::unreachable()
            }
            "/unfinished" => {
                let (body, stream) = begin(200, out);
                let _ = stream.blocking_write_and_flush(b"the beginning");
                core::mem::forget((body, stream));
            }
            "/events" => events(out),
            "/memory" => {
                // What the last request has left behind.
                let served = 1 + SERVED.fetch_add(1, Ordering::Relaxed);
                answer(200, out, format!("{served}").as_bytes());
            }
            "/" => {
                let scheme = request.scheme();
                let authority = request.authority();
                let method = request.method();
                let names: Vec<String> = request
                    .headers()
                    .entries()
                    .into_iter()
                    .map(|entry| entry.0)
                    .collect();
                let text = format!("{method:?} {scheme:?} {authority:?} {names:?}");
                answer(200, out, text.as_bytes());
            }
            _ => answer(404, out, b""),
        }
    }
}

fn begin(status: u16, out: ResponseOutparam) -> (OutgoingBody, OutputStream) {
    let fields = Fields::new();
    fields.append("X-Served-By", b"guest").unwrap();
    let response = OutgoingResponse::new(fields);
    response.set_status_code(status).unwrap();
    let body = response.body().unwrap();
    ResponseOutparam::set(out, Ok(response));
    let stream = body.write().unwrap();
    (body, stream)
}

/// Server-Sent Events, until the client has gone.
fn events(out: ResponseOutparam) {
    let (body, stream) = begin(200, out);
    for number in 0.. {
        let event = format!("data: {number}\n\n");
        if stream.blocking_write_and_flush(event.as_bytes()).is_err() {
            break;
        }
        wasip2::clocks::monotonic_clock::subscribe_duration(20_000_000).block();
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

fn answer(status: u16, out: ResponseOutparam, bytes: &[u8]) {
    let (body, stream) = begin(status, out);
    if !bytes.is_empty() {
        let _ = stream.blocking_write_and_flush(bytes);
    }
    drop(stream);
    let _ = OutgoingBody::finish(body, None);
}

/// Sends what comes, as it comes, with a trailer behind it.
fn echo(request: &IncomingRequest, out: ResponseOutparam) {
    let incoming = request.consume().unwrap();
    let input = incoming.stream().unwrap();
    let (body, output) = begin(200, out);
    loop {
        match input.blocking_read(4096) {
            Ok(bytes) => {
                if output.blocking_write_and_flush(&bytes).is_err() {
                    break;
                }
            }
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(_)) => return,
        }
    }
    drop(input);
    let trailers = IncomingBody::finish(incoming);
    trailers.subscribe().block();
    let count = match trailers.get() {
        Some(Ok(Ok(Some(fields)))) => fields.entries().len(),
        _ => 0,
    };
    drop(output);
    let fields = Fields::new();
    fields
        .append("x-trailers", format!("{count}").as_bytes())
        .unwrap();
    let _ = OutgoingBody::finish(body, Some(fields));
}
