//! Instructions with any operands: in certain registers, in memory, read until the end or written from
//! the start; and such that clobber registers.
//!
//! `claim` notes where operands have to be, `bring` has them there. Then what is read gets its place,
//! what is written before all is read, and what is written at the end.

use super::machine::Masks;
use super::place::{class_of, in_register, in_slot};
use super::state::{IN_SLOT, NONE, NOWHERE, Quick};
use regalloc2::{
    Allocation, Function, Inst, Operand, OperandConstraint, OperandKind, OperandPos, RegAllocError,
    RegClass,
};

/// What registers are taken for, in the instruction that the walk is at.
#[derive(Default)]
pub struct Now {
    /// What the instruction reads is in them, as far as it was in registers before.
    pub read: Masks,
    /// Taken until everything is read.
    pub early: Masks,
    /// Taken from then on, or clobbered.
    pub late: Masks,
    /// Operands that have to be in these registers are written.
    pub written: Masks,
}

impl Quick {
    /// # Errors
    /// When it needs what there is not.
    pub(super) fn mixed(
        &mut self,
        func: &dyn Function,
        inst: Inst,
        operands: &[Operand],
        clobbers: Masks,
    ) -> Result<(), RegAllocError> {
        let start = self.allocs.len();
        self.allocs
            .resize(start + operands.len(), Allocation::none());
        let mut now = Now {
            late: clobbers,
            ..Now::default()
        };
        self.claim(operands, &mut now)?;
        self.bring(func, inst, &mut now)?;
        self.clear_the_way(inst, &mut now);
        for (number, &operand) in operands.iter().enumerate() {
            if let OperandConstraint::FixedReg(register) = operand.constraint() {
                self.allocs[start + number] = Allocation::reg(register);
            } else if let OperandConstraint::Reuse(used) = operand.constraint() {
                let given = operands.get(used).ok_or(RegAllocError::TooManyOperands)?;
                if !self.allocs[start + used].is_none() && !is_fixed(*given) {
                    return Err(RegAllocError::TooManyOperands);
                }
                let register = self.read_and_written(func, inst, (*given, operand), &mut now)?;
                self.allocs[start + used] = in_register(register);
                self.allocs[start + number] = in_register(register);
            }
        }
        for (number, &operand) in operands.iter().enumerate() {
            if operand.kind() == OperandKind::Use && self.allocs[start + number].is_none() {
                self.allocs[start + number] = self.read(func, inst, operand, &mut now)?;
            }
        }
        for (number, &operand) in operands.iter().enumerate() {
            let is_early = operand.kind() == OperandKind::Def && operand.pos() == OperandPos::Early;
            if is_early && self.allocs[start + number].is_none() {
                let class = operand.class();
                let taken = now.early[class] | now.read[class];
                self.allocs[start + number] = self.written(func, operand, taken, &mut now)?;
            }
        }
        self.end_uses(operands);
        for register in (now.late & self.registers.busy).each() {
            let value = self.registers.held(register);
            // What is read until the end is neither written nor clobbered.
            if clobbers.has(register) || now.written.has(register) {
                debug_assert_eq!(self.values[value as usize].place, register);
                self.free(register);
            }
        }
        for (number, &operand) in operands.iter().enumerate() {
            if operand.kind() == OperandKind::Def && operand.as_fixed_nonallocatable().is_none() {
                if self.allocs[start + number].is_none() {
                    self.allocs[start + number] = self.written(func, operand, 0, &mut now)?;
                }
                self.define_at(operand, self.allocs[start + number], inst)?;
            }
        }
        Ok(())
    }

    fn define_at(
        &mut self,
        operand: Operand,
        at: Allocation,
        inst: Inst,
    ) -> Result<(), RegAllocError> {
        match at.as_reg() {
            Some(register) => {
                self.registers.opened.add(register.index() as u8);
                self.define(operand.vreg(), register.index() as u8, inst)
            }
            None => {
                let value = *self.value(operand.vreg());
                match value.point == IN_SLOT && at == in_slot(value.slot) {
                    true => Ok(()),
                    false => Err(RegAllocError::SSA(operand.vreg(), inst)),
                }
            }
        }
    }

    /// Which registers an operand may be in.
    fn allowed(&self, operand: Operand) -> u64 {
        let all = self.machine.all[operand.class()];
        match operand.constraint() {
            OperandConstraint::Limit(limit) if limit < 64 => all & ((1 << limit) - 1),
            _ => all,
        }
    }

