//! `wasi:tls`, version 0.2.0-draft: clients of TLS over streams of the guest's, which need not be
//! those of sockets. Whose certificates are believed is as in `wasi:http`.
//!
//! Nothing goes on by itself: whoever asks or waits for the handshake or a stream moves all of the
//! connection.

mod below;
mod session;

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustls::ClientConnection;
use wasmelt_abi::TrapCode;

use super::poll::{self, Pollable, Subscribe};
use super::streams::{Input, IoError, Output};
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::http::tls::{Tls, client};
use crate::host::http::{self, ErrorCode};
use crate::io::{Event, Wanted};
use below::Below;
use session::{Session, TlsInput, TlsOutput, cause};

/// `client-handshake`.
pub struct Handshake {
    server: String,
    below: Below,
}

/// `client-connection`.
pub struct Connection(Rc<Session>);

/// `future-client-streams`.
pub type FutureStreams = Rc<Opening>;

/// A connection that is being made.
pub struct Opening(RefCell<State>);

enum State {
    Going(Pin<Box<dyn Future<Output = http::Result<Secured>>>>),
    Done(http::Result<Box<Secured>>),
    Taken,
}

type Secured = Tls<ClientConnection>;

impl Resource for Handshake {
    const INTERFACE: &'static str = "wasi:tls/types";
    const NAME: &'static str = "client-handshake";
}

impl Resource for Connection {
    const INTERFACE: &'static str = "wasi:tls/types";
    const NAME: &'static str = "client-connection";

    /// Its streams are its children.
    fn forbids_drop(&self) -> Option<TrapCode> {
        (Rc::strong_count(&self.0) > 1).then_some(TrapCode::ChildrenRemain)
    }
}

impl Resource for FutureStreams {
    const INTERFACE: &'static str = "wasi:tls/types";
    const NAME: &'static str = "future-client-streams";
}

impl Event for Opening {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        if let State::Going(going) = &mut *state {
            match going.as_mut().poll(cx) {
                Poll::Ready(done) => *state = State::Done(done.map(Box::new)),
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(())
    }
}

/// What a pollable of it stands for.
struct Opened(Rc<Opening>);

impl Subscribe for Opened {
    fn wanted(&self) -> Wanted {
        Wanted::Event(Rc::clone(&self.0) as Rc<dyn Event>)
    }
}

/// `client-handshake.constructor`.
pub fn handshake_new(
    call: &mut Call<'_>,
    server: String,
    input: Own<Input>,
    output: Own<Output>,
) -> Own<Handshake> {
    let below = Below::new(call.take(input), call.take(output));
    call.push(Handshake { server, below })
}

/// `client-handshake.finish`.
pub fn handshake_finish(call: &mut Call<'_>, this: Own<Handshake>) -> Own<FutureStreams> {
    poll::drive();
    let Handshake { server, below } = call.take(this);
    let going = Box::pin(async move { client::open(Box::new(below), &server).await });
    call.push(Rc::new(Opening(RefCell::new(State::Going(going)))))
}

/// `client-connection.close-output`: says that nothing more comes.
pub fn connection_close_output(call: &mut Call<'_>, this: Borrow<Connection>) {
    call.resource(&this).0.close_output();
}

/// `future-client-streams.subscribe`.
pub fn future_subscribe(call: &mut Call<'_>, this: Borrow<FutureStreams>) -> Own<Pollable> {
    let subject = Rc::new(Opened(Rc::clone(call.resource(&this))));
    call.push(Pollable::new(subject))
}

/// The connection with its streams.
type Streams = (Own<Connection>, Own<Input>, Own<Output>);

/// `future-client-streams.get`: `err` once it has been taken.
pub fn future_get(
    call: &mut Call<'_>,
    this: Borrow<FutureStreams>,
) -> Option<Result<Result<Streams, Own<IoError>>, ()>> {
    let opening = Rc::clone(call.resource(&this));
    let polled = opening.poll(&mut Context::from_waker(Waker::noop()));
    if polled.is_pending() {
        return None;
    }
    match opening.0.replace(State::Taken) {
        State::Done(done) => Some(Ok(opened(call, done))),
        State::Going(_) | State::Taken => Some(Err(())),
    }
}

fn opened(call: &mut Call<'_>, done: http::Result<Box<Secured>>) -> Result<Streams, Own<IoError>> {
    let tls = done.map_err(|error: ErrorCode| call.push(IoError::Caused(cause(error))))?;
    let session = Rc::new(Session::new(*tls));
    let input: Input = Rc::new(TlsInput(Rc::clone(&session)));
    let output: Output = Rc::new(TlsOutput::new(&session));
    let connection = call.push(Connection(session));
    Ok((connection, call.push(input), call.push(output)))
}
