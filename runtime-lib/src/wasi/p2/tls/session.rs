//! A connection whose sides know each other, and its streams.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustls::ClientConnection;
use wasmelt_abi::TrapCode;

use crate::host::Error;
use crate::host::http::ErrorCode;
use crate::host::http::tls::Tls;
use crate::host::http::transport::Transport;
use crate::io::{Event, Wanted};
use crate::wasi::p2::http::ErrorNames;
use crate::wasi::p2::poll::Subscribe;
use crate::wasi::p2::streams::{Cause, Explain, InputStream, OutputStream, Result, StreamError};

/// What a record holds at most.
const RECORD_BYTES: usize = 16 * 1024;

/// Both directions.
pub(super) struct Session {
    tls: RefCell<Tls<ClientConnection>>,
    /// What has come and is not read.
    plain: RefCell<Vec<u8>>,
    /// Where it comes to: it is asked often whether something has come.
    room: RefCell<Vec<u8>>,
    /// Why nothing more is read.
    read_end: RefCell<Option<StreamError>>,
    /// Why nothing more is written.
    write_end: RefCell<Option<StreamError>>,
}

/// Why TLS has failed, by the names that `wasi:http` has for it.
struct TlsCause(ErrorCode);

/// By its name: everything else that an error has would make each program larger.
impl fmt::Debug for TlsCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Explain for TlsCause {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn http_error_code(&self) -> Option<ErrorCode> {
        None
    }
}

pub(super) fn cause(error: ErrorCode) -> Cause {
    Cause(Rc::new(TlsCause(error)))
}

fn failed(tls: &Tls<ClientConnection>, error: Error) -> StreamError {
    match tls.failure() {
        Some(failure) => StreamError::Caused(cause(failure)),
        None => StreamError::Failed(error),
    }
}

/// An error is told once, and then that the stream is closed.
fn told(end: &RefCell<Option<StreamError>>) -> Option<StreamError> {
    let told = end.borrow().clone()?;
    end.replace(Some(StreamError::Closed));
    Some(told)
}

impl Session {
    pub(super) fn new(tls: Tls<ClientConnection>) -> Session {
        Session {
            tls: RefCell::new(tls),
            plain: RefCell::default(),
            room: RefCell::default(),
            read_end: RefCell::new(None),
            write_end: RefCell::new(None),
        }
    }

    /// Waits until there is something to be read, or to be said about reading.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.plain.borrow().is_empty() || self.read_end.borrow().is_some() {
            return Poll::Ready(());
        }
        let mut tls = self.tls.borrow_mut();
        // The other side may wait for what was written; what is wrong with it, the next write says.
        let _ = tls.poll_flush(cx);
        let mut room = self.room.borrow_mut();
        room.resize(RECORD_BYTES, 0);
        let end = match tls.poll_read(cx, &mut room) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(0)) => StreamError::Closed,
            Poll::Ready(Ok(count)) => {
                self.plain.replace(room[..count].to_vec());
                return Poll::Ready(());
            }
            Poll::Ready(Err(error)) => failed(&tls, error),
        };
        *room = Vec::new();
        self.read_end.replace(Some(end));
        Poll::Ready(())
    }

    /// Waits until a record can be written, or there is something to be said about writing.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.write_end.borrow().is_some() {
            return Poll::Ready(());
        }
        let mut tls = self.tls.borrow_mut();
        tls.poll_flush(cx).map(|flushed| {
            if let Err(error) = flushed {
                self.write_end.replace(Some(failed(&tls, error)));
            }
        })
    }

    pub(super) fn close_output(&self) {
        if self.write_end.borrow().is_none() {
            self.tls.borrow_mut().end_writing();
            self.write_end.replace(Some(StreamError::Closed));
        }
    }
}

/// The event that one of the two has happened.
struct Readable(Rc<Session>);
struct Writable(Rc<Session>);

impl Event for Readable {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_readable(cx)
    }
}

impl Event for Writable {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_writable(cx)
    }
}

/// What is read.
pub(super) struct TlsInput(pub(super) Rc<Session>);

impl Subscribe for TlsInput {
    fn wanted(&self) -> Wanted {
        Wanted::Event(Rc::new(Readable(Rc::clone(&self.0))))
    }
}

impl InputStream for TlsInput {
    fn read(&self, len: usize) -> Result<Vec<u8>> {
        let session = &*self.0;
        let polled = session.poll_readable(&mut Context::from_waker(Waker::noop()));
        if polled.is_pending() {
            return Ok(Vec::new());
        }
        let mut plain = session.plain.borrow_mut();
        if plain.is_empty() {
            return Err(told(&session.read_end).unwrap_or(StreamError::Closed));
        }
        let taken = len.min(plain.len());
        let rest = plain.split_off(taken);
        Ok(std::mem::replace(&mut *plain, rest))
    }
}

/// What is written.
pub(super) struct TlsOutput {
    session: Rc<Session>,
    permit: Cell<usize>,
}

impl TlsOutput {
    pub(super) fn new(session: &Rc<Session>) -> TlsOutput {
        TlsOutput {
            session: Rc::clone(session),
            permit: Cell::new(0),
        }
    }
}

impl Subscribe for TlsOutput {
    fn wanted(&self) -> Wanted {
        Wanted::Event(Rc::new(Writable(Rc::clone(&self.session))))
    }
}

impl OutputStream for TlsOutput {
    fn check_write(&self) -> Result<usize> {
        let polled = self
            .session
            .poll_writable(&mut Context::from_waker(Waker::noop()));
        if let Some(end) = told(&self.session.write_end) {
            return Err(end);
        }
        self.permit.set(match polled {
            Poll::Ready(()) => RECORD_BYTES,
            Poll::Pending => 0,
        });
        Ok(self.permit.get())
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > self.permit.replace(0) {
            return Err(StreamError::Trap(TrapCode::WriteNotPermitted));
        }
        if let Some(end) = told(&self.session.write_end) {
            return Err(end);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let mut tls = self.session.tls.borrow_mut();
        let cx = &mut Context::from_waker(Waker::noop());
        let error = match tls.poll_write(cx, bytes) {
            Poll::Ready(Ok(count)) if count == bytes.len() => return Ok(()),
            Poll::Ready(Err(error)) => error,
            // Nothing was left before, and a record is less than TLS keeps.
            _ => Error::Io,
        };
        let error = failed(&tls, error);
        self.session.write_end.replace(Some(StreamError::Closed));
        Err(error)
    }

    fn flush(&self) -> Result<()> {
        let cx = &mut Context::from_waker(Waker::noop());
        let _ = self.session.poll_writable(cx);
        told(&self.session.write_end).map_or(Ok(()), Err)
    }
}
