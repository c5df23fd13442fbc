//! What of a function concerns registers and slots, block by block.

use super::places::{Place, Registers};
use crate::machine::Mask;
use crate::operands::Operands;
use regalloc2::{Block, Function, Inst, Output, PRegSet, ProgPoint};

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
    pub(super) fn read(
        &mut self,
        func: &dyn Function,
        operands: &Operands,
        registers: &Registers,
        output: &Output,
    ) {
        self.events.clear();
        self.runs.clear();
        self.blocks.clear();
        // Calls by and large clobber the same registers.
        let mut last = (PRegSet::empty(), 0);
        let mut clobbers = operands.clobbers.iter().peekable();
        let mut edit = 0;
        // The point of the next edit.
        let point = |edit: usize| match output.edits.get(edit) {
            Some((point, _)) => point.to_index(),
            None => u32::MAX,
        };
        let mut next = point(edit);
        for block in 0..func.num_blocks() {
            let insts = func.block_insns(Block::new(block));
            let [first, end] = [insts.first().index(), insts.last().index() + 1];
            while next < ProgPoint::before(insts.first()).to_index() {
                edit += 1;
                next = point(edit);
            }
            let mut start = operands.starts[first] as usize;
            let mut run = Run::default();
            let (first_event, first_edit) = (self.events.len() as u32, edit);
            for inst in first as u32..end as u32 {
                while next <= ProgPoint::before(Inst::new(inst as usize)).to_index() {
                    self.end_run(&mut run);
                    self.events.push(Event::Move(edit as u32));
                    edit += 1;
                    next = point(edit);
                }
                let mut written = 0;
                while let Some((_, clobbered)) = clobbers.next_if(|(of, _)| *of <= inst) {
                    if *clobbered != last.0 {
                        last = (*clobbered, registers.mask(*clobbered));
                    }
                    written = last.1;
                    // A call that ends a block can land elsewhere.
                    run.forgets |= func.is_branch(Inst::new(inst as usize));
                }
                let mut read = 0;
                // Where its slots begin, which an instruction reads before it writes them.
                let mut slots = self.events.len();
                let end = operands.starts[inst as usize + 1] as usize;
                let allocations = output.allocs[start..end].iter();
                for (operand, &allocation) in operands.all[start..end].iter().zip(allocations) {
                    if allocation.is_reg() {
                        // What is given is in no register that is followed.
                        match operand.is_use() {
                            true => read |= registers.bit(allocation),
                            false => written |= registers.bit(allocation),
                        }
                    } else if let Place::Slot(slot) = registers.place(allocation) {
                        match operand.is_use() {
                            false => self.events.push(Event::WriteSlot(slot)),
                            true => {
                                self.events.insert(slots, Event::ReadSlot(slot));
                                slots += 1;
                            }
                        }
                    }
                }
                start = end;
                run.read |= read & !run.written;
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
