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
            list: Vec::new(),
            blocks: vec![0],
            lost: Vec::new(),
            known: Vec::new(),
            places: REGISTERS,
        };
        let mut edits = output.edits.iter().peekable();
        // In which block a place has been left empty last.
        let mut emptied: Vec<u32> = vec![u32::MAX; REGISTERS + output.num_spillslots];
        for block in 0..func.num_blocks() {
            let block_number = count(block);
            for inst in func.block_insns(Block::new(block)).iter() {
                let behind = count(inst.index() + 1);
                let mut add = |steps: &mut Steps, inst: u32, what: What| {
                    let place = match what {
                        What::Set(place, _) | What::Copy { to: place, .. } => place as usize,
                        What::Lose(_) => 0,
                    };
                    if place >= emptied.len() {
                        emptied.resize(place + 1, u32::MAX);
                    }
                    match what {
                        What::Set(_, EMPTY) if emptied[place] == block_number => return,
                        What::Set(_, EMPTY) => emptied[place] = block_number,
                        What::Lose(_) => {}
                        _ => emptied[place] = u32::MAX,
                    }
                    steps.list.push(Step { inst, what });
                };
                for point in [ProgPoint::before(inst), ProgPoint::after(inst)] {
                    let at = if point == ProgPoint::before(inst) {
                        behind - 1
                    } else {
                        steps.lose(func, inst, &mut add);
                        steps.define(func, output, values, inst, &mut add);
                        behind
                    };
                    while let Some((_, Edit::Move { from, to })) =
                        edits.next_if(|(edit, _)| *edit <= point)
                    {
                        if let (Some(from), Some(to)) = (number(*from), number(*to))
                            && from != to
                        {
                            add(&mut steps, at, What::Copy { from, to });
                        }
                    }
                }
            }
            let end = count(steps.list.len());
            steps.blocks.push(end);
        }
        steps.places = emptied.len();
        steps
    }

    /// Within a call, what it leaves nothing in is lost already.
    fn lose(
        &mut self,
        func: &dyn Function,
        inst: Inst,
        add: &mut impl FnMut(&mut Steps, u32, What),
    ) {
        let clobbers = func.inst_clobbers(inst);
        if clobbers == PRegSet::empty() {
            return;
        }
        let known = self.known.iter().position(|known| *known == clobbers);
        let lost = known.unwrap_or_else(|| {
            let mut places = Bits::new(REGISTERS);
            for register in clobbers {
                places.set(count(register.index()), true);
            }
            self.known.push(clobbers);
            self.lost.push(places);
            self.lost.len() - 1
        });
        add(self, count(inst.index()), What::Lose(count(lost)));
    }

    fn define(
        &mut self,
        func: &dyn Function,
        output: &Output,
        values: &Values,
        inst: Inst,
        add: &mut impl FnMut(&mut Steps, u32, What),
    ) {
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
            add(self, count(inst.index() + 1), What::Set(place, set));
        }
    }

    pub(super) fn of(&self, block: usize) -> &[Step] {
        &self.list[self.blocks[block] as usize..self.blocks[block + 1] as usize]
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("fewer than instructions and edits")
}
