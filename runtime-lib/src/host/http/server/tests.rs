//! Exchanges over a pair of sockets: what a client gets of what a guest answers.

use std::cell::RefCell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use super::connection::Connection;
use super::exchange::{Exchange, Outcome};
use super::reply::{self, Reply};
use super::request::{LIMITS, check};
use super::settings::{self, Settings};
use crate::host::http::body::{BodyReader, empty, pipe};
use crate::host::http::h1::head;
use crate::host::http::{ErrorCode, Fields, ResponseHead};
use crate::io::{self, spawn};

/// A request that a client has sent, and what the guest gets of it.
struct Asked {
    client: UnixStream,
    body: BodyReader,
    reply: Reply,
    ended: Rc<RefCell<Option<(Outcome, Connection)>>>,
}

fn settings(words: &[&str]) -> Settings {
    match settings::Settings::read(words.iter().map(|word| word.as_bytes()), |_| None) {
        Ok(settings::Asked::Serve(settings)) => *settings,
        other => panic!("{other:?}"),
    }
}

/// The client sends `request` whole, of which the head has been read already.
fn ask(request: &str) -> Asked {
    ask_server(request, &[])
}

/// The same, of a server with these options.
fn ask_server(request: &str, words: &[&str]) -> Asked {
    let (client, server) = UnixStream::pair().unwrap();
    server.set_nonblocking(true).unwrap();
    let head = head::request(request.as_bytes(), LIMITS).unwrap().unwrap();
    let mut connection = Connection::new(server.into());
    connection
        .buffer
        .put_back(&request.as_bytes()[head.bytes..]);
    let request = check(head).unwrap();
    let (mut exchange, reply::Asked { body, reply, .. }) =
        Exchange::new(connection, request, &settings(words), Rc::default(), None);
    let ended = Rc::new(RefCell::new(None));
    let at_end = Rc::clone(&ended);
    spawn(async move {
        let outcome = (&mut exchange).await;
        *at_end.borrow_mut() = Some((outcome, exchange.connection));
    })
    .detach();
    Asked {
        client,
        body,
        reply,
        ended,
    }
}

fn response(fields: &[(&str, &str)]) -> ResponseHead {
    let mut all = Fields::default();
    for (name, value) in fields {
        all.append(name, value.as_bytes().to_vec()).unwrap();
    }
    ResponseHead::new(&all)
}

impl Asked {
    /// Lets everything go on until the response has been sent: what the client gets, without the
    /// date, and what is left of the connection.
    fn end(mut self) -> (String, Outcome, Vec<u8>) {
        while self.ended.borrow().is_none() {
            assert!(io::turn(true), "something is waited for");
        }
        let (outcome, connection) = self.ended.take().unwrap();
        let left = connection.buffer.bytes().to_vec();
        drop(connection);
        let mut text = String::new();
        self.client.read_to_string(&mut text).unwrap();
        let lines = text
            .split("\r\n")
            .filter(|line| !line.starts_with("Date: "));
        (lines.collect::<Vec<_>>().join("|"), outcome, left)
    }

