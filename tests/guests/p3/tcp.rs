//! TCP: both ends of connections over the loopback interface, options, and errors. With the
//! argument `ipv6`, an exchange over IPv6; with `crowd`, more connections than there is room for;
//! with `echo` or `pass` and a number, a server that prints its port, waits for so many
//! connections, and echoes them all at once, through its memory or without looking.

#![no_std]

extern crate alloc;

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use futures::future::{join, join_all};
use guests::{loopback, port_of, read_all, same_address, say, v4, v6, within};
use wasip3::cli::environment::get_arguments;
use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::sockets::types::{ErrorCode, IpAddressFamily, IpSocketAddress, TcpSocket};
use wit_bindgen::rt::async_support::{FutureReader, StreamReader, StreamResult, StreamWriter};

const SECOND: u64 = 1_000_000_000;

type Connections = StreamReader<TcpSocket>;
type Ended = FutureReader<Result<(), ErrorCode>>;

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let mut arguments = arguments.iter().skip(1);
        let command = arguments.next().map_or("", |argument| argument);
        let count = arguments.next().and_then(|number| number.parse().ok());
        let count = count.unwrap_or(1);
        let served = match command {
            "echo" => serve(count, false).await,
            "pass" => serve(count, true).await,
            "crowd" => crowd().await,
            "ipv6" => exchange(IpAddressFamily::Ipv6).await,
            _ => {
                everything().await;
                return Ok(());
            }
        };
        say!("{command}: {served:?}");
        Ok(())
    }
}

async fn everything() {
    say!("exchange: {:?}", exchange(IpAddressFamily::Ipv4).await);
    say!("much data: {:?}", much_data().await);
    say!("options: {:?}", options().await);
    say!("wrong states: {:?}", wrong_states().await);
    say!("refused: {:?}", refused().await);
    say!("given up: {:?}", given_up().await);
    say!("wrong addresses: {:?}", wrong_addresses().await);
}

fn listen(family: IpAddressFamily) -> Result<(TcpSocket, IpSocketAddress, Connections), ErrorCode> {
    let socket = TcpSocket::create(family)?;
    socket.bind(loopback(family, 0))?;
    let address = socket.get_local_address()?;
    let connections = socket.listen()?;
    Ok((socket, address, connections))
}

async fn accept(connections: &mut Connections) -> Result<TcpSocket, ErrorCode> {
    let next = connections.next().await;
    next.ok_or(ErrorCode::Other(Some(String::from("no more connections"))))
}

/// Both ends of a connection.
async fn connection() -> Result<(TcpSocket, TcpSocket), ErrorCode> {
    let (_socket, address, mut connections) = listen(IpAddressFamily::Ipv4)?;
    let client = TcpSocket::create(IpAddressFamily::Ipv4)?;
    let (connected, accepted) = join(client.connect(address), accept(&mut connections)).await;
    connected?;
    Ok((client, accepted?))
}

fn sender(socket: &TcpSocket) -> (StreamWriter<u8>, Ended) {
    let (writer, reader) = wasip3::wit_stream::new();
    (writer, socket.send(reader))
}

async fn exchange(family: IpAddressFamily) -> Result<(), ErrorCode> {
    let (listener, address, mut connections) = listen(family)?;
    let (listening, family) = (listener.get_is_listening(), listener.get_address_family());
    let port = port_of(address) != 0;
    say!("listening {listening}, a port {port}, family {family:?}");
    let client = TcpSocket::create(family)?;
    // A stream of connections lives on without its socket.
    drop(listener);
    let (connected, accepted) = join(client.connect(address), accept(&mut connections)).await;
    let server = accepted?;
    say!("connected {connected:?}");
    let remote = client.get_remote_address()?;
    say!(
        "the client's remote address {}",
        same_address(remote, address)
    );
    let local = server.get_local_address()?;
    say!(
        "the accepted local address {}",
        same_address(local, address)
    );
    let (left, right) = (server.get_remote_address()?, client.get_local_address()?);
    say!("both agree {}", same_address(left, right));
    say!("the accepted is listening {}", server.get_is_listening());

    let (mut to_server, sent) = sender(&client);
    let (mut from_client, received) = server.receive();
    let (rest, (result, question)) = join(
        to_server.write_all(b"question".to_vec()),
        from_client.read(Vec::with_capacity(100)),
    )
    .await;
    say!(
        "left {}, {result:?}, received {}",
        rest.len(),
        question.len()
    );
    let again = server.receive();
    say!(
        "receive again {:?}, {}",
        again.1.await,
        again.0.collect().await.len()
    );
    let (writer, reader) = wasip3::wit_stream::new();
    let again = client.send(reader).await;
    drop(writer);
    say!("send again {again:?}");
    drop(to_server);
    say!("sent {:?}", sent.await);
    say!("received {}", read_all(&mut from_client).await.len());
    say!("received {:?}", received.await);

    // The other direction is still open, even without the sockets.
    let (mut to_client, sent) = sender(&server);
    let (mut from_server, received) = client.receive();
    drop((client, server));
    let rest = to_client.write_all(b"answer".to_vec()).await;
    say!("left {}", rest.len());
    let (_, answer) = from_server.read(Vec::with_capacity(3)).await;
    say!("received {}", answer.len());
    drop(from_server);
    say!("no longer received {:?}", received.await);
    drop(to_client);
    say!("sent {:?}", sent.await);
    Ok(())
}

