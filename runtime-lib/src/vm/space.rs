//! The address space of all stores: one reservation with equal slots, so that the store of an
//! address is arithmetic, in a signal handler as well.
//!
//! A command has one slot. It lies where the executable's image begins a store, if the kernel has
//! mapped that: then what is left to do is one reservation behind it. Where that place is taken,
//! where there are more slots, and where the initial contents are so small that copying them costs
//! less than mapping them, the system chooses a place. A program with garbage-collected objects has one
//! slot, whose place is part of its code.
//!
//! Nothing here reads `/proc`, and for one slot nothing allocates: the heap of the C library would
//! begin inside it.

use std::fmt;
use std::ptr::{null_mut, with_exposed_provenance_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::sys::io::Errno;
use crate::sys::memory;

use super::contents::table_len_max;
use super::image_file::image_bytes;
use super::memory_view::length;
use super::pages::PAGE_BYTES_MAX;
use super::store::{FIRST, Store};
use super::table;
use crate::vm::process::items;
use crate::vm::trap::Access;
use wasmelt_abi::{GC_MEMORY_ADDRESS, MemoryHeader, Program, Region};

/// What a store could not get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSpace {
    /// Bytes of address space that were asked for.
    pub(super) bytes: u64,
    pub(super) errno: Errno,
}

impl fmt::Display for NoSpace {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bytes, errno) = (self.bytes, self.errno);
        match errno {
            Errno::EXIST => write!(
                to,
                "with garbage collection, a process has one instance at a time"
            ),
            _ => write!(to, "{bytes} bytes of address space: {errno}"),
        }
    }
}

impl NoSpace {
    /// Whether there is no free slot, rather than no memory.
    pub(super) fn is_full(&self) -> bool {
        self.errno == Errno::MFILE
    }
}

/// See the module's documentation. It is opened once.
#[derive(Debug)]
pub struct Space {
    base: AtomicUsize,
    slot_bytes: AtomicUsize,
    slots: AtomicUsize,
    /// One a slot.
    stores: AtomicPtr<Store>,
    program: AtomicPtr<Program>,
    /// 1 where the only store lies in the image.
    in_image: AtomicUsize,
}

/// That of the process.
pub static PROCESS: Space = Space::new();

impl Space {
    pub(super) const fn new() -> Space {
        Space {
            base: AtomicUsize::new(0),
            slot_bytes: AtomicUsize::new(0),
            slots: AtomicUsize::new(0),
            stores: AtomicPtr::new(null_mut()),
            program: AtomicPtr::new(null_mut()),
            in_image: AtomicUsize::new(0),
        }
    }

    /// Reserves the one slot of a command.
    ///
    /// # Errors
    /// When the system does not give the address space.
    pub(super) fn open_one(&'static self, program: &'static Program) -> Result<(), NoSpace> {
        let slot_bytes = slot_bytes(program);
        let (base, in_image) = match reserve_around_image(program, slot_bytes) {
            Some(base) => (base, true),
            None => (reserve(slot_bytes)?, false),
        };
        self.in_image.store(in_image.into(), Ordering::Relaxed);
        self.set(program, base, slot_bytes, std::slice::from_ref(&FIRST));
        Ok(())
    }

    /// Reserves so many slots.
    ///
    /// # Errors
    /// When the system does not give the address space.
    pub fn open(&self, program: &'static Program, slots: usize) -> Result<(), NoSpace> {
        let slot_bytes = slot_bytes(program);
        let bytes = slot_bytes.checked_mul(slots).ok_or(NoSpace {
            bytes: u64::MAX,
            errno: Errno::NOMEM,
        })?;
        let base = match place_with_objects(program) {
            Some(_) if slots > 1 => return Err(taken(bytes)),
            Some(base) if !memory::reserve_at(base, bytes) => return Err(taken(bytes)),
            Some(base) => base,
            None => reserve(bytes)?,
        };
        let stores: Box<[Store]> = (0..slots).map(|_| Store::new()).collect();
        self.set(program, base, slot_bytes, Box::leak(stores));
        Ok(())
    }

    fn set(
        &self,
        program: &'static Program,
        base: *mut u8,
        slot_bytes: usize,
        stores: &'static [Store],
    ) {
        let program = std::ptr::from_ref(program).cast_mut();
        self.program.store(program, Ordering::Relaxed);
        self.slot_bytes.store(slot_bytes, Ordering::Relaxed);
        let first = stores.as_ptr().cast_mut();
        self.stores.store(first, Ordering::Relaxed);
        self.base.store(base.expose_provenance(), Ordering::Relaxed);
        // What looks up an address in another thread sees the rest once it sees this.
        self.slots.store(stores.len(), Ordering::Release);
    }

