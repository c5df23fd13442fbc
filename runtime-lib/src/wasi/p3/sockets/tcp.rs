//! The resource `tcp-socket` of `wasi:sockets/types`.
//!
//! Bytes go between the guest's memory and the system without a copy, and no further than the
//! other side takes them.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::attempt;
use super::types::{ErrorCode, IpAddressFamily, IpSocketAddress, Result};
use crate::component::ends::{
    ConsumeBytes, FutureReader, Mode, Produce, ProduceBytes, ReadEnd, StreamReader, WriteEnd,
};
use crate::component::tasks::{HostFuture, New};
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::clocks::{Clock, now_ns};
use crate::host::socket_options::Options;
use crate::host::{self, Error, net};
use crate::io::{self, Changes, Interest, Ready, Sleep, Source};
use crate::wasi::p2::sockets::options;
use crate::wasi::p3::outcome::{Ended, Outcome, closed};

/// The time in which somebody may have closed something, where no more connections can be
/// accepted.
const PAUSE_NS: u64 = 50_000_000;

/// What the resource, its streams and whatever waits for it have shares of.
type Shared = Rc<Source<host::tcp::TcpSocket>>;

/// A socket.
pub struct TcpSocket {
    socket: Shared,
    sends: Cell<bool>,
    receives: Cell<bool>,
}

impl Resource for TcpSocket {
    const INTERFACE: &'static str = "wasi:sockets/types";
    const NAME: &'static str = "tcp-socket";
    const IS_P3: bool = true;
}

impl options::Socket for TcpSocket {
    type Code = ErrorCode;

    fn options(&self) -> host::Result<Options<'_>> {
        self.socket.options()
    }
}

type This = Borrow<TcpSocket>;

/// `create`.
pub fn create(call: &mut Call<'_>, family: IpAddressFamily) -> Result<Own<TcpSocket>> {
    if !net::may_open_tcp() {
        return Err(ErrorCode::AccessDenied);
    }
    let socket = TcpSocket::new(host::tcp::TcpSocket::new(family.into())?);
    Ok(call.push(socket))
}

/// `bind`.
pub fn bind(call: &mut Call<'_>, this: This, local: IpSocketAddress) -> Result<()> {
    Ok(host(call, this).bind(local.into())?)
}

/// `connect`.
pub fn connect(call: &mut Call<'_>, this: This, remote: IpSocketAddress) -> HostFuture<Result<()>> {
    let socket = Rc::clone(&call.resource(&this).socket);
    Box::pin(async move {
        socket.start_connect(remote.into())?;
        let finish = host::tcp::TcpSocket::finish_connect;
        attempt(socket, Interest::Writable, finish).await
    })
}

/// `listen`.
pub fn listen(call: &mut Call<'_>, this: This) -> Result<StreamReader<New<TcpSocket>>> {
    Ok(StreamReader::of(call.resource(&this).listen()?))
}

/// `send`.
pub fn send(call: &mut Call<'_>, this: This, data: StreamReader<u8>) -> Ended<ErrorCode> {
    match call.resource(&this).send() {
        Ok((end, ended)) => {
            data.consume_bytes(end);
            ended
        }
        Err(error) => FutureReader::ready(Err(error)),
    }
}

/// `receive`.
pub fn receive(call: &mut Call<'_>, this: This) -> (StreamReader<u8>, Ended<ErrorCode>) {
    match call.resource(&this).receive() {
        Ok((end, ended)) => (StreamReader::of_bytes(end), ended),
        Err(error) => closed(error),
    }
}

/// `get-local-address`.
pub fn local_address(call: &mut Call<'_>, this: This) -> Result<IpSocketAddress> {
    Ok(host(call, this).local_address()?.into())
}

/// `get-remote-address`.
pub fn remote_address(call: &mut Call<'_>, this: This) -> Result<IpSocketAddress> {
    Ok(host(call, this).remote_address()?.into())
}

/// `get-is-listening`.
pub fn is_listening(call: &mut Call<'_>, this: This) -> bool {
    host(call, this).is_listening()
}

/// `get-address-family`.
pub fn address_family(call: &mut Call<'_>, this: This) -> IpAddressFamily {
    host(call, this).family().into()
}

/// `set-listen-backlog-size`.
pub fn set_listen_backlog_size(call: &mut Call<'_>, this: This, value: u64) -> Result<()> {
    Ok(host(call, this).set_backlog(value)?)
}

fn host<'a>(call: &'a mut Call<'_>, this: This) -> &'a host::tcp::TcpSocket {
    &call.resource(&this).socket
}

