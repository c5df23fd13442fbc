//! UDP sockets that never wait.

use std::cell::Cell;
use std::net::SocketAddr;

use super::net::{self, Direction, Family, WRONG_STATE};
use super::socket_options::Options;
use super::{Error, Result, buffers};
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::sys::io::{Errno, retry_on_intr};
use crate::sys::net as system;
use crate::sys::net::{RecvFlags, SendFlags, SocketType};

/// No datagram is longer.
pub const DATAGRAM_BYTES_MAX: usize = 65535;

/// A UDP socket.
#[derive(Debug)]
pub struct UdpSocket {
    fd: OwnedFd,
    family: Family,
    bound: Cell<bool>,
    remote: Cell<Option<SocketAddr>>,
}

impl UdpSocket {
    /// Opens a socket.
    ///
    /// # Errors
    /// The system's.
    pub fn new(family: Family) -> Result<UdpSocket> {
        Ok(UdpSocket {
            fd: family.open(SocketType::DGRAM)?,
            family,
            bound: Cell::new(false),
            remote: Cell::new(None),
        })
    }

    /// Takes an address of this machine. One that connects or sends without gets one by itself.
    ///
    /// # Errors
    /// [`WRONG_STATE`] if it has one, [`Error::Invalid`] for one of another family, otherwise the
    /// system's.
    pub fn bind(&self, address: SocketAddr) -> Result<()> {
        if self.bound.get() {
            return Err(WRONG_STATE);
        }
        if !self.family.admits(address.ip()) {
            return Err(Error::Invalid);
        }
        net::bind(self.fd.as_fd(), address)?;
        self.bound.set(true);
        Ok(())
    }

    #[must_use]
    pub fn is_bound(&self) -> bool {
        self.bound.get()
    }

    /// From now on exchanges datagrams with this address alone.
    ///
    /// # Errors
    /// [`Error::Invalid`] for addresses where nothing can be, otherwise the system's.
    pub fn connect(&self, address: SocketAddr) -> Result<()> {
        if !self.family.admits(address.ip()) || !net::is_remote(address) {
            return Err(Error::Invalid);
        }
        let connected = match system::connect(&self.fd, &address) {
            // Linux does not move a connected socket to another interface; one that is not
            // connected it does.
            Err(Errno::INVAL) => {
                let _ = system::connect_unspec(&self.fd);
                system::connect(&self.fd, &address)
            }
            result => result,
        };
        let was_bound = self.bound.get();
        self.note_remote();
        self.note_bound();
        match connected {
            Err(Errno::AFNOSUPPORT) => Err(Error::Invalid),
            // Linux says this when there is no port left to bind to.
            Err(Errno::ADDRNOTAVAIL) if !was_bound => Err(Error::AddressInUse),
            result => Ok(result?),
        }
    }

    /// From now on exchanges datagrams with everybody.
    ///
    /// # Errors
    /// [`WRONG_STATE`] if it does already, otherwise the system's.
    pub fn disconnect(&self) -> Result<()> {
        if self.remote.get().is_none() {
            return Err(WRONG_STATE);
        }
        let disconnected = system::connect_unspec(&self.fd);
        self.note_remote();
        Ok(disconnected?)
    }

    /// # Errors
    /// [`WRONG_STATE`] while it has none, otherwise the system's.
    pub fn local_address(&self) -> Result<SocketAddr> {
        if !self.bound.get() {
            return Err(WRONG_STATE);
        }
        net::local_address(self.fd.as_fd())
    }

