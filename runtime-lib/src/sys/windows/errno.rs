//! Error numbers: those of POSIX, which Windows has not, and what its own mean by them.

use std::fmt;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_BAD_NETPATH, ERROR_BAD_PATHNAME,
    ERROR_BROKEN_PIPE, ERROR_BUSY, ERROR_CANT_RESOLVE_FILENAME, ERROR_COMMITMENT_LIMIT,
    ERROR_DELETE_PENDING, ERROR_DIR_NOT_EMPTY, ERROR_DIRECTORY, ERROR_DISK_FULL, ERROR_FILE_EXISTS,
    ERROR_FILE_NOT_FOUND, ERROR_FILE_TOO_LARGE, ERROR_FILENAME_EXCED_RANGE, ERROR_HANDLE_DISK_FULL,
    ERROR_INVALID_ADDRESS, ERROR_INVALID_FUNCTION, ERROR_INVALID_HANDLE, ERROR_INVALID_NAME,
    ERROR_INVALID_PARAMETER, ERROR_LOCK_VIOLATION, ERROR_NEGATIVE_SEEK, ERROR_NO_DATA,
    ERROR_NOT_A_REPARSE_POINT, ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_READY, ERROR_NOT_SAME_DEVICE,
    ERROR_NOT_SUPPORTED, ERROR_OUTOFMEMORY, ERROR_PATH_NOT_FOUND, ERROR_PIPE_BUSY,
    ERROR_PRIVILEGE_NOT_HELD, ERROR_SHARING_VIOLATION, ERROR_STOPPED_ON_SYMLINK,
    ERROR_TOO_MANY_LINKS, ERROR_TOO_MANY_OPEN_FILES, ERROR_WRITE_PROTECT, GetLastError,
};

use windows_sys::Win32::Networking::WinSock::{
    WSA_ERROR, WSAEACCES, WSAEADDRINUSE, WSAEADDRNOTAVAIL, WSAEAFNOSUPPORT, WSAEALREADY, WSAEBADF,
    WSAECANCELLED, WSAECONNABORTED, WSAECONNREFUSED, WSAECONNRESET, WSAEDESTADDRREQ, WSAEDISCON,
    WSAEDQUOT, WSAEFAULT, WSAEHOSTDOWN, WSAEHOSTUNREACH, WSAEINPROGRESS, WSAEINTR, WSAEINVAL,
    WSAEISCONN, WSAELOOP, WSAEMFILE, WSAEMSGSIZE, WSAENAMETOOLONG, WSAENETDOWN, WSAENETRESET,
    WSAENETUNREACH, WSAENOBUFS, WSAENOPROTOOPT, WSAENOTCONN, WSAENOTEMPTY, WSAENOTSOCK,
    WSAEOPNOTSUPP, WSAEPFNOSUPPORT, WSAEPROTONOSUPPORT, WSAEPROTOTYPE, WSAESHUTDOWN,
    WSAESOCKTNOSUPPORT, WSAESTALE, WSAETIMEDOUT, WSAEWOULDBLOCK, WSAHOST_NOT_FOUND,
};

pub type Result<T> = std::result::Result<T, Errno>;

/// Why a call of the system failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(u16);

macro_rules! numbers {
    ($( $name:ident = $number:literal; )*) => {
        impl Errno {
            $( pub const $name: Errno = Errno($number); )*
        }

        impl fmt::Display for Errno {
            fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
                to.write_str(match *self {
                    $( Errno::$name => stringify!($name), )*
                    _ => "unknown",
                })
            }
        }
    };
}

