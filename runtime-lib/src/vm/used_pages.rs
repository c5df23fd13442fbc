//! Which pages of stores have been written to.

use std::cell::{Cell, OnceCell};
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::fs::{Mode, OFlags};

use super::pages::PAGE_BYTES;

/// Pages that a reset copies back one by one; where more have been used, the system takes all of
/// them back.
const PAGES_MAX: usize = 4096;

/// Tells which pages of this process have been written to since the system gave them: `PAGEMAP_SCAN`, which Linux has
/// from 6.7 on. A process that has been forked needs one of its own.
#[derive(Debug)]
pub(super) struct UsedPages {
    /// Opened when it is first asked, which may be after the first answer of a server.
    pagemap: OnceCell<Option<OwnedFd>>,
    resets: Cell<u32>,
}

/// Of so many resets one gives back pages that it finds unchanged.
const RESETS_KEEPING: u32 = 100;

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
const PAGE_IS_FILE: u64 = 1 << 2;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;
const PAGE_IS_PFNZERO: u64 = 1 << 5;

/// Runs of pages that one call tells of: the heaps of garbage collectors have hundreds.
const RUNS: usize = 512;

impl UsedPages {
    pub(super) fn new() -> UsedPages {
        UsedPages {
            pagemap: OnceCell::new(),
            resets: Cell::new(0),
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
            resets: Cell::new(0),
        }
    }

    /// Told once a reset: whether this one gives pages back.
    pub(super) fn is_time_to_give_back(&self) -> bool {
        let resets = (self.resets.get() + 1) % RESETS_KEEPING;
        self.resets.set(resets);
        resets == 0
    }

    /// Calls `each` with the offsets of all runs of pages in a range that have been written to.
    /// `false` where the system does not tell, or there are too many: then some may be left out.
    pub(super) fn find(
        &self,
        start: *mut u8,
        len: usize,
        mut each: impl FnMut(Range<usize>),
    ) -> bool {
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
                category_inverted: PAGE_IS_PFNZERO | PAGE_IS_FILE,
                category_mask: PAGE_IS_PFNZERO | PAGE_IS_FILE,
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
                // The kernel's pages may be smaller than ours.
                let first = (run.start - base) / PAGE_BYTES * PAGE_BYTES;
                let behind = (run.end - base).next_multiple_of(PAGE_BYTES);
                let count = ((behind - first) / PAGE_BYTES) as usize;
                let Some(left) = pages_left.checked_sub(count) else {
                    return false;
                };
                pages_left = left;
                each(first as usize..behind as usize);
            }
            if arg.walk_end <= next {
                return false;
            }
            next = arg.walk_end;
        }
        true
    }
}
