//! Options of TCP and UDP sockets, normalized as WASI wants them: 0 is invalid, what is out of the
//! system's range becomes the nearest that is not.

use std::time::Duration;

use super::net::Family;
use super::stat::NS_PER_S;
use super::{Error, Result};
use crate::sys::fd::BorrowedFd;
use crate::sys::io::{self, Errno};
use crate::sys::net::{BUFFER_COUNT, sockopt};

/// Linux's limit for times, in seconds.
const KEEP_ALIVE_S_MAX: u64 = 32767;
/// Linux's limit for the number of probes.
const KEEP_ALIVE_COUNT_MAX: u32 = 127;
const BUFFER_BYTES_MAX: u64 = i32::MAX as u64;

/// The options of an open socket.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    fd: BorrowedFd<'a>,
    family: Family,
}

/// All fail with the system's error, and setters with [`Error::Invalid`] for 0.
impl<'a> Options<'a> {
    pub(super) fn new(fd: BorrowedFd<'a>, family: Family) -> Options<'a> {
        Options { fd, family }
    }

    /// How many routers a packet may pass.
    pub fn hop_limit(self) -> Result<u8> {
        match self.family {
            Family::Ipv4 => {
                u8::try_from(sockopt::ip_ttl(self.fd)?).map_err(|_| Error::NoProtocolOption)
            }
            Family::Ipv6 => Ok(sockopt::ipv6_unicast_hops(self.fd)?),
        }
    }

    pub fn set_hop_limit(self, hops: u8) -> Result<()> {
        require(hops != 0)?;
        match self.family {
            Family::Ipv4 => Ok(sockopt::set_ip_ttl(self.fd, u32::from(hops))?),
            Family::Ipv6 => Ok(sockopt::set_ipv6_unicast_hops(self.fd, Some(hops))?),
        }
    }

    /// In bytes.
    pub fn receive_buffer_bytes(self) -> Result<u64> {
        Ok(sockopt::socket_recv_buffer_size(self.fd)? as u64 / BUFFER_COUNT)
    }

    pub fn set_receive_buffer_bytes(self, bytes: u64) -> Result<()> {
        hint(sockopt::set_socket_recv_buffer_size(
            self.fd,
            buffer_bytes(bytes)?,
        ))
    }

    /// In bytes, as [`Options::receive_buffer_bytes`].
    pub fn send_buffer_bytes(self) -> Result<u64> {
        Ok(sockopt::socket_send_buffer_size(self.fd)? as u64 / BUFFER_COUNT)
    }

    pub fn set_send_buffer_bytes(self, bytes: u64) -> Result<()> {
        hint(sockopt::set_socket_send_buffer_size(
            self.fd,
            buffer_bytes(bytes)?,
        ))
    }

    /// Whether idle connections are probed; of TCP alone, as the following.
    pub fn keep_alive(self) -> Result<bool> {
        Ok(sockopt::socket_keepalive(self.fd)?)
    }

    pub fn set_keep_alive(self, enabled: bool) -> Result<()> {
        Ok(sockopt::set_socket_keepalive(self.fd, enabled)?)
    }

    /// For how long a connection is idle before the first probe.
    pub fn keep_alive_idle_ns(self) -> Result<u64> {
        Ok(nanoseconds(sockopt::tcp_keepidle(self.fd)?))
    }

    pub fn set_keep_alive_idle_ns(self, ns: u64) -> Result<()> {
        Ok(sockopt::set_tcp_keepidle(self.fd, probe_time(ns)?)?)
    }

    /// The time between probes.
    pub fn keep_alive_interval_ns(self) -> Result<u64> {
        Ok(nanoseconds(sockopt::tcp_keepintvl(self.fd)?))
    }

    pub fn set_keep_alive_interval_ns(self, ns: u64) -> Result<()> {
        Ok(sockopt::set_tcp_keepintvl(self.fd, probe_time(ns)?)?)
    }

    /// After how many probes without an answer a connection is given up.
    pub fn keep_alive_count(self) -> Result<u32> {
        Ok(sockopt::tcp_keepcnt(self.fd)?)
    }

    pub fn set_keep_alive_count(self, count: u32) -> Result<()> {
        require(count != 0)?;
        let count = count.min(KEEP_ALIVE_COUNT_MAX);
        Ok(sockopt::set_tcp_keepcnt(self.fd, count)?)
    }
}

fn require(valid: bool) -> Result<()> {
    if valid { Ok(()) } else { Err(Error::Invalid) }
}

fn buffer_bytes(bytes: u64) -> Result<usize> {
    require(bytes != 0)?;
    Ok(bytes.min(BUFFER_BYTES_MAX) as usize)
}

/// The size of a buffer is a wish: one that is too large is none.
fn hint(result: io::Result<()>) -> Result<()> {
    match result {
        Err(Errno::NOBUFS) => Ok(()),
        result => Ok(result?),
    }
}

fn probe_time(ns: u64) -> Result<Duration> {
    require(ns != 0)?;
    let ns = ns.clamp(NS_PER_S, KEEP_ALIVE_S_MAX * NS_PER_S);
    Ok(Duration::from_nanos(ns))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
