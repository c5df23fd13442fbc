//! TCP: both ends of connections over the loopback interface, options, and errors.
//! With the argument `ipv6`, an exchange over IPv6; with `echo`, a server that prints its port and echoes one connection.

#![no_std]

extern crate alloc;

use alloc::vec::Vec;

use guests::{finish, loopback, outcome, port_of, read_all, same_address, say, v4};
use wasip2::cli::environment::get_arguments;
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv6SocketAddress, Network,
};
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

const SECOND: u64 = 1_000_000_000;

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
    say!("options: {}", outcome(&options()));
    say!("much data: {}", outcome(&much_data(network)));
    say!("wrong states: {}", outcome(&wrong_states(network)));
    say!("refused: {}", outcome(&refused(network)));
    say!("wrong addresses: {}", outcome(&wrong_addresses(network)));
}

fn bind(network: &Network, socket: &TcpSocket, address: IpSocketAddress) -> Result<(), ErrorCode> {
    socket.start_bind(network, address)?;
    finish(&socket.subscribe(), || socket.finish_bind())
}

fn listen(network: &Network, family: IpAddressFamily) -> Result<TcpSocket, ErrorCode> {
    let socket = create_tcp_socket(family)?;
    bind(network, &socket, loopback(family, 0))?;
    socket.start_listen()?;
    finish(&socket.subscribe(), || socket.finish_listen())?;
    Ok(socket)
}

/// A connected socket behind its streams, which have to be dropped before it.
struct Connection {
    input: InputStream,
    out: OutputStream,
    socket: TcpSocket,
}

fn connect(
    network: &Network,
    to: IpSocketAddress,
    family: IpAddressFamily,
) -> Result<Connection, ErrorCode> {
    let socket = create_tcp_socket(family)?;
    socket.start_connect(network, to)?;
    let (input, out) = finish(&socket.subscribe(), || socket.finish_connect())?;
    Ok(Connection { input, out, socket })
}

fn exchange(network: &Network, family: IpAddressFamily) -> Result<(), ErrorCode> {
    let server = listen(network, family)?;
    let address = server.local_address()?;
    say!(
        "listening {}, a port {}",
        server.is_listening(),
        port_of(address) != 0
    );
    say!("family {:?}", server.address_family());
    say!("nobody yet: {}", outcome(&server.accept()));
    let client = connect(network, address, family)?;
    let (accepted, server_in, server_out) = finish(&server.subscribe(), || server.accept())?;
    say!(
        "the client's remote address {}",
        same_address(client.socket.remote_address()?, address)
    );
    say!(
        "the accepted local address {}",
        same_address(accepted.local_address()?, address)
    );
    say!(
        "both agree {}",
        same_address(accepted.remote_address()?, client.socket.local_address()?)
    );
    say!("the accepted is listening {}", accepted.is_listening());
    let waiting = server_in.subscribe();
    say!(
        "nothing sent, ready {}, read {:?}",
        waiting.ready(),
        server_in.read(10).ok()
    );
    say!(
        "send {}",
        outcome(&client.out.blocking_write_and_flush(b"question"))
    );
    say!(
        "one of two is ready: {:?}",
        poll(&[&client.input.subscribe(), &waiting])
    );
    say!("received {:?}", server_in.blocking_read(100).ok());
    say!(
        "reply {}",
        outcome(&server_out.blocking_write_and_flush(b"answer"))
    );
    say!("received {:?}", client.input.blocking_read(100).ok());
    say!(
        "shut down sending {}",
        outcome(&client.socket.shutdown(ShutdownType::Send))
    );
    say!(
        "send after that {}",
        outcome(&client.out.blocking_write_and_flush(b"x"))
    );
    say!(
        "the other end sees {}",
        outcome(&server_in.blocking_read(100))
    );
    say!(
        "still open backwards {}",
        outcome(&server_out.blocking_write_and_flush(b"last"))
    );
    say!(
        "shut down both {}",
        outcome(&accepted.shutdown(ShutdownType::Both))
    );
    say!("received {:?}", read_all(&client.input).len());
    say!(
        "shut down receiving {}",
        outcome(&client.socket.shutdown(ShutdownType::Receive))
    );
    Ok(())
}

