//! What TCP and UDP sockets have in common: opening, binding, and which addresses they take.
//!
//! The rules are those of WASI: sockets never wait, IPv6 sockets carry no IPv4, and what the state
//! of a socket does not allow is [`WRONG_STATE`], whatever the system would say.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wasmelt_abi::PolicyFlags;

use super::fd::above_streams;
use super::{Error, Result};
use crate::sys::event::{PollFd, PollFlags, Timespec};
use crate::sys::fd::{AsFd, BorrowedFd, OwnedFd};
use crate::sys::io::{Errno, retry_on_intr};
use crate::sys::net::{
    self, AddressFamily, SocketFlags, SocketType, getpeername, getsockname, socket_with,
};

/// What operations fail with that the socket's state does not allow.
pub const WRONG_STATE: Error = Error::IsConnected;

/// Of which addresses a socket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    Ipv4,
    Ipv6,
}

/// What can be done with a descriptor without waiting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    Readable,
    Writable,
}

/// Whether the executable's policy lets the guest use the network.
#[must_use]
pub fn is_allowed() -> bool {
    crate::vm::process::program().policy.flags & PolicyFlags::INHERIT_NETWORK != 0
}

/// Whether TCP sockets may be opened.
#[must_use]
pub fn may_open_tcp() -> bool {
    is_allowed() && !is_withheld(PolicyFlags::NO_TCP)
}

/// Whether UDP sockets may be opened.
#[must_use]
pub fn may_open_udp() -> bool {
    is_allowed() && !is_withheld(PolicyFlags::NO_UDP)
}

fn is_withheld(flag: u64) -> bool {
    crate::vm::process::program().policy.flags & flag != 0
}

impl Family {
    /// Whether a socket of this family can use the address. Neither IPv4 addresses written as
    /// IPv6 ones, mapped or compatible, nor those of the other family are.
    #[must_use]
    pub fn admits(self, address: IpAddr) -> bool {
        match (self, address) {
            (Family::Ipv4, IpAddr::V4(_)) => true,
            (Family::Ipv6, IpAddr::V6(address)) => {
                address.to_ipv4_mapped().is_none() && !is_compatible(address)
            }
            _ => false,
        }
    }

    /// All addresses of this machine, and any port.
    pub(super) fn unspecified(self) -> SocketAddr {
        match self {
            Family::Ipv4 => (Ipv4Addr::UNSPECIFIED, 0).into(),
            Family::Ipv6 => (Ipv6Addr::UNSPECIFIED, 0).into(),
        }
    }

    /// Opens a socket.
    pub(in crate::host) fn open(self, kind: SocketType) -> Result<OwnedFd> {
        let family = match self {
            Family::Ipv4 => AddressFamily::INET,
            Family::Ipv6 => AddressFamily::INET6,
        };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = above_streams(socket_with(family, kind, flags, None)?)?;
        if self == Family::Ipv6 {
            net::sockopt::set_ipv6_v6only(&fd, true)?;
        }
        Ok(fd)
    }
}

/// An address in `::/96` that was meant to carry an IPv4 address.
fn is_compatible(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, _, _] = address.segments();
    [a, b, c, d, e, f] == [0; 6]
        && address != Ipv6Addr::UNSPECIFIED
        && address != Ipv6Addr::LOCALHOST
}

/// Whether something can be at the address.
pub(super) fn is_remote(address: SocketAddr) -> bool {
    !address.ip().to_canonical().is_unspecified() && address.port() != 0
}

/// Whether the address is that of one machine.
pub(super) fn is_unicast(address: SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(address) => !address.is_multicast() && !address.is_broadcast(),
        IpAddr::V6(address) => !address.is_multicast(),
    }
}

pub(super) fn bind(fd: BorrowedFd<'_>, address: SocketAddr) -> Result<()> {
    match net::bind(fd, &address) {
        Err(Errno::AFNOSUPPORT) => Err(Error::Invalid),
        result => Ok(result?),
    }
}

pub(super) fn local_address(fd: BorrowedFd<'_>) -> Result<SocketAddr> {
    Ok(SocketAddr::try_from(getsockname(fd)?)?)
}

pub(super) fn remote_address(fd: BorrowedFd<'_>) -> Result<SocketAddr> {
    let address = getpeername(fd)?.ok_or(Error::NotConnected)?;
    Ok(SocketAddr::try_from(address)?)
}

/// Whether the descriptor can be read or written without waiting now; errors count.
pub(in crate::host) fn is_ready(fd: impl AsFd, direction: Direction) -> bool {
    let flags = match direction {
        Direction::Readable => PollFlags::IN,
        Direction::Writable => PollFlags::OUT,
    };
    let mut fds = [PollFd::from_borrowed_fd(fd.as_fd(), flags)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    retry_on_intr(|| crate::sys::event::poll(&mut fds, Some(&now))) != Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_admit_their_own_addresses() {
        let admitted = [
            (Family::Ipv4, "1.2.3.4"),
            (Family::Ipv6, "::1"),
            (Family::Ipv6, "::"),
            (Family::Ipv6, "fe80::1"),
        ];
        for (family, address) in admitted {
            assert!(family.admits(address.parse().unwrap()), "{address}");
        }
        let refused = [
            (Family::Ipv4, "::1"),
            (Family::Ipv6, "1.2.3.4"),
            (Family::Ipv6, "::ffff:1.2.3.4"),
            (Family::Ipv6, "::1.2.3.4"),
        ];
        for (family, address) in refused {
            assert!(!family.admits(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn remote_and_unicast_addresses() {
        let remote = |text: &str| is_remote(text.parse().unwrap());
        assert!(remote("127.0.0.1:80") && remote("[::1]:80"));
        assert!(!remote("127.0.0.1:0") && !remote("0.0.0.0:80") && !remote("[::]:80"));
        let unicast = |text: &str| is_unicast(text.parse().unwrap());
        assert!(unicast("127.0.0.1:0") && unicast("[::]:0"));
        assert!(!unicast("224.0.0.1:0") && !unicast("255.255.255.255:0"));
        assert!(!unicast("[ff02::1]:0") && !unicast("[::ffff:224.0.0.1]:0"));
    }
}
