//! Pages of reserved address space.

use rustix::io::Errno;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};

/// A multiple of every page size that the targets have.
pub(super) const PAGE_BYTES_MAX: usize = 64 << 10;

pub(super) use super::arch::PAGE_BYTES;

/// Allows reading and writing.
///
/// # Safety
/// The range is inside a reservation and is not accessible yet, or already in this way.
pub(super) unsafe fn make_accessible(start: *mut u8, len: usize) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the range.
    unsafe {
        rustix::mm::mprotect(
            start.cast(),
            len,
            MprotectFlags::READ | MprotectFlags::WRITE,
        )
    }
}

/// Gives a range's memory back to the system: it is reserved and not accessible, as at first.
///
/// # Safety
/// The range is inside a reservation, and nothing refers into it.
pub(super) unsafe fn give_back(start: *mut u8, len: usize) -> Result<(), Errno> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
    // SAFETY: the caller vouches for the range.
    let mapped =
        unsafe { rustix::mm::mmap_anonymous(start.cast(), len, ProtFlags::empty(), flags) };
    mapped.map(|_| ())
}

/// Allows nothing. The contents stay.
///
/// # Safety
/// The range is inside a reservation, and nothing refers into it.
pub(super) unsafe fn make_inaccessible(start: *mut u8, len: usize) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the range.
    unsafe { rustix::mm::mprotect(start.cast(), len, MprotectFlags::empty()) }
}

/// Makes an accessible range zero.
///
/// # Safety
/// The range is memory of a reservation, of no file, and nothing refers into it.
pub(super) unsafe fn make_zero(start: *mut u8, len: usize) -> Result<(), Errno> {
    // SAFETY: the caller vouches for the range.
    unsafe { rustix::mm::madvise(start.cast(), len, rustix::mm::Advice::LinuxDontNeed) }
}