/// A server and a client in one program, more than any buffer of a socket holds.
fn much_data(network: &Network) -> Result<(), ErrorCode> {
    let server = listen(network, IpAddressFamily::Ipv4)?;
    let client = connect(network, server.local_address()?, IpAddressFamily::Ipv4)?;
    let (_accepted, input, _) = finish(&server.subscribe(), || server.accept())?;
    let (readable, writable) = (input.subscribe(), client.out.subscribe());
    let total: usize = 20_000_000;
    let (mut sent, mut received, mut sum, mut pushed_back) = (0usize, 0usize, 0u64, false);
    loop {
        poll(&[&readable, &writable]);
        let permit = client.out.check_write().unwrap_or(0) as usize;
        if sent == total && permit > 0 {
            break;
        }
        let count = permit.min(total - sent);
        let bytes: Vec<u8> = (sent..sent + count).map(|at| at as u8).collect();
        if count > 0 && client.out.write(&bytes).is_err() {
            break;
        }
        sent += count;
        // Nothing is read before the buffers are full.
        pushed_back |= permit == 0;
        if pushed_back && let Ok(bytes) = input.read(65536) {
            received += bytes.len();
            sum += sum_of(&bytes);
        }
    }
    client.socket.shutdown(ShutdownType::Send)?;
    while let Ok(bytes) = input.blocking_read(1 << 20) {
        received += bytes.len();
        sum += sum_of(&bytes);
    }
    say!("sent {sent}, received {received}, sum {sum}, pushed back {pushed_back}");
    Ok(())
}

fn sum_of(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte)).sum()
}

fn options() -> Result<(), ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    say!(
        "backlog {} {}",
        outcome(&socket.set_listen_backlog_size(10)),
        outcome(&socket.set_listen_backlog_size(0))
    );
    say!("keep alive {:?}", socket.keep_alive_enabled().ok());
    let set = outcome(&socket.set_keep_alive_enabled(true));
    say!("keep alive {set} {:?}", socket.keep_alive_enabled().ok());
    let (set, zero) = (
        outcome(&socket.set_keep_alive_idle_time(42 * SECOND)),
        outcome(&socket.set_keep_alive_idle_time(0)),
    );
    say!(
        "idle time {set} {zero} {:?}",
        socket.keep_alive_idle_time().ok()
    );
    let set = outcome(&socket.set_keep_alive_idle_time(1));
    say!(
        "idle time of a nanosecond {set} {}",
        socket.keep_alive_idle_time().is_ok_and(|time| time > 0)
    );
    let (set, zero) = (
        outcome(&socket.set_keep_alive_interval(7 * SECOND)),
        outcome(&socket.set_keep_alive_interval(0)),
    );
    say!(
        "interval {set} {zero} {:?}",
        socket.keep_alive_interval().ok()
    );
    let (set, zero) = (
        outcome(&socket.set_keep_alive_count(5)),
        outcome(&socket.set_keep_alive_count(0)),
    );
    say!("count {set} {zero} {:?}", socket.keep_alive_count().ok());
    say!(
        "a huge count {} {}",
        outcome(&socket.set_keep_alive_count(u32::MAX)),
        socket.keep_alive_count().is_ok_and(|count| count >= 5)
    );
    let (set, zero) = (
        outcome(&socket.set_hop_limit(33)),
        outcome(&socket.set_hop_limit(0)),
    );
    say!("hop limit {set} {zero} {:?}", socket.hop_limit().ok());
    let (set, zero) = (
        outcome(&socket.set_receive_buffer_size(20_000)),
        outcome(&socket.set_receive_buffer_size(0)),
    );
    say!(
        "receive buffer {set} {zero} {}",
        socket
            .receive_buffer_size()
            .is_ok_and(|size| size >= 20_000)
    );
    let (set, zero) = (
        outcome(&socket.set_send_buffer_size(20_000)),
        outcome(&socket.set_send_buffer_size(0)),
    );
    say!(
        "send buffer {set} {zero} {}",
        socket.send_buffer_size().is_ok_and(|size| size >= 20_000)
    );
    let huge = (
        outcome(&socket.set_receive_buffer_size(u64::MAX)),
        outcome(&socket.set_send_buffer_size(u64::MAX)),
    );
    say!("huge buffers {huge:?}");
    Ok(())
}

