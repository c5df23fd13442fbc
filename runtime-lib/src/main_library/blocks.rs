//! Memory that is the embedder's, or will be: what results refer to comes from `malloc`, and is
//! known here until the call has come to its end. A trap ends a call anywhere, and what had been
//! made for it is freed then.

use std::ptr::null_mut;

/// Blocks of `malloc`, the newest last.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: Vec<*mut u8>,
    /// There was no memory for one.
    has_failed: bool,
}

impl Blocks {
    /// A block that is not set to anything; null for no bytes, and where there is no memory, which
    /// [`Blocks::give`] tells.
    pub(super) fn allocate(&mut self, bytes: usize) -> *mut u8 {
        if bytes == 0 {
            return null_mut();
        }
        // SAFETY: `malloc` has no precondition.
        let start: *mut u8 = unsafe { libc::malloc(bytes) }.cast();
        match start.is_null() {
            true => self.has_failed = true,
            false => self.blocks.push(start),
        }
        start
    }

    /// From now on all blocks are the embedder's, unless there was no memory for one: then none
    /// is.
    pub(super) fn give(&mut self) -> bool {
        if std::mem::take(&mut self.has_failed) {
            self.free();
            return false;
        }
        self.blocks.clear();
        true
    }

    /// Those that have come since there were so many, with what is known about memory.
    pub(super) fn split_off(&mut self, count: usize) -> Blocks {
        Blocks {
            blocks: self.blocks.split_off(count),
            has_failed: std::mem::take(&mut self.has_failed),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// A block of `malloc` that belongs to the call from now on; null is none.
    pub(super) fn claim(&mut self, block: *mut u8) {
        if !block.is_null() {
            self.blocks.push(block);
        }
    }

    /// Frees those that have come since there were so many.
    pub(super) fn free_from(&mut self, count: usize) {
        for block in self.blocks.drain(count..) {
            // SAFETY: it comes from `malloc`, and nobody else has it.
            unsafe { libc::free(block.cast()) };
        }
    }

    /// Frees all blocks.
    pub(super) fn free(&mut self) {
        self.free_from(0);
        self.has_failed = false;
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.free();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_blocks_are_given_or_none() {
        let mut blocks = Blocks::default();
        assert!(blocks.allocate(0).is_null());
        let block = blocks.allocate(10);
        assert!(!block.is_null() && blocks.give() && blocks.blocks.is_empty());
        // SAFETY: it has been given away.
        unsafe { libc::free(block.cast()) };
        blocks.allocate(10);
        assert!(blocks.allocate(usize::MAX).is_null());
        assert!(!blocks.give() && blocks.blocks.is_empty());
        assert!(blocks.give());
        blocks.allocate(10);
        let later = blocks.len();
        assert!(blocks.allocate(usize::MAX).is_null());
        blocks.allocate(10);
        assert!(!blocks.split_off(later).give());
        assert_eq!(blocks.len(), later);
        assert!(!blocks.split_off(0).blocks.is_empty());
    }
}
