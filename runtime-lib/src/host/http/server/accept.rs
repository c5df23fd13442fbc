//! Where connections come from.

use std::net::SocketAddr;

use super::settings::Address;
use super::unix_socket;
use crate::host;
use crate::host::net::{self, Family};
use crate::sys::fd::{AsFd, OwnedFd};
use crate::sys::io::{Errno, retry_on_intr};
use crate::sys::net::sockopt::{set_socket_reuseaddr, set_tcp_nodelay};
use crate::sys::net::{SocketFlags, SocketType, accept_with};

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
        Address::Unix(path) => Ok((unix_socket::listen_at(path, BACKLOG)?, address.clone())),
    }
}

/// What a socket that somebody else has opened is called.
pub(super) fn name_of(listener: &OwnedFd) -> Address {
    if let Ok(address) = net::local_address(listener.as_fd()) {
        return Address::Tcp(address);
    }
    Address::Unix(unix_socket::path_of(listener))
}

/// The server ends: nobody is to look for it there.
pub(super) fn forget(address: &Address) {
    if let Address::Unix(path) = address {
        unix_socket::remove(path);
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
    crate::sys::net::listen(&fd, BACKLOG)?;
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
