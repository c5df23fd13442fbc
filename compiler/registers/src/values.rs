//! Values: where each is defined and used. In which blocks it is alive, `alive` finds out.
//!
//! Points are halves of instructions: an instruction `i` reads at `2 * i` and writes at `2 * i + 1`.

use crate::flow::Flow;
use crate::lists::{Lists, NONE, reset};
use crate::machine::{Machine, Mask, NO_REGISTER};
use crate::operands::{Constraint, Operands};
use crate::pieces::{Chunk, Global, Piece, Search};
use regalloc2::RegAllocError;

/// So many clobbered registers of a class make a call.
const CALL_REGISTERS_MIN: u32 = 3;

#[derive(Clone, Copy)]
pub struct Use {
    /// The instruction. What a block's end passes on is used behind its last.
    pub inst: u32,
    pub block: u32,
    /// The parameter of a following block that it becomes, or [`NONE`] for an instruction's use.
    pub param: u32,
    /// The register that it has to be in, or [`NO_REGISTER`].
    pub register: u8,
    /// Whether it has to be in a register until the instruction has written.
    pub is_late: bool,
}

const UNUSED: Use = Use {
    inst: 0,
    block: 0,
    param: NONE,
    register: NO_REGISTER,
    is_late: false,
};

/// An instruction that clobbers registers.
#[derive(Clone, Copy)]
pub struct Clobber {
    pub inst: u32,
    pub mask: Mask,
    /// So many that it is a call.
    pub is_call: bool,
}

#[derive(Clone, Copy)]
pub struct Value {
    /// The point of definition. Parameters of blocks begin with their blocks.
    pub def: u32,
    pub block: u32,
    /// The register that the definition needs, or [`NO_REGISTER`].
    pub register: u8,
    pub class: u8,
    /// It is a parameter of a block or becomes one.
    pub is_passed: bool,
    /// The value that is defined in the register of another, or the parameter that it becomes: the
    /// last one, or [`NONE`].
    heir: u32,
    /// From where to where its uses reach.
    pub uses: (u32, u32),
    /// Its number in `globals`, or [`NONE`].
    pub global: u32,
}

const UNDEFINED: Value = Value {
    def: NONE,
    block: NONE,
    register: NO_REGISTER,
    class: 0,
    is_passed: false,
    heir: NONE,
    uses: (0, 0),
    global: NONE,
};

#[derive(Default)]
pub struct Values {
    pub all: Vec<Value>,
    pub uses: Vec<Use>,
    pub globals: Vec<Global>,
    pub pieces: Vec<Piece>,
    /// Numbers of pieces by block, by value in each.
    pub by_block: Lists<u32>,
    /// Blocks that values go through.
    pub ways: Vec<u32>,
    /// All blocks in which values are alive that are passed or become what is passed, in order.
    pub chunks: Vec<Chunk>,
    /// The values that go through a block, by number in each.
    pub through: Lists<u32>,
    /// How many go through each block, a list for each class.
    pub through_counts: [Vec<u32>; 3],
    pub clobbers: Vec<Clobber>,
    /// Numbers of calls, by block.
    pub calls: Lists<u32>,
    /// All that calls clobber.
    pub clobbered: Mask,
    /// By block: the registers that instructions want.
    pub wanted: Vec<Mask>,
    /// What [`Values::find_pieces`] works on.
    pub search: Search,
}

impl Values {
    /// # Errors
    /// When a value is used where it is not defined, or too much is alive at the same time.
    pub fn read(
        &mut self,
        operands: &mut Operands,
        machine: &Machine,
        flow: &Flow,
    ) -> Result<(), RegAllocError> {
        reset(&mut self.all, operands.count as usize, UNDEFINED);
        reset(&mut self.wanted, flow.blocks() as usize, 0);
        self.read_definitions(operands, machine, flow)?;
        self.read_clobbers(operands, machine, flow);
        let mut sum = 0;
        for value in &mut self.all {
            let (start, count) = value.uses;
            debug_assert!(start == 0, "not known yet");
            value.uses = (sum, sum);
            sum += count;
        }
        reset(&mut self.uses, sum as usize, UNUSED);
        self.read_uses(operands, flow);
        self.find_pieces(flow)?;
        self.sort_by_block(flow);
        Ok(())
    }

