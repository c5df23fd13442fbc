//! `wasi:sockets/tcp` and `tcp-create-socket`.
//!
//! Binding, connecting and listening begin with one function and end with another. Binding and
//! listening are done when they begin; all the same nothing else begins before they have ended.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use super::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use super::options;
use super::tcp_streams::{Receiver, Sender, SenderStream};
use super::wanted;
use crate::component::{Borrow, Call, Own, Resource};
use crate::enumeration;
use crate::host::socket_options::Options;
use crate::host::{self, Error, net};
use crate::io::{Source, Wanted};
use crate::wasi::p2::poll::{Pollable, Subscribe};
use crate::wasi::p2::streams::{Input, Output};

pub type Result<T> = std::result::Result<T, ErrorCode>;

enumeration! {
    pub enum ShutdownType { Receive, Send, Both }
}

/// The resource `tcp-socket`, which pollables have a share of.
pub type Socket = Rc<TcpSocket>;

impl Resource for Socket {
    const INTERFACE: &'static str = "wasi:sockets/tcp";
    const NAME: &'static str = "tcp-socket";
}

impl options::Socket for Socket {
    type Code = ErrorCode;

    fn options(&self) -> host::Result<Options<'_>> {
        self.host().options()
    }
}

type This = Borrow<Socket>;

pub fn create_tcp_socket(call: &mut Call<'_>, family: IpAddressFamily) -> Result<Own<Socket>> {
    let socket = TcpSocket::create(family.into())?;
    Ok(call.push(Rc::new(socket)))
}

pub fn start_bind(
    call: &mut Call<'_>,
    this: This,
    _: Borrow<Network>,
    address: IpSocketAddress,
) -> Result<()> {
    call.resource(&this).start_bind(address.into())
}

pub fn finish_bind(call: &mut Call<'_>, this: This) -> Result<()> {
    call.resource(&this).finish_bind()
}

pub fn start_connect(
    call: &mut Call<'_>,
    this: This,
    _: Borrow<Network>,
    address: IpSocketAddress,
) -> Result<()> {
    call.resource(&this).start_connect(address.into())
}

pub fn finish_connect(call: &mut Call<'_>, this: This) -> Result<(Own<Input>, Own<Output>)> {
    let (input, output) = call.resource(&this).finish_connect()?;
    Ok((call.push(input), call.push(output)))
}

pub fn start_listen(call: &mut Call<'_>, this: This) -> Result<()> {
    call.resource(&this).start_listen()
}

pub fn finish_listen(call: &mut Call<'_>, this: This) -> Result<()> {
    call.resource(&this).finish_listen()
}

pub fn accept(call: &mut Call<'_>, this: This) -> Result<(Own<Socket>, Own<Input>, Own<Output>)> {
    let (accepted, input, output) = call.resource(&this).accept()?;
    let accepted = call.push(Rc::new(accepted));
    Ok((accepted, call.push(input), call.push(output)))
}

pub fn local_address(call: &mut Call<'_>, this: This) -> Result<IpSocketAddress> {
    Ok(host(call, this).local_address()?.into())
}

pub fn remote_address(call: &mut Call<'_>, this: This) -> Result<IpSocketAddress> {
    Ok(host(call, this).remote_address()?.into())
}

pub fn is_listening(call: &mut Call<'_>, this: This) -> bool {
    host(call, this).is_listening()
}

pub fn address_family(call: &mut Call<'_>, this: This) -> IpAddressFamily {
    host(call, this).family().into()
}

pub fn set_listen_backlog_size(call: &mut Call<'_>, this: This, value: u64) -> Result<()> {
    Ok(host(call, this).set_backlog(value)?)
}

pub fn subscribe(call: &mut Call<'_>, this: This) -> Own<Pollable> {
    let socket = Rc::clone(call.resource(&this));
    call.push(Pollable::new(socket))
}

pub fn shutdown(call: &mut Call<'_>, this: This, shutdown: ShutdownType) -> Result<()> {
    let (receiving, sending) = match shutdown {
        ShutdownType::Receive => (true, false),
        ShutdownType::Send => (false, true),
        ShutdownType::Both => (true, true),
    };
    call.resource(&this).shut_down(receiving, sending)
}