// Nobody outside sees the numbers.
numbers! {
    TOOBIG = 1;
    ACCESS = 2;
    ADDRINUSE = 3;
    ADDRNOTAVAIL = 4;
    AFNOSUPPORT = 5;
    AGAIN = 6;
    ALREADY = 7;
    BADF = 8;
    BADMSG = 9;
    BUSY = 10;
    CANCELED = 11;
    CHILD = 12;
    CONNABORTED = 13;
    CONNREFUSED = 14;
    CONNRESET = 15;
    DEADLK = 16;
    DESTADDRREQ = 17;
    DOM = 18;
    DQUOT = 19;
    EXIST = 20;
    FAULT = 21;
    FBIG = 22;
    HOSTUNREACH = 23;
    IDRM = 24;
    ILSEQ = 25;
    INPROGRESS = 26;
    INTR = 27;
    INVAL = 28;
    IO = 29;
    ISCONN = 30;
    ISDIR = 31;
    LOOP = 32;
    MFILE = 33;
    MLINK = 34;
    MSGSIZE = 35;
    MULTIHOP = 36;
    NAMETOOLONG = 37;
    NETDOWN = 38;
    NETRESET = 39;
    NETUNREACH = 40;
    NFILE = 41;
    NOBUFS = 42;
    NODEV = 43;
    NOENT = 44;
    NOEXEC = 45;
    NOLCK = 46;
    NOLINK = 47;
    NOMEM = 48;
    NOMSG = 49;
    NOPROTOOPT = 50;
    NOSPC = 51;
    NOSYS = 52;
    NOTCONN = 53;
    NOTDIR = 54;
    NOTEMPTY = 55;
    NOTRECOVERABLE = 56;
    NOTSOCK = 57;
    OPNOTSUPP = 58;
    NOTTY = 59;
    NXIO = 60;
    OVERFLOW = 61;
    OWNERDEAD = 62;
    PERM = 63;
    PIPE = 64;
    PROTO = 65;
    PROTONOSUPPORT = 66;
    PROTOTYPE = 67;
    RANGE = 68;
    ROFS = 69;
    SPIPE = 70;
    SRCH = 71;
    STALE = 72;
    TIMEDOUT = 73;
    TXTBSY = 74;
    XDEV = 75;
    HOSTDOWN = 76;
    NONET = 77;
    PFNOSUPPORT = 78;
    SOCKTNOSUPPORT = 79;
}

impl Errno {
    /// That of the call of the system that has just failed.
    pub(super) fn last() -> Errno {
        // SAFETY: reads the thread's own.
        Errno::from_system(unsafe { GetLastError() })
    }

    /// The number, as for people.
    #[must_use]
    pub fn raw_os_error(self) -> i32 {
        i32::from(self.0)
    }

    /// That of the standard library's error, if it is the system's.
    #[must_use]
    pub fn from_io_error(error: &std::io::Error) -> Option<Errno> {
        let number = error.raw_os_error()?;
        Some(Errno::from_system(number.cast_unsigned()))
    }

    fn from_system(number: u32) -> Errno {
        match number {
            ERROR_FILE_NOT_FOUND | ERROR_PATH_NOT_FOUND | ERROR_INVALID_NAME
            | ERROR_BAD_PATHNAME | ERROR_BAD_NETPATH | ERROR_DELETE_PENDING => Errno::NOENT,
            ERROR_ACCESS_DENIED | ERROR_SHARING_VIOLATION | ERROR_LOCK_VIOLATION => Errno::ACCESS,
            ERROR_PRIVILEGE_NOT_HELD => Errno::PERM,
            ERROR_INVALID_HANDLE => Errno::BADF,
            ERROR_NOT_ENOUGH_MEMORY | ERROR_OUTOFMEMORY | ERROR_COMMITMENT_LIMIT => Errno::NOMEM,
            ERROR_NOT_SAME_DEVICE => Errno::XDEV,
            ERROR_WRITE_PROTECT => Errno::ROFS,
            ERROR_NOT_SUPPORTED | ERROR_INVALID_FUNCTION => Errno::OPNOTSUPP,
            ERROR_FILE_EXISTS | ERROR_ALREADY_EXISTS => Errno::EXIST,
            ERROR_INVALID_PARAMETER | ERROR_NEGATIVE_SEEK | ERROR_NOT_A_REPARSE_POINT => {
                Errno::INVAL
            }
            ERROR_INVALID_ADDRESS => Errno::FAULT,
            ERROR_BROKEN_PIPE | ERROR_NO_DATA => Errno::PIPE,
            ERROR_BUSY | ERROR_PIPE_BUSY | ERROR_NOT_READY => Errno::BUSY,
            ERROR_DISK_FULL | ERROR_HANDLE_DISK_FULL => Errno::NOSPC,
            ERROR_FILE_TOO_LARGE => Errno::FBIG,
            ERROR_DIR_NOT_EMPTY => Errno::NOTEMPTY,
            ERROR_DIRECTORY => Errno::NOTDIR,
            ERROR_FILENAME_EXCED_RANGE => Errno::NAMETOOLONG,
            ERROR_STOPPED_ON_SYMLINK | ERROR_CANT_RESOLVE_FILENAME => Errno::LOOP,
            ERROR_TOO_MANY_LINKS => Errno::MLINK,
            ERROR_TOO_MANY_OPEN_FILES => Errno::MFILE,
            number => Errno::from_winsock(number.cast_signed()),
        }
    }

