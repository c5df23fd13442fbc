//! Moves between registers that are not needed if instructions use the other register.
//!
//! Within its block there are two ways to do without a move:
//! - What reads the target reads the source instead, as long as that keeps the value.
//! - What has put the value into the source puts it into the target instead, if nothing uses the
//!   target in between, and the source is not read after the move.
//!
//! An operand can have another register unless its instruction wants that very one, or writes the
//! other while it still reads. Constraints and positions of operands say both.

use super::live::Live;
use super::places::{Registers, placed, remove};
use crate::lists::NONE;
use crate::machine::Mask;
use crate::operands::{Constraint, Operand, Operands, Role};
use regalloc2::{Allocation, Block, Edit, Function, InstRange, Output, PReg, PRegSet, ProgPoint};

/// How far a search goes, in instructions and moves.
const STEPS_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Copies {
    /// The moves and instructions of a block.
    items: Vec<Item>,
    /// The first copy among them.
    first_copy: usize,
    changes: Changes,
}

/// What an instruction does with registers that are followed.
#[derive(Clone, Copy)]
struct Used {
    read: Mask,
    written: Mask,
}

#[derive(Clone, Copy)]
enum Item {
    Inst(Inst),
    Move(u32),
}

/// An instruction, its number among those that clobber something, or [`NONE`], and what it uses.
#[derive(Clone, Copy)]
struct Inst {
    number: u32,
    clobber: u32,
    used: Used,
}

/// What is to name the other register.
#[derive(Default)]
struct Changes {
    /// Operands, by their place in the list of all.
    operands: Vec<usize>,
    /// The instructions that have them, by their places among the items of the block.
    items: Vec<usize>,
    /// Moves that read the register.
    reads: Vec<u32>,
    /// The move that writes it.
    writes: Option<u32>,
}

/// One register that may replace another.
#[derive(Clone, Copy)]
struct Renaming<'a> {
    operands: &'a Operands,
    output: &'a Output,
    old: Allocation,
    new: Allocation,
    /// A set of each.
    old_bit: Mask,
    new_bit: Mask,
}

impl Copies {
    /// Removes copies whose source or target can be used instead.
    pub(super) fn remove_needless(
        &mut self,
        func: &dyn Function,
        operands: &Operands,
        registers: &Registers,
        live: &Live,
        output: &mut Output,
    ) {
        let (mut first, mut clobber) = (0, 0);
        for block in 0..func.num_blocks() {
            let insts = func.block_insns(Block::new(block));
            let [start, end] = [insts.first(), insts.last()].map(ProgPoint::before);
            let edits = &output.edits[first..];
            first += count_while(edits, |point| point < start);
            let edits = &output.edits[first..];
            let edits = &edits[..count_while(edits, |point| point <= end)];
            let next = first + edits.len();
            if edits.iter().any(is_copy) {
                let before = insts.first().index() as u32;
                clobber += operands.clobbers[clobber..].partition_point(|one| one.0 < before);
                let from = (first as u32, edits);
                self.list(insts, from, (operands, clobber), registers, output);
                let after = live.registers_after(func, block);
                self.block(operands, registers, output, after);
            }
            first = next;
        }
    }

    /// Lists what is in a block with these edits, the first of which has the number. What comes first in it
    /// and clobbers something has this number, or a larger one.
    fn list(
        &mut self,
        insts: InstRange,
        (first, edits): (u32, &[(ProgPoint, Edit)]),
        (operands, mut clobber): (&Operands, usize),
        registers: &Registers,
        output: &Output,
    ) {
        self.items.clear();
        self.first_copy = usize::MAX;
        let mut edits = (first..).zip(edits).peekable();
        for inst in insts.iter() {
            let before = ProgPoint::before(inst);
            while let Some((number, edit)) = edits.next_if(|(_, (point, _))| *point <= before) {
                if is_copy(edit) {
                    self.first_copy = self.first_copy.min(self.items.len());
                }
                self.items.push(Item::Move(number));
            }
            let number = inst.index() as u32;
            let clobbers = operands.clobbers.get(clobber);
            let clobbers = clobbers.is_some_and(|one| one.0 == number);
            let mut inst = Inst {
                number,
                clobber: if clobbers { clobber as u32 } else { NONE },
                used: Used {
                    read: 0,
                    written: 0,
                },
            };
            inst.look_up(operands, registers, output);
            self.items.push(Item::Inst(inst));
            clobber += usize::from(clobbers);
        }
    }

