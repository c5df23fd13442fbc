//! Middleware: gives the body of the response of the handler that it imports in the coding
//! `deflate` (RFC 1950, RFC 1951), if the client takes that. Blocks are stored as they are, so that
//! whatever has come goes on at once.

#![no_std]

extern crate alloc;
extern crate guests;

use alloc::string::String;
use alloc::vec::Vec;
use core::mem::take;

use wasi::http::handler::handle;
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{ErrorCode, Request, Response};
use wasip3::{wit_future, wit_stream};
use wit_bindgen::rt::async_support::{StreamReader, StreamResult, StreamWriter};

wit_bindgen::generate!({
    path: "layers",
    world: "layer",
    with: { "wasi:http/types@0.3.2": wasip3::http::types },
    generate_all,
});

struct Deflate;

wasip3::http::service::export!(Deflate);

impl Guest for Deflate {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let codings = request.get_headers().get("accept-encoding");
        let is_wanted = codings
            .iter()
            .any(|value| String::from_utf8_lossy(value).contains("deflate"));
        let response = handle(request).await?;
        let fields = response.get_headers().clone();
        if !is_wanted || fields.has("content-encoding") {
            return Ok(response);
        }
        let status = response.get_status_code();
        fields.append("content-encoding", b"deflate").unwrap();
        fields.delete("content-length").unwrap();
        let (_told, result) = wit_future::new(|| Ok(()));
        let (from, trailers) = Response::consume_body(response, result);
        let (to, contents) = wit_stream::new();
        wit_bindgen::spawn_local(encode(from, to));
        let (response, _sent) = Response::new(fields, Some(contents), trailers);
        response.set_status_code(status).unwrap();
        Ok(response)
    }
}

async fn encode(mut from: StreamReader<u8>, mut to: StreamWriter<u8>) {
    let mut sum = Adler { a: 1, b: 0 };
    let mut out = Vec::from([0x78, 0x01]);
    loop {
        let (result, bytes) = from.read(Vec::with_capacity(16 * 1024)).await;
        if !bytes.is_empty() {
            sum.add(&bytes);
            store(&mut out, false, &bytes);
            if !to.write_all(take(&mut out)).await.is_empty() {
                return;
            }
        }
        if result == StreamResult::Dropped {
            break;
        }
    }
    store(&mut out, true, &[]);
    out.extend(((sum.b << 16) | sum.a).to_be_bytes());
    to.write_all(out).await;
}

/// A block of the kind that is not compressed.
fn store(out: &mut Vec<u8>, is_last: bool, bytes: &[u8]) {
    let len = bytes.len() as u16;
    out.push(u8::from(is_last));
    out.extend(len.to_le_bytes());
    out.extend((!len).to_le_bytes());
    out.extend(bytes);
}

struct Adler {
    a: u32,
    b: u32,
}

impl Adler {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.a = (self.a + u32::from(*byte)) % 65521;
            self.b = (self.b + self.a) % 65521;
        }
    }
}
