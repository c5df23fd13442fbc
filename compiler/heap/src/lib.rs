//! What the C library's memory allocator is told, so that what has been freed is the system's again.
//!
//! glibc takes large blocks from the system and gives them back when they are freed. With each that is
//! freed, however, it takes larger ones to be worth keeping: up to 32 MiB. A compilation has a few large
//! blocks (the code, the object, the executable), each needed when the last one no longer is, and with
//! what glibc keeps it needed a third more memory.
//!
//! This is the one place of the command with unsafe code, as the C library has no other interface. For
//! other C libraries there is nothing to do.

/// Blocks of at least so many bytes are the system's when they are freed.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const RETURNED_BYTES_MIN: libc::c_int = 512 << 10;

/// What may lie free at the end of a heap, for the next function: to return it and have it again costs
/// more time than the memory is worth.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const FREE_BYTES_MAX: libc::c_int = 8 << 20;

/// Has large blocks returned to the system whenever they are freed. To be called before there are any.
pub fn return_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: mallopt takes two numbers, and changes parameters of the allocator under its lock. One that
    // it does not accept it leaves as it is.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED_BYTES_MIN);
    }
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: as above.
    unsafe {
        libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_BYTES_MAX);
    }
}

/// Returns to the system what lies free between blocks that are in use.
pub fn return_free_pages() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: malloc_trim takes a number, and only touches what no block is in, under the allocator's
    // locks.
    unsafe {
        libc::malloc_trim(0);
    }
}
