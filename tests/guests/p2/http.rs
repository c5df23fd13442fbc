//! Messages of HTTP: fields, requests, options, responses and their bodies, without anybody to send
//! them to. With an argument, one of the traps: `fields`, `permit`, `finish`, `drop`.

#![no_std]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use guests::say;
use wasip2::cli::environment::get_arguments;
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{
    ErrorCode, Fields, HeaderError, Method, OutgoingBody, OutgoingRequest, OutgoingResponse,
    RequestOptions, Scheme, http_error_code,
};
use wasip2::io::streams::StreamError;

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        match get_arguments().get(1).map(|argument| argument.as_str()) {
            Some("fields") => too_many_fields(),
            Some("permit") => body_of(None)
                .1
                .write()
                .unwrap()
                .write(b"no permit")
                .unwrap(),
            Some("finish") => {
                let (_request, body) = body_of(None);
                let _stream = body.write().unwrap();
                let _ = OutgoingBody::finish(body, None);
            }
            Some("drop") => {
                let (_request, body) = body_of(None);
                let stream = body.write().unwrap();
                drop(body);
                drop(stream);
            }
            _ => {
                fields();
                requests();
                options();
                responses();
                bodies();
                denied();
            }
        }
        Ok(())
    }
}

fn entries(fields: &Fields) -> Vec<(String, String)> {
    let entries = fields.entries().into_iter();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).to_string();
    entries.map(|(name, value)| (name, text(value))).collect()
}

fn fields() {
    let fields = Fields::new();
    say!("append {:?}", fields.append("Foo", b"1"));
    say!("append {:?}", fields.append("FOO", b"2"));
    say!("append {:?}", fields.append("bar", b""));
    say!("{:?}", entries(&fields));
    say!(
        "get {:?}, {:?}",
        fields.get("fOO").len(),
        fields.get("no name").len()
    );
    say!(
        "has {} {} {}",
        fields.has("BAR"),
        fields.has("baz"),
        fields.has("")
    );
    say!(
        "set {:?}",
        fields.set("foo", &[b"3".to_vec(), b"4".to_vec()])
    );
    say!("{:?}", entries(&fields));
    say!(
        "delete {:?} {:?}",
        fields.delete("bar"),
        fields.delete("bar")
    );
    for (name, value) in [
        ("", &b"v"[..]),
        ("a b", b"v"),
        ("a", b"\n"),
        ("a", b"\0"),
        ("Host", b"v"),
        ("connection", b"v"),
        ("Transfer-Encoding", b"v"),
        ("content-length", b"+1"),
        ("te", b"trailers"),
    ] {
        say!("append {name:?} {:?}", fields.append(name, value));
    }
    let copy = fields.clone();
    say!(
        "copy {:?} {:?}",
        copy.append("only", b"here"),
        fields.has("only")
    );
    let list = [("a".into(), b"1".to_vec()), ("A".into(), b"2".to_vec())];
    say!(
        "from list {:?}",
        Fields::from_list(&list).map(|fields| entries(&fields))
    );
    let list = [("keep-alive".into(), b"1".to_vec())];
    say!(
        "from list {:?}",
        Fields::from_list(&list).map(|fields| entries(&fields))
    );
}

fn too_many_fields() {
    let fields = Fields::new();
    loop {
        if fields.append("name", &[b'v'; 1000]).is_err() {
            say!("an error instead of a trap");
            return;
        }
    }
}

fn requests() {
    let fields = Fields::new();
    fields.append("a", b"b").unwrap();
    let request = OutgoingRequest::new(fields);
    say!(
        "request {:?} {:?} {:?} {:?}",
        request.method(),
        request.path_with_query(),
        request.scheme(),
        request.authority()
    );
    let headers = request.headers();
    say!(
        "its headers {:?} {:?} {:?}",
        headers.append("c", b"d"),
        headers.delete("a"),
        matches!(headers.set("host", &[]), Err(HeaderError::Forbidden))
    );
    for method in [
        Method::Put,
        Method::Other("GET".into()),
        Method::Other("bad\nmethod".into()),
    ] {
        say!(
            "method {:?} {:?}",
            request.set_method(&method),
            request.method()
        );
    }
    for path in [
        "/a?b=c",
        "",
        "?q",
        "a/b",
        "http://other/",
        "/bad\npath",
        "/a b",
    ] {
        say!(
            "path {path:?} {:?}",
            request.set_path_with_query(Some(path))
        );
    }
    for scheme in ["ftp", "WS+1", "bad\nscheme", ""] {
        say!(
            "scheme {scheme:?} {:?}",
            request.set_scheme(Some(&Scheme::Other(scheme.into())))
        );
    }
    for authority in [
        "a.example",
        "[::]:443",
        "u@h:1",
        "bad-\nhost",
        "",
        "h:99999",
        "h:x",
    ] {
        say!(
            "authority {authority:?} {:?}",
            request.set_authority(Some(authority))
        );
    }
    say!(
        "none {:?} {:?} {:?}",
        request.set_path_with_query(None),
        request.set_scheme(None),
        request.set_authority(None)
    );
    say!(
        "bodies {} {}",
        request.body().is_ok(),
        request.body().is_ok()
    );
}

