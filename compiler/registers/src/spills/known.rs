//! Which register holds the same as which slot, at each point of a function.

use super::events::{Event, Events};
use super::places::{Place, Registers, place, remove};
use crate::machine::{Mask, each};
use regalloc2::{Allocation, Block, Edit, Function, ProgPoint};

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
        edits: &mut [(ProgPoint, Edit)],
    ) {
        self.solve(func, registers, events, edits);
        let width = registers.len();
        for block in (0..func.num_blocks()).filter(|&block| self.reached[block]) {
            let mut state = State {
                slots: &mut self.starts[block * width..][..width],
                known: self.known[block],
            };
            for &event in events.of(block) {
                if let Event::Move(edit) = event {
                    improve(&state, registers, &mut edits[edit as usize]);
                }
                state.pass(event, registers, events, edits);
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
        edits: &[(ProgPoint, Edit)],
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
                    state.pass(event, registers, events, edits);
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
    fn slot(&self, register: usize) -> Option<u16> {
        (self.known & 1 << register != 0).then(|| self.slots[register])
    }

    fn set(&mut self, register: usize, slot: Option<u16>) {
        self.known &= !(1 << register);
        if let Some(slot) = slot {
            self.slots[register] = slot;
            self.known |= 1 << register;
        }
    }

    fn pass(
        &mut self,
        event: Event,
        registers: &Registers,
        events: &Events,
        edits: &[(ProgPoint, Edit)],
    ) {
        match event {
            Event::Run(number) => {
                let run = events.run(number);
                self.known &= if run.forgets { 0 } else { !run.written };
            }
            Event::WriteSlot(slot) => self.forget(slot),
            Event::ReadSlot(_) => {}
            Event::Move(edit) => {
                let Edit::Move { from, to } = edits[edit as usize].1;
                self.pass_move(place(from, registers), place(to, registers));
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
fn improve(state: &State<'_>, registers: &Registers, edit: &mut (ProgPoint, Edit)) {
    let Edit::Move { from, to } = edit.1;
    match (place(from, registers), place(to, registers)) {
        (Place::Register(register), Place::Slot(slot))
        | (Place::Slot(slot), Place::Register(register))
            if state.slot(register) == Some(slot) =>
        {
            remove(edit);
        }
        (Place::Register(from), Place::Register(to))
            if state.slot(from).is_some() && state.slot(from) == state.slot(to) =>
        {
            remove(edit);
        }
        (Place::Slot(slot), Place::Register(register)) => {
            let class = registers.registers[register].class();
            let holds = |other: &u8| {
                let other = usize::from(*other);
                state.slots[other] == slot && registers.registers[other].class() == class
            };
            if let Some(holder) = each(state.known).find(holds) {
                edit.1 = Edit::Move {
                    from: Allocation::reg(registers.registers[usize::from(holder)]),
                    to,
                };
            }
        }
        _ => {}
    }
}
