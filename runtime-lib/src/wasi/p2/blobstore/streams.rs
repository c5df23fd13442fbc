//! The streams of values, which never make anybody wait, as those of files.

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;

use crate::host::blobstore::{Draft, Store};
use crate::host::file::File;
use crate::host::{self, Error};
use crate::io::Wanted;
use crate::wasi::p2::poll::Subscribe;
use crate::wasi::p2::streams::{
    InputStream, OutputStream, PERMIT_BYTES, READ_BYTES_MAX, Result, StreamError,
};

/// What has been written of a value.
pub(super) struct Body {
    /// None where the program was granted none.
    store: Option<Rc<Store>>,
    /// Once something is written.
    draft: RefCell<Option<Draft>>,
    bytes: Cell<u64>,
    /// Why it is not whole.
    failed: Cell<Option<Error>>,
}

impl Body {
    pub(super) fn new(store: Option<Rc<Store>>) -> Body {
        Body {
            store,
            draft: RefCell::new(None),
            bytes: Cell::new(0),
            failed: Cell::new(None),
        }
    }

    /// # Errors
    /// The system's, also that of a write before.
    pub(super) fn finish(&self) -> host::Result<Draft> {
        match self.failed.get() {
            Some(error) => Err(error),
            None => self.take(),
        }
    }

    fn take(&self) -> host::Result<Draft> {
        match self.draft.take() {
            Some(draft) => Ok(draft),
            None => self.store.as_ref().ok_or(Error::NotPermitted)?.begin(),
        }
    }

    fn append(&self, bytes: &[u8]) -> host::Result<()> {
        let draft = self.take()?;
        let appended = draft.append(bytes, self.bytes.get());
        self.draft.replace(Some(draft));
        self.bytes.set(self.bytes.get() + bytes.len() as u64);
        appended
    }
}

/// `outgoing-value-write-body`.
pub(super) struct BlobOutput(Rc<Body>);

impl BlobOutput {
    pub(super) fn new(body: &Rc<Body>) -> BlobOutput {
        BlobOutput(Rc::clone(body))
    }
}

impl Subscribe for BlobOutput {
    fn wanted(&self) -> Wanted {
        Wanted::Now
    }
}

impl OutputStream for BlobOutput {
    fn check_write(&self) -> Result<usize> {
        match self.0.failed.get() {
            Some(_) => Err(StreamError::Closed),
            None => Ok(PERMIT_BYTES),
        }
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        self.check_write()?;
        let appended = self.0.append(bytes);
        self.0.failed.set(appended.err());
        Ok(appended?)
    }

    fn flush(&self) -> Result<()> {
        self.check_write()?;
        Ok(())
    }

    fn blocking_write_and_flush(&self, bytes: &[u8]) -> Result<()> {
        self.write(bytes)
    }
}

/// `incoming-value-async-body`.
pub(super) struct BlobInput {
    file: File,
    position: Cell<u64>,
    end: u64,
}

impl BlobInput {
    pub(super) fn new(file: File, range: Range<u64>) -> BlobInput {
        BlobInput {
            file,
            position: Cell::new(range.start),
            end: range.end,
        }
    }
}

impl Subscribe for BlobInput {
    fn wanted(&self) -> Wanted {
        Wanted::Now
    }
}

impl InputStream for BlobInput {
    fn read(&self, len: usize) -> Result<Vec<u8>> {
        let position = self.position.get();
        if position == self.end {
            return Err(StreamError::Closed);
        }
        let rest = usize::try_from(self.end - position).unwrap_or(usize::MAX);
        let len = len.min(READ_BYTES_MAX).min(rest);
        if len == 0 {
            return Ok(Vec::new());
        }
        let read = self.file.read_at(len, position);
        // After an error, or where somebody has cut the file off, nothing more is read.
        let is_cut = read.as_ref().map_or(true, Vec::is_empty);
        let count = read.as_ref().map_or(0, |bytes| bytes.len() as u64);
        self.position
            .set(if is_cut { self.end } else { position + count });
        let bytes = read?;
        if bytes.is_empty() {
            return Err(StreamError::Failed(Error::Io));
        }
        Ok(bytes)
    }

    fn blocking_read(&self, len: usize) -> Result<Vec<u8>> {
        self.read(len)
    }
}
