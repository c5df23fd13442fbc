//! Small loops in as few lines of the cache as they can be. Comes in: the blocks of a function, the
//! branches between them, and where everything is once branches are short. Goes out: how many bytes
//! of instructions that do nothing are in front of which loop.
//!
//! A processor fetches code by lines, and a loop of a few instructions that lies in two was seen to
//! take 1.6 times as long. Where a function begins (`emit/alignment`) suits one loop; the others are
//! moved here. What is put in front of a loop is run each time it is entered from above, so it is
//! there for loops that contain no other, are small, and do not lie in one line already. The head of a loop
//! that dispatches is entered by branches alone, but for the first time.

use super::edits::{Edits, New};
use super::ways::Flow;
use crate::emit::alignment::{self, LINE_BYTES};

/// A loop that contains no other: from its head to the end of the last block that goes back to it. Or the head of one
/// that many blocks go back to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loop {
    pub start: u32,
    pub end: u32,
    /// Of so many bytes it is not moved.
    bytes_max: u32,
}

/// The longest loop that is moved. With 32, code was as long, and CoreMark, of which a loop of 33 bytes follows
/// links, took 1.14 of the time where that lay in two lines. With what fits into a line, SQLite's code was
/// 0.8 % larger and nothing was faster than so.
const LOOP_BYTES_MAX: u32 = 40;

/// A loop with so many branches back dispatches, as interpreters do, and so does one whose head jumps through a
/// table. The head is moved if it fits into a line; what is in front of it is seldom run. QuickJS took 1.06 of the
/// time where that lay in two.
const DISPATCHED_MIN: usize = 8;

/// How often branches and padding are made to fit each other. Padding makes branches longer, which
/// moves loops; what does not come to rest goes without.
const ROUNDS_MAX: usize = 32;

/// The innermost loops and heads of others, ascending. Blocks are sorted, tables of
/// addresses begin at `tables`, ascending, and the code ends at `end`.
pub fn innermost(flow: &Flow, tables: &[u32], end: u32) -> Vec<Loop> {
    let blocks = &flow.blocks;
    let block_end = |block: u32| {
        let next = blocks.partition_point(|&start| start <= block);
        blocks.get(next).copied().unwrap_or(end)
    };
    let back = alignment::backward(&flow.branches).into_iter();
    let of = |start, end| Loop {
        start,
        end,
        bytes_max: LOOP_BYTES_MAX,
    };
    let mut all: Vec<Loop> = back.map(|(from, to)| of(to, block_end(from))).collect();
    // Of those with one head the longest comes first.
    all.sort_unstable_by_key(|l| (l.start, std::cmp::Reverse(l.end)));
    let mut same_head = all.chunk_by(|one, next| one.start == next.start).peekable();
    let mut loops = Vec::new();
    while let Some(group) = same_head.next() {
        let longest = group[0];
        let end = block_end(longest.start);
        let next = same_head.peek();
        if group.len() >= DISPATCHED_MIN || tables.binary_search(&end).is_ok() {
            loops.push(Loop {
                end,
                bytes_max: LINE_BYTES,
                ..longest
            });
        } else if next.is_none_or(|next| next[0].start >= longest.end) {
            loops.push(longest);
        }
    }
    // None is in front of the function's entry, whose place is known.
    loops.retain(|l| l.start > 0);
    loops
}

/// Puts padding in front of `loops` into `edits`, which have places for it and are settled; what
/// branches are near is settled again. If there is any, the function has to begin where it is made for:
/// that is the result, as [`alignment::start`] has it.
pub fn pad(edits: &mut Edits, loops: &[Loop], flow: &Flow, len: u32) -> Option<u32> {
    if loops.is_empty() {
        return None;
    }
    // Where the function will begin in a line, as far as can be told before.
    let moved = |at| edits.moved_start(at);
    let blocks: Vec<u32> = flow.blocks.iter().map(|&at| moved(at)).collect();
    let branches = flow.branches.iter();
    let branches: Vec<_> = branches.map(|&(f, t)| (moved(f), moved(t))).collect();
    let first = alignment::start(&blocks, &branches, moved(len)).unwrap_or(0);
    for _ in 0..ROUNDS_MAX {
        let is_changed = fit(edits, loops, first);
        if !edits.settle_again() && !is_changed {
            let mut list = edits.list.iter();
            let is_padded = list.any(|edit| matches!(edit.new, New::Padding(1..)));
            return is_padded.then_some(first);
        }
    }
    for edit in &mut edits.list {
        if let New::Padding(bytes) = &mut edit.new {
            *bytes = 0;
        }
    }
    // Branches that have become far stay so.
    while edits.settle_again() {}
    None
}

/// Decides each padding from the first to the last; whether any is another one than before.
fn fit(edits: &mut Edits, loops: &[Loop], first: u32) -> bool {
    let mut is_changed = false;
    // Bytes that the new padding has more than the old, in front of what is looked at.
    let mut more = 0u32;
    let mut loops = loops.iter();
    for number in 0..edits.list.len() {
        let edit = edits.list[number];
        let New::Padding(old) = edit.new else {
            continue;
        };
        let found = loops.find(|l| l.start == edit.start);
        let of = found.expect("there is a loop for each padding");
        let start = edits.moved_end(of.start);
        let bytes = edits.moved_end(of.end) - start - u32::from(old);
        let at = (first + start).wrapping_add(more) % LINE_BYTES;
        let new = match bytes <= of.bytes_max && at + bytes > LINE_BYTES {
            true => u8::try_from(LINE_BYTES - at).expect("less than a line"),
            false => 0,
        };
        more = more
            .wrapping_add(u32::from(new))
            .wrapping_sub(u32::from(old));
        is_changed |= new != old;
        edits.list[number].new = New::Padding(new);
    }
    is_changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_nested_loops_the_inner_ones_count() {
        let blocks = [0, 40, 100, 160, 260];
        let branches = [
            (0, 40),
            (40, 100),
            (100, 100),
            (100, 160),
            (160, 160),
            (160, 40),
        ];
        let loops = innermost(&flow(&blocks, &branches), &[], 300);
        assert_eq!(places(&loops), [(100, 160), (160, 260)]);
    }

    #[test]
    fn a_loop_with_two_ways_back_is_one() {
        let loops = innermost(&flow(&[0, 10, 20, 30], &[(10, 10), (20, 10)]), &[], 40);
        assert_eq!(places(&loops), [(10, 30)]);
    }

    #[test]
    fn of_a_loop_that_dispatches_the_head_counts() {
        // Eight blocks go back to the first, in which a ninth is a loop of its own.
        let blocks: Vec<u32> = (0..12).map(|number| 10 * number).collect();
        let mut branches: Vec<(u32, u32)> = (2..10).map(|number| (10 * number, 10)).collect();
        branches.push((50, 50));
        let loops = innermost(&flow(&blocks, &branches), &[], 120);
        assert_eq!(places(&loops), [(10, 20), (50, 60)]);
        branches.remove(0);
        let loops = innermost(&flow(&blocks, &branches), &[], 120);
        assert_eq!(places(&loops), [(50, 60)]);
        let loops = innermost(&flow(&blocks, &branches), &[20], 120);
        assert_eq!(places(&loops), [(10, 20), (50, 60)]);
    }

    fn flow(blocks: &[u32], branches: &[(u32, u32)]) -> Flow {
        Flow {
            blocks: blocks.to_vec(),
            branches: branches.to_vec(),
        }
    }

    fn places(loops: &[Loop]) -> Vec<(u32, u32)> {
        loops.iter().map(|of| (of.start, of.end)).collect()
    }
}
