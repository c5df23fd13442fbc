//! A file that is open: regular, a pipe or a device of the system, or embedded in the executable.
//!
//! The system has a hollow file in the place of one that is embedded: it knows how long it is, keeps
//! its position and is always ready, and only what is read and told of it is not the system's. So
//! programs without embedded files have next to nothing of this.

use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use std::io::IoSlice;
use std::num::NonZeroU64;

use crate::sys::fs::{FallocateFlags, OFlags, hollow_file};
use crate::sys::io::{Errno, ReadWriteFlags, retry_on_intr};

use super::embedded::{Embedded, Number};
use super::fd::{above_streams, duplicate};
use super::{Error, Result, buffers};

/// An open file. Its position is the system's.
#[derive(Debug)]
pub struct File {
    /// Of what is embedded, a file of the same size that has nothing in it.
    fd: OwnedFd,
    read_only: bool,
    embedded: Number,
}

/// How a file is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileMode {
    pub read: bool,
    pub write: bool,
    pub append: bool,
    pub nonblocking: bool,
    pub data_sync: bool,
    pub sync: bool,
}

/// How a part of a file is going to be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advice {
    Normal,
    Sequential,
    Random,
    WillNeed,
    DontNeed,
    NoReuse,
}

impl File {
    /// `read_only` is about the guest's permission, not about how the file was opened.
    pub(super) fn new(fd: OwnedFd, read_only: bool) -> File {
        File {
            fd,
            read_only,
            embedded: Number::NONE,
        }
    }

    /// # Errors
    /// The system's, which may have no room for another descriptor.
    pub(super) fn embedded(embedded: Embedded) -> Result<File> {
        Ok(File {
            fd: above_streams(hollow_file(embedded.stat().size)?)?,
            read_only: false,
            embedded: embedded.into(),
        })
    }

    /// See [`super::Descriptor::another`].
    pub(super) fn another(&self) -> Result<File> {
        Ok(File {
            fd: duplicate(&self.fd)?,
            ..*self
        })
    }

    /// What is embedded.
    pub(super) fn as_embedded(&self) -> Option<Embedded> {
        self.embedded.get()
    }

    /// Whether the guest may only read it, however it is open.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// How the file is open.
    ///
    /// # Errors
    /// The system's.
    pub fn mode(&self) -> Result<FileMode> {
        let flags = crate::sys::fs::fcntl_getfl(self)?;
        let access = flags & OFlags::RWMODE;
        Ok(FileMode {
            read: access != OFlags::WRONLY,
            write: access != OFlags::RDONLY,
            append: flags.contains(OFlags::APPEND),
            nonblocking: flags.contains(OFlags::NONBLOCK),
            data_sync: flags.contains(OFlags::DSYNC),
            sync: flags.contains(OFlags::SYNC),
        })
    }

    /// At most `len` bytes from a position, which is not the file's own; none at the end.
    ///
    /// # Errors
    /// [`Error::InvalidSeek`] for what has no positions, otherwise the system's.
    pub fn read_at(&self, len: usize, position: u64) -> Result<Vec<u8>> {
        let mut bytes = buffers::take(len);
        let count = self.read_into_at(&mut bytes, position)?;
        bytes.truncate(count);
        Ok(bytes)
    }

    /// As [`File::read_at`], into a buffer: how many bytes, 0 at the end.
    ///
    /// # Errors
    /// As [`File::read_at`].
    pub fn read_into_at(&self, into: &mut [u8], position: u64) -> Result<usize> {
        if let Some(embedded) = self.as_embedded() {
            return Ok(embedded.read_at(into, position));
        }
        Ok(retry_on_intr(|| {
            crate::sys::io::pread(self, &mut *into, position)
        })?)
    }

    /// Reads what has no positions: how many bytes, 0 at the end.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] if it was opened so and nothing is there, otherwise the system's.
    pub fn read_next(&self, into: &mut [u8]) -> Result<usize> {
        Ok(retry_on_intr(|| crate::sys::io::read(self, &mut *into))?)
    }

    /// Writes to a position, which is not the file's own; what one system call does not take is
    /// left to the caller.
    ///
    /// # Errors
    /// As [`File::read_at`]; [`Error::NotPermitted`] where the guest may only read.
    pub fn write_at(&self, bytes: &[u8], position: u64) -> Result<usize> {
        self.require_writable()?;
        Ok(retry_on_intr(|| {
            crate::sys::io::pwrite(self, bytes, position)
        })?)
    }

    /// Writes what has no positions.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] if it was opened so and has no room, otherwise as those of
    /// [`File::write_at`].
    pub fn write_next(&self, bytes: &[u8]) -> Result<usize> {
        self.require_writable()?;
        Ok(retry_on_intr(|| crate::sys::io::write(self, bytes))?)
    }

