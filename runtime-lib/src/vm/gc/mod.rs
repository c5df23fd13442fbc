//! Garbage-collected objects: a heap for each store, made at its first allocation.
//!
//! The collector does not move objects and needs no help from compiled code: stacks, contexts and
//! tables are looked at word by word. `wasmelt_abi::gc` says what objects look like.

mod area;
mod bits;
mod blocks;
mod heap;
mod mark;
#[cfg(test)]
mod tests;

use std::time::Instant;

use crate::sys::memory;
use crate::vm::message::Message;
use crate::vm::process::{environ, items};
use crate::vm::store::{self, Part, Store, place};
use crate::vm::trap::{Piece, TrapInfo, raise_with};
use crate::vm::{arch, backtrace, space, stacks};
use blocks::BLOCK_BYTES;
use heap::Heap;
use wasmelt_abi::{GC_HEAP_END, GC_HEAP_START, GcAllocation, TrapCode};

// SAFETY: no other part has the place.
const HEAP: Part<Owned> = unsafe { Part::at(place::HEAP) };

/// The heap of a store.
struct Owned {
    heap: Heap,
    /// Whether collections are told about.
    is_told: bool,
    collections: u64,
}

/// Makes an object with zeros behind its header.
///
/// # Safety
/// `memory` and `allocation` are of the same store, and `bytes` those of an object with this header.
#[unsafe(export_name = "wasmelt_gc_allocate")]
pub(crate) unsafe extern "C" fn gc_allocate(
    memory: *mut u8,
    allocation: *mut u8,
    header: i32,
    bytes: i64,
) -> i64 {
    // SAFETY: the caller vouches for it.
    let store = unsafe { store::of_memory(memory) };
    let mut owned = HEAP.of(store, make);
    // SAFETY: nothing else refers to it, as one thread at a time uses a store.
    let owned = unsafe { owned.as_mut() };
    // SAFETY: the caller vouches for it.
    let region = unsafe { &mut *allocation.cast::<GcAllocation>() };
    let mut told = Told::begin(owned.is_told);
    let address = owned
        .heap
        .allocate(region, bytes as u64, &mut |heap| told.look(heap, store));
    told.end(owned);
    let Some(address) = address else { exhausted() };
    let object: *mut u32 = std::ptr::with_exposed_provenance_mut(address as usize);
    // SAFETY: the object is new.
    unsafe { object.write(header as u32) };
    i64::from(address)
}

/// Collects.
///
/// # Safety
/// `memory` and `allocation` are of the same store.
#[unsafe(export_name = "wasmelt_gc_collect")]
pub(crate) unsafe extern "C" fn gc_collect(memory: *mut u8, allocation: *mut u8) {
    // SAFETY: the caller vouches for it.
    let store = unsafe { store::of_memory(memory) };
    let Some(mut owned) = HEAP.find(store) else {
        return;
    };
    // SAFETY: as above.
    let owned = unsafe { owned.as_mut() };
    // SAFETY: the caller vouches for it.
    let region = unsafe { &mut *allocation.cast::<GcAllocation>() };
    let mut told = Told::begin(owned.is_told);
    owned
        .heap
        .collect(region, &mut |heap| told.look(heap, store));
    told.end(owned);
}

#[cold]
fn exhausted() -> ! {
    let text = [Piece::Text("GC heap out of memory")];
    raise_with(TrapInfo::with_text(TrapCode::AllocationTooLarge, &text))
}

fn make() -> Owned {
    let program = program();
    let room = (GC_HEAP_END - GC_HEAP_START) as usize;
    let bytes = usize::try_from(program.heap_bytes_max)
        .unwrap_or(room)
        .min(room)
        / BLOCK_BYTES
        * BLOCK_BYTES;
    let start = GC_HEAP_START as usize;
    let (types, offsets) = (items(&program.types), items(&program.reference_offsets));
    let new = || Heap::new(start..start + bytes, types, offsets).ok();
    let Some(heap) = new().or_else(|| free_hole(start, bytes).then(new)?) else {
        exhausted()
    };
    let mut owned = Owned {
        heap,
        is_told: false,
        collections: 0,
    };
    let wishes = environ().find_map(|variable| variable.strip_prefix(b"WASMELT_GC="));
    for wish in wishes.unwrap_or_default().split(|&byte| byte == b',') {
        match wish {
            b"stats" => owned.is_told = true,
            b"stress" => owned.heap.stress(),
            _ => {}
        }
    }
    owned
}

/// Frees the addresses of the heap, if a loader has left them all taken: whether it has.
fn free_hole(start: usize, bytes: usize) -> bool {
    let start = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: code and image lie below and above, memories and tables behind the image, and nothing
    // else has an address of its own choice.
    unsafe { memory::free_if_taken(start, bytes) }
}

/// Marks what is referred to from outside the heap.
fn look_at_roots(heap: &mut Heap, store: &Store) {
    arch::with_registers_on_stack(|stack_start| {
        // SAFETY: the stack is mapped from here to its end, and this thread is its only user.
        unsafe { heap.mark_words(stack_start, backtrace::stack_end()) };
    });
    for (start, end) in stacks::others() {
        // SAFETY: these are the parts of other stacks that are in use; their code waits meanwhile.
        unsafe { heap.mark_words(start, end) };
    }
    // Objects of the image lie in contexts.
    // SAFETY: contexts and tables are mapped, and compiled code waits meanwhile.
    space::for_each_context(store, |start, end| unsafe { heap.mark_words(start, end) });
}

/// What there is to tell about a collection.
struct Told {
    is_wanted: bool,
    began: Option<Instant>,
    has_looked: bool,
}

impl Told {
    fn begin(is_wanted: bool) -> Told {
        Told {
            is_wanted,
            began: None,
            has_looked: false,
        }
    }

    /// A collection has begun.
    fn look(&mut self, heap: &mut Heap, store: &Store) {
        self.has_looked = true;
        if self.is_wanted {
            self.began = Some(Instant::now());
        }
        look_at_roots(heap, store);
    }

    fn end(self, owned: &mut Owned) {
        if !self.has_looked {
            return;
        }
        owned.collections += 1;
        let Some(began) = self.began else { return };
        let paused_us = began.elapsed().as_micros() as u64;
        let mut line = Message::new();
        line.text("gc: collection ")
            .decimal(owned.collections, 1)
            .text(", ")
            .decimal(paused_us, 1)
            .text(" us, ")
            .decimal(owned.heap.live as u64, 1)
            .text(" bytes live in ")
            .decimal(owned.heap.blocks.bytes() as u64, 1)
            .text("\n");
    }
}

#[cfg(not(test))]
fn program() -> &'static wasmelt_abi::GcProgram {
    unsafe extern "C" {
        static wasmelt_gc: wasmelt_abi::GcProgram;
    }
    // SAFETY: the compiler defines the symbol as read-only data of programs that allocate.
    unsafe { &wasmelt_gc }
}

#[cfg(test)]
use tests::program;
