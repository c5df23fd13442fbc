//! How soon a value is needed again, at the start of each piece.
//!
//! A number from 0 to 1: the chance that it is used, where each instruction before the use takes one
//! and a half per cent off. So a far use counts less than a near one, and what is used in one arm of
//! hundred counts a hundredth. There are two: `any` for a register that calls leave alone, and `kept`
//! for others, where a call before the use ends all.
//!
//! Numbers of a block follow from those of the blocks behind it. Two rounds from the end to the start
//! carry them around a loop.

use crate::flow::{Flow, SIZE};
use crate::lists::{NONE, reset};
use crate::values::Values;

/// What is left of the chance after one instruction.
const DECAY: f32 = 0.985;
const POWERS: usize = 4096;

#[derive(Default)]
pub struct Urgency {
    /// By piece.
    numbers: Vec<Pair>,
    /// The same of what goes through blocks, in the order of [`Values::through`].
    through: Vec<Pair>,
    /// By value: how many reloads there are, weighted by frequency, in a register that calls clobber.
    pub lost: Vec<f32>,
    /// The same by web.
    pub lost_of_web: Vec<f32>,
    /// By value, at the end of a block.
    pub out: Vec<[f32; 2]>,
    powers: Vec<f32>,
}

/// `any` and `kept`. The upper half of a float is exact enough.
#[derive(Clone, Copy, Default)]
struct Pair(u32);

impl Pair {
    fn pack([any, kept]: [f32; 2]) -> Pair {
        Pair(any.to_bits() & 0xffff_0000 | kept.to_bits() >> 16)
    }

    fn unpack(self) -> [f32; 2] {
        [self.0 & 0xffff_0000, self.0 << 16].map(f32::from_bits)
    }
}

/// Adds what follows on one of the ways out of a block.
fn add(out: &mut [f32; 2], likely: f32, [any, kept]: [f32; 2]) {
    out[0] += likely * any;
    out[1] += likely * kept;
}

impl Urgency {
    pub fn find(&mut self, flow: &Flow, values: &Values, web: &[u32]) {
        if self.powers.is_empty() {
            let mut power = 1.0;
            while self.powers.len() < POWERS {
                self.powers.push(power);
                power *= DECAY;
            }
        }
        reset(&mut self.numbers, values.pieces.len(), Pair::default());
        reset(&mut self.through, values.through.all.len(), Pair::default());
        reset(&mut self.out, values.count(), [0.0; 2]);
        reset(&mut self.lost, values.count(), 0.0);
        let mut goes_back = false;
        for block in (0..flow.blocks()).rev() {
            goes_back |= flow.is_head(block);
            self.visit(flow, values, web, block);
        }
        if goes_back {
            for block in (0..flow.blocks()).rev() {
                if flow.is_in_loop(block) {
                    self.visit(flow, values, web, block);
                }
            }
        }
        for block in 0..flow.blocks() {
            if !values.calls.of(block).is_empty() {
                self.count_lost(flow, values, web, block);
            }
        }
        reset(&mut self.lost_of_web, values.count(), 0.0);
        for (&web, lost) in web.iter().zip(&self.lost) {
            self.lost_of_web[web as usize] += lost;
        }
    }

    pub fn power(&self, distance: u32) -> f32 {
        self.powers[(distance as usize).min(POWERS - 1)]
    }

    /// `any` and `kept` of a piece.
    pub fn at(&self, piece: u32) -> [f32; 2] {
        self.numbers[piece as usize].unpack()
    }

    /// The same of values that go through a block, in their order there.
    pub fn through(&self, values: &Values, block: u32) -> impl Iterator<Item = [f32; 2]> {
        let pairs = self.through[values.through.range(block)].iter();
        pairs.map(|pair| pair.unpack())
    }

