//! What a region of a store has in it at first, and how it gets that back.
//!
//! The first region may be part of the executable's image, which the kernel has mapped; a process
//! with one store uses it in place, one with several leaves it as it is and copies from it.

use std::cell::OnceCell;
use std::mem::offset_of;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::pages::{self, PAGE_BYTES, make_accessible};
use crate::vm::process::{self, items};
use wasmelt_abi::{MemoryHeader, Program, Region, Table, TableInit};

/// The initial contents of a region: bytes and how far from its start they lie; zeros elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contents {
    pieces: [(&'static [u8], usize); PIECES],
    /// Bytes that are accessible at first, whole pages.
    accessible: usize,
}

/// Pieces that are told apart; what lies between others is read like them.
const PIECES: usize = 4;

/// Pages that a reset copies back one by one; where more have been used, the system takes all of
/// them back.
const PAGES_MAX: usize = 4096;

/// What a memory has grown by is kept for its next growth, up to so many bytes.
const GROWN_BYTES_MAX: usize = 32 << 20;

impl Contents {
    /// Those of a program's region, of which one is the first.
    pub(super) fn of(
        program: &'static Program,
        region: &'static Region,
        is_first: bool,
    ) -> Contents {
        let accessible = region.below_bytes + region.memory_bytes.next_multiple_of(PAGE_BYTES);
        let start = contexts(program, region, is_first);
        let pieces = if is_first && program.image_mapped_bytes != 0 {
            let len = image_bytes(program).min(accessible) as usize;
            // SAFETY: the kernel has mapped this much of the image. Where it is not itself the
            // store, nothing changes it.
            in_file(unsafe { std::slice::from_raw_parts(start, len) })
        } else {
            let below = region.below_bytes as usize;
            // SAFETY: the compiler wrote `below_bytes` bytes there.
            let contexts = unsafe { std::slice::from_raw_parts(start, below) };
            let at = below + region.image_offset as usize;
            [
                (contexts, 0),
                (items(&region.image), at),
                (&[], 0),
                (&[], 0),
            ]
        };
        Contents {
            pieces,
            accessible: accessible as usize,
        }
    }

    /// Makes a new region accessible and fills it, but for the first bytes, which are as they
    /// should be.
    ///
    /// # Safety
    /// `start` is where the region begins in the reservation of a store that nothing uses.
    pub(super) unsafe fn fill(&self, start: *mut u8, mapped: usize) -> Result<(), Errno> {
        if self.accessible > mapped {
            let rest = start.wrapping_add(mapped);
            // SAFETY: the caller vouches for the region.
            unsafe { make_accessible(rest, self.accessible - mapped)? };
        }
        if mapped == 0 {
            // SAFETY: it is accessible now, zero, and far from the executable's data.
            unsafe { self.copy_to_zeros(start) };
        }
        Ok(())
    }

    /// # Safety
    /// All that is accessible at first is, and zero; it does not overlap the image.
    unsafe fn copy_to_zeros(&self, start: *mut u8) {
        for (bytes, at) in self.pieces {
            // SAFETY: an image is not longer than its region.
            unsafe { copy_pages(start.wrapping_add(at), bytes) };
        }
    }

    /// Gives one page its contents again.
    ///
    /// # Safety
    /// As [`Contents::restore`]; `at` is a multiple of a page's size and below `accessible`.
    unsafe fn restore_page(&self, start: *mut u8, at: usize) {
        let page = PAGE_BYTES as usize;
        // SAFETY: the page is part of the region.
        unsafe { start.wrapping_add(at).write_bytes(0, page) };
        for (bytes, first) in self.pieces {
            let from = at.max(first);
            let to = (at + page).min(first + bytes.len());
            if from < to {
                let source = &bytes[from - first..to - first];
                // SAFETY: as above, and the image lies elsewhere.
                unsafe {
                    start
                        .wrapping_add(from)
                        .copy_from_nonoverlapping(source.as_ptr(), source.len());
                }
            }
        }
    }

    /// Gives a region its initial contents and length again.
    ///
    /// # Safety
    /// `start` is where it begins, nothing refers into it, and it is not the image itself. `region`
    /// is its description.
    pub(super) unsafe fn restore(
        &self,
        start: *mut u8,
        region: &Region,
        used: &UsedPages,
    ) -> Result<(), Errno> {
        let header = start
            .wrapping_add(region.below_bytes as usize)
            .cast::<MemoryHeader>()
            .wrapping_sub(1);
        // SAFETY: the header lies at the end of what is below the memory.
        let bytes = unsafe { (*header).bytes };
        let now = (region.below_bytes + bytes.next_multiple_of(PAGE_BYTES)) as usize;
        let grown = now.saturating_sub(self.accessible);
        let behind = start.wrapping_add(self.accessible);
        // It is likely to grow again: what is kept need not be given by the system then.
        let kept = if grown <= GROWN_BYTES_MAX { grown } else { 0 };
        let found = used.find(start, self.accessible + kept, |at| {
            // SAFETY: the page is one of the region's.
            unsafe { self.restore_page(start, at) };
        });
        if found && kept > 0 {
            // SAFETY: this is what the memory has grown by, which is zero again.
            unsafe { pages::make_inaccessible(behind, grown)? };
        } else if grown > 0 {
            // SAFETY: as above.
            unsafe { pages::give_back(behind, grown)? };
        }
        if !found {
            // SAFETY: the caller vouches for the region, which is zero then.
            unsafe {
                pages::make_zero(start, self.accessible)?;
                self.copy_to_zeros(start);
            }
        }
        Ok(())
    }
}

/// The initial contents of what is below the memory of a region.
fn contexts(program: &Program, region: &Region, is_first: bool) -> *const u8 {
    match is_first && program.image_mapped_bytes != 0 {
        true => std::ptr::with_exposed_provenance(program.image_store_base as usize),
        false => region.below_image,
    }
}

/// The parts of the image that are in the executable's file, and where in the image they are.
/// The others are zero, and looking at them would have the system make a page of each.
fn in_file(image: &'static [u8]) -> [(&'static [u8], usize); PIECES] {
    let base = image.as_ptr().addr();
    let mut pieces = [(&image[..0], 0); PIECES];
    let mut count = 0;
    for segment in process::segments() {
        let from = segment.start.max(base) - base;
        let to = segment.end.min(base + image.len()).saturating_sub(base);
        if from >= to {
            continue;
        }
        if count < PIECES {
            pieces[count] = (&image[from..to], from);
            count += 1;
        } else {
            let (_, first) = pieces[PIECES - 1];
            pieces[PIECES - 1] = (&image[first..to], first);
        }
    }
    pieces
}

