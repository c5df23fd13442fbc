//! `wasi:sockets/udp` and `udp-create-socket`.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use wasmelt_abi::TrapCode;

use super::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use super::options;
use crate::component::{Borrow, Call, Own, Resource};
use crate::host::net::{self, Family};
use crate::host::socket_options::Options;
use crate::host::udp::DATAGRAM_BYTES_MAX;
use crate::host::{self, Error};
use crate::io::{Interest, Source, Wanted};
use crate::record;
use crate::wasi::p2::poll::{Pollable, Subscribe};
use crate::wasi::p2::streams::READ_BYTES_MAX;

/// Datagrams that one call receives or sends.
const DATAGRAMS_MAX: usize = 16;

type Shared = Rc<Source<host::udp::UdpSocket>>;
pub type Result<T> = std::result::Result<T, ErrorCode>;

record! {
    pub struct IncomingDatagram {
        data: Vec<u8>,
        remote_address: IpSocketAddress,
    }
}

record! {
    pub struct OutgoingDatagram {
        data: Vec<u8>,
        remote_address: Option<IpSocketAddress>,
    }
}

/// The resource `udp-socket`, which pollables have a share of.
pub type Socket = Rc<UdpSocket>;

impl Resource for Socket {
    const INTERFACE: &'static str = "wasi:sockets/udp";
    const NAME: &'static str = "udp-socket";
}

impl options::Socket for Socket {
    type Code = ErrorCode;

    fn options(&self) -> host::Result<Options<'_>> {
        Ok(self.host().options())
    }
}

/// The resource `incoming-datagram-stream`, likewise.
pub type Incoming = Rc<IncomingStream>;

impl Resource for Incoming {
    const INTERFACE: &'static str = "wasi:sockets/udp";
    const NAME: &'static str = "incoming-datagram-stream";
}

/// The resource `outgoing-datagram-stream`, likewise.
pub type Outgoing = Rc<OutgoingStream>;

impl Resource for Outgoing {
    const INTERFACE: &'static str = "wasi:sockets/udp";
    const NAME: &'static str = "outgoing-datagram-stream";
}

type This = Borrow<Socket>;

