//! Small loops in as few lines of the cache as they can be. Comes in: the blocks of a function, the
//! branches between them, and where everything is once branches are short. Goes out: how many bytes
//! of instructions that do nothing are in front of which loop.
//!
//! A processor fetches code by lines, and a loop of a few instructions that lies in two was seen to
//! take 1.6 times as long. Where a function begins (`emit/alignment`) suits one loop; the others are
//! moved here. What is put in front of a loop is run each time it is entered from above, so it is
//! there for loops that contain no other, are small, and do not lie in one line already.

use super::edits::{Edits, New};
use super::ways::Flow;
use crate::emit::alignment::{self, LINE_BYTES};

/// A loop that contains no other: from its head to the end of the last block that goes back to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Loop {
    pub start: u32,
    pub end: u32,
}

/// The longest loop that is moved. With 32, code was as long, and CoreMark, of which a loop of 33 bytes follows
/// links, took 1.14 of the time where that lay in two lines. With what fits into a line, SQLite's code was
/// 0.8 % larger and nothing was faster than so.
const LOOP_BYTES_MAX: u32 = 40;

/// How often branches and padding are made to fit each other. Padding makes branches longer, which
/// moves loops; what does not come to rest goes without.
const ROUNDS_MAX: usize = 8;

/// The innermost loops, ascending. `blocks` are sorted; the code ends at `end`.
pub fn innermost(blocks: &[u32], branches: &[(u32, u32)], end: u32) -> Vec<Loop> {
    let block_end = |block: u32| {
        let next = blocks.partition_point(|&start| start <= block);
        blocks.get(next).copied().unwrap_or(end)
    };
    let back = alignment::backward(branches).into_iter();
    let mut loops: Vec<Loop> = back
        .map(|(from, to)| Loop {
            start: to,
            end: block_end(from),
        })
        .collect();
    // Of those with one head the longest comes first.
    loops.sort_unstable_by_key(|l| (l.start, std::cmp::Reverse(l.end)));
    loops.dedup_by_key(|l| l.start);
    let next_start: Vec<u32> = loops.iter().skip(1).map(|l| l.start).collect();
    let mut number = 0;
    loops.retain(|l| {
        let inner = next_start.get(number).is_some_and(|&start| start < l.end);
        number += 1;
        // None is in front of the function's entry, whose place is known.
        !inner && l.start > 0
    });
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
        let new = match bytes <= LOOP_BYTES_MAX && at + bytes > LINE_BYTES {
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
        let loops = innermost(&blocks, &branches, 300);
        let of = |start, end| Loop { start, end };
        assert_eq!(loops, [of(100, 160), of(160, 260)]);
    }

    #[test]
    fn a_loop_with_two_ways_back_is_one() {
        let loops = innermost(&[0, 10, 20, 30], &[(10, 10), (20, 10)], 40);
        assert_eq!(loops, [Loop { start: 10, end: 30 }]);
    }
}