    /// The address that it is connected to.
    ///
    /// # Errors
    /// [`WRONG_STATE`] if it is not.
    pub fn remote_address(&self) -> Result<SocketAddr> {
        self.remote.get().ok_or(WRONG_STATE)
    }

    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    #[must_use]
    pub fn options(&self) -> Options<'_> {
        Options::new(self.fd.as_fd(), self.family)
    }

    /// Receives the next datagram: its length and where it comes from. What does not fit in the
    /// buffer is lost.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] while there is none, [`WRONG_STATE`] if it is not bound, otherwise
    /// the system's.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr)> {
        if !self.bound.get() {
            return Err(WRONG_STATE);
        }
        loop {
            let (received, _, from) =
                retry_on_intr(|| system::recvfrom(&self.fd, &mut *buffer, RecvFlags::empty()))?;
            let from = SocketAddr::try_from(from.ok_or(Error::Io)?)?;
            // What came before the socket was connected is still there.
            if self.remote.get().is_none_or(|remote| remote == from) {
                return Ok((received, from));
            }
        }
    }

    /// As [`UdpSocket::receive`]: the whole datagram.
    ///
    /// # Errors
    /// The same.
    pub fn receive_datagram(&self) -> Result<(Vec<u8>, SocketAddr)> {
        let mut buffer = buffers::take(DATAGRAM_BYTES_MAX);
        let received = self.receive(&mut buffer);
        let datagram =
            received.map(|(len, from)| (buffer.get(..len).unwrap_or(&[]).to_vec(), from));
        buffers::give_back(buffer);
        datagram
    }

    /// Sends a datagram; to an address if it is not connected, otherwise to none or the one that
    /// it is connected to.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] if the system takes none now, [`Error::Invalid`] for another address,
    /// [`Error::MessageSize`] for too many bytes, otherwise the system's.
    pub fn send(&self, bytes: &[u8], to: Option<SocketAddr>) -> Result<()> {
        if bytes.len() > DATAGRAM_BYTES_MAX {
            return Err(Error::MessageSize);
        }
        if let Some(to) = to {
            if !net::is_remote(to) || !self.family.admits(to.ip()) {
                return Err(Error::Invalid);
            }
            if self.remote.get().is_some_and(|remote| remote != to) {
                return Err(Error::Invalid);
            }
        }
        let flags = SendFlags::NOSIGNAL;
        let sent = retry_on_intr(|| match (self.remote.get(), to) {
            (Some(_), _) => system::send(&self.fd, bytes, flags),
            (None, Some(to)) => system::sendto(&self.fd, bytes, flags, &to),
            (None, None) => Err(Errno::INVAL),
        });
        self.note_bound();
        sent?;
        Ok(())
    }

    /// Whether [`UdpSocket::send`] takes a datagram now, or fails.
    #[must_use]
    pub fn can_send(&self) -> bool {
        net::is_ready(&self.fd, Direction::Writable)
    }

    /// The system binds a socket that connects or sends and is not bound.
    fn note_bound(&self) {
        if !self.bound.get() {
            let address = net::local_address(self.fd.as_fd());
            self.bound
                .set(address.is_ok_and(|address| address.port() != 0));
        }
    }

    fn note_remote(&self) {
        self.remote.set(net::remote_address(self.fd.as_fd()).ok());
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound() -> UdpSocket {
        let socket = UdpSocket::new(Family::Ipv4).unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        socket
    }

    fn wait(socket: &UdpSocket) {
        while !net::is_ready(socket, Direction::Readable) {
            std::thread::yield_now();
        }
    }

    fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        wait(socket);
        let mut buffer = [0; 64];
        let (bytes, from) = socket.receive(&mut buffer).unwrap();
        (buffer[..bytes].to_vec(), from)
    }

    #[test]
    fn datagrams_keep_their_bounds_and_senders() {
        let (a, b) = (bound(), bound());
        let to = b.local_address().unwrap();
        assert!(a.can_send());
        a.send(b"one", Some(to)).unwrap();
        a.send(b"", Some(to)).unwrap();
        let from = a.local_address().unwrap();
        assert_eq!(receive(&b), (b"one".to_vec(), from));
        assert_eq!(receive(&b), (vec![], from));
        assert_eq!(b.receive(&mut [0; 8]), Err(Error::WouldBlock));
    }

    #[test]
    fn connected_sockets_hear_one_sender() {
        let (a, b, c) = (bound(), bound(), bound());
        let to = b.local_address().unwrap();
        c.send(b"from c", Some(to)).unwrap();
        wait(&b);
        b.connect(a.local_address().unwrap()).unwrap();
        a.send(b"from a", Some(to)).unwrap();
        assert_eq!(receive(&b).0, b"from a");
        assert_eq!(
            b.send(b"x", Some(c.local_address().unwrap())),
            Err(Error::Invalid)
        );
        b.send(b"x", None).unwrap();
        assert_eq!(receive(&a).0, b"x");
        b.disconnect().unwrap();
        assert_eq!(b.disconnect(), Err(WRONG_STATE));
        assert_eq!(b.send(b"x", None), Err(Error::Invalid));
    }

    #[test]
    fn what_is_not_bound_receives_nothing() {
        let socket = UdpSocket::new(Family::Ipv4).unwrap();
        assert_eq!(socket.receive(&mut [0; 8]), Err(WRONG_STATE));
        assert_eq!(socket.local_address(), Err(WRONG_STATE));
        assert_eq!(socket.remote_address(), Err(WRONG_STATE));
        let other = bound();
        let to = other.local_address().ok();
        assert_eq!(socket.bind("[::1]:0".parse().unwrap()), Err(Error::Invalid));
        let long = vec![0; DATAGRAM_BYTES_MAX + 1];
        assert_eq!(socket.send(&long, to), Err(Error::MessageSize));
        let zero = "127.0.0.1:0".parse().unwrap();
        assert_eq!(socket.connect(zero), Err(Error::Invalid));
        socket.bind(zero).unwrap();
        assert_eq!(socket.bind(zero), Err(WRONG_STATE));
        socket.options().set_hop_limit(3).unwrap();
        assert_eq!(socket.options().hop_limit(), Ok(3));
    }
}
