//! What is known of a file without opening it for reading.

use cap_primitives::fs::MetadataExt;
use rustix::fs::{RawMode, UTIME_NOW, UTIME_OMIT};

use super::{Error, Result};

/// Nanoseconds of a second.
pub const NS_PER_S: u64 = 1_000_000_000;

/// What kind of file a descriptor or a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileType {
    Unknown,
    BlockDevice,
    CharacterDevice,
    Directory,
    RegularFile,
    SocketDatagram,
    SocketStream,
    SymbolicLink,
    Fifo,
}

/// A file's attributes; times in nanoseconds since 1970, 0 for earlier ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    pub device: u64,
    pub inode: u64,
    pub file_type: FileType,
    pub links: u64,
    pub size: u64,
    pub accessed_ns: u64,
    pub modified_ns: u64,
    pub changed_ns: u64,
}

/// What to do with one of a file's times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetTime {
    Keep,
    Now,
    /// Nanoseconds since 1970.
    To(u64),
}

impl FileType {
    /// From the `st_mode` of a file. A socket in a directory is of no type that WASI knows.
    pub(super) fn from_mode(mode: RawMode) -> FileType {
        rustix::fs::FileType::from_raw_mode(mode).into()
    }
}

impl From<rustix::fs::FileType> for FileType {
    fn from(file_type: rustix::fs::FileType) -> FileType {
        match file_type {
            rustix::fs::FileType::RegularFile => FileType::RegularFile,
            rustix::fs::FileType::Directory => FileType::Directory,
            rustix::fs::FileType::Symlink => FileType::SymbolicLink,
            rustix::fs::FileType::Fifo => FileType::Fifo,
            rustix::fs::FileType::CharacterDevice => FileType::CharacterDevice,
            rustix::fs::FileType::BlockDevice => FileType::BlockDevice,
            rustix::fs::FileType::Socket | rustix::fs::FileType::Unknown => FileType::Unknown,
        }
    }
}

impl Stat {
    /// A standard stream, of which WASI tells nothing but whether it is a terminal.
    pub(super) const fn of_stream(file_type: FileType) -> Stat {
        Stat {
            device: 0,
            inode: 0,
            file_type,
            links: 0,
            size: 0,
            accessed_ns: 0,
            modified_ns: 0,
            changed_ns: 0,
        }
    }

    // The types of these fields differ from target to target.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    pub(super) fn from_system(stat: &rustix::fs::Stat) -> Result<Stat> {
        Ok(Stat {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            file_type: FileType::from_mode(stat.st_mode),
            links: stat.st_nlink as u64,
            size: stat.st_size as u64,
            accessed_ns: nanoseconds(stat.st_atime as i64, stat.st_atime_nsec as u64)?,
            modified_ns: nanoseconds(stat.st_mtime as i64, stat.st_mtime_nsec as u64)?,
            changed_ns: nanoseconds(stat.st_ctime as i64, stat.st_ctime_nsec as u64)?,
        })
    }

    pub(super) fn from_metadata(metadata: &cap_primitives::fs::Metadata) -> Result<Stat> {
        Ok(Stat {
            device: metadata.dev(),
            inode: metadata.ino(),
            file_type: FileType::from_mode(metadata.mode()),
            links: metadata.nlink(),
            size: metadata.size(),
            accessed_ns: nanoseconds(metadata.atime(), metadata.atime_nsec().cast_unsigned())?,
            modified_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec().cast_unsigned())?,
            changed_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec().cast_unsigned())?,
        })
    }
}

impl SetTime {
    pub(super) fn to_system(self) -> rustix::fs::Timespec {
        let (tv_sec, tv_nsec) = match self {
            SetTime::Keep => (0, UTIME_OMIT),
            SetTime::Now => (0, UTIME_NOW),
            SetTime::To(ns) => ((ns / NS_PER_S).cast_signed(), (ns % NS_PER_S) as _),
        };
        rustix::fs::Timespec { tv_sec, tv_nsec }
    }
}

fn nanoseconds(seconds: i64, nanoseconds: u64) -> Result<u64> {
    let Ok(seconds) = u64::try_from(seconds) else {
        return Ok(0);
    };
    let whole = seconds.checked_mul(NS_PER_S).ok_or(Error::Overflow)?;
    whole.checked_add(nanoseconds).ok_or(Error::Overflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_zero_and_far_ones_overflow() {
        assert_eq!(nanoseconds(-1, 5), Ok(0));
        assert_eq!(nanoseconds(2, 5), Ok(2_000_000_005));
        assert_eq!(nanoseconds(i64::MAX, 0), Err(Error::Overflow));
    }
}
