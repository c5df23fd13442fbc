//! Middleware: lets requests pass that have a field `x-key`, to the handler that it imports, and
//! says so in the response. To others it answers with 401.

#![no_std]

extern crate alloc;
extern crate guests;

use wasi::http::handler::handle;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_future;

wit_bindgen::generate!({
    path: "layers",
    world: "layer",
    with: { "wasi:http/types@0.3.2": wasip3::http::types },
    generate_all,
});

struct Gate;

wasip3::http::service::export!(Gate);

impl Guest for Gate {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        if !request.get_headers().has("x-key") {
            let (_end, trailers) = wit_future::new(|| Ok(None));
            let (response, _sent) = Response::new(Fields::new(), None, trailers);
            response.set_status_code(401).unwrap();
            return Ok(response);
        }
        let response = handle(request).await?;
        let status = response.get_status_code();
        let fields = response.get_headers().clone();
        fields.append("x-gate", b"passed").unwrap();
        let (_told, result) = wit_future::new(|| Ok(()));
        let (contents, trailers) = Response::consume_body(response, result);
        let (response, _sent) = Response::new(fields, Some(contents), trailers);
        response.set_status_code(status).unwrap();
        Ok(response)
    }
}
