//! Memory for exceptions.
//!
//! An exception that was only ever caught by `catch` and `catch_all` is freed by compiled code. One
//! that a `catch_ref` or `catch_all_ref` has seen may be referred to from anywhere: such ones are
//! *shared*, and collected when the pool has no free slot left. The collection is conservative:
//! every word of the native stack, of the contexts and of the tables counts as a reference.
//! Exceptions cannot be referred to from memories.

use std::alloc::Layout;
use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::null_mut;

use crate::vm::{arch, backtrace, stacks, store};
use wasmelt_abi::Exception;

/// Values that fit a slot of the pool. Tags with more are rare; see [`allocate_large`].
const SLOT_VALUES: u64 = 4;
const VALUE_BYTES: usize = 16;
const SLOT_BYTES: usize = size_of::<Exception>() + SLOT_VALUES as usize * VALUE_BYTES;

/// Slots of the first chunk; each further one doubles the pool.
const FIRST_SLOTS: usize = 32;

/// What `Exception::shared` says of a slot: compiled code knows the first two.
const OWNED: u32 = 0;
const SHARED: u32 = 1;
/// Not an exception: `Exception::values` is the address of the next free slot.
const FREE: u32 = 2;
/// Shared and referred to, during a collection: what it refers to is still to be looked at.
const REACHED: u32 = 3;
/// Shared and referred to, during a collection.
const DONE: u32 = 4;

/// A run of slots; they follow the header.
#[repr(C, align(16))]
struct Chunk {
    next: *mut Chunk,
    slots: usize,
}

thread_local! {
    static FREE_SLOT: Cell<*mut Exception> = const { Cell::new(null_mut()) };
    static CHUNKS: Cell<*mut Chunk> = const { Cell::new(null_mut()) };
    /// Slots of all chunks.
    static SLOTS: Cell<usize> = const { Cell::new(0) };
    /// Exceptions outside the pool that exist. What they refer to is unknown, so that nothing is
    /// collected as long as there is one.
    static LARGE: Cell<usize> = const { Cell::new(0) };
}

/// Memory for an exception with so many values, or null.
pub(super) fn allocate(values: u64) -> *mut Exception {
    if values > SLOT_VALUES {
        return allocate_large(values);
    }
    if FREE_SLOT.get().is_null() {
        refill();
    }
    let slot = FREE_SLOT.get();
    if !slot.is_null() {
        // SAFETY: free slots hold the address of the next one.
        FREE_SLOT.set(std::ptr::with_exposed_provenance_mut(
            unsafe { (*slot).values } as usize,
        ));
    }
    slot
}

/// Takes back what [`allocate`] gave.
///
/// # Safety
/// Nothing refers to the exception.
pub(super) unsafe fn free(exception: *mut Exception) {
    // SAFETY: the caller vouches for the exception.
    let values = unsafe { (*exception).values };
    if values > SLOT_VALUES {
        LARGE.set(LARGE.get().wrapping_sub(1));
        // SAFETY: it was allocated with this layout.
        unsafe { std::alloc::dealloc(exception.cast(), large_layout(values)) };
    } else {
        // SAFETY: the slot is one of the pool's.
        unsafe { free_slot(exception) };
    }
}

/// # Safety
/// `slot` is one of the pool's that nothing refers to.
unsafe fn free_slot(slot: *mut Exception) {
    let next = FREE_SLOT.get().expose_provenance() as u64;
    // SAFETY: the caller vouches for the slot.
    unsafe {
        slot.write(Exception {
            tag: 0,
            shared: FREE,
            values: next,
        })
    };
    FREE_SLOT.set(slot);
}

/// Exceptions with many values come from the heap one by one. Shared ones are never freed.
fn allocate_large(values: u64) -> *mut Exception {
    LARGE.set(LARGE.get().wrapping_add(1));
    // SAFETY: the size is not zero.
    unsafe { std::alloc::alloc(large_layout(values)) }.cast()
}

fn large_layout(values: u64) -> Layout {
    layout(size_of::<Exception>() + values as usize * VALUE_BYTES)
}

fn layout(bytes: usize) -> Layout {
    // SAFETY: 16 is a power of two, and the sizes asked for are far from the maximum.
    unsafe { Layout::from_size_align_unchecked(bytes, align_of::<Exception>()) }
}

/// Collects; where that does not give back half of the slots, doubles them.
#[cold]
fn refill() {
    let slots = SLOTS.get();
    if LARGE.get() == 0 && collect() * 2 > slots {
        return;
    }
    let more = slots.max(FIRST_SLOTS);
    let bytes = size_of::<Chunk>() + more * SLOT_BYTES;
    // SAFETY: the size is not zero.
    let chunk: *mut Chunk = unsafe { std::alloc::alloc(layout(bytes)) }.cast();
    if chunk.is_null() {
        return;
    }
    // SAFETY: the memory is new and large enough.
    unsafe {
        chunk.write(Chunk {
            next: CHUNKS.get(),
            slots: more,
        })
    };
    CHUNKS.set(chunk);
    SLOTS.set(slots + more);
    for index in (0..more).rev() {
        // SAFETY: the slot is inside the chunk, and new.
        unsafe { free_slot(slot_of(chunk, index)) };
    }
}

