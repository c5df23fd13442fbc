//! The access log: a line for each request that has ended, to standard error or to a file.
//!
//! Workers share what it is written to. Lines of a turn of the event loop go by one write of whole
//! lines, to the end of the file, so those of different workers are never mixed. A reader that is
//! slow stops nobody: what it does not take is kept up to a limit, and lost beyond that, which a
//! line tells.

mod line;

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use super::settings::{AccessLogSettings, LogFormat};
use crate::host::clocks::{Clock, now_ns};
use crate::host::http::RequestHead;
use crate::host::http::transport::after_ns;
use crate::host::net::remote_address;
use crate::host::{Error, Result, Stream};
use crate::io::{Changes, Handle, Interest, Source, sleep_until};
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::sys::fs::open_to_append;
use crate::sys::io::retry_on_intr;
use line::{Entry, Wanted, write_line, write_lost};

/// What pipes take whole or not at all.
const WRITE_BYTES_MAX: usize = 4096;

/// What is kept of lines that nobody takes.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// A worker that ends waits so long for whoever reads.
const LAST_NS: u64 = 500_000_000;

/// A worker's.
pub(super) struct AccessLog {
    settings: AccessLogSettings,
    to: RefCell<Target>,
    /// Whole lines.
    out: RefCell<Vec<u8>>,
    lost: Cell<u64>,
    /// Of whoever writes them.
    waker: Cell<Option<Waker>>,
}

/// What it is written to.
struct Target {
    kind: Kind,
    /// Told when there is room again.
    room: Changes,
}

enum Kind {
    /// Standard error, and whether it may make anybody wait.
    Errors(bool),
    File(Rc<Source<OwnedFd>>),
}

/// Opens the file that a log goes to, if it goes to one.
///
/// # Errors
/// The system's.
pub(super) fn open(settings: &AccessLogSettings) -> Result<Option<OwnedFd>> {
    let Some(path) = settings.path.as_deref() else {
        return Ok(None);
    };
    Ok(Some(open_to_append(path)?))
}

