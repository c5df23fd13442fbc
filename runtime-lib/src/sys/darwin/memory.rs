//! Address space: reserved, and given pages.

use std::os::fd::OwnedFd;
use std::ptr::null_mut;

use rustix::fs::ftruncate;
use rustix::io::{Result, retry_on_intr};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

const FLAGS: MapFlags = MapFlags::PRIVATE.union(MapFlags::NORESERVE);

/// So many bytes of address space, of which nothing is accessible.
///
/// # Errors
/// The system's.
#[inline]
pub fn reserve(bytes: usize) -> Result<*mut u8> {
    // SAFETY: the system chooses a place that is free.
    let mapped =
        unsafe { rustix::mm::mmap_anonymous(null_mut(), bytes, ProtFlags::empty(), FLAGS) };
    mapped.map(<*mut _>::cast)
}

/// As [`reserve`], at this place: whether it was free.
#[inline]
pub fn reserve_at(wanted: *mut u8, bytes: usize) -> bool {
    // SAFETY: without `FIXED`, the address is a wish.
    let mapped =
        unsafe { rustix::mm::mmap_anonymous(wanted.cast(), bytes, ProtFlags::empty(), FLAGS) };
    match mapped {
        Ok(mapped) if mapped == wanted.cast() => true,
        Ok(mapped) => {
            // SAFETY: this mapping has just been made, and nothing refers to it.
            let _ = unsafe { rustix::mm::munmap(mapped, bytes) };
            false
        }
        Err(_) => false,
    }
}

/// Frees a range that a loader has left taken as a whole: Darwin's leaves none.
///
/// # Safety
/// It is a range that nothing in this process has asked for.
#[must_use]
pub unsafe fn free_if_taken(_start: *mut u8, _bytes: usize) -> bool {
    false
}

/// Allows reading and writing.
///
/// # Safety
/// The range is inside a reservation and is not accessible yet, or already in this way.
///
/// # Errors
/// The system's.
#[inline]
pub unsafe fn make_accessible(start: *mut u8, bytes: usize) -> Result<()> {
    let access = MprotectFlags::READ | MprotectFlags::WRITE;
    // SAFETY: the caller vouches for the range.
    unsafe { rustix::mm::mprotect(start.cast(), bytes, access) }
}

/// Bytes of the large pages that a system may give where they are preferred.
pub const LARGE_PAGE_BYTES: Option<usize> = None;

/// Says that a range will be used densely, which is nothing to this system.
///
/// # Safety
/// The range is inside a reservation.
pub unsafe fn prefer_large_pages(_start: *mut u8, _bytes: usize) {}

/// Gives a range's memory back to the system: it is reserved and not accessible, as at first.
///
/// # Safety
/// The range is inside a reservation, and nothing refers into it.
///
/// # Errors
/// The system's.
#[inline]
pub unsafe fn give_back(start: *mut u8, bytes: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    unsafe { map_anew(start, bytes, ProtFlags::empty()) }
}

/// Ends a reservation.
///
/// # Safety
/// The range is a whole reservation, and nothing refers into it.
///
/// # Errors
/// The system's.
pub unsafe fn release(start: *mut u8, bytes: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    unsafe { rustix::mm::munmap(start.cast(), bytes) }
}

/// Allows nothing. The contents stay.
///
/// # Safety
/// The range is inside a reservation, and nothing refers into it.
///
/// # Errors
/// The system's.
#[inline]
pub unsafe fn make_inaccessible(start: *mut u8, bytes: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    unsafe { rustix::mm::mprotect(start.cast(), bytes, MprotectFlags::empty()) }
}

/// Makes an accessible range zero. Advice never does that here: the range is mapped again.
///
/// # Safety
/// The range is memory of a reservation, of no file, and nothing refers into it.
///
/// # Errors
/// The system's.
#[inline]
pub unsafe fn make_zero(start: *mut u8, bytes: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    unsafe { map_anew(start, bytes, ProtFlags::READ | ProtFlags::WRITE) }
}

/// # Safety
/// The range is inside a reservation, and nothing refers into it.
unsafe fn map_anew(start: *mut u8, bytes: usize, access: ProtFlags) -> Result<()> {
    let flags = FLAGS | MapFlags::FIXED;
    // SAFETY: the caller vouches for the range.
    let mapped = unsafe { rustix::mm::mmap_anonymous(start.cast(), bytes, access, flags) };
    mapped.map(|_| ())
}

/// Memory that can be in several places: a file without a name. What the system has as memory that is
/// shared by name cannot grow.
#[derive(Debug)]
pub struct Common(OwnedFd);

impl Common {
    /// None yet.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> Result<Common> {
        let (file, name) = super::fs::temporary_file()?;
        super::fs::remove(&name);
        Ok(Common(file))
    }

    /// From now on there are so many bytes of it, everywhere: those that are new are zero.
    ///
    /// # Errors
    /// The system's.
    pub fn set_len(&self, bytes: u64) -> Result<()> {
        retry_on_intr(|| ftruncate(&self.0, bytes))
    }

    /// Has it be in a place, with room for so many bytes. An access beyond those that there are
    /// faults.
    ///
    /// # Safety
    /// The range is inside a reservation, and nothing refers into it.
    ///
    /// # Errors
    /// The system's.
    pub unsafe fn map(&self, start: *mut u8, bytes: usize) -> Result<()> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::SHARED | MapFlags::NORESERVE | MapFlags::FIXED;
        // SAFETY: the caller vouches for the range.
        let mapped = unsafe { rustix::mm::mmap(start.cast(), bytes, access, flags, &self.0, 0) };
        mapped.map(|_| ())
    }
}
