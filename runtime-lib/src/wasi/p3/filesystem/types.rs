//! The types of `wasi:filesystem/types` that are not those of 0.2, and what they are in terms of
//! the host.

use crate::host::listing::Entry;
use crate::host::stat::{FileType, SetTime, Stat, Time};
use crate::host::{self, Error};
use crate::wasi::p2::filesystem::error_codes;
use crate::wasi::p3::clocks::Instant;
use crate::{record, variant};

pub(super) type Result<T> = std::result::Result<T, ErrorCode>;

variant! {
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub enum DescriptorType {
        BlockDevice,
        CharacterDevice,
        Directory,
        Fifo,
        SymbolicLink,
        RegularFile,
        Socket,
        Other(Option<String>),
    }
}

record! {
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct DescriptorStat {
        r#type: DescriptorType,
        link_count: u64,
        size: u64,
        data_access_timestamp: Option<Instant>,
        data_modification_timestamp: Option<Instant>,
        status_change_timestamp: Option<Instant>,
    }
}

variant! {
    #[derive(Clone, Copy)]
    pub enum NewTimestamp {
        NoChange,
        Now,
        Timestamp(Instant),
    }
}

record! {
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub struct DirectoryEntry {
        r#type: DescriptorType,
        name: String,
    }
}

variant! {
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub enum ErrorCode {
        Access,
        Already,
        BadDescriptor,
        Busy,
        Deadlock,
        Quota,
        Exist,
        FileTooLarge,
        IllegalByteSequence,
        InProgress,
        Interrupted,
        Invalid,
        Io,
        IsDirectory,
        Loop,
        TooManyLinks,
        MessageSize,
        NameTooLong,
        NoDevice,
        NoEntry,
        NoLock,
        InsufficientMemory,
        InsufficientSpace,
        NotDirectory,
        NotEmpty,
        NotRecoverable,
        Unsupported,
        NoTty,
        NoSuchDevice,
        Overflow,
        NotPermitted,
        Pipe,
        ReadOnly,
        InvalidSeek,
        TextFileBusy,
        CrossDevice,
        Other(Option<String>),
    }
}

error_codes! { ErrorCode }

impl From<Error> for ErrorCode {
    /// What has no code of its own, such as having too many files open, is told by its name.
    fn from(error: Error) -> ErrorCode {
        let known = ErrorCode::of_any_version(error);
        known.unwrap_or_else(|| ErrorCode::Other(Some(error.name().to_owned())))
    }
}

impl From<FileType> for DescriptorType {
    fn from(file_type: FileType) -> DescriptorType {
        match file_type {
            FileType::Unknown => DescriptorType::Other(None),
            FileType::BlockDevice => DescriptorType::BlockDevice,
            FileType::CharacterDevice => DescriptorType::CharacterDevice,
            FileType::Directory => DescriptorType::Directory,
            FileType::RegularFile => DescriptorType::RegularFile,
            FileType::SocketDatagram | FileType::SocketStream | FileType::SocketName => {
                DescriptorType::Socket
            }
            FileType::SymbolicLink => DescriptorType::SymbolicLink,
            FileType::Fifo => DescriptorType::Fifo,
        }
    }
}

impl From<Time> for Instant {
    fn from(time: Time) -> Instant {
        Instant {
            seconds: time.seconds,
            nanoseconds: time.nanoseconds,
        }
    }
}

impl From<Stat> for DescriptorStat {
    fn from(stat: Stat) -> DescriptorStat {
        DescriptorStat {
            r#type: stat.file_type.into(),
            link_count: stat.links,
            size: stat.size,
            data_access_timestamp: Some(stat.accessed.into()),
            data_modification_timestamp: Some(stat.modified.into()),
            status_change_timestamp: Some(stat.changed.into()),
        }
    }
}

impl NewTimestamp {
    /// # Errors
    /// [`Error::Overflow`] for a time after the last one.
    pub(super) fn checked(self) -> host::Result<SetTime> {
        Ok(match self {
            NewTimestamp::NoChange => SetTime::Keep,
            NewTimestamp::Now => SetTime::Now,
            NewTimestamp::Timestamp(time) => {
                SetTime::To(Time::new(time.seconds, time.nanoseconds)?)
            }
        })
    }
}

impl TryFrom<Entry<'_>> for DirectoryEntry {
    type Error = ErrorCode;

    fn try_from(entry: Entry<'_>) -> Result<DirectoryEntry> {
        let name = std::str::from_utf8(entry.name).map_err(|_| ErrorCode::IllegalByteSequence)?;
        Ok(DirectoryEntry {
            r#type: entry.file_type.into(),
            name: name.to_owned(),
        })
    }
}
