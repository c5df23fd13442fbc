//! What TCP and UDP sockets have in common in `wasi:sockets/types`: addresses, and error codes.

use crate::host::Error;
use crate::variant;

pub use crate::wasi::p2::sockets::network::{IpAddress, IpAddressFamily, IpSocketAddress};

pub type Result<T> = std::result::Result<T, ErrorCode>;

variant! {
    #[derive(Clone, PartialEq, Eq, Debug)]
    pub enum ErrorCode {
        AccessDenied,
        NotSupported,
        InvalidArgument,
        OutOfMemory,
        Timeout,
        InvalidState,
        AddressNotBindable,
        AddressInUse,
        RemoteUnreachable,
        ConnectionRefused,
        ConnectionBroken,
        ConnectionReset,
        ConnectionAborted,
        DatagramTooLarge,
        Other(Option<String>),
    }
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> ErrorCode {
        match error {
            Error::NotPermitted | Error::Access => ErrorCode::AccessDenied,
            Error::Unsupported
            | Error::NoProtocolOption
            | Error::ProtocolNotSupported
            | Error::ProtocolType
            | Error::AddressFamilyNotSupported => ErrorCode::NotSupported,
            Error::Invalid | Error::DestinationRequired => ErrorCode::InvalidArgument,
            Error::InsufficientMemory | Error::NoBuffers => ErrorCode::OutOfMemory,
            Error::TimedOut => ErrorCode::Timeout,
            Error::Already | Error::IsConnected | Error::NotConnected => ErrorCode::InvalidState,
            Error::AddressNotAvailable => ErrorCode::AddressNotBindable,
            Error::AddressInUse => ErrorCode::AddressInUse,
            Error::HostUnreachable | Error::NetworkDown | Error::NetworkUnreachable => {
                ErrorCode::RemoteUnreachable
            }
            Error::ConnectionRefused => ErrorCode::ConnectionRefused,
            Error::Pipe => ErrorCode::ConnectionBroken,
            Error::ConnectionReset => ErrorCode::ConnectionReset,
            Error::ConnectionAborted => ErrorCode::ConnectionAborted,
            Error::MessageSize => ErrorCode::DatagramTooLarge,
            error => ErrorCode::Other(Some(error.name().to_owned())),
        }
    }
}
