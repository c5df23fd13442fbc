//! The types of `wasi:filesystem/types`, and what they are in terms of the host.

use crate::host::stat::{FileType, SetTime, Stat, Time};
use crate::host::{Error, Result};
use crate::wasi::p2::clocks::Datetime;
use crate::{enumeration, flags, record, variant};

enumeration! {
    pub enum DescriptorType {
        Unknown,
        BlockDevice,
        CharacterDevice,
        Directory,
        Fifo,
        SymbolicLink,
        RegularFile,
        Socket,
    }
}

flags! {
    pub struct DescriptorFlags {
        READ,
        WRITE,
        FILE_INTEGRITY_SYNC,
        DATA_INTEGRITY_SYNC,
        REQUESTED_WRITE_SYNC,
        MUTATE_DIRECTORY,
    }
}

flags! {
    pub struct PathFlags { SYMLINK_FOLLOW }
}

flags! {
    pub struct OpenFlags { CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE }
}

record! {
    pub struct DescriptorStat {
        r#type: DescriptorType,
        link_count: u64,
        size: u64,
        data_access_timestamp: Option<Datetime>,
        data_modification_timestamp: Option<Datetime>,
        status_change_timestamp: Option<Datetime>,
    }
}

variant! {
    pub enum NewTimestamp {
        NoChange,
        Now,
        Timestamp(Datetime),
    }
}

record! {
    pub struct DirectoryEntry {
        r#type: DescriptorType,
        name: String,
    }
}

enumeration! {
    pub enum ErrorCode {
        Access,
        WouldBlock,
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
    }
}

enumeration! {
    pub enum Advice {
        Normal,
        Sequential,
        Random,
        WillNeed,
        DontNeed,
        NoReuse,
    }
}

record! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct MetadataHashValue {
        lower: u64,
        upper: u64,
    }
}

impl From<FileType> for DescriptorType {
    fn from(file_type: FileType) -> DescriptorType {
        match file_type {
            // Wasmtime knows no sockets here.
            FileType::Unknown | FileType::SocketName => DescriptorType::Unknown,
            FileType::BlockDevice => DescriptorType::BlockDevice,
            FileType::CharacterDevice => DescriptorType::CharacterDevice,
            FileType::Directory => DescriptorType::Directory,
            FileType::RegularFile => DescriptorType::RegularFile,
            FileType::SocketDatagram | FileType::SocketStream => DescriptorType::Socket,
            FileType::SymbolicLink => DescriptorType::SymbolicLink,
            FileType::Fifo => DescriptorType::Fifo,
        }
    }
}

impl From<Stat> for DescriptorStat {
    fn from(stat: Stat) -> DescriptorStat {
        // Times before 1970 are those of 1970.
        let datetime = |time: Time| match u64::try_from(time.seconds) {
            Ok(seconds) => Some(Datetime {
                seconds,
                nanoseconds: time.nanoseconds,
            }),
            Err(_) => Some(Datetime::from_ns(0)),
        };
        DescriptorStat {
            r#type: stat.file_type.into(),
            link_count: stat.links,
            size: stat.size,
            data_access_timestamp: datetime(stat.accessed),
            data_modification_timestamp: datetime(stat.modified),
            status_change_timestamp: datetime(stat.changed),
        }
    }
}

impl NewTimestamp {
    /// # Errors
    /// [`Error::Overflow`] for times that no file has.
    pub(super) fn checked(self) -> Result<SetTime> {
        Ok(match self {
            NewTimestamp::NoChange => SetTime::Keep,
            NewTimestamp::Now => SetTime::Now,
            NewTimestamp::Timestamp(time) => {
                let seconds = time.seconds.try_into().map_err(|_| Error::Overflow)?;
                SetTime::To(Time::new(seconds, time.nanoseconds)?)
            }
        })
    }
}

impl MetadataHashValue {
    /// A hash of what the file is, whatever is in it: C libraries make inode numbers of it.
    pub(in crate::wasi) fn of(stat: &Stat) -> MetadataHashValue {
        let lower = mixed(mixed(stat.device).wrapping_add(stat.inode));
        MetadataHashValue {
            lower,
            upper: mixed(lower),
        }
    }
}

/// The finalizer of SplitMix64, which maps different numbers to different numbers.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> ErrorCode {
        ErrorCode::of_filesystem(error).unwrap_or(ErrorCode::Io)
    }
}

impl ErrorCode {
    /// Nothing for errors that have nothing to do with files.
    pub(super) fn of_filesystem(error: Error) -> Option<ErrorCode> {
        match error {
            Error::WouldBlock => Some(ErrorCode::WouldBlock),
            other => ErrorCode::of_any_version(other),
        }
    }
}

/// Makes `of_any_version`: what is called the same in the `error-code`s of all versions.
macro_rules! error_codes {
    ($ErrorCode:ident) => {
        impl $ErrorCode {
            fn of_any_version(error: $crate::host::Error) -> Option<$ErrorCode> {
                use $crate::host::Error;

                Some(match error {
                    Error::Access => $ErrorCode::Access,
                    Error::Already => $ErrorCode::Already,
                    Error::BadDescriptor => $ErrorCode::BadDescriptor,
                    Error::Busy => $ErrorCode::Busy,
                    Error::Deadlock => $ErrorCode::Deadlock,
                    Error::Quota => $ErrorCode::Quota,
                    Error::Exist => $ErrorCode::Exist,
                    Error::FileTooLarge => $ErrorCode::FileTooLarge,
                    Error::IllegalByteSequence => $ErrorCode::IllegalByteSequence,
                    Error::InProgress => $ErrorCode::InProgress,
                    Error::Interrupted => $ErrorCode::Interrupted,
                    Error::Invalid => $ErrorCode::Invalid,
                    Error::Io => $ErrorCode::Io,
                    Error::IsDirectory => $ErrorCode::IsDirectory,
                    Error::Loop => $ErrorCode::Loop,
                    Error::TooManyLinks => $ErrorCode::TooManyLinks,
                    Error::MessageSize => $ErrorCode::MessageSize,
                    Error::NameTooLong => $ErrorCode::NameTooLong,
                    Error::NoDevice => $ErrorCode::NoDevice,
                    Error::NoEntry => $ErrorCode::NoEntry,
                    Error::NoLock => $ErrorCode::NoLock,
                    Error::InsufficientMemory => $ErrorCode::InsufficientMemory,
                    Error::InsufficientSpace => $ErrorCode::InsufficientSpace,
                    Error::NotDirectory => $ErrorCode::NotDirectory,
                    Error::NotEmpty => $ErrorCode::NotEmpty,
                    Error::NotRecoverable => $ErrorCode::NotRecoverable,
                    Error::Unsupported | Error::NoSystemCall => $ErrorCode::Unsupported,
                    Error::NoTty => $ErrorCode::NoTty,
                    Error::NoSuchDevice => $ErrorCode::NoSuchDevice,
                    Error::Overflow => $ErrorCode::Overflow,
                    Error::NotPermitted => $ErrorCode::NotPermitted,
                    Error::Pipe => $ErrorCode::Pipe,
                    Error::ReadOnly => $ErrorCode::ReadOnly,
                    Error::InvalidSeek => $ErrorCode::InvalidSeek,
                    Error::TextFileBusy => $ErrorCode::TextFileBusy,
                    Error::CrossDevice => $ErrorCode::CrossDevice,
                    _ => return None,
                })
            }
        }
    };
}

error_codes! { ErrorCode }

pub(in crate::wasi) use error_codes;