/// Frees every shared exception that nothing refers to; returns how many.
fn collect() -> usize {
    arch::with_registers_on_stack(|stack_start| {
        // SAFETY: the stack is mapped from here to its end, and this thread is its only user.
        unsafe { mark_words(stack_start, backtrace::stack_end()) };
    });
    for (start, end) in stacks::others() {
        // SAFETY: these are the parts of other stacks that are in use; their code waits meanwhile.
        unsafe { mark_words(start, end) };
    }
    // SAFETY: contexts and tables are mapped, and compiled code waits meanwhile.
    store::for_each_context(|start, end| unsafe { mark_words(start, end) });
    // Exceptions in flight are reached without a reference.
    for_each_slot(|slot, state| {
        if state == OWNED {
            // SAFETY: `for_each_slot` gives slots.
            unsafe { mark_values(slot) };
        }
    });
    let mut found = true;
    while std::mem::take(&mut found) {
        for_each_slot(|slot, state| {
            if state == REACHED {
                // SAFETY: as above.
                unsafe { (*slot).shared = DONE };
                // SAFETY: as above.
                unsafe { mark_values(slot) };
                found = true;
            }
        });
    }
    let mut freed = 0;
    for_each_slot(|slot, state| match state {
        SHARED => {
            // SAFETY: nothing refers to it.
            unsafe { free_slot(slot) };
            freed += 1;
        }
        // SAFETY: as above.
        DONE => unsafe { (*slot).shared = SHARED },
        _ => {}
    });
    freed
}

fn slot_of(chunk: *mut Chunk, index: usize) -> *mut Exception {
    chunk
        .wrapping_add(1)
        .wrapping_byte_add(index * SLOT_BYTES)
        .cast()
}

/// Calls `look` with every slot and what its `shared` says.
fn for_each_slot(mut look: impl FnMut(*mut Exception, u32)) {
    let mut chunk = CHUNKS.get();
    while !chunk.is_null() {
        // SAFETY: the list holds the chunks that `refill` has made.
        let Chunk { next, slots } = unsafe { chunk.read() };
        for index in 0..slots {
            let slot = slot_of(chunk, index);
            // SAFETY: the slot is inside the chunk.
            look(slot, unsafe { (*slot).shared });
        }
        chunk = next;
    }
}

/// Marks what the values of an exception refer to.
///
/// # Safety
/// `slot` is an exception of the pool.
unsafe fn mark_values(slot: *mut Exception) {
    // SAFETY: the caller vouches for it.
    let values = unsafe { (*slot).values }.min(SLOT_VALUES) as usize;
    let start = slot.expose_provenance() + size_of::<Exception>();
    // SAFETY: this many values follow.
    unsafe { mark_words(start, start + values * VALUE_BYTES) };
}

/// Marks every shared exception whose address, or one inside it, is among the words.
///
/// # Safety
/// The range is readable.
unsafe fn mark_words(start: usize, end: usize) {
    let mut at = start.next_multiple_of(size_of::<usize>());
    while at + size_of::<usize>() <= end {
        let word: *const usize = std::ptr::with_exposed_provenance(at);
        // SAFETY: the caller vouches for the range; what else changes it does not matter.
        mark(unsafe { word.read_volatile() });
        at += size_of::<usize>();
    }
}

fn mark(address: usize) {
    let mut chunk = CHUNKS.get();
    while !chunk.is_null() {
        // SAFETY: the list holds the chunks that `refill` has made.
        let Chunk { next, slots } = unsafe { chunk.read() };
        let offset = address.wrapping_sub(slot_of(chunk, 0).addr());
        if offset < slots * SLOT_BYTES {
            let slot = slot_of(chunk, offset / SLOT_BYTES);
            let shared = slot
                .wrapping_byte_add(offset_of!(Exception, shared))
                .cast::<u32>();
            // SAFETY: the slot is inside the chunk.
            unsafe {
                if shared.read() == SHARED {
                    shared.write(REACHED);
                }
            }
            return;
        }
        chunk = next;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(shared: u32, values: &[u64]) -> *mut Exception {
        let exception = allocate(values.len() as u64);
        // SAFETY: the exception has room for the values.
        unsafe {
            exception.write(Exception {
                tag: 1,
                shared,
                values: values.len() as u64,
            });
            for (index, value) in values.iter().enumerate() {
                exception
                    .add(1)
                    .cast::<[u64; 2]>()
                    .add(index)
                    .write([*value, 0]);
            }
        }
        exception
    }

    fn state(exception: *mut Exception) -> u32 {
        // SAFETY: slots are never unmapped.
        unsafe { (*exception).shared }
    }

    /// Tests have no stack to walk: only exceptions refer to exceptions.
    #[test]
    fn what_nothing_refers_to_is_collected() {
        let leaf = make(SHARED, &[]);
        let middle = make(SHARED, &[7, leaf.expose_provenance() as u64]);
        let lost = make(SHARED, &[leaf.expose_provenance() as u64]);
        let in_flight = make(OWNED, &[middle.expose_provenance() as u64]);
        assert_eq!(collect(), 1);
        assert_eq!(
            [leaf, middle, lost, in_flight].map(state),
            [SHARED, SHARED, FREE, OWNED]
        );
        // SAFETY: nothing refers to it.
        unsafe { free(in_flight) };
        assert_eq!(collect(), 2);
        assert_eq!([leaf, middle].map(state), [FREE, FREE]);
    }

    #[test]
    fn the_pool_does_not_grow_with_what_is_lost() {
        for _ in 0..100_000 {
            make(SHARED, &[1, 2]);
        }
        assert!(SLOTS.get() <= 2 * FIRST_SLOTS, "{}", SLOTS.get());
    }

    #[test]
    fn it_grows_with_what_is_kept() {
        let kept: Vec<_> = (0..1000).map(|_| make(OWNED, &[])).collect();
        assert!(SLOTS.get() >= 1000);
        for exception in kept {
            assert_eq!(state(exception), OWNED);
            // SAFETY: nothing refers to it any more.
            unsafe { free(exception) };
        }
    }
}
