//! Addresses, as Winsock has them in memory.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6, SOCKADDR};

use super::super::errno::{Errno, Result};

/// Bytes of the longest: family, port, flow information, address, scope.
const BYTES: usize = 28;

/// Bytes of one of IPv4: family, port, address, zeros.
const IPV4_BYTES: usize = 16;

/// An address in memory.
#[repr(C, align(8))]
pub(super) struct Address {
    bytes: [u8; BYTES],
    len: i32,
}

/// An address that the system has told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SocketAddrAny(SocketAddr);

impl TryFrom<SocketAddrAny> for SocketAddr {
    type Error = Errno;

    fn try_from(address: SocketAddrAny) -> Result<SocketAddr> {
        Ok(address.0)
    }
}

impl Address {
    pub(super) fn of(address: &SocketAddr) -> Address {
        let mut bytes = [0; BYTES];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            if let Some(to) = bytes.get_mut(at..at + part.len()) {
                to.copy_from_slice(part);
            }
            at += part.len();
        };
        let len = match address {
            SocketAddr::V4(address) => {
                put(&AF_INET.to_ne_bytes());
                put(&address.port().to_be_bytes());
                put(&address.ip().octets());
                IPV4_BYTES
            }
            SocketAddr::V6(address) => {
                put(&AF_INET6.to_ne_bytes());
                put(&address.port().to_be_bytes());
                put(&address.flowinfo().to_ne_bytes());
                put(&address.ip().octets());
                put(&address.scope_id().to_ne_bytes());
                BYTES
            }
        };
        Address {
            bytes,
            len: len as i32,
        }
    }

    /// That of nobody: zeros.
    pub(super) fn nobody() -> Address {
        Address {
            bytes: [0; BYTES],
            len: BYTES as i32,
        }
    }

    /// What a call tells that writes an address and how long it is.
    pub(super) fn told(call: impl FnOnce(*mut SOCKADDR, *mut i32) -> i32) -> Result<SocketAddrAny> {
        let mut told = Address::nobody();
        let code = call((&raw mut told.bytes).cast(), &raw mut told.len);
        if code != 0 {
            return Err(Errno::last());
        }
        let address = told.address().ok_or(Errno::AFNOSUPPORT)?;
        Ok(SocketAddrAny(address))
    }

    fn address(&self) -> Option<SocketAddr> {
        let port = u16::from_be_bytes(self.part(2)?);
        match u16::from_ne_bytes(self.part(0)?) {
            AF_INET => Some((Ipv4Addr::from(self.part::<4>(4)?), port).into()),
            AF_INET6 => {
                let flow = u32::from_ne_bytes(self.part(4)?);
                let address = Ipv6Addr::from(self.part::<16>(8)?);
                let scope = u32::from_ne_bytes(self.part(24)?);
                Some(SocketAddrV6::new(address, port, flow, scope).into())
            }
            _ => None,
        }
    }

    fn part<const COUNT: usize>(&self, at: usize) -> Option<[u8; COUNT]> {
        self.bytes.get(at..at + COUNT)?.try_into().ok()
    }

    pub(super) fn start(&self) -> *const SOCKADDR {
        (&raw const self.bytes).cast()
    }

    pub(super) fn len(&self) -> i32 {
        self.len
    }
}
