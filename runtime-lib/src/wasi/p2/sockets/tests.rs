//! Tests of `wasi:sockets`.

use std::cell::Cell;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use rustix::pipe::PipeFlags;

use wasmelt_abi::TrapCode;

use super::lookup::Addresses;
use super::network::{ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress};
use super::tcp::TcpSocket;
use super::udp::{OutgoingDatagram, UdpSocket};
use crate::host::net::Family;
use crate::host::{self, Error};
use crate::io::{Handle, Interest, Source, Wanted};
use crate::wasi::p2::poll::{self, Errand, Pollable};
use crate::wasi::p2::streams::{Input, Output, READ_BYTES_MAX, StreamError};

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn tcp() -> TcpSocket {
    TcpSocket::new(host::tcp::TcpSocket::new(Family::Ipv4).unwrap())
}

fn listener() -> TcpSocket {
    let socket = tcp();
    socket.start_bind(any_port()).unwrap();
    socket.finish_bind().unwrap();
    socket.start_listen().unwrap();
    socket.finish_listen().unwrap();
    socket
}

fn connect(to: &TcpSocket) -> (TcpSocket, Input, Output) {
    let socket = tcp();
    let address = to.host().local_address().unwrap();
    socket.start_connect(address).unwrap();
    poll::wait(&socket);
    let (input, output) = socket.finish_connect().unwrap();
    (socket, input, output)
}

/// The two ends of a connection.
fn connection() -> [(TcpSocket, Input, Output); 2] {
    let listener = listener();
    let client = connect(&listener);
    poll::wait(&listener);
    [client, listener.accept().unwrap()]
}

/// Writes and reads on one thread, the other end being on the same: whoever waits for the input
/// sends what is pending.
fn pump(bytes: &[u8], output: &Output, input: &Input) -> Vec<u8> {
    let mut rest = bytes;
    let mut received = Vec::new();
    while received.len() < bytes.len() {
        let permit = output.check_write().unwrap();
        let (now, later) = rest.split_at(rest.len().min(permit));
        output.write(now).unwrap();
        rest = later;
        if permit == 0 || rest.is_empty() {
            poll::wait(&**input);
        }
        received.extend(input.read(7000).unwrap());
    }
    received
}

#[test]
fn tcp_echoes() {
    let [(_client, input, output), (_server, from_client, to_client)] = connection();
    assert_eq!(input.read(10), Ok(vec![]));
    assert!(output.check_write().unwrap() >= 5);
    output.write(b"hello").unwrap();
    output.flush().unwrap();
    let got = from_client.blocking_read(100).unwrap();
    assert_eq!(got, b"hello");
    to_client.blocking_write_and_flush(&got).unwrap();
    assert_eq!(input.blocking_read(2), Ok(b"he".to_vec()));
    assert_eq!(input.read(100), Ok(b"llo".to_vec()));
}

