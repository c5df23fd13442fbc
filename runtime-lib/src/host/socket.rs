//! Sockets, as far as WASI 0.1 has them: those that the process was given, and what was accepted
//! from them.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::io::retry_on_intr;
use rustix::net::sockopt::socket_type;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendFlags, Shutdown,
    SocketFlags, SocketType, accept_with, recvmsg, sendmsg, shutdown,
};

use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use super::descriptor::above_streams;
use super::environment::process_variable;
use super::stat::FileType;
use super::{Descriptor, Error, Result};

/// `SD_LISTEN_FDS_START`.
const FIRST_INHERITED: i32 = 3;

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    stream: bool,
}

/// What [`receive`] got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    pub bytes: usize,
    /// The message was longer than the buffers.
    pub truncated: bool,
}

impl Socket {
    /// # Errors
    /// [`Error::NotSocket`] for a descriptor of another kind.
    pub fn new(fd: OwnedFd) -> Result<Socket> {
        let stream = socket_type(&fd)? != SocketType::DGRAM;
        Ok(Socket {
            fd: above_streams(fd)?,
            stream,
        })
    }

    /// Whether operations return rather than wait.
    ///
    /// # Errors
    /// The system's.
    pub fn is_nonblocking(&self) -> Result<bool> {
        Ok(rustix::fs::fcntl_getfl(&self.fd)?.contains(OFlags::NONBLOCK))
    }

    pub(super) fn file_type(&self) -> FileType {
        if self.stream {
            FileType::SocketStream
        } else {
            FileType::SocketDatagram
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The sockets that a service manager has opened for the process, in its order: `LISTEN_FDS` of
/// them, from descriptor 3 on, if `LISTEN_PID` is this process (see `sd_listen_fds(3)`).
///
/// What cannot be had or is no socket is left out.
pub fn inherited() -> impl Iterator<Item = Socket> {
    let number = |name: &[u8]| {
        let value = process_variable(name)?;
        std::str::from_utf8(value).ok()?.parse::<i32>().ok()
    };
    let process = getpid();
    let ours = number(b"LISTEN_PID") == Some(process.as_raw_pid());
    let count = number(b"LISTEN_FDS").filter(|_| ours).unwrap_or(0);
    // A number becomes a descriptor by asking the process for its own: whether it is open the
    // system says.
    let handle = (count > 0)
        .then(|| pidfd_open(process, PidfdFlags::empty()).ok())
        .flatten();
    handle.into_iter().flat_map(move |handle| {
        let fds = FIRST_INHERITED..FIRST_INHERITED.saturating_add(count);
        fds.filter_map(move |fd| {
            let fd = pidfd_getfd(&handle, fd, PidfdGetfdFlags::empty()).ok()?;
            Socket::new(fd).ok()
        })
    })
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
