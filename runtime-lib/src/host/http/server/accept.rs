//! Where connections come from.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, socket_with,
};

use super::settings::Address;
use crate::host;
use crate::host::net::{self, Family};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Takes an address: what listens there, and where that is exactly.
///
/// # Errors
/// The system's.
pub(super) fn listen(address: &Address) -> host::Result<(OwnedFd, Address)> {
    match address {
        Address::Tcp(address) => {
            let (fd, address) = listen_tcp(*address)?;
            Ok((fd, Address::Tcp(address)))
        }
        Address::Unix(path) => Ok((listen_unix(path)?, address.clone())),
    }
}

fn listen_unix(path: &str) -> host::Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let open = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
    };
    let fd = open()?;
    if rustix::net::bind(&fd, &address) == Err(Errno::ADDRINUSE) {
        // What a server has left behind that is no more is nobody's.
        if rustix::net::connect(&open()?, &address) != Err(Errno::CONNREFUSED) {
            return Err(Errno::ADDRINUSE.into());
        }
        rustix::fs::unlink(path)?;
        rustix::net::bind(&fd, &address)?;
    }
    rustix::net::listen(&fd, BACKLOG)?;
    Ok(fd)
}

/// What a socket that somebody else has opened is called.
pub(super) fn name_of(listener: &OwnedFd) -> Address {
    if let Ok(address) = net::local_address(listener.as_fd()) {
        return Address::Tcp(address);
    }
    let address = rustix::net::getsockname(listener).map(SocketAddrUnix::try_from);
    let path = match &address {
        Ok(Ok(address)) => address.path_bytes().map(String::from_utf8_lossy),
        _ => None,
    };
    let path = path.map_or_else(String::new, |path| path.into_owned());
    Address::Unix(path)
}

/// The server ends: nobody is to look for it there.
pub(super) fn forget(address: &Address) {
    if let Address::Unix(path) = address {
        // Whoever has removed it before has done no harm.
        let _ = rustix::fs::unlink(path.as_str());
    }
}

pub(super) fn listen_tcp(address: SocketAddr) -> host::Result<(OwnedFd, SocketAddr)> {
    let family = match address {
        SocketAddr::V4(_) => Family::Ipv4,
        SocketAddr::V6(_) => Family::Ipv6,
    };
    let fd = family.open(SocketType::STREAM)?;
    set_socket_reuseaddr(&fd, true)?;
    net::bind(fd.as_fd(), address)?;
    rustix::net::listen(&fd, BACKLOG)?;
    let address = net::local_address(fd.as_fd())?;
    Ok((fd, address))
}

/// What there was to accept.
pub(super) enum Accepted {
    Connection(OwnedFd),
    /// Nobody is there.
    None,
    /// The system has no room for it; it does not tell when it has.
    NoRoom,
}

pub(super) fn accept(listener: &OwnedFd) -> Accepted {
    loop {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        match retry_on_intr(|| accept_with(listener, flags)) {
            Ok(fd) => {
                // Small answers do not wait for acknowledgements. Other sockets know no such thing.
                let _ = set_tcp_nodelay(&fd, true);
                return Accepted::Connection(fd);
            }
            Err(Errno::AGAIN) => return Accepted::None,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                return Accepted::NoRoom;
            }
            // It was gone before anybody saw it.
            Err(_) => {}
        }
    }
}
