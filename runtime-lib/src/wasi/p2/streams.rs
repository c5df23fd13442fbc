//! `wasi:io/streams`: what can be read and written.
//!
//! A stream of whatever kind implements [`InputStream`] or [`OutputStream`]; what WASI makes of
//! them is in `io`.

use std::rc::Rc;

use wasmelt_abi::TrapCode;

use super::poll::{self, Subscribe};
use crate::component::Resource;
use crate::host;
use crate::host::http;

/// No read gives more than this.
pub const READ_BYTES_MAX: usize = 64 * 1024;

/// The permit of what never makes anybody wait.
pub const PERMIT_BYTES: usize = 1024 * 1024;

/// Why a stream did not do what it was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StreamError {
    /// `last-operation-failed`, with what becomes an `error`.
    Failed(host::Error),
    /// The same, where the system has nothing to do with it.
    Caused(Cause),
    /// There is no more to come, or nobody to take it.
    Closed,
    /// The guest did what it must not do.
    Trap(TrapCode),
}

pub type Result<T> = std::result::Result<T, StreamError>;

/// Why something failed, when the system has no number for it. What it is, a program that has no
/// such streams is linked without.
#[derive(Clone, Debug)]
pub struct Cause(pub Rc<dyn Explain>);

/// What a [`Cause`] tells.
pub trait Explain: std::fmt::Debug {
    /// For people.
    fn name(&self) -> &'static str;

    /// `http-error-code`.
    fn http_error_code(&self) -> Option<http::ErrorCode>;
}

impl PartialEq for Cause {
    fn eq(&self, other: &Cause) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Cause {}

impl From<host::Error> for StreamError {
    fn from(error: host::Error) -> StreamError {
        StreamError::Failed(error)
    }
}

/// An `input-stream`. It is ready when `read` has something to say.
pub trait InputStream: Subscribe {
    /// Reads at most `len` bytes, and at most [`READ_BYTES_MAX`], without waiting: nothing where
    /// nothing is there yet.
    ///
    /// # Errors
    /// [`StreamError::Closed`] at the end, otherwise the system's.
    fn read(&self, len: usize) -> Result<Vec<u8>>;

    /// As `read`, but waits for the first byte.
    ///
    /// # Errors
    /// As `read`.
    fn blocking_read(&self, len: usize) -> Result<Vec<u8>> {
        loop {
            poll::wait(self);
            let bytes = self.read(len)?;
            if !bytes.is_empty() || len == 0 {
                return Ok(bytes);
            }
        }
    }
}

/// An `output-stream`. It is ready when `check_write` has something to say.
pub trait OutputStream: Subscribe {
    /// How many bytes the next `write` may have; 0 where the system would make the guest wait.
    ///
    /// # Errors
    /// Why nothing can be written any more.
    fn check_write(&self) -> Result<usize>;

    /// Writes all of it, if it is within the permit.
    ///
    /// # Errors
    /// The system's; [`TrapCode::WriteNotPermitted`].
    fn write(&self, bytes: &[u8]) -> Result<()>;

    /// Begins to hand on what `write` has kept: nothing, unless a stream says otherwise.
    ///
    /// # Errors
    /// What has gone wrong since the last write.
    fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Writes all of it and waits until the system has it.
    ///
    /// # Errors
    /// As those of `check_write`, `write` and `flush`.
    fn blocking_write_and_flush(&self, bytes: &[u8]) -> Result<()> {
        let mut rest = bytes;
        loop {
            let permit = wait_for_permit(self)?;
            let (now, later) = rest.split_at(rest.len().min(permit));
            self.write(now)?;
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        // Everything has been taken: that nothing more will be is no error of this call.
        match self.flush().and_then(|()| wait_for_permit(self)) {
            Ok(_) | Err(StreamError::Closed) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The resource `input-stream`.
pub type Input = Rc<dyn InputStream>;

/// The resource `output-stream`.
pub type Output = Rc<dyn OutputStream>;

/// The resource `wasi:io/error.error`: why an operation on a stream has failed.
#[derive(Clone, Debug)]
pub enum IoError {
    System(host::Error),
    Caused(Cause),
}

impl IoError {
    /// The system's error, if it is one.
    #[must_use]
    pub fn system(&self) -> Option<host::Error> {
        match self {
            IoError::System(error) => Some(*error),
            IoError::Caused(_) => None,
        }
    }
}

impl Resource for Input {
    const INTERFACE: &'static str = "wasi:io/streams";
    const NAME: &'static str = "input-stream";
}

impl Resource for Output {
    const INTERFACE: &'static str = "wasi:io/streams";
    const NAME: &'static str = "output-stream";
}

impl Resource for IoError {
    const INTERFACE: &'static str = "wasi:io/error";
    const NAME: &'static str = "error";
}

/// Waits until something can be written, and returns how much.
///
/// # Errors
/// As those of `check_write`.
pub(super) fn wait_for_permit(output: &(impl OutputStream + ?Sized)) -> Result<usize> {
    loop {
        poll::wait(output);
        let permit = output.check_write()?;
        if permit > 0 {
            return Ok(permit);
        }
    }
}
