//! What the programs share: memory, standard output, and names of results.

#![no_std]

extern crate alloc;

use core::fmt;

use alloc::vec::Vec;

use wasip2::cli::stdout::get_stdout;
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, StreamError};
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};

#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}

/// Writes a line to standard output.
pub fn say(line: fmt::Arguments<'_>) {
    let mut text = alloc::fmt::format(line);
    text.push('\n');
    let stdout = get_stdout();
    for part in text.as_bytes().chunks(4096) {
        if stdout.blocking_write_and_flush(part).is_err() {
            return;
        }
    }
}

/// `say` with a format.
#[macro_export]
macro_rules! say {
    ($($argument:tt)*) => { $crate::say(format_args!($($argument)*)) };
}

/// An error's name, the same wherever the program runs.
pub trait Name {
    fn text(&self) -> &'static str;
}

impl Name for wasip2::filesystem::types::ErrorCode {
    fn text(&self) -> &'static str {
        self.name()
    }
}

impl Name for ErrorCode {
    fn text(&self) -> &'static str {
        self.name()
    }
}

impl Name for StreamError {
    fn text(&self) -> &'static str {
        match self {
            StreamError::Closed => "closed",
            StreamError::LastOperationFailed(_) => "failed",
        }
    }
}

/// `ok`, or the error.
pub fn outcome<T, E: Name>(result: &Result<T, E>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.text(),
    }
}

/// Everything up to the end of a stream.
pub fn read_all(stream: &InputStream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match stream.blocking_read(4096) {
            Ok(bytes) => all.extend(bytes),
            Err(_) => return all,
        }
    }
}

/// `127.0.0.1` or `::1` with a port.
pub fn loopback(family: IpAddressFamily, port: u16) -> IpSocketAddress {
    match family {
        IpAddressFamily::Ipv4 => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port,
            address: (127, 0, 0, 1),
        }),
        IpAddressFamily::Ipv6 => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port,
            flow_info: 0,
            address: (0, 0, 0, 0, 0, 0, 0, 1),
            scope_id: 0,
        }),
    }
}

/// An IPv4 address with a port.
pub fn v4(address: (u8, u8, u8, u8), port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address })
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

/// Repeats what would block, waiting for `ready` in between.
pub fn finish<T>(
    ready: &Pollable,
    mut attempt: impl FnMut() -> Result<T, ErrorCode>,
) -> Result<T, ErrorCode> {
    loop {
        match attempt() {
            Err(ErrorCode::WouldBlock) => ready.block(),
            result => return result,
        }
    }
}
