//! The types of the witx document: where their fields lie, and their numbers.

use super::{Errno, Result};
use crate::host::stat::{FileType, SetTime, Stat, Time};
use crate::vm::GuestMemory;

/// A record of `N` bytes on its way into guest memory, zero where nothing is put.
pub(in crate::wasi) struct Record<const N: usize>([u8; N]);

impl<const N: usize> Record<N> {
    pub(in crate::wasi) fn new() -> Record<N> {
        Record([0; N])
    }

    /// Puts the little-endian bytes of a field at its offset, which must be inside the record.
    #[inline]
    pub(in crate::wasi) fn put<const M: usize>(mut self, offset: usize, bytes: [u8; M]) -> Self {
        if let Some(field) = self.0.get_mut(offset..).and_then(<[u8]>::first_chunk_mut) {
            *field = bytes;
        }
        self
    }

    #[inline]
    pub(in crate::wasi) fn write(&self, memory: &mut GuestMemory, at: u32) -> Result<()> {
        Ok(memory.write_bytes(at, &self.0)?)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// `filestat`.
pub(in crate::wasi) struct Filestat {
    pub(in crate::wasi) dev: u64,
    pub(in crate::wasi) ino: u64,
    pub(in crate::wasi) filetype: u8,
    pub(in crate::wasi) nlink: u64,
    pub(in crate::wasi) size: u64,
    pub(in crate::wasi) atim: u64,
    pub(in crate::wasi) mtim: u64,
    pub(in crate::wasi) ctim: u64,
}

impl Filestat {
    pub(super) fn write(&self, memory: &mut GuestMemory, at: u32) -> Result<()> {
        Record::<64>::new()
            .put(0, self.dev.to_le_bytes())
            .put(8, self.ino.to_le_bytes())
            .put(16, [self.filetype])
            .put(24, self.nlink.to_le_bytes())
            .put(32, self.size.to_le_bytes())
            .put(40, self.atim.to_le_bytes())
            .put(48, self.mtim.to_le_bytes())
            .put(56, self.ctim.to_le_bytes())
            .write(memory, at)
    }
}

impl TryFrom<Stat> for Filestat {
    type Error = Errno;

    fn try_from(stat: Stat) -> Result<Filestat> {
        Ok(Filestat {
            dev: stat.device,
            ino: stat.inode,
            filetype: filetype(stat.file_type),
            nlink: stat.links,
            size: stat.size,
            atim: stat.accessed.ns()?,
            mtim: stat.modified.ns()?,
            ctim: stat.changed.ns()?,
        })
    }
}

/// `filetype`, which has no number for named pipes, nor for sockets that are not open.
pub(super) fn filetype(file_type: FileType) -> u8 {
    match file_type {
        FileType::Unknown | FileType::Fifo | FileType::SocketName => 0,
        FileType::BlockDevice => 1,
        FileType::CharacterDevice => 2,
        FileType::Directory => 3,
        FileType::RegularFile => 4,
        FileType::SocketDatagram => 5,
        FileType::SocketStream => 6,
        FileType::SymbolicLink => 7,
    }
}

/// Bits of `fdflags`.
#[derive(Clone, Copy)]
pub(super) struct Fdflags(u32);

impl Fdflags {
    pub(super) const APPEND: u32 = 1;
    pub(super) const DSYNC: u32 = 2;
    pub(super) const NONBLOCK: u32 = 4;
    pub(super) const RSYNC: u32 = 8;
    pub(super) const SYNC: u32 = 16;

    pub(super) fn checked(bits: u32) -> Result<Fdflags> {
        Ok(Fdflags(checked_flags(bits, 0x1f)?))
    }

    pub(super) fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

/// Bits of `oflags`.
#[derive(Clone, Copy)]
pub(super) struct Oflags(u32);

impl Oflags {
    pub(super) const CREAT: u32 = 1;
    pub(super) const DIRECTORY: u32 = 2;
    pub(super) const EXCL: u32 = 4;
    pub(super) const TRUNC: u32 = 8;

    pub(super) fn checked(bits: u32) -> Result<Oflags> {
        Ok(Oflags(checked_flags(bits, 0xf)?))
    }

    pub(super) fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

/// `lookupflags`, which has one bit: whether to follow a symbolic link at the end.
pub(super) fn follows_link(lookupflags: u32) -> Result<bool> {
    Ok(checked_flags(lookupflags, 1)? != 0)
}

/// `fstflags` and the two times they are about: access, then modification.
pub(super) fn set_times(atim: u64, mtim: u64, fstflags: u32) -> Result<(SetTime, SetTime)> {
    checked_flags(fstflags, 0xf)?;
    let one = |time, to, now| match (fstflags & to != 0, fstflags & now != 0) {
        (true, true) => Err(Errno::INVAL),
        (true, false) => Ok(SetTime::To(Time::from_ns(time))),
        (false, true) => Ok(SetTime::Now),
        (false, false) => Ok(SetTime::Keep),
    };
    Ok((one(atim, 1, 2)?, one(mtim, 4, 8)?))
}

/// Flags without unknown ones.
pub(super) fn checked_flags(bits: u32, known: u32) -> Result<u32> {
    if bits & !known == 0 {
        Ok(bits)
    } else {
        Err(Errno::INVAL)
    }
}