    /// `after_block` and `after` are sets of the registers that are read later.
    fn block(
        &mut self,
        operands: &Operands,
        registers: &Registers,
        output: &mut Output,
        after_block: Mask,
    ) {
        let mut after = after_block;
        for at in (self.first_copy..self.items.len()).rev() {
            let edit = match self.items[at] {
                Item::Inst(Inst { used, .. }) => {
                    after = after & !used.written | used.read;
                    continue;
                }
                Item::Move(edit) => edit,
            };
            let Edit::Move { from, to } = output.edits[edit as usize].1;
            let [source, target] = [from, to].map(|end| registers.bit(end));
            let changes = &mut self.changes;
            changes.clear();
            if source != 0 && target != 0 {
                let renaming = Renaming {
                    operands,
                    output,
                    old: to,
                    new: from,
                    old_bit: target,
                    new_bit: source,
                };
                let is_dead_after = after_block & target == 0;
                if renaming.later(&self.items, at, is_dead_after, changes) {
                    changes.apply(edit, from, output);
                    changes.look_up(&mut self.items, operands, registers, output);
                } else if after & source == 0 {
                    changes.clear();
                    let renaming = Renaming {
                        operands,
                        output,
                        old: from,
                        new: to,
                        old_bit: source,
                        new_bit: target,
                    };
                    if renaming.earlier(&self.items[..at], changes) {
                        changes.apply(edit, to, output);
                        changes.look_up(&mut self.items, operands, registers, output);
                        continue;
                    }
                }
            }
            after = after & !target | source;
        }
    }
}

fn is_copy((_, Edit::Move { from, to }): &(ProgPoint, Edit)) -> bool {
    from.is_reg() && to.is_reg()
}

/// What an instruction clobbers.
fn clobbers(operands: &Operands, inst: Inst) -> PRegSet {
    match inst.clobber {
        NONE => PRegSet::empty(),
        clobber => operands.clobbers[clobber as usize].1,
    }
}

/// How many of the first edits are at such points.
fn count_while(edits: &[(ProgPoint, Edit)], is_there: impl Fn(ProgPoint) -> bool) -> usize {
    edits
        .iter()
        .take_while(|(point, _)| is_there(*point))
        .count()
}

impl Inst {
    /// Looks up what it uses.
    fn look_up(&mut self, operands: &Operands, registers: &Registers, output: &Output) {
        let clobbers = clobbers(operands, *self);
        let (read, written) = registers.used(operands, output, self.number, clobbers);
        self.used = Used { read, written };
    }
}

impl Changes {
    fn clear(&mut self) {
        self.operands.clear();
        self.items.clear();
        self.reads.clear();
        self.writes = None;
    }

    /// Makes the changes and removes the copy.
    fn apply(&self, copy: u32, new: Allocation, output: &mut Output) {
        for &operand in &self.operands {
            output.allocs[operand] = new;
        }
        let mut change = |edit: u32, is_read: bool| {
            let edit = &mut output.edits[edit as usize];
            let Edit::Move { from, to } = edit.1;
            let (from, to) = if is_read { (new, to) } else { (from, new) };
            edit.1 = Edit::Move { from, to };
            if from == to {
                remove(edit);
            }
        };
        self.reads.iter().for_each(|&edit| change(edit, true));
        self.writes.iter().for_each(|&edit| change(edit, false));
        remove(&mut output.edits[copy as usize]);
    }

    /// Looks up what the instructions use now that were changed.
    fn look_up(
        &self,
        items: &mut [Item],
        operands: &Operands,
        registers: &Registers,
        output: &Output,
    ) {
        for &at in &self.items {
            if let Item::Inst(inst) = &mut items[at] {
                inst.look_up(operands, registers, output);
            }
        }
    }
}

impl<'a> Renaming<'a> {
    /// Whether all that reads `old` in the items behind the copy at a place can read `new`, from which it
    /// was copied.
    fn later(self, items: &[Item], at: usize, is_dead_after: bool, changes: &mut Changes) -> bool {
        let mut is_kept = true;
        let behind = at + 1;
        for (at, &item) in (behind..).zip(items[behind..].iter().take(STEPS_MAX)) {
            match item {
                Item::Move(edit) => {
                    let Edit::Move { from, to } = self.output.edits[edit as usize].1;
                    if from == self.old {
                        if !is_kept {
                            return false;
                        }
                        changes.reads.push(edit);
                    }
                    if to == self.old {
                        return true;
                    }
                    is_kept &= to != self.new;
                }
                Item::Inst(inst) => {
                    if inst.used.read & self.old_bit != 0 {
                        if !(is_kept && self.rename(inst, changes)) {
                            return false;
                        }
                        changes.items.push(at);
                    }
                    if inst.used.written & self.old_bit != 0 {
                        return true;
                    }
                    is_kept &= inst.used.written & self.new_bit == 0;
                }
            }
        }
        items.len() - behind <= STEPS_MAX && is_dead_after
    }

