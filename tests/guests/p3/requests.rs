//! Sends a request: METHOD SCHEME AUTHORITY PATH [BODY [TIMES]]. A body is sent in two parts, with
//! a trailer behind it; `-` is none.

#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

use futures::join;
use guests::{read_all, say};
use wasip3::cli::environment::get_arguments;
use wasip3::http::client::send;
use wasip3::http::types::{ErrorCode, Fields, Method, Request, Response, Scheme};
use wasip3::{wit_future, wit_stream};

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let [_, method, scheme, authority, path, more @ ..] = &*arguments else {
            return Err(());
        };
        let body = more.first().filter(|body| *body != "-");
        let times = more.get(1).and_then(|times| times.parse().ok());
        for _ in 0..times.unwrap_or(1) {
            let body = body.map(|body| body.as_str());
            let (response, sent) = exchange(method, scheme, authority, path, body).await;
            match response {
                Ok(response) => show(response).await,
                Err(error) => say!("{error:?}"),
            }
            say!("sent {sent:?}");
        }
        Ok(())
    }
}

async fn exchange(
    method: &str,
    scheme: &str,
    authority: &str,
    path: &str,
    body: Option<&str>,
) -> (Result<Response, ErrorCode>, Result<(), ErrorCode>) {
    let fields = Fields::new();
    fields.append("X-Mixed-Case", b"kept").unwrap();
    let (mut bytes, contents) = wit_stream::new();
    let (end, trailers) = wit_future::new(|| Ok(None));
    let contents = body.map(|_| contents);
    let (request, sent) = Request::new(fields, contents, trailers, None);
    request.set_method(&Method::Other(method.into())).unwrap();
    request
        .set_scheme(Some(&Scheme::Other(scheme.into())))
        .unwrap();
    request.set_authority(Some(authority)).unwrap();
    request.set_path_with_query(Some(path)).unwrap();
    let write = async {
        if let Some(body) = body {
            let (first, second) = body.split_at(body.len() / 2);
            for part in [first, second] {
                let left = bytes.write_all(part.as_bytes().to_vec()).await;
                if !left.is_empty() {
                    say!("the body was not wanted");
                    break;
                }
            }
        }
        drop(bytes);
        let trailers = Fields::new();
        trailers.append("x-trailer", b"sent").unwrap();
        let _ = end.write(Ok(body.map(|_| trailers))).await;
    };
    let (response, (), sent) = join!(send(request), write, sent.into_future());
    (response, sent)
}

async fn show(response: Response) {
    say!("status {}", response.get_status_code());
    let mut fields = Vec::new();
    for (name, value) in response.get_headers().copy_all() {
        if name.starts_with("x-") || name == "content-length" {
            fields.push((name, String::from_utf8_lossy(&value).into_owned()));
        }
    }
    say!("fields {fields:?}");
    let (told, result) = wit_future::new(|| Ok(()));
    let (mut stream, trailers) = Response::consume_body(response, result);
    let bytes = read_all(&mut stream).await;
    drop(stream);
    if bytes.len() > 200 {
        let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
        say!("body of {} bytes, sum {sum}", bytes.len());
    } else {
        say!("body {:?}", String::from_utf8_lossy(&bytes));
    }
    let trailers = trailers.await;
    say!(
        "trailers {:?}",
        trailers.map(|fields| fields.map(|fields| fields.copy_all().len()))
    );
    drop(told);
}
