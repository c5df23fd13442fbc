//! Sockets.

use std::io::IoSlice;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::{FdFlags, Result, fcntl_setfd, ioctl_fionbio};
pub use rustix::net::*;

/// How often the system counts the bytes of a buffer that it is told.
pub const BUFFER_COUNT: u64 = 1;

bitflags::bitflags! {
    /// What a new socket is, which takes calls of its own here.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct SocketFlags: u32 {
        const CLOEXEC = 1;
        const NONBLOCK = 2;
    }
}

bitflags::bitflags! {
    /// Nothing that the system would be told: the signal is ignored by the process.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct SendFlags: u32 {
        const NOSIGNAL = 1;
        const MORE = 2;
    }
}

/// # Errors
/// The system's.
pub fn socket_with(
    family: AddressFamily,
    kind: SocketType,
    flags: SocketFlags,
    protocol: Option<Protocol>,
) -> Result<OwnedFd> {
    prepare(socket(family, kind, protocol)?, flags)
}

/// # Errors
/// The system's.
pub fn accept_with(fd: impl AsFd, flags: SocketFlags) -> Result<OwnedFd> {
    prepare(accept(fd)?, flags)
}

fn prepare(fd: OwnedFd, flags: SocketFlags) -> Result<OwnedFd> {
    if flags.contains(SocketFlags::CLOEXEC) {
        fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    }
    // What has been accepted is as the one that listens.
    ioctl_fionbio(&fd, flags.contains(SocketFlags::NONBLOCK))?;
    Ok(fd)
}

/// # Errors
/// The system's.
pub fn send(fd: impl AsFd, bytes: &[u8], _: SendFlags) -> Result<usize> {
    rustix::net::send(fd, bytes, rustix::net::SendFlags::empty())
}

/// # Errors
/// The system's.
pub fn sendto(fd: impl AsFd, bytes: &[u8], _: SendFlags, to: &SocketAddr) -> Result<usize> {
    rustix::net::sendto(fd, bytes, rustix::net::SendFlags::empty(), to)
}

/// Sends bytes that lie in several places: how many.
///
/// # Errors
/// The system's.
pub fn send_pieces(fd: impl AsFd, pieces: &[IoSlice<'_>], _: SendFlags) -> Result<usize> {
    let none = rustix::net::SendFlags::empty();
    sendmsg(fd, pieces, &mut SendAncillaryBuffer::default(), none)
}

pub mod sockopt {
    //! Options of sockets.

    use std::os::fd::{AsFd, AsRawFd};

    use rustix::io::{Errno, Result};
    pub use rustix::net::sockopt::*;

    /// `TCP_RXT_CONNDROPTIME`: seconds for which what is not acknowledged is sent again.
    const DROP_TIME: libc::c_int = 0x80;

    /// # Errors
    /// The system's.
    pub fn set_tcp_user_timeout(fd: impl AsFd, ms: u32) -> Result<()> {
        let seconds = ms.div_ceil(1000).cast_signed();
        // SAFETY: the system reads a number.
        let result = unsafe {
            libc::setsockopt(
                fd.as_fd().as_raw_fd(),
                libc::IPPROTO_TCP,
                DROP_TIME,
                (&raw const seconds).cast(),
                size_of::<libc::c_int>() as libc::socklen_t,
            )
        };
        match result {
            0 => Ok(()),
            _ => Err(Errno::INVAL),
        }
    }
}
