//! A bit for each place where an object may begin.

use super::area::Area;
use crate::sys::io::Result;
use wasmelt_abi::GC_ALIGN;

const WORD_BITS: usize = u64::BITS as usize;

/// Bytes of the heap that a byte of bits is for.
const BYTES_PER_BYTE: usize = 8 * GC_ALIGN as usize;

#[derive(Debug)]
pub(super) struct Bits {
    area: Area,
}

impl Bits {
    /// For a heap of at most so many bytes.
    pub(super) fn new(heap_bytes: usize) -> Result<Bits> {
        let area = Area::anywhere(heap_bytes / BYTES_PER_BYTE)?;
        Ok(Bits { area })
    }

    /// The heap has so many bytes, a multiple of 512.
    pub(super) fn grow(&mut self, heap_bytes: usize) -> Result<()> {
        self.area.grow(heap_bytes / BYTES_PER_BYTE)
    }

    /// # Safety
    /// `index` is that of a place in the heap.
    unsafe fn word(&self, index: usize) -> *mut u64 {
        // SAFETY: `grow` has made it accessible.
        unsafe { self.area.start().cast::<u64>().add(index / WORD_BITS) }
    }

    /// # Safety
    /// `index` is that of a place in the heap, in units of [`GC_ALIGN`].
    pub(super) unsafe fn is_set(&self, index: usize) -> bool {
        // SAFETY: as the caller says.
        unsafe { *self.word(index) >> (index % WORD_BITS) & 1 != 0 }
    }

    /// Sets a bit: whether it was not set before.
    ///
    /// # Safety
    /// As of [`Bits::is_set`].
    pub(super) unsafe fn set(&mut self, index: usize) -> bool {
        // SAFETY: as the caller says.
        let word = unsafe { &mut *self.word(index) };
        let before = *word;
        *word |= 1 << (index % WORD_BITS);
        before != *word
    }

    /// The last one that is set, of those from `first` to `index`.
    ///
    /// # Safety
    /// As of [`Bits::is_set`], for both.
    pub(super) unsafe fn last(&self, first: usize, index: usize) -> Option<usize> {
        let mut at = index / WORD_BITS;
        // SAFETY: as the caller says.
        let mut word = unsafe { *self.word(index) } << (WORD_BITS - 1 - index % WORD_BITS);
        let mut highest = index;
        loop {
            if word != 0 {
                let found = highest - word.leading_zeros() as usize;
                return (found >= first).then_some(found);
            }
            if at * WORD_BITS <= first {
                return None;
            }
            at -= 1;
            highest = at * WORD_BITS + WORD_BITS - 1;
            // SAFETY: it lies between the two.
            word = unsafe { *self.word(highest) };
        }
    }

    /// Clears those of the first so many bytes of the heap.
    pub(super) fn clear(&mut self, heap_bytes: usize) {
        // SAFETY: the heap has grown to that.
        unsafe {
            self.area
                .start()
                .write_bytes(0, heap_bytes / BYTES_PER_BYTE)
        };
    }
}