impl TcpSocket {
    pub(super) fn new(socket: host::tcp::TcpSocket) -> TcpSocket {
        TcpSocket {
            socket: Rc::new(Source::new(socket)),
            sends: Cell::new(false),
            receives: Cell::new(false),
        }
    }

    /// Lets others connect, from anywhere if it is not bound.
    pub(super) fn listen(&self) -> Result<Connections> {
        self.socket.ensure_bound()?;
        self.socket.listen()?;
        Ok(Connections::new(&self.socket))
    }

    /// What takes the bytes to send, and how that ends.
    pub(super) fn send(&self) -> Result<(impl ConsumeBytes + use<>, Ended<ErrorCode>)> {
        self.begin(&self.sends)?;
        let (mut half, ended) = Half::new(&self.socket, host::tcp::TcpSocket::end_sending);
        let handle = half.socket.handle();
        let write = move |from: &[u8]| half.outcome.of_attempt(half.socket.send(from));
        let end = WriteEnd::new(handle, Mode::NonBlocking, write, drop);
        Ok((end, ended))
    }

    /// What gives the bytes that are received, and how that ends.
    pub(super) fn receive(&self) -> Result<(impl ProduceBytes + use<>, Ended<ErrorCode>)> {
        self.begin(&self.receives)?;
        let (mut half, ended) = Half::new(&self.socket, host::tcp::TcpSocket::end_receiving);
        let handle = half.socket.handle();
        let read = move |into: &mut [u8]| half.outcome.of_attempt(half.socket.receive_into(into));
        let end = ReadEnd::new(handle, Mode::NonBlocking, read);
        Ok((end, ended))
    }

    /// Notes what can be done once, if there is a connection.
    fn begin(&self, begun: &Cell<bool>) -> Result<()> {
        self.socket.require_connection()?;
        match begun.replace(true) {
            false => Ok(()),
            true => Err(ErrorCode::InvalidState),
        }
    }
}

/// One direction of a connection. It is shut down when this is dropped.
struct Half {
    socket: Shared,
    end: fn(&host::tcp::TcpSocket),
    /// Told after that.
    outcome: Outcome<ErrorCode>,
}

impl Half {
    fn new(socket: &Shared, end: fn(&host::tcp::TcpSocket)) -> (Half, Ended<ErrorCode>) {
        let (outcome, ended) = Outcome::new();
        let half = Half {
            socket: Rc::clone(socket),
            end,
            outcome,
        };
        (half, ended)
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        (self.end)(&self.socket);
    }
}

/// The connections that others make to a listening socket.
pub(super) struct Connections {
    socket: Shared,
    changes: Changes,
    /// Waits for a connection, which nobody has tried to accept.
    ready: Option<Ready>,
    /// Waits where there is no room for more connections.
    pause: Option<Sleep>,
}

impl Connections {
    fn new(socket: &Shared) -> Connections {
        Connections {
            changes: Changes::new(socket.handle(), Interest::Readable),
            socket: Rc::clone(socket),
            ready: None,
            pause: None,
        }
    }

    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(Pin::new(pause).poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }
}

impl Produce<New<TcpSocket>> for Connections {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<New<TcpSocket>>> {
        let next = loop {
            ready!(self.poll_pause(cx));
            match self.socket.accept() {
                Ok(accepted) => break Some(New(TcpSocket::new(accepted))),
                Err(Error::WouldBlock) => ready!(self.changes.poll(cx)),
                // It was gone before anybody saw it.
                Err(Error::ConnectionAborted) => {}
                // The connection stays where it is, and nobody tells when there is room for it.
                Err(
                    Error::TooManyOpenFiles
                    | Error::TooManyOpenFilesInSystem
                    | Error::NoBuffers
                    | Error::InsufficientMemory,
                ) => {
                    let later = now_ns(Clock::Monotonic).saturating_add(PAUSE_NS);
                    self.pause = Some(io::sleep_until(later));
                }
                Err(_) => break None,
            }
        };
        self.cancel();
        Poll::Ready(next)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        ready!(self.poll_pause(cx));
        let ready = || io::ready(self.socket.handle(), Interest::Readable);
        let ready = self.ready.get_or_insert_with(ready);
        ready!(Pin::new(ready).poll(cx));
        self.ready = None;
        Poll::Ready(())
    }

    fn cancel(&mut self) {
        self.changes.forget();
        self.ready = None;
        self.pause = None;
    }
}
