//! Which registers and slots are read later, at each point of a function.

use super::events::{Event, Events};
use super::places::{Move, Place};
use crate::machine::{Mask, REGISTERS_MAX};
use regalloc2::{Block, Function};

/// Words of sets, for all blocks together. Functions that would need more keep their moves.
const WORDS_MAX: usize = 1 << 20;
/// How often a block is visited on average before all is left as it is.
const VISITS_MAX: usize = 16;

#[derive(Default)]
pub(super) struct Live {
    /// For each block, what is read from its start on before it is written: a bit for each register,
    /// then one for each slot.
    starts: Vec<u64>,
    /// Words of each.
    width: usize,
    pending: Vec<bool>,
}

/// A set of registers and slots.
struct Places<'a>(&'a mut [u64]);

/// What does not change while a function is looked at.
struct Body<'a> {
    func: &'a dyn Function,
    events: &'a Events,
}

impl Live {
    /// Removes moves to where nothing is read. False if it is not known where that is.
    pub(super) fn remove_unread(
        &mut self,
        func: &dyn Function,
        events: &Events,
        moves: &mut [Move],
        slots: usize,
    ) -> bool {
        let body = Body { func, events };
        let blocks = func.num_blocks();
        let width = 1 + slots.div_ceil(64);
        if blocks.saturating_mul(width) > WORDS_MAX {
            return false;
        }
        self.starts.clear();
        self.starts.resize(blocks * width, 0);
        self.pending.clear();
        self.pending.resize(blocks, true);
        let mut live = vec![0; width];
        if !self.solve(&body, moves, &mut live) {
            return false;
        }
        for block in (0..blocks).filter(|&block| events.has_moves(block)) {
            self.end(&body, block, &mut live);
            let mut live = Places(&mut live);
            for &event in events.of(block).iter().rev() {
                if let Event::Move(edit) = event {
                    let one = &mut moves[edit as usize];
                    if live.bit(one.to).is_some_and(|bit| !live.has(bit)) {
                        one.remove();
                    }
                }
                live.pass(event, &body, moves);
            }
        }
        self.width = width;
        true
    }

    /// The set of registers that are read after a block, after [`Self::remove_unread`].
    pub(super) fn registers_after(&self, func: &dyn Function, block: usize) -> Mask {
        let succs = func.block_succs(Block::new(block)).iter();
        succs.fold(0, |live, succ| {
            live | self.starts[succ.index() * self.width]
        })
    }

    /// Finds what is read from the start of each block on, where a move reads only if what it writes
    /// is read. False if that takes too long.
    fn solve(&mut self, body: &Body<'_>, moves: &[Move], live: &mut [u64]) -> bool {
        let blocks = body.func.num_blocks();
        let mut visits = blocks.saturating_mul(VISITS_MAX);
        let mut changes = true;
        while changes {
            changes = false;
            for block in (0..blocks).rev() {
                if !std::mem::take(&mut self.pending[block]) {
                    continue;
                }
                let Some(left) = visits.checked_sub(1) else {
                    return false;
                };
                visits = left;
                self.end(body, block, live);
                let mut places = Places(live);
                for &event in body.events.of(block).iter().rev() {
                    places.pass(event, body, moves);
                }
                let start = &mut self.starts[block * live.len()..][..live.len()];
                if start.iter().zip(&*live).all(|(start, live)| start == live) {
                    continue;
                }
                start.copy_from_slice(live);
                for pred in body.func.block_preds(Block::new(block)) {
                    self.pending[pred.index()] = true;
                    changes |= pred.index() >= block;
                }
            }
        }
        true
    }

    /// What is read after a block.
    fn end(&self, body: &Body<'_>, block: usize, live: &mut [u64]) {
        let width = live.len();
        let succs = body.func.block_succs(Block::new(block));
        for (number, word) in live.iter_mut().enumerate() {
            let starts = succs.iter().map(|succ| succ.index() * width + number);
            *word = starts.fold(0, |word, start| word | self.starts[start]);
        }
    }
}

impl Places<'_> {
    /// None for what is not followed, which counts as read.
    fn bit(&self, place: Place) -> Option<usize> {
        match place {
            Place::Register(register) => Some(usize::from(register)),
            Place::Slot(slot) => Some(REGISTERS_MAX + usize::from(slot)),
            Place::Elsewhere => None,
        }
    }

    fn has(&self, bit: usize) -> bool {
        self.0[bit / 64] & 1 << (bit % 64) != 0
    }

    fn set(&mut self, place: Place, is_live: bool) {
        let Some(bit) = self.bit(place) else {
            return;
        };
        let word = &mut self.0[bit / 64];
        *word &= !(1 << (bit % 64));
        *word |= u64::from(is_live) << (bit % 64);
    }

    /// What is read before an event, where this is read after it.
    fn pass(&mut self, event: Event, body: &Body<'_>, moves: &[Move]) {
        match event {
            Event::Run(number) => {
                let run = body.events.run(number);
                self.0[0] = self.0[0] & !run.written | run.read;
            }
            Event::ReadSlot(slot) => self.set(Place::Slot(slot), true),
            Event::WriteSlot(slot) => self.set(Place::Slot(slot), false),
            Event::Move(edit) => {
                let Move { from, to, .. } = moves[edit as usize];
                if self.bit(to).is_none_or(|bit| self.has(bit)) {
                    self.set(to, false);
                    self.set(from, true);
                }
            }
        }
    }
}
