//! Tests of `wasi:sockets`.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::lookup;
use super::tcp::{self, Connections, TcpSocket};
use super::types::{ErrorCode, IpAddressFamily};
use super::udp::{self, UdpSocket};
use crate::component::ends::{ConsumeBytes, Produce, ProduceBytes};
use crate::component::tasks::run_host_tasks;
use crate::component::{Bytes, Call, Guest, Own};
use crate::host::net::Family;
use crate::host::{self, Error};
use crate::io;
use crate::wasi::p2::sockets::options;
use crate::wasi::p3::outcome::Ended;

/// Runs a future to its end, together with the event loop.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let cx = &mut Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return value;
        }
        assert!(io::turn(true), "nothing would ever end this");
    }
}

/// Whether a future has nothing to say yet.
fn is_pending<T>(future: impl Future<Output = T>) -> bool {
    let cx = &mut Context::from_waker(Waker::noop());
    pin!(future).poll(cx).is_pending()
}

/// What has been told of the end of a stream.
fn told(ended: Ended<ErrorCode>) -> Option<Result<(), ErrorCode>> {
    let told = Rc::new(RefCell::new(None));
    let teller = Rc::clone(&told);
    ended.on_value(move |value| {
        teller.replace(Some(value));
    });
    run_host_tasks();
    told.take()
}

async fn read(end: &mut impl ProduceBytes, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    let count = poll_fn(|cx| end.poll_produce(cx, &mut bytes)).await;
    bytes.truncate(count);
    bytes
}

async fn write(end: &mut impl ConsumeBytes, bytes: &[u8]) -> usize {
    poll_fn(|cx| end.poll_consume(cx, bytes)).await
}

async fn accept(connections: &mut Connections) -> TcpSocket {
    let next = poll_fn(|cx| connections.poll_next(cx)).await;
    next.expect("the stream of connections does not end").0
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn new_tcp() -> TcpSocket {
    TcpSocket::new(host::tcp::TcpSocket::new(Family::Ipv4).unwrap())
}

fn tcp(call: &mut Call<'_>) -> Own<TcpSocket> {
    call.push(new_tcp())
}

fn listener(call: &mut Call<'_>) -> (Own<TcpSocket>, Connections) {
    let socket = tcp(call);
    tcp::bind(call, socket.borrow(), any_port().into()).unwrap();
    let connections = call.resource(&socket).listen().unwrap();
    (socket, connections)
}

/// Both ends of a connection.
fn connection(call: &mut Call<'_>) -> [Own<TcpSocket>; 2] {
    let (listener, mut connections) = listener(call);
    let address = tcp::local_address(call, listener.borrow()).unwrap();
    let client = tcp(call);
    let connected = tcp::connect(call, client.borrow(), address);
    assert_eq!(block_on(connected), Ok(()));
    let server = block_on(accept(&mut connections));
    [client, call.push(server)]
}

#[test]
fn tcp_echoes() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let [client, server] = connection(call);
    let local = tcp::local_address(call, client.borrow());
    assert_eq!(local, tcp::remote_address(call, server.borrow()));
    assert!(!tcp::is_listening(call, server.borrow()));
    let (mut to_server, _) = call.resource(&client).send().unwrap();
    let (mut to_client, _) = call.resource(&server).send().unwrap();
    let (mut from_client, _) = call.resource(&server).receive().unwrap();
    let (mut from_server, _) = call.resource(&client).receive().unwrap();
    assert!(is_pending(read(&mut from_client, 10)));
    assert_eq!(block_on(write(&mut to_server, b"hello")), 5);
    assert_eq!(block_on(read(&mut from_client, 2)), b"he");
    assert_eq!(block_on(read(&mut from_client, 10)), b"llo");
    assert_eq!(block_on(write(&mut to_client, b"bye")), 3);
    block_on(poll_fn(|cx| from_server.poll_ready(cx)));
    assert_eq!(block_on(read(&mut from_server, 10)), b"bye");
}

#[test]
fn halves_close_one_by_one_and_outlive_their_socket() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let [client, server] = connection(call);
    let (to_server, sent) = call.resource(&client).send().unwrap();
    let (mut from_server, received) = call.resource(&client).receive().unwrap();
    drop(call.take(client));
    let (mut from_client, ended) = call.resource(&server).receive().unwrap();
    drop(to_server);
    assert_eq!(told(sent), Some(Ok(())));
    assert_eq!(block_on(read(&mut from_client, 10)), b"");
    drop(from_client);
    assert_eq!(told(ended), Some(Ok(())));
    let (mut to_client, _) = call.resource(&server).send().unwrap();
    assert_eq!(block_on(write(&mut to_client, b"still")), 5);
    assert_eq!(block_on(read(&mut from_server, 10)), b"still");
    drop(from_server);
    assert_eq!(told(received), Some(Ok(())));
}