#[test]
fn what_the_system_does_not_take_is_sent_later() {
    let [(client, _input, output), (server, from_client, _output)] = connection();
    let options = client.host().options().unwrap();
    options.set_send_buffer_bytes(1).unwrap();
    let options = server.host().options().unwrap();
    options.set_receive_buffer_bytes(20_000).unwrap();
    let bytes: Vec<u8> = (0..300_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    assert!(pump(&bytes, &output, &from_client) == bytes);

    // What is pending when sending ends is sent all the same.
    let mut sent = 0;
    loop {
        let permit = output.check_write().unwrap();
        if permit == 0 {
            break;
        }
        output.write(&bytes[..permit]).unwrap();
        sent += permit;
    }
    client.shut_down(false, true).unwrap();
    assert_eq!(output.check_write(), Ok(0), "sending has not ended yet");
    let mut received = 0;
    let end = loop {
        match from_client.blocking_read(READ_BYTES_MAX) {
            Ok(bytes) => received += bytes.len(),
            Err(end) => break end,
        }
    };
    assert_eq!((received, end), (sent, StreamError::Closed));
    assert_eq!(output.check_write(), Err(StreamError::Closed));
}

/// Fills a connection of which nobody receives, one more byte than the system takes.
fn fill(client: &TcpSocket, output: &Output) -> usize {
    let options = client.host().options().unwrap();
    options.set_send_buffer_bytes(1).unwrap();
    let bytes = [7; 64 * 1024];
    let mut sent = 0;
    loop {
        let permit = output.check_write().unwrap();
        if permit == 0 {
            return sent;
        }
        output.write(&bytes[..permit]).unwrap();
        sent += permit;
    }
}

#[test]
fn dropping_a_stream_waits_for_nobody() {
    let [(client, input, output), (_server, from_client, _output)] = connection();
    let sent = fill(&client, &output);
    drop((output, input, client));
    // Whoever waits sends the rest, and then the end.
    let mut received = 0;
    let end = loop {
        match from_client.blocking_read(READ_BYTES_MAX) {
            Ok(bytes) => received += bytes.len(),
            Err(end) => break end,
        }
    };
    assert_eq!((received, end), (sent, StreamError::Closed));
    assert_eq!(poll::errands(), 0);
}

#[test]
fn what_was_left_behind_is_sent_before_the_program_ends() {
    let [(client, _input, output), (server, from_client, _output)] = connection();
    let sent = fill(&client, &output);
    drop(output);
    let descriptor = server.host().as_fd().try_clone_to_owned().unwrap();
    drop((server, from_client));
    let receiver = std::thread::spawn(move || {
        let mut all = Vec::new();
        let mut stream = TcpStream::from(descriptor);
        stream.set_nonblocking(false).unwrap();
        stream.read_to_end(&mut all).unwrap();
        all.len()
    });
    poll::finish();
    assert_eq!(receiver.join().unwrap(), sent);
}

#[test]
fn blocking_writes_wait_for_whoever_receives() {
    let [(client, _input, output), (server, from_client, _output)] = connection();
    let sent = fill(&client, &output);
    let descriptor = server.host().as_fd().try_clone_to_owned().unwrap();
    drop((server, from_client));
    let receiver = std::thread::spawn(move || {
        let mut all = Vec::new();
        let mut stream = TcpStream::from(descriptor);
        stream.set_nonblocking(false).unwrap();
        stream.read_to_end(&mut all).unwrap();
        all
    });
    for byte in 0..100 {
        output.blocking_write_and_flush(&[byte; 4096]).unwrap();
    }
    // Nothing is left to be sent.
    assert_eq!(poll::errands(), 0);
    client.shut_down(false, true).unwrap();
    let closed = output.blocking_write_and_flush(b"x");
    assert_eq!(closed, Err(StreamError::Closed));
    let all = receiver.join().unwrap();
    assert_eq!(all.len(), sent + 100 * 4096);
    assert!(
        all[sent..]
            .chunks(4096)
            .zip(0..)
            .all(|(chunk, byte)| chunk == [byte; 4096])
    );
}

/// Counts how often it is asked.
struct Silent {
    descriptor: Rc<Source<OwnedFd>>,
    asked: Cell<u32>,
}

impl Errand for Silent {
    fn awaited(&self) -> (Handle, Interest) {
        self.asked.set(self.asked.get() + 1);
        (self.descriptor.handle(), Interest::Readable)
    }

    fn go_on(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        rustix::io::read(&**self.descriptor, &mut [0; 8]) == Ok(1)
    }
}

#[test]
fn errands_that_are_silent_are_not_asked() {
    let pipe = || {
        let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
        rustix::pipe::pipe_with(flags).unwrap()
    };
    let (reader, writer) = pipe();
    let silent = Rc::new(Silent {
        descriptor: Rc::new(Source::new(reader)),
        asked: Cell::new(0),
    });
    poll::attend(Rc::clone(&silent) as Rc<dyn Errand>);
    let before = silent.asked.get();
    let [
        (_client, input, _output),
        (_server, _from_client, to_client),
    ] = connection();
    for _ in 0..100 {
        to_client.blocking_write_and_flush(b"x").unwrap();
        assert_eq!(input.blocking_read(1), Ok(b"x".to_vec()));
    }
    assert!(silent.asked.get() <= before + 1);
    assert_eq!(poll::errands(), 1);
    rustix::io::write(&writer, b"x").unwrap();
    while poll::errands() > 0 {
        poll::wait(&Wanted::Now);
    }
    assert!(silent.asked.get() <= before + 2);
}

#[test]
fn halves_are_shut_down() {
    let [(client, input, output), (server, from_client, to_client)] = connection();
    client.shut_down(false, true).unwrap();
    assert_eq!(output.check_write(), Err(StreamError::Closed));
    assert_eq!(output.write(b"x"), Err(StreamError::Closed));
    assert_eq!(from_client.blocking_read(1), Err(StreamError::Closed));
    to_client.blocking_write_and_flush(b"still").unwrap();
    assert_eq!(input.blocking_read(9), Ok(b"still".to_vec()));
    client.shut_down(true, false).unwrap();
    assert_eq!(input.read(1), Err(StreamError::Closed));
    assert!(poll::is_ready(&*input) && poll::is_ready(&*output));
    drop(server);
    assert_eq!(tcp().shut_down(true, true), Err(ErrorCode::InvalidState));
}

#[test]
fn writes_need_permits() {
    let [(_client, _input, output), _server] = connection();
    let refused = Err(StreamError::Trap(TrapCode::WriteNotPermitted));
    assert_eq!(output.write(b"x"), refused);
    let permit = output.check_write().unwrap();
    assert_eq!(output.write(&vec![0; permit + 1]), refused);
    output.write(b"x").unwrap();
    assert_eq!(output.write(b"x"), refused);
}

#[test]
fn a_gone_peer_is_an_error_that_stays() {
    let listener = TcpListener::bind(any_port()).unwrap();
    let socket = tcp();
    socket
        .start_connect(listener.local_addr().unwrap())
        .unwrap();
    poll::wait(&socket);
    let (input, output) = socket.finish_connect().unwrap();
    output.blocking_write_and_flush(b"unread").unwrap();
    let (server, _) = listener.accept().unwrap();
    server.peek(&mut [0]).unwrap();
    // What was never read makes the closing a reset.
    drop(server);
    assert_eq!(
        input.blocking_read(1),
        Err(StreamError::Failed(Error::ConnectionReset))
    );
    assert_eq!(input.read(1), Err(StreamError::Closed));
    output.check_write().unwrap();
    assert_eq!(output.write(b"x"), Err(StreamError::Closed));
    assert_eq!(output.check_write(), Err(StreamError::Closed));
}

#[test]
fn the_end_of_a_stream_is_the_end_of_its_data() {
    let [(_client, input, _), (_server, _, to_client)] = connection();
    drop(to_client);
    assert_eq!(input.blocking_read(1), Err(StreamError::Closed));
}

#[test]
fn operations_begin_and_end_in_order() {
    let socket = tcp();
    assert_eq!(socket.finish_bind(), Err(ErrorCode::NotInProgress));
    assert_eq!(socket.finish_listen(), Err(ErrorCode::NotInProgress));
    let finished = socket.finish_connect();
    assert_eq!(finished.err(), Some(ErrorCode::NotInProgress));
    assert_eq!(socket.start_listen(), Err(ErrorCode::InvalidState));
    assert_eq!(socket.accept().err(), Some(ErrorCode::InvalidState));
    let wrong = socket.start_connect(any_port());
    assert_eq!(wrong, Err(ErrorCode::InvalidArgument));
    socket.start_bind(any_port()).unwrap();
    let conflict = Err(ErrorCode::ConcurrencyConflict);
    assert_eq!(socket.start_bind(any_port()), conflict);
    assert_eq!(socket.start_listen(), conflict);
    socket.finish_bind().unwrap();
    assert_eq!(socket.start_bind(any_port()), Err(ErrorCode::InvalidState));
    socket.start_listen().unwrap();
    assert!(socket.host().is_listening());
    assert_eq!(socket.start_connect(any_port()), conflict);
    socket.finish_listen().unwrap();
    assert_eq!(socket.accept().err(), Some(ErrorCode::WouldBlock));
    assert!(!poll::is_ready(&socket));
}

#[test]
fn refused_connections() {
    let nobody = tcp();
    nobody.start_bind(any_port()).unwrap();
    let socket = tcp();
    let address = nobody.host().local_address().unwrap();
    socket.start_connect(address).unwrap();
    poll::wait(&socket);
    let finished = socket.finish_connect();
    assert_eq!(finished.err(), Some(ErrorCode::ConnectionRefused));
    let finished = socket.finish_connect();
    assert_eq!(finished.err(), Some(ErrorCode::NotInProgress));
}

#[test]
fn without_the_policy_there_are_no_sockets_and_no_names() {
    let refused = Some(ErrorCode::AccessDenied);
    assert_eq!(TcpSocket::create(Family::Ipv4).err(), refused);
    assert_eq!(UdpSocket::create(Family::Ipv4).err(), refused);
    let refused = Some(ErrorCode::PermanentResolverFailure);
    assert_eq!(Addresses::start("localhost").err(), refused);
}

fn udp() -> UdpSocket {
    let socket = UdpSocket::new(host::udp::UdpSocket::new(Family::Ipv4).unwrap());
    socket.start_bind(any_port()).unwrap();
    assert_eq!(
        socket.start_bind(any_port()),
        Err(ErrorCode::ConcurrencyConflict)
    );
    socket.finish_bind().unwrap();
    assert_eq!(socket.finish_bind(), Err(ErrorCode::NotInProgress));
    socket
}

#[test]
fn udp_echoes() {
    let (client, server) = (udp(), udp());
    let address = server.host().local_address().unwrap();
    let (replies, questions) = client.streams(Some(address)).unwrap();
    let (incoming, outgoing) = server.streams(None).unwrap();
    assert!(client.has_streams());
    assert!(replies.receive(9).unwrap().is_empty());
    assert_eq!(questions.check_send(), 16);
    let data = |text: &str| OutgoingDatagram {
        data: text.into(),
        remote_address: None,
    };
    assert_eq!(questions.send(&[data("one"), data("two")]), Ok(2));
    let incoming = Rc::new(incoming);
    Pollable::new(incoming.clone()).block();
    let mut got = incoming.receive(u64::MAX).unwrap();
    while got.len() < 2 {
        Pollable::new(incoming.clone()).block();
        got.extend(incoming.receive(1).unwrap());
    }
    let echoes: Vec<OutgoingDatagram> = got
        .into_iter()
        .map(|datagram| OutgoingDatagram {
            data: datagram.data,
            remote_address: Some(datagram.remote_address),
        })
        .collect();
    outgoing.check_send();
    assert_eq!(outgoing.send(&echoes), Ok(2));
    let replies = Rc::new(replies);
    Pollable::new(replies.clone()).block();
    let got = replies.receive(1).unwrap();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].data, b"one");
    assert_eq!(got[0].remote_address, address.into());
    outgoing.check_send();
    assert_eq!(
        outgoing.send(&[data("to nobody")]),
        Err(ErrorCode::InvalidArgument)
    );
    drop((replies, questions));
    assert!(!client.has_streams());
    client.streams(None).unwrap();
    assert_eq!(client.host().remote_address(), Err(host::net::WRONG_STATE));
}

