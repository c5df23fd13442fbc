//! The executable that runs, and its end.

use std::ffi::c_char;

use libc::{AT_PHDR, AT_PHNUM, Elf64_Phdr, PT_LOAD};
#[cfg(feature = "pie")]
use libc::{PT_DYNAMIC, PT_GNU_RELRO};

/// A part of the executable's file that the system has mapped.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// The address of its first byte.
    pub start: usize,
    pub len: usize,
    /// Where it begins in the file.
    pub offset: u64,
}

impl Segment {
    #[must_use]
    pub fn end(&self) -> usize {
        self.start + self.len
    }
}

/// The executable's program headers.
#[inline]
fn headers() -> &'static [Elf64_Phdr] {
    // SAFETY: this reads what the system has told the process.
    let (headers, count) = unsafe { (libc::getauxval(AT_PHDR), libc::getauxval(AT_PHNUM)) };
    let headers: *const Elf64_Phdr = std::ptr::with_exposed_provenance(headers as usize);
    match headers.is_null() {
        true => &[],
        // SAFETY: the system has mapped the program headers there, which nobody changes.
        false => unsafe { std::slice::from_raw_parts(headers, count as usize) },
    }
}

/// Has the system refuse from now on what writes to data that the start of an executable that may be
/// loaded anywhere has written addresses to (RELRO): the C library's start does not. Gives whether
/// that could be.
#[cfg(feature = "pie")]
#[inline]
pub fn protect_relocated() -> bool {
    unsafe extern "C" {
        /// What the start reads: the linker defines it.
        static _DYNAMIC: [u8; 0];
    }
    let find = |kind| headers().iter().find(|header| header.p_type == kind);
    let (Some(dynamic), Some(relocated)) = (find(PT_DYNAMIC), find(PT_GNU_RELRO)) else {
        return true;
    };
    let base = (&raw const _DYNAMIC).addr() - dynamic.p_vaddr as usize;
    // SAFETY: this reads what the system has told the process.
    let page = unsafe { libc::getauxval(libc::AT_PAGESZ) } as usize;
    // What begins or ends in the middle of a page is the linker's to avoid.
    let start = (base + relocated.p_vaddr as usize) & !(page - 1);
    let end = (base + (relocated.p_vaddr + relocated.p_memsz) as usize) & !(page - 1);
    let address = std::ptr::with_exposed_provenance_mut(start);
    // SAFETY: nothing of this program writes there once addresses are.
    unsafe { libc::mprotect(address, end - start, libc::PROT_READ) == 0 }
}

/// Where the executable's file has been mapped, in ascending order; not of one that may be loaded
/// anywhere.
pub fn segments() -> impl Iterator<Item = Segment> {
    let loaded = headers().iter().filter(|header| header.p_type == PT_LOAD);
    loaded.map(|header| Segment {
        start: header.p_vaddr as usize,
        len: header.p_filesz as usize,
        offset: header.p_offset,
    })
}

/// The environment as the C library has it.
pub fn environment() -> *mut *const c_char {
    unsafe extern "C" {
        static environ: *mut *const c_char;
    }
    // SAFETY: every C library has the variable.
    unsafe { environ }
}

/// Ends the process without running anything else.
#[inline(always)]
pub fn exit(code: i32) -> ! {
    // SAFETY: `_exit` has no precondition.
    unsafe { libc::_exit(code) }
}
