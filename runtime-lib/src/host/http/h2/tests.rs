//! Requests to servers of this thread, over pairs of sockets.

use std::cell::RefCell;
use std::future::poll_fn;
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use bytes::Bytes;
use h2::server::{Builder, SendResponse};
use h2::{Reason, RecvStream};

use super::client::Session;
use super::*;
use crate::host::http::answer::Answer;
use crate::host::http::body::{BodyReader, BodyWriter, PIPE_BYTES_MAX, empty, pipe};
use crate::host::http::client::{Request, Response, Shared, Timeouts};
use crate::host::http::transport::Socket;
use crate::host::http::{Method, RequestHead, RequestOptions, Result};
use crate::io::{self as events, Task, spawn};

fn pair() -> (Socket, Socket) {
    let (left, right) = UnixStream::pair().unwrap();
    for end in [&left, &right] {
        end.set_nonblocking(true).unwrap();
    }
    (Socket::new(left.into()), Socket::new(right.into()))
}

/// Lets everything go on until it is there.
fn wait<T>(mut found: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(events::turn(true), "something is waited for");
    }
}

/// Lets everything go on that needs no time.
fn settle() {
    for _ in 0..100 {
        events::turn(false);
    }
}

type Incoming = http::Request<RecvStream>;
type Outgoing = SendResponse<Bytes>;

/// A client, and a server that does this with each request, all at once.
fn connect<F>(serve: fn(Incoming, Outgoing) -> F) -> Rc<Session>
where
    F: Future<Output = ()> + 'static,
{
    let (here, there) = pair();
    spawn(async move {
        let (wire, _) = Wire::new(Box::new(there), Buffer::default());
        let mut server = Builder::new().handshake(wire).await.unwrap();
        while let Some(Ok((request, response))) = server.accept().await {
            if request.uri().path() == "/away" {
                server.graceful_shutdown();
            }
            spawn(serve(request, response)).detach();
        }
    })
    .detach();
    let opened = Rc::new(RefCell::new(None));
    let open = Rc::clone(&opened);
    spawn(async move { *open.borrow_mut() = Some(Session::open(Box::new(here)).await) }).detach();
    Rc::new(wait(|| opened.take()).unwrap())
}

struct Running {
    answer: Rc<Answer<Response>>,
    /// What can be sent again.
    unsent: Rc<RefCell<Option<Box<Request>>>>,
    _task: Task,
}

fn send(session: &Rc<Session>, path: &str, fields: Fields, body: BodyReader) -> Running {
    let mut head = RequestHead::new(&fields);
    head.method = Method::Post;
    let request = Request {
        head,
        target: path.to_owned(),
        host: "a.example:7".to_owned(),
        body,
    };
    let answer = Answer::new();
    let timeouts = Timeouts::new(RequestOptions::default());
    let exchange = Rc::clone(session).exchange(request, timeouts, Rc::clone(&answer));
    let given = Rc::clone(&answer);
    let unsent = Rc::<RefCell<Option<Box<Request>>>>::default();
    let left = Rc::clone(&unsent);
    let task = spawn(async move {
        if let Err(failed) = exchange.await {
            *left.borrow_mut() = failed.request;
            given.give(Err(failed.error));
        }
    });
    Running {
        answer,
        unsent,
        _task: task,
    }
}

impl Running {
    fn response(&self) -> Response {
        wait(|| self.answer.take())
    }
}

fn fields(list: &[(&str, &str)]) -> Fields {
    let list = list.iter();
    let list = list.map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    Fields::from_list(list.collect()).unwrap()
}

fn read_all(body: &mut BodyReader) -> Result<(Vec<u8>, Option<Fields>)> {
    let mut all = Vec::new();
    loop {
        let bytes = wait(|| body.read_now(1 << 20))?;
        if bytes.is_empty() {
            return Ok((all, wait(|| body.end_now())?));
        }
        all.extend(bytes);
    }
}

async fn send_all(stream: &mut h2::SendStream<Bytes>, mut bytes: Bytes) {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let room = poll_fn(|cx| stream.poll_capacity(cx)).await;
        let Some(Ok(room)) = room else { return };
        stream.send_data(bytes.split_to(room), false).unwrap();
    }
}

/// Answers with what has come.
async fn echo(request: Incoming, mut response: Outgoing) {
    let (head, mut body) = request.into_parts();
    assert_eq!(
        head.uri.to_string(),
        format!("https://a.example:7{}", head.uri.path())
    );
    let names: Vec<&str> = head.headers.keys().map(HeaderName::as_str).collect();
    let answer = http::Response::builder()
        .header("x-names", names.join(" "))
        .header("proxy-authenticate", "never")
        .body(());
    let mut stream = response.send_response(answer.unwrap(), false).unwrap();
    while let Some(Ok(bytes)) = body.data().await {
        body.flow_control().release_capacity(bytes.len()).unwrap();
        send_all(&mut stream, bytes).await;
    }
    match body.trailers().await.unwrap() {
        Some(trailers) => stream.send_trailers(trailers).unwrap(),
        None => stream.send_data(Bytes::new(), true).unwrap(),
    }
}

