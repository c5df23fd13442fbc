//! What instructions say, read once: their operands, one behind the other, and what they clobber.
//!
//! Most numbers of virtual registers are those of no value, or of one that nothing is left of. Here
//! the values that are defined somewhere get numbers without gaps, in the same order; nothing behind
//! this knows others.
//!
//! Whoever revises what the allocator has found for a function takes what it has read.

use crate::lists::NONE;
use crate::machine::{Machine, NO_REGISTER, Used};
use regalloc2::{
    Allocation, Block, Function, Inst, OperandConstraint, OperandKind, OperandPos, PReg, PRegSet,
    RegAllocError, RegClass, VReg,
};

/// Where an operand may be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Constraint {
    Any,
    Register,
    /// In a register whose number on the machine is below this.
    Below(u8),
    Slot,
    /// In this register.
    Fixed(u8),
    /// Where the operand with this number in the same instruction is.
    Tied(u8),
}

/// What an instruction does with an operand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    ReadEarly,
    ReadLate,
    WrittenEarly,
    WrittenLate,
    /// It is no value, but a register that nothing is allocated to.
    Given,
}

#[derive(Clone, Copy)]
pub struct Operand {
    pub value: u32,
    pub constraint: Constraint,
    pub class: u8,
    pub role: Role,
}

const GIVEN: Operand = Operand {
    value: NONE,
    constraint: Constraint::Any,
    class: 0,
    role: Role::Given,
};

impl Operand {
    /// Whether it is a value at all.
    pub fn is_value(self) -> bool {
        self.role != Role::Given
    }

    pub fn is_use(self) -> bool {
        matches!(self.role, Role::ReadEarly | Role::ReadLate)
    }

    pub fn is_def(self) -> bool {
        matches!(self.role, Role::WrittenEarly | Role::WrittenLate)
    }

    pub fn is_late(self) -> bool {
        matches!(self.role, Role::ReadLate | Role::WrittenLate)
    }

    /// The register that it has to be in, or [`NO_REGISTER`].
    pub fn fixed(self) -> u8 {
        match self.constraint {
            Constraint::Fixed(register) => register,
            _ => NO_REGISTER,
        }
    }
}

#[derive(Default)]
pub struct Operands {
    pub all: Vec<Operand>,
    /// Where the operands of each instruction begin.
    pub starts: Vec<u32>,
    /// For each operand where it is, as far as that is given.
    pub allocs: Vec<Allocation>,
    /// What instructions clobber, of those that do.
    pub clobbers: Vec<(u32, PRegSet)>,
    /// The value of each virtual register, or [`NONE`].
    values: Vec<u32>,
    /// How many values there are.
    pub count: u32,
    pub used: Used,
    /// What was read last is the function whose result is to be revised.
    pub is_current: bool,
}

impl Operands {
    /// Reads a function. Then numbers are those of virtual registers, and those that the interface
    /// has for registers, until [`Self::renumber`].
    ///
    /// # Errors
    /// When a value has several definitions. Everything was read even so.
    pub fn read(&mut self, func: &dyn Function) -> Result<(), RegAllocError> {
        self.is_current = false;
        let mut result = Ok(());
        self.all.clear();
        self.starts.clear();
        self.allocs.clear();
        self.clobbers.clear();
        self.values.clear();
        self.values.resize(func.num_vregs(), NONE);
        self.used = Used::default();
        for inst in (0..func.num_insts()).map(Inst::new) {
            self.starts.push(self.all.len() as u32);
            for &operand in func.inst_operands(inst) {
                if let Err(error) = self.add(operand, inst) {
                    result = result.and(Err(error));
                }
            }
            let clobbers = func.inst_clobbers(inst);
            if clobbers != PRegSet::empty() {
                self.clobbers.push((inst.index() as u32, clobbers));
            }
        }
        self.starts.push(self.all.len() as u32);
        self.allocs.resize(self.all.len(), Allocation::none());
        for block in (0..func.num_blocks()).map(Block::new) {
            for param in func.block_params(block) {
                self.used.classes[param.class() as usize] = true;
                let first = || func.block_insns(block).first();
                result = result.and(self.define(param.vreg(), first));
            }
        }
        result
    }