/// More than any buffer of a socket holds, to somebody who is slow.
async fn much_data() -> Result<(), ErrorCode> {
    const TOTAL: usize = 20_000_000;
    let (client, server) = connection().await?;
    client.set_send_buffer_size(20_000)?;
    server.set_receive_buffer_size(20_000)?;
    let (mut writer, sent) = sender(&client);
    let (mut reader, received) = server.receive();
    let write = async {
        let mut pushed_back = false;
        let mut all = 0;
        while all < TOTAL {
            let bytes: Vec<u8> = (all..TOTAL.min(all + 1_000_000))
                .map(|at| at as u8)
                .collect();
            let count = bytes.len();
            let (result, left) = writer.write(bytes).await;
            pushed_back |= result != StreamResult::Complete(count);
            let rest = writer.write_all(left.into_vec()).await;
            all += count - rest.len();
        }
        drop(writer);
        pushed_back
    };
    let read = async {
        wait_for(SECOND / 50).await;
        let (mut count, mut sum) = (0, 0);
        let mut block = Vec::with_capacity(1 << 16);
        loop {
            let (result, bytes) = reader.read(block).await;
            count += bytes.len();
            sum += bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>();
            if result == StreamResult::Dropped {
                return (count, sum);
            }
            block = bytes;
            block.clear();
        }
    };
    let (pushed_back, (count, sum)) = join(write, read).await;
    say!("received {count}, sum {sum}, pushed back {pushed_back}");
    sent.await?;
    received.await
}

async fn options() -> Result<(), ErrorCode> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
    let backlog = (
        socket.set_listen_backlog_size(10),
        socket.set_listen_backlog_size(0),
    );
    say!("backlog {backlog:?}");
    let keep_alive = (
        socket.get_keep_alive_enabled(),
        socket.set_keep_alive_enabled(true),
        socket.get_keep_alive_enabled(),
    );
    say!("keep alive {keep_alive:?}");
    let idle = (
        socket.set_keep_alive_idle_time(42 * SECOND),
        socket.set_keep_alive_idle_time(0),
        socket.get_keep_alive_idle_time(),
    );
    say!("idle time {idle:?}");
    let interval = (
        socket.set_keep_alive_interval(7 * SECOND),
        socket.set_keep_alive_interval(0),
        socket.get_keep_alive_interval(),
    );
    say!("interval {interval:?}");
    let count = (
        socket.set_keep_alive_count(5),
        socket.set_keep_alive_count(0),
        socket.get_keep_alive_count(),
    );
    say!("count {count:?}");
    let hops = (
        socket.set_hop_limit(33),
        socket.set_hop_limit(0),
        socket.get_hop_limit(),
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
    let socket = TcpSocket::create(family)?;
    say!("unbound: listening {}", socket.get_is_listening());
    let local = socket.get_local_address().map(drop);
    let remote = socket.get_remote_address().map(drop);
    say!("addresses {local:?} {remote:?}");
    let (writer, sent) = sender(&socket);
    drop(writer);
    say!(
        "send {:?}, receive {:?}",
        sent.await,
        socket.receive().1.await
    );
    say!("bind {:?}", socket.bind(loopback(family, 0)));
    say!("bind again {:?}", socket.bind(loopback(family, 0)));
    let connections = socket.listen()?;
    say!("listen again {:?}", socket.listen().map(drop));
    let address = socket.get_local_address()?;
    say!("connect what listens {:?}", socket.connect(address).await);
    say!(
        "backlog of what listens {:?}",
        socket.set_listen_backlog_size(3)
    );
    let other = TcpSocket::create(family)?;
    say!("bind what is bound {:?}", other.bind(address));
    let client = TcpSocket::create(family)?;
    say!("connect {:?}", client.connect(address).await);
    say!("connect again {:?}", client.connect(address).await);
    say!(
        "bind what is connected {:?}",
        client.bind(loopback(family, 0))
    );
    say!("listen what is connected {:?}", client.listen().map(drop));
    let backlog = client.set_listen_backlog_size(3);
    say!("backlog of what is connected {backlog:?}");
    drop(connections);
    let free = TcpSocket::create(family)?;
    let connections = free.listen();
    let bound = free.get_local_address().is_ok_and(|it| port_of(it) != 0);
    say!(
        "listen without an address {:?} {bound}",
        connections.map(drop)
    );
    Ok(())
}

