//! UDP: sockets of one program that send to each other over the loopback interface, options, and
//! errors. With the argument `ipv6`, an exchange over IPv6; with `echo`, a server that prints its
//! port and answers one datagram.

#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use futures::future::join;
use guests::{loopback, port_of, same_address, say, v4, within};
use wasip3::cli::environment::get_arguments;
use wasip3::sockets::types::{ErrorCode, IpAddressFamily, UdpSocket};

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        match get_arguments().last().map(|last| last.as_str()) {
            Some("echo") => say!("echo: {:?}", echo().await),
            Some("ipv6") => say!("exchange: {:?}", exchange(IpAddressFamily::Ipv6).await),
            _ => everything().await,
        }
        Ok(())
    }
}

async fn everything() {
    say!("exchange: {:?}", exchange(IpAddressFamily::Ipv4).await);
    say!("connected: {:?}", connected().await);
    say!("options: {:?}", options().await);
    say!("wrong states: {:?}", wrong_states().await);
}

/// A bound socket.
fn bound(family: IpAddressFamily) -> Result<UdpSocket, ErrorCode> {
    let socket = UdpSocket::create(family)?;
    socket.bind(loopback(family, 0))?;
    Ok(socket)
}

fn text(data: Vec<u8>) -> String {
    String::from_utf8(data).unwrap_or_default()
}

async fn exchange(family: IpAddressFamily) -> Result<(), ErrorCode> {
    let (left, right) = (bound(family)?, bound(family)?);
    let (left_address, right_address) = (left.get_local_address()?, right.get_local_address()?);
    let family = left.get_address_family();
    say!("a port {}, family {family:?}", port_of(left_address) != 0);
    let early = within(5, right.receive()).await;
    say!("nothing comes: {}", early.is_none());
    // Whoever receives is there before something is sent.
    let (one, two) = join(
        async { join(right.receive(), right.receive()).await },
        async {
            left.send(b"one".to_vec(), Some(right_address)).await?;
            left.send(Vec::new(), Some(right_address)).await
        },
    )
    .await;
    let mut lengths = Vec::new();
    for received in [one.0, one.1] {
        let (data, from) = received?;
        lengths.push(data.len());
        say!("from the sender {}", same_address(from, left_address));
    }
    lengths.sort_unstable();
    say!("sent {two:?}, received {lengths:?} bytes");
    let large = right.send(vec![7; 65_000], Some(left_address)).await;
    let (data, _) = left.receive().await?;
    say!("65,000 bytes {large:?}, received {}", data.len());
    let huge = right.send(vec![7; 70_000], Some(left_address)).await;
    say!("70,000 bytes {huge:?}");
    Ok(())
}

/// Sockets with a remote address.
async fn connected() -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let (right, stranger) = (bound(family)?, bound(family)?);
    let right_address = right.get_local_address()?;
    let left = UdpSocket::create(family)?;
    left.connect(right_address)?;
    // That has bound it.
    let left_address = left.get_local_address()?;
    let remote = left.get_remote_address()?;
    say!("remote address {}", same_address(remote, right_address));
    let without = left.send(b"a".to_vec(), None).await;
    let same = left.send(b"b".to_vec(), Some(right_address)).await;
    say!("without an address {without:?}, with the same {same:?}");
    let other = stranger.get_local_address()?;
    let other = left.send(b"c".to_vec(), Some(other)).await;
    say!("with another {other:?}");
    let (first, second) = (right.receive().await?.0, right.receive().await?.0);
    say!("received {}, {}", text(first), text(second));
    let data = b"from a stranger".to_vec();
    stranger.send(data, Some(left_address)).await?;
    let data = b"from the friend".to_vec();
    right.send(data, Some(left_address)).await?;
    say!("received {}", text(left.receive().await?.0));
    left.connect(right_address)?;
    let stranger_address = stranger.get_local_address()?;
    left.connect(stranger_address)?;
    let remote = left.get_remote_address()?;
    say!("connected to {}", same_address(remote, stranger_address));
    say!("disconnect {:?}", left.disconnect());
    say!("disconnect again {:?}", left.disconnect());
    say!("remote address {:?}", left.get_remote_address().map(drop));
    let without = left.send(b"d".to_vec(), None).await;
    say!("without an address {without:?}");
    let anybody = left.send(b"e".to_vec(), Some(right_address)).await;
    say!("with one {anybody:?}");
    Ok(())
}

async fn options() -> Result<(), ErrorCode> {
    let socket = UdpSocket::create(IpAddressFamily::Ipv4)?;
    let hops = (
        socket.set_unicast_hop_limit(33),
        socket.set_unicast_hop_limit(0),
        socket.get_unicast_hop_limit(),
    );
    say!("hop limit {hops:?}");
    let receive = (
        socket.set_receive_buffer_size(20_000),
        socket.set_receive_buffer_size(0),
        socket.get_receive_buffer_size()? >= 20_000,
    );
    say!("receive buffer {receive:?}");
    let send = (
        socket.set_send_buffer_size(20_000),
        socket.set_send_buffer_size(0),
        socket.get_send_buffer_size()? >= 20_000,
    );
    say!("send buffer {send:?}");
    Ok(())
}

async fn wrong_states() -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let other_family = loopback(IpAddressFamily::Ipv6, 9);
    let socket = UdpSocket::create(family)?;
    let unbound = socket.get_local_address().map(drop);
    say!("address of what is unbound {unbound:?}");
    let unbound = socket.receive().await.map(drop);
    say!("receive of what is unbound {unbound:?}");
    say!("the other family {:?}", socket.bind(other_family));
    say!("not ours {:?}", socket.bind(v4((192, 0, 2, 1), 0)));
    say!("bind {:?}", socket.bind(loopback(family, 0)));
    say!("bind again {:?}", socket.bind(loopback(family, 0)));
    let other = UdpSocket::create(family)?;
    let taken = socket.get_local_address()?;
    say!("bind what is bound {:?}", other.bind(taken));
    for (name, address) in [
        ("no port", v4((127, 0, 0, 1), 0)),
        ("no address", v4((0, 0, 0, 0), 9)),
        ("the other family", other_family),
    ] {
        let connected = socket.connect(address);
        let sent = socket.send(b"x".to_vec(), Some(address)).await;
        say!("{name}: connect {connected:?}, send {sent:?}");
    }
    let nobody = bound(family)?.get_local_address()?;
    socket.connect(nobody)?;
    socket.send(b"x".to_vec(), None).await?;
    say!("nobody there: {:?}", socket.receive().await.map(drop));
    Ok(())
}

async fn echo() -> Result<(), ErrorCode> {
    let socket = bound(IpAddressFamily::Ipv4)?;
    say!("{}", port_of(socket.get_local_address()?));
    let (data, from) = socket.receive().await?;
    socket.send(data, Some(from)).await
}
