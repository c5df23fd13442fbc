//! What is in registers, and what is done to that: values are loaded, moved, defined and dropped.

use super::machine::register;
use super::state::{IN_SLOT, NONE, NOWHERE, Quick};
use regalloc2::{
    Allocation, Edit, Function, Inst, ProgPoint, RegAllocError, RegClass, SpillSlot, VReg,
};

/// A value that is not in its slot yet is dropped as if it had been used so many instructions later.
const UNSTORED: u32 = 8;

pub fn in_register(number: u8) -> Allocation {
    Allocation::reg(register(number))
}

pub fn in_slot(slot: u32) -> Allocation {
    Allocation::stack(SpillSlot::new(slot as usize))
}

pub fn class_of(number: u8) -> RegClass {
    register(number).class()
}

impl Quick {
    /// The slot of a value, for whoever reads it in front of an instruction.
    ///
    /// # Errors
    /// When nothing defines it before.
    pub(super) fn slot(
        &mut self,
        func: &dyn Function,
        (value, class): (u32, RegClass),
        inst: Inst,
    ) -> Result<u32, RegAllocError> {
        let known = &mut self.values[value as usize];
        if known.slot == NONE {
            if known.point == NONE {
                let vreg = VReg::new(value as usize, class);
                return Err(RegAllocError::SSA(vreg, inst));
            }
            known.slot = self.slots.add(func, class);
            if known.point < IN_SLOT {
                self.stores.add(known.point, value);
            }
        }
        Ok(known.slot)
    }

    /// A move before an instruction.
    #[inline]
    pub(super) fn edit(&mut self, inst: Inst, from: Allocation, to: Allocation) {
        self.edits
            .push((ProgPoint::before(inst), Edit::Move { from, to }));
    }

    /// Has a register hold a value.
    #[inline]
    pub(super) fn put(&mut self, value: u32, register: u8, inst: Inst) {
        self.values[value as usize].place = register;
        self.registers.busy.add(register);
        self.registers.held[usize::from(register)] = value;
        self.registers.touch(register, inst);
    }

    /// Has a register hold nothing.
    #[inline]
    pub(super) fn free(&mut self, register: u8) {
        self.registers.busy.remove(register);
        let value = self.registers.held(register);
        self.values[value as usize].place = NOWHERE;
    }

    /// Loads a value into a register, in front of an instruction.
    ///
    /// # Errors
    /// When nothing defines it before.
    pub(super) fn load(
        &mut self,
        func: &dyn Function,
        (value, class): (u32, RegClass),
        to: u8,
        inst: Inst,
    ) -> Result<(), RegAllocError> {
        let slot = self.slot(func, (value, class), inst)?;
        self.edit(inst, in_slot(slot), in_register(to));
        Ok(())
    }

    /// A value is defined behind an instruction, in a register.
    ///
    /// # Errors
    /// When it was before.
    #[inline]
    pub(super) fn define(&mut self, vreg: VReg, to: u8, inst: Inst) -> Result<(), RegAllocError> {
        let value = &mut self.values[vreg.vreg()];
        if value.point != NONE {
            return Err(RegAllocError::SSA(vreg, inst));
        }
        value.point = ProgPoint::after(inst).to_index();
        value.born = to;
        if value.uses > 0 {
            self.put(vreg.vreg() as u32, to, inst);
        }
        Ok(())
    }

    /// One of these registers for a value: where it is best, one that is free, or one whose value has
    /// not been used for longest, and is dropped.
    ///
    /// # Errors
    /// When there is none.
    #[inline]
    pub(super) fn pick(
        &mut self,
        class: RegClass,
        among: u64,
        hint: u8,
    ) -> Result<u8, RegAllocError> {
        let free = among & !self.registers.busy[class];
        let register = match self.free_one(class, free, hint) {
            Some(register) => register,
            None => self.drop_one(class, among)?,
        };
        self.registers.opened.add(register);
        Ok(register)
    }

    /// One of these, which are free.
    #[inline]
    pub(super) fn free_one(&self, class: RegClass, free: u64, hint: u8) -> Option<u8> {
        if free == 0 {
            return None;
        }
        if hint != NOWHERE && free >> (hint & 63) & 1 != 0 && hint >> 6 == class as u8 {
            return Some(hint);
        }
        let preferred = free & self.machine.preferred[class];
        let opened = free & self.registers.opened[class];
        let best = match (preferred, opened) {
            (0, 0) => free,
            (0, opened) => opened,
            (preferred, _) => preferred,
        };
        Some((class as u8) << 6 | best.trailing_zeros() as u8)
    }

    fn drop_one(&mut self, class: RegClass, among: u64) -> Result<u8, RegAllocError> {
        let mut left = among;
        let mut found = None;
        while left != 0 {
            let register = (class as u8) << 6 | left.trailing_zeros() as u8;
            left &= left - 1;
            let value = &self.values[self.registers.held(register) as usize];
            let used = self.registers.used[usize::from(register)];
            let time = used.saturating_add(if value.slot == NONE { UNSTORED } else { 0 });
            if found.is_none_or(|(least, _)| time < least) {
                found = Some((time, register));
            }
        }
        let (_, register) = found.ok_or(RegAllocError::TooManyLiveRegs)?;
        self.free(register);
        Ok(register)
    }
}
