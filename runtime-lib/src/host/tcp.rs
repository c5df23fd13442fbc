//! TCP sockets that never wait.

use std::cell::Cell;
use std::net::SocketAddr;

use super::fd::above_streams;
use super::net::{self, Direction, Family, WRONG_STATE};
use super::socket_options::Options;
use super::{Error, Result, buffers};
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::sys::io::{Errno, retry_on_intr};
use crate::sys::net as system;
use crate::sys::net::sockopt::{set_socket_reuseaddr, socket_error};
use crate::sys::net::{RecvFlags, SendFlags, Shutdown, SocketFlags, SocketType, accept_with};

/// Connections that wait to be accepted, where the guest does not say how many.
const BACKLOG: i32 = 128;

/// A TCP socket: bound, then listening or connected.
#[derive(Debug)]
pub struct TcpSocket {
    fd: OwnedFd,
    family: Family,
    state: Cell<State>,
    bound: Cell<bool>,
    backlog: Cell<i32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Open,
    Listening,
    Connecting,
    /// Connecting has failed at once; nobody has asked yet.
    Failed(Error),
    Connected,
    /// Connecting has failed, and somebody knows.
    Closed(Error),
}

impl TcpSocket {
    /// Opens a socket.
    ///
    /// # Errors
    /// The system's.
    pub fn new(family: Family) -> Result<TcpSocket> {
        let fd = family.open(SocketType::STREAM)?;
        Ok(TcpSocket::with_state(fd, family, State::Open))
    }

    fn with_state(fd: OwnedFd, family: Family, state: State) -> TcpSocket {
        TcpSocket {
            fd,
            family,
            state: Cell::new(state),
            bound: Cell::new(state == State::Connected),
            backlog: Cell::new(BACKLOG),
        }
    }

    /// Takes an address of this machine. Connections that have just ended there are no hindrance.
    ///
    /// # Errors
    /// [`WRONG_STATE`] if it has one, [`Error::Invalid`] for addresses of another family and of
    /// many machines, otherwise the system's.
    pub fn bind(&self, address: SocketAddr) -> Result<()> {
        self.require(State::Open)?;
        if self.bound.get() {
            return Err(WRONG_STATE);
        }
        if !net::is_unicast(address) || !self.family.admits(address.ip()) {
            return Err(Error::Invalid);
        }
        set_socket_reuseaddr(&self.fd, true)?;
        net::bind(self.fd.as_fd(), address)?;
        self.bound.set(true);
        Ok(())
    }

    /// Takes a port of all addresses of this machine, unless it has an address.
    ///
    /// # Errors
    /// As [`TcpSocket::bind`].
    pub fn ensure_bound(&self) -> Result<()> {
        if self.bound.get() {
            return self.require(State::Open);
        }
        self.bind(self.family.unspecified())
    }

    /// Begins to connect; what comes of it, [`TcpSocket::finish_connect`] tells.
    ///
    /// # Errors
    /// [`WRONG_STATE`] once it connects or listens, [`Error::Invalid`] for addresses where nothing
    /// can be.
    pub fn start_connect(&self, address: SocketAddr) -> Result<()> {
        self.require(State::Open)?;
        if !net::is_unicast(address)
            || !net::is_remote(address)
            || !self.family.admits(address.ip())
        {
            return Err(Error::Invalid);
        }
        self.state.set(match system::connect(&self.fd, &address) {
            Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => State::Connecting,
            // Linux says this when there is no port left to connect from.
            Err(Errno::ADDRNOTAVAIL) if !self.bound.get() => State::Failed(Error::AddressInUse),
            Err(errno) => State::Failed(errno.into()),
        });
        Ok(())
    }

    /// Whether there is a connection.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] before that, [`WRONG_STATE`] if nothing has begun, otherwise why the
    /// connection has failed; the socket is of no more use then.
    pub fn finish_connect(&self) -> Result<()> {
        let error = match self.state.get() {
            State::Connecting if !net::is_ready(&self.fd, Direction::Writable) => {
                return Err(Error::WouldBlock);
            }
            State::Connecting => socket_error(&self.fd)?.err().map(Error::from),
            State::Failed(error) => Some(error),
            State::Open | State::Listening | State::Connected | State::Closed(_) => {
                return Err(WRONG_STATE);
            }
        };
        if let Some(error) = error {
            self.state.set(State::Closed(error));
            return Err(error);
        }
        self.state.set(State::Connected);
        self.bound.set(true);
        Ok(())
    }

