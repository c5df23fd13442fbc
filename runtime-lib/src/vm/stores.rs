//! The life of a store: created from the program's image, reset in place, dropped.
//!
//! A store that a trap has ended is reset or dropped by its owner. Nothing of the guest runs while
//! that is done, and one thread at a time has a store.

use crate::sys::io::Errno;
use crate::vm::message::Message;
use crate::vm::pages;
use crate::vm::process::{self, items};
use crate::vm::table;
use wasmelt_abi::Program;

use super::contents::{Contents, Renewal};
use super::image_file::{ImageFile, image_bytes};
use super::space::{NoSpace, PROCESS, Space, header};
use super::store::Store;
use super::used_pages::UsedPages;

/// Exit code of a process that could not get what it needs to start.
pub const EXIT_CODE_NO_MEMORY: i32 = 1;

/// A store of a free slot: memories and tables have their initial contents, nothing is
/// instantiated.
///
/// # Errors
/// When there is no free slot, or the system does not give the memory.
pub fn create(space: &'static Space) -> Result<&'static Store, NoSpace> {
    create_from(space, None)
}

/// As [`create`], where the executable's file may have a part of the image.
///
/// # Errors
/// As there.
pub(super) fn create_mapped(
    space: &'static Space,
    file: Option<&ImageFile>,
) -> Result<&'static Store, NoSpace> {
    create_from(space, file)
}

/// Inlined, with what it calls: a command, which has no use for files, has none of that.
#[inline(always)]
fn create_from(space: &'static Space, file: Option<&ImageFile>) -> Result<&'static Store, NoSpace> {
    let slots = space.stores().iter().enumerate();
    let claimed = slots
        .filter(|(_, store)| !store.is_in_use())
        .find(|(index, store)| store.claim(space.slot(*index).addr()));
    let Some((_, store)) = claimed else {
        return Err(NoSpace {
            bytes: space.slot_bytes() as u64,
            errno: Errno::MFILE,
        });
    };
    match fill(space, store, file) {
        Ok(()) => Ok(store),
        Err(failure) => {
            let _ = free(space, store);
            Err(failure)
        }
    }
}

#[inline(always)]
fn fill(
    space: &'static Space,
    store: &'static Store,
    file: Option<&ImageFile>,
) -> Result<(), NoSpace> {
    let (program, base) = (space.program(), store.base());
    for (index, region) in items(&program.regions).iter().enumerate() {
        let in_image = index == 0 && program.image_mapped_bytes != 0 && space.is_in_image();
        let ready = if in_image { image_bytes(program) } else { 0 };
        let bytes = region.below_bytes + region.memory_bytes;
        let start = base.wrapping_add((region.memory_offset - region.below_bytes) as usize);
        let contents = Contents::of(program, region, index == 0);
        let file = file.filter(|_| index == 0);
        let mapped = file.map_or(&[][..], ImageFile::parts);
        // SAFETY: this is inside the slot of a store that nothing uses yet.
        let filled = unsafe { contents.fill(start, ready as usize, mapped) };
        let filled = filled.and_then(|()| match file {
            // SAFETY: as above.
            Some(file) => unsafe { file.map(start) },
            None => Ok(()),
        });
        filled.map_err(|errno| NoSpace { bytes, errno })?;
        // SAFETY: the region is accessible now.
        unsafe { (*header(base, region)).store = std::ptr::from_ref(store).cast_mut().cast() };
    }
    let elements =
        base.wrapping_add((program.store_bytes as usize).next_multiple_of(pages::PAGE_BYTES_MAX));
    table::create_all(program, base, elements).map_err(|(bytes, errno)| NoSpace { bytes, errno })
}

/// Makes a store as [`create`] gave it, in place; what others kept for it is gone.
///
/// # Errors
/// When the system does not do its part. The store can then only be dropped.
pub(super) fn reset(
    space: &'static Space,
    store: &'static Store,
    used: &UsedPages,
    file: Option<&ImageFile>,
) -> Result<(), Errno> {
    assert!(!space.is_in_image(), "the image of one store is not kept");
    store.forget_parts();
    let (program, base) = (space.program(), store.base());
    let gives_back = used.is_time_to_give_back();
    // Their lengths are in the contexts.
    table::empty_all(program, base)?;
    for (index, region) in items(&program.regions).iter().enumerate() {
        let start = base.wrapping_add((region.memory_offset - region.below_bytes) as usize);
        let contents = Contents::of(program, region, index == 0);
        let file = file.filter(|_| index == 0);
        let renewal = Renewal {
            used,
            mapped: file.map_or(&[], ImageFile::parts),
            gives_back,
        };
        // SAFETY: nothing of the guest runs, and what referred into its memories was a part.
        unsafe { contents.restore(start, region, renewal)? };
        // SAFETY: the region is accessible.
        unsafe { (*header(base, region)).store = std::ptr::from_ref(store).cast_mut().cast() };
    }
    let elements =
        base.wrapping_add((program.store_bytes as usize).next_multiple_of(pages::PAGE_BYTES_MAX));
    table::create_all(program, base, elements).map_err(|(_, errno)| errno)
}

/// The end of a store: its slot is free.
///
/// # Errors
/// When the system does not take the memory back. The slot is then not used again.
pub(super) fn drop_store(space: &'static Space, store: &'static Store) -> Result<(), Errno> {
    assert!(!space.is_in_image(), "the only store of a command stays");
    free(space, store)
}

fn free(space: &'static Space, store: &'static Store) -> Result<(), Errno> {
    store.forget_parts();
    // SAFETY: nothing of the guest runs, and what referred into its memories was a part.
    unsafe { pages::give_back(store.base(), space.slot_bytes())? };
    store.release();
    Ok(())
}

/// The one store of a command; without the address space there is nothing to run, so the process
/// says so and ends with [`EXIT_CODE_NO_MEMORY`].
pub fn create_or_exit(program: &'static Program) -> &'static Store {
    let created = PROCESS.open_one(program).and_then(|()| create(&PROCESS));
    match created {
        Ok(store) => store,
        Err(failure) => fail(failure),
    }
}

/// Says that there is no room for a store, and ends the process.
pub(super) fn fail(failure: NoSpace) -> ! {
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
