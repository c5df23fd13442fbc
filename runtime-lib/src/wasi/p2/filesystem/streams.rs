//! Streams from and to files. They have positions of their own, and never make anybody wait.

use std::cell::Cell;
use std::rc::Rc;

use super::Descriptor;
use crate::host::{self, Error, file::File};
use crate::io::Wanted;
use crate::wasi::p2::poll::Subscribe;
use crate::wasi::p2::streams::{
    Input, InputStream, Output, OutputStream, PERMIT_BYTES, READ_BYTES_MAX, Result, StreamError,
};

/// `read-via-stream`. That the file is not open for this is said at once, not by the first read.
pub(super) fn reader(file: &Rc<Descriptor>, position: u64) -> host::Result<Input> {
    if !file.readable()?.mode()?.read {
        return Err(Error::BadDescriptor);
    }
    Ok(Rc::new(Reader {
        file: Rc::clone(file),
        position: Cell::new(position),
        closed: Cell::new(false),
    }))
}

/// `write-via-stream`; without a position, `append-via-stream`.
pub(super) fn writer(file: &Rc<Descriptor>, position: Option<u64>) -> host::Result<Output> {
    if !file.writable()?.mode()?.write {
        return Err(Error::BadDescriptor);
    }
    Ok(Rc::new(Writer {
        file: Rc::clone(file),
        position: Cell::new(position),
        closed: Cell::new(false),
    }))
}

struct Reader {
    file: Rc<Descriptor>,
    position: Cell<u64>,
    /// After the end, or an error, nothing more is read.
    closed: Cell<bool>,
}

struct Writer {
    file: Rc<Descriptor>,
    /// None: at the end, wherever that is.
    position: Cell<Option<u64>>,
    /// After an error, nothing more is written.
    closed: Cell<bool>,
}

impl Subscribe for Reader {
    fn wanted(&self) -> Wanted {
        Wanted::Now
    }
}

impl InputStream for Reader {
    fn read(&self, len: usize) -> Result<Vec<u8>> {
        if self.closed.get() {
            return Err(StreamError::Closed);
        }
        if len == 0 {
            return Ok(Vec::new());
        }
        let position = self.position.get();
        let file = self.file.host().file()?;
        let bytes = match file.read_at(len.min(READ_BYTES_MAX), position) {
            Ok(bytes) if !bytes.is_empty() => bytes,
            end => {
                self.closed.set(true);
                end?;
                return Err(StreamError::Closed);
            }
        };
        self.position.set(position + bytes.len() as u64);
        Ok(bytes)
    }

    fn blocking_read(&self, len: usize) -> Result<Vec<u8>> {
        self.read(len)
    }
}

impl Writer {
    fn write_all(&self, file: &File, mut rest: &[u8]) -> std::result::Result<(), Error> {
        while !rest.is_empty() {
            let written = match self.position.get() {
                Some(position) => {
                    let written = file.write_at(rest, position)?;
                    self.position.set(Some(position + written as u64));
                    written
                }
                None => file.append(rest)?,
            };
            rest = rest
                .get(written..)
                .filter(|_| written > 0)
                .ok_or(Error::Io)?;
        }
        Ok(())
    }
}

impl Subscribe for Writer {
    fn wanted(&self) -> Wanted {
        Wanted::Now
    }
}

impl OutputStream for Writer {
    fn check_write(&self) -> Result<usize> {
        if self.closed.get() {
            return Err(StreamError::Closed);
        }
        Ok(PERMIT_BYTES)
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        self.check_write()?;
        let written = self.write_all(self.file.host().file()?, bytes);
        self.closed.set(written.is_err());
        Ok(written?)
    }

    fn flush(&self) -> Result<()> {
        self.check_write()?;
        Ok(())
    }

    fn blocking_write_and_flush(&self, bytes: &[u8]) -> Result<()> {
        self.write(bytes)
    }
}