    /// Lets others connect. The socket has to be bound.
    ///
    /// # Errors
    /// [`WRONG_STATE`] if it is not, or connects or listens already, otherwise the system's.
    pub fn listen(&self) -> Result<()> {
        self.require(State::Open)?;
        if !self.bound.get() {
            return Err(WRONG_STATE);
        }
        system::listen(&self.fd, self.backlog.get())?;
        self.state.set(State::Listening);
        Ok(())
    }

    /// Takes the next connection.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] while there is none, [`WRONG_STATE`] if the socket does not listen,
    /// [`Error::ConnectionAborted`] for one that is gone again, otherwise the system's.
    pub fn accept(&self) -> Result<TcpSocket> {
        self.require(State::Listening)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = match retry_on_intr(|| accept_with(&self.fd, flags)) {
            Ok(fd) => above_streams(fd)?,
            // Linux hands on what has happened to the connection in the meantime.
            Err(
                Errno::CONNRESET
                | Errno::NETRESET
                | Errno::HOSTUNREACH
                | Errno::HOSTDOWN
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP,
            ) => return Err(Error::ConnectionAborted),
            #[cfg(not(target_os = "macos"))]
            Err(Errno::NONET) => return Err(Error::ConnectionAborted),
            Err(errno) => return Err(errno.into()),
        };
        Ok(TcpSocket::with_state(fd, self.family, State::Connected))
    }

    /// # Errors
    /// [`WRONG_STATE`] while it has none, otherwise the system's.
    pub fn local_address(&self) -> Result<SocketAddr> {
        if !self.bound.get() {
            return Err(WRONG_STATE);
        }
        net::local_address(self.usable()?)
    }

    /// # Errors
    /// [`WRONG_STATE`] without a connection, otherwise the system's.
    pub fn remote_address(&self) -> Result<SocketAddr> {
        self.require_connection()?;
        net::remote_address(self.fd.as_fd())
    }

    /// # Errors
    /// [`WRONG_STATE`] without a connection; why, if it has failed.
    pub fn require_connection(&self) -> Result<()> {
        match self.state.get() {
            State::Connected => Ok(()),
            State::Closed(error) => Err(error),
            _ => Err(WRONG_STATE),
        }
    }

    #[must_use]
    pub fn is_listening(&self) -> bool {
        self.state.get() == State::Listening
    }

    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// How many connections may wait to be accepted; a wish.
    ///
    /// # Errors
    /// [`Error::Invalid`] for none, [`WRONG_STATE`] once it connects.
    pub fn set_backlog(&self, backlog: u64) -> Result<()> {
        if backlog == 0 {
            return Err(Error::Invalid);
        }
        let backlog = i32::try_from(backlog).unwrap_or(i32::MAX);
        match self.state.get() {
            State::Open => {}
            State::Listening => {
                system::listen(&self.fd, backlog).map_err(|_| Error::Unsupported)?;
            }
            State::Closed(error) => return Err(error),
            State::Connecting | State::Failed(_) | State::Connected => return Err(WRONG_STATE),
        }
        self.backlog.set(backlog);
        Ok(())
    }

