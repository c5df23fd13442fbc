//! What the programs share: memory, standard output, and names of results.

#![no_std]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32;
use core::cell::UnsafeCell;
use core::fmt;

use alloc::vec::Vec;

use wasip2::cli::stdout::get_stdout;
use wasip2::io::poll::Pollable;
use wasip2::io::streams::{InputStream, StreamError};
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};

/// Memory in blocks of powers of two; free ones are kept in a list for each power.
struct Heap {
    state: UnsafeCell<State>,
}

struct State {
    /// Addresses of free blocks, each of which holds the next one's; 0 is none.
    free: [usize; 32],
    /// First byte that was never used, and the one behind the last.
    fresh: usize,
    end: usize,
}

// SAFETY: there is one thread.
unsafe impl Sync for Heap {}

const PAGE_BYTES: usize = 65536;
const SMALLEST: usize = 8;

fn block_bytes(layout: Layout) -> usize {
    layout
        .size()
        .max(layout.align())
        .max(SMALLEST)
        .next_power_of_two()
}

// SAFETY: a block is in use or in one list, and blocks never overlap.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let bytes = block_bytes(layout);
        // SAFETY: nothing else refers to the state while this runs.
        let state = unsafe { &mut *self.state.get() };
        let list = &mut state.free[bytes.trailing_zeros() as usize];
        if *list != 0 {
            let block = *list as *mut usize;
            // SAFETY: a free block holds the address of the next.
            *list = unsafe { block.read() };
            return block.cast();
        }
        let start = state.fresh.next_multiple_of(bytes.min(PAGE_BYTES));
        if start + bytes > state.end {
            let pages = bytes.div_ceil(PAGE_BYTES) + 1;
            let old = wasm32::memory_grow(0, pages);
            if old == usize::MAX {
                return core::ptr::null_mut();
            }
            if old * PAGE_BYTES != state.end {
                state.fresh = old * PAGE_BYTES;
            }
            state.end = (old + pages) * PAGE_BYTES;
            // SAFETY: as for this call.
            return unsafe { self.alloc(layout) };
        }
        state.fresh = start + bytes;
        start as *mut u8
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: nothing else refers to the state while this runs.
        let state = unsafe { &mut *self.state.get() };
        let list = &mut state.free[block_bytes(layout).trailing_zeros() as usize];
        // SAFETY: the block is not used any more, and large enough for an address.
        unsafe { block.cast::<usize>().write(*list) };
        *list = block as usize;
    }
}

#[global_allocator]
static HEAP: Heap = Heap {
    state: UnsafeCell::new(State {
        free: [0; 32],
        fresh: 0,
        end: 0,
    }),
};

#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    wasm32::unreachable()
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
