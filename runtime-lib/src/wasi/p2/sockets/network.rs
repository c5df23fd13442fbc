//! `wasi:sockets/network` and `instance-network`: addresses, and error codes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::component::{Borrow, Call, Own, Resource};
use crate::host::Error;
use crate::host::net::Family;
use crate::wasi::p2::streams::IoError;
use crate::{enumeration, record, variant};

/// The resource `network`. What may be done, the policy says.
pub struct Network;

impl Resource for Network {
    const INTERFACE: &'static str = "wasi:sockets/network";
    const NAME: &'static str = "network";
}

enumeration! {
    pub enum ErrorCode {
        Unknown,
        AccessDenied,
        NotSupported,
        InvalidArgument,
        OutOfMemory,
        Timeout,
        ConcurrencyConflict,
        NotInProgress,
        WouldBlock,
        InvalidState,
        NewSocketLimit,
        AddressNotBindable,
        AddressInUse,
        RemoteUnreachable,
        ConnectionRefused,
        ConnectionReset,
        ConnectionAborted,
        DatagramTooLarge,
        NameUnresolvable,
        TemporaryResolverFailure,
        PermanentResolverFailure,
    }
}

enumeration! {
    pub enum IpAddressFamily { Ipv4, Ipv6 }
}

type Ipv4Address = (u8, u8, u8, u8);
type Ipv6Address = (u16, u16, u16, u16, u16, u16, u16, u16);

variant! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum IpAddress {
        Ipv4(Ipv4Address),
        Ipv6(Ipv6Address),
    }
}

record! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Ipv4SocketAddress { port: u16, address: Ipv4Address }
}

record! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Ipv6SocketAddress {
        port: u16,
        flow_info: u32,
        address: Ipv6Address,
        scope_id: u32,
    }
}

variant! {
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub enum IpSocketAddress {
        Ipv4(Ipv4SocketAddress),
        Ipv6(Ipv6SocketAddress),
    }
}

pub fn instance_network(call: &mut Call<'_>) -> Own<Network> {
    call.push(Network)
}

pub fn network_error_code(call: &mut Call<'_>, error: Borrow<IoError>) -> Option<ErrorCode> {
    ErrorCode::of_network(call.resource(&error).system()?)
}

impl From<Error> for ErrorCode {
    fn from(error: Error) -> ErrorCode {
        ErrorCode::of_network(error).unwrap_or(ErrorCode::Unknown)
    }
}

impl ErrorCode {
    /// Nothing for errors that have nothing to do with the network.
    pub(super) fn of_network(error: Error) -> Option<ErrorCode> {
        Some(match error {
            Error::NotPermitted | Error::Access => ErrorCode::AccessDenied,
            Error::Unsupported
            | Error::NoProtocolOption
            | Error::ProtocolNotSupported
            | Error::ProtocolType
            | Error::AddressFamilyNotSupported => ErrorCode::NotSupported,
            Error::Invalid => ErrorCode::InvalidArgument,
            Error::InsufficientMemory | Error::NoBuffers => ErrorCode::OutOfMemory,
            Error::TimedOut => ErrorCode::Timeout,
            Error::Already => ErrorCode::ConcurrencyConflict,
            Error::WouldBlock | Error::Interrupted => ErrorCode::WouldBlock,
            Error::IsConnected | Error::NotConnected | Error::DestinationRequired => {
                ErrorCode::InvalidState
            }
            Error::TooManyOpenFiles | Error::TooManyOpenFilesInSystem => ErrorCode::NewSocketLimit,
            Error::AddressNotAvailable => ErrorCode::AddressNotBindable,
            Error::AddressInUse => ErrorCode::AddressInUse,
            Error::HostUnreachable | Error::NetworkDown | Error::NetworkUnreachable => {
                ErrorCode::RemoteUnreachable
            }
            Error::ConnectionRefused => ErrorCode::ConnectionRefused,
            Error::ConnectionReset => ErrorCode::ConnectionReset,
            Error::ConnectionAborted => ErrorCode::ConnectionAborted,
            Error::MessageSize => ErrorCode::DatagramTooLarge,
            _ => return None,
        })
    }
}

impl From<IpAddressFamily> for Family {
    fn from(family: IpAddressFamily) -> Family {
        match family {
            IpAddressFamily::Ipv4 => Family::Ipv4,
            IpAddressFamily::Ipv6 => Family::Ipv6,
        }
    }
}

impl From<Family> for IpAddressFamily {
    fn from(family: Family) -> IpAddressFamily {
        match family {
            Family::Ipv4 => IpAddressFamily::Ipv4,
            Family::Ipv6 => IpAddressFamily::Ipv6,
        }
    }
}

fn ipv4_address(address: Ipv4Addr) -> Ipv4Address {
    address.octets().into()
}

fn ipv6_address(address: Ipv6Addr) -> Ipv6Address {
    address.segments().into()
}

impl From<IpAddr> for IpAddress {
    fn from(address: IpAddr) -> IpAddress {
        match address {
            IpAddr::V4(address) => IpAddress::Ipv4(ipv4_address(address)),
            IpAddr::V6(address) => IpAddress::Ipv6(ipv6_address(address)),
        }
    }
}

impl From<SocketAddr> for IpSocketAddress {
    fn from(address: SocketAddr) -> IpSocketAddress {
        match address {
            SocketAddr::V4(address) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
                port: address.port(),
                address: ipv4_address(*address.ip()),
            }),
            SocketAddr::V6(address) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port: address.port(),
                flow_info: address.flowinfo(),
                address: ipv6_address(*address.ip()),
                scope_id: address.scope_id(),
            }),
        }
    }
}

impl From<IpSocketAddress> for SocketAddr {
    fn from(address: IpSocketAddress) -> SocketAddr {
        match address {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address }) => {
                let octets: [u8; 4] = address.into();
                SocketAddrV4::new(octets.into(), port).into()
            }
            IpSocketAddress::Ipv6(Ipv6SocketAddress {
                port,
                flow_info,
                address,
                scope_id,
            }) => {
                let segments: [u16; 8] = address.into();
                SocketAddrV6::new(segments.into(), port, flow_info, scope_id).into()
            }
        }
    }
}
