//! Which register holds the same as which slot, at each point of a function.

use super::events::{Event, Events};
use super::places::{Move, Place, Registers};
use crate::machine::{Mask, each};
use regalloc2::{Block, Function};

#[derive(Default)]
pub(super) struct Known {
    /// For each block, at its start, the slot of each register.
    starts: Vec<u16>,
    /// The registers for which that is known, block by block.
    known: Vec<Mask>,
    /// Blocks whose start was reached from somewhere.
    reached: Vec<bool>,
    pending: Vec<bool>,
}

/// The slot of each register at one point, for those of a set.
struct State<'a> {
    slots: &'a mut [u16],
    known: Mask,
}

impl Known {
    /// Removes moves that change nothing, and loads from registers where they can be had there.
    pub(super) fn remove_repeated(
        &mut self,
        func: &dyn Function,
        registers: &Registers,
        events: &Events,
        moves: &mut [Move],
    ) {
        // Without a move to or from a slot nothing is known anywhere.
        let is_of_slot = |one: &Move| [one.from, one.to].iter().any(|end| end.is_slot());
        if !moves.iter().any(is_of_slot) {
            return;
        }
        self.solve(func, registers, events, moves);
        let width = registers.len();
        let to_improve = |block: &usize| self.reached[*block] && events.has_moves(*block);
        for block in (0..func.num_blocks()).filter(to_improve) {
            let mut state = State {
                slots: &mut self.starts[block * width..][..width],
                known: self.known[block],
            };
            for &event in events.of(block) {
                if let Event::Move(edit) = event {
                    improve(&state, registers, &mut moves[edit as usize]);
                }
                state.pass(event, events, moves);
            }
        }
    }

    /// Finds what holds at the start of each block on every way there. It begins with all that holds
    /// on the first way, and takes away until nothing changes.
    fn solve(
        &mut self,
        func: &dyn Function,
        registers: &Registers,
        events: &Events,
        moves: &[Move],
    ) {
        let (blocks, width) = (func.num_blocks(), registers.len());
        for flags in [&mut self.reached, &mut self.pending] {
            flags.clear();
            flags.resize(blocks, false);
        }
        self.starts.resize(blocks * width, 0);
        self.known.clear();
        self.known.resize(blocks, 0);
        let entry = func.entry_block().index();
        self.reached[entry] = true;
        self.pending[entry] = true;
        let mut end = vec![0; width];
        let mut changes = true;
        while changes {
            changes = false;
            for block in 0..blocks {
                if !std::mem::take(&mut self.pending[block]) {
                    continue;
                }
                end.copy_from_slice(&self.starts[block * width..][..width]);
                let mut state = State {
                    slots: &mut end,
                    known: self.known[block],
                };
                for &event in events.of(block) {
                    state.pass(event, events, moves);
                }
                for succ in func.block_succs(Block::new(block)) {
                    if self.meet(succ.index(), &state) {
                        self.pending[succ.index()] = true;
                        changes |= succ.index() <= block;
                    }
                }
            }
        }
    }

    /// One more way to a block; says whether less, or for the first time anything, is known there.
    fn meet(&mut self, block: usize, end: &State<'_>) -> bool {
        let width = end.slots.len();
        let start = &mut self.starts[block * width..][..width];
        let known = &mut self.known[block];
        if !std::mem::replace(&mut self.reached[block], true) {
            start.copy_from_slice(end.slots);
            *known = end.known;
            return true;
        }
        let mut both = *known & end.known;
        for register in each(both) {
            if start[usize::from(register)] != end.slots[usize::from(register)] {
                both &= !(1 << register);
            }
        }
        std::mem::replace(known, both) != both
    }
}

impl State<'_> {
    fn slot(&self, register: u8) -> Option<u16> {
        (self.known & 1 << register != 0).then(|| self.slots[usize::from(register)])
    }

    fn set(&mut self, register: u8, slot: Option<u16>) {
        self.known &= !(1 << register);
        if let Some(slot) = slot {
            self.slots[usize::from(register)] = slot;
            self.known |= 1 << register;
        }
    }

    fn pass(&mut self, event: Event, events: &Events, moves: &[Move]) {
        match event {
            Event::Run(number) => {
                let run = events.run(number);
                self.known &= if run.forgets { 0 } else { !run.written };
            }
            Event::WriteSlot(slot) => self.forget(slot),
            Event::ReadSlot(_) => {}
            Event::Move(edit) => {
                let Move { from, to, .. } = moves[edit as usize];
                self.pass_move(from, to);
            }
        }
    }

    fn pass_move(&mut self, from: Place, to: Place) {
        match (from, to) {
            (Place::Register(from), Place::Slot(to)) => {
                if self.slot(from) != Some(to) {
                    self.forget(to);
                    self.set(from, Some(to));
                }
            }
            (_, Place::Slot(to)) => self.forget(to),
            (Place::Slot(from), Place::Register(to)) => self.set(to, Some(from)),
            (Place::Register(from), Place::Register(to)) => self.set(to, self.slot(from)),
            (Place::Elsewhere, Place::Register(to)) => self.set(to, None),
            (_, Place::Elsewhere) => {}
        }
    }

    fn forget(&mut self, slot: u16) {
        for register in each(self.known) {
            if self.slots[usize::from(register)] == slot {
                self.known &= !(1 << register);
            }
        }
    }
}

/// What becomes of a move where `state` holds.
fn improve(state: &State<'_>, registers: &Registers, one: &mut Move) {
    match (one.from, one.to) {
        (Place::Register(register), Place::Slot(slot))
        | (Place::Slot(slot), Place::Register(register))
            if state.slot(register) == Some(slot) =>
        {
            one.remove();
        }
        (Place::Register(from), Place::Register(to))
            if state.slot(from).is_some() && state.slot(from) == state.slot(to) =>
        {
            one.remove();
        }
        (Place::Slot(slot), Place::Register(register)) => {
            let class = |register: u8| registers.registers[usize::from(register)].class();
            let holds = |&other: &u8| {
                state.slots[usize::from(other)] == slot && class(other) == class(register)
            };
            if let Some(holder) = each(state.known).find(holds) {
                one.read_from(holder);
            }
        }
        _ => {}
    }
}
