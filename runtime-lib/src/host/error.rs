//! The one error of host functions, in WASI's terms.

use crate::sys::io::Errno;

/// One table, two views: the enum, and what the system's error numbers mean.
macro_rules! errors {
    ($( $name:ident = $errno:ident; )*) => {
        /// Why a host function failed. The order is that of the error codes of WASI 0.1, where
        /// the codes of all later versions come from.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Error {
            $( $name, )*
        }

        impl Error {
            /// For people.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $( Error::$name => stringify!($name), )*
                }
            }
        }

        impl From<Errno> for Error {
            fn from(errno: Errno) -> Error {
                match errno {
                    $( Errno::$errno => Error::$name, )*
                    Errno::HOSTDOWN => Error::HostUnreachable,
                    #[cfg(not(target_os = "macos"))]
                    Errno::NONET => Error::HostUnreachable,
                    Errno::PFNOSUPPORT => Error::AddressFamilyNotSupported,
                    Errno::SOCKTNOSUPPORT => Error::ProtocolNotSupported,
                    _ => Error::Io,
                }
            }
        }
    };
}

errors! {
    TooBig = TOOBIG;
    Access = ACCESS;
    AddressInUse = ADDRINUSE;
    AddressNotAvailable = ADDRNOTAVAIL;
    AddressFamilyNotSupported = AFNOSUPPORT;
    WouldBlock = AGAIN;
    Already = ALREADY;
    BadDescriptor = BADF;
    BadMessage = BADMSG;
    Busy = BUSY;
    Canceled = CANCELED;
    NoChild = CHILD;
    ConnectionAborted = CONNABORTED;
    ConnectionRefused = CONNREFUSED;
    ConnectionReset = CONNRESET;
    Deadlock = DEADLK;
    DestinationRequired = DESTADDRREQ;
    Domain = DOM;
    Quota = DQUOT;
    Exist = EXIST;
    Fault = FAULT;
    FileTooLarge = FBIG;
    HostUnreachable = HOSTUNREACH;
    IdentifierRemoved = IDRM;
    IllegalByteSequence = ILSEQ;
    InProgress = INPROGRESS;
    Interrupted = INTR;
    Invalid = INVAL;
    Io = IO;
    IsConnected = ISCONN;
    IsDirectory = ISDIR;
    Loop = LOOP;
    TooManyOpenFiles = MFILE;
    TooManyLinks = MLINK;
    MessageSize = MSGSIZE;
    Multihop = MULTIHOP;
    NameTooLong = NAMETOOLONG;
    NetworkDown = NETDOWN;
    NetworkReset = NETRESET;
    NetworkUnreachable = NETUNREACH;
    TooManyOpenFilesInSystem = NFILE;
    NoBuffers = NOBUFS;
    NoDevice = NODEV;
    NoEntry = NOENT;
    NotExecutable = NOEXEC;
    NoLock = NOLCK;
    NoLink = NOLINK;
    InsufficientMemory = NOMEM;
    NoMessage = NOMSG;
    NoProtocolOption = NOPROTOOPT;
    InsufficientSpace = NOSPC;
    NoSystemCall = NOSYS;
    NotConnected = NOTCONN;
    NotDirectory = NOTDIR;
    NotEmpty = NOTEMPTY;
    NotRecoverable = NOTRECOVERABLE;
    NotSocket = NOTSOCK;
    Unsupported = OPNOTSUPP;
    NoTty = NOTTY;
    NoSuchDevice = NXIO;
    Overflow = OVERFLOW;
    OwnerDead = OWNERDEAD;
    NotPermitted = PERM;
    Pipe = PIPE;
    Protocol = PROTO;
    ProtocolNotSupported = PROTONOSUPPORT;
    ProtocolType = PROTOTYPE;
    OutOfRange = RANGE;
    ReadOnly = ROFS;
    InvalidSeek = SPIPE;
    NoProcess = SRCH;
    Stale = STALE;
    TimedOut = TIMEDOUT;
    TextFileBusy = TXTBSY;
    CrossDevice = XDEV;
}

impl From<std::io::Error> for Error {
    /// The errors of cap-std: the system's, or its own without a number. Its refusal to
    /// leave the sandbox is of the kind `PermissionDenied`.
    fn from(error: std::io::Error) -> Error {
        use std::io::ErrorKind;

        match (Errno::from_io_error(&error), error.kind()) {
            (Some(errno), _) => errno.into(),
            (None, ErrorKind::PermissionDenied) => Error::NotPermitted,
            (None, ErrorKind::NotFound) => Error::NoEntry,
            (None, ErrorKind::AlreadyExists) => Error::Exist,
            (None, ErrorKind::InvalidInput) => Error::Invalid,
            (None, _) => Error::Io,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_have_names() {
        assert_eq!(Error::from(Errno::NOENT), Error::NoEntry);
        assert_eq!(Error::from(Errno::PIPE), Error::Pipe);
        assert_eq!(Error::from(Errno::BADSLT), Error::Io);
        let escape = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(Error::from(escape), Error::NotPermitted);
    }
}