    fn add(&mut self, operand: regalloc2::Operand, inst: Inst) -> Result<(), RegAllocError> {
        if let Some(register) = operand.as_fixed_nonallocatable() {
            self.allocs.resize(self.all.len(), Allocation::none());
            self.allocs.push(Allocation::reg(register));
            self.all.push(GIVEN);
            return Ok(());
        }
        let vreg = operand.vreg().vreg();
        let new = Operand {
            value: vreg as u32,
            constraint: match operand.constraint() {
                OperandConstraint::FixedReg(register) => {
                    self.used.fixed.add(register);
                    Constraint::Fixed(register.index() as u8)
                }
                OperandConstraint::Any => Constraint::Any,
                OperandConstraint::Reg => Constraint::Register,
                OperandConstraint::Limit(limit) => Constraint::Below(limit.min(255) as u8),
                OperandConstraint::Stack => Constraint::Slot,
                OperandConstraint::Reuse(other) => Constraint::Tied(other as u8),
            },
            class: operand.class() as u8,
            role: match (operand.kind(), operand.pos()) {
                (OperandKind::Use, OperandPos::Early) => Role::ReadEarly,
                (OperandKind::Use, OperandPos::Late) => Role::ReadLate,
                (OperandKind::Def, OperandPos::Early) => Role::WrittenEarly,
                (OperandKind::Def, OperandPos::Late) => Role::WrittenLate,
            },
        };
        self.used.classes[usize::from(new.class)] = true;
        self.all.push(new);
        match new.is_def() {
            true => self.define(vreg, || inst),
            false => Ok(()),
        }
    }

    fn define(&mut self, vreg: usize, inst: impl Fn() -> Inst) -> Result<(), RegAllocError> {
        match self.values.get_mut(vreg) {
            Some(value) if *value == NONE => *value = 0,
            _ => return Err(RegAllocError::SSA(VReg::new(vreg, RegClass::Int), inst())),
        }
        Ok(())
    }

    /// Numbers what is defined.
    pub fn number(&mut self) {
        self.count = 0;
        for value in self.values.iter_mut().filter(|value| **value != NONE) {
            *value = self.count;
            self.count += 1;
        }
    }

    /// Gives the operands of an instruction the numbers of values, and of registers as the machine
    /// has them; tells of those that are values.
    ///
    /// # Errors
    /// When a value has no definition, or has to be in a register that may not be allocated.
    #[inline]
    pub fn renumber(
        &mut self,
        inst: u32,
        machine: &Machine,
        mut take: impl FnMut(Operand),
    ) -> Result<(), RegAllocError> {
        let range = self.range(inst);
        for operand in &mut self.all[range] {
            if !operand.is_value() {
                continue;
            }
            if let Constraint::Fixed(register) = &mut operand.constraint {
                let number = machine.number(PReg::from_index(usize::from(*register)));
                *register = number.ok_or(RegAllocError::TooManyOperands)?;
            }
            let vreg = operand.value as usize;
            operand.value = match self.values.get(vreg) {
                Some(&value) if value != NONE => value,
                _ => {
                    let vreg = VReg::new(vreg, RegClass::Int);
                    return Err(RegAllocError::SSA(vreg, Inst::new(inst as usize)));
                }
            };
            take(*operand);
        }
        Ok(())
    }

    /// The value of a virtual register; none if nothing defines it.
    pub fn value(&self, vreg: usize) -> Option<u32> {
        let value = self.values.get(vreg).copied();
        value.filter(|&value| value != NONE)
    }

    pub fn range(&self, inst: u32) -> std::ops::Range<usize> {
        self.starts[inst as usize] as usize..self.starts[inst as usize + 1] as usize
    }

    pub fn of(&self, inst: u32) -> &[Operand] {
        &self.all[self.range(inst)]
    }
}