    /// The stores of all slots, in use or not.
    pub(super) fn stores(&self) -> &'static [Store] {
        let slots = self.slots.load(Ordering::Acquire);
        if slots == 0 {
            return &[];
        }
        // SAFETY: `set` has put the first of so many there.
        unsafe { std::slice::from_raw_parts(self.stores.load(Ordering::Relaxed), slots) }
    }

    /// Whether there is one store, as in a command.
    pub(super) fn has_one_slot(&self) -> bool {
        self.slots.load(Ordering::Relaxed) == 1
    }

    /// The program whose stores these are.
    pub(crate) fn program(&self) -> &'static Program {
        // SAFETY: `set` has put a program there.
        unsafe { &*self.program.load(Ordering::Relaxed) }
    }

    /// Where a slot begins.
    pub(super) fn slot(&self, index: usize) -> *mut u8 {
        let offset = index * self.slot_bytes();
        with_exposed_provenance_mut(self.base.load(Ordering::Relaxed) + offset)
    }

    pub(super) fn slot_bytes(&self) -> usize {
        self.slot_bytes.load(Ordering::Relaxed)
    }

    /// Whether the first region of the only store is the executable's image.
    pub(super) fn is_in_image(&self) -> bool {
        self.in_image.load(Ordering::Relaxed) != 0
    }

    /// The store that an address is in, and where in it.
    pub(super) fn containing(&self, address: usize) -> Option<(&'static Store, usize)> {
        let stores = self.stores();
        let offset = address.wrapping_sub(self.base.load(Ordering::Relaxed));
        let slot_bytes = self.slot_bytes();
        let index = offset.checked_div(slot_bytes)?;
        let store = stores.get(index).filter(|store| store.is_in_use())?;
        Some((store, offset - index * slot_bytes))
    }

    /// What an access to this place in a store accesses, if that is reserved for a memory and
    /// outside it.
    pub(super) fn access_out_of_bounds(&self, store: &Store, offset: usize) -> Option<Access> {
        for region in items(&self.program().regions) {
            let within = (offset as u64).wrapping_sub(region.memory_offset);
            if within < region.reserved_bytes {
                // SAFETY: a region of a store that is in use has its header below its memory.
                let bytes = unsafe { length(header(store.base(), region)) };
                return (within >= bytes).then_some(Access {
                    address: within,
                    memory_bytes: bytes,
                });
            }
        }
        None
    }
}

/// Calls `look` with the bounds of all that can hold references besides stacks: the contexts and
/// the elements of growable tables of a store.
pub(super) fn for_each_context(store: &Store, mut look: impl FnMut(usize, usize)) {
    if !store.is_in_use() {
        return;
    }
    let program = PROCESS.program();
    for region in items(&program.regions) {
        let memory = store.base().addr() + region.memory_offset as usize;
        look(memory - region.below_bytes as usize, memory);
    }
    table::for_each(program, store.base(), &mut look);
}

pub(crate) fn header(base: *mut u8, region: &Region) -> *mut MemoryHeader {
    header_at(base, region.memory_offset)
}

/// The header of the memory that begins so far from the base of a store.
pub(super) fn header_at(base: *mut u8, memory_offset: u64) -> *mut MemoryHeader {
    base.wrapping_add(memory_offset as usize)
        .cast::<MemoryHeader>()
        .wrapping_sub(1)
}

/// Address space of one store: its regions, and behind them the elements of growable tables.
fn slot_bytes(program: &'static Program) -> usize {
    let tables = items(&program.tables).iter();
    let elements = tables.map(|init| table::reserved_bytes(table_len_max(program, init)));
    let store = (program.store_bytes as usize).next_multiple_of(PAGE_BYTES_MAX);
    store + elements.sum::<usize>()
}

fn reserve(bytes: usize) -> Result<*mut u8, NoSpace> {
    memory::reserve(bytes).map_err(|errno| NoSpace {
        bytes: bytes as u64,
        errno,
    })
}

/// Where the only store of a program with objects begins, if its image is not that place: references
/// to what lies in its contexts are constants.
fn place_with_objects(program: &'static Program) -> Option<*mut u8> {
    let first = items(&program.regions).first()?;
    let is_it = program.image_store_base + first.memory_offset == GC_MEMORY_ADDRESS
        && program.image_mapped_bytes == 0;
    is_it.then(|| with_exposed_provenance_mut(program.image_store_base as usize))
}

/// What there is only one of is in use.
fn taken(bytes: usize) -> NoSpace {
    NoSpace {
        bytes: bytes as u64,
        errno: Errno::EXIST,
    }
}

/// Reserves what lies behind the executable's image, where that begins a store and there is room.
fn reserve_around_image(program: &Program, slot_bytes: usize) -> Option<*mut u8> {
    if program.image_store_base == 0 {
        return None;
    }
    let base = program.image_store_base as usize;
    let (behind, end) = (base + image_bytes(program) as usize, base + slot_bytes);
    if behind >= end {
        return Some(with_exposed_provenance_mut(base));
    }
    let is_free = memory::reserve_at(with_exposed_provenance_mut(behind), end - behind);
    is_free.then(|| with_exposed_provenance_mut(base))
}
