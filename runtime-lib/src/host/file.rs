//! A file that is open: regular, a pipe or a device.

use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, OFlags};
use rustix::io::retry_on_intr;

use super::{Error, Result};

/// An open file. Its position is the system's.
#[derive(Debug)]
pub struct File {
    fd: OwnedFd,
    read_only: bool,
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
        File { fd, read_only }
    }

    pub(super) fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// How the file is open.
    ///
    /// # Errors
    /// The system's.
    pub fn mode(&self) -> Result<FileMode> {
        let flags = rustix::fs::fcntl_getfl(self)?;
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

    /// Says how a part of the file is going to be used; `len` 0 is up to the end.
    ///
    /// # Errors
    /// The system's.
    pub fn advise(&self, offset: u64, len: u64, advice: Advice) -> Result<()> {
        let advice = match advice {
            Advice::Normal => rustix::fs::Advice::Normal,
            Advice::Sequential => rustix::fs::Advice::Sequential,
            Advice::Random => rustix::fs::Advice::Random,
            Advice::WillNeed => rustix::fs::Advice::WillNeed,
            Advice::DontNeed => rustix::fs::Advice::DontNeed,
            Advice::NoReuse => rustix::fs::Advice::NoReuse,
        };
        Ok(rustix::fs::fadvise(
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
            rustix::fs::fallocate(self, FallocateFlags::empty(), offset, len)
        })?)
    }

    /// Cuts the file off, or extends it with zeros.
    ///
    /// # Errors
    /// [`Error::NotPermitted`] where the guest may only read, otherwise the system's.
    pub fn set_size(&self, size: u64) -> Result<()> {
        self.require_writable()?;
        Ok(retry_on_intr(|| rustix::fs::ftruncate(self, size))?)
    }

    /// Waits until what was written is on disk, with the attributes.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> Result<()> {
        Ok(retry_on_intr(|| rustix::fs::fsync(self))?)
    }

    /// Waits until what was written is on disk.
    ///
    /// # Errors
    /// The system's.
    pub fn sync_data(&self) -> Result<()> {
        Ok(retry_on_intr(|| rustix::fs::fdatasync(self))?)
    }

    fn require_writable(&self) -> Result<()> {
        if self.read_only {
            Err(Error::NotPermitted)
        } else {
            Ok(())
        }
    }
}

impl AsFd for File {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
