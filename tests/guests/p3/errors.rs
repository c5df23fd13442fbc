//! A server whose guest prints the error that each function gives: what its paths do, `handle` says.

#![no_std]

extern crate alloc;

use alloc::vec;

use guests::{read_all, say};
use wasip3::exports::http::handler::Guest;
use wasip3::http::types::{
    ErrorCode, Fields, HeaderError, Request, RequestOptions, Response, Scheme,
};
use wasip3::{wit_future, wit_stream};

struct Program;

wasip3::http::service::export!(Program);

impl Guest for Program {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let path = request.get_path_with_query().unwrap_or_default();
        match &*path {
            "/fields" => fields(&request).await,
            "/setters" => setters().await,
            "/body" => body(request).await,
            "/more" => return Ok(respond(Some(5), vec![b'x'; 8])),
            "/less" => return Ok(respond(Some(5), vec![b'x'; 2])),
            "/endless" => return Ok(respond(None, vec![0; 64 << 20])),
            "/trailers" => return Ok(failing_trailers()),
            _ => return Err(ErrorCode::ConfigurationError),
        }
        let (_end, trailers) = wit_future::new(|| Ok(None));
        Ok(Response::new(Fields::new(), None, trailers).0)
    }
}

async fn fields(request: &Request) {
    let received = request.get_headers();
    let (_end, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), None, trailers);
    let given = response.get_headers();
    let own = Fields::new();
    for (whose, fields) in [("received", &received), ("given", &given), ("own", &own)] {
        for (name, value) in [("a", &b"b"[..]), ("a b", b"b"), ("a", b"\n"), ("host", b"b")] {
            say!(
                "{whose} {name:?} {value:?}: set {:?}, append {:?}, delete {:?}, take {:?}",
                code(fields.set(name, &[value.to_vec()])),
                code(fields.append(name, value)),
                code(fields.delete(name)),
                code(fields.get_and_delete(name).map(drop)),
            );
        }
    }
    for (name, value) in [("a b", &b"b"[..]), ("a", b"\n"), ("host", b"b")] {
        let list = Fields::from_list(&[(name.into(), value.to_vec())]);
        say!("from list {name:?} {value:?}: {:?}", code(list.map(drop)));
    }
    let large = vec![b'x'; 200_000];
    say!(
        "too large: set {:?}, append {:?}, from list {:?}",
        code(own.set("a", &[large.clone()])),
        code(own.append("a", &large)),
        code(Fields::from_list(&[("a".into(), large)]).map(drop)),
    );
}

fn code(result: Result<(), HeaderError>) -> Option<HeaderError> {
    result.err()
}

async fn setters() {
    let (_end, trailers) = wit_future::new(|| Ok(None));
    let options = Some(RequestOptions::new());
    let (request, _sent) = Request::new(Fields::new(), None, trailers, options);
    let scheme = Scheme::Other("a b".into());
    say!(
        "request: path {:?}, scheme {:?}, authority {:?}",
        request.set_path_with_query(Some("/ ")),
        request.set_scheme(Some(&scheme)),
        request.set_authority(Some("a b")),
    );
    let options = request.get_options().unwrap();
    say!(
        "its options: {:?}, {:?}, {:?}",
        options.set_connect_timeout(None),
        options.set_first_byte_timeout(None),
        options.set_between_bytes_timeout(None),
    );
    let (_end, trailers) = wit_future::new(|| Ok(None));
    let (response, _sent) = Response::new(Fields::new(), None, trailers);
    for status in [99, 600] {
        say!("status {status}: {:?}", response.set_status_code(status));
    }
}

/// The error of a request's body.
async fn body(request: Request) {
    let (_told, result) = wit_future::new(|| Ok(()));
    let (mut stream, trailers) = Request::consume_body(request, result);
    let count = read_all(&mut stream).await.len();
    drop(stream);
    let trailers = trailers.await.map(|_| ());
    say!("after {count} bytes: {trailers:?}");
}

/// A response of so many bytes, which says how sending it has ended.
fn respond(length: Option<u32>, content: alloc::vec::Vec<u8>) -> Response {
    let fields = Fields::new();
    if let Some(length) = length {
        let length = alloc::format!("{length}");
        fields.append("content-length", length.as_bytes()).unwrap();
    }
    let (mut bytes, contents) = wit_stream::new();
    let (_end, trailers) = wit_future::new(|| Ok(None));
    let (response, sent) = Response::new(fields, Some(contents), trailers);
    wit_bindgen::spawn_local(async move {
        let count = content.len();
        let left = bytes.write_all(content).await.len();
        drop(bytes);
        let sent = sent.await;
        // Of a long body, how much was sent is the system's.
        let left = if count > 1000 { left.min(1) } else { left };
        say!("{count} bytes, left {left}, sent {sent:?}");
    });
    response
}

/// Says in the end that there is an error.
fn failing_trailers() -> Response {
    let (bytes, contents) = wit_stream::new();
    let (end, trailers) = wit_future::new(|| Ok(None));
    let (response, sent) = Response::new(Fields::new(), Some(contents), trailers);
    wit_bindgen::spawn_local(async move {
        drop(bytes);
        let _ = end.write(Err(ErrorCode::LoopDetected)).await;
        say!("failing trailers: sent {:?}", sent.await);
    });
    response
}
