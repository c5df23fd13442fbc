//! What the programs share: memory, standard output, addresses, and files.

#![no_std]

extern crate alloc;

#[path = "lib/files.rs"]
pub mod files;

use core::fmt;
use core::pin::pin;

use alloc::vec::Vec;

use futures::future::{Either, select};
use wasip3::cli::stdout;
use wasip3::clocks::monotonic_clock::wait_for;
use wasip3::sockets::types::{
    IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wit_bindgen::rt::async_support::{StreamReader, StreamResult};

#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Writes a line to standard output.
pub async fn say(line: fmt::Arguments<'_>) {
    let mut text = alloc::fmt::format(line);
    text.push('\n');
    let (mut writer, reader) = wasip3::wit_stream::new();
    let written = stdout::write_via_stream(reader);
    writer.write_all(text.into_bytes()).await;
    drop(writer);
    // Whoever does not listen misses it.
    let _ = written.await;
}

/// `say` with a format.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::say(format_args!($($argument)*)).await };
}

/// Everything up to the end of a stream.
pub async fn read_all(stream: &mut StreamReader<u8>) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let (result, bytes) = stream.read(Vec::with_capacity(4096)).await;
        all.extend(bytes);
        if result == StreamResult::Dropped {
            return all;
        }
    }
}

/// What a future gives within so many milliseconds. It is cancelled when they are over.
pub async fn within<T>(ms: u64, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), pin!(wait_for(ms * 1_000_000))).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

/// `127.0.0.1` or `::1` with a port.
pub fn loopback(family: IpAddressFamily, port: u16) -> IpSocketAddress {
    match family {
        IpAddressFamily::Ipv4 => v4((127, 0, 0, 1), port),
        IpAddressFamily::Ipv6 => v6((0, 0, 0, 0, 0, 0, 0, 1), port),
    }
}

/// An IPv4 address with a port.
pub fn v4(address: (u8, u8, u8, u8), port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address })
}

/// An IPv6 address with a port.
pub fn v6(address: (u16, u16, u16, u16, u16, u16, u16, u16), port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv6(Ipv6SocketAddress {
        port,
        flow_info: 0,
        address,
        scope_id: 0,
    })
}

pub fn port_of(address: IpSocketAddress) -> u16 {
    match address {
        IpSocketAddress::Ipv4(address) => address.port,
        IpSocketAddress::Ipv6(address) => address.port,
    }
}

pub fn same_address(left: IpSocketAddress, right: IpSocketAddress) -> bool {
    match (left, right) {
        (IpSocketAddress::Ipv4(left), IpSocketAddress::Ipv4(right)) => {
            (left.address, left.port) == (right.address, right.port)
        }
        (IpSocketAddress::Ipv6(left), IpSocketAddress::Ipv6(right)) => {
            (left.address, left.port) == (right.address, right.port)
        }
        _ => false,
    }
}
