//! Middleware: lets requests pass that have a field `x-key`, to the handler that it imports, after
//! an informational response (103) that says so. To others it answers with 401.

#![no_std]

extern crate alloc;
extern crate guests;

use wasi::http::incoming_handler::handle;
use wasi::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingResponse, ResponseOutparam,
};

wit_bindgen::generate!({ path: "layers", world: "layer", generate_all });

struct Gate;

export!(Gate);

impl exports::wasi::http::incoming_handler::Guest for Gate {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        if !request.headers().has("x-key") {
            let response = OutgoingResponse::new(Fields::new());
            response.set_status_code(401).unwrap();
            return ResponseOutparam::set(out, Ok(response));
        }
        let fields = Fields::new();
        fields.append("X-Gate", b"passed").unwrap();
        let informed = out.send_informational(103, fields);
        // A status that is none of these is refused, whoever the client is.
        let wrong = out.send_informational(200, Fields::new());
        if !matches!(wrong, Err(ErrorCode::HttpProtocolError)) {
            return ResponseOutparam::set(out, Err(ErrorCode::ConfigurationError));
        }
        // Clients of HTTP/1.0 know none.
        let is_old = matches!(informed, Err(ErrorCode::HttpProtocolError));
        if request.path_with_query().as_deref() == Some("/informed") {
            let response = OutgoingResponse::new(Fields::new());
            let status = if is_old { 505 } else { 204 };
            response.set_status_code(status).unwrap();
            return ResponseOutparam::set(out, Ok(response));
        }
        handle(request, out);
    }
}
