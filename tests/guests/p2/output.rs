//! A server that writes to its standard streams what it was asked for, and answers with the values of
//! the field that the query names.

#![no_std]

extern crate alloc;
extern crate guests;

use wasip2::cli::stderr::get_stderr;
use wasip2::cli::stdout::get_stdout;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Program;

wasip2::http::proxy::export!(Program);

impl Guest for Program {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        print(&path);
        let name = path.split('?').nth(1).unwrap_or_default();
        let values = request.headers().get(name).join(&b", "[..]);
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().unwrap();
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().unwrap();
        let _ = stream.blocking_write_and_flush(&values);
        drop(stream);
        let _ = OutgoingBody::finish(body, None);
    }
}

/// Lines in parts, and one without an end.
fn print(path: &str) {
    let (out, err) = (get_stdout(), get_stderr());
    for part in ["asked for ", path, "\nand ", "that is all\n\n"] {
        let _ = out.blocking_write_and_flush(part.as_bytes());
        let _ = err.blocking_write_and_flush(b".");
    }
}
