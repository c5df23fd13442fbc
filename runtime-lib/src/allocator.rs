//! The allocator: dlmalloc, with lists of small blocks that have been freed in front of it, by size.
//! Whoever frees says the size, so a small block comes from its list and goes back there with a few
//! instructions; a request of HTTP allocates some forty.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{NonNull, copy_nonoverlapping, null_mut, write_bytes};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dlmalloc::Dlmalloc;

/// What every block is aligned to.
const ALIGN: usize = 16;

/// Small blocks have at most so many bytes: as many kinds as there are multiples of [`ALIGN`].
const SMALL_BYTES_MAX: usize = 1024;
const KINDS: usize = SMALL_BYTES_MAX / ALIGN;

/// What a list keeps; the rest goes back to dlmalloc, which makes larger blocks of it.
const KEPT_BYTES_MAX: usize = 8192;

/// See the module's documentation.
pub struct Allocator(Mutex<Heap>);

struct Heap {
    large: Dlmalloc,
    /// By size, the smallest first.
    small: [List; KINDS],
}

/// Blocks of one size that are free.
#[derive(Clone, Copy)]
struct List {
    first: Option<NonNull<Free>>,
    bytes: usize,
}

/// A block that is free holds the next one.
struct Free(Option<NonNull<Free>>);

// SAFETY: the heap's blocks belong to no thread.
unsafe impl Send for Heap {}

impl Allocator {
    pub const fn new() -> Allocator {
        let empty = List {
            first: None,
            bytes: 0,
        };
        Allocator(Mutex::new(Heap {
            large: Dlmalloc::new(),
            small: [empty; KINDS],
        }))
    }

    fn heap(&self) -> MutexGuard<'_, Heap> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which list a block is from, and how many bytes it has, if it is small.
fn kind(layout: Layout) -> Option<(usize, usize)> {
    let kind = layout.size().wrapping_sub(1) / ALIGN;
    (kind < KINDS && layout.align() <= ALIGN).then_some((kind, (kind + 1) * ALIGN))
}

// SAFETY: blocks come from dlmalloc, and have the size and alignment that is asked for, or more; a
// block in a list is nobody's.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let heap = &mut *self.heap();
        let Some((kind, bytes)) = kind(layout) else {
            // SAFETY: the caller keeps the contract of this function, which is dlmalloc's.
            return unsafe { heap.large.malloc(layout.size(), layout.align()) };
        };
        let list = &mut heap.small[kind];
        let Some(block) = list.first else {
            // SAFETY: as above.
            return unsafe { heap.large.malloc(bytes, ALIGN) };
        };
        // SAFETY: `dealloc` has written it.
        list.first = unsafe { block.read() }.0;
        list.bytes -= bytes;
        block.as_ptr().cast()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let heap = &mut *self.heap();
        let Some((kind, bytes)) = kind(layout) else {
            // SAFETY: as above.
            return unsafe { heap.large.free(block, layout.size(), layout.align()) };
        };
        let list = &mut heap.small[kind];
        match NonNull::new(block.cast::<Free>()) {
            Some(free) if list.bytes < KEPT_BYTES_MAX => {
                // SAFETY: the block has room for it, and nobody else has the block.
                unsafe { free.write(Free(list.first)) };
                list.first = Some(free);
                list.bytes += bytes;
            }
            // SAFETY: it was allocated with this size.
            _ => unsafe { heap.large.free(block, bytes, ALIGN) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if kind(layout).is_none() {
            // SAFETY: the caller keeps the contract, which is dlmalloc's. It knows what is zero.
            return unsafe { self.heap().large.calloc(layout.size(), layout.align()) };
        }
        // SAFETY: as above.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block has so many bytes.
            unsafe { write_bytes(block, 0, layout.size()) };
        }
        block
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller has checked the size, with this alignment.
        let new = unsafe { Layout::from_size_align_unchecked(bytes, layout.align()) };
        match (kind(layout), kind(new)) {
            // SAFETY: the caller keeps the contract, which is dlmalloc's.
            (None, None) => unsafe {
                let heap = &mut *self.heap();
                heap.large
                    .realloc(block, layout.size(), layout.align(), bytes)
            },
            (known, wanted) if known == wanted => block,
            _ => {
                // SAFETY: as above.
                let moved = unsafe { self.alloc(new) };
                if moved.is_null() {
                    return null_mut();
                }
                // SAFETY: both blocks have so many bytes, and the old one is given back.
                unsafe {
                    copy_nonoverlapping(block, moved, bytes.min(layout.size()));
                    self.dealloc(block, layout);
                }
                moved
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_what_is_in_them_and_are_used_again() {
        let allocator = Allocator::new();
        let layout = |bytes, align| Layout::from_size_align(bytes, align).unwrap();
        // SAFETY: each block is used with its own layout, until it is given back.
        unsafe {
            for (bytes, align) in [(1, 1), (16, 8), (17, 16), (1024, 16), (1025, 1), (64, 64)] {
                let of = layout(bytes, align);
                let first = allocator.alloc(of);
                assert_eq!(first.addr() % align, 0);
                write_bytes(first, 7, bytes);
                let second = allocator.alloc_zeroed(of);
                assert_ne!(first, second);
                assert!((0..bytes).all(|at| *second.add(at) == 0 && *first.add(at) == 7));
                allocator.dealloc(second, of);
                let third = allocator.alloc(of);
                assert_eq!(second, third, "{bytes}");
                write_bytes(third, 9, bytes);
                // Through all kinds of sizes and back.
                let mut known = (third, of);
                for next in [bytes + 1, 40, 3000, 100_000, 900, bytes] {
                    let moved = allocator.realloc(known.0, known.1, next);
                    let same = next.min(known.1.size()).min(bytes).min(40);
                    assert!((0..same).all(|at| *moved.add(at) == 9), "{bytes} {next}");
                    write_bytes(moved, 9, next);
                    known = (moved, layout(next, align));
                }
                assert!((0..bytes).all(|at| *first.add(at) == 7));
                allocator.dealloc(known.0, known.1);
                allocator.dealloc(first, of);
            }
        }
    }

    #[test]
    fn a_list_keeps_no_more_than_its_share() {
        let allocator = Allocator::new();
        let layout = Layout::from_size_align(64, 8).unwrap();
        // SAFETY: as above.
        unsafe {
            let blocks: Vec<*mut u8> = (0..1000).map(|_| allocator.alloc(layout)).collect();
            blocks
                .into_iter()
                .for_each(|block| allocator.dealloc(block, layout));
        }
        let kept: usize = allocator.heap().small.iter().map(|list| list.bytes).sum();
        assert_eq!(kept, KEPT_BYTES_MAX);
    }
}
