//! Requests to servers of this process: what is sent, what comes back, and what goes wrong.

mod errors;

use std::cell::{Cell, RefCell};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread::{JoinHandle, spawn as thread};
use std::time::Duration;

use super::*;
use crate::host::http::body::{BodyWriter, empty, pipe};
use crate::host::http::{Fields, ResponseHead, TlsAlertReceivedPayload};
use crate::io;

/// What a server does with a connection.
type Serves = fn(&mut TcpStream);

/// A server that does this with each of its connections, one after the other, and gives what they
/// sent.
fn serve<const N: usize>(connections: [Serves; N]) -> (u16, JoinHandle<Vec<TcpStream>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread(move || {
        let serve = |serve: &Serves| {
            let (mut stream, _) = listener.accept().unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(10)))
                .unwrap();
            serve(&mut stream);
            stream
        };
        connections.iter().map(serve).collect()
    });
    (port, server)
}

/// Reads up to the end of a head.
fn read_head(stream: &mut TcpStream) -> String {
    read_until(stream, "\r\n\r\n")
}

fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0].into());
    }
    text
}

fn answer(stream: &mut TcpStream, response: &str) {
    read_head(stream);
    stream.write_all(response.as_bytes()).unwrap();
}

fn request(method: Method, port: u16) -> RequestHead {
    let mut head = RequestHead::new(&Fields::default());
    head.method = method;
    head.scheme = Some(Scheme::Http);
    head.authority = Some(format!("user@127.0.0.1:{port}"));
    head.path_with_query = Some("/path?query".to_owned());
    head
}

fn begin_to(head: RequestHead, body: BodyReader, options: RequestOptions) -> Sent {
    let prepared = prepare(&head).unwrap();
    begin(head, body, options, prepared)
}

/// Lets everything go on until it is there.
fn wait<T>(mut found: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(io::turn(true), "something is waited for");
    }
}

fn response(sent: &Sent) -> Response {
    wait(|| sent.response.take())
}

fn get(port: u16) -> Response {
    let sent = begin_to(
        request(Method::Get, port),
        empty(),
        RequestOptions::default(),
    );
    response(&sent)
}

/// Everything up to the end.
fn read_all(body: &mut BodyReader) -> Result<(Vec<u8>, Option<Fields>)> {
    let mut all = Vec::new();
    loop {
        let bytes = wait(|| body.read_now(1000))?;
        if bytes.is_empty() {
            return Ok((all, wait(|| body.end_now())?));
        }
        all.extend(bytes);
    }
}

fn error_of(response: Response) -> ErrorCode {
    match response {
        Err(error) => error,
        Ok((_, mut body)) => read_all(&mut body).map(drop).unwrap_err(),
    }
}

#[test]
fn requests_are_written_as_they_are_made_and_connections_used_again() {
    let (port, server) = serve([
        |stream| {
            let head = read_head(stream);
            let host = format!(
                "Host: 127.0.0.1:{}\r\n",
                stream.local_addr().unwrap().port()
            );
            let expected = format!("GET /path?query HTTP/1.1\r\n{host}X-Case: kept\r\n\r\n");
            assert_eq!(head, expected);
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\none")
                .unwrap();
            assert!(read_head(stream).starts_with("GET "));
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\ncontent-length: 3\r\n\r\ntwo")
                .unwrap();
        },
        |stream| answer(stream, "HTTP/1.0 201 Created\r\n\r\nuntil the end"),
    ]);
    let mut head = request(Method::Get, port);
    let mut fields = Fields::default();
    fields.append("X-Case", b"kept".to_vec()).unwrap();
    head.fields = fields;
    let sent = begin_to(head, empty(), RequestOptions::default());
    let (head, mut body) = response(&sent).unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(head.fields.values("a").collect::<Vec<_>>(), [b"b"]);
    assert_eq!(read_all(&mut body).unwrap().0, b"one");
    let (_, mut body) = get(port).unwrap();
    assert_eq!(read_all(&mut body).unwrap().0, b"two");
    // The server has closed that one.
    let (head, mut body) = get(port).unwrap();
    assert_eq!(head.status, 201);
    drop(server.join().unwrap());
    assert_eq!(read_all(&mut body).unwrap().0, b"until the end");
}

