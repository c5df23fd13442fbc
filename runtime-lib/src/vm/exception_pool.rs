//! Memory for exceptions.
//!
//! An exception that was only ever caught by `catch` and `catch_all` is freed by compiled code. One
//! that a `catch_ref` or `catch_all_ref` has seen may be referred to from anywhere: such ones are
//! *shared*, and collected when a pool has no free slot left. The collection is conservative:
//! every word of the native stack, of the contexts and of the tables counts as a reference.
//! Exceptions cannot be referred to from memories; those of programs with objects are objects, and
//! not here.
//!
//! There is a pool for each size: room for 4 values, for 8, 16 and so on. A collection takes time
//! in proportion to all of them, so that it comes only after as many bytes have been handed out
//! as a third of what they have.

use std::alloc::Layout;
use std::cell::Cell;
use std::mem::offset_of;
use std::ptr::{null_mut, with_exposed_provenance_mut};

use crate::vm::{arch, backtrace, space, stacks, store};
use wasmelt_abi::Exception;

const VALUE_BYTES: usize = 16;

/// Values that a slot of the first pool has room for; each further pool has twice as many.
const SLOT_VALUES_MIN: u64 = 4;
/// Up to 1024 values.
const POOLS: usize = 9;

/// Bytes of a pool's first chunk, at least; each further one doubles the pool.
const FIRST_BYTES: usize = 2560;

/// What `Exception::shared` says of a slot: compiled code knows the first two.
const OWNED: u32 = 0;
const SHARED: u32 = 1;
/// Not an exception: `Exception::values` is the address of the next free slot.
const FREE: u32 = 2;
/// Shared and referred to, during a collection.
const REACHED: u32 = 3;

/// While a slot waits to have its values looked at, `Exception::values` has the address of the
/// next such slot above these bits. Slots are aligned to 16 bytes, and have at most 1000 values.
const VALUES_MASK: u64 = 0xfff;
const NEXT_SHIFT: u32 = 8;

/// A run of slots; they follow the header.
#[repr(C, align(16))]
struct Chunk {
    next: *mut Chunk,
    slot_bytes: usize,
    slots: usize,
}

/// Slots of one size.
struct Pool {
    free: Cell<*mut Exception>,
    /// How many were free when the pool was last refilled.
    refilled: Cell<usize>,
    slots: Cell<usize>,
}

thread_local! {
    static POOL: [Pool; POOLS] = const {
        [const {
            Pool {
                free: Cell::new(null_mut()),
                refilled: Cell::new(0),
                slots: Cell::new(0),
            }
        }; POOLS]
    };
    /// Those of all pools.
    static CHUNKS: Cell<*mut Chunk> = const { Cell::new(null_mut()) };
    /// All chunks lie between these addresses.
    static BOUNDS: Cell<(usize, usize)> = const { Cell::new((usize::MAX, 0)) };
    /// Bytes of all chunks.
    static BYTES: Cell<usize> = const { Cell::new(0) };
    /// Bytes that have been handed out since the last collection, up to the last refill.
    static HANDED_OUT: Cell<usize> = const { Cell::new(0) };
    /// During a collection: slots whose values are to be looked at.
    static TO_LOOK_AT: Cell<*mut Exception> = const { Cell::new(null_mut()) };
}

/// The pool for exceptions with so many values.
fn pool_of(values: u64) -> usize {
    let slot_values = values.max(SLOT_VALUES_MIN).next_power_of_two();
    (slot_values / SLOT_VALUES_MIN).trailing_zeros() as usize
}

fn slot_bytes(pool: usize) -> usize {
    size_of::<Exception>() + ((SLOT_VALUES_MIN as usize) << pool) * VALUE_BYTES
}

/// Memory for an exception with so many values, at most 1024, or null.
pub(super) fn allocate(values: u64) -> *mut Exception {
    let index = pool_of(values);
    POOL.with(|pools| {
        let Some(pool) = pools.get(index) else {
            return null_mut();
        };
        if pool.free.get().is_null() {
            refill(index, pool);
        }
        let slot = pool.free.get();
        if !slot.is_null() {
            // SAFETY: free slots hold the address of the next one.
            pool.free.set(with_exposed_provenance_mut(
                unsafe { (*slot).values } as usize
            ));
        }
        slot
    })
}

/// Takes back what [`allocate`] gave.
///
/// # Safety
/// Nothing refers to the exception.
pub(super) unsafe fn free(exception: *mut Exception) {
    // SAFETY: the caller vouches for the exception.
    let index = pool_of(unsafe { (*exception).values });
    // SAFETY: as above.
    POOL.with(|pools| unsafe { pools[index].put(exception) });
}

