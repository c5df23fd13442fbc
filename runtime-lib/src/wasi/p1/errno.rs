//! The error codes (`errno` in the witx document).

use crate::host::Error;
use crate::vm::OutOfBounds;

/// An error code; 0, success, is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(u16);

impl Errno {
    pub const BADF: Errno = Errno(8);
    pub const FAULT: Errno = Errno(21);
    pub const ILSEQ: Errno = Errno(25);
    pub const INVAL: Errno = Errno(28);
    pub const NAMETOOLONG: Errno = Errno(37);
    pub const NOTCAPABLE: Errno = Errno(76);
    pub const NOTDIR: Errno = Errno(54);
    pub const OVERFLOW: Errno = Errno(61);

    /// The number that the guest sees.
    #[must_use]
    pub fn code(self) -> i32 {
        i32::from(self.0)
    }
}

impl From<OutOfBounds> for Errno {
    fn from(_: OutOfBounds) -> Errno {
        Errno::FAULT
    }
}

impl From<Error> for Errno {
    fn from(error: Error) -> Errno {
        Errno(match error {
            Error::TooBig => 1,
            Error::Access => 2,
            Error::AddressInUse => 3,
            Error::AddressNotAvailable => 4,
            Error::AddressFamilyNotSupported => 5,
            Error::WouldBlock => 6,
            Error::Already => 7,
            Error::BadDescriptor => 8,
            Error::BadMessage => 9,
            Error::Busy => 10,
            Error::Canceled => 11,
            Error::NoChild => 12,
            Error::ConnectionAborted => 13,
            Error::ConnectionRefused => 14,
            Error::ConnectionReset => 15,
            Error::Deadlock => 16,
            Error::DestinationRequired => 17,
            Error::Domain => 18,
            Error::Quota => 19,
            Error::Exist => 20,
            Error::Fault => 21,
            Error::FileTooLarge => 22,
            Error::HostUnreachable => 23,
            Error::IdentifierRemoved => 24,
            Error::IllegalByteSequence => 25,
            Error::InProgress => 26,
            Error::Interrupted => 27,
            Error::Invalid => 28,
            Error::Io => 29,
            Error::IsConnected => 30,
            Error::IsDirectory => 31,
            Error::Loop => 32,
            Error::TooManyOpenFiles => 33,
            Error::TooManyLinks => 34,
            Error::MessageSize => 35,
            Error::Multihop => 36,
            Error::NameTooLong => 37,
            Error::NetworkDown => 38,
            Error::NetworkReset => 39,
            Error::NetworkUnreachable => 40,
            Error::TooManyOpenFilesInSystem => 41,
            Error::NoBuffers => 42,
            Error::NoDevice => 43,
            Error::NoEntry => 44,
            Error::NotExecutable => 45,
            Error::NoLock => 46,
            Error::NoLink => 47,
            Error::InsufficientMemory => 48,
            Error::NoMessage => 49,
            Error::NoProtocolOption => 50,
            Error::InsufficientSpace => 51,
            Error::NoSystemCall => 52,
            Error::NotConnected => 53,
            Error::NotDirectory => 54,
            Error::NotEmpty => 55,
            Error::NotRecoverable => 56,
            Error::NotSocket => 57,
            Error::Unsupported => 58,
            Error::NoTty => 59,
            Error::NoSuchDevice => 60,
            Error::Overflow => 61,
            Error::OwnerDead => 62,
            Error::NotPermitted => 63,
            Error::Pipe => 64,
            Error::Protocol => 65,
            Error::ProtocolNotSupported => 66,
            Error::ProtocolType => 67,
            Error::OutOfRange => 68,
            Error::ReadOnly => 69,
            Error::InvalidSeek => 70,
            Error::NoProcess => 71,
            Error::Stale => 72,
            Error::TimedOut => 73,
            Error::TextFileBusy => 74,
            Error::CrossDevice => 75,
        })
    }
}
