//! The resource `udp-socket` of `wasi:sockets/types`.

use std::future::ready;
use std::net::SocketAddr;
use std::rc::Rc;

use super::attempt;
use super::types::{ErrorCode, IpAddressFamily, IpSocketAddress, Result};
use crate::component::tasks::HostFuture;
use crate::component::{Borrow, Bytes, Call, Own, Resource};
use crate::host::socket_options::Options;
use crate::host::{self, Error, net};
use crate::io::{Interest, Source};
use crate::wasi::p2::sockets::options;

/// A socket, of which what waits for it has shares.
pub struct UdpSocket(Rc<Source<host::udp::UdpSocket>>);

impl Resource for UdpSocket {
    const INTERFACE: &'static str = "wasi:sockets/types";
    const NAME: &'static str = "udp-socket";
    const IS_P3: bool = true;
}

impl options::Socket for UdpSocket {
    type Code = ErrorCode;

    fn options(&self) -> host::Result<Options<'_>> {
        Ok(self.0.options())
    }
}

type This = Borrow<UdpSocket>;

/// `create`.
pub fn create(call: &mut Call<'_>, family: IpAddressFamily) -> Result<Own<UdpSocket>> {
    if !net::may_open_udp() {
        return Err(ErrorCode::AccessDenied);
    }
    let socket = UdpSocket::new(host::udp::UdpSocket::new(family.into())?);
    Ok(call.push(socket))
}

/// `bind`.
pub fn bind(call: &mut Call<'_>, this: This, local: IpSocketAddress) -> Result<()> {
    Ok(host(call, this).bind(local.into())?)
}

/// `connect`.
pub fn connect(call: &mut Call<'_>, this: This, remote: IpSocketAddress) -> Result<()> {
    Ok(host(call, this).connect(remote.into())?)
}

/// `disconnect`.
pub fn disconnect(call: &mut Call<'_>, this: This) -> Result<()> {
    Ok(host(call, this).disconnect()?)
}

/// `send`: straight from the guest's memory, unless the system takes nothing now.
pub fn send(
    call: &mut Call<'_>,
    this: This,
    data: Bytes,
    remote: Option<IpSocketAddress>,
) -> HostFuture<Result<()>> {
    let remote = remote.map(SocketAddr::from);
    let (resources, memory) = call.resources_and_memory();
    let socket = &resources.get(&this).0;
    let data = data.of(memory);
    match socket.send(data, remote) {
        Err(Error::WouldBlock) => {}
        sent => return Box::pin(ready(sent.map_err(ErrorCode::from))),
    }
    let data = data.to_vec();
    let send = move |socket: &host::udp::UdpSocket| socket.send(&data, remote);
    Box::pin(attempt(Rc::clone(socket), Interest::Writable, send))
}

/// `receive`.
pub fn receive(call: &mut Call<'_>, this: This) -> HostFuture<Result<(Vec<u8>, IpSocketAddress)>> {
    let socket = Rc::clone(&call.resource(&this).0);
    let receive = host::udp::UdpSocket::receive_datagram;
    Box::pin(async move {
        let (data, from) = attempt(socket, Interest::Readable, receive).await?;
        Ok((data, from.into()))
    })
}

/// `get-local-address`.
pub fn local_address(call: &mut Call<'_>, this: This) -> Result<IpSocketAddress> {
    Ok(host(call, this).local_address()?.into())
}

/// `get-remote-address`.
pub fn remote_address(call: &mut Call<'_>, this: This) -> Result<IpSocketAddress> {
    Ok(host(call, this).remote_address()?.into())
}

/// `get-address-family`.
pub fn address_family(call: &mut Call<'_>, this: This) -> IpAddressFamily {
    host(call, this).family().into()
}

fn host<'a>(call: &'a mut Call<'_>, this: This) -> &'a host::udp::UdpSocket {
    &call.resource(&this).0
}

impl UdpSocket {
    pub(super) fn new(socket: host::udp::UdpSocket) -> UdpSocket {
        UdpSocket(Rc::new(Source::new(socket)))
    }
}