#[test]
fn chunks_and_trailers_pass_both_ways() {
    let (port, server) = serve([|stream| {
        let head = read_head(stream);
        assert!(head.contains("Transfer-Encoding: chunked\r\n"), "{head}");
        assert_eq!(
            read_until(stream, "\r\n\r\n"),
            "0003\r\none\r\n0003\r\ntwo\r\n0\r\nTrailer-Out: 1\r\n\r\n"
        );
        for part in [
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n",
            "Transfer-Encoding: chunked\r\n\r\n4\r",
            "\nback\r\n0\r\nTrailer-In: 2\r\nHost: x\r\n",
            "\r\n",
        ] {
            stream.write_all(part.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }
    }]);
    let (mut writer, reader) = pipe(None);
    let sent = begin_to(
        request(Method::Post, port),
        reader,
        RequestOptions::default(),
    );
    writer.write(b"one".to_vec()).unwrap();
    wait(|| (writer.room() == Ok(super::super::body::PIPE_BYTES_MAX)).then_some(()));
    writer.write(b"two".to_vec()).unwrap();
    let mut trailers = Fields::default();
    trailers.append("Trailer-Out", b"1".to_vec()).unwrap();
    writer.finish(Some(trailers)).unwrap();
    let (head, mut body) = response(&sent).unwrap();
    assert_eq!(head.status, 200, "what is informational is passed over");
    let (bytes, trailers) = read_all(&mut body).unwrap();
    assert_eq!(bytes, b"back");
    let trailers = trailers.unwrap();
    assert!(trailers.has("trailer-in") && !trailers.has("host"));
    server.join().unwrap();
}

#[test]
fn some_responses_have_no_body_whatever_they_say() {
    let (port, server) = serve([|stream| {
        for status in ["204 No Content", "304 Not Modified", "200 OK"] {
            answer(
                stream,
                &format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\n"),
            );
        }
    }]);
    for method in [Method::Get, Method::Get, Method::Head] {
        let sent = begin_to(request(method, port), empty(), RequestOptions::default());
        let (_, mut body) = response(&sent).unwrap();
        assert_eq!(read_all(&mut body).unwrap().0, b"");
    }
    server.join().unwrap();
}

/// A request that gets no further than the greeting.
fn greeting(serves: Serves, options: RequestOptions) -> ErrorCode {
    crate::host::http::tls::client::provide();
    let (port, server) = serve([serves]);
    let mut head = request(Method::Get, port);
    head.scheme = Some(Scheme::Https);
    let sent = begin_to(head, empty(), options);
    let error = error_of(response(&sent));
    // What it holds is open as long as anybody waits for it.
    drop(sent);
    server.join().unwrap();
    error
}

#[test]
fn who_does_not_speak_tls_is_no_server_of_https() {
    let long = RequestOptions::default();
    let cases: [(Serves, ErrorCode); 3] = [
        (
            |stream| stream.shutdown(Shutdown::Write).unwrap(),
            ErrorCode::ConnectionTerminated,
        ),
        (
            |stream| stream.write_all(b"HTTP/1.1 400 Bad\r\n\r\n").unwrap(),
            ErrorCode::TlsProtocolError,
        ),
        (
            // A fatal alert: handshake failure.
            |stream| stream.write_all(&[21, 3, 3, 0, 2, 2, 40]).unwrap(),
            ErrorCode::TlsAlertReceived(TlsAlertReceivedPayload {
                alert_id: Some(40),
                alert_message: Some("HandshakeFailure".to_owned()),
            }),
        ),
    ];
    for (serves, error) in cases {
        assert_eq!(greeting(serves, long), error);
    }
}

#[test]
fn the_greeting_is_a_part_of_connecting() {
    let options = RequestOptions {
        connect_timeout_ns: Some(100_000_000),
        ..RequestOptions::default()
    };
    let silent: Serves = |stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
    };
    assert_eq!(greeting(silent, options), ErrorCode::ConnectionTimeout);
}

fn posted(writer: &mut BodyWriter) -> Rc<RefCell<Option<Result<()>>>> {
    let told = Rc::new(RefCell::new(None));
    let heard = Rc::clone(&told);
    writer.on_sent(move |result| *heard.borrow_mut() = Some(result));
    told
}

