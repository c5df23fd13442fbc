//! Address space: reserved, and given pages.

use std::ptr::null;

use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_RELEASE, MEM_RESERVE, PAGE_NOACCESS, PAGE_READWRITE,
    VirtualAlloc, VirtualFree, VirtualProtect,
};

use super::errno::{Errno, Result};

/// So many bytes of address space, of which nothing is accessible.
///
/// # Errors
/// The system's.
pub fn reserve(bytes: usize) -> Result<*mut u8> {
    // SAFETY: the system chooses a place that is free.
    let start = unsafe { VirtualAlloc(null(), bytes, MEM_RESERVE, PAGE_NOACCESS) };
    if start.is_null() {
        Err(Errno::last())
    } else {
        Ok(start.cast())
    }
}

/// Allows reading and writing.
///
/// # Safety
/// The range is inside a reservation.
///
/// # Errors
/// The system's.
pub unsafe fn make_accessible(start: *mut u8, bytes: usize) -> Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    // SAFETY: the caller vouches for the range; what is there already stays.
    let start = unsafe { VirtualAlloc(start.cast(), bytes, MEM_COMMIT, PAGE_READWRITE) };
    if start.is_null() {
        Err(Errno::last())
    } else {
        Ok(())
    }
}

/// Takes the pages back: as after [`reserve`].
///
/// # Safety
/// The range is inside a reservation, and nothing refers into it.
///
/// # Errors
/// The system's.
pub unsafe fn give_back(start: *mut u8, bytes: usize) -> Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    // SAFETY: the caller vouches for the range.
    match unsafe { VirtualFree(start.cast(), bytes, MEM_DECOMMIT) } {
        0 => Err(Errno::last()),
        _ => Ok(()),
    }
}

/// Ends a reservation.
///
/// # Safety
/// It begins there, and nothing refers into it.
///
/// # Errors
/// The system's.
pub unsafe fn release(start: *mut u8, _bytes: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    match unsafe { VirtualFree(start.cast(), 0, MEM_RELEASE) } {
        0 => Err(Errno::last()),
        _ => Ok(()),
    }
}

/// Allows nothing. The contents stay.
///
/// # Safety
/// The range is inside a reservation and accessible, and nothing refers into it.
///
/// # Errors
/// The system's.
pub unsafe fn make_inaccessible(start: *mut u8, bytes: usize) -> Result<()> {
    if bytes == 0 {
        return Ok(());
    }
    let mut before = 0;
    // SAFETY: the caller vouches for the range, and the system writes to a local.
    match unsafe { VirtualProtect(start.cast(), bytes, PAGE_NOACCESS, &raw mut before) } {
        0 => Err(Errno::last()),
        _ => Ok(()),
    }
}

/// As [`reserve`], at this place: whether it was free.
#[must_use]
pub fn reserve_at(wanted: *mut u8, bytes: usize) -> bool {
    // SAFETY: the system reserves only what is free.
    unsafe { !VirtualAlloc(wanted.cast(), bytes, MEM_RESERVE, PAGE_NOACCESS).is_null() }
}

/// Frees a range that a loader has left taken as a whole: Windows' leaves none.
///
/// # Safety
/// It is a range that nothing in this process has asked for.
#[must_use]
pub unsafe fn free_if_taken(_start: *mut u8, _bytes: usize) -> bool {
    false
}

/// Bytes of the large pages that a system may give where they are preferred.
pub const LARGE_PAGE_BYTES: Option<usize> = None;

/// Says that a range will be used densely, which is nothing to this system.
///
/// # Safety
/// The range is inside a reservation.
pub unsafe fn prefer_large_pages(_start: *mut u8, _bytes: usize) {}

/// Makes an accessible range zero.
///
/// # Safety
/// The range is inside a reservation, and nothing refers into it.
///
/// # Errors
/// The system's.
pub unsafe fn make_zero(start: *mut u8, bytes: usize) -> Result<()> {
    // SAFETY: the caller vouches for the range.
    unsafe {
        give_back(start, bytes)?;
        make_accessible(start, bytes)
    }
}

/// Memory that can be in several places: there is none, as no program starts threads.
#[derive(Debug)]
pub enum Common {}

impl Common {
    /// None yet.
    ///
    /// # Errors
    /// Always.
    pub fn new() -> Result<Common> {
        Err(Errno::NOSYS)
    }

    /// From now on there are so many bytes of it.
    ///
    /// # Errors
    /// None.
    pub fn set_len(&self, _bytes: u64) -> Result<()> {
        match *self {}
    }

    /// Has it be in a place.
    ///
    /// # Safety
    /// None.
    ///
    /// # Errors
    /// None.
    pub unsafe fn map(&self, _start: *mut u8, _bytes: usize) -> Result<()> {
        match *self {}
    }
}