/// A connection that nobody accepts, one that is reset, and one that is no longer read.
async fn refused() -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let nobody = listen(family)?.1;
    let socket = TcpSocket::create(family)?;
    say!("refused {:?}", socket.connect(nobody).await);
    say!("again {:?}", socket.connect(nobody).await);

    let (client, server) = connection().await?;
    let (mut writer, sent) = sender(&client);
    let (mut reader, received) = client.receive();
    writer.write_all(b"never read".to_vec()).await;
    let (mut from_client, _) = server.receive();
    let _ = from_client.read(Vec::with_capacity(1)).await;
    // What was never read makes the closing a reset.
    drop((from_client, server));
    say!("received {}", read_all(&mut reader).await.len());
    say!("after a reset {:?}", received.await);
    // The other end has taken some before it was gone.
    let rest = writer.write_all(vec![0; 10]).await;
    say!("left {}, {:?}", rest.len(), sent.await);
    Ok(())
}

/// What is waited for and given up can be waited for again.
async fn given_up() -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let (_socket, address, mut connections) = listen(family)?;
    let early = within(5, connections.next()).await;
    say!("nobody comes: {}", early.is_none());
    let client = TcpSocket::create(family)?;
    client.connect(address).await?;
    let server = accept(&mut connections).await?;
    let (mut from_client, _) = server.receive();
    let early = within(5, from_client.read(vec![0; 10])).await;
    say!("nothing comes: {}", early.is_none());
    let (mut writer, _sent) = sender(&client);
    writer.write_all(b"late".to_vec()).await;
    let (result, bytes) = from_client.read(Vec::with_capacity(10)).await;
    say!("{result:?}, received {}", bytes.len());
    // The other end reads no more.
    let fill = async { while writer.write_all(vec![0; 100_000]).await.is_empty() {} };
    say!("full: {}", within(20, fill).await.is_none());
    let (result, _) = from_client.read(Vec::with_capacity(10)).await;
    say!("{result:?}");
    Ok(())
}

async fn wrong_addresses() -> Result<(), ErrorCode> {
    let localhost = (0, 0, 0, 0, 0, 0, 0, 1);
    for (name, address) in [
        ("the other family", v6(localhost, 80)),
        ("multicast", v4((224, 0, 0, 1), 80)),
        ("broadcast", v4((255, 255, 255, 255), 80)),
        ("not ours", v4((192, 0, 2, 1), 0)),
    ] {
        let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
        say!("bind, {name}: {:?}", socket.bind(address));
    }
    for (name, address) in [
        ("the other family", v6(localhost, 80)),
        ("multicast", v4((224, 0, 0, 1), 80)),
        ("no address", v4((0, 0, 0, 0), 80)),
        ("no port", v4((127, 0, 0, 1), 0)),
    ] {
        let socket = TcpSocket::create(IpAddressFamily::Ipv4)?;
        say!("connect, {name}: {:?}", socket.connect(address).await);
    }
    Ok(())
}

/// Connections to itself until nothing more can be opened. They come in as others go.
async fn crowd() -> Result<(), ErrorCode> {
    let family = IpAddressFamily::Ipv4;
    let (_socket, address, mut connections) = listen(family)?;
    let mut clients = Vec::new();
    while let Ok(client) = TcpSocket::create(family) {
        client.connect(address).await?;
        clients.push(client);
    }
    let early = within(150, connections.next()).await;
    say!("no room: {}", early.is_none());
    let count = clients.len();
    let leave = async { clients.truncate(count / 2) };
    let (next, ()) = join(within(10_000, connections.next()), leave).await;
    say!("room again: {}", next.flatten().is_some());
    for _ in 1..count {
        accept(&mut connections).await?;
    }
    say!("more than one: {}, all came", count > 1);
    Ok(())
}

async fn serve(count: usize, pass: bool) -> Result<(), ErrorCode> {
    let (socket, address, mut connections) = listen(IpAddressFamily::Ipv4)?;
    socket.set_listen_backlog_size(4096)?;
    say!("{}", port_of(address));
    let mut clients = Vec::new();
    while clients.len() < count {
        clients.push(accept(&mut connections).await?);
    }
    let served = clients.iter().map(|client| serve_one(client, pass));
    let served = join_all(served).await;
    served.into_iter().collect()
}

async fn serve_one(client: &TcpSocket, pass: bool) -> Result<(), ErrorCode> {
    let (mut reader, received) = client.receive();
    if pass {
        client.send(reader).await?;
        return received.await;
    }
    let (mut writer, sent) = sender(client);
    let mut block = Vec::with_capacity(4096);
    loop {
        let (result, bytes) = reader.read(block).await;
        block = writer.write_all(bytes).await;
        if result == StreamResult::Dropped || !block.is_empty() {
            break;
        }
    }
    drop(writer);
    sent.await?;
    received.await
}
