//! UDP: sockets of one program that send to each other over the loopback interface, options, and
//! errors. With the argument `ipv6`, an exchange
//! over IPv6; with `echo`, a server that prints its port and answers one datagram.

#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec::Vec;

use guests::{finish, loopback, outcome, port_of, same_address, say, v4};
use wasip2::cli::environment::get_arguments;
use wasip2::io::poll::poll;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Network};
use wasip2::sockets::udp::{
    IncomingDatagram, IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use wasip2::sockets::udp_create_socket::create_udp_socket;

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let network = instance_network();
        match get_arguments().last().map(|last| last.as_str()) {
            Some("echo") => say!("echo: {}", outcome(&echo(&network))),
            Some("ipv6") => say!(
                "exchange: {}",
                outcome(&exchange(&network, IpAddressFamily::Ipv6))
            ),
            _ => everything(&network),
        }
        Ok(())
    }
}

fn everything(network: &Network) {
    say!(
        "exchange: {}",
        outcome(&exchange(network, IpAddressFamily::Ipv4))
    );
    say!("connected: {}", outcome(&connected(network)));
    say!("options: {}", outcome(&options()));
    say!("wrong states: {}", outcome(&wrong_states(network)));
    say!("beyond the permit: {}", outcome(&beyond_permit(network)));
}

type Streams = (IncomingDatagramStream, OutgoingDatagramStream);

fn bind(network: &Network, socket: &UdpSocket, address: IpSocketAddress) -> Result<(), ErrorCode> {
    socket.start_bind(network, address)?;
    finish(&socket.subscribe(), || socket.finish_bind())
}

/// A bound socket.
fn bound(network: &Network, family: IpAddressFamily) -> Result<UdpSocket, ErrorCode> {
    let socket = create_udp_socket(family)?;
    bind(network, &socket, loopback(family, 0))?;
    Ok(socket)
}

fn send(to: &OutgoingDatagramStream, datagrams: &[OutgoingDatagram]) -> Result<u64, ErrorCode> {
    let ready = to.subscribe();
    loop {
        let permit = to.check_send()?;
        if permit >= datagrams.len() as u64 {
            return to.send(datagrams);
        }
        ready.block();
    }
}

fn datagram(data: &[u8], remote_address: Option<IpSocketAddress>) -> OutgoingDatagram {
    OutgoingDatagram {
        data: data.to_vec(),
        remote_address,
    }
}

fn receive(
    from: &IncomingDatagramStream,
    count: usize,
) -> Result<Vec<IncomingDatagram>, ErrorCode> {
    let ready = from.subscribe();
    let mut all = Vec::new();
    while all.len() < count {
        ready.block();
        all.extend(from.receive((count - all.len()) as u64)?);
    }
    Ok(all)
}

fn exchange(network: &Network, family: IpAddressFamily) -> Result<(), ErrorCode> {
    let (left, right) = (bound(network, family)?, bound(network, family)?);
    let (left_address, right_address) = (left.local_address()?, right.local_address()?);
    say!(
        "a port {}, family {:?}",
        port_of(left_address) != 0,
        left.address_family()
    );
    say!("remote address {}", outcome(&left.remote_address()));
    let (left_in, left_out): Streams = left.stream(None)?;
    let (right_in, right_out): Streams = right.stream(None)?;
    say!("nothing yet {:?}", left_in.receive(10)?.len());
    say!("ready {}", left_in.subscribe().ready());
    let sent = send(
        &left_out,
        &[
            datagram(b"one", Some(right_address)),
            datagram(b"", Some(right_address)),
        ],
    )?;
    say!("sent {sent}");
    say!(
        "the first of two {:?}",
        poll(&[&left_in.subscribe(), &right_in.subscribe()])
    );
    for received in receive(&right_in, 2)? {
        let from = same_address(received.remote_address, left_address);
        say!(
            "received {:?} from the sender {from}",
            String::from_utf8(received.data)
        );
    }
    say!(
        "reply {}",
        send(&right_out, &[datagram(b"three", Some(left_address))])?
    );
    say!("received {} bytes", receive(&left_in, 1)?[0].data.len());
    say!(
        "without an address {}",
        outcome(&send(&left_out, &[datagram(b"x", None)]))
    );
    say!("nothing {}", outcome(&send(&left_out, &[])));
    say!("receive nothing {:?}", left_in.receive(0)?.len());
    let large = alloc::vec![7; 65_000];
    say!(
        "65,000 bytes {}",
        outcome(&send(&left_out, &[datagram(&large, Some(right_address))]))
    );
    say!("received {} bytes", receive(&right_in, 1)?[0].data.len());
    let huge = alloc::vec![7; 70_000];
    say!(
        "70,000 bytes {}",
        outcome(&send(&left_out, &[datagram(&huge, Some(right_address))]))
    );
    Ok(())
}