pub fn create_udp_socket(call: &mut Call<'_>, family: IpAddressFamily) -> Result<Own<Socket>> {
    let socket = UdpSocket::create(family.into())?;
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

/// Traps if there are streams of the socket already.
pub fn stream(
    call: &mut Call<'_>,
    this: This,
    remote: Option<IpSocketAddress>,
) -> Result<(Own<Incoming>, Own<Outgoing>)> {
    let socket = Rc::clone(call.resource(&this));
    if socket.has_streams() {
        call.trap(TrapCode::DatagramStreamsOpen);
    }
    let (incoming, outgoing) = socket.streams(remote.map(SocketAddr::from))?;
    Ok((call.push(Rc::new(incoming)), call.push(Rc::new(outgoing))))
}

pub fn local_address(call: &mut Call<'_>, this: This) -> Result<IpSocketAddress> {
    Ok(host(call, this).local_address()?.into())
}

pub fn remote_address(call: &mut Call<'_>, this: This) -> Result<IpSocketAddress> {
    Ok(host(call, this).remote_address()?.into())
}

pub fn address_family(call: &mut Call<'_>, this: This) -> IpAddressFamily {
    host(call, this).family().into()
}

pub fn subscribe(call: &mut Call<'_>, this: This) -> Own<Pollable> {
    let socket = Rc::clone(call.resource(&this));
    call.push(Pollable::new(socket))
}

pub fn receive(
    call: &mut Call<'_>,
    stream: Borrow<Incoming>,
    count_max: u64,
) -> Result<Vec<IncomingDatagram>> {
    call.resource(&stream).receive(count_max)
}

pub fn incoming_subscribe(call: &mut Call<'_>, stream: Borrow<Incoming>) -> Own<Pollable> {
    let stream = Rc::clone(call.resource(&stream));
    call.push(Pollable::new(stream))
}

pub fn check_send(call: &mut Call<'_>, stream: Borrow<Outgoing>) -> Result<u64> {
    Ok(call.resource(&stream).check_send() as u64)
}

/// Traps if there are more than the last `check-send` has permitted.
pub fn send(
    call: &mut Call<'_>,
    stream: Borrow<Outgoing>,
    datagrams: Vec<OutgoingDatagram>,
) -> Result<u64> {
    let stream = Rc::clone(call.resource(&stream));
    if datagrams.len() > stream.permit.get() {
        call.trap(TrapCode::SendNotPermitted);
    }
    stream.send(&datagrams)
}

pub fn outgoing_subscribe(call: &mut Call<'_>, stream: Borrow<Outgoing>) -> Own<Pollable> {
    let stream = Rc::clone(call.resource(&stream));
    call.push(Pollable::new(stream))
}

fn host<'a>(call: &'a mut Call<'_>, this: This) -> &'a host::udp::UdpSocket {
    call.resource(&this).host()
}

/// A socket. The streams have shares of what is in it.
pub struct UdpSocket {
    socket: Shared,
    binding: Cell<bool>,
}

pub struct IncomingStream {
    socket: Shared,
    buffer: RefCell<Vec<u8>>,
}

pub struct OutgoingStream {
    socket: Shared,
    /// How many datagrams the next `send` may have.
    permit: Cell<usize>,
}

impl UdpSocket {
    pub(super) fn create(family: Family) -> Result<UdpSocket> {
        if !net::may_open_udp() {
            return Err(ErrorCode::AccessDenied);
        }
        Ok(UdpSocket::new(host::udp::UdpSocket::new(family)?))
    }

    pub(super) fn new(socket: host::udp::UdpSocket) -> UdpSocket {
        UdpSocket {
            socket: Rc::new(Source::new(socket)),
            binding: Cell::new(false),
        }
    }

    pub(super) fn host(&self) -> &host::udp::UdpSocket {
        &self.socket
    }

    pub(super) fn has_streams(&self) -> bool {
        Rc::strong_count(&self.socket) > 1
    }

    pub(super) fn start_bind(&self, address: SocketAddr) -> Result<()> {
        if self.binding.get() {
            return Err(ErrorCode::ConcurrencyConflict);
        }
        if self.has_streams() {
            return Err(ErrorCode::InvalidState);
        }
        self.socket.bind(address)?;
        self.binding.set(true);
        Ok(())
    }

    pub(super) fn finish_bind(&self) -> Result<()> {
        if !self.binding.replace(false) {
            return Err(ErrorCode::NotInProgress);
        }
        Ok(())
    }

    /// The streams, of which there are none; with an address, those of what comes from there.
    pub(super) fn streams(
        &self,
        remote: Option<SocketAddr>,
    ) -> Result<(IncomingStream, OutgoingStream)> {
        if !self.socket.is_bound() {
            return Err(ErrorCode::InvalidState);
        }
        match remote {
            Some(address) => self.socket.connect(address)?,
            None if self.socket.remote_address().is_ok() => self.socket.disconnect()?,
            None => {}
        }
        let incoming = IncomingStream {
            socket: Rc::clone(&self.socket),
            buffer: RefCell::default(),
        };
        let outgoing = OutgoingStream {
            socket: Rc::clone(&self.socket),
            permit: Cell::new(0),
        };
        Ok((incoming, outgoing))
    }
}

impl Subscribe for UdpSocket {
    fn wanted(&self) -> Wanted {
        Wanted::Now
    }
}

impl IncomingStream {
    /// What is there; up to a few datagrams, and not many bytes more than one read gives.
    pub(super) fn receive(&self, count_max: u64) -> Result<Vec<IncomingDatagram>> {
        let count_max =
            usize::try_from(count_max).map_or(DATAGRAMS_MAX, |max| max.min(DATAGRAMS_MAX));
        let mut buffer = self.buffer.borrow_mut();
        buffer.resize(DATAGRAM_BYTES_MAX, 0);
        let mut datagrams = Vec::new();
        let mut bytes = 0;
        while datagrams.len() < count_max && bytes < READ_BYTES_MAX {
            let (len, from) = match self.socket.receive(&mut buffer) {
                Ok(received) => received,
                Err(Error::WouldBlock) => break,
                Err(_) if !datagrams.is_empty() => break,
                Err(error) => return Err(error.into()),
            };
            bytes += 1 + len;
            datagrams.push(IncomingDatagram {
                data: buffer.get(..len).unwrap_or(&[]).to_vec(),
                remote_address: from.into(),
            });
        }
        Ok(datagrams)
    }
}

impl Subscribe for IncomingStream {
    fn wanted(&self) -> Wanted {
        Wanted::Ready(self.socket.handle(), Interest::Readable)
    }
}

impl OutgoingStream {
    pub(super) fn check_send(&self) -> usize {
        let permit = if self.socket.can_send() {
            DATAGRAMS_MAX
        } else {
            0
        };
        self.permit.set(permit);
        permit
    }

    /// How many have been sent; the others the system does not take now. They are no more than
    /// permitted.
    pub(super) fn send(&self, datagrams: &[OutgoingDatagram]) -> Result<u64> {
        if datagrams.is_empty() {
            return Ok(0);
        }
        self.permit.set(0);
        let mut count = 0;
        for datagram in datagrams {
            let to = datagram.remote_address.map(SocketAddr::from);
            match self.socket.send(&datagram.data, to) {
                Ok(()) => count += 1,
                Err(Error::WouldBlock) => break,
                Err(_) if count > 0 => break,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(count)
    }
}

impl Subscribe for OutgoingStream {
    fn wanted(&self) -> Wanted {
        Wanted::Ready(self.socket.handle(), Interest::Writable)
    }
}
