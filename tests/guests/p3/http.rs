//! Messages of HTTP: fields, requests, options, responses and their bodies, without anybody to send
//! them to.

#![no_std]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use futures::join;
use guests::{read_all, say};
use wasip3::http::client::send;
use wasip3::http::types::{
    ErrorCode, Fields, HeaderError, Method, Request, RequestOptions, Response, Scheme,
};
use wasip3::{wit_future, wit_stream};

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        fields().await;
        requests().await;
        options().await;
        responses().await;
        bodies().await;
        sending().await;
        Ok(())
    }
}

fn entries(fields: &Fields) -> Vec<(String, String)> {
    let entries = fields.copy_all().into_iter();
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).to_string();
    entries.map(|(name, value)| (name, text(value))).collect()
}

async fn fields() {
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
    say!(
        "delete {:?} {:?}",
        fields.delete("bar"),
        fields.delete("bar")
    );
    say!("taken out {:?}", fields.get_and_delete("foo"));
    say!("taken out {:?}", fields.get_and_delete("foo"));
    for (name, value) in [
        ("", &b"v"[..]),
        ("a", b"\n"),
        ("Host", b"v"),
        ("content-length", b" 1"),
    ] {
        say!("append {name:?} {:?}", fields.append(name, value));
    }
    say!("taken out {:?}", fields.get_and_delete("upgrade"));
    let mut count = 0;
    while fields.append("name", &[b'v'; 1000]).is_ok() {
        count += 1;
    }
    say!("fields of 1000 bytes: {count}");
    say!(
        "one more {:?}",
        matches!(
            fields.append("name", &[b'v'; 1000]),
            Err(HeaderError::SizeExceeded)
        )
    );
    let copy = fields.clone();
    say!("copy {:?} {:?}", copy.delete("name"), fields.has("name"));
    let list = [("a".into(), b"1".to_vec()), ("A".into(), b"2".to_vec())];
    say!(
        "from list {:?}",
        Fields::from_list(&list).map(|fields| entries(&fields))
    );
}

async fn requests() {
    let fields = Fields::new();
    fields.append("a", b"b").unwrap();
    let (_end, trailers) = wit_future::new(|| Ok(None));
    let options = RequestOptions::new();
    options.set_connect_timeout(Some(5)).unwrap();
    let (request, _sent) = Request::new(fields, None, trailers, Some(options));
    say!(
        "request {:?} {:?} {:?} {:?}",
        request.get_method(),
        request.get_path_with_query(),
        request.get_scheme(),
        request.get_authority()
    );
    let headers = request.get_headers();
    say!(
        "its headers {:?} {:?}",
        headers.append("c", b"d"),
        headers.get_and_delete("a")
    );
    let options = request.get_options().unwrap();
    say!(
        "its options {:?} {:?}",
        options.get_connect_timeout(),
        options.set_connect_timeout(None)
    );
    let copy = options.clone();
    say!(
        "their copy {:?} {:?}",
        copy.set_connect_timeout(None),
        copy.get_connect_timeout()
    );
    for method in [
        Method::Put,
        Method::Other("GET".into()),
        Method::Other("bad\nmethod".into()),
    ] {
        say!(
            "method {:?} {:?}",
            request.set_method(&method),
            request.get_method()
        );
    }
    for path in ["/a?b=c", "", "?q", "a/b", "/bad\npath", "/a b", "/<"] {
        let set = request.set_path_with_query(Some(path));
        say!("path {path:?} {set:?} {:?}", request.get_path_with_query());
    }
    for scheme in ["ftp", "https", "bad\nscheme", ""] {
        let set = request.set_scheme(Some(&Scheme::Other(scheme.into())));
        say!("scheme {scheme:?} {set:?} {:?}", request.get_scheme());
    }
    for authority in ["a.example", "[::]:443", "u@h:1", "", "h:99999", "h:80:80"] {
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
}

async fn options() {
    let options = RequestOptions::new();
    say!(
        "options {:?} {:?} {:?}",
        options.set_connect_timeout(Some(1)),
        options.set_first_byte_timeout(Some(2)),
        options.set_between_bytes_timeout(Some(u64::MAX))
    );
    say!(
        "options {:?} {:?} {:?}",
        options.get_connect_timeout(),
        options.get_first_byte_timeout(),
        options.get_between_bytes_timeout()
    );
}

async fn responses() {
    let (_end, trailers) = wit_future::new(|| Ok(None));
    let (response, sent) = Response::new(Fields::new(), None, trailers);
    say!("status {}", response.get_status_code());
    for status in [100, 404, 599, 600, 0, 99, 999] {
        say!("status {status} {:?}", response.set_status_code(status));
    }
    say!("its headers {:?}", response.get_headers().append("a", b"b"));
    drop(response);
    say!("never sent {:?}", sent.await);
}

/// The body that is taken out of a message that was made here is what was put in. Its trailers may
/// not be read where they were written.
async fn bodies() {
    let (mut bytes, contents) = wit_stream::new();
    let (end, trailers) = wit_future::new(|| Ok(None));
    let (request, sent) = Request::new(Fields::new(), Some(contents), trailers, None);
    let (told, result) = wit_future::new(|| Ok(()));
    let (mut stream, trailers) = Request::consume_body(request, result);
    drop(trailers);
    let write = async {
        bytes.write_all(b"some bytes".to_vec()).await;
        drop(bytes);
        end.write(Ok(None)).await
    };
    let (written, all) = join!(write, read_all(&mut stream));
    say!("trailers written {}, read {}", written.is_ok(), all.len());
    let told = told.write(Err(ErrorCode::LoopDetected));
    let (told, sent) = join!(told, sent.into_future());
    say!("told {}, heard {sent:?}", told.is_ok());
}

async fn sending() {
    let (mut bytes, contents) = wit_stream::new();
    let (_end, trailers) = wit_future::new(|| Ok(None));
    let (request, sent) = Request::new(Fields::new(), Some(contents), trailers, None);
    request.set_scheme(Some(&Scheme::Http)).unwrap();
    request.set_authority(Some("localhost:1")).unwrap();
    say!("{:?}", send(request).await.map(drop));
    say!("sent {:?}", sent.await);
    say!(
        "left of the body {}",
        bytes.write_all(b"too late".to_vec()).await.len()
    );
}
