//! Alignment of functions: where in a cache line each begins.
//!
//! The processor fetches code by lines. A small loop that lies in as few lines as it can is seen to
//! run up to a sixth faster, and so is the block that a dispatch loop returns to. No instruction is
//! put into the code for that: of the starts that keep the function's constants aligned, the one is
//! taken that suits its loops best. A function without loops begins with the next of them, or with
//! the next line if it fits into one. n log n: blocks and loops are sorted.

/// Bytes of a cache line.
pub const LINE_BYTES: u32 = 64;
/// Constants of a function are aligned to this, so its start is.
const STEP_BYTES: u32 = 16;
/// The longest loop that is seen as a whole. Of a longer one, it is the first block that counts.
const LOOP_BYTES_MAX: u32 = 2 * LINE_BYTES;
/// A loop weighs this many times one that is around it.
const DEPTH_FACTOR: u32 = 8;
const DEPTH_MAX: u32 = 4;

/// Code that is run often: a loop or its first block.
struct Hot {
    start: u32,
    end: u32,
    weight: u32,
}

/// The start of a function behind a multiple of [`LINE_BYTES`], of its blocks' starts, the branches
/// between these and its length, in bytes; nothing for one without loops.
#[must_use]
pub fn start(blocks: &[u32], branches: &[(u32, u32)], len: u32) -> Option<u32> {
    let hot = hot(blocks, branches, len);
    if hot.is_empty() {
        return None;
    }
    let starts = (0..LINE_BYTES).step_by(STEP_BYTES as usize);
    let cost = |start: &u32| hot.iter().map(|hot| cost(hot, *start)).sum::<u64>();
    starts.min_by_key(cost)
}

/// Where a function of a length that is to begin at `start` does, behind `end`, in bytes.
#[must_use]
pub fn place(end: usize, start: Option<u32>, len: usize) -> usize {
    let (line, step) = (LINE_BYTES as usize, STEP_BYTES as usize);
    match start {
        Some(start) => {
            let start = start as usize;
            end.saturating_sub(start).next_multiple_of(line) + start
        }
        None => {
            let next = end.next_multiple_of(step);
            match len <= line && next % line + len > line {
                true => next.next_multiple_of(line),
                false => next,
            }
        }
    }
}

/// The weighted number of lines that hot code touches beyond those that it has to.
fn cost(hot: &Hot, start: u32) -> u64 {
    let first = (start + hot.start) / LINE_BYTES;
    let last = (start + hot.end - 1) / LINE_BYTES;
    let least = (hot.end - hot.start).div_ceil(LINE_BYTES);
    u64::from(last - first + 1 - least) * u64::from(hot.weight)
}

/// The branches back to loops, among those between blocks: not those of blocks that lie out of the way, to
/// which the code in front of such a branch's destination goes, and which only come back into it.
pub fn backward(branches: &[(u32, u32)]) -> Vec<(u32, u32)> {
    let mut back: Vec<(u32, u32)> = branches.to_vec();
    back.retain(|&(from, to)| to <= from);
    // The last branch to each block that branches back.
    let mut last_before: Vec<(u32, Option<u32>)> = back.iter().map(|&(at, _)| (at, None)).collect();
    last_before.sort_unstable();
    last_before.dedup();
    let place =
        |list: &[(u32, Option<u32>)], block: u32| list.binary_search_by_key(&block, |&(at, _)| at);
    for &(from, to) in branches {
        if let Ok(place) = place(&last_before, to) {
            let (_, last) = &mut last_before[place];
            *last = Some(from).max(*last);
        }
    }
    back.retain(|&(from, to)| {
        let place = place(&last_before, from).expect("it branches back");
        let (_, before) = last_before[place];
        to == from || before.is_none_or(|before| before >= to)
    });
    back
}

fn hot(blocks: &[u32], branches: &[(u32, u32)], len: u32) -> Vec<Hot> {
    let mut starts = blocks.to_vec();
    starts.sort_unstable();
    let end = |block: u32| {
        let next = starts.partition_point(|&start| start <= block);
        starts.get(next).copied().unwrap_or(len)
    };
    let back = backward(branches).into_iter();
    let mut loops: Vec<(u32, u32)> = back.map(|(from, to)| (to, end(from))).collect();
    loops.sort_unstable();
    loops.dedup_by_key(|&mut (start, _)| start);
    let mut ends: Vec<u32> = loops.iter().map(|&(_, end)| end).collect();
    ends.sort_unstable();
    // The loops that have begun by then, less those that have ended.
    let depth = |start: u32| {
        let begun = loops.partition_point(|&(from, _)| from <= start);
        let around = begun - ends.partition_point(|&end| end <= start);
        u32::try_from(around).unwrap_or(DEPTH_MAX)
    };
    loops
        .iter()
        .map(|&(start, loop_end)| Hot {
            start,
            end: match loop_end - start {
                0..=LOOP_BYTES_MAX => loop_end,
                _ => end(start),
            },
            weight: DEPTH_FACTOR.pow(depth(start).min(DEPTH_MAX)),
        })
        .filter(|hot| hot.end > hot.start)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_without_loops_begins_soon() {
        let start = start(&[0, 40, 90], &[(0, 40), (0, 90), (40, 90)], 130);
        assert_eq!(start, None);
        assert_eq!(place(100, start, 130), 112);
        assert_eq!(place(100, start, 16), 112);
        assert_eq!(place(100, start, 17), 128);
        assert_eq!(place(0, start, 17), 0);
    }

    #[test]
    fn one_with_loops_begins_where_these_lie_well() {
        assert_eq!(place(0, Some(32), 200), 32);
        assert_eq!(place(32, Some(32), 200), 32);
        assert_eq!(place(33, Some(32), 200), 96);
        assert_eq!(place(33, Some(0), 200), 64);
    }

    #[test]
    fn what_lies_out_of_the_way_makes_no_loop() {
        // A loop of two blocks, with a cold block behind everything that leads from the first to the second.
        let branches = [(0, 20), (20, 40), (20, 90), (90, 40), (40, 20), (40, 70)];
        assert_eq!(backward(&branches), [(40, 20)]);
    }

    #[test]
    fn a_small_loop_lies_in_one_line() {
        // Bytes 50 to 80: at 16, they are 66 to 96.
        assert_eq!(
            start(&[0, 50, 80], &[(0, 50), (50, 50), (50, 80)], 90),
            Some(16)
        );
    }

    #[test]
    fn inner_loops_come_first() {
        // The inner loop's bytes are 100 to 160, the outer one's first block is 40 to 100.
        let blocks = [0, 40, 100, 160, 260];
        let branches = [(0, 40), (40, 100), (100, 100), (100, 160), (160, 40)];
        assert_eq!(start(&blocks, &branches, 300), Some(32));
    }

    #[test]
    fn of_a_long_loop_the_first_block_counts() {
        let blocks = [0, 60, 90, 300];
        let branches = [(0, 60), (60, 90), (90, 300), (300, 60)];
        assert_eq!(start(&blocks, &branches, 310), Some(16));
    }
}