    fn read_clobbers(&mut self, operands: &Operands, machine: &Machine, flow: &Flow) {
        self.clobbers.clear();
        self.calls.clear();
        self.clobbered = 0;
        let mut last = (regalloc2::PRegSet::empty(), 0);
        let mut clobbers = operands.clobbers.iter().peekable();
        for block in 0..flow.blocks() {
            let end = flow.last[block as usize];
            while let Some(&(inst, set)) = clobbers.next_if(|&&(inst, _)| inst <= end) {
                // Calls by and large clobber the same registers.
                if set != last.0 {
                    last = (set, machine.mask(set));
                }
                let mask = last.1;
                let many = |class: &Mask| (class & mask).count_ones() >= CALL_REGISTERS_MIN;
                let is_call = machine.of_class.iter().any(many);
                if is_call {
                    self.calls.all.push(inst);
                    self.clobbered |= mask;
                    // Results are where other calls leave nothing either.
                    for operand in operands.of(inst).iter().filter(|one| one.is_def()) {
                        if let Constraint::Fixed(register) = operand.constraint {
                            self.clobbered |= 1 << register;
                        }
                    }
                } else {
                    self.wanted[block as usize] |= mask;
                }
                self.clobbers.push(Clobber {
                    inst,
                    mask,
                    is_call,
                });
            }
            self.calls.end();
        }
    }

    /// Gives operands their numbers, and counts uses.
    fn read_definitions(
        &mut self,
        operands: &mut Operands,
        machine: &Machine,
        flow: &Flow,
    ) -> Result<(), RegAllocError> {
        for block in 0..flow.blocks() {
            let [first, last] = [&flow.first, &flow.last].map(|list| list[block as usize]);
            for (&param, &class) in flow.params.of(block).iter().zip(flow.param_classes(block)) {
                let value = &mut self.all[param as usize];
                value.def = 2 * first;
                value.block = block;
                value.class = class;
                value.is_passed = true;
            }
            let wanted = &mut self.wanted[block as usize];
            for inst in first..=last {
                operands.renumber(inst, machine, |operand| {
                    let value = &mut self.all[operand.value as usize];
                    let register = operand.fixed();
                    if register != NO_REGISTER {
                        *wanted |= 1 << register;
                    }
                    if operand.is_use() {
                        value.uses.1 += 1;
                        return;
                    }
                    value.def = 2 * inst + u32::from(operand.is_late());
                    value.block = block;
                    value.class = operand.class;
                    value.register = register;
                })?;
            }
            for &arg in flow.all_passed(block) {
                let value = &mut self.all[arg as usize];
                value.uses.1 += 1;
                value.is_passed = true;
            }
        }
        Ok(())
    }

    fn read_uses(&mut self, operands: &Operands, flow: &Flow) {
        for block in 0..flow.blocks() {
            let [first, last] = [&flow.first, &flow.last].map(|list| list[block as usize]);
            for inst in first..=last {
                let operands = operands.of(inst);
                for operand in operands {
                    if operand.is_use() {
                        let place = &mut self.all[operand.value as usize].uses.1;
                        self.uses[*place as usize] = Use {
                            inst,
                            block,
                            param: NONE,
                            register: operand.fixed(),
                            is_late: operand.is_late(),
                        };
                        *place += 1;
                    } else if let Constraint::Tied(other) = operand.constraint {
                        let input = operands[usize::from(other)].value;
                        self.all[input as usize].heir = operand.value;
                    }
                }
            }
            for place in 0..flow.succs.of(block).len() {
                let params = flow.params.of(flow.succs.of(block)[place]);
                for (&param, &arg) in params.iter().zip(flow.passed(block, place)) {
                    let value = &mut self.all[arg as usize];
                    self.uses[value.uses.1 as usize] = Use {
                        inst: last + 1,
                        block,
                        param,
                        ..UNUSED
                    };
                    value.uses.1 += 1;
                    value.heir = param;
                }
            }
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    pub fn of(&self, value: u32) -> &Value {
        &self.all[value as usize]
    }

    pub fn uses(&self, value: u32) -> &[Use] {
        let (start, end) = self.of(value).uses;
        &self.uses[start as usize..end as usize]
    }

    pub fn is_used(&self, value: u32) -> bool {
        let (start, end) = self.of(value).uses;
        start < end
    }

    /// The value that can have the register of another once that is needed no longer.
    pub fn heir(&self, value: u32) -> Option<u32> {
        let heir = self.of(value).heir;
        if heir == NONE {
            return None;
        }
        let last = self.uses(value).last()?;
        let is_last = last.param == heir || last.inst == self.of(heir).def / 2;
        is_last.then_some(heir)
    }

    /// Whether there is a call between two points of a block.
    pub fn crosses_call(&self, block: u32, (from, to): (u32, u32)) -> bool {
        let calls = self.calls.of(block);
        let next = calls.partition_point(|&call| 2 * call < from);
        calls.get(next).is_some_and(|&call| 2 * call + 1 < to)
    }

    /// Whether there is a call behind one instruction of a block and before another.
    pub fn is_call_between(&self, block: u32, inst: u32, end: u32) -> bool {
        let calls = self.calls.of(block);
        let next = calls.partition_point(|&call| call <= inst);
        calls.get(next).is_some_and(|&call| call < end)
    }
}
