//! What RFC 9113 says of frames that are wrong, byte by byte: a table of what a client sends, and
//! what it has to hear.

mod frames;
mod messages;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use super::tests::{serve, wait};
use crate::io as events;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
const WITH_PRIORITY: u8 = 0x20;
/// Of a request that is complete.
const ALL: u8 = END_STREAM | END_HEADERS;

const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const STREAM_CLOSED: u32 = 5;
const FRAME_SIZE_ERROR: u32 = 6;
const REFUSED_STREAM: u32 = 7;
const COMPRESSION_ERROR: u32 = 9;

/// What a client has to hear.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Heard {
    /// The connection is over.
    Away(u32),
    /// The stream is.
    Reset(u32, u32),
    /// Either, as the RFC leaves it open.
    Either(u32),
    /// The connection is over, for a reason of its own; h2 says no more than that the protocol was
    /// broken.
    Blunt(u32),
    /// It is a request, which gets the status 400: as an index, as which it is sent first
    /// (RFC 7541, appendix A).
    Refused,
    /// Nothing is wrong: a ping is answered.
    Fine,
}
use Heard::{Away, Blunt, Either, Fine, Refused, Reset};

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A block of fields, each as a literal that nobody remembers (RFC 7541, section 6.2.2).
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0);
        for text in [name, value] {
            bytes.push(u8::try_from(text.len()).unwrap());
            bytes.extend(text.as_bytes());
        }
    }
    bytes
}

const METHOD: (&str, &str) = (":method", "GET");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", "/");
const AUTHORITY: (&str, &str) = (":authority", "a");
const REQUEST: [(&str, &str); 4] = [METHOD, SCHEME, PATH, AUTHORITY];

fn with(more: &[(&str, &str)]) -> Vec<u8> {
    block(&[&REQUEST[..], more].concat())
}

/// A request whose body is to come.
fn open(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &with(&[]))
}

/// A request that is all there is.
fn whole(stream: u32) -> Vec<u8> {
    frame(HEADERS, ALL, stream, &with(&[]))
}

/// A request with these fields.
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    frame(HEADERS, ALL, 1, &block(fields))
}

fn setting(name: u16, value: u32) -> Vec<u8> {
    [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

type Case = (&'static str, Vec<u8>, Heard);

/// What the server says, frame by frame.
struct Client(UnixStream, Vec<u8>);

impl Client {
    /// The next frame: kind, flags, stream and contents; nothing at the end.
    fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        loop {
            let length = self.1.get(..3).map(|bytes| {
                usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
            });
            if let Some(length) = length
                && self.1.len() >= 9 + length
            {
                let rest = self.1.split_off(9 + length);
                let frame = std::mem::replace(&mut self.1, rest);
                let stream = u32::from_be_bytes(frame[5..9].try_into().unwrap());
                return Some((frame[3], frame[4], stream, frame[9..].to_vec()));
            }
            let mut some = [0; 65536];
            let count = wait(|| match self.0.read(&mut some) {
                Ok(count) => Some(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
                Err(_) => Some(0),
            });
            if count == 0 {
                return None;
            }
            self.1.extend_from_slice(&some[..count]);
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            match self.0.write(rest) {
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                // The server has heard enough.
                Err(_) => return,
            }
            events::turn(false);
        }
    }
}

const QUESTION: &[u8; 8] = b"question";

/// What comes of it: the first thing that is said about these bytes.
fn hear(bytes: &[u8]) -> Heard {
    let (worker, stream) = serve(&[]);
    let mut client = Client(stream, Vec::new());
    client.write(PREFACE);
    client.write(&frame(SETTINGS, 0, 0, b""));
    client.write(bytes);
    client.write(&frame(PING, 0, 0, QUESTION));
    loop {
        // Guests take what they are given, and never answer.
        if let Some(asked) = worker.try_next() {
            std::mem::forget(asked);
        }
        let Some((kind, flags, stream, payload)) = client.next() else {
            panic!("the server has said nothing");
        };
        let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match kind {
            GOAWAY => return Away(number(4)),
            HEADERS if payload[0] == 0x80 + 12 => return Refused,
            RST_STREAM => return Reset(stream, number(0)),
            PING if flags & ACK != 0 && payload == QUESTION => return Fine,
            _ => {}
        }
    }
}

#[test]
fn what_breaks_the_rules_is_answered_as_they_say() {
    let (wire, streams, frames) = (frames::framing(), frames::states(), frames::frames());
    let cases = [
        wire,
        streams,
        frames,
        messages::messages(),
        messages::compression(),
    ]
    .concat();
    assert!(cases.len() >= 90);
    let mut wrong = Vec::new();
    for (name, bytes, expected) in cases {
        let heard = hear(&bytes);
        let is_right = match expected {
            Either(code) => matches!(heard, Away(c) | Reset(_, c) if c == code),
            Blunt(_) => heard == Away(PROTOCOL_ERROR),
            expected => heard == expected,
        };
        if !is_right {
            wrong.push(format!("{name}: {heard:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_begins_otherwise_is_closed() {
    let (worker, stream) = serve(&[]);
    let mut client = Client(stream, Vec::new());
    client.write(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
    wait(|| worker.is_over.get().then_some(()));
    while client.next().is_some() {}
}