    /// What has been sent so far.
    fn sent(&mut self) -> String {
        for _ in 0..10 {
            io::turn(false);
        }
        let mut some = [0; 4096];
        self.client.set_nonblocking(true).unwrap();
        let count = self.client.read(&mut some).unwrap();
        String::from_utf8_lossy(&some[..count]).into_owned()
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn a_client_that_takes_nothing_of_a_response_is_left() {
    let asked = ask_server(GET, &["--body-timeout", "50ms"]);
    let (mut writer, reader) = pipe(None);
    asked.reply.respond(Ok((response(&[]), reader)));
    while asked.ended.borrow().is_none() {
        if let Ok(room @ 1..) = writer.room() {
            writer.write(vec![0; room]).unwrap();
        }
        assert!(io::turn(true), "something is waited for");
    }
    let (outcome, _) = asked.ended.take().unwrap();
    assert_eq!(outcome, Outcome::Abort);
    assert_eq!(writer.room(), Err(ErrorCode::ConnectionWriteTimeout));
}

#[test]
fn a_body_that_is_complete_has_its_length_told() {
    let asked = ask(&format!("{GET}GET /next"));
    let (mut writer, reader) = pipe(None);
    writer.write(b"body".to_vec()).unwrap();
    writer.finish(None).unwrap();
    asked.reply.respond(Ok((response(&[("X-Y", "z")]), reader)));
    let (text, outcome, left) = asked.end();
    assert_eq!(text, "HTTP/1.1 200 OK|X-Y: z|Content-Length: 4||body");
    assert_eq!((outcome, &*left), (Outcome::Next, &b"GET /next"[..]));
}

#[test]
fn a_body_that_comes_in_parts_is_chunked_with_its_trailers() {
    let asked = ask(GET);
    let (mut writer, reader) = pipe(None);
    asked.reply.respond(Ok((response(&[]), reader)));
    writer.write(b"one".to_vec()).unwrap();
    for _ in 0..3 {
        io::turn(false);
    }
    writer.write(b"two".to_vec()).unwrap();
    let mut trailers = Fields::default();
    trailers.append("A", b"b".to_vec()).unwrap();
    writer.finish(Some(trailers)).unwrap();
    let (text, outcome, _) = asked.end();
    assert_eq!(
        text,
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||0003|one|0003|two|0|A: b||"
    );
    assert_eq!(outcome, Outcome::Next);
}

#[test]
fn a_body_that_is_given_up_is_never_whole() {
    let asked = ask(GET);
    let (mut writer, reader) = pipe(None);
    asked.reply.respond(Ok((response(&[]), reader)));
    writer.write(b"one".to_vec()).unwrap();
    for _ in 0..3 {
        io::turn(false);
    }
    drop(writer);
    let (text, outcome, _) = asked.end();
    assert_eq!(
        text,
        "HTTP/1.1 200 OK|Transfer-Encoding: chunked||0003|one|"
    );
    assert_eq!(outcome, Outcome::Abort);
}

#[test]
fn what_has_no_body_gets_none() {
    let asked = ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    let (mut writer, reader) = pipe(None);
    writer.write(b"body".to_vec()).unwrap();
    writer.finish(None).unwrap();
    let head = response(&[("Content-Length", "4")]);
    asked.reply.respond(Ok((head, reader)));
    assert_eq!(asked.end().0, "HTTP/1.1 200 OK|Content-Length: 4||");
    let asked = ask(GET);
    let mut head = response(&[("Content-Length", "0")]);
    head.status = 204;
    asked.reply.respond(Ok((head, empty())));
    assert_eq!(asked.end().0, "HTTP/1.1 204 No Content||");
}

#[test]
fn old_clients_hear_the_end_of_the_connection() {
    let asked = ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let (mut writer, reader) = pipe(None);
    asked.reply.respond(Ok((response(&[]), reader)));
    for _ in 0..3 {
        io::turn(false);
    }
    writer.write(b"body".to_vec()).unwrap();
    writer.finish(None).unwrap();
    let (text, outcome, _) = asked.end();
    assert_eq!(text, "HTTP/1.1 200 OK|Connection: close||body");
    assert_eq!(outcome, Outcome::Close);
}

#[test]
fn informational_responses_come_before_the_response() {
    let asked = ask(GET);
    let mut hints = response(&[("Link", "x")]);
    hints.status = 103;
    asked.reply.inform(&hints).unwrap();
    asked.reply.respond(Ok((response(&[]), empty())));
    assert_eq!(
        asked.end().0,
        "HTTP/1.1 103 Early Hints|Link: x||HTTP/1.1 200 OK|Content-Length: 0||"
    );
    let asked = ask("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(
        asked.reply.inform(&hints),
        Err(ErrorCode::HttpProtocolError)
    );
}

#[test]
fn a_client_is_told_to_go_on_when_the_guest_wants_the_body() {
    let mut asked =
        ask("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    for _ in 0..3 {
        io::turn(false);
    }
    assert_eq!(asked.body.read_now(9), None);
    assert_eq!(asked.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    asked.client.write_all(b"body").unwrap();
    while asked.body.unread_bytes() < 4 {
        io::turn(true);
    }
    assert_eq!(asked.body.read_now(9), Some(Ok(b"body".to_vec())));
    asked.reply.respond(Ok((response(&[]), empty())));
    assert_eq!(asked.end().1, Outcome::Next);
}

/// What becomes of a connection whose client sends `bytes` of body behind a response of a guest that
/// does not want them.
fn end_with_unwanted(bytes: usize) -> Outcome {
    let mut asked = ask(&format!(
        "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n"
    ));
    drop(std::mem::replace(&mut asked.body, empty()));
    asked.reply.respond(Ok((response(&[]), empty())));
    assert_eq!(asked.sent().lines().next(), Some("HTTP/1.1 200 OK"));
    assert!(asked.ended.borrow().is_none(), "the body has not come");
    asked.client.set_nonblocking(true).unwrap();
    let (body, mut sent) = (vec![b'x'; bytes], 0);
    while asked.ended.borrow().is_none() {
        sent += asked.client.write(&body[sent..]).unwrap_or(0);
        io::turn(false);
    }
    let (outcome, _connection) = asked.ended.take().unwrap();
    outcome
}

#[test]
fn a_body_that_nobody_wants_is_read_before_the_next_request() {
    assert_eq!(end_with_unwanted(4), Outcome::Next);
    assert_eq!(end_with_unwanted(200_000), Outcome::Next);
    assert_eq!(end_with_unwanted(300_000), Outcome::Close);
}
