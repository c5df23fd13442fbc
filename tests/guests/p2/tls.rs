//! A client of TLS, by the words of the command line: PORT of 127.0.0.1, NAME of the server, then
//! `ask WORD`, which sends a line and prints what comes; `echo COUNT`, which sends so many bytes and
//! reads them at the same time; `taken`, which asks for the streams twice; or `children`.

#![no_std]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use guests::{finish, loopback, say};
use wasi::tls::types::{ClientConnection, ClientHandshake};
use wasip2::cli::environment::get_arguments;
use wasip2::io::poll::poll;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::IpAddressFamily;
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

wit_bindgen::generate!({
    path: "tls",
    world: "program",
    with: {
        "wasi:io/error@0.2.12": wasip2::io::error,
        "wasi:io/poll@0.2.12": wasip2::io::poll,
        "wasi:io/streams@0.2.12": wasip2::io::streams,
    },
    generate_all,
});

struct Program;

wasip2::cli::command::export!(Program);

impl wasip2::exports::cli::run::Guest for Program {
    fn run() -> Result<(), ()> {
        let arguments = get_arguments();
        let word = |at: usize| arguments.get(at).map_or("", |word| word.as_str());
        let port = word(1).parse().or(Err(()))?;
        let (socket, input, output) = connect(port).map_err(|error| say!("{error}"))?;
        let connection = handshake(word(2), input, output, word(3) == "taken");
        let (connection, input, output) = connection.map_err(|error| say!("handshake: {error}"))?;
        let done = match word(3) {
            "ask" => ask(word(4), &connection, &input, &output),
            "echo" => echo(word(4).parse().or(Err(()))?, &connection, &input, &output),
            // A trap: the streams are there.
            "children" => Ok(drop(connection)),
            _ => Ok(()),
        };
        drop((input, output));
        drop(socket);
        done.map_err(|error| say!("{error}"))
    }
}

fn connect(port: u16) -> Result<(TcpSocket, InputStream, OutputStream), String> {
    let text = |error| format!("connection: {error:?}");
    let socket = create_tcp_socket(IpAddressFamily::Ipv4).map_err(text)?;
    let address = loopback(IpAddressFamily::Ipv4, port);
    socket.start_connect(&instance_network(), address).map_err(text)?;
    let ready = socket.subscribe();
    let (input, output) = finish(&ready, || socket.finish_connect()).map_err(text)?;
    drop(ready);
    Ok((socket, input, output))
}

type Secured = (ClientConnection, InputStream, OutputStream);

fn handshake(
    name: &str,
    input: InputStream,
    output: OutputStream,
    twice: bool,
) -> Result<Secured, String> {
    let future = ClientHandshake::finish(ClientHandshake::new(name, input, output));
    let ready = future.subscribe();
    loop {
        match future.get() {
            None => ready.block(),
            Some(Ok(Ok(streams))) => {
                if twice {
                    say!("again: {}", matches!(future.get(), Some(Err(()))));
                }
                return Ok(streams);
            }
            Some(Ok(Err(error))) => return Err(error.to_debug_string()),
            Some(Err(())) => return Err(String::from("it was taken")),
        }
    }
}

fn text(error: StreamError) -> String {
    match error {
        StreamError::Closed => String::from("closed"),
        StreamError::LastOperationFailed(error) => error.to_debug_string(),
    }
}

fn ask(
    word: &str,
    connection: &ClientConnection,
    input: &InputStream,
    output: &OutputStream,
) -> Result<(), String> {
    output.blocking_write_and_flush(format!("{word}\n").as_bytes()).map_err(text)?;
    let end = loop {
        match input.blocking_read(7) {
            Ok(bytes) => say!("{}", String::from_utf8_lossy(&bytes)),
            Err(error) => break text(error),
        }
    };
    say!("end: {end}");
    connection.close_output();
    let after = output.check_write().map_err(text);
    say!("output: {after:?}");
    Ok(())
}

/// Sends bytes and reads them, whichever can go on.
fn echo(
    count: usize,
    connection: &ClientConnection,
    input: &InputStream,
    output: &OutputStream,
) -> Result<(), String> {
    output.blocking_write_and_flush(b"echo\n").map_err(text)?;
    let byte = |at: usize| (at / 7) as u8;
    let (mut sent, mut received, mut is_right) = (0, 0, true);
    let pollables = [input.subscribe(), output.subscribe()];
    while received < count {
        let wanted: Vec<_> = match sent < count {
            true => pollables.iter().collect(),
            false => pollables.iter().take(1).collect(),
        };
        for which in poll(&wanted) {
            if which == 0 {
                for found in input.read(100_000).map_err(text)? {
                    is_right &= found == byte(received);
                    received += 1;
                }
            } else {
                let permit = output.check_write().map_err(text)? as usize;
                let bytes: Vec<u8> = (sent..count.min(sent + permit)).map(byte).collect();
                output.write(&bytes).map_err(text)?;
                sent += bytes.len();
            }
        }
    }
    connection.close_output();
    let end = input.blocking_read(1).map(|bytes| bytes.len()).map_err(text);
    say!("{received} bytes, right: {is_right}, then {end:?}");
    Ok(())
}