#[test]
fn streams_of_a_socket_are_had_once_and_of_a_connection_alone() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let wrong = Some(Err(ErrorCode::InvalidState));
    let socket = tcp(call);
    let (_, ended) = tcp::receive(call, socket.borrow());
    assert_eq!(told(ended), wrong);
    assert_eq!(
        call.resource(&socket).send().err(),
        Some(ErrorCode::InvalidState)
    );
    let [client, _server] = connection(call);
    let (_, first) = tcp::receive(call, client.borrow());
    let (_, second) = tcp::receive(call, client.borrow());
    assert_eq!((told(first), told(second)), (Some(Ok(())), wrong));
    assert!(call.resource(&client).send().is_ok());
    assert_eq!(
        call.resource(&client).send().err(),
        Some(ErrorCode::InvalidState)
    );
}

#[test]
fn a_slow_reader_makes_the_writer_wait() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let [client, server] = connection(call);
    options::set_send_buffer_size(call, client.borrow(), 1).unwrap();
    options::set_receive_buffer_size(call, server.borrow(), 20_000).unwrap();
    let (mut to_server, _) = call.resource(&client).send().unwrap();
    let (mut from_client, _) = call.resource(&server).receive().unwrap();
    let bytes: Vec<u8> = (0..300_000_u32).map(|it| (it % 251) as u8).collect();
    let cx = &mut Context::from_waker(Waker::noop());
    let mut sent = 0;
    let mut received = Vec::new();
    let mut waits = 0;
    while received.len() < bytes.len() {
        let rest = &bytes[sent..];
        match (!rest.is_empty()).then(|| to_server.poll_consume(cx, rest)) {
            Some(Poll::Ready(count)) => sent += count,
            later => {
                waits += u32::from(later.is_some());
                received.extend(block_on(read(&mut from_client, 7000)));
            }
        }
    }
    assert!(waits > 1 && received == bytes);
}

#[test]
fn a_reset_is_told() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let listener = TcpListener::bind(any_port()).unwrap();
    let socket = tcp(call);
    let address = listener.local_addr().unwrap();
    block_on(tcp::connect(call, socket.borrow(), address.into())).unwrap();
    let (mut to_server, sent) = call.resource(&socket).send().unwrap();
    let (mut from_server, received) = call.resource(&socket).receive().unwrap();
    block_on(write(&mut to_server, b"unread"));
    let (server, _) = listener.accept().unwrap();
    server.peek(&mut [0]).unwrap();
    // What was never read makes the closing a reset.
    drop(server);
    assert_eq!(block_on(read(&mut from_server, 1)), b"");
    assert_eq!(told(received), Some(Err(ErrorCode::ConnectionReset)));
    assert_eq!(block_on(write(&mut to_server, b"x")), 0);
    assert_eq!(told(sent), Some(Err(ErrorCode::ConnectionBroken)));
}

#[test]
fn connections_are_awaited() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    // Without an address, a socket listens on all of them.
    let socket = tcp(call);
    let mut connections = call.resource(&socket).listen().unwrap();
    assert!(tcp::is_listening(call, socket.borrow()));
    let again = call.resource(&socket).listen();
    assert_eq!(again.err(), Some(ErrorCode::InvalidState));
    let local = SocketAddr::from(tcp::local_address(call, socket.borrow()).unwrap());
    assert!(is_pending(poll_fn(|cx| connections.poll_next(cx))));
    connections.cancel();
    assert!(is_pending(poll_fn(|cx| connections.poll_ready(cx))));
    let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, local.port())).unwrap();
    block_on(poll_fn(|cx| connections.poll_ready(cx)));
    let accepted = block_on(accept(&mut connections));
    assert!(accepted.receive().is_ok());
    assert!(is_pending(poll_fn(|cx| connections.poll_next(cx))));
}

