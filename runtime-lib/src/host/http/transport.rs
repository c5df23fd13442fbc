//! Connections as streams of bytes that never make the thread wait.

use std::io::IoSlice;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::host::clocks::{Clock, now_ns};
use crate::host::http::ErrorCode;
use crate::host::http::large::{self, HUGE_BYTES, LARGE_BYTES};
use crate::host::{Error, Result};
use crate::io::{Changes, Interest, Source};
use crate::sys;
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::sys::io::retry_on_intr;
use crate::sys::net::sockopt::set_socket_linger;
use crate::sys::net::{RecvFlags, SendFlags, Shutdown};

/// Bytes that one reading asks for at least.
const READ_BYTES: usize = 16 * 1024;

/// The time when so many nanoseconds are over.
#[must_use]
pub fn after_ns(ns: u64) -> u64 {
    now_ns(Clock::Monotonic).saturating_add(ns)
}

/// A connection, secured or not.
pub trait Transport {
    /// Reads what is there into a buffer that is not empty: 0 bytes at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>>;

    /// Writes what is taken, of bytes of which there is one.
    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<Result<usize>>;

    /// As [`Transport::poll_write`], of bytes that lie in several places.
    fn poll_write_pieces(&mut self, cx: &mut Context<'_>, from: &[&[u8]]) -> Poll<Result<usize>> {
        let first = from.iter().find(|piece| !piece.is_empty());
        self.poll_write(cx, first.expect("there is a byte"))
    }

    /// Has the system move bytes by `work`, which is told the socket, as soon as there is one to be
    /// read or to be written; nothing if there is more to it than a socket.
    fn poll_socket(
        &mut self,
        _: &mut Context<'_>,
        _: Interest,
        _: &mut dyn FnMut(BorrowedFd<'_>) -> sys::io::Result<usize>,
    ) -> Option<Poll<Result<usize>>> {
        None
    }

    /// Whether [`Transport::poll_socket`] gives something.
    fn is_socket(&self) -> bool {
        false
    }

    /// Writes no more: the other side sees the end.
    fn end_writing(&mut self);

    /// Closing is going to tell the other side that something was wrong.
    fn abort(&mut self);

    /// Hands on to the system what has been written.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Why it no longer works, if that is not the system's doing.
    fn failure(&self) -> Option<ErrorCode> {
        None
    }
}

/// A connected socket.
pub struct Socket {
    source: Rc<Source<OwnedFd>>,
    reading: Changes,
    writing: Changes,
}

impl Socket {
    /// Of a descriptor that does not block.
    #[must_use]
    pub fn new(fd: OwnedFd) -> Socket {
        let source = Rc::new(Source::new(fd));
        Socket {
            reading: Changes::new(source.handle(), Interest::Readable),
            writing: Changes::new(source.handle(), Interest::Writable),
            source,
        }
    }
}

impl Socket {
    /// Sends by `send` until it has to wait.
    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        send: &mut dyn FnMut(BorrowedFd<'_>) -> sys::io::Result<usize>,
    ) -> Poll<Result<usize>> {
        loop {
            let sent = retry_on_intr(|| send(self.source.as_fd()));
            match sent.map_err(Error::from) {
                Err(Error::WouldBlock) => ready!(self.writing.poll(cx)),
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Receives by `receive` until it has to wait.
    fn poll_receive(
        &mut self,
        cx: &mut Context<'_>,
        receive: &mut dyn FnMut(BorrowedFd<'_>) -> sys::io::Result<usize>,
    ) -> Poll<Result<usize>> {
        loop {
            if !self.reading.may_try() {
                ready!(self.reading.poll(cx));
                continue;
            }
            let received = retry_on_intr(|| receive(self.source.as_fd()));
            match received.map_err(Error::from) {
                Err(Error::WouldBlock) => self.reading.note_drained(),
                received => return Poll::Ready(received),
            }
        }
    }
}

impl Transport for Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
        let read = self.poll_receive(cx, &mut |fd| {
            let read = sys::net::recv(fd, &mut *into, RecvFlags::empty());
            read.map(|(count, _)| count)
        });
        if matches!(read, Poll::Ready(Ok(count)) if (1..into.len()).contains(&count)) {
            self.reading.note_drained();
        }
        read
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<Result<usize>> {
        let flags = SendFlags::NOSIGNAL;
        self.poll_send(cx, &mut |fd| sys::net::send(fd, from, flags))
    }

    fn poll_write_pieces(&mut self, cx: &mut Context<'_>, from: &[&[u8]]) -> Poll<Result<usize>> {
        let pieces: Vec<IoSlice<'_>> = from.iter().map(|piece| IoSlice::new(piece)).collect();
        let flags = SendFlags::NOSIGNAL;
        self.poll_send(cx, &mut |fd| sys::net::send_pieces(fd, &pieces, flags))
    }

    fn poll_socket(
        &mut self,
        cx: &mut Context<'_>,
        interest: Interest,
        work: &mut dyn FnMut(BorrowedFd<'_>) -> sys::io::Result<usize>,
    ) -> Option<Poll<Result<usize>>> {
        Some(match interest {
            Interest::Writable => self.poll_send(cx, work),
            Interest::Readable => self.poll_receive(cx, work),
        })
    }

    fn is_socket(&self) -> bool {
        true
    }

    fn end_writing(&mut self) {
        // A connection that is gone already is none the worse for it.
        let _ = sys::net::shutdown(self.source.as_fd(), Shutdown::Write);
    }

    fn abort(&mut self) {
        // As above.
        let _ = set_socket_linger(self.source.as_fd(), Some(Duration::ZERO));
    }
}

/// What has come in and has not been used.
#[derive(Default)]
pub struct Buffer {
    /// Behind what has come in, whatever was there before.
    bytes: Vec<u8>,
    used: usize,
    filled: usize,
    /// The last reading had as much as a large buffer takes.
    has_filled: bool,
}

impl Buffer {
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(self.used..self.filled).unwrap_or_default()
    }

    pub fn consume(&mut self, count: usize) {
        self.used += count;
        if self.used == self.filled {
            (self.used, self.filled) = (0, 0);
            if self.bytes.len() < READ_BYTES {
                self.bytes.clear();
            }
        }
    }

    /// The next so many bytes, in a buffer of their own: the one in which they have come, if nothing
    /// else is in it.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        if large::is_worth(count, self.bytes.len()) && (self.used, self.filled) == (0, count) {
            self.filled = 0;
            let mut bytes = std::mem::take(&mut self.bytes);
            bytes.truncate(count);
            return bytes;
        }
        let bytes = self.bytes().get(..count).unwrap_or_default().to_vec();
        self.consume(count);
        bytes
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == self.filled
    }

    /// Whether more comes than a large buffer takes.
    #[must_use]
    pub fn is_flooded(&self) -> bool {
        self.has_filled && self.is_empty()
    }

    /// Something has been read besides, of so many bytes.
    pub fn note_read(&mut self, count: usize) {
        self.has_filled = count >= LARGE_BYTES;
    }

    /// Puts bytes behind those that are there.
    pub fn put_back(&mut self, bytes: &[u8]) {
        self.bytes.truncate(self.filled);
        self.bytes.extend_from_slice(bytes);
        self.filled = self.bytes.len();
    }

    /// Gives its memory back, if nothing is in it.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            *self = Buffer::default();
        }
    }