#[test]
fn a_body_that_is_given_up_is_no_request() {
    let (port, server) = serve([|stream| {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let text = String::from_utf8(all).unwrap();
        assert!(text.ends_with("0003\r\none\r\n"), "{text}");
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }]);
    let (mut writer, reader) = pipe(None);
    let told = posted(&mut writer);
    let sent = begin_to(
        request(Method::Post, port),
        reader,
        RequestOptions::default(),
    );
    writer.write(b"one".to_vec()).unwrap();
    wait(|| (writer.room() == Ok(super::super::body::PIPE_BYTES_MAX)).then_some(()));
    for _ in 0..3 {
        io::turn(false);
    }
    writer.fail(ErrorCode::LoopDetected);
    assert_eq!(error_of(response(&sent)), ErrorCode::LoopDetected);
    assert_eq!(*told.borrow(), Some(Err(ErrorCode::LoopDetected)));
    drop(sent);
    server.join().unwrap();
}

#[test]
fn whoever_does_not_want_the_response_closes_the_connection() {
    let (port, server) = serve([
        |stream| {
            read_head(stream);
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        },
        |stream| {
            answer(stream, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfour");
            let end = stream.read(&mut [0]);
            assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
        },
    ]);
    let (mut writer, reader) = pipe(None);
    let told = posted(&mut writer);
    writer.finish(None).unwrap();
    let sent = begin_to(
        request(Method::Get, port),
        reader,
        RequestOptions::default(),
    );
    wait(|| told.borrow().clone()).unwrap();
    drop(sent);
    let (_, mut body) = get(port).unwrap();
    assert_eq!(wait(|| body.read_now(9)), Ok(b"four".to_vec()));
    drop(body);
    while !server.is_finished() {
        io::turn(false);
    }
    server.join().unwrap();
}

/// A shared connection that refuses so many requests.
struct Refusing(Cell<usize>);

impl Shared for Refusing {
    fn is_open(&self) -> bool {
        true
    }

    fn exchange(
        self: Rc<Self>,
        mut request: Request,
        _: Timeouts,
        answer: Rc<Answer<Response>>,
    ) -> Exchanging {
        Box::pin(async move {
            if let Some(left) = self.0.get().checked_sub(1) {
                self.0.set(left);
                return Err(Failed {
                    error: ErrorCode::ConnectionLimitReached,
                    request: Some(Box::new(request)),
                });
            }
            request.body.sent(Ok(()));
            answer.give(Ok((ResponseHead::new(&Fields::default()), empty())));
            Ok(())
        })
    }
}

thread_local! {
    static REFUSING: RefCell<Option<Rc<Refusing>>> = const { RefCell::new(None) };
}

/// Has this thread send secure requests to there.
fn share(refusals: usize) -> Rc<Refusing> {
    let shared = Rc::new(Refusing(Cell::new(refusals)));
    REFUSING.set(Some(Rc::clone(&shared)));
    set_secure(|_, _| {
        let shared = REFUSING.with_borrow(|shared| shared.clone().expect("it was set"));
        Box::pin(async { Ok(Way::Shared(shared)) })
    });
    shared
}

fn get_securely(port: u16) -> (Response, Option<Result<()>>) {
    let mut head = request(Method::Get, port);
    head.scheme = Some(Scheme::Https);
    let (mut writer, reader) = pipe(None);
    let told = posted(&mut writer);
    writer.finish(None).unwrap();
    let sent = begin_to(head, reader, RequestOptions::default());
    let response = response(&sent);
    let told = told.borrow().clone();
    (response, told)
}

#[test]
fn what_a_server_has_not_looked_at_is_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    share(REFUSALS_MAX - 1);
    let (response, told) = get_securely(port);
    assert_eq!((response.unwrap().0.status, told), (200, Some(Ok(()))));
    // But not for ever.
    share(usize::MAX);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (response, told) = get_securely(listener.local_addr().unwrap().port());
    let refused = ErrorCode::ConnectionLimitReached;
    assert_eq!(response.map(drop), Err(refused.clone()));
    assert_eq!(told, Some(Err(refused)));
}
