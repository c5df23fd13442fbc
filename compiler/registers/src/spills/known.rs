//! Which register holds the same as which slot, at each point of a function.

use super::events::{Event, Events};
use super::places::{NO_SLOT, Place, Registers, place, remove};
use crate::machine::each;
use regalloc2::{Allocation, Block, Edit, Function, ProgPoint};

#[derive(Default)]
pub(super) struct Known {
    /// For each block, at its start, the slot of each register, or [`NO_SLOT`].
    starts: Vec<u16>,
    /// Blocks whose start was reached from somewhere.
    reached: Vec<bool>,
    pending: Vec<bool>,
}

/// The slot of each register at one point, and the set of those that have one.
struct State<'a> {
    slots: &'a mut [u16],
    known: u128,
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
            let mut state = State::new(&mut self.starts[block * width..][..width]);
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
        self.starts.clear();
        self.starts.resize(blocks * width, NO_SLOT);
        let entry = func.entry_block().index();
        self.reached[entry] = true;
        self.pending[entry] = true;
        let mut end = vec![NO_SLOT; width];
        let mut changes = true;
        while changes {
            changes = false;
            for block in 0..blocks {
                if !std::mem::take(&mut self.pending[block]) {
                    continue;
                }
                end.copy_from_slice(&self.starts[block * width..][..width]);
                let mut state = State::new(&mut end);
                for &event in events.of(block) {
                    state.pass(event, registers, events, edits);
                }
                for succ in func.block_succs(Block::new(block)) {
                    if self.meet(succ.index(), &end) {
                        self.pending[succ.index()] = true;
                        changes |= succ.index() <= block;
                    }
                }
            }
        }
    }

    /// One more way to a block; says whether less, or for the first time anything, is known there.
    fn meet(&mut self, block: usize, end: &[u16]) -> bool {
        let start = &mut self.starts[block * end.len()..][..end.len()];
        if !std::mem::replace(&mut self.reached[block], true) {
            start.copy_from_slice(end);
            return true;
        }
        let mut is_less = false;
        for (known, &other) in start.iter_mut().zip(end) {
            if *known != other && *known != NO_SLOT {
                *known = NO_SLOT;
                is_less = true;
            }
        }
        is_less
    }
}

impl<'a> State<'a> {
    fn new(slots: &'a mut [u16]) -> State<'a> {
        let has_slot = |(register, &slot): (usize, &u16)| u128::from(slot != NO_SLOT) << register;
        let known = slots.iter().enumerate().map(has_slot).sum();
        State { slots, known }
    }

    fn set(&mut self, register: usize, slot: u16) {
        self.slots[register] = slot;
        self.known &= !(1 << register);
        self.known |= u128::from(slot != NO_SLOT) << register;
    }

    /// Those of a set of registers have no slot any longer.
    fn clear(&mut self, registers: u128) {
        for register in each(self.known & registers) {
            self.slots[usize::from(register)] = NO_SLOT;
        }
        self.known &= !registers;
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
                self.clear(if run.forgets { u128::MAX } else { run.written });
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
                if self.slots[from] != to {
                    self.forget(to);
                    self.set(from, to);
                }
            }
            (_, Place::Slot(to)) => self.forget(to),
            (Place::Slot(from), Place::Register(to)) => self.set(to, from),
            (Place::Register(from), Place::Register(to)) => self.set(to, self.slots[from]),
            (Place::Elsewhere, Place::Register(to)) => self.set(to, NO_SLOT),
            (_, Place::Elsewhere) => {}
        }
    }

    fn forget(&mut self, slot: u16) {
        for register in each(self.known) {
            if self.slots[usize::from(register)] == slot {
                self.set(usize::from(register), NO_SLOT);
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
            if state.slots[register] == slot =>
        {
            remove(edit);
        }
        (Place::Register(from), Place::Register(to))
            if state.slots[from] != NO_SLOT && state.slots[from] == state.slots[to] =>
        {
            remove(edit);
        }
        (Place::Slot(slot), Place::Register(register)) => {
            let class = registers.registers[register].class();
            let mut others = registers.registers.iter().zip(state.slots.iter());
            let holder = others.find(|(other, known)| **known == slot && other.class() == class);
            if let Some((&holder, _)) = holder {
                edit.1 = Edit::Move {
                    from: Allocation::reg(holder),
                    to,
                };
            }
        }
        _ => {}
    }
}
