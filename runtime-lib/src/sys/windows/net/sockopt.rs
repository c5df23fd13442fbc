//! Options of sockets.

use std::time::Duration;

use windows_sys::Win32::Networking::WinSock::{
    IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPV6_UNICAST_HOPS, IPV6_V6ONLY, LINGER,
    SO_ERROR, SO_KEEPALIVE, SO_LINGER, SO_RCVBUF, SO_SNDBUF, SOL_SOCKET, TCP_KEEPCNT, TCP_KEEPIDLE,
    TCP_KEEPINTVL, TCP_MAXRT, TCP_NODELAY, getsockopt, setsockopt,
};

use super::super::errno::{Errno, Result};
use super::super::fd::AsFd;
use super::{done, number};

/// A level and a name of it.
type Name = (i32, i32);

/// What the number of an option is.
fn read(fd: impl AsFd, (level, name): Name) -> Result<u32> {
    let mut value = 0_u32;
    let mut len = size_of::<u32>() as i32;
    let to = (&raw mut value).cast();
    // SAFETY: the system writes so many bytes to a local.
    done(unsafe { getsockopt(number(fd.as_fd()), level, name, to, &raw mut len) })?;
    Ok(value)
}

fn write<T: Copy>(fd: impl AsFd, (level, name): Name, value: T) -> Result<()> {
    let from = (&raw const value).cast();
    let len = size_of::<T>() as i32;
    // SAFETY: the value has so many bytes, without gaps.
    done(unsafe { setsockopt(number(fd.as_fd()), level, name, from, len) })
}

fn number_of(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(i32::MAX.cast_unsigned())
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

/// Does nothing: a port whose connections have just ended is free here, and this would let others take
/// it from whoever listens.
///
/// # Errors
/// None.
pub fn set_socket_reuseaddr(_: impl AsFd, _: bool) -> Result<()> {
    Ok(())
}

/// Why a connection has failed.
///
/// # Errors
/// The system's; so for all of the following.
pub fn socket_error(fd: impl AsFd) -> Result<Result<()>> {
    Ok(match read(fd, (SOL_SOCKET, SO_ERROR))? {
        0 => Ok(()),
        code => Err(Errno::from_winsock(code.cast_signed())),
    })
}

macro_rules! options {
    ($( $get:ident $set:ident $type:ty, $level:ident $name:ident, $from:expr, $to:expr; )*) => {
        $(
            /// # Errors
            /// As [`socket_error`].
            pub fn $get(fd: impl AsFd) -> Result<$type> {
                read(fd, ($level, $name)).map($from)
            }

            /// # Errors
            /// As [`socket_error`].
            pub fn $set(fd: impl AsFd, value: $type) -> Result<()> {
                let number: u32 = $to(value);
                write(fd, ($level, $name), number)
            }
        )*
    };
}

options! {
    ip_ttl set_ip_ttl u32, IPPROTO_IP IP_TTL, |hops| hops, |hops| hops;
    ipv6_v6only set_ipv6_v6only bool, IPPROTO_IPV6 IPV6_V6ONLY, |only| only != 0, u32::from;
    socket_recv_buffer_size set_socket_recv_buffer_size usize, SOL_SOCKET SO_RCVBUF, |bytes| bytes as usize, number_of;
    socket_send_buffer_size set_socket_send_buffer_size usize, SOL_SOCKET SO_SNDBUF, |bytes| bytes as usize, number_of;
    socket_keepalive set_socket_keepalive bool, SOL_SOCKET SO_KEEPALIVE, |alive| alive != 0, u32::from;
    tcp_keepidle set_tcp_keepidle Duration, IPPROTO_TCP TCP_KEEPIDLE, |s| Duration::from_secs(s.into()), seconds;
    tcp_keepintvl set_tcp_keepintvl Duration, IPPROTO_TCP TCP_KEEPINTVL, |s| Duration::from_secs(s.into()), seconds;
    tcp_keepcnt set_tcp_keepcnt u32, IPPROTO_TCP TCP_KEEPCNT, |count| count, |count| count;
    tcp_nodelay set_tcp_nodelay bool, IPPROTO_TCP TCP_NODELAY, |at_once| at_once != 0, u32::from;
}

/// # Errors
/// As [`socket_error`].
pub fn ipv6_unicast_hops(fd: impl AsFd) -> Result<u8> {
    let hops = read(fd, (IPPROTO_IPV6, IPV6_UNICAST_HOPS))?;
    u8::try_from(hops).map_err(|_| Errno::NOPROTOOPT)
}

/// # Errors
/// As [`socket_error`].
pub fn set_ipv6_unicast_hops(fd: impl AsFd, hops: Option<u8>) -> Result<()> {
    let hops = hops.map_or(u32::MAX, u32::from);
    write(fd, (IPPROTO_IPV6, IPV6_UNICAST_HOPS), hops)
}

/// The connection fails when the other side has not taken anything for so long: in whole seconds here.
///
/// # Errors
/// As [`socket_error`].
pub fn set_tcp_user_timeout(fd: impl AsFd, ms: u32) -> Result<()> {
    write(fd, (IPPROTO_TCP, TCP_MAXRT), ms.div_ceil(1000))
}

/// For how long closing waits for what has not been sent. With no time at all the connection is aborted.
///
/// # Errors
/// As [`socket_error`].
pub fn set_socket_linger(fd: impl AsFd, time: Option<Duration>) -> Result<()> {
    let value = LINGER {
        l_onoff: time.is_some().into(),
        l_linger: time.map_or(0, |time| u16::try_from(time.as_secs()).unwrap_or(u16::MAX)),
    };
    write(fd, (SOL_SOCKET, SO_LINGER), value)
}