    /// Writes to the end, as [`File::write_at`].
    ///
    /// # Errors
    /// As [`File::write_at`].
    pub fn append(&self, bytes: &[u8]) -> Result<usize> {
        self.require_writable()?;
        let slices = [IoSlice::new(bytes)];
        match retry_on_intr(|| crate::sys::io::pwritev2(self, &slices, 0, ReadWriteFlags::APPEND)) {
            Err(Errno::NOSYS | Errno::OPNOTSUPP) => self.append_by_flag(bytes),
            result => Ok(result?),
        }
    }

    /// For kernels and files that cannot append otherwise. The file's own position moves.
    fn append_by_flag(&self, bytes: &[u8]) -> Result<usize> {
        let flags = crate::sys::fs::fcntl_getfl(self)?;
        crate::sys::fs::fcntl_setfl(self, flags | OFlags::APPEND)?;
        let written = retry_on_intr(|| crate::sys::io::write(self, bytes));
        crate::sys::fs::fcntl_setfl(self, flags)?;
        Ok(written?)
    }

    /// Says how a part of the file is going to be used; `len` 0 is up to the end.
    ///
    /// # Errors
    /// The system's.
    pub fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        let advice = match advice {
            Advice::Normal => crate::sys::fs::Advice::Normal,
            Advice::Sequential => crate::sys::fs::Advice::Sequential,
            Advice::Random => crate::sys::fs::Advice::Random,
            Advice::WillNeed => crate::sys::fs::Advice::WillNeed,
            Advice::DontNeed => crate::sys::fs::Advice::DontNeed,
            Advice::NoReuse => crate::sys::fs::Advice::NoReuse,
        };
        Ok(crate::sys::fs::fadvise(
            self,
            offset,
            NonZeroU64::new(len),
            advice,
        )?)
    }

    /// Makes sure that the part of the file has room on disk; a file that ends before it grows.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] where the guest may only read, otherwise the system's.
    pub fn allocate(&self, offset: u64, len: u64) -> Result<()> {
        self.require_writable()?;
        Ok(retry_on_intr(|| {
            crate::sys::fs::fallocate(self, FallocateFlags::empty(), offset, len)
        })?)
    }

    /// Cuts the file off, or extends it with zeros.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] where the guest may only read, otherwise the system's.
    pub fn set_size(&self, size: u64) -> Result<()> {
        self.require_writable()?;
        Ok(retry_on_intr(|| crate::sys::fs::ftruncate(self, size))?)
    }

    /// Waits until what was written is on disk, with the attributes.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<()> {
        sync(self, true)
    }

    /// Waits until what was written is on disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_data(&self) -> Result<()> {
        sync(self, false)
    }

    fn require_writable(&self) -> Result<()> {
        if self.read_only {
            Err(Error::NotPermitted)
        } else if self.embedded.is_none() {
            Ok(())
        } else {
            Err(Error::BadDescriptor)
        }
    }
}

/// Waits until what was written is on disk; of the attributes, at least what is needed to find it.
pub(super) fn sync(fd: impl AsFd, attributes: bool) -> Result<()> {
    let fd = fd.as_fd();
    Ok(retry_on_intr(|| match attributes {
        true => crate::sys::fs::fsync(fd),
        false => crate::sys::fs::fdatasync(fd),
    })?)
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(read_only: bool) -> File {
        File::new(tempfile::tempfile().unwrap().into(), read_only)
    }

    #[test]
    fn positions_are_the_callers() {
        let file = file(false);
        assert_eq!(file.write_at(b"0123456789", 0), Ok(10));
        assert_eq!(file.write_at(b"ab", 4), Ok(2));
        assert_eq!(file.append(b"end"), Ok(3));
        assert_eq!(file.append_by_flag(b"!"), Ok(1));
        assert!(!file.mode().unwrap().append);
        assert_eq!(file.read_at(4, 3).unwrap(), b"3ab6");
        assert_eq!(file.read_at(100, 8).unwrap(), b"89end!");
        assert_eq!(file.read_at(100, 14).unwrap(), b"");
        assert_eq!(file.read_at(0, 0).unwrap(), b"");
    }

    #[test]
    fn read_only_is_not_written() {
        let file = file(true);
        assert_eq!(file.write_at(b"x", 0), Err(Error::NotPermitted));
        assert_eq!(file.append(b"x"), Err(Error::NotPermitted));
        assert_eq!(file.set_size(1), Err(Error::NotPermitted));
        assert_eq!(file.read_at(1, 0).unwrap(), b"");
    }
}