#[test]
fn messages_and_their_trailers_pass_both_ways() {
    let session = connect(echo);
    let (mut writer, reader) = pipe(None);
    let told = sent(&mut writer);
    let given = fields(&[("X-Name", "v"), ("TE", "gzip"), ("x-space", " s ")]);
    let running = send(&session, "/echo", given, reader);
    let (head, mut body) = running.response().unwrap();
    assert_eq!(head.status, 200);
    let names: Vec<_> = head
        .fields
        .iter()
        .map(|field| field.name.to_string())
        .collect();
    assert_eq!(
        names,
        ["x-names"],
        "what belongs to connections is left out"
    );
    assert_eq!(
        head.fields.values("x-names").next(),
        Some(&b"x-name x-space"[..])
    );
    writer.write(b"some".to_vec()).unwrap();
    assert_eq!(wait(|| body.read_now(9)), Ok(b"some".to_vec()));
    assert_eq!(*told.borrow(), None);
    writer.finish(Some(fields(&[("A", "b")]))).unwrap();
    let (bytes, trailers) = read_all(&mut body).unwrap();
    assert_eq!(bytes, b"");
    assert_eq!(trailers.unwrap().values("a").next(), Some(&b"b"[..]));
    assert_eq!(wait(|| told.borrow().clone()), Ok(()));
    let empty = send(&session, "/none", Fields::default(), empty());
    let (head, mut body) = empty.response().unwrap();
    assert_eq!(
        head.fields.values("x-names").next(),
        Some(&b"content-length"[..])
    );
    assert!(matches!(read_all(&mut body), Ok((bytes, None)) if bytes.is_empty()));
}

fn sent(writer: &mut BodyWriter) -> Rc<RefCell<Option<Result<()>>>> {
    let told = Rc::new(RefCell::new(None));
    let heard = Rc::clone(&told);
    writer.on_sent(move |result| *heard.borrow_mut() = Some(result));
    told
}

#[test]
fn requests_of_one_connection_do_not_wait_for_each_other() {
    let session = connect(echo);
    let mut requests = Vec::new();
    for _ in 0..20 {
        let (writer, reader) = pipe(None);
        requests.push((writer, send(&session, "/echo", Fields::default(), reader)));
    }
    // The last first.
    for (number, (mut writer, running)) in requests.into_iter().enumerate().rev() {
        let bytes = vec![number.to_le_bytes()[0]; 100_000];
        let (_, mut body) = running.response().unwrap();
        let mut read = Vec::new();
        let mut rest = &*bytes;
        while read.len() < bytes.len() {
            rest = &rest[writer.write_some(rest).unwrap()..];
            settle();
            read.extend(body.read_now(1 << 20).unwrap_or(Ok(Vec::new())).unwrap());
        }
        writer.finish(None).unwrap();
        assert_eq!(read, bytes);
        assert!(matches!(read_all(&mut body), Ok((bytes, None)) if bytes.is_empty()));
    }
    assert!(session.is_open());
}

#[test]
fn whoever_is_faster_waits() {
    // The server sends as much as it can, and reads nothing.
    let session = connect(|request, mut response| async move {
        let answer = http::Response::new(());
        let mut stream = response.send_response(answer, false).unwrap();
        send_all(&mut stream, vec![1; 8 << 20].into()).await;
        stream.send_data(Bytes::new(), true).unwrap();
        drop(request);
    });
    let (mut writer, reader) = pipe(None);
    let running = send(&session, "/", Fields::default(), reader);
    let (_, mut body) = running.response().unwrap();
    let mut written = 0;
    loop {
        settle();
        match writer.write_some(&[0; 100_000]).unwrap() {
            0 => break,
            count => written += count,
        }
        assert!(written < 2 * (SEND_BYTES_MAX + PIPE_BYTES_MAX));
    }
    assert!(
        body.unread_bytes() <= 1 << 20,
        "the most of it is with the server"
    );
    let (bytes, _) = read_all(&mut body).unwrap();
    assert_eq!(bytes.len(), 8 << 20);
}

