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
use crate::machine::Mask;
use regalloc2::{
    Allocation, Block, Edit, Function, Inst, InstRange, Operand, OperandConstraint, OperandKind,
    OperandPos, Output, ProgPoint,
};

/// How far a search goes, in instructions and moves.
const STEPS_MAX: usize = 64;

#[derive(Default)]
pub(super) struct Copies {
    /// The moves and instructions of a block.
    items: Vec<Item>,
    changes: Changes,
}

#[derive(Clone, Copy)]
enum Item {
    Inst(Inst),
    Move(u32),
}

/// What is to name the other register.
#[derive(Default)]
struct Changes {
    /// Operands, by their place in the list of all.
    operands: Vec<usize>,
    /// Moves that read the register.
    reads: Vec<u32>,
    /// The move that writes it.
    writes: Option<u32>,
}

/// One register that may replace another.
#[derive(Clone, Copy)]
struct Renaming<'a> {
    func: &'a dyn Function,
    output: &'a Output,
    old: Allocation,
    new: Allocation,
}

impl Copies {
    /// Removes copies whose source or target can be used instead.
    pub(super) fn remove_needless(
        &mut self,
        func: &dyn Function,
        registers: &Registers,
        live: &Live,
        output: &mut Output,
    ) {
        let mut first = 0;
        for block in 0..func.num_blocks() {
            let insts = func.block_insns(Block::new(block));
            let [start, end] = [insts.first(), insts.last()].map(ProgPoint::before);
            let edits = &output.edits[first..];
            first += count_while(edits, |point| point < start);
            let edits = &output.edits[first..];
            let edits = &edits[..count_while(edits, |point| point <= end)];
            let is_copy = |(_, Edit::Move { from, to }): &_| from.is_reg() && to.is_reg();
            let next = first + edits.len();
            if edits.iter().any(is_copy) {
                self.list(insts, first as u32, edits);
                let after = live.registers_after(func, block);
                self.block(func, registers, output, after);
            }
            first = next;
        }
    }

    /// Lists what is in a block with these edits, the first of which has the number.
    fn list(&mut self, insts: InstRange, first: u32, edits: &[(ProgPoint, Edit)]) {
        self.items.clear();
        let mut edits = (first..).zip(edits).peekable();
        for inst in insts.iter() {
            let before = ProgPoint::before(inst);
            while let Some((edit, _)) = edits.next_if(|(_, (point, _))| *point <= before) {
                self.items.push(Item::Move(edit));
            }
            self.items.push(Item::Inst(inst));
        }
    }

    /// `after_block` and `after` are sets of the registers that are read later.
    fn block(
        &mut self,
        func: &dyn Function,
        registers: &Registers,
        output: &mut Output,
        after_block: Mask,
    ) {
        let mut after = after_block;
        for at in (0..self.items.len()).rev() {
            let edit = match self.items[at] {
                Item::Inst(inst) => {
                    let (read, written) = registers.used(func, output, inst);
                    after = after & !written | read;
                    continue;
                }
                Item::Move(edit) => edit,
            };
            let Edit::Move { from, to } = output.edits[edit as usize].1;
            let [source, target] = [from, to].map(|end| registers.bit(end));
            let changes = &mut self.changes;
            changes.clear();
            if source != 0 && target != 0 {
                let (old, new) = (to, from);
                let renaming = Renaming {
                    func,
                    output,
                    old,
                    new,
                };
                let is_dead_after = after_block & target == 0;
                if renaming.later(&self.items[at + 1..], is_dead_after, changes) {
                    changes.apply(edit, from, output);
                } else if after & source == 0 {
                    changes.clear();
                    let (old, new) = (from, to);
                    let renaming = Renaming {
                        func,
                        output,
                        old,
                        new,
                    };
                    if renaming.earlier(&self.items[..at], changes) {
                        changes.apply(edit, to, output);
                        continue;
                    }
                }
            }
            after = after & !target | source;
        }
    }
}

/// How many of the first edits are at such points.
fn count_while(edits: &[(ProgPoint, Edit)], is_there: impl Fn(ProgPoint) -> bool) -> usize {
    edits
        .iter()
        .take_while(|(point, _)| is_there(*point))
        .count()
}

