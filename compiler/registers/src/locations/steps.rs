//! What instructions and edits do to places, as a list.

use super::sets::{Bits, EMPTY, single};
use super::values::Values;
use regalloc2::{
    Allocation, Block, Edit, Function, Inst, OperandKind, Output, PReg, PRegSet, ProgPoint,
    SpillSlot,
};

/// Something changes in a place.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// The instruction before which it has.
    pub(super) inst: u32,
    pub(super) what: What,
}

#[derive(Clone, Copy)]
pub(super) enum What {
    /// A place gets a set of values.
    Set(u32, u32),
    /// A place gets what another one has.
    Copy { from: u32, to: u32 },
    /// Places lose what they have: of [`Steps::lost`].
    Lose(u32),
}

pub(super) struct Steps {
    list: Vec<Step>,
    /// Where those of each block begin, and the end.
    blocks: Vec<u32>,
    /// What calls leave nothing in.
    pub(super) lost: Vec<Bits>,
    known: Vec<PRegSet>,
    /// How many places there are.
    pub(super) places: usize,
}

/// Registers come before slots.
const REGISTERS: usize = PReg::NUM_INDEX;

fn number(place: Allocation) -> Option<u32> {
    let number = match place.as_stack() {
        Some(slot) => REGISTERS + slot.index(),
        None => place.as_reg()?.index(),
    };
    u32::try_from(number).ok()
}

/// The place with a number.
pub(super) fn place(number: u32) -> Allocation {
    match (number as usize).checked_sub(REGISTERS) {
        Some(slot) => Allocation::stack(SpillSlot::new(slot)),
        None => Allocation::reg(PReg::from_index(number as usize)),
    }
}

impl Steps {
    pub(super) fn read(func: &dyn Function, output: &Output, values: &Values) -> Steps {
        let mut steps = Steps {
            list: Vec::with_capacity(func.num_insts() + output.edits.len()),
            blocks: vec![0],
            lost: Vec::new(),
            known: Vec::new(),
            places: REGISTERS,
        };
        let mut edits = &*output.edits;
        let mut to = Adding {
            steps: &mut steps,
            block: 0,
            emptied: vec![u32::MAX; REGISTERS + output.num_spillslots],
        };
        for block in 0..func.num_blocks() {
            to.block = count(block);
            for inst in func.block_insns(Block::new(block)).iter() {
                let at = count(inst.index());
                to.copy(&mut edits, ProgPoint::before(inst), at);
                to.lose(func, inst);
                to.define(func, output, values, inst);
                to.copy(&mut edits, ProgPoint::after(inst), at + 1);
            }
            let end = count(to.steps.list.len());
            to.steps.blocks.push(end);
        }
        steps.places = to.emptied.len();
        steps
    }

    pub(super) fn of(&self, block: usize) -> &[Step] {
        &self.list[self.blocks[block] as usize..self.blocks[block + 1] as usize]
    }
}

/// Steps that are being added.
struct Adding<'s> {
    steps: &'s mut Steps,
    block: u32,
    /// In which block a place has been left empty last.
    emptied: Vec<u32>,
}

impl Adding<'_> {
    fn add(&mut self, inst: u32, place: u32, what: What) {
        let place = place as usize;
        if place >= self.emptied.len() {
            self.emptied.resize(place + 1, u32::MAX);
        }
        let emptied = &mut self.emptied[place];
        match what {
            What::Set(_, EMPTY) if *emptied == self.block => return,
            What::Set(_, EMPTY) => *emptied = self.block,
            _ => *emptied = u32::MAX,
        }
        self.steps.list.push(Step { inst, what });
    }

    /// Edits up to a point.
    fn copy(&mut self, edits: &mut &[(ProgPoint, Edit)], point: ProgPoint, inst: u32) {
        while let Some(((at, Edit::Move { from, to }), rest)) = edits.split_first()
            && *at <= point
        {
            *edits = rest;
            if let (Some(from), Some(to)) = (number(*from), number(*to))
                && from != to
            {
                self.add(inst, to, What::Copy { from, to });
            }
        }
    }

    /// Within a call, what it leaves nothing in is lost already.
    fn lose(&mut self, func: &dyn Function, inst: Inst) {
        let clobbers = func.inst_clobbers(inst);
        if clobbers == PRegSet::empty() {
            return;
        }
        let steps = &mut *self.steps;
        let known = steps.known.iter().position(|known| *known == clobbers);
        let lost = known.unwrap_or_else(|| {
            let mut places = Bits::new(REGISTERS);
            for register in clobbers {
                places.insert(count(register.index()));
            }
            steps.known.push(clobbers);
            steps.lost.push(places);
            steps.lost.len() - 1
        });
        steps.list.push(Step {
            inst: count(inst.index()),
            what: What::Lose(count(lost)),
        });
    }

    fn define(&mut self, func: &dyn Function, output: &Output, values: &Values, inst: Inst) {
        let operands = func.inst_operands(inst).iter();
        for (operand, &place) in operands.zip(output.inst_allocs(inst)) {
            if operand.kind() != OperandKind::Def {
                continue;
            }
            let Some(place) = number(place) else {
                continue;
            };
            let value = match operand.as_fixed_nonallocatable() {
                Some(_) => None,
                None => values.number(operand.vreg()),
            };
            let set = value.map_or(EMPTY, single);
            self.add(count(inst.index() + 1), place, What::Set(place, set));
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("fewer than instructions and edits")
}