#[test]
fn udp_sockets_are_bound_first() {
    let socket = UdpSocket::new(host::udp::UdpSocket::new(Family::Ipv4).unwrap());
    assert_eq!(socket.streams(None).err(), Some(ErrorCode::InvalidState));
}

#[test]
fn addresses_are_the_same_there_and_back() {
    for text in ["1.2.3.4:5", "[1:2:3:4:5:6:7:8]:9"] {
        let address: SocketAddr = text.parse().unwrap();
        let wit = IpSocketAddress::from(address);
        assert_eq!(SocketAddr::from(wit), address);
    }
    let address = IpAddress::from("1:2:3:4:5:6:7:8".parse::<std::net::IpAddr>().unwrap());
    assert_eq!(address, IpAddress::Ipv6((1, 2, 3, 4, 5, 6, 7, 8)));
    assert_eq!(Family::from(IpAddressFamily::Ipv6), Family::Ipv6);
    assert_eq!(IpAddressFamily::from(Family::Ipv4), IpAddressFamily::Ipv4);
}

#[test]
fn errors_have_codes() {
    let code = ErrorCode::of_network;
    assert_eq!(code(Error::TimedOut), Some(ErrorCode::Timeout));
    assert_eq!(
        code(Error::NetworkUnreachable),
        Some(ErrorCode::RemoteUnreachable)
    );
    assert_eq!(code(Error::IsDirectory), None);
    assert_eq!(ErrorCode::from(Error::IsDirectory), ErrorCode::Unknown);
}