#[test]
fn a_failed_socket_stays_so() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let nobody = tcp(call);
    tcp::bind(call, nobody.borrow(), any_port().into()).unwrap();
    let address = tcp::local_address(call, nobody.borrow()).unwrap();
    let socket = tcp(call);
    let refused = ErrorCode::ConnectionRefused;
    let connected = tcp::connect(call, socket.borrow(), address);
    assert_eq!(block_on(connected), Err(refused.clone()));
    let again = tcp::connect(call, socket.borrow(), address);
    assert_eq!(block_on(again), Err(ErrorCode::InvalidState));
    assert_eq!(tcp::remote_address(call, socket.borrow()), Err(refused));
    let wrong = tcp::connect(call, nobody.borrow(), any_port().into());
    assert_eq!(block_on(wrong), Err(ErrorCode::InvalidArgument));
}

fn udp(call: &mut Call<'_>) -> Own<UdpSocket> {
    call.push(UdpSocket::new(
        host::udp::UdpSocket::new(Family::Ipv4).unwrap(),
    ))
}

fn data(call: &mut Call<'_>, bytes: &[u8]) -> Bytes {
    let data = call.allocate_bytes(bytes.len() as u32);
    data.of_mut(call.memory()).copy_from_slice(bytes);
    data
}

#[test]
fn udp_echoes() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let (client, server) = (udp(call), udp(call));
    let unbound = udp::receive(call, server.borrow());
    assert_eq!(block_on(unbound), Err(ErrorCode::InvalidState));
    udp::bind(call, server.borrow(), any_port().into()).unwrap();
    let to = udp::local_address(call, server.borrow()).unwrap();
    let bytes = data(call, b"question");
    let nowhere = udp::send(call, client.borrow(), bytes, None);
    assert_eq!(block_on(nowhere), Err(ErrorCode::InvalidArgument));
    let unbound = udp::local_address(call, client.borrow());
    assert_eq!(unbound, Err(ErrorCode::InvalidState));
    let sent = udp::send(call, client.borrow(), bytes, Some(to));
    assert_eq!(block_on(sent), Ok(()));
    // That has bound it.
    assert!(udp::local_address(call, client.borrow()).is_ok());
    let received = udp::receive(call, server.borrow());
    let (question, from) = block_on(received).unwrap();
    assert_eq!(question, b"question");
    let mut none = udp::receive(call, server.borrow());
    assert!(is_pending(none.as_mut()));
    drop(none);

    udp::connect(call, client.borrow(), to).unwrap();
    assert_eq!(udp::remote_address(call, client.borrow()), Ok(to));
    let answer = udp::receive(call, client.borrow());
    let port = SocketAddr::from(from).port();
    let from = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bytes = data(call, b"answer");
    let sent = udp::send(call, server.borrow(), bytes, Some(from.into()));
    assert_eq!(block_on(sent), Ok(()));
    assert_eq!(block_on(answer), Ok((b"answer".to_vec(), to)));
    udp::disconnect(call, client.borrow()).unwrap();
    let twice = udp::disconnect(call, client.borrow());
    assert_eq!(twice, Err(ErrorCode::InvalidState));
}

#[test]
fn names_are_looked_up() {
    let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
    assert_eq!(block_on(lookup::addresses("127.0.0.1")), Ok(vec![loopback]));
    let here = block_on(lookup::addresses("localhost")).unwrap();
    assert!(here.iter().all(IpAddr::is_loopback), "{here:?}");
    let invalid = lookup::ErrorCode::InvalidArgument;
    assert_eq!(block_on(lookup::addresses("a b")), Err(invalid));
}

#[test]
fn without_the_policy_there_are_no_sockets_and_no_names() {
    let mut guest = Guest::new();
    let call = &mut guest.call();
    let refused = Some(ErrorCode::AccessDenied);
    assert_eq!(tcp::create(call, IpAddressFamily::Ipv4).err(), refused);
    assert_eq!(udp::create(call, IpAddressFamily::Ipv4).err(), refused);
    let refused = Err(lookup::ErrorCode::PermanentResolverFailure);
    let found = lookup::resolve_addresses(call, "localhost".to_owned());
    assert_eq!(block_on(found), refused);
}

#[test]
fn errors_have_codes() {
    let cases = [
        (Error::IsConnected, ErrorCode::InvalidState),
        (Error::Pipe, ErrorCode::ConnectionBroken),
        (Error::MessageSize, ErrorCode::DatagramTooLarge),
        (
            Error::TooManyOpenFiles,
            ErrorCode::Other(Some("TooManyOpenFiles".to_owned())),
        ),
    ];
    for (error, code) in cases {
        assert_eq!(ErrorCode::from(error), code);
    }
    let busy = lookup::ErrorCode::from(Error::WouldBlock);
    assert_eq!(busy, lookup::ErrorCode::TemporaryResolverFailure);
}
