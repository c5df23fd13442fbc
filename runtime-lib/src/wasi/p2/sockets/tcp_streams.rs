//! Streams from and to a TCP connection.
//!
//! The system need not take all that a permit has allowed: what is left is kept, and sent when
//! somebody asks for the next permit or waits for whatever it be.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasmelt_abi::TrapCode;

use crate::host::Error;
use crate::host::tcp::TcpSocket;
use crate::io::{Handle, Interest, Source, Wanted};
use crate::wasi::p2::poll::{self, Errand, Subscribe};
use crate::wasi::p2::streams::{InputStream, OutputStream, READ_BYTES_MAX, Result, StreamError};

/// The permit of a connection that takes something.
const PERMIT_BYTES: usize = 64 * 1024;

/// The receiving half, of which the socket and the stream have a share.
pub(super) struct Receiver {
    socket: Rc<Source<TcpSocket>>,
    open: Cell<bool>,
}

/// The sending half.
pub(super) struct Sender {
    socket: Rc<Source<TcpSocket>>,
    permit: Cell<usize>,
    /// What the system has not taken yet.
    pending: RefCell<Vec<u8>>,
    /// The number of the errand to send that.
    errand: Cell<Option<u64>>,
    /// Sending ends with what is pending.
    ending: Cell<bool>,
    /// Why nothing can be sent any more.
    end: RefCell<Option<StreamError>>,
}

/// What a guest has left behind is sent as long as the other side takes some of it from time to
/// time: this often.
const UNSENT_MS: u32 = 60_000;

/// The stream to the connection. When the guest drops it, what is pending is sent by the way, and
/// then the end of all data.
pub(super) struct SenderStream(Rc<Sender>);

impl Receiver {
    pub(super) fn new(socket: &Rc<Source<TcpSocket>>) -> Rc<Receiver> {
        Rc::new(Receiver {
            socket: Rc::clone(socket),
            open: Cell::new(true),
        })
    }

    /// `shutdown` of this half.
    pub(super) fn shut_down(&self) {
        if self.open.replace(false) {
            self.socket.end_receiving();
        }
    }
}

impl Subscribe for Receiver {
    fn wanted(&self) -> Wanted {
        match self.open.get() {
            true => Wanted::Ready(self.socket.handle(), Interest::Readable),
            false => Wanted::Now,
        }
    }
}

impl InputStream for Receiver {
    fn read(&self, len: usize) -> Result<Vec<u8>> {
        if !self.open.get() {
            return Err(StreamError::Closed);
        }
        if len == 0 {
            return Ok(Vec::new());
        }
        match self.socket.receive(len.min(READ_BYTES_MAX)) {
            Ok(bytes) if !bytes.is_empty() => Ok(bytes),
            Err(Error::WouldBlock) => Ok(Vec::new()),
            end => {
                self.shut_down();
                end?;
                Err(StreamError::Closed)
            }
        }
    }
}

impl Sender {
    pub(super) fn new(socket: &Rc<Source<TcpSocket>>) -> Rc<Sender> {
        Rc::new(Sender {
            socket: Rc::clone(socket),
            permit: Cell::new(0),
            pending: RefCell::default(),
            errand: Cell::new(None),
            ending: Cell::new(false),
            end: RefCell::new(None),
        })
    }

    /// `shutdown` of this half: when everything is sent.
    pub(super) fn shut_down(&self) {
        self.ending.set(true);
        self.finish();
    }

    fn is_pending(&self) -> bool {
        !self.pending.borrow().is_empty()
    }

    fn finish(&self) {
        if self.ending.get() && !self.is_pending() && self.end.borrow().is_none() {
            self.socket.end_sending();
            self.end.replace(Some(StreamError::Closed));
        }
    }

