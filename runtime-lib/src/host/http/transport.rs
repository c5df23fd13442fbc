//! Connections as streams of bytes that never make the thread wait.

use std::cell::RefCell;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::retry_on_intr;
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{RecvFlags, SendFlags, Shutdown};

use crate::host::clocks::{Clock, now_ns};
use crate::host::http::ErrorCode;
use crate::host::{Error, Result};
use crate::io::{Changes, Interest, Source};

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

impl Transport for Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<Result<usize>> {
        loop {
            if !self.reading.may_try() {
                ready!(self.reading.poll(cx));
                continue;
            }
            let fd = self.source.as_fd();
            let read = retry_on_intr(|| rustix::net::recv(fd, &mut *into, RecvFlags::empty()));
            match read.map_err(Error::from) {
                Err(Error::WouldBlock) => self.reading.note_drained(),
                read => {
                    let read = read.map(|(count, _)| count);
                    if matches!(read, Ok(count) if (1..into.len()).contains(&count)) {
                        self.reading.note_drained();
                    }
                    return Poll::Ready(read);
                }
            }
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<Result<usize>> {
        loop {
            let fd = self.source.as_fd();
            let sent = retry_on_intr(|| rustix::net::send(fd, from, SendFlags::NOSIGNAL));
            match sent.map_err(Error::from) {
                Err(Error::WouldBlock) => ready!(self.writing.poll(cx)),
                sent => return Poll::Ready(sent),
            }
        }
    }

    fn end_writing(&mut self) {
        // A connection that is gone already is none the worse for it.
        let _ = rustix::net::shutdown(self.source.as_fd(), Shutdown::Write);
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

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.used == self.filled
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

    /// Reads into memory that all share, of which what comes is copied: connections that are silent
    /// have none of their own, and small messages no more than they need.
    fn poll_fill_first(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut dyn Transport,
    ) -> Poll<Result<usize>> {
        thread_local! {
            static SHARED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
        }
        // Whoever reads meanwhile has its own.
        let mut shared = SHARED.take();
        shared.resize(READ_BYTES, 0);
        let read = from.poll_read(cx, &mut shared);
        if let Poll::Ready(Ok(count)) = read {
            self.put_back(shared.get(..count).unwrap_or_default());
        }
        SHARED.set(shared);
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
