//! A store: one instantiation of the whole program in one reservation of address space, with
//! every memory and context at a constant distance from its base.
//!
//! The first region of the first store may be part of the executable's image, where the kernel has
//! mapped it already; then what is left to do is one reservation behind it. Where that place is
//! taken, for further stores, and where the initial contents are so small that copying them costs
//! less than mapping them, everything is reserved and copied.
//!
//! Nothing here reads `/proc`, and nothing allocates before the first reservation: the heap of
//! the C library would begin inside it.

use std::ptr::{null_mut, with_exposed_provenance_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags};

use crate::vm::message::Message;
use crate::vm::pages::make_accessible;
use crate::vm::process::{self, items, program};
use crate::vm::table;
use crate::vm::trap::Access;
use wasmelt_abi::{MemoryHeader, Program, Region};

/// The page size by which accesses are granted; larger pages only exist where the compiler
/// rounds to them.
const PAGE_BYTES: u64 = 4 << 10;

/// How many stores one process has at a time. A command has one.
const STORES_MAX: usize = 8;

/// Exit code of a process that could not get what it needs to start.
pub const EXIT_CODE_NO_MEMORY: i32 = 1;

/// One store; its address is what `MemoryHeader::store` holds.
#[derive(Debug)]
pub struct Store {
    /// Base and end of its reservation, or zeros.
    base: AtomicUsize,
    end: AtomicUsize,
    /// What the component model keeps for it, which is made when it is first needed; or null.
    component_state: AtomicPtr<u8>,
}

/// All stores. Signal handlers look for addresses in it.
static STORES: [Store; STORES_MAX] = [const {
    Store {
        base: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        component_state: AtomicPtr::new(null_mut()),
    }
}; STORES_MAX];

/// What a store could not get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NoSpace {
    /// Bytes of address space that were asked for.
    bytes: u64,
    errno: Errno,
}

/// Where the first region of the image is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ImagePlace {
    /// It is part of this store.
    InStore,
    /// It stays where the kernel mapped it, to be copied.
    Elsewhere,
}

impl Store {
    /// The argument of `Program::entry`, `Instance::instantiate` and `Export::call`.
    #[must_use]
    pub fn base(&self) -> *mut u8 {
        with_exposed_provenance_mut(self.base.load(Ordering::Relaxed))
    }

    /// Where the component model has its state; null until it has some.
    #[inline]
    pub(crate) fn component_state(&self) -> &AtomicPtr<u8> {
        &self.component_state
    }

    /// What an access to `address` accesses, if that is reserved for a memory and outside it.
    pub(super) fn access_out_of_bounds(&self, address: usize) -> Option<Access> {
        let offset = (address - self.base.load(Ordering::Relaxed)) as u64;
        for region in items(&program().regions) {
            let within = offset.wrapping_sub(region.memory_offset);
            if within < region.reserved_bytes {
                // SAFETY: a region of a store that exists has its header below its memory.
                let bytes = unsafe { (*header(self.base(), region)).bytes };
                return (within >= bytes).then_some(Access {
                    address: within,
                    memory_bytes: bytes,
                });
            }
        }
        None
    }
}

/// The store that an address is in.
pub(super) fn containing(address: usize) -> Option<&'static Store> {
    STORES.iter().find(|store| {
        (store.base.load(Ordering::Relaxed)..store.end.load(Ordering::Relaxed)).contains(&address)
    })
}

