//! The streams of bodies.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use wasmelt_abi::TrapCode;

use super::types::ErrorNames;
use crate::host::http::ErrorCode;
use crate::host::http::body::{BodyReader, BodyWriter};
use crate::io::Wanted;
use crate::wasi::p2::poll::Subscribe;
use crate::wasi::p2::streams::{
    Cause, Explain, InputStream, OutputStream, READ_BYTES_MAX, Result, StreamError,
};

/// What `http-error-code` gives.
struct HttpCause(ErrorCode);

/// By its name: everything else that an error has would make each server 8 KB larger.
impl fmt::Debug for HttpCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Explain for HttpCause {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn http_error_code(&self) -> Option<ErrorCode> {
        Some(self.0.clone())
    }
}

fn caused(error: ErrorCode) -> StreamError {
    StreamError::Caused(Cause(Rc::new(HttpCause(error))))
}

/// The `output-stream` of an `outgoing-body`, which takes the writer away when it is finished.
pub(super) struct BodyOutput {
    writer: Rc<RefCell<Option<BodyWriter>>>,
    permit: Cell<usize>,
    /// The error has been told, or nothing is written any more.
    closed: Cell<bool>,
}

impl BodyOutput {
    pub(super) fn new(writer: &Rc<RefCell<Option<BodyWriter>>>) -> BodyOutput {
        BodyOutput {
            writer: Rc::clone(writer),
            permit: Cell::new(0),
            closed: Cell::new(false),
        }
    }

    /// An error is told once.
    fn fail(&self, error: ErrorCode) -> StreamError {
        match self.closed.replace(true) {
            false => caused(error),
            true => StreamError::Closed,
        }
    }

    /// How much can be written now.
    fn room(&self) -> Result<usize> {
        let writer = self.writer.borrow();
        match &*writer {
            Some(writer) if !self.closed.get() => {
                if writer.is_refused() {
                    self.closed.set(true);
                    return Err(StreamError::Closed);
                }
                writer.room().map_err(|error| self.fail(error))
            }
            _ => Err(StreamError::Closed),
        }
    }
}

impl Subscribe for BodyOutput {
    fn wanted(&self) -> Wanted {
        match &*self.writer.borrow() {
            Some(writer) if !self.closed.get() => Wanted::Event(writer.writable()),
            _ => Wanted::Now,
        }
    }
}

impl OutputStream for BodyOutput {
    fn check_write(&self) -> Result<usize> {
        let room = self.room()?;
        self.permit.set(room);
        Ok(room)
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        if bytes.len() > self.permit.replace(0) {
            return Err(StreamError::Trap(TrapCode::WriteNotPermitted));
        }
        self.room()?;
        let mut writer = self.writer.borrow_mut();
        let writer = writer.as_mut().ok_or(StreamError::Closed)?;
        let written = writer.write_copy(bytes);
        written.map_err(|error| self.fail(error))
    }

    fn flush(&self) -> Result<()> {
        self.room().map(drop)
    }
}

/// The `input-stream` of an `incoming-body`.
pub(super) struct BodyInput {
    reader: Rc<RefCell<BodyReader>>,
    closed: Cell<bool>,
}

impl BodyInput {
    pub(super) fn new(reader: &Rc<RefCell<BodyReader>>) -> BodyInput {
        BodyInput {
            reader: Rc::clone(reader),
            closed: Cell::new(false),
        }
    }
}

impl Subscribe for BodyInput {
    fn wanted(&self) -> Wanted {
        match self.closed.get() {
            false => Wanted::Event(self.reader.borrow().readable()),
            true => Wanted::Now,
        }
    }
}

impl InputStream for BodyInput {
    fn read(&self, len: usize) -> Result<Vec<u8>> {
        if self.closed.get() {
            return Err(StreamError::Closed);
        }
        if len == 0 {
            return Ok(Vec::new());
        }
        match self.reader.borrow_mut().read_now(len.min(READ_BYTES_MAX)) {
            None => Ok(Vec::new()),
            Some(Ok(bytes)) if !bytes.is_empty() => Ok(bytes),
            Some(end) => {
                self.closed.set(true);
                end.map_err(caused)?;
                Err(StreamError::Closed)
            }
        }
    }
}