impl Pool {
    /// # Safety
    /// `slot` is one of the pool's that nothing refers to.
    unsafe fn put(&self, slot: *mut Exception) {
        let next = self.free.get().expose_provenance() as u64;
        // SAFETY: the caller vouches for the slot.
        unsafe {
            slot.write(Exception {
                tag: 0,
                shared: FREE,
                values: next,
            })
        };
        self.free.set(slot);
    }
}

/// Collects; where that does not give back half of the slots, or is not due yet, doubles them.
#[cold]
fn refill(index: usize, pool: &Pool) {
    let slot_bytes = slot_bytes(index);
    let slots = pool.slots.get();
    HANDED_OUT.set(HANDED_OUT.get() + pool.refilled.replace(0) * slot_bytes);
    if HANDED_OUT.get() >= BYTES.get() / 3 {
        HANDED_OUT.set(0);
        collect();
        if pool.refilled.get() * 2 > slots {
            return;
        }
    }
    let more = slots.max(FIRST_BYTES / slot_bytes).max(2);
    let bytes = size_of::<Chunk>() + more * slot_bytes;
    // SAFETY: 16 is a power of two, and a pool is far from the maximum of sizes.
    let layout = unsafe { Layout::from_size_align_unchecked(bytes, align_of::<Chunk>()) };
    // SAFETY: the size is not zero.
    let chunk: *mut Chunk = unsafe { std::alloc::alloc(layout) }.cast();
    if chunk.is_null() {
        return;
    }
    // SAFETY: the memory is new and large enough.
    unsafe {
        chunk.write(Chunk {
            next: CHUNKS.get(),
            slot_bytes,
            slots: more,
        })
    };
    CHUNKS.set(chunk);
    let start = chunk.expose_provenance();
    let (low, high) = BOUNDS.get();
    BOUNDS.set((low.min(start), high.max(start + bytes)));
    BYTES.set(BYTES.get() + bytes);
    pool.slots.set(slots + more);
    pool.refilled.set(pool.refilled.get() + more);
    for at in (0..more).rev() {
        // SAFETY: the slot is inside the chunk, and new.
        unsafe { pool.put(slot_of(chunk, slot_bytes, at)) };
    }
}

/// Frees every shared exception that nothing refers to; returns how many.
#[inline(never)] // It is seldom called.
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
    space::for_each_context(store::current(), |start, end| unsafe {
        mark_words(start, end)
    });
    // Exceptions in flight are reached without a reference.
    for_each_slot(|_, slot, state| {
        if state == OWNED {
            // SAFETY: `for_each_slot` gives slots, and this one is an exception.
            unsafe { mark_values(slot, (*slot).values) };
        }
    });
    while let Some((slot, values)) = take_to_look_at() {
        // SAFETY: the list holds exceptions.
        unsafe { mark_values(slot, values) };
    }
    let mut freed = 0;
    for_each_slot(|pool, slot, state| match state {
        SHARED => {
            // SAFETY: nothing refers to it.
            unsafe { pool.put(slot) };
            pool.refilled.set(pool.refilled.get() + 1);
            freed += 1;
        }
        // SAFETY: `for_each_slot` gives slots.
        REACHED => unsafe { (*slot).shared = SHARED },
        _ => {}
    });
    freed
}

/// Takes a slot from the list of those to look at, with the number of its values.
fn take_to_look_at() -> Option<(*mut Exception, u64)> {
    let slot = TO_LOOK_AT.get();
    if slot.is_null() {
        return None;
    }
    // SAFETY: the list holds slots.
    let packed = unsafe { (*slot).values };
    let next = (packed & !VALUES_MASK) >> NEXT_SHIFT;
    TO_LOOK_AT.set(with_exposed_provenance_mut(next as usize));
    let values = packed & VALUES_MASK;
    // SAFETY: as above.
    unsafe { (*slot).values = values };
    Some((slot, values))
}

fn slot_of(chunk: *mut Chunk, slot_bytes: usize, index: usize) -> *mut Exception {
    chunk
        .wrapping_add(1)
        .wrapping_byte_add(index * slot_bytes)
        .cast()
}

/// Calls `look` with every slot, its pool, and what its `shared` says.
fn for_each_slot(mut look: impl FnMut(&Pool, *mut Exception, u32)) {
    POOL.with(|pools| {
        for_each_chunk(|chunk, slot_bytes, slots| {
            let values = (slot_bytes - size_of::<Exception>()) / VALUE_BYTES;
            let pool = &pools[pool_of(values as u64)];
            for index in 0..slots {
                let slot = slot_of(chunk, slot_bytes, index);
                // SAFETY: the slot is inside the chunk.
                look(pool, slot, unsafe { (*slot).shared });
            }
            false
        });
    });
}

