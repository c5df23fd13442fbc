//! What a region of a store has in it at first, and how it gets that back.
//!
//! The first region may be part of the executable's image, which the kernel has mapped; a process
//! with one store uses it in place, one with several leaves it as it is and copies from it, or maps it
//! once more for each store where it is large.

use std::mem::offset_of;
use std::ops::Range;

use crate::sys::io::Errno;

use super::image_file::{Part, image_bytes};
use super::pages::{self, PAGE_BYTES, make_accessible};
use super::used_pages::UsedPages;
use crate::vm::process::{self, items};
use wasmelt_abi::{MemoryHeader, Program, Region, Table, TableInit};

/// The initial contents of a region: bytes and how far from its start they lie; zeros elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contents {
    pieces: [(&'static [u8], usize); PIECES],
    /// Bytes that are accessible at first, whole pages.
    accessible: usize,
}

/// What a reset goes by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renewal<'a> {
    pub(super) used: &'a UsedPages,
    /// Parts of the region that are mapped from the executable's file.
    pub(super) mapped: &'a [Part],
    /// Pages that are found unchanged go back to the system.
    pub(super) gives_back: bool,
}

/// Pieces that are told apart; what lies between others is read like them.
const PIECES: usize = 4;

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
        let pieces = if is_first && program.image_mapped_bytes != 0 {
            let start = contexts(program, region, is_first);
            let len = image_bytes(program).min(accessible) as usize;
            // SAFETY: the kernel has mapped this much of the image. Where it is not itself the
            // store, nothing changes it.
            in_file(unsafe { std::slice::from_raw_parts(start, len) })
        } else {
            let below = region.below_bytes as usize;
            let contexts = items(&region.below_image);
            let at = below + region.image_offset as usize;
            [
                (contexts, below - contexts.len()),
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
    /// should be, and what is mapped from the executable's file, which is to be done then.
    ///
    /// # Safety
    /// `start` is where the region begins in the reservation of a store that nothing uses.
    #[inline(always)]
    pub(super) unsafe fn fill(
        &self,
        start: *mut u8,
        ready: usize,
        mapped: &[Part],
    ) -> Result<(), Errno> {
        if self.accessible > ready {
            let rest = start.wrapping_add(ready);
            // SAFETY: the caller vouches for the region.
            unsafe { make_accessible(rest, self.accessible - ready)? };
        }
        if ready == 0 {
            // SAFETY: it is accessible now, zero, and far from the executable's data.
            unsafe { self.copy_to_zeros(start, mapped) };
        }
        Ok(())
    }

    /// Copies what is not mapped.
    ///
    /// # Safety
    /// All that is accessible at first is, and zero; it does not overlap the image.
    #[inline(always)]
    unsafe fn copy_to_zeros(&self, start: *mut u8, mapped: &[Part]) {
        for (bytes, first) in self.pieces {
            let to = start.wrapping_add(first);
            // SAFETY: an image is not longer than its region.
            unsafe { copy_pages(to, bytes, |at| is_mapped(mapped, first + at)) };
        }
    }

    /// Whether a page has its contents when the system gives it anew.
    fn is_given(&self, at: usize, mapped: &[Part]) -> bool {
        let is_copied = |(bytes, first): &(&[u8], usize)| {
            at < first + bytes.len() && *first < at + PAGE_BYTES as usize
        };
        is_mapped(mapped, at) || !self.pieces.iter().any(is_copied)
    }

    /// Gives one page its contents again: whether they were others.
    ///
    /// # Safety
    /// As [`Contents::restore`]; `at` is a multiple of a page's size and in the region.
    unsafe fn restore_page(&self, start: *mut u8, at: usize) -> bool {
        let page = PAGE_BYTES as usize;
        // SAFETY: the page is part of the region, and nothing else refers into it.
        let now = unsafe { std::slice::from_raw_parts_mut(start.wrapping_add(at), page) };
        let end = at + page;
        let whole = |(bytes, first): &&(&[u8], usize)| *first <= at && end <= first + bytes.len();
        if let Some((bytes, first)) = self.pieces.iter().find(whole) {
            return make_equal(now, &bytes[at - first..end - first]);
        }
        let is_changed = make_zeros(now);
        for (bytes, first) in self.pieces {
            let (from, to) = (at.max(first), end.min(first + bytes.len()));
            if from < to {
                now[from - at..to - at].copy_from_slice(&bytes[from - first..to - first]);
            }
        }
        is_changed
    }

    /// Gives pages their contents again. Those that had them may go back to the system: most
    /// requests write to the same pages, and what only one has needed is not looked at for ever.
    ///
    /// # Safety
    /// As [`Contents::restore_page`], for every page of the run.
    unsafe fn restore_run(&self, start: *mut u8, run: Range<usize>, renewal: Renewal<'_>) {
        let page = PAGE_BYTES as usize;
        // Pages that had them, up to the one that is looked at.
        let mut same = 0;
        let give = |end: usize, len: usize| {
            if len > 0 {
                // SAFETY: they are pages of the run. Where the system does not take them, they are
                // kept.
                let _ = unsafe { pages::make_zero(start.wrapping_add(end - len), len) };
            }
        };
        for at in run.clone().step_by(page) {
            // SAFETY: the caller vouches for the page.
            let is_changed = unsafe { self.restore_page(start, at) };
            if renewal.gives_back && !is_changed && self.is_given(at, renewal.mapped) {
                same += page;
            } else {
                give(at, std::mem::take(&mut same));
            }
        }
        give(run.end, same);
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
        renewal: Renewal<'_>,
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
        let found = renewal.used.find(start, self.accessible + kept, |run| {
            // SAFETY: the pages are the region's.
            unsafe { self.restore_run(start, run, renewal) };
        });
        if found && kept > 0 {
            // SAFETY: this is what the memory has grown by, which is zero again.
            unsafe { pages::make_inaccessible(behind, grown)? };
        } else if grown > 0 {
            // SAFETY: as above.
            unsafe { pages::give_back(behind, grown)? };
        }
        if !found {
            // SAFETY: the caller vouches for the region, which is zero then, or what is mapped.
            unsafe {
                pages::make_zero(start, self.accessible)?;
                self.copy_to_zeros(start, renewal.mapped);
            }
        }
        Ok(())
    }
}

/// The address at which the initial contents of a region would begin: those of what is below its
/// memory may have no zeros before them.
fn contexts(program: &Program, region: &Region, is_first: bool) -> *const u8 {
    match is_first && program.image_mapped_bytes != 0 {
        true => std::ptr::with_exposed_provenance(program.image_store_base as usize),
        false => {
            let zeros = region.below_bytes - region.below_image.len;
            region.below_image.start.wrapping_sub(zeros as usize)
        }
    }
}

/// The parts of the image that are in the executable's file, and where in the image they are.
/// The others are zero, and looking at them would have the system make a page of each.
fn in_file(image: &'static [u8]) -> [(&'static [u8], usize); PIECES] {
    let base = image.as_ptr().addr();
    let mut pieces: [(&[u8], usize); PIECES] = [(&[], 0); PIECES];
    let mut count = 0;
    for segment in process::segments() {
        let from = segment.start.max(base) - base;
        let to = segment.end().min(base + image.len()).saturating_sub(base);
        // The last piece has all that is left, with what lies between. Nothing here can panic: hello
        // world would have the machinery for that linked.
        let place = count.min(PIECES - 1);
        let first = match pieces[place] {
            ([], _) => from,
            (_, first) => first,
        };
        if from < to
            && let Some(piece) = image.get(first..to)
        {
            pieces[place] = (piece, first);
            count += 1;
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

/// Copies to memory that is zero, leaving untouched the pages that stay so, and those that are there
/// already.
///
/// # Safety
/// `to` is valid for as many bytes as `from` has, and does not overlap it.
#[inline(always)]
unsafe fn copy_pages(to: *mut u8, from: &[u8], is_there: impl Fn(usize) -> bool) {
    for (index, page) in from.chunks(PAGE_BYTES as usize).enumerate() {
        let at = index * PAGE_BYTES as usize;
        let is_whole = is_there(at) && is_there(at + page.len() - 1);
        if !is_whole && !is_zero(page) {
            // SAFETY: this is a part of the range that the caller vouches for.
            unsafe {
                to.wrapping_add(at)
                    .copy_from_nonoverlapping(page.as_ptr(), page.len());
            }
        }
    }
}

fn is_mapped(parts: &[Part], at: usize) -> bool {
    let has = |part: &Part| (part.at..part.at + part.len).contains(&at);
    parts.iter().any(has)
}

/// Bytes that are compared at a time.
const BLOCK: usize = 64;

/// A block as words. Bytes would do where the compiler makes vector instructions of them, which is
/// not certain: whether it does depends on what is around.
fn words(block: &[u8; BLOCK]) -> impl Iterator<Item = u64> {
    let (words, _) = block.as_chunks();
    words.iter().map(|word| u64::from_ne_bytes(*word))
}

/// Makes a page equal to another: whether it was not.
fn make_equal(page: &mut [u8], to: &[u8]) -> bool {
    let (blocks, expected) = (page.as_chunks::<BLOCK>().0, to.as_chunks::<BLOCK>().0);
    let differ = |(a, b): (&[u8; BLOCK], &[u8; BLOCK])| {
        let bits = words(a).zip(words(b)).fold(0, |all, (a, b)| all | (a ^ b));
        bits != 0
    };
    let Some(block) = blocks.iter().zip(expected).position(differ) else {
        return false;
    };
    page[block * BLOCK..].copy_from_slice(&to[block * BLOCK..]);
    true
}

/// Makes a page zero: whether it was not.
fn make_zeros(page: &mut [u8]) -> bool {
    let is_used = |block: &[u8; BLOCK]| !is_zero(block);
    let Some(block) = page.as_chunks::<BLOCK>().0.iter().position(is_used) else {
        return false;
    };
    page[block * BLOCK..].fill(0);
    true
}

fn is_zero(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let is_used = |block| words(block).fold(0, |all, word| all | word) != 0;
    !blocks.iter().any(is_used) && rest.iter().all(|byte| *byte == 0)
}
