//! The heap of a store: allocation, and when to collect.
//!
//! Nothing in it moves. Compiled code allocates in a hole between marked lines; when that is full it
//! comes here for the next one. A collection is due when two fifths as many bytes have been
//! given out as were live after the last one. Objects of several lines, for which the next hole is too small, are
//! put into a free block of their own; large ones take whole blocks.

use super::area::Area;
use super::bits::Bits;
use super::blocks::{BLOCK_BYTES, Blocks, LINE_BYTES};
use crate::sys::io::{Errno, Result};
use std::ops::Range;
use wasmelt_abi::{GC_ALIGN, GC_SMALL_BYTES_MAX, GcAllocation, GcType};

/// Bytes that are given out before a collection, at least.
const BUDGET_MIN: usize = 4 << 20;

#[derive(Debug)]
pub(super) struct Heap {
    pub(super) types: &'static [GcType],
    pub(super) reference_offsets: &'static [u32],
    /// The address of its first byte.
    pub(super) start: usize,
    pub(super) blocks: Blocks,
    /// Where objects begin that were there after the last collection, and some newer ones.
    pub(super) starts: Bits,
    /// Where objects begin that have been reached in this collection.
    pub(super) marks: Bits,
    /// Holes that have been given out since the last collection, as offsets.
    pub(super) holes: Vec<Range<usize>>,
    /// Where objects of several lines go that did not fit into the next hole.
    spare: GcAllocation,
    /// Bytes given out since the last collection.
    given_out: usize,
    budget: usize,
    /// Bytes of objects that the last collection has found.
    pub(super) live: usize,
    /// Objects to be looked at, and the rest of long arrays.
    pub(super) pending: Vec<u32>,
    pub(super) arrays: Vec<(u32, u32)>,
    /// Whether each allocation collects.
    is_stressed: bool,
}

/// Looks at everything outside the heap that may refer to objects.
pub(super) type Roots<'a> = &'a mut dyn FnMut(&mut Heap);

impl Heap {
    /// A heap in these addresses, which are below 4 GiB and a multiple of a block.
    ///
    /// # Errors
    /// When the system does not give the address space.
    pub(super) fn new(
        addresses: Range<usize>,
        types: &'static [GcType],
        reference_offsets: &'static [u32],
    ) -> Result<Heap> {
        let bytes = addresses.len();
        let area = Area::at(addresses.start, bytes).ok_or(Errno::EXIST)?;
        Ok(Heap {
            types,
            reference_offsets,
            start: addresses.start,
            blocks: Blocks::new(area, bytes / BLOCK_BYTES)?,
            starts: Bits::new(bytes)?,
            marks: Bits::new(bytes)?,
            holes: Vec::new(),
            spare: GcAllocation::default(),
            given_out: 0,
            budget: BUDGET_MIN,
            live: 0,
            pending: Vec::new(),
            arrays: Vec::new(),
            is_stressed: false,
        })
    }

    /// From now on, each allocation collects, and what is free is overwritten.
    pub(super) fn stress(&mut self) {
        self.is_stressed = true;
    }

    /// The address of so many bytes, all zero, or nothing where there is no room. `region` is where
    /// compiled code allocates.
    pub(super) fn allocate(
        &mut self,
        region: &mut GcAllocation,
        bytes: u64,
        roots: Roots<'_>,
    ) -> Option<u32> {
        let bytes = usize::try_from(bytes)
            .ok()?
            .checked_next_multiple_of(GC_ALIGN as usize)?;
        let is_due = self.given_out >= self.budget || self.is_stressed;
        if is_due {
            self.collect(region, roots);
        }
        let mut taken = self.take(region, bytes);
        if taken.is_none() && !is_due {
            self.collect(region, roots);
            taken = self.take(region, bytes);
        }
        if self.is_stressed {
            // What compiled code allocates next comes here too.
            region.end = region.next;
        }
        taken
    }

    fn take(&mut self, region: &mut GcAllocation, bytes: usize) -> Option<u32> {
        if bytes > GC_SMALL_BYTES_MAX as usize {
            return self.take_large(bytes);
        }
        if let Some(address) = bump(region, bytes) {
            return Some(address);
        }
        if bytes <= LINE_BYTES {
            let hole = match self.blocks.next_hole() {
                Some(hole) => hole,
                None => {
                    self.grow()?;
                    self.blocks.next_hole()?
                }
            };
            *region = self.give(hole);
            return bump(region, bytes);
        }
        if let Some(address) = bump(&mut self.spare, bytes) {
            return Some(address);
        }
        let block = match self.blocks.free_block() {
            Some(block) => block,
            None => {
                self.grow()?;
                self.blocks.free_block()?
            }
        };
        self.spare = self.give(block);
        bump(&mut self.spare, bytes)
    }

    fn give(&mut self, hole: Range<usize>) -> GcAllocation {
        self.given_out += hole.len();
        self.holes.push(hole.clone());
        GcAllocation {
            next: (self.start + hole.start) as u64,
            end: (self.start + hole.end) as u64,
        }
    }

    fn take_large(&mut self, bytes: usize) -> Option<u32> {
        let count = bytes.div_ceil(BLOCK_BYTES);
        let taken = self.blocks.free_blocks(count);
        self.grow_notes().ok()?;
        let taken = taken?;
        self.given_out += taken.len();
        // SAFETY: the place is in the heap.
        unsafe { self.starts.set(taken.start / GC_ALIGN as usize) };
        u32::try_from(self.start + taken.start).ok()
    }

    /// Adds blocks for what may be given out before the next collection.
    fn grow(&mut self) -> Option<()> {
        let left = self.budget.saturating_sub(self.given_out);
        self.blocks.grow(left / 4 / BLOCK_BYTES).ok()?;
        self.grow_notes().ok()
    }

    fn grow_notes(&mut self) -> Result<()> {
        let bytes = self.blocks.bytes();
        self.starts.grow(bytes)?;
        self.marks.grow(bytes)
    }

    /// Frees what cannot be reached.
    pub(super) fn collect(&mut self, region: &mut GcAllocation, roots: Roots<'_>) {
        // What is left of the two is zero, so that it is known where objects end.
        *region = GcAllocation::default();
        self.spare = GcAllocation::default();
        self.holes.sort_unstable_by_key(|hole| hole.start);
        self.blocks.clear_marks();
        self.marks.clear(self.blocks.bytes());
        self.live = 0;
        roots(self);
        self.trace();
        // SAFETY: large objects are in the heap.
        let is_marked = |offset| unsafe { self.marks.is_set(offset / GC_ALIGN as usize) };
        self.blocks.sweep(is_marked);
        std::mem::swap(&mut self.starts, &mut self.marks);
        self.holes.clear();
        self.given_out = 0;
        self.budget = BUDGET_MIN.max(self.live / 5 * 2);
        self.blocks.give_back(2 * self.budget / BLOCK_BYTES);
        if self.is_stressed {
            self.blocks.poison();
        }
    }
}

fn bump(region: &mut GcAllocation, bytes: usize) -> Option<u32> {
    let next = region.next + bytes as u64;
    if next > region.end {
        return None;
    }
    let address = region.next;
    region.next = next;
    u32::try_from(address).ok()
}