fn host<'a>(call: &'a mut Call<'_>, this: This) -> &'a host::tcp::TcpSocket {
    call.resource(&this).host()
}

/// A socket, with what has begun on it.
pub struct TcpSocket {
    socket: Rc<Source<host::tcp::TcpSocket>>,
    in_progress: Cell<Option<Operation>>,
    /// Once there is a connection.
    halves: RefCell<Option<(Rc<Receiver>, Rc<Sender>)>>,
}

/// What has begun and not ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Operation {
    Bind,
    Connect,
    Listen,
}

impl TcpSocket {
    pub(super) fn new(socket: host::tcp::TcpSocket) -> TcpSocket {
        TcpSocket {
            socket: Rc::new(Source::new(socket)),
            in_progress: Cell::new(None),
            halves: RefCell::default(),
        }
    }

    pub(super) fn host(&self) -> &host::tcp::TcpSocket {
        &self.socket
    }

    pub(super) fn create(family: net::Family) -> Result<TcpSocket> {
        if !net::may_open_tcp() {
            return Err(ErrorCode::AccessDenied);
        }
        Ok(TcpSocket::new(host::tcp::TcpSocket::new(family)?))
    }

    fn begin(
        &self,
        operation: Operation,
        begin: impl FnOnce(&host::tcp::TcpSocket) -> host::Result<()>,
    ) -> Result<()> {
        if self.in_progress.get().is_some() {
            return Err(ErrorCode::ConcurrencyConflict);
        }
        begin(&self.socket)?;
        self.in_progress.set(Some(operation));
        Ok(())
    }

    fn end(&self, operation: Operation) -> Result<()> {
        if self.in_progress.get() != Some(operation) {
            return Err(ErrorCode::NotInProgress);
        }
        if operation == Operation::Connect {
            let connected = self.socket.finish_connect();
            if connected == Err(Error::WouldBlock) {
                return Err(ErrorCode::WouldBlock);
            }
            self.in_progress.set(None);
            connected?;
        }
        self.in_progress.set(None);
        Ok(())
    }

    pub(super) fn start_bind(&self, address: SocketAddr) -> Result<()> {
        self.begin(Operation::Bind, |socket| socket.bind(address))
    }

    pub(super) fn finish_bind(&self) -> Result<()> {
        self.end(Operation::Bind)
    }

    pub(super) fn start_connect(&self, address: SocketAddr) -> Result<()> {
        self.begin(Operation::Connect, |socket| socket.start_connect(address))
    }

    pub(super) fn finish_connect(&self) -> Result<(Input, Output)> {
        self.end(Operation::Connect)?;
        Ok(self.streams())
    }

    pub(super) fn start_listen(&self) -> Result<()> {
        self.begin(Operation::Listen, host::tcp::TcpSocket::listen)
    }

    pub(super) fn finish_listen(&self) -> Result<()> {
        self.end(Operation::Listen)
    }

    pub(super) fn accept(&self) -> Result<(TcpSocket, Input, Output)> {
        let accepted = TcpSocket::new(self.socket.accept()?);
        let (input, output) = accepted.streams();
        Ok((accepted, input, output))
    }

    /// The streams of the connection, which there is now.
    fn streams(&self) -> (Input, Output) {
        let receiver = Receiver::new(&self.socket);
        let sender = Sender::new(&self.socket);
        let output = Rc::new(SenderStream::new(&sender));
        self.halves.replace(Some((Rc::clone(&receiver), sender)));
        (receiver, output)
    }

    pub(super) fn shut_down(&self, receiving: bool, sending: bool) -> Result<()> {
        let halves = self.halves.borrow();
        let (receiver, sender) = halves.as_ref().ok_or(ErrorCode::InvalidState)?;
        if receiving {
            receiver.shut_down();
        }
        if sending {
            sender.shut_down();
        }
        Ok(())
    }
}

impl Subscribe for TcpSocket {
    fn wanted(&self) -> Wanted {
        match (self.in_progress.get(), self.socket.awaited()) {
            (None | Some(Operation::Connect), Some(direction)) => {
                wanted(self.socket.handle(), direction)
            }
            _ => Wanted::Now,
        }
    }
}