/// Sockets with a remote address.
fn connected(network: &Network) -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let (left, right) = (bound(network, family)?, bound(network, family)?);
    let stranger = bound(network, family)?;
    let (left_address, right_address) = (left.local_address()?, right.local_address()?);
    let (left_in, left_out) = left.stream(Some(right_address))?;
    let (right_in, right_out) = right.stream(None)?;
    let (_, stranger_out) = stranger.stream(None)?;
    say!(
        "remote address {}",
        same_address(left.remote_address()?, right_address)
    );
    say!(
        "without an address {}",
        send(&left_out, &[datagram(b"a", None)])?
    );
    say!(
        "with the same {}",
        send(&left_out, &[datagram(b"b", Some(right_address))])?
    );
    say!(
        "with another {}",
        outcome(&send(
            &left_out,
            &[datagram(b"c", Some(stranger.local_address()?))]
        ))
    );
    say!("received {}", receive(&right_in, 2)?.len());
    send(
        &stranger_out,
        &[datagram(b"from a stranger", Some(left_address))],
    )?;
    send(
        &right_out,
        &[datagram(b"from the friend", Some(left_address))],
    )?;
    say!(
        "received {:?}",
        String::from_utf8(receive(&left_in, 1)?.remove(0).data)
    );
    drop((left_in, left_out));
    let (left_in, left_out) = left.stream(None)?;
    say!("disconnected {}", outcome(&left.remote_address()));
    drop((left_in, left_out));
    Ok(())
}

fn options() -> Result<(), ErrorCode> {
    let socket = create_udp_socket(IpAddressFamily::Ipv4)?;
    let (set, zero) = (
        outcome(&socket.set_unicast_hop_limit(33)),
        outcome(&socket.set_unicast_hop_limit(0)),
    );
    say!("hop limit {set} {zero} {:?}", socket.unicast_hop_limit()?);
    let (set, zero) = (
        outcome(&socket.set_receive_buffer_size(20_000)),
        outcome(&socket.set_receive_buffer_size(0)),
    );
    say!(
        "receive buffer {set} {zero} {}",
        socket.receive_buffer_size()? >= 20_000
    );
    let (set, zero) = (
        outcome(&socket.set_send_buffer_size(20_000)),
        outcome(&socket.set_send_buffer_size(0)),
    );
    say!(
        "send buffer {set} {zero} {}",
        socket.send_buffer_size()? >= 20_000
    );
    Ok(())
}

fn wrong_states(network: &Network) -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let socket = create_udp_socket(family)?;
    say!("finish nothing {}", outcome(&socket.finish_bind()));
    say!(
        "address of what is unbound {}",
        outcome(&socket.local_address())
    );
    say!(
        "streams of what is unbound {}",
        outcome(&socket.stream(None))
    );
    say!(
        "the other family {}",
        outcome(&socket.start_bind(network, loopback(IpAddressFamily::Ipv6, 0)))
    );
    say!(
        "not ours {}",
        outcome(&bind(network, &socket, v4((192, 0, 2, 1), 0)))
    );
    say!(
        "bind {}",
        outcome(&bind(network, &socket, loopback(family, 0)))
    );
    say!(
        "bind again {}",
        outcome(&socket.start_bind(network, loopback(family, 0)))
    );
    let other = create_udp_socket(family)?;
    say!(
        "bind what is bound {}",
        outcome(&bind(network, &other, socket.local_address()?))
    );
    say!(
        "a remote without a port {}",
        outcome(&socket.stream(Some(v4((127, 0, 0, 1), 0))))
    );
    say!(
        "a remote without an address {}",
        outcome(&socket.stream(Some(v4((0, 0, 0, 0), 9))))
    );
    say!(
        "a remote of the other family {}",
        outcome(&socket.stream(Some(loopback(IpAddressFamily::Ipv6, 9))))
    );
    let (_incoming, outgoing) = socket.stream(None)?;
    say!(
        "send to no port {}",
        outcome(&send(
            &outgoing,
            &[datagram(b"x", Some(v4((127, 0, 0, 1), 0)))]
        ))
    );
    say!(
        "send to no address {}",
        outcome(&send(
            &outgoing,
            &[datagram(b"x", Some(v4((0, 0, 0, 0), 9)))]
        ))
    );
    Ok(())
}

/// More datagrams than were checked for: the last thing that this program does.
fn beyond_permit(network: &Network) -> Result<(), ErrorCode> {
    let socket = bound(network, IpAddressFamily::Ipv4)?;
    let (_incoming, outgoing) = socket.stream(Some(loopback(IpAddressFamily::Ipv4, 9)))?;
    outgoing.send(&[datagram(b"x", None)])?;
    Ok(())
}

fn echo(network: &Network) -> Result<(), ErrorCode> {
    let socket = bound(network, IpAddressFamily::Ipv4)?;
    say!("{}", port_of(socket.local_address()?));
    let (incoming, outgoing) = socket.stream(None)?;
    let received = receive(&incoming, 1)?.remove(0);
    send(
        &outgoing,
        &[datagram(&received.data, Some(received.remote_address))],
    )?;
    Ok(())
}