impl Changes {
    fn clear(&mut self) {
        self.operands.clear();
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
}

impl<'a> Renaming<'a> {
    /// Whether all that reads `old` in the items behind a copy can read `new`, from which it was
    /// copied.
    fn later(self, items: &[Item], is_dead_after: bool, changes: &mut Changes) -> bool {
        let mut is_kept = true;
        for &item in items.iter().take(STEPS_MAX) {
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
                    if self.reads(inst, self.old) && !(is_kept && self.rename(inst, changes)) {
                        return false;
                    }
                    if self.writes(inst, self.old) {
                        return true;
                    }
                    is_kept &= !self.writes(inst, self.new);
                }
            }
        }
        items.len() <= STEPS_MAX && is_dead_after
    }

    /// Whether `old` can be `new` in the items before a copy, from where it was written on.
    fn earlier(self, items: &[Item], changes: &mut Changes) -> bool {
        for &item in items.iter().rev().take(STEPS_MAX) {
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
                        if self.uses(inst, self.new) || !self.rename(inst, changes) {
                            return false;
                        }
                    }
                    Definition::InPlace => {
                        if self.uses(inst, self.new) || !self.rename_in_place(inst, changes) {
                            return false;
                        }
                    }
                    Definition::New(operand) => {
                        changes.operands.push(operand);
                        return true;
                    }
                    Definition::Unfit => return false,
                },
            }
        }
        false
    }

    fn uses(self, inst: Inst, register: Allocation) -> bool {
        self.reads(inst, register) || self.writes(inst, register)
    }

    fn reads(self, inst: Inst, register: Allocation) -> bool {
        self.operands(inst)
            .any(|(_, operand, at)| at == register && operand.kind() == OperandKind::Use)
    }

    fn writes(self, inst: Inst, register: Allocation) -> bool {
        let clobbers = self.func.inst_clobbers(inst);
        register.as_reg().is_some_and(|one| clobbers.contains(one))
            || self
                .operands(inst)
                .any(|(_, operand, at)| at == register && operand.kind() == OperandKind::Def)
    }

    /// The operands of an instruction: their places in the list of all, and where they are.
    fn operands(self, inst: Inst) -> impl Iterator<Item = (usize, Operand, Allocation)> + 'a {
        let start = self.output.inst_alloc_offsets[inst.index()] as usize;
        let numbered = (start..).zip(placed(self.func, self.output, inst));
        numbered.map(|(place, (operand, at))| (place, operand, at))
    }

    /// Whether an operand can be in `new`, as far as it alone is concerned.
    fn fits(self, operand: Operand) -> bool {
        match operand.constraint() {
            OperandConstraint::Any | OperandConstraint::Reg | OperandConstraint::Reuse(_) => true,
            OperandConstraint::Limit(limit) => {
                self.new.as_reg().is_some_and(|new| new.hw_enc() < limit)
            }
            OperandConstraint::FixedReg(_) | OperandConstraint::Stack => false,
        }
    }

    /// Has what an instruction reads from `old` read from `new`; false if that cannot be.
    fn rename(self, inst: Inst, changes: &mut Changes) -> bool {
        let first = self.output.inst_alloc_offsets[inst.index()] as usize;
        for (place, operand, at) in self.operands(inst) {
            if at != self.old || operand.kind() != OperandKind::Use {
                continue;
            }
            let is_overwritten = match operand.pos() {
                OperandPos::Late => self.writes(inst, self.new),
                OperandPos::Early => self.operands(inst).any(|(_, other, at)| {
                    at == self.new
                        && other.kind() == OperandKind::Def
                        && other.pos() == OperandPos::Early
                }),
            };
            // The result would have to move too.
            let is_reused = self
                .operands(inst)
                .any(|(_, other, _)| other.constraint() == OperandConstraint::Reuse(place - first));
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
        let mut definitions = self
            .operands(inst)
            .filter(|(_, operand, at)| *at == self.old && operand.kind() == OperandKind::Def);
        let clobbers = self.func.inst_clobbers(inst);
        let is_clobbered = |at: Allocation| at.as_reg().is_some_and(|one| clobbers.contains(one));
        if is_clobbered(self.old) || is_clobbered(self.new) {
            return Definition::Unfit;
        }
        let Some((place, operand, _)) = definitions.next() else {
            return Definition::None;
        };
        if definitions.next().is_some() || !self.fits(operand) {
            return Definition::Unfit;
        }
        if let OperandConstraint::Reuse(_) = operand.constraint() {
            return Definition::InPlace;
        }
        // What the instruction reads from `new`, it has read before it writes.
        let is_free = self.operands(inst).all(|(_, other, at)| {
            let is_read_before =
                other.kind() == OperandKind::Use && other.pos() == OperandPos::Early;
            at != self.new || is_read_before && operand.pos() == OperandPos::Late
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