fn options() {
    let options = RequestOptions::new();
    say!(
        "options {:?} {:?} {:?}",
        options.connect_timeout(),
        options.first_byte_timeout(),
        options.between_bytes_timeout()
    );
    let _ = options.set_connect_timeout(Some(1));
    let _ = options.set_first_byte_timeout(Some(2));
    let _ = options.set_between_bytes_timeout(Some(u64::MAX));
    let _ = options.set_first_byte_timeout(None);
    say!(
        "options {:?} {:?} {:?}",
        options.connect_timeout(),
        options.first_byte_timeout(),
        options.between_bytes_timeout()
    );
}

fn responses() {
    let response = OutgoingResponse::new(Fields::new());
    say!("status {}", response.status_code());
    for status in [100, 404, 599, 999, 0, 99, 1000] {
        say!("status {status} {:?}", response.set_status_code(status));
    }
    say!("status {}", response.status_code());
    say!("its headers {:?}", response.headers().append("a", b"b"));
    say!(
        "bodies {} {}",
        response.body().is_ok(),
        response.body().is_ok()
    );
}

fn body_of(length: Option<&str>) -> (OutgoingRequest, OutgoingBody) {
    let fields = Fields::new();
    if let Some(length) = length {
        fields.append("content-length", length.as_bytes()).unwrap();
    }
    let request = OutgoingRequest::new(fields);
    let body = request.body().unwrap();
    (request, body)
}

/// What became of a write, with the code of HTTP.
fn outcome(result: Result<(), StreamError>) -> Result<(), Option<ErrorCode>> {
    result.map_err(|error| match error {
        StreamError::LastOperationFailed(error) => http_error_code(&error),
        StreamError::Closed => None,
    })
}

fn bodies() {
    for (length, parts) in [
        (None, vec![&b"any"[..], b"thing"]),
        (Some("11"), vec![&b"long enough"[..]]),
        (Some("11"), vec![&b"too"[..]]),
        (Some("11"), vec![&b"just "[..], b"a little", b"more"]),
        (Some("0"), vec![]),
    ] {
        let (_request, body) = body_of(length);
        let stream = body.write().unwrap();
        say!("body of {length:?}, second stream {}", body.write().is_ok());
        for part in parts {
            let ready = stream.subscribe().ready();
            let written = outcome(stream.blocking_write_and_flush(part));
            say!("ready {ready}, written {written:?}");
        }
        drop(stream);
        let trailers = Fields::new();
        trailers.append("trailer", b"value").unwrap();
        say!("finished {:?}", OutgoingBody::finish(body, Some(trailers)));
    }
    let (_request, body) = body_of(None);
    let stream = body.write().unwrap();
    let mut total = 0;
    while let Ok(permit @ 1..) = stream.check_write() {
        let part = vec![0; (permit as usize).min(100_000)];
        stream.write(&part).unwrap();
        total += part.len();
    }
    say!("unread {total}, ready {}", stream.subscribe().ready());
    let (request, body) = body_of(None);
    let stream = body.write().unwrap();
    drop(request);
    say!(
        "without its request {:?}",
        outcome(stream.check_write().map(drop))
    );
}

fn denied() {
    let new = |scheme: Option<Scheme>| {
        let request = OutgoingRequest::new(Fields::new());
        request.set_scheme(scheme.as_ref()).unwrap();
        request.set_authority(Some("localhost:1")).unwrap();
        request.set_path_with_query(Some("/")).unwrap();
        request
    };
    say!("{:?}", handle(new(Some(Scheme::Http)), None).map(drop));
    say!(
        "{:?}",
        handle(new(None), Some(RequestOptions::new())).map(drop)
    );
    say!(
        "{:?}",
        handle(new(Some(Scheme::Other("WS".into()))), None).map(drop)
    );
    let request = new(Some(Scheme::Https));
    request.set_path_with_query(None).unwrap();
    say!("{:?}", handle(request, None).map(drop));
    let (request, body) = body_of(Some("5"));
    drop(body);
    request.set_path_with_query(Some("/")).unwrap();
    say!("{:?}", handle(request, None).map(drop));
    let fields = Fields::new();
    fields.append("content-length", b"5").unwrap();
    let request = OutgoingRequest::new(fields);
    say!("{:?}", handle(request, None).map(drop));
}
