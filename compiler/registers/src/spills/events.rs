//! What of a function concerns registers and slots, block by block.

use super::places::{Place, Registers, place};
use crate::machine::Mask;
use regalloc2::{Block, Function, OperandKind, Output, PRegSet, ProgPoint};

/// What happens, in order.
#[derive(Clone, Copy)]
pub(super) enum Event {
    /// Instructions read and write registers: a number of [`Events::run`].
    Run(u32),
    /// An edit of the allocator, by its number.
    Move(u32),
    /// An instruction reads a slot.
    ReadSlot(u16),
    /// An instruction writes a slot.
    WriteSlot(u16),
}

/// What one or more instructions do with registers: sets of them, a bit each.
#[derive(Clone, Copy, Default)]
pub(super) struct Run {
    /// Read before one of these instructions writes them.
    pub(super) read: Mask,
    pub(super) written: Mask,
    /// Nothing is known of any register afterwards.
    pub(super) forgets: bool,
}

#[derive(Default)]
pub(super) struct Events {
    events: Vec<Event>,
    runs: Vec<Run>,
    /// Where the events of each block end.
    ends: Vec<u32>,
}

impl Events {
    pub(super) fn read(&mut self, func: &dyn Function, registers: &Registers, output: &Output) {
        self.events.clear();
        self.runs.clear();
        self.ends.clear();
        // Calls by and large clobber the same registers.
        let mut clobbers = (PRegSet::empty(), 0);
        let mut edit = 0;
        for block in 0..func.num_blocks() {
            let insts = func.block_insns(Block::new(block));
            let start = ProgPoint::before(insts.first());
            let is_earlier = |(point, _): &(ProgPoint, _)| *point < start;
            while output.edits.get(edit).is_some_and(is_earlier) {
                edit += 1;
            }
            let mut run = Run::default();
            for inst in insts.iter() {
                let before = ProgPoint::before(inst);
                let is_due = |(point, _): &(ProgPoint, _)| *point <= before;
                while output.edits.get(edit).is_some_and(is_due) {
                    self.end_run(&mut run);
                    self.events.push(Event::Move(edit as u32));
                    edit += 1;
                }
                let clobbered = func.inst_clobbers(inst);
                if clobbered != clobbers.0 {
                    clobbers = (clobbered, mask(clobbered, registers));
                }
                let mut written = clobbers.1;
                // The end of the run, if an instruction reads or writes slots.
                let mut slots = self.events.len();
                let operands = func.inst_operands(inst).iter();
                for (operand, &allocation) in operands.zip(output.inst_allocs(inst)) {
                    let is_def = operand.kind() == OperandKind::Def;
                    match (place(allocation, registers), is_def) {
                        (Place::Register(register), true) => written |= 1 << register,
                        (Place::Register(register), false) => {
                            run.read |= 1 << register & !run.written;
                        }
                        (Place::Slot(slot), true) => self.events.push(Event::WriteSlot(slot)),
                        (Place::Slot(slot), false) => {
                            // An instruction reads before it writes.
                            self.events.insert(slots, Event::ReadSlot(slot));
                            slots += 1;
                        }
                        (Place::Elsewhere, _) => {}
                    }
                }
                run.written |= written;
                // A call that ends a block can land elsewhere.
                run.forgets |= clobbered != PRegSet::empty() && func.is_branch(inst);
            }
            self.end_run(&mut run);
            self.ends.push(self.events.len() as u32);
        }
    }

    fn end_run(&mut self, run: &mut Run) {
        let run = std::mem::take(run);
        if run.read | run.written != 0 || run.forgets {
            self.events.push(Event::Run(self.runs.len() as u32));
            self.runs.push(run);
        }
    }

    pub(super) fn of(&self, block: usize) -> &[Event] {
        let start = match block {
            0 => 0,
            _ => self.ends[block - 1] as usize,
        };
        &self.events[start..self.ends[block] as usize]
    }

    pub(super) fn run(&self, number: u32) -> Run {
        self.runs[number as usize]
    }
}

fn mask(set: PRegSet, registers: &Registers) -> Mask {
    let numbers = set
        .into_iter()
        .filter_map(|register| registers.number(register));
    numbers.fold(0, |mask, number| mask | 1 << number)
}
