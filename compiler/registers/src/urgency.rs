//! How soon a value is needed again, at the start of each piece.
//!
//! A number from 0 to 1: the chance that it is used, where each instruction before the use takes one
//! and a half per cent off. So a far use counts less than a near one, and what is used in one arm of
//! hundred counts a hundredth. There are two: `any` for a register that calls leave alone, and `kept`
//! for others, where a call before the use ends all.
//!
//! Numbers of a block follow from those of the blocks behind it. Two rounds from the end to the start
//! carry them around a loop.

use crate::flow::{Flow, NONE, SIZE};
use crate::values::Values;

/// What is left of the chance after one instruction.
const DECAY: f32 = 0.985;
const POWERS: usize = 4096;

#[derive(Default)]
pub struct Urgency {
    /// By piece.
    numbers: Vec<[u16; 2]>,
    /// By value: how many reloads there are, weighted by frequency, in a register that calls clobber.
    pub lost: Vec<f32>,
    /// The same by web.
    pub lost_of_web: Vec<f32>,
    /// By value, at the end of a block.
    pub out: Vec<[f32; 2]>,
    powers: Vec<f32>,
}

/// The upper half of a float is exact enough.
fn pack(number: f32) -> u16 {
    (number.to_bits() >> 16) as u16
}

fn unpack(number: u16) -> f32 {
    f32::from_bits(u32::from(number) << 16)
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
        self.numbers.clear();
        self.numbers.resize(values.pieces.len(), [0; 2]);
        self.out.clear();
        self.out.resize(values.def.len(), [0.0; 2]);
        self.lost.clear();
        self.lost.resize(values.def.len(), 0.0);
        let mut goes_back = false;
        for block in (0..flow.blocks()).rev() {
            goes_back |= flow.is_head(block);
            self.visit(flow, values, web, block, false);
        }
        if goes_back {
            for block in (0..flow.blocks()).rev() {
                self.visit(flow, values, web, block, true);
            }
        }
        if !values.calls.is_empty() {
            for block in 0..flow.blocks() {
                self.count_lost(flow, values, web, block);
            }
        }
        self.lost_of_web.clear();
        self.lost_of_web.resize(values.def.len(), 0.0);
        for (&web, lost) in web.iter().zip(&self.lost) {
            self.lost_of_web[web as usize] += lost;
        }
    }

    pub fn power(&self, distance: u32) -> f32 {
        self.powers[(distance as usize).min(POWERS - 1)]
    }

    /// `any` and `kept` of a piece.
    pub fn at(&self, piece: u32) -> [f32; 2] {
        self.numbers[piece as usize].map(unpack)
    }

    /// Sums up what follows a block, in `out`, for values that it passes on. What becomes a parameter
    /// of the same web is needed when that is; in another web, it is moved.
    pub fn add_out(&mut self, flow: &Flow, values: &Values, web: &[u32], block: u32) {
        let places = flow.succs.range(block).enumerate();
        for (succ, place) in places {
            let likely = flow.likely[place];
            let params = flow.params.of(flow.succs.all[place]);
            for (&param, &arg) in params.iter().zip(flow.passed(block, succ)) {
                let [any, kept] = match web[param as usize] == web[arg as usize] {
                    true => self.at(values.first_piece(param)),
                    false => [1.0; 2],
                };
                let out = &mut self.out[arg as usize];
                out[0] += likely * any;
                out[1] += likely * kept;
            }
            for &number in values.by_block.of(flow.succs.all[place]) {
                let piece = &values.pieces[number as usize];
                if piece.comes_in {
                    let [any, kept] = self.at(number);
                    let out = &mut self.out[piece.value as usize];
                    out[0] += likely * any;
                    out[1] += likely * kept;
                }
            }
        }
    }

    /// What follows a block has a piece in it.
    pub fn clear_out(&mut self, values: &Values, block: u32) {
        for &number in values.by_block.of(block) {
            self.out[values.pieces[number as usize].value as usize] = [0.0; 2];
        }
    }

    fn visit(&mut self, flow: &Flow, values: &Values, web: &[u32], block: u32, is_again: bool) {
        if is_again && flow.loop_of[block as usize] == NONE {
            return;
        }
        self.add_out(flow, values, web, block);
        let [first, last] = [&flow.first, &flow.last].map(|list| list[block as usize]);
        let next = values.calls.partition_point(|&call| call < first);
        let has_call = values.calls.get(next).is_some_and(|&call| call <= last);
        for &number in values.by_block.of(block) {
            let piece = &values.pieces[number as usize];
            let start = piece.from / 2;
            let is_ended = |end| match (has_call, piece.comes_in) {
                (false, _) => false,
                (true, true) => values.calls[next] < end,
                (true, false) => values.is_call_between(start, end),
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
            self.numbers[number as usize] = numbers.map(pack);
        }
    }

    fn count_lost(&mut self, flow: &Flow, values: &Values, web: &[u32], block: u32) {
        let [first, last] = [&flow.first, &flow.last].map(|list| list[block as usize]);
        let next = values.calls.partition_point(|&call| call < first);
        if values.calls.get(next).is_none_or(|&call| call > last) {
            return;
        }
        self.add_out(flow, values, web, block);
        let freq = flow.freq[block as usize] + SIZE;
        for &number in values.by_block.of(block) {
            let piece = &values.pieces[number as usize];
            let start = match piece.comes_in {
                true => first.wrapping_sub(1),
                false => piece.from / 2,
            };
            let value = piece.value as usize;
            let [out, _] = std::mem::take(&mut self.out[value]);
            let from = values
                .calls
                .partition_point(|&call| start != u32::MAX && call <= start);
            let from = from.max(next);
            let ends = |end| values.calls.get(from).is_some_and(|&call| call < end);
            if piece.last != NONE && ends(piece.last) {
                self.lost[value] += freq;
            }
            let behind = if piece.last == NONE {
                start
            } else {
                piece.last
            };
            let is_cut = match behind {
                u32::MAX => ends(last + 1),
                behind => values.is_call_between(behind.saturating_sub(1), last + 1),
            };
            if (piece.goes_out || piece.is_passed) && is_cut {
                self.lost[value] += freq * out;
            }
        }
    }
}