    /// The register of what is read and then written over.
    fn read_and_written(
        &mut self,
        func: &dyn Function,
        inst: Inst,
        (operand, made): (Operand, Operand),
        now: &mut Now,
    ) -> Result<u8, RegAllocError> {
        if operand.kind() != OperandKind::Use {
            return Err(RegAllocError::TooManyOperands);
        }
        let (class, index) = (operand.class(), operand.vreg().vreg());
        let value = self.values[index];
        let fixed = match operand.constraint() {
            OperandConstraint::FixedReg(register) => Some(register.index() as u8),
            _ => None,
        };
        let allowed = self.allowed(operand);
        let place = fixed.unwrap_or(value.place);
        let is_place = place != NOWHERE
            && allowed >> (place & 63) & 1 != 0
            && !now.late.has(place)
            && (value.place != place || value.uses == 0);
        let register = match (is_place, fixed) {
            (true, _) => place,
            (false, Some(fixed)) if now.late.has(fixed) => {
                return Err(RegAllocError::TooManyLiveRegs);
            }
            (false, Some(fixed)) => {
                // What is used later is lost, and loaded again.
                self.free(fixed);
                fixed
            }
            (false, None) => {
                let hint = self.value(made.vreg()).hint;
                let among = allowed & !(now.early[class] | now.late[class] | now.read[class]);
                let copy = self.pick(class, among, hint)?;
                self.copy(func, inst, (index as u32, class), copy)?;
                copy
            }
        };
        now.early.add(register);
        now.late.add(register);
        Ok(register)
    }

    /// Has a register hold a value for one instruction.
    fn copy(
        &mut self,
        func: &dyn Function,
        inst: Inst,
        (value, class): (u32, RegClass),
        to: u8,
    ) -> Result<(), RegAllocError> {
        let place = self.values[value as usize].place;
        if place == NOWHERE {
            return self.load(func, (value, class), to, inst);
        }
        self.edit(inst, in_register(place), in_register(to));
        Ok(())
    }

    /// Where something is read.
    fn read(
        &mut self,
        func: &dyn Function,
        inst: Inst,
        operand: Operand,
        now: &mut Now,
    ) -> Result<Allocation, RegAllocError> {
        let (class, index) = (operand.class(), operand.vreg().vreg());
        let value = self.values[index];
        let is_late = operand.pos() == OperandPos::Late;
        let in_memory = operand.constraint() == OperandConstraint::Stack;
        let allowed = self.allowed(operand);
        let place = value.place;
        let fits = place != NOWHERE
            && allowed >> (place & 63) & 1 != 0
            && !(is_late && now.late.has(place));
        let register = if fits && !in_memory {
            self.registers.touch(place, inst);
            place
        } else if in_memory || operand.constraint() == OperandConstraint::Any {
            let slot = self.slot(func, (index as u32, class), inst)?;
            return Ok(in_slot(slot));
        } else {
            let mut taken = now.early[class] | now.read[class];
            if is_late {
                taken |= now.late[class];
            }
            let to = self.pick(class, allowed & !taken, value.hint)?;
            self.copy(func, inst, (index as u32, class), to)?;
            if place == NOWHERE {
                self.put(index as u32, to, inst);
            }
            to
        };
        now.early.add(register);
        if is_late {
            now.late.add(register);
        }
        Ok(in_register(register))
    }

    /// Where something is written.
    fn written(
        &mut self,
        func: &dyn Function,
        operand: Operand,
        taken: u64,
        now: &mut Now,
    ) -> Result<Allocation, RegAllocError> {
        let class = operand.class();
        let among = self.allowed(operand) & !taken & !now.late[class];
        let hint = self.value(operand.vreg()).hint;
        let picked = match operand.constraint() {
            OperandConstraint::Stack => None,
            OperandConstraint::Any => {
                let free = among & !self.registers.busy[class];
                self.free_one(class, free, hint)
            }
            _ => Some(self.pick(class, among, hint)?),
        };
        let Some(register) = picked else {
            let slot = self.slots.add(func, class);
            let value = self.value(operand.vreg());
            if value.point == NONE {
                value.point = IN_SLOT;
                value.slot = slot;
            }
            return Ok(in_slot(slot));
        };
        debug_assert_eq!(class_of(register), class);
        now.early.add(register);
        now.late.add(register);
        Ok(in_register(register))
    }
}

fn is_fixed(operand: Operand) -> bool {
    matches!(operand.constraint(), OperandConstraint::FixedReg(_))
}