impl Target {
    fn new(file: Option<OwnedFd>) -> Target {
        let (kind, handle) = match file {
            Some(fd) => {
                let source = Rc::new(Source::new(fd));
                let handle = source.handle();
                (Kind::File(source), handle)
            }
            None => {
                let may_wait = Stream::Err.may_wait();
                (Kind::Errors(may_wait), Handle::Stream(Stream::Err))
            }
        };
        Target {
            kind,
            room: Changes::new(handle, Interest::Writable),
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<usize> {
        match &self.kind {
            Kind::Errors(may_wait) => Stream::Err.write_nowait(bytes, *may_wait),
            Kind::File(file) => {
                let written = retry_on_intr(|| crate::sys::io::write(file.as_fd(), bytes));
                Ok(written?)
            }
        }
    }
}

impl AccessLog {
    /// # Errors
    /// The system's.
    pub(super) fn new(settings: &AccessLogSettings) -> Result<Rc<AccessLog>> {
        let to = Target::new(open(settings)?);
        Ok(Rc::new(AccessLog {
            settings: settings.clone(),
            to: RefCell::new(to),
            out: RefCell::default(),
            lost: Cell::new(0),
            waker: Cell::new(None),
        }))
    }

    /// Writes to the file that has the path now; to the old one as long as that cannot be.
    pub(super) fn reopen(&self) {
        if let Ok(file @ Some(_)) = open(&self.settings) {
            self.to.replace(Target::new(file));
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn format(&self) -> LogFormat {
        self.settings.format
    }

    /// Has a line written, soon.
    fn add(&self, entry: &Entry) {
        let out = &mut *self.out.borrow_mut();
        if out.len() > KEPT_BYTES_MAX {
            return self.lost.set(self.lost.get() + 1);
        }
        write_line(out, self.format(), entry, now_ns(Clock::Realtime));
        self.wake();
    }

    /// Writes lines whenever there are some; never ends.
    pub(super) async fn write_all(self: Rc<Self>) {
        poll_fn(|cx| {
            let _ = self.poll_write(cx);
            Poll::Pending
        })
        .await
    }

    /// Writes what there is when the worker ends, if somebody takes it soon.
    pub(super) async fn write_last(&self) {
        let mut limit = pin!(sleep_until(after_ns(LAST_NS)));
        poll_fn(|cx| match self.poll_write(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => limit.as_mut().poll(cx),
        })
        .await;
    }

    /// Writes until everything has been written.
    fn poll_write(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.waker.set(Some(cx.waker().clone()));
        loop {
            let out = &mut *self.out.borrow_mut();
            if out.is_empty() {
                return Poll::Ready(());
            }
            let to = &mut *self.to.borrow_mut();
            let lines = out.get(..whole_lines(out)).unwrap_or_default();
            match to.write(lines) {
                Ok(count) => drop(out.drain(..count)),
                Err(Error::WouldBlock) => ready!(to.room.poll(cx)),
                // There is nobody to tell that the disk is full or the reader gone.
                Err(_) => out.clear(),
            }
            if out.len() < KEPT_BYTES_MAX && self.lost.get() > 0 {
                write_lost(out, self.format(), self.lost.replace(0));
            }
        }
    }
}

/// How many of these bytes are whole lines that are written at once.
fn whole_lines(out: &[u8]) -> usize {
    let fitting = out.get(..WRITE_BYTES_MAX).unwrap_or(out);
    let last = fitting.iter().rposition(|byte| *byte == b'\n');
    last.map_or(fitting.len(), |end| end + 1)
}

/// A request that is going on. The log is told when it is dropped.
pub struct Note {
    log: Rc<AccessLog>,
    entry: Entry,
    since_ns: u64,
}

impl Note {
    /// It is answered so.
    pub(in crate::host::http) fn answer(&mut self, status: u16) {
        self.entry.status = Some(status);
    }

    /// So much of the body has been sent, which is all of it or not.
    pub(in crate::host::http) fn end(&mut self, bytes: u64, is_whole: bool) {
        (self.entry.bytes, self.entry.is_whole) = (bytes, is_whole);
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.entry.took_ns = now_ns(Clock::Monotonic).saturating_sub(self.since_ns);
        self.log.add(&self.entry);
    }
}

/// Who has made a connection, for the log.
#[derive(Clone)]
pub struct Visitor {
    log: Rc<AccessLog>,
    remote: Option<SocketAddr>,
}

impl Visitor {
    pub(super) fn new(log: &Rc<AccessLog>, fd: BorrowedFd<'_>) -> Visitor {
        Visitor {
            log: Rc::clone(log),
            // Sockets in the file system have none.
            remote: remote_address(fd).ok(),
        }
    }

    /// Notes a request that is going to be answered.
    pub(in crate::host::http) fn note_request(
        &self,
        head: &RequestHead,
        version: &'static str,
    ) -> Box<Note> {
        let authority = head.authority.as_deref().unwrap_or_default();
        let target = head.path_with_query.as_deref().unwrap_or(authority);
        let wanted = Wanted {
            method: head.method.name().to_owned(),
            target: target.to_owned(),
            host: authority.to_owned(),
            version,
        };
        self.note(Some(wanted), None)
    }

    /// Notes a request that the server answers by itself, of which perhaps nothing was understood.
    pub(in crate::host::http) fn note_refused(&self, status: u16) {
        drop(self.note(None, Some(status)));
    }

    fn note(&self, request: Option<Wanted>, status: Option<u16>) -> Box<Note> {
        Box::new(Note {
            log: Rc::clone(&self.log),
            entry: Entry {
                remote: self.remote,
                request,
                status,
                bytes: 0,
                is_whole: status.is_some(),
                took_ns: 0,
            },
            since_ns: now_ns(Clock::Monotonic),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::http::Method;
    use crate::io::{spawn, turn};

    fn head() -> RequestHead {
        RequestHead {
            method: Method::Get,
            path_with_query: Some("/a".to_owned()),
            scheme: None,
            authority: Some("b".to_owned()),
            fields: crate::host::http::Fields::received(Vec::new()),
        }
    }

    #[test]
    fn a_slow_reader_gets_whole_lines_and_is_told_what_it_has_missed() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        let settings = AccessLogSettings {
            format: LogFormat::Json,
            path: None,
        };
        let log = Rc::new(AccessLog {
            settings,
            to: RefCell::new(Target::new(Some(writer))),
            out: RefCell::default(),
            lost: Cell::new(0),
            waker: Cell::new(None),
        });
        let visitor = Visitor {
            log: Rc::clone(&log),
            remote: None,
        };
        let task = spawn(Rc::clone(&log).write_all());
        let count = 20_000;
        for number in 0..count {
            drop(visitor.note_request(&head(), "HTTP/1.1"));
            if number % 100 == 0 {
                turn(false);
            }
        }
        assert!(log.lost.get() > 0);
        let mut text = Vec::new();
        let mut buffer = vec![0; 65536];
        while !log.out.borrow().is_empty() {
            let read = rustix::io::read(&reader, &mut buffer).unwrap();
            text.extend_from_slice(&buffer[..read]);
            for _ in 0..100 {
                crate::io::run_tasks();
                turn(false);
            }
        }
        drop((task, visitor, log));
        while let Ok(read @ 1..) = rustix::io::read(&reader, &mut buffer) {
            text.extend_from_slice(&buffer[..read]);
        }
        let text = String::from_utf8(text).unwrap();
        let (mut lost, mut seen) = (0, 0);
        for line in text.lines() {
            match line.strip_prefix("{\"lost\":") {
                Some(rest) => lost += rest.trim_end_matches('}').parse::<usize>().unwrap(),
                None => {
                    assert!(
                        line.starts_with("{\"time\"") && line.ends_with('}'),
                        "{line}"
                    );
                    seen += 1;
                }
            }
        }
        assert_eq!(seen + lost, count);
    }
}
