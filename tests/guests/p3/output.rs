//! A server that writes to its standard streams what it was asked for.

#![no_std]

extern crate alloc;
extern crate guests;

use wasip3::cli::{stderr, stdout};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::{wit_future, wit_stream};

struct Program;

wasip3::http::service::export!(Program);

impl Guest for Program {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        print(&path).await;
        let (_end, trailers) = wit_future::new(|| Ok(None));
        Ok(Response::new(Fields::new(), None, trailers).0)
    }
}

/// Lines in parts, and one without an end.
async fn print(path: &str) {
    let (mut out, reader) = wit_stream::new();
    let out_written = stdout::write_via_stream(reader);
    let (mut err, reader) = wit_stream::new();
    let err_written = stderr::write_via_stream(reader);
    for part in ["asked for ", path, "\nand ", "that is all\n\n"] {
        out.write_all(part.as_bytes().to_vec()).await;
        err.write_all(b".".to_vec()).await;
    }
    drop((out, err));
    let _ = (out_written.await, err_written.await);
}
