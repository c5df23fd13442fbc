//! Requests to a server of this thread, over pairs of sockets, by h2's own client.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};

use super::*;
use crate::host::http::body::{empty, pipe};
use crate::host::http::server::settings::{self, Settings};
use crate::host::http::server::{Asked, Visitor};
use crate::host::http::transport::{Buffer, Socket};
use crate::host::http::{ErrorCode, Fields, Method, ResponseHead, Scheme};
use crate::io as events;

/// A worker whose guests are the tests.
pub(super) struct Worker {
    settings: Settings,
    ending: Cell<bool>,
    waker: Cell<Option<Waker>>,
    asked: RefCell<VecDeque<Asked>>,
    pub(super) is_over: Cell<bool>,
}

impl Served for Worker {
    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn visitor(&self) -> Option<&Visitor> {
        None
    }

    fn take(&self, asked: Asked) {
        self.asked.borrow_mut().push_back(asked);
    }

    fn poll_ending(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.set(Some(cx.waker().clone()));
        match self.ending.get() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl Worker {
    fn end(&self) {
        self.ending.set(true);
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    pub(super) fn try_next(&self) -> Option<Asked> {
        self.asked.borrow_mut().pop_front()
    }

    /// The next request that comes.
    fn next(&self) -> Asked {
        wait(|| self.try_next())
    }
}

/// Lets everything go on until it is there.
pub(super) fn wait<T>(mut found: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(events::turn(true), "something is waited for");
    }
}

/// Lets everything go on that needs no time.
pub(super) fn settle() {
    for _ in 0..100 {
        events::turn(false);
    }
}

/// A server, and the other end of its connection.
pub(super) fn serve(words: &[&str]) -> (Rc<Worker>, UnixStream) {
    let settings = Settings::read(words.iter().map(|word| word.as_bytes()), |_| None);
    let Ok(settings::Asked::Serve(settings)) = settings else {
        panic!("{settings:?}")
    };
    let worker = Rc::new(Worker {
        settings: *settings,
        ending: Cell::new(false),
        waker: Cell::new(None),
        asked: RefCell::default(),
        is_over: Cell::new(false),
    });
    let (here, there) = UnixStream::pair().unwrap();
    for end in [&here, &there] {
        end.set_nonblocking(true).unwrap();
    }
    let (connection, served) = (Connection::new(there.into()), Rc::clone(&worker));
    spawn(async move {
        speak(connection, Rc::<Worker>::clone(&served)).await;
        served.is_over.set(true);
    })
    .detach();
    (worker, here)
}

/// The same, with a client.
fn connect(words: &[&str]) -> (Rc<Worker>, SendRequest<Bytes>) {
    let (worker, here) = serve(words);
    let (wire, _) = Wire::new(Box::new(Socket::new(here.into())), Buffer::default());
    let opened = Rc::new(RefCell::new(None));
    let open = Rc::clone(&opened);
    spawn(async move {
        let (sender, connection) = h2::client::handshake(wire).await.unwrap();
        *open.borrow_mut() = Some(sender);
        drop(connection.await);
    })
    .detach();
    (worker, wait(|| opened.take()))
}

type Sent = (ResponseFuture, SendStream<Bytes>);

fn send(sender: &mut SendRequest<Bytes>, request: http::request::Builder, is_all: bool) -> Sent {
    let ready = wait(|| poll_once(|cx| sender.poll_ready(cx)));
    ready.unwrap();
    sender
        .send_request(request.body(()).unwrap(), is_all)
        .unwrap()
}

fn get(path: &str) -> http::request::Builder {
    http::Request::get(format!("http://a.example:7{path}"))
}

fn poll_once<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    match poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

/// Status, content and trailers of a response, or why there is none.
fn receive(response: &mut ResponseFuture) -> Result<(http::Response<Vec<u8>>, usize), Reason> {
    let failed = |error: h2::Error| error.reason().unwrap_or(Reason::NO_ERROR);
    let response = wait(|| poll_once(|cx| Pin::new(&mut *response).poll(cx))).map_err(failed)?;
    let (head, mut body) = response.into_parts();
    let mut all = Vec::new();
    while let Some(data) = wait(|| poll_once(|cx| body.poll_data(cx))) {
        let data = data.map_err(failed)?;
        body.flow_control().release_capacity(data.len()).unwrap();
        all.extend_from_slice(&data);
    }
    let trailers = wait(|| poll_once(|cx| body.poll_trailers(cx))).map_err(failed)?;
    let count = trailers.map_or(0, |trailers| trailers.len());
    Ok((http::Response::from_parts(head, all), count))
}

fn head(status: u16, list: &[(&str, &str)]) -> ResponseHead {
    let list = list.iter();
    let list = list.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    let mut head = ResponseHead::new(&Fields::from_list(list.collect()).unwrap());
    head.status = status;
    head
}

fn names(response: &http::Response<Vec<u8>>) -> Vec<&str> {
    response
        .headers()
        .keys()
        .map(|name| name.as_str())
        .collect()
}

#[test]
fn messages_and_their_trailers_pass_both_ways() {
    let (worker, mut sender) = connect(&[]);
    let request = get("/a?b")
        .method("POST")
        .header("x-name", "v")
        .header("cookie", "a=1")
        .header("cookie", "b=2");
    let (mut response, mut stream) = send(&mut sender, request, false);
    let mut asked = worker.next();
    assert_eq!(asked.head.method, Method::Post);
    assert_eq!(asked.head.scheme, Some(Scheme::Http));
    assert_eq!(asked.head.authority.as_deref(), Some("a.example:7"));
    assert_eq!(asked.head.path_with_query.as_deref(), Some("/a?b"));
    let cookies: Vec<&[u8]> = asked.head.fields.values("cookie").collect();
    assert_eq!(cookies, [b"a=1; b=2"]);
    stream
        .send_data(Bytes::from_static(b"some"), false)
        .unwrap();
    assert_eq!(wait(|| asked.body.read_now(9)), Ok(b"some".to_vec()));
    let mut trailers = http::HeaderMap::new();
    trailers.insert("a", http::HeaderValue::from_static("b"));
    stream.send_trailers(trailers).unwrap();
    let end = wait(|| asked.body.end_now()).unwrap().unwrap();
    assert_eq!(end.values("a").next(), Some(&b"b"[..]));
    asked.reply.inform(&head(103, &[("Link", "x")])).unwrap();
    let informed = wait(|| poll_once(|cx| response.poll_informational(cx)));
    assert_eq!(informed.unwrap().unwrap().status().as_u16(), 103);
    let (mut writer, reader) = pipe(None);
    let fields = [("X-Own", "v"), ("TE", "gzip")];
    asked.reply.respond(Ok((head(201, &fields), reader)));
    writer.write(b"answer".to_vec()).unwrap();
    writer
        .finish(Some(head(200, &[("c", "d")]).fields))
        .unwrap();
    let (response, trailers) = receive(&mut response).unwrap();
    assert_eq!((response.status().as_u16(), trailers), (201, 1));
    assert_eq!(names(&response), ["x-own", "date"]);
    assert_eq!(response.body(), b"answer");
}

#[test]
fn a_body_that_is_complete_has_its_length_told() {
    let (worker, mut sender) = connect(&[]);
    for (method, status, expected) in [
        ("GET", 200, &["content-length", "date"][..]),
        ("HEAD", 200, &["date"]),
        ("GET", 204, &["date"]),
        ("GET", 304, &["date"]),
    ] {
        let (mut response, _) = send(&mut sender, get("/").method(method), true);
        let asked = worker.next();
        let (mut writer, reader) = pipe(None);
        writer.write(b"body".to_vec()).unwrap();
        writer.finish(None).unwrap();
        asked.reply.respond(Ok((head(status, &[]), reader)));
        let (response, _) = receive(&mut response).unwrap();
        assert_eq!(names(&response), expected, "{method} {status}");
        let is_whole = expected.len() > 1;
        assert_eq!(response.body().is_empty(), !is_whole, "{method} {status}");
    }
}

#[test]
fn requests_of_one_connection_do_not_wait_for_each_other() {
    let (worker, mut sender) = connect(&[]);
    let mut running = Vec::new();
    for number in 0..20 {
        let (response, _) = send(&mut sender, get(&format!("/{number}")), true);
        running.push((response, worker.next()));
    }
    // The last first.
    for (number, (mut response, asked)) in running.into_iter().enumerate().rev() {
        assert_eq!(asked.head.path_with_query, Some(format!("/{number}")));
        asked.reply.respond(Ok((head(200, &[]), empty())));
        assert!(receive(&mut response).is_ok());
    }
}

#[test]
fn whoever_is_faster_waits() {
    let (worker, mut sender) = connect(&[]);
    let (mut response, mut stream) = send(&mut sender, get("/").method("PUT"), false);
    let mut asked = worker.next();
    // A guest that does not read gets no more than a stream may have.
    let mut sent = 0;
    for _ in 0..100 {
        stream.reserve_capacity(1 << 20);
        settle();
        let room = stream.capacity();
        stream.send_data(vec![1; room].into(), false).unwrap();
        sent += room;
        settle();
    }
    assert!((64 << 10..=512 << 10).contains(&sent), "{sent}");
    let mut read = 0;
    while read < sent {
        read += wait(|| asked.body.read_now(1 << 20)).unwrap().len();
    }
    stream.send_data(Bytes::new(), true).unwrap();
    // And one that writes waits for the client.
    let (mut writer, reader) = pipe(None);
    asked.reply.respond(Ok((head(200, &[]), reader)));
    let mut written = 0;
    loop {
        settle();
        match writer.write_some(&[0; 100_000]).unwrap() {
            0 => break,
            count => written += count,
        }
        assert!(written < 1 << 20);
    }
    writer.finish(None).unwrap();
    assert_eq!(receive(&mut response).unwrap().0.body().len(), written);
}

#[test]
fn a_body_that_is_given_up_is_never_whole() {
    let (worker, mut sender) = connect(&[]);
    for way in ["cut", "end", "drop"] {
        let (mut response, _) = send(&mut sender, get("/"), true);
        let asked = worker.next();
        let (mut writer, reader) = pipe(None);
        asked.reply.respond(Ok((head(200, &[]), reader)));
        writer.write(b"one".to_vec()).unwrap();
        settle();
        match way {
            "cut" => asked.reply.cut(500),
            "end" => asked.reply.end(),
            _ => drop(writer),
        }
        let received = receive(&mut response).map(drop);
        assert_eq!(received, Err(Reason::INTERNAL_ERROR));
    }
    // Before the head, the client gets a status.
    let (mut response, _) = send(&mut sender, get("/"), true);
    worker.next().reply.cut(504);
    let (response, _) = receive(&mut response).unwrap();
    assert_eq!(response.status().as_u16(), 504);
    assert_eq!(response.body(), b"504 Gateway Timeout\n");
}

#[test]
fn what_the_client_takes_back_the_guest_hears_of() {
    let (worker, mut sender) = connect(&[]);
    let (_response, mut stream) = send(&mut sender, get("/").method("PUT"), false);
    let mut asked = worker.next();
    assert_eq!(asked.body.read_now(9), None);
    stream.send_reset(Reason::CANCEL);
    let read = wait(|| asked.body.read_now(9));
    assert_eq!(read, Err(ErrorCode::ConnectionTerminated));
    let (mut response, mut stream) = send(&mut sender, get("/"), false);
    let asked = worker.next();
    let (mut writer, reader) = pipe(None);
    asked.reply.respond(Ok((head(200, &[]), reader)));
    drop(wait(|| poll_once(|cx| Pin::new(&mut response).poll(cx))));
    stream.send_reset(Reason::CANCEL);
    wait(|| writer.is_refused().then_some(()));
    assert!(writer.write_some(b"late").is_err());
}

#[test]
fn too_much_is_refused() {
    let (worker, mut sender) = connect(&["--max-body=4"]);
    let request = get("/").method("PUT").header("content-length", "5");
    let (mut response, _stream) = send(&mut sender, request, false);
    assert_eq!(receive(&mut response).unwrap().0.status().as_u16(), 413);
    let (mut response, mut stream) = send(&mut sender, get("/").method("PUT"), false);
    stream
        .send_data(Bytes::from_static(b"12345"), false)
        .unwrap();
    let mut asked = worker.next();
    assert_eq!(receive(&mut response).unwrap().0.status().as_u16(), 413);
    let read = wait(|| asked.body.read_now(9));
    assert_eq!(read, Err(ErrorCode::HttpRequestBodySize(None)));
    let long = "a".repeat(20_000);
    let (mut response, _) = send(&mut sender, get(&format!("/{long}")), true);
    assert_eq!(receive(&mut response).unwrap().0.status().as_u16(), 414);
    let mut many = get("/");
    for number in 0..300 {
        many = many.header(format!("x-{number}"), "v");
    }
    let (mut response, _) = send(&mut sender, many, true);
    assert_eq!(receive(&mut response).unwrap().0.status().as_u16(), 431);
    let mut large = get("/");
    for number in 0..5 {
        large = large.header(format!("x-{number}"), &long);
    }
    let (mut response, _) = send(&mut sender, large, true);
    assert_eq!(receive(&mut response).unwrap().0.status().as_u16(), 431);
    assert!(worker.try_next().is_none());
}

#[test]
fn what_two_servers_could_read_differently_is_refused() {
    let (worker, mut sender) = connect(&[]);
    let refused = [
        (get("/").header("host", "b.example"), 400),
        (
            get("/")
                .header("host", "a.example:7")
                .header("host", "a.example:7"),
            400,
        ),
        (http::Request::get("http://u@a.example/"), 400),
        (http::Request::get("ftp://a.example/"), 400),
        (http::Request::connect("a.example"), 400),
        (get("/").header("expect", "magic"), 417),
    ];
    for (request, status) in refused {
        let shown = format!("{request:?}");
        let (mut response, _) = send(&mut sender, request.version(http::Version::HTTP_2), true);
        let response = receive(&mut response).map(|(response, _)| response.status().as_u16());
        assert_eq!(response, Ok(status), "{shown}");
    }
    assert!(worker.try_next().is_none());
    // These say the same thing twice, or are the guest's to decide.
    for request in [
        get("/").header("host", "A.example:7"),
        http::Request::connect("a.example:1"),
        http::Request::options("http://a.example/*"),
    ] {
        let (_response, _stream) = send(&mut sender, request, true);
        let authority = worker.next().head.authority.unwrap();
        assert!(authority.starts_with("a.example"));
    }
}

#[test]
fn a_client_is_told_to_go_on_when_the_guest_wants_the_body() {
    let (worker, mut sender) = connect(&[]);
    let request = get("/").method("PUT").header("expect", "100-continue");
    let (mut response, mut stream) = send(&mut sender, request, false);
    let mut asked = worker.next();
    settle();
    assert!(poll_once(|cx| response.poll_informational(cx)).is_none());
    assert_eq!(asked.body.read_now(9), None);
    let informed = wait(|| poll_once(|cx| response.poll_informational(cx)));
    assert_eq!(informed.unwrap().unwrap().status().as_u16(), 100);
    stream.send_data(Bytes::from_static(b"body"), true).unwrap();
    assert_eq!(wait(|| asked.body.read_now(9)), Ok(b"body".to_vec()));
}

#[test]
fn a_guest_may_answer_before_it_has_read_everything() {
    let (worker, mut sender) = connect(&[]);
    let (mut response, mut stream) = send(&mut sender, get("/").method("PUT"), false);
    let asked = worker.next();
    asked.reply.respond(Ok((head(200, &[]), empty())));
    drop(asked.body);
    assert!(receive(&mut response).is_ok());
    let reset = wait(|| poll_once(|cx| stream.poll_reset(cx)));
    assert_eq!(reset.unwrap(), Reason::NO_ERROR);
}

#[test]
fn silent_clients_are_not_waited_for() {
    let (worker, mut sender) = connect(&["--body-timeout=20ms"]);
    let (_response, _stream) = send(&mut sender, get("/").method("PUT"), false);
    let mut asked = worker.next();
    let read = wait(|| asked.body.read_now(9));
    assert_eq!(read, Err(ErrorCode::ConnectionReadTimeout));
    // One that takes nothing of its response.
    let (mut response, _stream) = send(&mut sender, get("/"), true);
    let asked = worker.next();
    let (mut writer, reader) = pipe(None);
    asked.reply.respond(Ok((head(200, &[]), reader)));
    let response = wait(|| poll_once(|cx| Pin::new(&mut response).poll(cx))).unwrap();
    wait(|| writer.write_some(&[0; 50_000]).err());
    drop(response);
    drop(asked);
}

#[test]
fn connections_without_requests_are_closed() {
    let (worker, mut sender) = connect(&["--idle-timeout=20ms"]);
    let (mut response, _) = send(&mut sender, get("/"), true);
    worker.next().reply.respond(Ok((head(200, &[]), empty())));
    assert!(receive(&mut response).is_ok());
    wait(|| worker.is_over.get().then_some(()));
    let ready = wait(|| poll_once(|cx| sender.poll_ready(cx)));
    assert!(ready.is_err());
}

#[test]
fn a_server_that_ends_answers_what_has_come() {
    let (worker, mut sender) = connect(&[]);
    let (mut response, _) = send(&mut sender, get("/"), true);
    let asked = worker.next();
    worker.end();
    settle();
    asked.reply.respond(Ok((head(200, &[]), empty())));
    assert!(receive(&mut response).is_ok());
    wait(|| worker.is_over.get().then_some(()));
    // One that nobody uses ends at once, also if its client hears nothing.
    let (worker, here) = serve(&[]);
    drop(here);
    worker.end();
    wait(|| worker.is_over.get().then_some(()));
}

#[test]
fn a_client_that_takes_everything_back_is_told_to_calm_down() {
    let (worker, mut sender) = connect(&[]);
    let mut count = 0;
    let error = loop {
        let ready = wait(|| poll_once(|cx| sender.poll_ready(cx)));
        let sent = ready.and_then(|()| sender.send_request(get("/").body(()).unwrap(), false));
        let (_, mut stream) = match sent {
            Ok(sent) => sent,
            Err(error) => break error,
        };
        count += 1;
        assert!(count < 1000);
        // The guest has begun before the client loses interest, so that h2 sees nothing wrong.
        settle();
        drop(worker.try_next());
        stream.send_reset(Reason::CANCEL);
        drop(stream);
        settle();
    };
    assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM));
    assert!(count > 20, "a few are nothing special: {count}");
    wait(|| worker.is_over.get().then_some(()));
}