fn wrong_states(network: &Network) -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let socket = create_tcp_socket(family)?;
    say!("unbound: listening {}", socket.is_listening());
    say!(
        "finish nothing {} {}",
        outcome(&socket.finish_bind()),
        outcome(&socket.finish_connect())
    );
    say!("finish listening {}", outcome(&socket.finish_listen()));
    say!(
        "addresses {} {}",
        outcome(&socket.local_address()),
        outcome(&socket.remote_address())
    );
    say!("accept {}", outcome(&socket.accept()));
    say!("listen {}", outcome(&socket.start_listen()));
    say!(
        "shut down {}",
        outcome(&socket.shutdown(ShutdownType::Both))
    );
    say!(
        "bind {}",
        outcome(&bind(network, &socket, loopback(family, 0)))
    );
    say!(
        "bind again {}",
        outcome(&socket.start_bind(network, loopback(family, 0)))
    );
    let _ = socket.start_listen();
    say!(
        "listen {}",
        outcome(&finish(&socket.subscribe(), || socket.finish_listen()))
    );
    say!("listen again {}", outcome(&socket.start_listen()));
    say!(
        "connect what listens {}",
        outcome(&socket.start_connect(network, loopback(family, 9)))
    );
    say!(
        "backlog of what listens {}",
        outcome(&socket.set_listen_backlog_size(3))
    );
    let address = socket.local_address()?;
    let other = create_tcp_socket(family)?;
    say!(
        "bind what is bound {}",
        outcome(&bind(network, &other, address))
    );
    let connected = connect(network, address, family);
    if let Ok(Connection { socket: client, .. }) = &connected {
        say!(
            "connect again {}",
            outcome(&client.start_connect(network, address))
        );
        say!(
            "listen what is connected {}",
            outcome(&client.start_listen())
        );
        say!(
            "backlog of what is connected {}",
            outcome(&client.set_listen_backlog_size(3))
        );
    }
    say!("connect {}", outcome(&connected));
    Ok(())
}

/// A connection that nobody accepts, and a stream after a reset.
fn refused(network: &Network) -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let address = listen(network, family)?.local_address()?;
    say!("refused {}", outcome(&connect(network, address, family)));
    let socket = create_tcp_socket(family)?;
    socket.start_connect(network, address)?;
    let first = finish(&socket.subscribe(), || socket.finish_connect());
    say!(
        "refused {}, again {}",
        outcome(&first),
        outcome(&socket.start_connect(network, address))
    );
    let server = listen(network, family)?;
    let client = connect(network, server.local_address()?, family)?;
    let (accepted, input, out) = finish(&server.subscribe(), || server.accept())?;
    say!(
        "send {}",
        outcome(&client.out.blocking_write_and_flush(b"never read"))
    );
    input.subscribe().block();
    drop((input, out));
    // What was never read makes the closing a reset.
    drop(accepted);
    say!(
        "after a reset: {}",
        outcome(&client.input.blocking_read(10))
    );
    Ok(())
}

fn wrong_addresses(network: &Network) -> Result<(), ErrorCode> {
    let v6 = |address, port| {
        IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port,
            flow_info: 0,
            address,
            scope_id: 0,
        })
    };
    let cases = [
        ("the other family", v6((0, 0, 0, 0, 0, 0, 0, 1), 80)),
        ("multicast", v4((224, 0, 0, 1), 80)),
        ("broadcast", v4((255, 255, 255, 255), 80)),
        ("not ours", v4((192, 0, 2, 1), 0)),
    ];
    for (name, address) in cases {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
        say!(
            "bind, {name}: {}",
            outcome(&bind(network, &socket, address))
        );
    }
    let connects = [
        ("the other family", v6((0, 0, 0, 0, 0, 0, 0, 1), 80)),
        ("multicast", v4((224, 0, 0, 1), 80)),
        ("no address", v4((0, 0, 0, 0), 80)),
        ("no port", v4((127, 0, 0, 1), 0)),
    ];
    for (name, address) in connects {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
        say!(
            "connect, {name}: {}",
            outcome(&socket.start_connect(network, address))
        );
    }
    let mapped = v6((0, 0, 0, 0, 0, 0xffff, 0x7f00, 1), 80);
    let socket = create_tcp_socket(IpAddressFamily::Ipv6)?;
    say!("bind, mapped: {}", outcome(&bind(network, &socket, mapped)));
    say!(
        "connect, mapped: {}",
        outcome(&socket.start_connect(network, mapped))
    );
    Ok(())
}

fn echo(network: &Network) -> Result<(), ErrorCode> {
    let server = listen(network, IpAddressFamily::Ipv4)?;
    say!("{}", port_of(server.local_address()?));
    let (_socket, input, out) = finish(&server.subscribe(), || server.accept())?;
    while out.blocking_splice(&input, 4096).is_ok() {}
    let _ = out.blocking_flush();
    Ok(())
}