    /// Reads into memory that all share, of which what comes is copied unless it is much: connections
    /// that are silent have none of their own, and small messages no more than they need.
    fn poll_fill_first(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut dyn Transport,
    ) -> Poll<Result<usize>> {
        let size = match self.has_filled {
            true => HUGE_BYTES,
            false => LARGE_BYTES,
        };
        let mut shared = large::take(size);
        let read = from.poll_read(cx, &mut shared);
        if let Poll::Ready(Ok(count)) = read {
            self.has_filled = count >= LARGE_BYTES;
        }
        match read {
            Poll::Ready(Ok(count)) if large::is_worth(count, size) => {
                (self.bytes, self.filled) = (shared, count);
            }
            Poll::Ready(Ok(count)) => {
                self.put_back(shared.get(..count).unwrap_or_default());
                large::give_back(shared);
            }
            Poll::Ready(Err(_)) | Poll::Pending => large::give_back(shared),
        }
        read
    }

    /// Reads more: 0 bytes at the end.
    ///
    /// # Errors
    /// The system's.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut dyn Transport,
    ) -> Poll<Result<usize>> {
        if self.used > 0 {
            self.bytes.copy_within(self.used..self.filled, 0);
            (self.used, self.filled) = (0, self.filled - self.used);
        }
        if self.bytes.is_empty() {
            return self.poll_fill_first(cx, from);
        }
        if self.bytes.len() - self.filled < READ_BYTES / 2 {
            self.bytes.resize(self.filled + READ_BYTES, 0);
        }
        let free = self.bytes.get_mut(self.filled..).unwrap_or_default();
        let count = ready!(from.poll_read(cx, free))?;
        self.filled += count;
        Poll::Ready(Ok(count))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Has so many bytes left to be read.
    struct Some(usize);

    impl Transport for Some {
        fn poll_read(&mut self, _: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
            let count = self.0.min(into.len());
            self.0 -= count;
            into[..count].fill(7);
            Poll::Ready(Ok(count))
        }

        fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<Result<usize>> {
            Poll::Pending
        }

        fn end_writing(&mut self) {}

        fn abort(&mut self) {}
    }

    #[test]
    fn what_comes_in_large_pieces_is_given_away_with_its_buffer() {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut from = Some(100 + LARGE_BYTES + HUGE_BYTES + 1000);
        let mut buffer = Buffer::default();
        let mut fill = |buffer: &mut Buffer, most: usize| {
            let mut few = Some(most.min(from.0));
            from.0 -= few.0;
            let filled = buffer.poll_fill(cx, &mut few);
            from.0 += few.0;
            assert!(matches!(filled, Poll::Ready(Ok(_))));
            buffer.bytes().len()
        };
        assert_eq!(fill(&mut buffer, 100), 100);
        assert_eq!(buffer.take(100), [7; 100]);
        assert_eq!(fill(&mut buffer, usize::MAX), LARGE_BYTES);
        let place = buffer.bytes().as_ptr();
        let taken = buffer.take(LARGE_BYTES);
        assert_eq!((taken.as_ptr(), taken.len()), (place, LARGE_BYTES));
        assert!(buffer.is_empty());
        assert_eq!(
            fill(&mut buffer, usize::MAX),
            HUGE_BYTES,
            "more comes at once"
        );
        let place = buffer.bytes().as_ptr();
        assert_eq!(buffer.take(10), [7; 10]);
        let taken = buffer.take(HUGE_BYTES - 10);
        assert_ne!(taken.as_ptr(), place, "the rest is copied");
        assert_eq!(taken, [7; HUGE_BYTES - 10]);
        assert_eq!(fill(&mut buffer, usize::MAX), 1000);
        assert_eq!(
            buffer.take(1000).capacity(),
            1000,
            "and little has little memory"
        );
    }
}
