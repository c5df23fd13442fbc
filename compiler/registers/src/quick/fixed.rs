//! Values that have to be in certain registers for an instruction, and those that have to leave them.

use super::machine::Masks;
use super::mixed::Now;
use super::place::{class_of, in_register};
use super::state::{NONE, NOWHERE, Quick};
use regalloc2::{
    Function, Inst, Operand, OperandConstraint, OperandKind, OperandPos, RegAllocError,
};

/// So many uses must be left for a value to open a register that calls keep.
const USES_TO_OPEN: u32 = 3;

impl Quick {
    /// Notes which registers the operands have to be in, and that their values are read.
    ///
    /// # Errors
    /// When two have to be in one, or it may not be allocated.
    pub(super) fn claim(
        &mut self,
        operands: &[Operand],
        now: &mut Now,
    ) -> Result<(), RegAllocError> {
        self.fixed.pending.clear();
        let mut written = Masks::default();
        for operand in operands {
            if operand.as_fixed_nonallocatable().is_some() {
                continue;
            }
            let is_use = operand.kind() == OperandKind::Use;
            let value = operand.vreg().vreg() as u32;
            if is_use {
                let known = &mut self.values[value as usize];
                known.uses -= 1;
                if known.place != NOWHERE {
                    now.read.add(known.place);
                }
            }
            let OperandConstraint::FixedReg(register) = operand.constraint() else {
                continue;
            };
            let register = register.index() as u8;
            let is_early = is_use || operand.pos() == OperandPos::Early;
            let is_late = !is_use || operand.pos() == OperandPos::Late;
            let known = self.fixed.wanted[usize::from(register)];
            let is_same = is_use && now.early.has(register) && known == value;
            let is_taken =
                is_early && now.early.has(register) && !is_same || is_late && written.has(register);
            if is_taken || !self.machine.all.has(register) {
                return Err(RegAllocError::TooManyLiveRegs);
            }
            if is_early {
                now.early.add(register);
                self.fixed.wanted[usize::from(register)] = if is_use { value } else { NONE };
            }
            if is_late {
                written.add(register);
                now.late.add(register);
            }
            if !is_use {
                now.written.add(register);
            }
            if is_use && !is_same && self.values[value as usize].place != register {
                self.fixed.pending.push((register, value));
            }
        }
        Ok(())
    }

    /// Brings values to the registers that they have to be in, others out of the way first.
    pub(super) fn bring(
        &mut self,
        func: &dyn Function,
        inst: Inst,
        now: &mut Now,
    ) -> Result<(), RegAllocError> {
        let mut pending = std::mem::take(&mut self.fixed.pending);
        while !pending.is_empty() {
            let count = pending.len();
            let mut place = 0;
            while let Some(&(to, value)) = pending.get(place) {
                let blocker = match self.registers.busy.has(to) {
                    true => self.registers.held(to),
                    false => NONE,
                };
                if blocker != NONE && pending.iter().any(|&(_, other)| other == blocker) {
                    // It goes to where it is wanted first, if that can be.
                    place += 1;
                    continue;
                }
                if blocker != NONE {
                    self.move_away(inst, to, now);
                }
                self.bring_one(func, inst, (to, value), now)?;
                pending.swap_remove(place);
            }
            if pending.len() == count {
                let (to, _) = pending[0];
                self.move_away(inst, to, now);
            }
        }
        self.fixed.pending = pending;
        Ok(())
    }

    fn bring_one(
        &mut self,
        func: &dyn Function,
        inst: Inst,
        (to, value): (u8, u32),
        now: &mut Now,
    ) -> Result<(), RegAllocError> {
        let known = self.values[value as usize];
        self.registers.opened.add(to);
        let from = known.place;
        if from == NOWHERE {
            self.load(func, (value, class_of(to)), to, inst)?;
            self.put(value, to, inst);
        } else {
            self.edit(inst, in_register(from), in_register(to));
            let is_wanted = now.early.has(from) && self.fixed.wanted[usize::from(from)] != value;
            if known.uses == 0 || is_wanted || now.late.has(from) && !now.late.has(to) {
                self.free(from);
                self.put(value, to, inst);
            }
        }
        Ok(())
    }

    /// Has the value in a register be in another one, or in none.
    fn move_away(&mut self, inst: Inst, from: u8, now: &mut Now) {
        let value = self.registers.held(from);
        let known = self.values[value as usize];
        let class = class_of(from);
        let free = self.machine.all[class]
            & !self.registers.busy[class]
            & !now.early[class]
            & !now.read[class];
        let is_read = now.read.has(from);
        let lasting = free & !now.late[class];
        let among = match (known.uses > 0, is_read) {
            (true, true) if lasting == 0 => free,
            (false, _) => free,
            (true, _) => lasting,
        };
        self.free(from);
        if let Some(to) = self.free_one(class, among, NOWHERE) {
            self.registers.opened.add(to);
            self.edit(inst, in_register(from), in_register(to));
            self.put(value, to, inst);
            if is_read {
                now.read.add(to);
            }
        }
    }

    /// Empties registers that are written before everything is read, and moves what is used later out
    /// of those that are written, where there is another one for it.
    pub(super) fn clear_the_way(&mut self, inst: Inst, now: &mut Now) {
        let early = now.early & now.written & self.registers.busy;
        for register in early.each() {
            if self.fixed.wanted[usize::from(register)] == NONE {
                self.move_away(inst, register, now);
            }
        }
        let lost = now.late & self.registers.busy;
        if lost == Masks::default() {
            return;
        }
        for register in lost.each() {
            let class = class_of(register);
            let kept = self.machine.all[class]
                & !self.registers.busy[class]
                & !now.early[class]
                & !now.late[class]
                & !now.read[class];
            let value = self.registers.held(register);
            let known = self.values[value as usize];
            let Some(to) = self.free_one(class, kept, NOWHERE) else {
                continue;
            };
            let is_open = self.registers.opened.has(to) || self.machine.preferred.has(to);
            let is_worth = match is_open {
                true => known.uses > 0,
                false => known.uses >= USES_TO_OPEN,
            };
            if is_worth {
                self.registers.opened.add(to);
                self.edit(inst, in_register(register), in_register(to));
                self.free(register);
                self.put(value, to, inst);
                if now.read.has(register) {
                    now.read.add(to);
                }
            }
        }
    }
}
