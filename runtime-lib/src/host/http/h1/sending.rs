//! Writing a message: its head, and its body as the framing wants it.

use std::task::{Context, Poll, ready};

use crate::host;
use crate::host::chunk::{Chunk, Parcel};
use crate::host::http::ErrorCode;
use crate::host::http::body::BodyReader;
use crate::host::http::fields::{Fields, is_forbidden};
use crate::host::http::large;
use crate::host::http::transport::Transport;
use crate::io::Interest;
use crate::sys::net::{SendFlags, send};

/// Bytes that are put together before they are written.
const OUT_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of a chunk that is put together: their number has four digits.
const CHUNK_BYTES_MAX: usize = 32 * 1024;

/// The four digits and CRLF.
const CHUNK_HEAD_BYTES: usize = 6;

/// How a body is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outgoing {
    /// There is none, whatever the fields say.
    Nothing,
    /// As it is: its length has been told, or it ends with the connection.
    Plain,
    Chunked,
}

/// Why a message was not sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendError {
    /// Whoever wrote its body gave up.
    Body(ErrorCode),
    Connection(host::Error),
}

impl From<host::Error> for SendError {
    fn from(error: host::Error) -> SendError {
        SendError::Connection(error)
    }
}

/// A message on its way out.
pub struct Sender {
    out: Vec<u8>,
    /// Part of the body, as it has come.
    large: Option<Large>,
    /// Part of the body that the system has.
    parcel: Option<Box<dyn Parcel>>,
    /// Of what is here.
    written: usize,
    body: BodyReader,
    outgoing: Outgoing,
    /// Of the body, handed over.
    body_bytes: u64,
    /// Of everything, that the other side has taken.
    sent_bytes: u64,
    ended: bool,
}

/// Bytes that are written from where they are, without being put together with others.
struct Large {
    bytes: Vec<u8>,
    /// Those before have been sent already.
    start: usize,
    /// What is behind them.
    tail: &'static [u8],
}

impl Sender {
    /// Of a message whose head has been written out.
    #[must_use]
    pub fn new(head: Vec<u8>, body: BodyReader, outgoing: Outgoing) -> Sender {
        body.attach();
        Sender {
            out: head,
            large: None,
            parcel: None,
            written: 0,
            body,
            outgoing,
            body_bytes: 0,
            sent_bytes: 0,
            ended: false,
        }
    }