/// Resets with the reason that the path says: `/head/REASON`, or `/body/REASON` when the client
/// says that it has read what came before.
async fn reset(mut request: Incoming, mut response: Outgoing) {
    let path = request.uri().path().to_owned();
    let (at, number) = path[1..].split_once('/').unwrap();
    let reason = Reason::from(number.parse::<u32>().unwrap());
    if at == "head" {
        response.send_reset(reason);
        return;
    }
    let head = http::Response::new(());
    let mut stream = response.send_response(head, false).unwrap();
    stream
        .send_data(Bytes::from_static(b"part"), false)
        .unwrap();
    request.body_mut().data().await;
    stream.send_reset(reason);
}

#[test]
fn resets_are_told_apart() {
    use ErrorCode::*;
    let session = connect(reset);
    for (reason, at_head, in_body) in [
        (Reason::CANCEL, ConnectionTerminated, HttpResponseIncomplete),
        (
            Reason::INTERNAL_ERROR,
            HttpProtocolError,
            HttpResponseIncomplete,
        ),
        (
            Reason::REFUSED_STREAM,
            ConnectionLimitReached,
            ConnectionLimitReached,
        ),
        (
            Reason::ENHANCE_YOUR_CALM,
            ConnectionLimitReached,
            ConnectionLimitReached,
        ),
        (Reason::PROTOCOL_ERROR, HttpProtocolError, HttpProtocolError),
        (
            Reason::INADEQUATE_SECURITY,
            TlsProtocolError,
            TlsProtocolError,
        ),
    ] {
        let number = u32::from(reason);
        let path = format!("/head/{number}");
        let running = send(&session, &path, Fields::default(), empty());
        assert_eq!(running.response().map(drop), Err(at_head), "{reason:?}");
        let path = format!("/body/{number}");
        let (mut writer, reader) = pipe(None);
        let running = send(&session, &path, Fields::default(), reader);
        let (_, mut body) = running.response().unwrap();
        assert_eq!(wait(|| body.read_now(9)), Ok(b"part".to_vec()));
        writer.write(b"read".to_vec()).unwrap();
        assert_eq!(read_all(&mut body).map(drop), Err(in_body), "{reason:?}");
    }
    assert!(session.is_open(), "the others go on");
}

#[test]
fn a_server_that_goes_away_gets_no_more_requests() {
    let session = connect(echo);
    let running = send(&session, "/away", Fields::default(), empty());
    let (_, mut body) = running.response().unwrap();
    read_all(&mut body).unwrap();
    wait(|| (!session.is_open()).then_some(()));
    let running = send(&session, "/", Fields::default(), empty());
    assert!(running.response().is_err());
    assert!(running.unsent.borrow().is_some());
}

#[test]
fn requests_that_a_server_refuses_are_given_back() {
    let session = connect(|mut request, mut response| async move {
        // What has come of the body is told by the path.
        if request.uri().path() == "/part" {
            request.body_mut().data().await;
        }
        response.send_reset(Reason::REFUSED_STREAM);
    });
    let (mut writer, reader) = pipe(None);
    let told = sent(&mut writer);
    let running = send(&session, "/whole", Fields::default(), reader);
    let refused = Err(ErrorCode::ConnectionLimitReached);
    assert_eq!(running.response().map(drop), refused);
    let mut request = running.unsent.take().unwrap();
    assert_eq!((&*request.target, told.borrow().clone()), ("/whole", None));
    writer.write(b"body".to_vec()).unwrap();
    assert_eq!(request.body.read_now(9), Some(Ok(b"body".to_vec())));
    let running = send(&session, "/none", Fields::default(), empty());
    assert_eq!(running.response().map(drop), refused);
    assert!(running.unsent.take().is_some());
    // What is gone cannot be sent again.
    let (mut writer, reader) = pipe(None);
    let told = sent(&mut writer);
    let running = send(&session, "/part", Fields::default(), reader);
    writer.write(b"part".to_vec()).unwrap();
    assert_eq!(running.response().map(drop), refused);
    assert!(running.unsent.take().is_none() && told.borrow().is_some());
}

#[test]
fn a_body_that_is_given_up_resets_its_stream() {
    let session = connect(|mut request, mut response| async move {
        while let Some(Ok(_)) = request.body_mut().data().await {}
        // Nobody is there to hear it.
        assert!(
            response
                .send_response(http::Response::new(()), true)
                .is_err()
        );
    });
    let (mut writer, reader) = pipe(None);
    let told = sent(&mut writer);
    let running = send(&session, "/", Fields::default(), reader);
    writer.write(b"one".to_vec()).unwrap();
    settle();
    writer.fail(ErrorCode::LoopDetected);
    assert_eq!(running.response().map(drop), Err(ErrorCode::LoopDetected));
    assert_eq!(*told.borrow(), Some(Err(ErrorCode::LoopDetected)));
    settle();
    assert!(session.is_open());
}