    /// Whether `old` can be `new` in the items before a copy, from where it was written on.
    fn earlier(self, items: &[Item], changes: &mut Changes) -> bool {
        for (at, &item) in items.iter().enumerate().rev().take(STEPS_MAX) {
            match item {
                Item::Move(edit) => {
                    let Edit::Move { from, to } = self.output.edits[edit as usize].1;
                    if to == self.old {
                        changes.writes = Some(edit);
                        return true;
                    }
                    if from == self.new || to == self.new {
                        return false;
                    }
                    if from == self.old {
                        changes.reads.push(edit);
                    }
                }
                Item::Inst(inst) => match self.definition(inst) {
                    Definition::None => {
                        if self.uses_new(inst) {
                            return false;
                        }
                        if inst.used.read & self.old_bit != 0 {
                            if !self.rename(inst, changes) {
                                return false;
                            }
                            changes.items.push(at);
                        }
                    }
                    Definition::InPlace => {
                        if self.uses_new(inst) || !self.rename_in_place(inst, changes) {
                            return false;
                        }
                        changes.items.push(at);
                    }
                    Definition::New(operand) => {
                        changes.operands.push(operand);
                        changes.items.push(at);
                        return true;
                    }
                    Definition::Unfit => return false,
                },
            }
        }
        false
    }

    fn uses_new(self, inst: Inst) -> bool {
        (inst.used.read | inst.used.written) & self.new_bit != 0
    }

    fn is_clobbered(self, inst: Inst, register: Allocation) -> bool {
        let is_in = |one: PReg| clobbers(self.operands, inst).contains(one);
        inst.clobber != NONE && register.as_reg().is_some_and(is_in)
    }

    /// The operands of an instruction: their places in the list of all, and where they are.
    fn operands(self, inst: Inst) -> impl Iterator<Item = (usize, Operand, Allocation)> + 'a {
        let start = self.operands.starts[inst.number as usize] as usize;
        let numbered = (start..).zip(placed(self.operands, self.output, inst.number));
        numbered.map(|(place, (operand, at))| (place, operand, at))
    }

    /// Whether an operand can be in `new`, as far as it alone is concerned.
    fn fits(self, operand: Operand) -> bool {
        match operand.constraint {
            Constraint::Any | Constraint::Register | Constraint::Tied(_) => true,
            Constraint::Below(limit) => {
                let new = self.new.as_reg();
                new.is_some_and(|new| new.hw_enc() < usize::from(limit))
            }
            Constraint::Fixed(_) | Constraint::Slot => false,
        }
    }

    /// Has what an instruction reads from `old` read from `new`; false if that cannot be.
    fn rename(self, inst: Inst, changes: &mut Changes) -> bool {
        let first = self.operands.starts[inst.number as usize] as usize;
        for (place, operand, at) in self.operands(inst) {
            if at != self.old || !operand.is_use() {
                continue;
            }
            let is_overwritten = match operand.is_late() {
                true => inst.used.written & self.new_bit != 0,
                false => self
                    .operands(inst)
                    .any(|(_, other, at)| at == self.new && other.role == Role::WrittenEarly),
            };
            // The result would have to move too.
            let is_reused = self.operands(inst).any(|(_, other, _)| {
                matches!(other.constraint, Constraint::Tied(of) if usize::from(of) == place - first)
            });
            if is_overwritten || is_reused || !self.fits(operand) {
                return false;
            }
            changes.operands.push(place);
        }
        true
    }

    /// The same for an instruction that changes `old` in place.
    fn rename_in_place(self, inst: Inst, changes: &mut Changes) -> bool {
        for (place, operand, at) in self.operands(inst) {
            if at == self.old {
                if !self.fits(operand) {
                    return false;
                }
                changes.operands.push(place);
            }
        }
        true
    }

    /// How an instruction writes `old`.
    fn definition(self, inst: Inst) -> Definition {
        if inst.used.written & (self.old_bit | self.new_bit) == 0 {
            return Definition::None;
        }
        let mut definitions = self
            .operands(inst)
            .filter(|(_, operand, at)| *at == self.old && operand.is_def());
        if self.is_clobbered(inst, self.old) || self.is_clobbered(inst, self.new) {
            return Definition::Unfit;
        }
        let Some((place, operand, _)) = definitions.next() else {
            return Definition::None;
        };
        if definitions.next().is_some() || !self.fits(operand) {
            return Definition::Unfit;
        }
        if let Constraint::Tied(_) = operand.constraint {
            return Definition::InPlace;
        }
        // What the instruction reads from `new`, it has read before it writes.
        let is_free = self.operands(inst).all(|(_, other, at)| {
            let is_read_before = other.role == Role::ReadEarly;
            at != self.new || is_read_before && operand.is_late()
        });
        match is_free {
            true => Definition::New(place),
            false => Definition::Unfit,
        }
    }
}

/// How an instruction writes a register.
enum Definition {
    /// Not at all.
    None,
    /// Over a value that it has read from it.
    InPlace,
    /// With the operand at this place.
    New(usize),
    /// In a way that cannot be changed.
    Unfit,
}
