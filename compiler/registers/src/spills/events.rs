//! What of a function concerns registers and slots, block by block.

use super::places::{Place, Registers, placed};
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
    /// From where to where the events of each block reach, and whether there are moves among them.
    blocks: Vec<(u32, u32, bool)>,
}

impl Events {
    pub(super) fn read(&mut self, func: &dyn Function, registers: &Registers, output: &Output) {
        self.events.clear();
        self.runs.clear();
        self.blocks.clear();
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
            let (first_event, first_edit) = (self.events.len() as u32, edit);
            for inst in insts.iter() {
                let before = ProgPoint::before(inst);
                let is_due = |(point, _): &(ProgPoint, _)| *point <= before;
                while output.edits.get(edit).is_some_and(is_due) {
                    self.end_run(&mut run);
                    self.events.push(Event::Move(edit as u32));
                    edit += 1;
                }
                let clobbered = func.inst_clobbers(inst);
                let mut written = 0;
                if clobbered != PRegSet::empty() {
                    if clobbered != clobbers.0 {
                        clobbers = (clobbered, registers.mask(clobbered));
                    }
                    written = clobbers.1;
                    // A call that ends a block can land elsewhere.
                    run.forgets |= func.is_branch(inst);
                }
                // The end of the run, if an instruction reads or writes slots.
                let mut slots = self.events.len();
                for (operand, allocation) in placed(func, output, inst) {
                    let is_def = operand.kind() == OperandKind::Def;
                    match (registers.place(allocation), is_def) {
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
            }
            self.end_run(&mut run);
            let end = self.events.len() as u32;
            self.blocks.push((first_event, end, edit > first_edit));
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
        let (start, end, _) = self.blocks[block];
        &self.events[start as usize..end as usize]
    }

    /// Whether there are moves in a block.
    pub(super) fn has_moves(&self, block: usize) -> bool {
        self.blocks[block].2
    }

    pub(super) fn run(&self, number: u32) -> Run {
        self.runs[number as usize]
    }
}
