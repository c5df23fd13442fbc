//! In a library: how far the stack of compiled code may reach, by the fields of `MemoryHeader`.
//!
//! Compiled code compares its stack pointer in each function that calls others: the stack is the
//! embedder's, of which nothing is known, and no page behind it has to be a guard.

use super::process::items;
use super::space::{PROCESS, header};
use super::store::Store;
use wasmelt_abi::MemoryHeader;

/// The headers of a store that is in use.
fn headers(store: &Store) -> impl Iterator<Item = &mut MemoryHeader> {
    let regions = items(&PROCESS.program().regions).iter();
    // SAFETY: a region of such a store has its header below its memory; nobody keeps a reference.
    regions.map(|region| unsafe { &mut *header(store.base(), region) })
}

/// How much of a stack the store may use; 0 if nothing of it runs any more.
pub(crate) fn set_bytes(store: &Store, bytes: u64) {
    if let Some(first) = headers(store).next() {
        first.stack_bytes = bytes;
    }
}

/// What has been set.
pub(crate) fn bytes(store: &Store) -> u64 {
    headers(store).next().map_or(0, |first| first.stack_bytes)
}

/// Sets the lowest address of the stack; gives that of before.
pub(crate) fn set(store: &Store, address: u64) -> u64 {
    let mut before = 0;
    for header in headers(store) {
        before = std::mem::replace(&mut header.stack_limit, address);
    }
    before
}

/// What is left of a fiber's stack for handlers of signals, and for what compiled code calls.
const FIBER_LEFT_BYTES: usize = 256 << 10;

/// The lowest address for compiled code on a fiber's stack of so many bytes below `top`.
pub(crate) fn of_fiber(top: usize, bytes: usize) -> u64 {
    let left = FIBER_LEFT_BYTES.min(bytes / 2);
    (top - bytes + left) as u64
}
