//! Sockets that have a path instead of an address.

use crate::host::Result;
use crate::sys::fd::OwnedFd;

use crate::sys::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, getsockname, listen,
    socket_with,
};
use rustix::io::Errno;

/// Takes a path and listens there.
///
/// # Errors
/// The system's.
pub(super) fn listen_at(path: &str, backlog: i32) -> Result<OwnedFd> {
    let address = SocketAddrUnix::new(path)?;
    let open = || {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
    };
    let fd = open()?;
    if bind(&fd, &address) == Err(Errno::ADDRINUSE) {
        // What a server has left behind that is no more is nobody's.
        if connect(&open()?, &address) != Err(Errno::CONNREFUSED) {
            return Err(Errno::ADDRINUSE.into());
        }
        rustix::fs::unlink(path)?;
        bind(&fd, &address)?;
    }
    listen(&fd, backlog)?;
    Ok(fd)
}

/// The path of a socket, as far as it has one.
pub(super) fn path_of(socket: &OwnedFd) -> String {
    let address = getsockname(socket).map(SocketAddrUnix::try_from);
    let path = match &address {
        Ok(Ok(address)) => address.path_bytes().map(String::from_utf8_lossy),
        _ => None,
    };
    path.map_or_else(String::new, |path| path.into_owned())
}

/// Nobody listens there any more.
pub(super) fn remove(path: &str) {
    // Whoever has removed it before has done no harm.
    let _ = rustix::fs::unlink(path);
}
