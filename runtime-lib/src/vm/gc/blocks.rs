//! Blocks and lines: which parts of the heap are in use.
//!
//! A block is for small objects or part of a large one. Lines of a block are marked when an object on
//! them is; runs of lines that were not marked in the last collection are *holes*, and given out
//! in the order of their addresses.

use super::area::Area;
use crate::sys::io::Result;
use crate::sys::memory;
use std::ops::Range;

pub(super) const BLOCK_BYTES: usize = 32 << 10;
pub(super) const LINE_BYTES: usize = 128;
const LINES: usize = BLOCK_BYTES / LINE_BYTES;

/// Blocks that the heap grows by at once, at least.
const GROWTH: usize = 8;

/// Free blocks beside each other are given back to the system from so many on.
const GIVEN_BACK_MIN: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Free,
    /// Some of its lines are marked.
    Marked,
    /// It was free at the last collection, and has been given out since.
    Fresh,
    /// A large object begins there, and takes so many blocks.
    Large(u32),
    /// Part of the large object that begins in this block.
    Rest(u32),
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    pub(super) is: Use,
    /// Whether it may not be zero.
    is_dirty: bool,
    /// Whether objects have been allocated in it since the last collection whose starts are not
    /// noted.
    pub(super) is_unread: bool,
}

#[derive(Debug)]
pub(super) struct Blocks {
    /// The heap.
    area: Area,
    /// A byte for each line.
    lines: Area,
    pub(super) list: Vec<Block>,
    max: usize,
    /// Where the next hole is looked for: a block, and a line of it.
    next: (usize, usize),
}

impl Blocks {
    /// A heap in this area, of so many blocks at most.
    pub(super) fn new(area: Area, max: usize) -> Result<Blocks> {
        Ok(Blocks {
            area,
            lines: Area::anywhere(max * LINES)?,
            list: Vec::new(),
            max,
            next: (0, 0),
        })
    }

    /// Bytes of the heap.
    pub(super) fn bytes(&self) -> usize {
        self.list.len() * BLOCK_BYTES
    }

    pub(super) fn start(&self) -> *mut u8 {
        self.area.start()
    }

    /// The next hole, as offsets in the heap, with zeros.
    pub(super) fn next_hole(&mut self) -> Option<Range<usize>> {
        while let Some(block) = self.list.get(self.next.0) {
            let number = self.next.0;
            match block.is {
                Use::Free => {
                    self.next = (number + 1, 0);
                    return Some(self.take(number, Use::Fresh));
                }
                Use::Marked => {
                    if let Some(lines) = self.unmarked_lines(number, self.next.1) {
                        self.next.1 = lines.end;
                        let start = number * BLOCK_BYTES;
                        let hole = start + lines.start * LINE_BYTES..start + lines.end * LINE_BYTES;
                        self.list[number].is_unread = true;
                        // SAFETY: no object lies on its lines.
                        unsafe { self.zero(hole.clone()) };
                        return Some(hole);
                    }
                }
                Use::Fresh | Use::Large(_) | Use::Rest(_) => {}
            }
            self.next = (number + 1, 0);
        }
        None
    }

    /// A free block, with zeros.
    pub(super) fn free_block(&mut self) -> Option<Range<usize>> {
        let from = self.next.0;
        let found = (from..self.list.len()).find(|&number| self.list[number].is == Use::Free)?;
        Some(self.take(found, Use::Fresh))
    }

    /// So many free blocks beside each other, for a large object.
    pub(super) fn free_blocks(&mut self, count: usize) -> Option<Range<usize>> {
        let mut run = 0;
        for number in 0..self.list.len() {
            run = match self.list[number].is {
                Use::Free => run + 1,
                _ => 0,
            };
            if run == count {
                return Some(self.take_large(number + 1 - count, count));
            }
        }
        let first = self.list.len() - run;
        self.grow(count - run).ok()?;
        let room = self.list.len() - first;
        (room >= count).then(|| self.take_large(first, count))
    }

    fn take_large(&mut self, first: usize, count: usize) -> Range<usize> {
        let head = u32::try_from(first).expect("blocks of 32 bits of address space");
        let mut is_dirty = false;
        for block in &mut self.list[first..first + count] {
            is_dirty |= block.is_dirty;
            block.is = Use::Rest(head);
            block.is_dirty = true;
        }
        self.list[first].is = Use::Large(count as u32);
        let taken = first * BLOCK_BYTES..(first + count) * BLOCK_BYTES;
        if is_dirty {
            // SAFETY: the blocks were free.
            unsafe {
                let start = self.area.start().add(taken.start);
                if memory::make_zero(start, taken.len()).is_err() {
                    self.zero(taken.clone());
                }
            }
        }
        taken
    }

    fn take(&mut self, number: usize, becomes: Use) -> Range<usize> {
        let taken = number * BLOCK_BYTES..(number + 1) * BLOCK_BYTES;
        let block = &mut self.list[number];
        block.is = becomes;
        block.is_unread = true;
        if std::mem::replace(&mut block.is_dirty, true) {
            // SAFETY: the block was free.
            unsafe { self.zero(taken.clone()) };
        }
        taken
    }