/// Creates a store: memories and tables have their initial contents, nothing is instantiated.
///
/// # Errors
/// When the system does not give the address space.
pub fn create(program: &'static Program) -> Result<&'static Store, NoSpace> {
    let no_slot = NoSpace {
        bytes: program.store_bytes,
        errno: Errno::MFILE,
    };
    let store = STORES
        .iter()
        .find(|store| store.end.load(Ordering::Relaxed) == 0)
        .ok_or(no_slot)?;
    let (base, place) = reserve(program)?;
    let address = base.expose_provenance();
    store.base.store(address, Ordering::Relaxed);
    store
        .end
        .store(address + program.store_bytes as usize, Ordering::Relaxed);
    for (index, region) in items(&program.regions).iter().enumerate() {
        let image = (index == 0 && program.image_mapped_bytes != 0).then_some(place);
        fill_region(program, region, base, image).map_err(|errno| NoSpace {
            bytes: region.below_bytes + region.memory_bytes,
            errno,
        })?;
        // SAFETY: the region is accessible now.
        unsafe { (*header(base, region)).store = std::ptr::from_ref(store).cast_mut().cast() };
    }
    table::create_all(program, base).map_err(|(bytes, errno)| NoSpace { bytes, errno })?;
    Ok(store)
}

/// Calls `look` with the bounds of all that can hold references besides stacks: the contexts and
/// the elements of growable tables of every store.
pub(super) fn for_each_context(mut look: impl FnMut(usize, usize)) {
    for store in STORES
        .iter()
        .filter(|store| store.end.load(Ordering::Relaxed) != 0)
    {
        for region in items(&program().regions) {
            let memory = store.base().addr() + region.memory_offset as usize;
            look(memory - region.below_bytes as usize, memory);
        }
        table::for_each(program(), store.base(), &mut look);
    }
}

/// As [`create`]; without the address space there is nothing to run, so the process says so and
/// ends with [`EXIT_CODE_NO_MEMORY`].
pub fn create_or_exit(program: &'static Program) -> &'static Store {
    let failure = match create(program) {
        Ok(store) => return store,
        Err(failure) => failure,
    };
    let mut message = Message::new();
    message.text("error: cannot reserve ");
    let (shift, unit) = [(30, " GiB"), (20, " MiB"), (10, " KiB")]
        .into_iter()
        .find(|(shift, _)| failure.bytes >> shift != 0)
        .unwrap_or((0, " bytes"));
    let units = (failure.bytes + ((1 << shift) >> 1)) >> shift;
    message
        .decimal(units, 1)
        .text(unit)
        .text(" of address space (");
    match failure.errno {
        Errno::NOMEM => message.text("out of memory"),
        errno => message
            .text("error ")
            .decimal(errno.raw_os_error().unsigned_abs().into(), 1),
    };
    message.text(")\nhelp: raise the limit on address space (`ulimit -v`), ");
    message.text("or build with a smaller `-O memory-reservation`\n");
    message.flush();
    process::exit(EXIT_CODE_NO_MEMORY)
}

/// Reserves a store's address space, around the image where that is possible.
fn reserve(program: &Program) -> Result<(*mut u8, ImagePlace), NoSpace> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    if program.image_store_base != 0 {
        let end = program.image_store_base + program.store_bytes;
        let behind = program.image_store_base + image_bytes(program);
        let wanted: *mut u8 = with_exposed_provenance_mut(behind as usize);
        let base = with_exposed_provenance_mut(program.image_store_base as usize);
        if behind >= end {
            return Ok((base, ImagePlace::InStore));
        }
        let len = (end - behind) as usize;
        // SAFETY: `FIXED_NOREPLACE` leaves alone whatever is mapped there.
        let mapped = unsafe {
            rustix::mm::mmap_anonymous(
                wanted.cast(),
                len,
                ProtFlags::empty(),
                flags | MapFlags::FIXED_NOREPLACE,
            )
        };
        match mapped {
            Ok(mapped) if mapped == wanted.cast() => return Ok((base, ImagePlace::InStore)),
            // A kernel older than the flag takes the address as a wish.
            // SAFETY: this mapping has just been made, and nothing refers to it.
            Ok(mapped) => drop(unsafe { rustix::mm::munmap(mapped, len) }),
            Err(_) => {}
        }
    }
    let len = program.store_bytes as usize;
    // SAFETY: the system chooses a place that is free.
    let mapped = unsafe { rustix::mm::mmap_anonymous(null_mut(), len, ProtFlags::empty(), flags) };
    match mapped {
        Ok(base) => Ok((base.cast(), ImagePlace::Elsewhere)),
        Err(errno) => Err(NoSpace {
            bytes: program.store_bytes,
            errno,
        }),
    }
}

/// Makes a region accessible and gives it its initial contents. `image` says where it is if the
/// executable's image holds it.
fn fill_region(
    program: &Program,
    region: &'static Region,
    base: *mut u8,
    image: Option<ImagePlace>,
) -> Result<(), Errno> {
    let start = base.wrapping_add((region.memory_offset - region.below_bytes) as usize);
    let accessible = region.below_bytes + region.memory_bytes.next_multiple_of(PAGE_BYTES);
    let mapped = match image {
        Some(ImagePlace::InStore) => image_bytes(program).min(accessible),
        _ => 0,
    };
    if accessible > mapped {
        let rest = start.wrapping_add(mapped as usize);
        // SAFETY: this is inside the reservation of a store that nothing uses yet.
        unsafe { make_accessible(rest, (accessible - mapped) as usize)? };
    }
    match image {
        Some(ImagePlace::InStore) => {}
        Some(ImagePlace::Elsewhere) => {
            let image = with_exposed_provenance_mut(
                program.image_store_base as usize
                    + (region.memory_offset - region.below_bytes) as usize,
            );
            // SAFETY: the kernel has mapped this much of the image, which nothing changes.
            let image = unsafe {
                std::slice::from_raw_parts(image, image_bytes(program).min(accessible) as usize)
            };
            // SAFETY: the target is accessible, and far from the image.
            unsafe { copy_pages(start, image) };
        }
        None => {
            let image_start = region.below_bytes + region.image_offset;
            let image = start.wrapping_add(image_start as usize);
            // SAFETY: the compiler wrote `below_bytes` bytes there.
            let below = unsafe {
                std::slice::from_raw_parts(region.below_image, region.below_bytes as usize)
            };
            // SAFETY: the target is accessible, and far from the executable's data.
            unsafe { copy_pages(start, below) };
            // SAFETY: the target is accessible: an image is not longer than its memory.
            unsafe { copy_pages(image, items(&region.image)) };
        }
    }
    Ok(())
}

/// Bytes of the image that are mapped: whole pages.
fn image_bytes(program: &Program) -> u64 {
    program.image_mapped_bytes.next_multiple_of(PAGE_BYTES)
}

/// Copies to memory that is zero, leaving untouched the pages that stay so.
///
/// # Safety
/// `to` is valid for as many bytes as `from` has, and does not overlap it.
unsafe fn copy_pages(to: *mut u8, from: &[u8]) {
    for (index, page) in from.chunks(PAGE_BYTES as usize).enumerate() {
        if !is_zero(page) {
            let target = to.wrapping_add(index * PAGE_BYTES as usize);
            // SAFETY: this is a part of the range that the caller vouches for.
            unsafe { target.copy_from_nonoverlapping(page.as_ptr(), page.len()) };
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    // In blocks, for which the compiler has vector instructions.
    let (blocks, rest) = bytes.as_chunks::<64>();
    let any = |bytes: &[u8]| bytes.iter().fold(0, |all, byte| all | byte) != 0;
    !blocks.iter().any(|block| any(block)) && !any(rest)
}

fn header(base: *mut u8, region: &Region) -> *mut MemoryHeader {
    base.wrapping_add(region.memory_offset as usize)
        .cast::<MemoryHeader>()
        .wrapping_sub(1)
}

/// The store of a memory.
///
/// # Safety
/// `memory` is byte 0 of a memory of a store that [`create`] has made.
#[inline]
pub(crate) unsafe fn of_memory(memory: *mut u8) -> &'static Store {
    // SAFETY: the header lies directly below byte 0, and `create` has put the store into it.
    unsafe {
        &*(*memory.cast::<MemoryHeader>().sub(1))
            .store
            .cast::<Store>()
    }
}

/// A store of its own whose base is address 0.
#[cfg(test)]
pub(crate) fn new_for_tests() -> &'static Store {
    Box::leak(Box::new(Store {
        base: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        component_state: AtomicPtr::new(null_mut()),
    }))
}

/// A store without address space.
#[cfg(test)]
pub(crate) fn any_for_tests() -> &'static Store {
    &STORES[STORES_MAX - 1]
}
