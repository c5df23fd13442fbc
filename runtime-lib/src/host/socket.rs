//! Sockets, as far as WASI 0.1 has them: those that the process was given, and what was accepted
//! from them.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::OFlags;
use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use super::Result;
use super::environment::process_variable;
use super::fd::{above_streams, duplicate};
use super::stat::FileType;

/// `SD_LISTEN_FDS_START`.
const FIRST_INHERITED: i32 = 3;

/// An open socket.
#[derive(Debug)]
pub struct Socket {
    fd: OwnedFd,
    stream: bool,
}

impl Socket {
    /// See [`super::Descriptor::another`].
    pub(super) fn another(&self) -> Result<Socket> {
        Ok(Socket {
            fd: duplicate(&self.fd)?,
            stream: self.stream,
        })
    }

    /// # Errors
    /// `Error::NotSocket` for a descriptor of another kind.
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