/// How many elements a growable table may get.
pub(super) fn table_len_max(program: &'static Program, init: &TableInit) -> u64 {
    for (index, region) in items(&program.regions).iter().enumerate() {
        let start = region.memory_offset - region.below_bytes;
        if !(start..region.memory_offset).contains(&init.table_offset) {
            continue;
        }
        let contexts = contexts(program, region, index == 0);
        let table = contexts.wrapping_add((init.table_offset - start) as usize);
        let len_max = table.wrapping_add(offset_of!(Table, len_max)).cast::<u64>();
        // SAFETY: the compiler wrote a table there, in a context.
        return unsafe { len_max.read_unaligned() };
    }
    0
}

/// Bytes of the image that are mapped: whole pages.
pub(super) fn image_bytes(program: &Program) -> u64 {
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

/// Tells which pages of this process have ever been written to: `PAGEMAP_SCAN`, which Linux has
/// from 6.7 on. A process that has been forked needs one of its own.
#[derive(Debug)]
pub(super) struct UsedPages {
    /// Opened when it is first asked, which may be after the first answer of a server.
    pagemap: OnceCell<Option<OwnedFd>>,
}

/// `struct pm_scan_arg` of the kernel.
#[repr(C)]
struct ScanArg {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of the kernel.
#[repr(C)]
#[derive(Clone, Copy)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`
const PAGEMAP_SCAN: u64 = 3 << 30 | (size_of::<ScanArg>() as u64) << 16 | 0x66 << 8 | 16;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// Runs of pages that one call tells of: the heaps of garbage collectors have hundreds.
const RUNS: usize = 512;

impl UsedPages {
    pub(super) fn new() -> UsedPages {
        UsedPages {
            pagemap: OnceCell::new(),
        }
    }

    fn open() -> Option<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        rustix::fs::open("/proc/self/pagemap", flags, Mode::empty()).ok()
    }

    /// As if the system could not tell.
    #[cfg(test)]
    pub(super) fn unknown() -> UsedPages {
        UsedPages {
            pagemap: OnceCell::from(None),
        }
    }

    /// Calls `each` with the offset of every page in a range that has been written to. `false` where
    /// the system does not tell, or there are too many: then some may be left out.
    fn find(&self, start: *mut u8, len: usize, mut each: impl FnMut(usize)) -> bool {
        let Some(pagemap) = self.pagemap.get_or_init(UsedPages::open) else {
            return false;
        };
        let base = start.expose_provenance() as u64;
        let (mut next, end) = (base, base + len as u64);
        let mut pages_left = PAGES_MAX;
        let mut runs = [PageRegion {
            start: 0,
            end: 0,
            categories: 0,
        }; RUNS];
        while next < end {
            let mut arg = ScanArg {
                size: size_of::<ScanArg>() as u64,
                flags: 0,
                start: next,
                end,
                walk_end: 0,
                vec: runs.as_mut_ptr().expose_provenance() as u64,
                vec_len: RUNS as u64,
                max_pages: 0,
                category_inverted: PAGE_IS_PFNZERO,
                category_mask: PAGE_IS_PFNZERO,
                category_anyof_mask: PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
                return_mask: PAGE_IS_PRESENT,
            };
            // SAFETY: the kernel reads and writes structures of its own layout.
            let count =
                unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN as _, &raw mut arg) };
            let Some(found) = usize::try_from(count)
                .ok()
                .and_then(|count| runs.get(..count))
            else {
                return false;
            };
            for run in found {
                let count = ((run.end - run.start) / PAGE_BYTES) as usize;
                let Some(left) = pages_left.checked_sub(count) else {
                    return false;
                };
                pages_left = left;
                (run.start..run.end)
                    .step_by(PAGE_BYTES as usize)
                    .for_each(|at| each((at - base) as usize));
            }
            if arg.walk_end <= next {
                return false;
            }
            next = arg.walk_end;
        }
        true
    }
}