    /// Sends what the system takes; the number of bytes, or all of them where nothing can be sent
    /// any more.
    fn send(&self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        while let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            match self.socket.send(rest) {
                Ok(count) => sent += count,
                Err(Error::WouldBlock) => return sent,
                Err(error) => {
                    self.end.replace(Some(match error {
                        Error::Pipe => StreamError::Closed,
                        error => StreamError::Failed(error),
                    }));
                    return bytes.len();
                }
            }
        }
        sent
    }

    fn push(&self) {
        let mut pending = self.pending.borrow_mut();
        let sent = self.send(&pending);
        pending.drain(..sent);
        let is_over = pending.is_empty();
        drop(pending);
        self.finish();
        if let (true, Some(errand)) = (is_over, self.errand.take()) {
            poll::forget(errand);
        }
    }

    /// Waits until the system takes more.
    fn wait(&self) {
        poll::wait(&Wanted::Ready(self.socket.handle(), Interest::Writable));
    }
}

impl Errand for Sender {
    fn awaited(&self) -> (Handle, Interest) {
        (self.socket.handle(), Interest::Writable)
    }

    fn go_on(&self) -> bool {
        self.push();
        !self.is_pending()
    }
}

impl Subscribe for Sender {
    fn wanted(&self) -> Wanted {
        match *self.end.borrow() {
            None => Wanted::Ready(self.socket.handle(), Interest::Writable),
            Some(_) => Wanted::Now,
        }
    }

    fn settle(&self) -> bool {
        if !self.is_pending() {
            return true;
        }
        self.push();
        self.end.borrow().is_some() || !self.is_pending() && self.socket.can_send()
    }
}

impl SenderStream {
    pub(super) fn new(sender: &Rc<Sender>) -> SenderStream {
        SenderStream(Rc::clone(sender))
    }
}

impl Subscribe for SenderStream {
    fn wanted(&self) -> Wanted {
        self.0.wanted()
    }

    fn settle(&self) -> bool {
        self.0.settle()
    }
}

impl OutputStream for SenderStream {
    fn check_write(&self) -> Result<usize> {
        let sender = &*self.0;
        if sender.is_pending() {
            sender.push();
        }
        if let Some(end) = sender.end.borrow().clone() {
            return Err(end);
        }
        let free = !sender.is_pending() && sender.socket.can_send();
        sender.permit.set(if free { PERMIT_BYTES } else { 0 });
        Ok(sender.permit.get())
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let sender = &*self.0;
        if let Some(end) = sender.end.borrow().clone() {
            return Err(end);
        }
        if bytes.len() > sender.permit.get() {
            return Err(StreamError::Trap(TrapCode::WriteNotPermitted));
        }
        if bytes.is_empty() {
            return Ok(());
        }
        sender.permit.set(0);
        let sent = sender.send(bytes);
        if let Some(end) = sender.end.borrow().clone() {
            return Err(end);
        }
        if let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            sender.pending.borrow_mut().extend_from_slice(rest);
            let errand = Rc::clone(&self.0) as Rc<dyn Errand>;
            sender.errand.set(Some(poll::attend(errand)));
        }
        Ok(())
    }

    /// Asks nobody whether the system takes it: sending says so.
    fn blocking_write_and_flush(&self, bytes: &[u8]) -> Result<()> {
        let sender = &*self.0;
        sender.permit.set(0);
        let mut rest = bytes;
        loop {
            if sender.is_pending() {
                sender.push();
            }
            if let Some(end) = sender.end.borrow().clone() {
                return Err(end);
            }
            if !sender.is_pending() {
                let sent = sender.send(rest);
                if let Some(end) = sender.end.borrow().clone() {
                    return Err(end);
                }
                rest = rest.get(sent..).unwrap_or_default();
                if rest.is_empty() {
                    return Ok(());
                }
            }
            sender.wait();
        }
    }

    fn flush(&self) -> Result<()> {
        self.0.end.borrow().clone().map_or(Ok(()), Err)
    }
}

impl Drop for SenderStream {
    fn drop(&mut self) {
        self.0.shut_down();
        if self.0.is_pending() {
            self.0.socket.give_up_after(UNSENT_MS);
        }
    }
}
