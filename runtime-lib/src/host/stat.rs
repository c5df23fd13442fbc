//! What is known of a file without opening it for reading.

use cap_std::fs::Metadata;

use super::{Error, Result};
use crate::sys::fs::{RawMode, Timestamps, UTIME_NOW, UTIME_OMIT, attributes};

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
    /// A socket in a directory, whatever is sent through it.
    SocketName,
    SymbolicLink,
    Fifo,
}

/// A time since 1970, or before: nanoseconds, less than a second, always count forwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Time {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// A file's attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    pub device: u64,
    pub inode: u64,
    pub file_type: FileType,
    pub links: u64,
    pub size: u64,
    pub accessed: Time,
    pub modified: Time,
    pub changed: Time,
}

/// What to do with one of a file's times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SetTime {
    Keep,
    Now,
    To(Time),
}

impl FileType {
    /// From the `st_mode` of a file.
    pub(super) fn from_mode(mode: RawMode) -> FileType {
        crate::sys::fs::FileType::from_raw_mode(mode).into()
    }
}

impl From<crate::sys::fs::FileType> for FileType {
    fn from(file_type: crate::sys::fs::FileType) -> FileType {
        match file_type {
            crate::sys::fs::FileType::RegularFile => FileType::RegularFile,
            crate::sys::fs::FileType::Directory => FileType::Directory,
            crate::sys::fs::FileType::Symlink => FileType::SymbolicLink,
            crate::sys::fs::FileType::Fifo => FileType::Fifo,
            crate::sys::fs::FileType::CharacterDevice => FileType::CharacterDevice,
            crate::sys::fs::FileType::BlockDevice => FileType::BlockDevice,
            crate::sys::fs::FileType::Socket => FileType::SocketName,
            crate::sys::fs::FileType::Unknown => FileType::Unknown,
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
            accessed: Time::EPOCH,
            modified: Time::EPOCH,
            changed: Time::EPOCH,
        }
    }

    // The types of these fields differ from target to target.
    #[allow(clippy::unnecessary_cast, clippy::useless_conversion)]
    pub(super) fn from_system(stat: &crate::sys::fs::Stat) -> Stat {
        Stat {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            file_type: FileType::from_mode(stat.st_mode),
            links: stat.st_nlink as u64,
            size: stat.st_size as u64,
            accessed: Time::from_system(stat.st_atime as i64, stat.st_atime_nsec as i64),
            modified: Time::from_system(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: Time::from_system(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        }
    }

    pub(super) fn from_metadata(metadata: &Metadata) -> Stat {
        let found = attributes(metadata);
        let time = |(seconds, nanoseconds)| Time::from_system(seconds, nanoseconds);
        Stat {
            device: found.device,
            inode: found.inode,
            file_type: FileType::from_mode(found.mode),
            links: found.links,
            size: found.size,
            accessed: time(found.accessed),
            modified: time(found.modified),
            changed: time(found.changed),
        }
    }
}

/// For the system.
pub(super) fn timestamps(accessed: SetTime, modified: SetTime) -> Timestamps {
    Timestamps {
        last_access: accessed.to_system(),
        last_modification: modified.to_system(),
    }
}

impl SetTime {
    pub(super) fn is_before_1970(self) -> bool {
        matches!(self, SetTime::To(time) if time.seconds < 0)
    }

    fn to_system(self) -> crate::sys::fs::Timespec {
        let (tv_sec, tv_nsec) = match self {
            SetTime::Keep => (0, UTIME_OMIT),
            SetTime::Now => (0, UTIME_NOW),
            SetTime::To(time) => (time.seconds, time.nanoseconds.into()),
        };
        crate::sys::fs::Timespec { tv_sec, tv_nsec }
    }
}

impl Time {
    const EPOCH: Time = Time {
        seconds: 0,
        nanoseconds: 0,
    };

    /// Nanoseconds of a second and more count as seconds.
    ///
    /// # Errors
    /// [`Error::Overflow`] beyond the last second.
    pub fn new(seconds: i64, nanoseconds: u32) -> Result<Time> {
        let more = i64::from(nanoseconds) / NS_PER_S.cast_signed();
        Ok(Time {
            seconds: seconds.checked_add(more).ok_or(Error::Overflow)?,
            nanoseconds: nanoseconds % NS_PER_S as u32,
        })
    }

    /// From nanoseconds since 1970.
    #[must_use]
    pub fn from_ns(ns: u64) -> Time {
        Time {
            seconds: (ns / NS_PER_S).cast_signed(),
            nanoseconds: (ns % NS_PER_S) as u32,
        }
    }

    fn from_system(seconds: i64, nanoseconds: i64) -> Time {
        Time {
            seconds,
            nanoseconds: nanoseconds as u32,
        }
    }

    /// Nanoseconds since 1970, 0 for earlier times.
    ///
    /// # Errors
    /// [`Error::Overflow`] for times after 2554.
    pub fn ns(self) -> Result<u64> {
        let Ok(seconds) = u64::try_from(self.seconds) else {
            return Ok(0);
        };
        let whole = seconds.checked_mul(NS_PER_S).ok_or(Error::Overflow)?;
        let ns = whole.checked_add(self.nanoseconds.into());
        ns.ok_or(Error::Overflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_are_zero_and_far_ones_overflow() {
        let ns = |seconds, nanoseconds| Time::new(seconds, nanoseconds).and_then(Time::ns);
        assert_eq!(ns(-1, 5), Ok(0));
        assert_eq!(ns(2, 5), Ok(2_000_000_005));
        assert_eq!(ns(2, 1_000_000_005), Ok(3_000_000_005));
        assert_eq!(ns(i64::MAX, 0), Err(Error::Overflow));
        assert_eq!(ns(i64::MAX, 1_000_000_000), Err(Error::Overflow));
        assert_eq!(Time::from_ns(u64::MAX).ns(), Ok(u64::MAX));
    }
}