    /// Sums up what follows a block, in `out`, for values that it passes on. What becomes a parameter
    /// of the same web is needed when that is; in another web, it is moved.
    pub fn add_out(&mut self, flow: &Flow, values: &Values, web: &[u32], block: u32) {
        for (way, place) in flow.succs.range(block).enumerate() {
            let likely = flow.likely[place];
            let succ = flow.succs.all[place];
            let params = flow.params.of(succ);
            for (&param, &arg) in params.iter().zip(flow.passed(block, way)) {
                let pair = match web[param as usize] == web[arg as usize] {
                    true => self.at(values.first_piece(param)),
                    false => [1.0; 2],
                };
                add(&mut self.out[arg as usize], likely, pair);
            }
            for &number in values.by_block.of(succ) {
                let piece = &values.pieces[number as usize];
                if piece.comes_in {
                    let pair = self.at(number);
                    add(&mut self.out[piece.value as usize], likely, pair);
                }
            }
            let range = values.through.range(succ);
            let through = values.through.of(succ).iter();
            for (&value, pair) in through.zip(&self.through[range]) {
                add(&mut self.out[value as usize], likely, pair.unpack());
            }
        }
    }

    /// What follows a block has a piece in it, or goes through.
    pub fn clear_out(&mut self, values: &Values, block: u32) {
        for &number in values.by_block.of(block) {
            self.out[values.pieces[number as usize].value as usize] = [0.0; 2];
        }
        for &value in values.through.of(block) {
            self.out[value as usize] = [0.0; 2];
        }
    }

    fn visit(&mut self, flow: &Flow, values: &Values, web: &[u32], block: u32) {
        self.add_out(flow, values, web, block);
        let [first, last] = [&flow.first, &flow.last].map(|list| list[block as usize]);
        let call = values.calls.of(block).first().copied();
        for &number in values.by_block.of(block) {
            let piece = &values.pieces[number as usize];
            let start = piece.from / 2;
            let is_ended = |end| match (call, piece.comes_in) {
                (None, _) => false,
                (Some(call), true) => call < end,
                (Some(_), false) => values.is_call_between(block, start, end),
            };
            // Taken, and so cleared for the next block.
            let is_needed_behind = piece.goes_out || piece.is_passed;
            let out = match is_needed_behind {
                true => std::mem::take(&mut self.out[piece.value as usize]),
                false => [0.0; 2],
            };
            let numbers = if piece.first != NONE {
                let any = self.power(piece.first.saturating_sub(start));
                [any, if is_ended(piece.first) { 0.0 } else { any }]
            } else if is_needed_behind {
                let power = self.power(last + 1 - start);
                let [any, kept] = out.map(|out| out * power);
                [any, if is_ended(last + 1) { 0.0 } else { kept }]
            } else {
                [0.0; 2]
            };
            self.numbers[number as usize] = Pair::pack(numbers);
        }
        let power = self.power(last + 1 - first);
        let power_kept = if call.is_some() { 0.0 } else { power };
        let range = values.through.range(block);
        let through = values.through.of(block).iter();
        for (&value, pair) in through.zip(&mut self.through[range]) {
            let [any, kept] = std::mem::take(&mut self.out[value as usize]);
            *pair = Pair::pack([any * power, kept * power_kept]);
        }
    }

    /// Counts what a block with calls costs what is alive at them.
    fn count_lost(&mut self, flow: &Flow, values: &Values, web: &[u32], block: u32) {
        self.add_out(flow, values, web, block);
        let last = flow.last[block as usize];
        let freq = flow.freq[block as usize] + SIZE;
        let calls = values.calls.of(block);
        for &number in values.by_block.of(block) {
            let piece = &values.pieces[number as usize];
            let value = piece.value as usize;
            let start = piece.from / 2;
            let [out, _] = std::mem::take(&mut self.out[value]);
            let is_used_behind = match piece.comes_in {
                true => calls[0] < piece.last,
                false => values.is_call_between(block, start, piece.last),
            };
            if piece.last != NONE && is_used_behind {
                self.lost[value] += freq;
            }
            // A call may use it itself.
            let is_cut = match (piece.last, piece.comes_in) {
                (NONE, true) => true,
                (NONE, false) => values.is_call_between(block, start.saturating_sub(1), last + 1),
                (behind, _) => values.is_call_between(block, behind.saturating_sub(1), last + 1),
            };
            if (piece.goes_out || piece.is_passed) && is_cut {
                self.lost[value] += freq * out;
            }
        }
        for &value in values.through.of(block) {
            let [out, _] = std::mem::take(&mut self.out[value as usize]);
            self.lost[value as usize] += freq * out;
        }
    }
}
