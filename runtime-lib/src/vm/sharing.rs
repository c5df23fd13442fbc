//! The stores of a program that starts threads, and the memories that all of them have.
//!
//! Each thread has a store of its own: that is an instance of everything, as wasi-threads wants it. A
//! memory that all have is a file in memory, which is mapped into each store, so that below each
//! mapping lie the contexts of one thread and compiled code needs to know nothing of it. When the
//! file grows, the memory has grown in every store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sys::io::Errno;
use crate::sys::memory;
use crate::vm::contents::Contents;
use crate::vm::memory::grown_or_trap;
use crate::vm::pages::{PAGE_BYTES, PAGE_BYTES_MAX, give_back, make_accessible};
use crate::vm::process::items;
use crate::vm::space::{NoSpace, PROCESS, header, header_at};
use crate::vm::store::{Store, of_memory};
use crate::vm::table;
use wasmelt_abi::{MemoryFlags, MemoryHeader, Region};

/// A memory that all stores have.
struct Common {
    /// Where in a store it begins.
    offset: u64,
    memory: memory::Common,
    /// Its length.
    bytes: u64,
}

/// All of them. Held by whoever creates or ends a store, or lets one of them grow, so that the
/// headers of all stores that are in use have the same lengths.
static COMMON: Mutex<Vec<Common>> = Mutex::new(Vec::new());

fn common() -> MutexGuard<'static, Vec<Common>> {
    COMMON.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The store of a slot that has never been in use. The first one's gives the memories that all have
/// their contents.
///
/// # Errors
/// When the system does not give the memory; the slot is then not used again.
pub(crate) fn create(slot: usize) -> Result<&'static Store, NoSpace> {
    fill(slot, true)
}

/// The store of a slot that has been in use, as [`create`] gives it.
///
/// # Errors
/// As there.
pub(super) fn create_again(slot: usize) -> Result<&'static Store, NoSpace> {
    fill(slot, false)
}

fn fill(slot: usize, is_new: bool) -> Result<&'static Store, NoSpace> {
    let mut common = common();
    let store = &PROCESS.stores()[slot];
    assert!(store.claim(PROCESS.slot(slot).addr()), "the slot is free");
    let filled = fill_store(&mut common, store, is_new);
    if filled.is_err() {
        // It may have no headers, and is not to be told when a memory grows.
        store.release();
    }
    filled.map(|()| store)
}

fn fill_store(
    common: &mut Vec<Common>,
    store: &'static Store,
    is_new: bool,
) -> Result<(), NoSpace> {
    let (program, base) = (PROCESS.program(), store.base());
    for (index, region) in items(&program.regions).iter().enumerate() {
        let start = base.wrapping_add((region.memory_offset - region.below_bytes) as usize);
        let filled = match is_common(region) {
            true => fill_common(common, region, base, is_new),
            false => {
                let contents = Contents::of(program, region, index == 0);
                // SAFETY: this is inside the slot of a store that nothing uses yet.
                unsafe { contents.fill(start, 0, &[]) }
            }
        };
        let bytes = region.below_bytes + region.memory_bytes;
        filled.map_err(|errno| NoSpace { bytes, errno })?;
        // SAFETY: the region is accessible now.
        unsafe { (*header(base, region)).store = std::ptr::from_ref(store).cast_mut().cast() };
    }
    let elements =
        base.wrapping_add((program.store_bytes as usize).next_multiple_of(PAGE_BYTES_MAX));
    let tables = table::create_all(program, base, elements);
    tables.map_err(|(bytes, errno)| NoSpace { bytes, errno })
}

/// Whether all stores have the memory of a region, as the header says that the compiler wrote.
fn is_common(region: &'static Region) -> bool {
    let contexts = items(&region.below_image);
    let at = contexts.len().wrapping_sub(size_of::<MemoryHeader>());
    let flags = at.wrapping_add(std::mem::offset_of!(MemoryHeader, flags));
    let flags = contexts.get(flags..).and_then(|rest| rest.first_chunk());
    flags.is_some_and(|flags| u32::from_ne_bytes(*flags) & MemoryFlags::COMMON != 0)
}

