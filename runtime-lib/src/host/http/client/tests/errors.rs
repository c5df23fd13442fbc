//! What goes wrong with requests to servers of this process, each by its own name.

use super::*;
use crate::host::http::{DnsErrorPayload, FieldSizePayload};

/// The head of a response and a body, up to its trailers.
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n";

/// Answers with so many lines, as long as somebody listens.
fn answer_lines(stream: &mut TcpStream, rest: &str, (name, bytes): (&str, usize), count: usize) {
    answer(stream, "HTTP/1.1 200 OK\r\n");
    let line = format!("{name}{}\r\n", "b".repeat(bytes));
    let _ = stream.write_all([rest, &line.repeat(count), "\r\n"].concat().as_bytes());
}

fn too_large_field() -> FieldSizePayload {
    FieldSizePayload {
        field_name: Some("a".to_owned()),
        field_size: None,
    }
}

#[test]
fn errors_are_told_apart() {
    let refused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    assert_eq!(error_of(get(refused)), ErrorCode::ConnectionRefused);
    let cases: [(Serves, ErrorCode); 11] = [
        (|_| {}, ErrorCode::ConnectionTerminated),
        (
            |stream| answer(stream, "HTTP/1.1 200"),
            ErrorCode::HttpResponseIncomplete,
        ),
        (
            |stream| answer(stream, "HTTP/1.1 200 OK\r\nA : b\r\n\r\n"),
            ErrorCode::HttpProtocolError,
        ),
        (
            |stream| answer(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour"),
            ErrorCode::HttpResponseIncomplete,
        ),
        (
            |stream| answer(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"),
            ErrorCode::HttpResponseTransferCoding(Some("gzip".to_owned())),
        ),
        (
            |stream| {
                answer(
                    stream,
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx",
                )
            },
            ErrorCode::HttpResponseIncomplete,
        ),
        (
            |stream| answer(stream, "HTTP/1.1 101 Switching\r\n\r\n"),
            ErrorCode::HttpUpgradeFailed,
        ),
        (
            |stream| answer_lines(stream, "", ("A: ", 1000), 300),
            ErrorCode::HttpResponseHeaderSectionSize(None),
        ),
        (
            |stream| answer_lines(stream, "", ("A: ", 300_000), 1),
            ErrorCode::HttpResponseHeaderSize(too_large_field()),
        ),
        (
            |stream| answer_lines(stream, CHUNKED, ("A: ", 1000), 20),
            ErrorCode::HttpResponseTrailerSectionSize(None),
        ),
        (
            |stream| answer_lines(stream, CHUNKED, ("A: ", 20_000), 1),
            ErrorCode::HttpResponseTrailerSize(too_large_field()),
        ),
    ];
    for (serves, error) in cases {
        let (port, server) = serve([serves]);
        let sent = begin_to(
            request(Method::Get, port),
            empty(),
            RequestOptions::default(),
        );
        // What has been sent arrives before the end does.
        let closing = thread(move || {
            for stream in server.join().unwrap() {
                let _ = stream.shutdown(Shutdown::Write);
            }
        });
        assert_eq!(error_of(response(&sent)), error);
        drop(sent);
        closing.join().unwrap();
    }
    for (host, rcode) in [
        ("nonexistent.invalid", "address not available"),
        ("a..b%", "invalid dns name"),
    ] {
        let mut head = request(Method::Get, 80);
        head.authority = Some(host.replace('%', "%20"));
        let sent = begin_to(head, empty(), RequestOptions::default());
        let rcode = Some(rcode.to_owned());
        let info_code = None;
        assert_eq!(
            error_of(response(&sent)),
            ErrorCode::DnsError(DnsErrorPayload { rcode, info_code })
        );
    }
}

#[test]
fn the_other_side_is_waited_for_no_longer_than_wanted() {
    let (port, server) = serve([
        |stream| drop(read_head(stream)),
        |stream| answer(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour"),
    ]);
    for first_byte_timeout_ns in [Some(20_000_000), None] {
        let options = RequestOptions {
            first_byte_timeout_ns,
            between_bytes_timeout_ns: Some(20_000_000),
            ..RequestOptions::default()
        };
        let sent = begin_to(request(Method::Get, port), empty(), options);
        assert_eq!(error_of(response(&sent)), ErrorCode::ConnectionReadTimeout);
    }
    server.join().unwrap();
    // It neither reads nor answers.
    let (port, server) = serve([|stream| {
        assert_eq!(stream.read(&mut [0]).unwrap(), 1);
        std::thread::sleep(Duration::from_millis(500));
    }]);
    let (mut writer, reader) = pipe(None);
    let options = RequestOptions {
        first_byte_timeout_ns: Some(200_000_000),
        ..RequestOptions::default()
    };
    let sent = begin_to(request(Method::Post, port), reader, options);
    let error = wait(|| {
        let room = writer.room().unwrap_or(0);
        let _ = writer.write_copy(&vec![0; room]);
        sent.response.take()
    });
    assert_eq!(error_of(error), ErrorCode::ConnectionWriteTimeout);
    drop(sent);
    server.join().unwrap();
    // A name that nobody has is looked for for a while.
    let options = RequestOptions {
        connect_timeout_ns: Some(0),
        ..RequestOptions::default()
    };
    let mut head = request(Method::Get, 80);
    head.authority = Some("nobody.example".to_owned());
    let sent = begin_to(head, empty(), options);
    assert_eq!(error_of(response(&sent)), ErrorCode::DnsTimeout);
    let mut head = request(Method::Get, 80);
    head.path_with_query = Some(format!("/{}", "a".repeat(TARGET_BYTES_MAX)));
    assert_eq!(
        prepare(&head).map(drop),
        Err(ErrorCode::HttpRequestUriTooLong)
    );
    // Nobody accepts, but the system connects.
    let options = RequestOptions {
        connect_timeout_ns: Some(0),
        first_byte_timeout_ns: Some(0),
        ..RequestOptions::default()
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = begin_to(request(Method::Get, port), empty(), options);
    let error = error_of(response(&sent));
    let timeouts = [
        ErrorCode::ConnectionTimeout,
        ErrorCode::ConnectionReadTimeout,
    ];
    assert!(timeouts.contains(&error), "{error:?}");
}
