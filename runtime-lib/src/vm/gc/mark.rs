//! Which objects can be reached.
//!
//! What is outside the heap is looked at word by word, and whatever may be an address inside an
//! object keeps that. Within the heap, types tell where references are.

use super::blocks::{BLOCK_BYTES, Use};
use super::heap::Heap;
use crate::vm::arch;
use std::ptr::with_exposed_provenance;
use wasmelt_abi::{
    GC_ALIGN, GC_ARRAY_OF_REFERENCES, GC_ELEMENTS_OFFSET, GC_LENGTH_OFFSET, GC_SMALL_BYTES_MAX,
    GC_STRUCT, GC_TYPE_MASK, GcType,
};

const ALIGN: usize = GC_ALIGN as usize;

/// Elements of an array that are looked at before other objects.
const ELEMENTS: u32 = 512;

impl Heap {
    /// Marks every object whose address, or one inside it, is among the words: either half of one.
    ///
    /// # Safety
    /// The range is readable.
    pub(super) unsafe fn mark_words(&mut self, start: usize, end: usize) {
        let mut at = start.next_multiple_of(size_of::<u32>());
        while at + size_of::<u32>() <= end {
            let word: *const u32 = with_exposed_provenance(at);
            // SAFETY: the caller vouches for the range; what else changes it does not matter.
            let word = unsafe { word.read_volatile() } as usize;
            let offset = word.wrapping_sub(self.start);
            if offset < self.blocks.bytes()
                && let Some(object) = self.object_at(offset)
            {
                self.mark(object);
            }
            at += size_of::<u32>();
        }
    }

    /// Where the object begins that an offset is in.
    fn object_at(&mut self, offset: usize) -> Option<usize> {
        let number = offset / BLOCK_BYTES;
        let block = &mut self.blocks.list[number];
        match block.is {
            Use::Free => return None,
            Use::Large(_) => return Some(number * BLOCK_BYTES),
            Use::Rest(first) => return Some(first as usize * BLOCK_BYTES),
            Use::Marked | Use::Fresh => {}
        }
        if std::mem::take(&mut block.is_unread) {
            self.note_starts(number);
        }
        // SAFETY: both are in the block.
        let start = unsafe {
            let first = number * BLOCK_BYTES / ALIGN;
            self.starts.last(first, offset / ALIGN)? * ALIGN
        };
        // SAFETY: an object begins there.
        let bytes = unsafe { self.bytes_of(start) };
        (offset - start < bytes).then_some(start)
    }

    /// Notes where objects begin that have been allocated in a block since the last collection.
    fn note_starts(&mut self, number: usize) {
        let end = (number + 1) * BLOCK_BYTES;
        let first = self
            .holes
            .partition_point(|hole| hole.start < number * BLOCK_BYTES);
        for index in first..self.holes.len() {
            let hole = self.holes[index].clone();
            if hole.start >= end {
                break;
            }
            let mut at = hole.start;
            // SAFETY: objects follow each other from the start of the hole on; then there are zeros.
            while at < hole.end && unsafe { self.read(at) } & GC_TYPE_MASK != 0 {
                // SAFETY: as above.
                unsafe {
                    self.starts.set(at / ALIGN);
                    at += self.bytes_of(at);
                }
            }
        }
    }

    /// # Safety
    /// The offset is in the heap.
    unsafe fn read(&self, offset: usize) -> u32 {
        // SAFETY: as the caller says.
        unsafe { self.blocks.start().add(offset).cast::<u32>().read() }
    }

    /// # Safety
    /// An object begins there.
    unsafe fn type_of(&self, offset: usize) -> GcType {
        // SAFETY: as the caller says.
        let header = unsafe { self.read(offset) };
        self.types[(header & GC_TYPE_MASK) as usize]
    }

    /// # Safety
    /// An object begins there.
    unsafe fn bytes_of(&self, offset: usize) -> usize {
        // SAFETY: as the caller says.
        let (ty, length) = unsafe {
            let ty = self.type_of(offset);
            match ty.kind {
                GC_STRUCT => return ty.bytes as usize,
                _ => (ty, self.read(offset + GC_LENGTH_OFFSET as usize)),
            }
        };
        let elements = ty.bytes as usize * length as usize;
        (GC_ELEMENTS_OFFSET as usize + elements).next_multiple_of(ALIGN)
    }

    /// Marks the object that begins at an offset.
    fn mark(&mut self, offset: usize) {
        // SAFETY: the offset is in the heap.
        if unsafe { self.marks.set(offset / ALIGN) } {
            // By the time it is looked at it is in the cache, but for the last of several.
            arch::prefetch(self.blocks.start().wrapping_add(offset));
            self.pending.push(offset as u32);
        }
    }

    /// Marks what fields or elements refer to.
    ///
    /// # Safety
    /// The offsets are those of references in objects.
    #[inline]
    unsafe fn mark_references(&mut self, offsets: impl Iterator<Item = usize>) {
        // Most of a collection is done here, so nothing is read again from the heap's own fields.
        let (memory, start, bytes) = (self.blocks.start(), self.start, self.blocks.bytes());
        for offset in offsets {
            // SAFETY: as the caller says.
            let reference = unsafe { memory.add(offset).cast::<u32>().read() };
            let target = (reference as usize).wrapping_sub(start);
            if target < bytes && target.is_multiple_of(ALIGN) {
                self.mark(target);
            }
        }
    }

    /// Marks everything that marked objects refer to.
    pub(super) fn trace(&mut self) {
        loop {
            while let Some(object) = self.pending.pop() {
                // SAFETY: objects begin there.
                unsafe { self.look_at(object as usize) };
            }
            let Some((array, from)) = self.arrays.pop() else {
                return;
            };
            // SAFETY: an array begins there.
            unsafe { self.look_at_elements(array as usize, from) };
        }
    }

    /// # Safety
    /// An object begins there.
    unsafe fn look_at(&mut self, offset: usize) {
        // SAFETY: as the caller says.
        let (ty, bytes) = unsafe { (self.type_of(offset), self.bytes_of(offset)) };
        if bytes > GC_SMALL_BYTES_MAX as usize {
            self.live += bytes.next_multiple_of(BLOCK_BYTES);
        } else {
            self.live += bytes;
            // SAFETY: a small object lies in one block.
            unsafe { self.blocks.mark(offset, bytes) };
        }
        match ty.kind {
            GC_STRUCT => {
                let first = ty.first_offset as usize;
                let fields = self.reference_offsets[first..first + ty.offsets as usize].iter();
                // SAFETY: the type has references there.
                unsafe { self.mark_references(fields.map(|&field| offset + field as usize)) };
            }
            // SAFETY: an array of references begins there.
            GC_ARRAY_OF_REFERENCES => unsafe { self.look_at_elements(offset, 0) },
            _ => {}
        }
    }

    /// Looks at some elements, and leaves the rest for later.
    ///
    /// # Safety
    /// An array of references begins there.
    unsafe fn look_at_elements(&mut self, array: usize, from: u32) {
        // SAFETY: as the caller says.
        let length = unsafe { self.read(array + GC_LENGTH_OFFSET as usize) };
        let to = length.min(from.saturating_add(ELEMENTS));
        if to < length {
            self.arrays.push((array as u32, to));
        }
        let elements = array + GC_ELEMENTS_OFFSET as usize;
        let offsets = (from..to).map(|index| elements + index as usize * size_of::<u32>());
        // SAFETY: the array has the elements.
        unsafe { self.mark_references(offsets) };
    }
}