    /// Writes until all has been handed to the system.
    ///
    /// # Errors
    /// Why it was not.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut dyn Transport,
    ) -> Poll<Result<(), SendError>> {
        if self.outgoing != Outgoing::Nothing && to.is_socket() {
            self.body.take_parcels();
        }
        loop {
            while !self.ended && !self.has_large() && self.out.len() < OUT_BYTES_MAX {
                match self.poll_fill(cx) {
                    Poll::Ready(filled) => filled?,
                    Poll::Pending => break,
                }
            }
            if self.has_some() {
                ready!(self.poll_write(cx, to))?;
                continue;
            }
            ready!(to.poll_flush(cx))?;
            if !self.ended {
                return Poll::Pending;
            }
            self.body.sent(Ok(()));
            return Poll::Ready(Ok(()));
        }
    }

    /// Writes some of what is to be written.
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut dyn Transport,
    ) -> Poll<host::Result<()>> {
        if self.parcel.is_some() {
            return self.poll_write_parcel(cx, to);
        }
        let rest = self.rest();
        let count = match &rest {
            [first, [], []] => ready!(to.poll_write(cx, first))?,
            pieces => ready!(to.poll_write_pieces(cx, pieces))?,
        };
        self.written += count;
        self.sent_bytes += count as u64;
        if self.rest() == [&[]; 3] {
            self.out.clear();
            self.written = 0;
            if let Some(large) = self.large.take() {
                large::give_back(large.bytes);
            }
        }
        Poll::Ready(Ok(()))
    }

    /// The same, of a parcel and what stands before it.
    fn poll_write_parcel(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut dyn Transport,
    ) -> Poll<host::Result<()>> {
        let Some(parcel) = &mut self.parcel else {
            return Poll::Ready(Ok(()));
        };
        let before = self.out.get(self.written..).unwrap_or_default();
        let polled = to.poll_socket(cx, Interest::Writable, &mut |fd| match before {
            [] => parcel.send(fd),
            before => send(fd, before, SendFlags::NOSIGNAL | SendFlags::MORE),
        });
        let count = ready!(polled.expect("only sockets take parcels"))?;
        self.sent_bytes += count as u64;
        if !before.is_empty() {
            self.written += count;
        } else if parcel.bytes() == 0 {
            self.parcel = None;
            self.out.clear();
            self.written = 0;
            if self.outgoing == Outgoing::Chunked {
                self.out.extend_from_slice(b"\r\n");
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Whether there is part of the body that is not put together with others.
    fn has_large(&self) -> bool {
        self.large.is_some() || self.parcel.is_some()
    }

    /// Whether there is something to be written.
    fn has_some(&self) -> bool {
        !self.out.is_empty() || self.has_large()
    }

    /// What has not been written.
    fn rest(&self) -> [&[u8]; 3] {
        let (bytes, tail) = match &self.large {
            Some(large) => (large.bytes.get(large.start..), large.tail),
            None => (None, Default::default()),
        };
        let mut written = self.written;
        [&self.out, bytes.unwrap_or_default(), tail].map(|piece| {
            let here = written.min(piece.len());
            written -= here;
            piece.get(here..).unwrap_or_default()
        })
    }

    /// Puts the next bytes of the body behind what is to be written.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        ready!(self.body.poll_readable(cx));
        let is_chunked = self.outgoing == Outgoing::Chunked;
        if self.outgoing != Outgoing::Nothing
            && let Some((chunk, start)) = self.body.take_large()
        {
            let count = chunk.bytes() - start;
            if is_chunked {
                let digits = format!("{count:04x}\r\n");
                self.out.extend_from_slice(digits.as_bytes());
            }
            self.body_bytes += count as u64;
            match chunk {
                Chunk::Bytes(bytes) => {
                    let tail: &[u8] = if is_chunked { b"\r\n" } else { b"" };
                    self.large = Some(Large { bytes, start, tail });
                }
                Chunk::Parcel(parcel) => self.parcel = Some(parcel),
            }
            return Poll::Ready(Ok(()));
        }
        let start = self.out.len();
        let head = if is_chunked { CHUNK_HEAD_BYTES } else { 0 };
        self.out.resize(start + head, 0);
        let read = self.body.poll_append(cx, &mut self.out, CHUNK_BYTES_MAX);
        let sends = matches!(read, Poll::Ready(Ok(1..))) && self.outgoing != Outgoing::Nothing;
        if !sends {
            self.out.truncate(start);
        }
        match ready!(read) {
            Err(error) => Poll::Ready(Err(SendError::Body(error))),
            Ok(0) => self.poll_end(cx),
            Ok(count) => {
                if sends {
                    self.body_bytes += count as u64;
                }
                if is_chunked {
                    let digits = format!("{count:04x}\r\n");
                    if let Some(place) = self.out.get_mut(start..start + head) {
                        place.copy_from_slice(digits.as_bytes());
                    }
                    self.out.extend_from_slice(b"\r\n");
                }
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError>> {
        let end = ready!(self.body.poll_end(cx));
        let trailers = end.map_err(SendError::Body)?;
        self.ended = true;
        if self.outgoing == Outgoing::Chunked {
            self.out.extend_from_slice(b"0\r\n");
            if let Some(trailers) = trailers {
                write_fields(&mut self.out, &trailers);
            }
            self.out.extend_from_slice(b"\r\n");
        }
        Poll::Ready(Ok(()))
    }

    /// Bytes of the body that have been taken to be sent, without what frames them.
    #[must_use]
    pub fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Whether all of the message is there, and only has to be handed to the system.
    #[must_use]
    pub fn has_all(&self) -> bool {
        self.ended
    }

    /// How many bytes the other side has taken, if this waits for it to take more.
    #[must_use]
    pub fn held_at(&self) -> Option<u64> {
        let is_held = self.ended || self.has_some();
        is_held.then_some(self.sent_bytes)
    }

    /// Whether all that there is has been handed to the system, and more is to come.
    #[must_use]
    pub fn waits_for_body(&self) -> bool {
        !self.ended && !self.has_some()
    }

    /// The message is not going to be sent whole.
    pub fn give_up(&mut self, error: &ErrorCode) {
        self.body.sent(Err(error.clone()));
        self.body.refuse(error.clone());
    }
}

/// Writes fields as lines, with names as whoever made them wrote them.
pub fn write_fields(out: &mut Vec<u8>, fields: &Fields) {
    for field in fields.iter().filter(|field| !is_forbidden(&field.name)) {
        write_field(out, &field.name, &field.value);
    }
}

/// Writes one line.
pub fn write_field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use std::os::fd::{AsFd, OwnedFd};
    use std::task::Waker;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;
    use crate::host::http::body::pipe;
    use crate::host::http::parcel::new_parcel;
    use crate::host::http::transport::Socket;

    /// Takes a few bytes at a time, and now and then none.
    struct Slow {
        taken: Vec<u8>,
        step: usize,
        waits: bool,
    }

    impl Transport for Slow {
        fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<host::Result<usize>> {
            Poll::Pending
        }

        fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<host::Result<usize>> {
            self.poll_write_pieces(cx, &[from])
        }

        fn poll_write_pieces(
            &mut self,
            _: &mut Context<'_>,
            from: &[&[u8]],
        ) -> Poll<host::Result<usize>> {
            self.waits = !self.waits;
            if self.waits {
                return Poll::Pending;
            }
            let all = from.concat();
            let count = all.len().min(self.step);
            self.taken.extend_from_slice(&all[..count]);
            Poll::Ready(Ok(count))
        }

        fn end_writing(&mut self) {}

        fn abort(&mut self) {}
    }

    /// What is sent of a body of these parts, by writes that take so many bytes.
    fn sent(parts: &[Vec<u8>], outgoing: Outgoing, step: usize) -> Vec<u8> {
        let (mut writer, reader) = pipe(None);
        for part in parts {
            writer.write(part.clone()).unwrap();
        }
        let mut sender = Sender::new(b"head".to_vec(), reader, outgoing);
        let cx = &mut Context::from_waker(Waker::noop());
        let mut to = Slow {
            taken: Vec::new(),
            step,
            waits: false,
        };
        for _ in 0..10 {
            assert!(sender.poll(cx, &mut to).is_pending());
        }
        assert!(!sender.has_all());
        writer.finish(None).unwrap();
        while sender.poll(cx, &mut to).is_pending() {}
        to.taken
    }

    #[test]
    fn parts_of_every_size_are_sent_in_order_whatever_the_system_takes() {
        let part = |byte: u8, count: usize| vec![byte; count];
        let parts = [
            part(b'a', 3),
            part(b'b', 40_000),
            part(b'c', 70_000),
            part(b'd', 5),
            part(b'e', 6),
        ];
        let plain = [&b"head"[..], &parts.concat()].concat();
        let body = parts.concat();
        for step in [1_000_000, 50_000, 4_097] {
            assert_eq!(sent(&parts, Outgoing::Plain, step), plain);
            let wire = sent(&parts, Outgoing::Chunked, step);
            assert_eq!(unchunked(&wire[4..]), body);
            assert_eq!(sent(&parts, Outgoing::Nothing, step), b"head");
        }
    }

    /// The body of chunks.
    fn unchunked(mut wire: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = wire.iter().position(|byte| *byte == b'\r').unwrap();
            let size = std::str::from_utf8(&wire[..line]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            let rest = &wire[line + 2..];
            body.extend_from_slice(&rest[..size]);
            assert_eq!(&rest[size..size + 2], b"\r\n");
            wire = &rest[size + 2..];
            if size == 0 {
                assert!(wire.is_empty());
                return body;
            }
        }
    }

    /// Sockets that are connected with each other.
    fn sockets() -> (OwnedFd, OwnedFd) {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap()
    }

    fn parcel(bytes: &[u8]) -> Chunk {
        let (here, there) = sockets();
        rustix::io::write(&here, bytes).unwrap();
        let mut parcel = new_parcel().unwrap();
        parcel.fill(there.as_fd(), bytes.len()).unwrap();
        Chunk::Parcel(parcel)
    }

    #[test]
    fn parcels_are_sent_between_other_parts() {
        for outgoing in [Outgoing::Plain, Outgoing::Chunked] {
            let (here, there) = sockets();
            let (mut writer, reader) = pipe(None);
            let mut sender = Sender::new(b"head".to_vec(), reader, outgoing);
            let cx = &mut Context::from_waker(Waker::noop());
            let mut to = Socket::new(here);
            assert!(sender.poll(cx, &mut to).is_pending());
            assert!(writer.takes_parcels() && sender.waits_for_body());
            for chunk in [
                Chunk::Bytes(b"one".to_vec()),
                parcel(b"two"),
                parcel(&[b'x'; 40_000]),
                Chunk::Bytes(b"three".to_vec()),
            ] {
                writer.write_chunk(chunk).unwrap();
            }
            writer.finish(None).unwrap();
            let mut got = Vec::new();
            loop {
                let is_over = sender.poll(cx, &mut to).is_ready();
                let mut some = [0; 9000];
                while let Ok(count @ 1..) = rustix::io::read(&there, &mut some) {
                    got.extend_from_slice(&some[..count]);
                }
                if is_over {
                    break;
                }
            }
            let body = [&b"onetwo"[..], &[b'x'; 40_000], b"three"].concat();
            assert_eq!(&got[..4], b"head");
            match outgoing {
                Outgoing::Chunked => assert_eq!(unchunked(&got[4..]), body),
                _ => assert_eq!(&got[4..], body),
            }
            assert_eq!(sender.body_bytes(), body.len() as u64);
        }
    }
}
