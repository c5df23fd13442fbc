//! A server: what its paths do, `handle` says.

#![no_std]

extern crate alloc;
extern crate guests;

use core::sync::atomic::{AtomicU32, Ordering};

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_future, wit_stream};

struct Program;

wasip3::http::service::export!(Program);

static SERVED: AtomicU32 = AtomicU32::new(0);

impl Guest for Program {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        match &*path {
            "/trap" => core::arch::wasm32::unreachable(),
            "/error" => Err(ErrorCode::LoopDetected),
            "/echo" => Ok(echo(request)),
            "/events" => Ok(events()),
            "/late" => {
                wait_for(20_000_000).await;
                Ok(answer(200, "late".into()))
            }
            "/memory" => {
                // What the last request has left behind.
                let served = 1 + SERVED.fetch_add(1, Ordering::Relaxed);
                Ok(answer(200, format!("{served}")))
            }
            "/" => {
                let scheme = request.get_scheme();
                let authority = request.get_authority();
                let method = request.get_method();
                let names: Vec<String> = request
                    .get_headers()
                    .copy_all()
                    .into_iter()
                    .map(|entry| entry.0)
                    .collect();
                Ok(answer(
                    200,
                    format!("{method:?} {scheme:?} {authority:?} {names:?}"),
                ))
            }
            _ => Ok(answer(404, String::new())),
        }
    }
}

fn answer(status: u16, text: String) -> Response {
    let fields = Fields::new();
    fields.append("X-Served-By", b"guest").unwrap();
    let (mut bytes, contents) = wit_stream::new();
    let (_end, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(fields, Some(contents), trailers);
    response.set_status_code(status).unwrap();
    wit_bindgen::spawn_local(async move {
        bytes.write_all(text.into_bytes()).await;
    });
    response
}

/// Server-Sent Events, until the client has gone.
fn events() -> Response {
    let (mut bytes, contents) = wit_stream::new();
    let (_end, trailers) = wit_future::new(|| Ok(None));
    wit_bindgen::spawn_local(async move {
        for number in 0.. {
            let event = format!("data: {number}\n\n");
            if !bytes.write_all(event.into_bytes()).await.is_empty() {
                break;
            }
            wait_for(20_000_000).await;
        }
    });
    Response::new(Fields::new(), Some(contents), trailers).0
}

/// Passes the body and the trailers on.
fn echo(request: Request) -> Response {
    let (_told, result) = wit_future::new(|| Ok(()));
    let (contents, trailers) = Request::consume_body(request, result);
    Response::new(Fields::new(), Some(contents), trailers).0
}
