//! Where connections come from.

use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::net::sockopt::{set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{SocketFlags, SocketType, accept_with};

use crate::host;
use crate::host::net::{self, Family};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;

/// Takes an address.
///
/// # Errors
/// The system's.
pub(super) fn listen(address: SocketAddr) -> host::Result<(OwnedFd, SocketAddr)> {
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