    /// # Errors
    /// [`WRONG_STATE`] while it connects, otherwise why connecting has failed.
    pub fn options(&self) -> Result<Options<'_>> {
        Ok(Options::new(self.usable()?, self.family))
    }

    /// What the descriptor has to be for [`TcpSocket::finish_connect`] or [`TcpSocket::accept`] to
    /// have an answer. Nothing if they have one already.
    #[must_use]
    pub fn awaited(&self) -> Option<Direction> {
        match self.state.get() {
            State::Connecting => Some(Direction::Writable),
            State::Listening => Some(Direction::Readable),
            State::Open | State::Failed(_) | State::Connected | State::Closed(_) => None,
        }
    }

    /// Receives what is there, at most `len` bytes; nothing at the end.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] while nothing is, otherwise the system's.
    pub fn receive(&self, len: usize) -> Result<Vec<u8>> {
        if len == 0 {
            return Ok(Vec::new());
        }
        let mut bytes = buffers::take(len);
        let count = self.receive_into(&mut bytes)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// As [`TcpSocket::receive`], into a buffer, which is not empty: how many bytes, 0 at the end.
    ///
    /// # Errors
    /// The same.
    pub fn receive_into(&self, buffer: &mut [u8]) -> Result<usize> {
        let flags = RecvFlags::empty();
        let (count, _) = retry_on_intr(|| system::recv(&self.fd, &mut *buffer, flags))?;
        Ok(count)
    }

    /// Sends what the system takes.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] if it takes nothing now, [`Error::Pipe`] if the other side receives
    /// no more, otherwise the system's.
    pub fn send(&self, bytes: &[u8]) -> Result<usize> {
        Ok(retry_on_intr(|| {
            system::send(&self.fd, bytes, SendFlags::NOSIGNAL)
        })?)
    }

    /// Whether [`TcpSocket::send`] takes something now, or fails.
    #[must_use]
    pub fn can_send(&self) -> bool {
        net::is_ready(&self.fd, Direction::Writable)
    }

    /// Receives no more. A connection that is gone already is none the worse for it.
    pub fn end_receiving(&self) {
        let _ = system::shutdown(&self.fd, Shutdown::Read);
    }

    /// The connection fails when the other side has not taken anything for so long. A system that
    /// cannot say so waits for ever.
    pub fn give_up_after(&self, ms: u32) {
        let _ = system::sockopt::set_tcp_user_timeout(&self.fd, ms);
    }

    /// Sends no more: the other side sees the end. As [`TcpSocket::end_receiving`].
    pub fn end_sending(&self) {
        let _ = system::shutdown(&self.fd, Shutdown::Write);
    }

    fn require(&self, state: State) -> Result<()> {
        if self.state.get() == state {
            Ok(())
        } else {
            Err(WRONG_STATE)
        }
    }

    /// The descriptor, where its addresses and options can be asked for.
    fn usable(&self) -> Result<BorrowedFd<'_>> {
        match self.state.get() {
            State::Open | State::Listening | State::Connected => Ok(self.fd.as_fd()),
            State::Connecting | State::Failed(_) => Err(WRONG_STATE),
            State::Closed(error) => Err(error),
        }
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY_PORT: &str = "127.0.0.1:0";

    fn wait_until(mut done: impl FnMut() -> bool) {
        while !done() {
            std::thread::yield_now();
        }
    }

    fn listener() -> TcpSocket {
        let socket = TcpSocket::new(Family::Ipv4).unwrap();
        socket.bind(ANY_PORT.parse().unwrap()).unwrap();
        socket.listen().unwrap();
        socket
    }

    fn connect(to: SocketAddr) -> (TcpSocket, Result<()>) {
        let socket = TcpSocket::new(Family::Ipv4).unwrap();
        socket.start_connect(to).unwrap();
        let mut connected = Err(Error::WouldBlock);
        wait_until(|| {
            connected = socket.finish_connect();
            connected != Err(Error::WouldBlock)
        });
        (socket, connected)
    }

    #[test]
    fn bytes_pass_and_end() {
        let listener = listener();
        assert!(listener.is_listening());
        assert!(matches!(listener.accept(), Err(Error::WouldBlock)));
        let (socket, connected) = connect(listener.local_address().unwrap());
        connected.unwrap();
        let mut accepted = None;
        wait_until(|| {
            accepted = listener.accept().ok();
            accepted.is_some()
        });
        let other = accepted.unwrap();
        assert_eq!(socket.local_address(), other.remote_address());
        assert_eq!(socket.remote_address(), other.local_address());

        let mut received = other.receive(16);
        assert_eq!(received, Err(Error::WouldBlock));
        assert!(socket.can_send());
        assert_eq!(socket.send(b"ping"), Ok(4));
        wait_until(|| {
            received = other.receive(16);
            received != Err(Error::WouldBlock)
        });
        assert_eq!(received, Ok(b"ping".to_vec()));
        socket.end_sending();
        wait_until(|| {
            received = other.receive(16);
            received != Err(Error::WouldBlock)
        });
        assert_eq!(received, Ok(vec![]));
        assert_eq!(socket.send(b"x"), Err(Error::Pipe));
    }

    #[test]
    fn refused_connections_close_the_socket() {
        // A socket that is bound and does not listen refuses.
        let bound = TcpSocket::new(Family::Ipv4).unwrap();
        bound.bind(ANY_PORT.parse().unwrap()).unwrap();
        let (socket, connected) = connect(bound.local_address().unwrap());
        assert_eq!(connected, Err(Error::ConnectionRefused));
        assert_eq!(socket.finish_connect(), Err(WRONG_STATE));
        assert_eq!(
            socket.options().unwrap_err(),
            Error::ConnectionRefused,
            "the reason stays"
        );
    }

    #[test]
    fn states_allow_what_they_allow() {
        let address: SocketAddr = ANY_PORT.parse().unwrap();
        let socket = TcpSocket::new(Family::Ipv4).unwrap();
        assert_eq!(socket.local_address(), Err(WRONG_STATE));
        assert_eq!(socket.remote_address(), Err(WRONG_STATE));
        assert_eq!(socket.listen(), Err(WRONG_STATE));
        assert_eq!(socket.finish_connect(), Err(WRONG_STATE));
        assert_eq!(socket.accept().unwrap_err(), WRONG_STATE);
        assert_eq!(
            socket.bind("[::1]:0".parse().unwrap()),
            Err(Error::Invalid),
            "of another family"
        );
        assert_eq!(
            socket.start_connect(address),
            Err(Error::Invalid),
            "without a port"
        );
        socket.bind(address).unwrap();
        assert_ne!(socket.local_address().unwrap().port(), 0);
        assert_eq!(socket.bind(address), Err(WRONG_STATE));
        assert!(socket.awaited().is_none());
        socket.listen().unwrap();
        assert_eq!(socket.listen(), Err(WRONG_STATE));
        assert!(socket.awaited().is_some());
    }

    #[test]
    fn options_have_limits() {
        const S: u64 = 1_000_000_000;
        for family in [Family::Ipv4, Family::Ipv6] {
            let Ok(socket) = TcpSocket::new(family) else {
                assert_eq!(family, Family::Ipv6, "every system has IPv4");
                continue;
            };
            assert_eq!(socket.set_backlog(0), Err(Error::Invalid));
            assert_eq!(socket.set_backlog(u64::MAX), Ok(()));
            let options = socket.options().unwrap();
            assert_eq!(options.set_hop_limit(0), Err(Error::Invalid));
            options.set_hop_limit(42).unwrap();
            assert_eq!(options.hop_limit(), Ok(42));
            options.set_keep_alive(true).unwrap();
            assert_eq!(options.keep_alive(), Ok(true));
            assert_eq!(options.set_keep_alive_idle_ns(0), Err(Error::Invalid));
            options.set_keep_alive_idle_ns(1).unwrap();
            assert_eq!(options.keep_alive_idle_ns(), Ok(S));
            options.set_keep_alive_interval_ns(u64::MAX).unwrap();
            assert_eq!(options.keep_alive_interval_ns(), Ok(KEEP_ALIVE_S * S));
            options.set_keep_alive_count(u32::MAX).unwrap();
            assert_eq!(options.keep_alive_count(), Ok(127));
            assert_eq!(options.set_keep_alive_count(0), Err(Error::Invalid));
            assert_eq!(options.set_send_buffer_bytes(0), Err(Error::Invalid));
            options.set_send_buffer_bytes(10_000).unwrap();
            assert_eq!(options.send_buffer_bytes(), Ok(10_000));
            options.set_receive_buffer_bytes(20_000).unwrap();
            assert_eq!(options.receive_buffer_bytes(), Ok(20_000));
            options.set_receive_buffer_bytes(u64::MAX).unwrap();
        }
    }

    const KEEP_ALIVE_S: u64 = 32767;
}