/// Calls `look` with every chunk, the bytes of its slots and their number, until it says so.
fn for_each_chunk(mut look: impl FnMut(*mut Chunk, usize, usize) -> bool) {
    let mut chunk = CHUNKS.get();
    while !chunk.is_null() {
        // SAFETY: the list holds the chunks that `refill` has made.
        let Chunk {
            next,
            slot_bytes,
            slots,
        } = unsafe { chunk.read() };
        if look(chunk, slot_bytes, slots) {
            return;
        }
        chunk = next;
    }
}

/// Marks what the values of an exception refer to.
///
/// # Safety
/// `slot` has so many values.
unsafe fn mark_values(slot: *mut Exception, values: u64) {
    let start = slot.expose_provenance() + size_of::<Exception>();
    // SAFETY: this many values follow.
    unsafe { mark_words(start, start + values as usize * VALUE_BYTES) };
}

/// Marks every shared exception whose address, or one inside it, is among the words.
///
/// # Safety
/// The range is readable.
unsafe fn mark_words(start: usize, end: usize) {
    let (low, high) = BOUNDS.get();
    let mut at = start.next_multiple_of(size_of::<usize>());
    while at + size_of::<usize>() <= end {
        let word: *const usize = std::ptr::with_exposed_provenance(at);
        // SAFETY: the caller vouches for the range; what else changes it does not matter.
        let word = unsafe { word.read_volatile() };
        if (low..high).contains(&word) {
            mark(word);
        }
        at += size_of::<usize>();
    }
}

fn mark(address: usize) {
    for_each_chunk(|chunk, slot_bytes, slots| {
        let offset = address.wrapping_sub(slot_of(chunk, slot_bytes, 0).addr());
        if offset >= slots * slot_bytes {
            return false;
        }
        let slot = slot_of(chunk, slot_bytes, offset / slot_bytes);
        let shared = slot
            .wrapping_byte_add(offset_of!(Exception, shared))
            .cast::<u32>();
        // SAFETY: the slot is inside the chunk.
        unsafe {
            if shared.read() == SHARED {
                shared.write(REACHED);
                let next = TO_LOOK_AT.get().expose_provenance() as u64;
                (*slot).values |= next << NEXT_SHIFT;
                TO_LOOK_AT.set(slot);
            }
        }
        true
    });
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

    /// The slots of the pool for so many values.
    fn slots(values: u64) -> usize {
        POOL.with(|pools| pools[pool_of(values)].slots.get())
    }

    #[test]
    fn pools_do_not_grow_with_what_is_lost() {
        let sizes: [u64; 8] = [0, 4, 5, 8, 9, 100, 513, 1000];
        for round in 0..20_000 {
            make(SHARED, &vec![1; sizes[round % sizes.len()] as usize]);
        }
        for values in sizes {
            assert!(slots(values) <= 256, "{values}: {}", slots(values));
        }
        assert!(BYTES.get() <= 256 << 10, "{}", BYTES.get());
    }

    #[test]
    fn large_exceptions_are_looked_into() {
        let leaf = make(SHARED, &[]);
        let mut values = vec![0; 1000];
        values[999] = leaf.expose_provenance() as u64;
        let large = make(SHARED, &values);
        let in_flight = make(OWNED, &[1, 2, 3, 4, 5, large.expose_provenance() as u64]);
        assert_eq!(collect(), 0);
        // SAFETY: it is an exception with as many values as before.
        assert_eq!(unsafe { (*large).values }, 1000);
        // SAFETY: nothing refers to it.
        unsafe { free(in_flight) };
        assert_eq!(collect(), 2);
        assert_eq!([leaf, large].map(state), [FREE, FREE]);
    }

    /// Each refers to the one before, so that one look at all finds one more.
    #[test]
    fn long_chains_take_time_in_proportion_to_their_length() {
        let mut last = make(SHARED, &[]);
        for _ in 0..300_000 {
            last = make(SHARED, &[last.expose_provenance() as u64]);
            // What has been made last is in use until the next refers to it.
            // SAFETY: it is an exception of the pool.
            unsafe { (*last).shared = OWNED };
            // SAFETY: it has a value.
            let before: *mut Exception =
                with_exposed_provenance_mut(unsafe { last.add(1).cast::<u64>().read() } as usize);
            // SAFETY: it is an exception of the pool.
            unsafe { (*before).shared = SHARED };
        }
        assert_eq!(collect(), 0);
        // SAFETY: as above.
        unsafe { (*last).shared = SHARED };
        assert_eq!(collect(), 300_001);
    }

    #[test]
    fn they_grow_with_what_is_kept() {
        let kept: Vec<_> = (0..1000).map(|_| make(OWNED, &[])).collect();
        assert!(slots(0) >= 1000);
        for exception in kept {
            assert_eq!(state(exception), OWNED);
            // SAFETY: nothing refers to it any more.
            unsafe { free(exception) };
        }
    }
}
