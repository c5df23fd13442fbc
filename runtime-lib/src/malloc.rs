//! The C library's allocator, as calls of this library's own, so that executables have one and not
//! two: the standard library keeps what threads have to drop at their end in the C library's.
//!
//! What C frees it does not tell the size of. That lies below each block, with where the block
//! begins.

use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_void;
use core::mem::size_of;
use core::ptr::{copy_nonoverlapping, null_mut};

use crate::ALLOCATOR;

/// What every type in C is aligned to, at most.
const ALIGN: usize = 16;

/// What lies below a block.
struct Below {
    start: *mut u8,
    layout: Layout,
    bytes: usize,
}

fn allocate(align: usize, bytes: usize, zeroed: bool) -> *mut c_void {
    let align = align.max(ALIGN);
    let total = bytes.checked_add(align + size_of::<Below>());
    let layout = total.and_then(|total| Layout::from_size_align(total, ALIGN).ok());
    let Some(layout) = layout.filter(|_| align.is_power_of_two()) else {
        return null_mut();
    };
    // SAFETY: the layout has bytes.
    let start = unsafe {
        match zeroed {
            true => ALLOCATOR.alloc_zeroed(layout),
            false => ALLOCATOR.alloc(layout),
        }
    };
    if start.is_null() {
        return null_mut();
    }
    let end = start.addr() + size_of::<Below>();
    let block = start.wrapping_add(end.next_multiple_of(align) - start.addr());
    let below = Below {
        start,
        layout,
        bytes,
    };
    // SAFETY: what has been allocated has room for it below the block, which is aligned enough.
    unsafe { below_of(block).write(below) };
    block.cast()
}

fn below_of(block: *mut u8) -> *mut Below {
    block.wrapping_sub(size_of::<Below>()).cast()
}

#[unsafe(no_mangle)]
extern "C" fn malloc(bytes: usize) -> *mut c_void {
    allocate(ALIGN, bytes, false)
}

#[unsafe(no_mangle)]
extern "C" fn calloc(count: usize, bytes: usize) -> *mut c_void {
    let bytes = count.checked_mul(bytes);
    bytes.map_or(null_mut(), |bytes| allocate(ALIGN, bytes, true))
}

#[unsafe(no_mangle)]
extern "C" fn aligned_alloc(align: usize, bytes: usize) -> *mut c_void {
    allocate(align, bytes, false)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn free(block: *mut c_void) {
    if !block.is_null() {
        // SAFETY: `allocate` has written it, and the caller gives the block back.
        unsafe {
            let below = below_of(block.cast()).read();
            ALLOCATOR.dealloc(below.start, below.layout);
        }
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn realloc(block: *mut c_void, bytes: usize) -> *mut c_void {
    let moved = allocate(ALIGN, bytes, false);
    if !block.is_null() && !moved.is_null() {
        // SAFETY: `allocate` has written what lies below the old block, both blocks have so many
        // bytes, and the caller gives the old one back.
        unsafe {
            let known = (*below_of(block.cast())).bytes;
            copy_nonoverlapping(block.cast::<u8>(), moved.cast(), known.min(bytes));
            free(block);
        }
    }
    moved
}
