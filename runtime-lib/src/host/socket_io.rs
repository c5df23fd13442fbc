//! What WASI 0.1 does with sockets: accept, receive, send, shut down. Standard streams may be sockets
//! too.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::BorrowedFd;

use rustix::io::retry_on_intr;
use rustix::net::sockopt::socket_type;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, Shutdown,
    SocketFlags, accept_with, recvmsg, sendmsg, shutdown,
};

use super::socket::Socket;
use super::{Descriptor, Error, Result};

/// What [`receive`] got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    pub bytes: usize,
    /// The message was longer than the buffers.
    pub truncated: bool,
}

/// Takes the next connection from a listening socket.
///
/// # Errors
/// [`Error::NotSocket`] for descriptors of another kind; so for all of the following.
pub fn accept(listener: &Descriptor, nonblocking: bool) -> Result<Socket> {
    let mut flags = SocketFlags::CLOEXEC;
    flags.set(SocketFlags::NONBLOCK, nonblocking);
    let fd = socket_fd(listener)?;
    Socket::new(retry_on_intr(|| accept_with(fd, flags))?)
}

/// Receives from a socket. `peek` leaves what is received in the socket; `wait_all` waits until
/// the buffers are full.
///
/// # Errors
/// As [`accept`].
pub fn receive(
    socket: &Descriptor,
    buffers: &mut [IoSliceMut<'_>],
    peek: bool,
    wait_all: bool,
) -> Result<Received> {
    let mut flags = RecvFlags::empty();
    flags.set(RecvFlags::PEEK, peek);
    flags.set(RecvFlags::WAITALL, wait_all);
    let fd = socket_fd(socket)?;
    let got = retry_on_intr(|| {
        recvmsg(
            fd,
            &mut *buffers,
            &mut RecvAncillaryBuffer::default(),
            flags,
        )
    })?;
    Ok(Received {
        bytes: got.bytes,
        truncated: got.flags.contains(ReturnFlags::TRUNC),
    })
}

/// Sends on a connected socket; what one system call does not take is left to the caller.
///
/// # Errors
/// As [`accept`].
pub fn send(socket: &Descriptor, buffers: &[IoSlice<'_>]) -> Result<usize> {
    let fd = socket_fd(socket)?;
    let flags = SendFlags::NOSIGNAL;
    Ok(retry_on_intr(|| {
        sendmsg(fd, buffers, &mut SendAncillaryBuffer::default(), flags)
    })?)
}

/// Ends receiving, sending or both.
///
/// # Errors
/// As [`accept`]; [`Error::Invalid`] for neither.
pub fn shut_down(socket: &Descriptor, receiving: bool, sending: bool) -> Result<()> {
    let fd = socket_fd(socket)?;
    let how = match (receiving, sending) {
        (true, true) => Shutdown::Both,
        (true, false) => Shutdown::Read,
        (false, true) => Shutdown::Write,
        (false, false) => {
            socket_type(fd)?;
            return Err(Error::Invalid);
        }
    };
    Ok(shutdown(fd, how)?)
}

/// Standard streams may be sockets, as a super-server sets them up.
fn socket_fd(descriptor: &Descriptor) -> Result<BorrowedFd<'_>> {
    match descriptor {
        Descriptor::Socket(_) | Descriptor::Stream(_) => Ok(descriptor.fd()),
        Descriptor::File(_) | Descriptor::Directory(_) => Err(Error::NotSocket),
    }
}
