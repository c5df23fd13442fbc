//! The standard streams of the process as streams of WASI.
//!
//! They are always there, every one that the guest asks for is the same, and none is ever closed.
//! Writes go straight to the system, waiting where they must, so that the end of the process
//! loses nothing.

#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::io::IoSlice;
use std::rc::Rc;

use super::labels::{Labels, labels_of};
use super::poll::{self, Subscribe};
use super::streams::{
    InputStream, OutputStream, PERMIT_BYTES, READ_BYTES_MAX, Result, StreamError,
};
use crate::host::{Descriptor, Error, Stream};
use crate::io::{self, Handle, Interest, Wanted};

/// Standard input.
pub(super) struct StandardInput;

/// Standard output or standard error.
pub(super) struct StandardOutput {
    stream: Stream,
    /// [`Stream::may_wait`], once known.
    may_wait: Cell<Option<bool>>,
    labels: Option<Rc<dyn Labels>>,
}

impl StandardOutput {
    pub(super) fn new(stream: Stream) -> StandardOutput {
        StandardOutput {
            stream,
            may_wait: Cell::new(None),
            labels: labels_of(stream),
        }
    }

    fn handle(&self) -> Handle {
        Handle::Stream(self.stream)
    }

    fn may_wait(&self) -> bool {
        self.may_wait.get().unwrap_or_else(|| {
            let may_wait = self.stream.may_wait();
            self.may_wait.set(Some(may_wait));
            may_wait
        })
    }
}

/// Where reading may wait, and for what.
const READABLE: (Handle, Interest) = (Handle::Stream(Stream::In), Interest::Readable);

impl Subscribe for StandardInput {
    fn wanted(&self) -> Wanted {
        Wanted::Ready(READABLE.0, READABLE.1)
    }
}

impl InputStream for StandardInput {
    fn read(&self, len: usize) -> Result<Vec<u8>> {
        if len == 0 || !io::is_descriptor_ready(&READABLE.0, READABLE.1) {
            return Ok(Vec::new());
        }
        match read(len) {
            // Somebody else has read it.
            Err(StreamError::Failed(Error::WouldBlock)) => Ok(Vec::new()),
            result => result,
        }
    }

    fn blocking_read(&self, len: usize) -> Result<Vec<u8>> {
        poll::attend_until(|| self.wanted());
        loop {
            match read(len) {
                Err(StreamError::Failed(Error::WouldBlock)) => {
                    io::wait_for_descriptor(&READABLE.0, READABLE.1);
                }
                result => return result,
            }
        }
    }
}

/// Reads once, which waits unless the descriptor is set not to.
fn read(len: usize) -> Result<Vec<u8>> {
    let bytes = Stream::In.read(len.min(READ_BYTES_MAX));
    let bytes = bytes.map_err(closed_if_broken)?;
    if bytes.is_empty() && len > 0 {
        return Err(StreamError::Closed);
    }
    Ok(bytes)
}

impl Subscribe for StandardOutput {
    fn wanted(&self) -> Wanted {
        if self.may_wait() {
            Wanted::Ready(self.handle(), Interest::Writable)
        } else {
            Wanted::Now
        }
    }
}

impl OutputStream for StandardOutput {
    fn check_write(&self) -> Result<usize> {
        Ok(match self.may_wait() {
            false => PERMIT_BYTES,
            true if io::is_descriptor_ready(&self.handle(), Interest::Writable) => {
                self.stream.room_bytes()
            }
            true => 0,
        })
    }

    /// Differs from the spec, as Wasmtime does: what is beyond the permit is written too.
    fn write(&self, bytes: &[u8]) -> Result<()> {
        poll::attend_until(|| self.wanted());
        let labelled = self.labels.as_ref().map(|labels| labels.label(bytes));
        let mut rest = labelled.as_deref().unwrap_or(bytes);
        while !rest.is_empty() {
            let buffers = &[IoSlice::new(rest)];
            match Descriptor::Stream(self.stream).write(buffers) {
                Ok(0) => return Err(StreamError::Failed(Error::Io)),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Error::WouldBlock) => {
                    io::wait_for_descriptor(&self.handle(), Interest::Writable);
                }
                Err(error) => return Err(closed_if_broken(error)),
            }
        }
        Ok(())
    }

    fn blocking_write_and_flush(&self, bytes: &[u8]) -> Result<()> {
        self.write(bytes)
    }
}

/// Whoever reads is gone, which is how the other end of a pipe says that it is closed.
fn closed_if_broken(error: Error) -> StreamError {
    match error {
        Error::Pipe => StreamError::Closed,
        error => StreamError::Failed(error),
    }
}