    /// What Winsock's own numbers mean, which begin above those of the system.
    pub(super) fn from_winsock(number: WSA_ERROR) -> Errno {
        match number {
            WSAEACCES => Errno::ACCESS,
            WSAEADDRINUSE => Errno::ADDRINUSE,
            WSAEADDRNOTAVAIL => Errno::ADDRNOTAVAIL,
            WSAEAFNOSUPPORT => Errno::AFNOSUPPORT,
            WSAEALREADY => Errno::ALREADY,
            WSAEBADF => Errno::BADF,
            WSAECANCELLED => Errno::CANCELED,
            WSAECONNABORTED => Errno::CONNABORTED,
            WSAECONNREFUSED => Errno::CONNREFUSED,
            WSAECONNRESET => Errno::CONNRESET,
            WSAEDESTADDRREQ => Errno::DESTADDRREQ,
            WSAEDQUOT => Errno::DQUOT,
            WSAEFAULT => Errno::FAULT,
            WSAEHOSTDOWN => Errno::HOSTDOWN,
            WSAEHOSTUNREACH => Errno::HOSTUNREACH,
            WSAEINPROGRESS => Errno::INPROGRESS,
            WSAEINTR => Errno::INTR,
            WSAEINVAL => Errno::INVAL,
            WSAEISCONN => Errno::ISCONN,
            WSAELOOP => Errno::LOOP,
            WSAEMFILE => Errno::MFILE,
            WSAEMSGSIZE => Errno::MSGSIZE,
            WSAENAMETOOLONG => Errno::NAMETOOLONG,
            WSAENETDOWN => Errno::NETDOWN,
            WSAENETRESET => Errno::NETRESET,
            WSAENETUNREACH => Errno::NETUNREACH,
            WSAENOBUFS => Errno::NOBUFS,
            WSAENOPROTOOPT => Errno::NOPROTOOPT,
            WSAENOTCONN => Errno::NOTCONN,
            WSAENOTEMPTY => Errno::NOTEMPTY,
            WSAENOTSOCK => Errno::NOTSOCK,
            WSAEOPNOTSUPP => Errno::OPNOTSUPP,
            WSAEPFNOSUPPORT => Errno::PFNOSUPPORT,
            WSAEPROTONOSUPPORT => Errno::PROTONOSUPPORT,
            WSAEPROTOTYPE => Errno::PROTOTYPE,
            // This side has said that it sends no more, or the other that it takes no more.
            WSAESHUTDOWN | WSAEDISCON => Errno::PIPE,
            WSAESOCKTNOSUPPORT => Errno::SOCKTNOSUPPORT,
            WSAESTALE => Errno::STALE,
            WSAETIMEDOUT => Errno::TIMEDOUT,
            WSAEWOULDBLOCK => Errno::AGAIN,
            WSAHOST_NOT_FOUND => Errno::NOENT,
            _ => Errno::IO,
        }
    }
}

impl From<std::io::Error> for Errno {
    fn from(error: std::io::Error) -> Errno {
        Errno::from_io_error(&error).unwrap_or(Errno::IO)
    }
}
