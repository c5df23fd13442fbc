//! A client of TLS, by the words of the command line: PORT of 127.0.0.1, NAME of the server, then
//! `ask WORD`, which sends a line and prints what comes; `echo COUNT`, which sends so many bytes and
//! reads them at the same time; `twice`, which asks for streams twice; or `early`, which connects
//! without them.

#![no_std]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use futures::future::join;
use guests::{loopback, read_all, say};
use wasi::tls::client::Connector;
use wasi::tls::types::Error;
use wasip3::cli::environment::get_arguments;
use wasip3::sockets::types::{ErrorCode, IpAddressFamily, TcpSocket};
use wit_bindgen::rt::async_support::{FutureReader, StreamReader, StreamWriter};

wit_bindgen::generate!({ path: "tls", world: "program", generate_all });

struct Program;

wasip3::cli::command::export!(Program);

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let word = |at: usize| arguments.get(at).map_or("", |word| word.as_str());
        let port = word(1).parse().or(Err(()))?;
        let done = match word(3) {
            "ask" => ask(port, word(2), word(4)).await,
            "echo" => echo(port, word(2), word(4).parse().or(Err(()))?).await,
            "twice" => twice().await,
            _ => {
                let early = Connector::connect(Connector::new(), word(2).into()).await;
                early.map_err(|error| error.to_debug_string())
            }
        };
        if let Err(error) = done {
            say!("{error}");
            return Err(());
        }
        Ok(())
    }
}

type Ended = FutureReader<Result<(), Error>>;
type SocketEnded = FutureReader<Result<(), ErrorCode>>;

/// A connection: what to write to, what to read from, and how all four streams end.
struct Connection {
    to: StreamWriter<u8>,
    from: StreamReader<u8>,
    ends: (SocketEnded, SocketEnded, Ended, Ended),
    _socket: TcpSocket,
}

async fn connect(port: u16, name: &str) -> Result<Connection, String> {
    let socket = TcpSocket::create(IpAddressFamily::Ipv4).map_err(|e| format!("{e:?}"))?;
    let address = loopback(IpAddressFamily::Ipv4, port);
    socket.connect(address).await.map_err(|e| format!("{e:?}"))?;
    let connector = Connector::new();
    let (ciphertext, received) = socket.receive();
    let (from, decrypted) = connector.receive(ciphertext);
    let (to, cleartext) = wasip3::wit_stream::new();
    let (ciphertext, encrypted) = connector.send(cleartext);
    let sent = socket.send(ciphertext);
    let connected = Connector::connect(connector, name.into()).await;
    connected.map_err(|error| format!("handshake: {}", error.to_debug_string()))?;
    let ends = (sent, received, encrypted, decrypted);
    Ok(Connection { to, from, ends, _socket: socket })
}

fn text(end: Result<(), Error>) -> String {
    match end {
        Ok(()) => String::from("ok"),
        Err(error) => error.to_debug_string(),
    }
}

async fn ask(port: u16, name: &str, word: &str) -> Result<(), String> {
    let Connection { mut to, mut from, ends, _socket } = connect(port, name).await?;
    let rest = to.write_all(format!("{word}\n").into_bytes()).await;
    say!("left {}", rest.len());
    let read = read_all(&mut from).await;
    say!("{:?}", String::from_utf8_lossy(&read));
    drop((to, from));
    let (sent, received, encrypted, decrypted) = ends;
    say!("encrypted {}, decrypted {}", text(encrypted.await), text(decrypted.await));
    say!("sent {:?}, received {:?}", sent.await.is_ok(), received.await.is_ok());
    Ok(())
}

async fn echo(port: u16, name: &str, count: usize) -> Result<(), String> {
    let Connection { mut to, mut from, ends, _socket } = connect(port, name).await?;
    let bytes: Vec<u8> = (0..count).map(|at| (at / 7) as u8).collect();
    let send = async {
        to.write_all(b"echo\n".to_vec()).await;
        let rest = to.write_all(bytes.clone()).await.len();
        drop(to);
        rest
    };
    let (rest, read) = join(send, read_all(&mut from)).await;
    say!("left {rest}, {} bytes, right: {}", read.len(), read == bytes);
    let (_, _, encrypted, decrypted) = ends;
    say!("encrypted {}, decrypted {}", text(encrypted.await), text(decrypted.await));
    Ok(())
}

async fn twice() -> Result<(), String> {
    let connector = Connector::new();
    let (_to, cleartext) = wasip3::wit_stream::new();
    let (_first, first) = connector.send(cleartext);
    let (_again, cleartext) = wasip3::wit_stream::new();
    let (again, end) = connector.send(cleartext);
    say!("again: {} bytes, {}", again.collect().await.len(), text(end.await));
    drop(connector);
    say!("first: {}", text(first.await));
    Ok(())
}
