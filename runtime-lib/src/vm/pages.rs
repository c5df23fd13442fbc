//! Pages of reserved address space.

use rustix::io::Errno;
use rustix::mm::MprotectFlags;

/// A multiple of every page size that the targets have.
pub(super) const PAGE_BYTES_MAX: usize = 64 << 10;

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