/// Makes the contexts of a region with such a memory, and maps it. A slot that has been in use has
/// the mapping already.
fn fill_common(
    common: &mut Vec<Common>,
    region: &'static Region,
    base: *mut u8,
    is_new: bool,
) -> Result<(), Errno> {
    let start = base.wrapping_add(region.memory_offset as usize);
    let contexts = items(&region.below_image);
    if is_new {
        let below = region.below_bytes as usize;
        // SAFETY: this is inside the slot of a store that nothing uses yet.
        unsafe { make_accessible(start.wrapping_sub(below), below)? };
    }
    // SAFETY: as above; the contexts are not longer than what is accessible below the memory.
    unsafe {
        let to = start.wrapping_sub(contexts.len());
        to.copy_from_nonoverlapping(contexts.as_ptr(), contexts.len());
    }
    let header = header(base, region);
    // SAFETY: the header is among the contexts.
    let room = unsafe { (*header).bytes_max.min((*header).bytes_reserved) };
    let room = room.next_multiple_of(PAGE_BYTES) as usize;
    let known = common.iter().find(|it| it.offset == region.memory_offset);
    if let Some(common) = known {
        if is_new && room > 0 {
            // SAFETY: as above.
            unsafe { common.memory.map(start, room)? };
        }
        // SAFETY: as above.
        unsafe { (*header).bytes = common.bytes };
        return Ok(());
    }
    let memory = memory::Common::new()?;
    let bytes = region.memory_bytes;
    memory.set_len(bytes)?;
    if room > 0 {
        // SAFETY: as above.
        unsafe { memory.map(start, room)? };
    }
    let image = items(&region.image);
    let to = start.wrapping_add(region.image_offset as usize);
    // SAFETY: the image lies within the memory's initial length.
    unsafe { to.copy_from_nonoverlapping(image.as_ptr(), image.len()) };
    common.push(Common {
        offset: region.memory_offset,
        memory,
        bytes,
    });
    Ok(())
}

/// The end of a thread's store. Its slot keeps the mappings of the memories that all have, and
/// nothing else.
///
/// # Errors
/// When the system does not take the rest back; the slot is then not used again.
pub(super) fn end(store: &'static Store) -> Result<(), Errno> {
    let _common = common();
    store.forget_parts();
    let (program, base) = (PROCESS.program(), store.base());
    table::empty_all(program, base)?;
    for region in items(&program.regions) {
        if !is_common(region) {
            let start = base.wrapping_add((region.memory_offset - region.below_bytes) as usize);
            let bytes = region.below_bytes + region.reserved_bytes;
            // SAFETY: nothing of the guest runs in this store.
            unsafe { give_back(start, bytes as usize)? };
        }
    }
    store.release();
    Ok(())
}

/// `memory.grow` of a memory that all stores have: the old length in pages, or -1.
///
/// # Safety
/// `memory` is byte 0 of such a memory.
#[unsafe(export_name = "wasmelt_common_memory_grow")]
pub(crate) unsafe extern "C" fn common_memory_grow(memory: *mut u8, delta_pages: i64) -> i64 {
    // SAFETY: the header lies directly below byte 0, and only its length ever changes.
    let (shift, bytes_max) = unsafe {
        let header = memory.cast::<MemoryHeader>().sub(1);
        let limit = (*header).bytes_max.min((*header).bytes_reserved);
        ((*header).page_bytes_log2, limit)
    };
    // SAFETY: the caller vouches for the memory.
    let base = unsafe { of_memory(memory) }.base();
    let offset = (memory.addr() - base.addr()) as u64;
    let mut all = common();
    let it = all.iter_mut().find(|it| it.offset == offset);
    let it = it.expect("the memory has been created");
    let old = it.bytes;
    let delta_pages = delta_pages as u64;
    if delta_pages > bytes_max.saturating_sub(old) >> shift {
        return -1;
    }
    let new = old + (delta_pages << shift);
    if new > old {
        if it.memory.set_len(new).is_err() {
            return -1;
        }
        it.bytes = new;
        for store in PROCESS.stores().iter().filter(|store| store.is_in_use()) {
            let header = header_at(store.base(), it.offset);
            // SAFETY: a store that is in use has its header; others only read its length.
            let bytes = unsafe { AtomicU64::from_ptr(&raw mut (*header).bytes) };
            bytes.store(new, Ordering::SeqCst);
        }
    }
    (old >> shift) as i64
}

/// As [`common_memory_grow`], but a memory that cannot grow is a trap (`-W trap-on-grow-failure`).
///
/// # Safety
/// As there.
#[unsafe(export_name = "wasmelt_common_memory_grow_or_trap")]
pub(crate) unsafe extern "C" fn common_memory_grow_or_trap(
    memory: *mut u8,
    delta_pages: i64,
) -> i64 {
    // SAFETY: the caller vouches for the memory.
    grown_or_trap(
        unsafe { common_memory_grow(memory, delta_pages) },
        delta_pages,
    )
}