    /// # Safety
    /// It is part of the heap, and has no object in it.
    unsafe fn zero(&mut self, range: Range<usize>) {
        // SAFETY: the caller vouches for the range.
        unsafe {
            self.area
                .start()
                .add(range.start)
                .write_bytes(0, range.len())
        };
    }

    /// Adds so many free blocks, and some more where that is allowed; fewer, where the heap becomes too
    /// large otherwise.
    pub(super) fn grow(&mut self, count: usize) -> Result<()> {
        let blocks = self
            .list
            .len()
            .saturating_add(count.max(GROWTH))
            .min(self.max);
        self.area.grow(blocks * BLOCK_BYTES)?;
        self.lines.grow(blocks * LINES)?;
        let block = Block {
            is: Use::Free,
            is_dirty: false,
            is_unread: false,
        };
        self.list.resize(blocks, block);
        Ok(())
    }

    fn lines_of(&self, number: usize) -> &[u8] {
        // SAFETY: the block exists, so `grow` has made its lines accessible.
        unsafe { std::slice::from_raw_parts(self.lines.start().add(number * LINES), LINES) }
    }

    /// The first run of lines that are not marked, from a line on.
    fn unmarked_lines(&self, number: usize, from: usize) -> Option<Range<usize>> {
        let lines = self.lines_of(number);
        let start = from + lines[from..].iter().position(|&line| line == 0)?;
        let rest = lines[start..].iter().position(|&line| line != 0);
        Some(start..rest.map_or(LINES, |rest| start + rest))
    }

    /// Marks the lines of an object.
    ///
    /// # Safety
    /// It lies in one block of the heap.
    pub(super) unsafe fn mark(&mut self, offset: usize, bytes: usize) {
        let (first, last) = (offset / LINE_BYTES, (offset + bytes - 1) / LINE_BYTES);
        let lines = self.lines.start();
        // SAFETY: the lines are those of a block.
        unsafe {
            lines.add(first).write(1);
            // Most objects lie on one.
            for line in first + 1..last + 1 {
                lines.add(line).write(1);
            }
        }
    }

    /// Begins a collection: nothing is marked.
    pub(super) fn clear_marks(&mut self) {
        let bytes = self.list.len() * LINES;
        // SAFETY: `grow` has made them accessible.
        unsafe { self.lines.start().write_bytes(0, bytes) };
    }

    /// Ends a collection: what is not marked is free. `is_marked` says it of large objects, by the
    /// offset where they begin.
    pub(super) fn sweep(&mut self, is_marked: impl Fn(usize) -> bool) {
        let mut number = 0;
        while number < self.list.len() {
            let mut count = 1;
            self.list[number].is = match self.list[number].is {
                Use::Large(blocks) => {
                    count = blocks as usize;
                    match is_marked(number * BLOCK_BYTES) {
                        true => Use::Large(blocks),
                        false => {
                            for block in &mut self.list[number..number + count] {
                                block.is = Use::Free;
                            }
                            Use::Free
                        }
                    }
                }
                Use::Marked | Use::Fresh => {
                    let is_used = self.lines_of(number).iter().any(|&line| line != 0);
                    if is_used { Use::Marked } else { Use::Free }
                }
                other => other,
            };
            self.list[number].is_unread = false;
            number += count;
        }
        self.next = (0, 0);
    }

    /// Gives memory of free blocks back to the system, but for so many blocks.
    pub(super) fn give_back(&mut self, keep: usize) {
        let is_idle = |block: &Block| block.is == Use::Free && block.is_dirty;
        let idle = self.list.iter().filter(|block| is_idle(block)).count();
        let mut excess = idle.saturating_sub(keep);
        let mut end = self.list.len();
        while end > 0 && excess >= GIVEN_BACK_MIN {
            let run = self.list[..end]
                .iter()
                .rev()
                .take_while(|block| is_idle(block));
            let run = run.count().min(excess);
            if run >= GIVEN_BACK_MIN {
                let blocks = end - run..end;
                // SAFETY: the blocks are free.
                let given = unsafe {
                    let start = self.area.start().add(blocks.start * BLOCK_BYTES);
                    memory::make_zero(start, run * BLOCK_BYTES)
                };
                if given.is_ok() {
                    for block in &mut self.list[blocks] {
                        block.is_dirty = false;
                    }
                }
                excess -= run;
            }
            end -= run.max(1);
        }
    }

    /// Overwrites what is free, so that a use of it shows.
    pub(super) fn poison(&mut self) {
        const POISON: u8 = 0xdd;
        for number in 0..self.list.len() {
            let start = self.area.start().wrapping_add(number * BLOCK_BYTES);
            match self.list[number].is {
                // SAFETY: the block is free.
                Use::Free => unsafe {
                    start.write_bytes(POISON, BLOCK_BYTES);
                    self.list[number].is_dirty = true;
                },
                Use::Marked => {
                    let mut from = 0;
                    while let Some(lines) = self.unmarked_lines(number, from) {
                        from = lines.end;
                        let bytes = lines.len() * LINE_BYTES;
                        // SAFETY: no object lies on the lines.
                        unsafe {
                            start
                                .add(lines.start * LINE_BYTES)
                                .write_bytes(POISON, bytes);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}
