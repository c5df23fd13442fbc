//! `sock_*`.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use super::super::{fd_fdstat_get, sock_accept, sock_recv, sock_send, sock_shutdown};
use super::*;
use crate::host::socket::Socket;

impl Guest {
    fn receive(&mut self, fd: i32, len: u32, flags: i32) -> Result<(Vec<u8>, u32), i32> {
        let count = self.put_list(&[(DATA, len)]);
        self.put(OUT, [0; 8]);
        let memory = &mut self.memory();
        let errno = sock_recv(memory, fd, LIST, count, flags, OUT, OUT + 4);
        if errno != SUCCESS {
            return Err(errno);
        }
        let (len, flags) = (self.u32_at(OUT), self.u32_at(OUT + 4));
        Ok((self.get(DATA, len), flags))
    }

    /// A socket of the guest that listens, and its address.
    fn listen(&mut self) -> (i32, std::net::SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let socket = Descriptor::Socket(Socket::new(listener.into()).unwrap());
        (
            table::insert(Entry::new(socket)).unwrap().cast_signed(),
            address,
        )
    }
}

#[test]
fn a_connection_is_served() {
    let mut guest = Guest::new();
    let (listener, address) = guest.listen();
    assert_eq!(sock_accept(&mut guest.memory(), listener, 4, OUT), AGAIN);
    let mut peer = TcpStream::connect(address).unwrap();
    assert_eq!(sock_accept(&mut guest.memory(), listener, 4, OUT), SUCCESS);
    let fd = guest.u32_at(OUT).cast_signed();
    assert_eq!(fd_fdstat_get(&mut guest.memory(), fd, OUT), SUCCESS);
    assert_eq!((guest.get(OUT, 1)[0], guest.get(OUT + 2, 1)[0]), (6, 4));
    assert_eq!(guest.receive(fd, 9, 0), Err(AGAIN));
    peer.write_all(b"hello").unwrap();
    while guest.receive(fd, 5, 1) != Ok((b"hello".to_vec(), 0)) {}
    assert_eq!(guest.receive(fd, 2, 0), Ok((b"he".to_vec(), 0)));
    assert_eq!(guest.receive(fd, 3, 2), Ok((b"llo".to_vec(), 0)));
    assert_eq!(guest.receive(fd, 3, 4), Err(INVAL));

    guest.put(DATA, "answer");
    let count = guest.put_list(&[(DATA, 3), (DATA + 3, 3)]);
    assert_eq!(
        sock_send(&mut guest.memory(), fd, LIST, count, 0, OUT),
        SUCCESS
    );
    assert_eq!(guest.u32_at(OUT), 6);
    assert_eq!(sock_shutdown(&mut guest.memory(), fd, 0), INVAL);
    assert_eq!(sock_shutdown(&mut guest.memory(), fd, 4), INVAL);
    assert_eq!(sock_shutdown(&mut guest.memory(), fd, 2), SUCCESS);
    let mut answer = String::new();
    peer.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "answer");
    peer.shutdown(Shutdown::Write).unwrap();
    while guest.receive(fd, 3, 0) == Err(AGAIN) {}
    assert_eq!(guest.receive(fd, 3, 0), Ok((vec![], 0)));
}

#[test]
fn datagrams_are_cut_off() {
    let mut guest = Guest::new();
    let (ours, theirs) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let socket = Descriptor::Socket(Socket::new(theirs.into()).unwrap());
    let fd = table::insert(Entry::new(socket)).unwrap().cast_signed();
    ours.send(b"datagram").unwrap();
    assert_eq!(guest.receive(fd, 4, 0), Ok((b"data".to_vec(), 1)));
    assert_eq!(fd_fdstat_get(&mut guest.memory(), fd, OUT), SUCCESS);
    assert_eq!(guest.get(OUT, 1), [5]);
}

#[test]
fn other_descriptors_are_no_sockets() {
    let mut guest = Guest::new();
    let file = guest.open("f", CREAT, READ | WRITE).unwrap();
    for fd in [file, guest.root] {
        assert_eq!(sock_accept(&mut guest.memory(), fd, 0, OUT), NOTSOCK);
        assert_eq!(guest.receive(fd, 4, 0), Err(NOTSOCK));
        assert_eq!(sock_send(&mut guest.memory(), fd, LIST, 0, 0, OUT), NOTSOCK);
        assert_eq!(sock_shutdown(&mut guest.memory(), fd, 1), NOTSOCK);
    }
    assert_eq!(sock_shutdown(&mut guest.memory(), 63, 1), BADF);
}
