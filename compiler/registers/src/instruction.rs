//! One instruction: where its operands are, and what has to leave its register for them.
//!
//! What is decided here takes place at once, before the instruction: values go from where they were
//! (`origins`) to where they shall be. An instruction reads its early operands, then writes. So a
//! register is *pinned* for an early operand until then, and for a late one until the instruction
//! has written; and a register that the instruction overwrites, by a fixed definition or a clobber,
//! can only hold what is read early and not needed later.

use crate::machine::{Mask, NO_REGISTER, each};
use crate::memory::Scratch;
use crate::operands::{Constraint, Operand, Role};
use crate::plan::{Plan, bit, pin};
use crate::scan::Scan;
use regalloc2::{Allocation, RegAllocError};

/// What is needed less than this is not worth another register.
const WORTH: f32 = 1e-4;

impl<'a> Scan<'a> {
    /// # Errors
    /// When it needs more registers than there are.
    pub fn instruction(&mut self, inst: u32, scratch: &mut Scratch) -> Result<(), RegAllocError> {
        let range = self.operands.range(inst);
        let base = range.start;
        let operands = &self.operands.all[range];
        let clobbers = &self.values.clobbers;
        let mut overwritten = 0;
        if let Some(clobber) = clobbers.get(self.next_clobber)
            && clobber.inst == inst
        {
            self.next_clobber += 1;
            overwritten = clobber.mask;
            if clobber.is_call {
                self.next_call += 1;
            }
        } else if operands.is_empty() {
            return Ok(());
        }
        if overwritten == 0 && self.plain(operands, inst, base, scratch)? {
            return Ok(());
        }
        let mut plan = Plan {
            inst,
            base,
            overwritten,
            ..Plan::default()
        };
        self.operands(operands, &mut plan, scratch)?;
        self.write_moves(&plan, scratch);
        Ok(())
    }

    fn operands(
        &mut self,
        operands: &[Operand],
        plan: &mut Plan,
        scratch: &mut Scratch,
    ) -> Result<(), RegAllocError> {
        self.read_fixed(operands, plan);
        self.place_uses(operands, plan, scratch);
        if self.occupied & plan.claimed() != 0 {
            self.displace(operands, plan, scratch);
        }
        self.keep_fixed(operands, plan, scratch);
        for index in 0..scratch.pending.len() {
            let place = scratch.pending[index] as usize;
            self.place_pending(operands, place, plan, scratch)?;
        }
        for &operand in operands {
            if operand.is_use() && !self.survives(operand.value, plan.inst) {
                self.remove_noted(operand.value, scratch);
            }
        }
        self.definitions(operands, plan, scratch)
    }

    /// What is fixed, and what is tied.
    fn read_fixed(&mut self, operands: &[Operand], plan: &mut Plan) {
        for (place, &operand) in operands.iter().enumerate() {
            match operand.constraint {
                Constraint::Fixed(number) => {
                    let register: Mask = 1 << number;
                    self.set(plan, place, number);
                    match operand.role {
                        Role::ReadEarly => plan.fixed_early |= register,
                        Role::ReadLate => {
                            plan.fixed_early |= register;
                            plan.fixed_late |= register;
                        }
                        Role::WrittenEarly => {
                            plan.fixed_early |= register;
                            plan.overwritten |= register;
                        }
                        Role::WrittenLate => plan.overwritten |= register,
                        Role::Given => {}
                    }
                }
                Constraint::Tied(other) => plan.tied |= 1 << other,
                _ => {}
            }
        }
    }

    pub fn set(&mut self, plan: &Plan, place: usize, register: u8) {
        self.set_operand(plan.base + place, register);
    }

    /// Puts an operand, by its number in the function, into a register.
    pub fn set_operand(&mut self, operand: usize, register: u8) {
        let register = self.machine.registers[usize::from(register)];
        self.memory.allocs[operand] = Allocation::reg(register);
    }

    pub fn set_in_slot(&mut self, plan: &Plan, place: usize, value: u32) {
        self.state(value).has_slot = true;
        let operand = (plan.base + place) as u32;
        self.memory.in_slots.push((operand, value));
    }

    /// The registers that an operand can be in, as far as it alone is concerned.
    pub fn fitting(&self, operand: Operand) -> Mask {
        let class = self.machine.of_class[usize::from(operand.class)];
        match operand.constraint {
            Constraint::Below(limit) => class & self.machine.below(limit.into()),
            _ => class,
        }
    }

    /// Where a value has to be for a fixed operand.
    fn fixed_for(&self, operands: &[Operand], value: u32, only: Mask) -> Option<u8> {
        let own = operands
            .iter()
            .filter(|one| one.is_use() && one.value == value);
        let numbers = own.map(|one| one.fixed());
        let mut numbers = numbers.filter(|&number| only & bit(number) != 0);
        numbers.next()
    }

    /// Uses that can be where their value is; the others become pending. Copies for fixed ones.
    fn place_uses(&mut self, operands: &[Operand], plan: &mut Plan, scratch: &mut Scratch) {
        for (place, &operand) in operands.iter().enumerate() {
            if !operand.is_use() {
                continue;
            }
            let value = operand.value;
            let register = self.state(value).register;
            match operand.constraint {
                Constraint::Fixed(fixed) => {
                    if register != fixed && !scratch.copies.contains(&(value, fixed)) {
                        scratch.copies.push((value, fixed));
                    }
                }
                Constraint::Slot => {
                    if register != NO_REGISTER {
                        self.store(value, register, scratch);
                    }
                    self.set_in_slot(plan, place, value);
                }
                _ if self.is_right(operands, operand, register, plan) => {
                    self.set(plan, place, register);
                    pin(plan, operand, register);
                }
                // A definition loads it to where it wants to be itself.
                _ if plan.is_tied(place) && register == NO_REGISTER => {}
                _ => scratch.pending.push(place as u32),
            }
        }
    }

    /// Whether an operand can be read from this register.
    fn is_right(&self, operands: &[Operand], operand: Operand, register: u8, plan: &Plan) -> bool {
        let register_bit = bit(register);
        if register_bit & self.fitting(operand) == 0 {
            return false;
        }
        let mut bad = 0;
        if operand.is_late() {
            bad |= plan.overwritten | plan.fixed_late;
        }
        bad |= plan.fixed_early;
        if register_bit & bad == 0 {
            return true;
        }
        // It is there for a fixed operand of the same value.
        let own = self.fixed_for(operands, operand.value, register_bit);
        own.is_some() && !(operand.is_late() && plan.overwritten & register_bit != 0)
    }

    /// Values in registers that the instruction needs go elsewhere, if they are still needed.
    fn displace(&mut self, operands: &[Operand], plan: &mut Plan, scratch: &mut Scratch) {
        for register in each(self.occupied & plan.claimed()) {
            let value = self.held[usize::from(register)];
            let is_own = self.fixed_for(operands, value, 1 << register).is_some();
            if is_own && plan.overwritten & 1 << register == 0 {
                continue;
            }
            self.remove_noted(value, scratch);
            if self.survives(value, plan.inst) {
                let urgency = self.urgency(value, plan.inst, false);
                scratch.displaced.push((urgency, value));
            }
        }
        let mut displaced = std::mem::take(&mut scratch.displaced);
        displaced.sort_by(|one, other| other.0.total_cmp(&one.0));
        for &(urgency, value) in &displaced {
            self.place_displaced(operands, value, urgency, plan, scratch);
        }
        displaced.clear();
        scratch.displaced = displaced;
    }

    fn place_displaced(
        &mut self,
        operands: &[Operand],
        value: u32,
        urgency: f32,
        plan: &mut Plan,
        scratch: &mut Scratch,
    ) {
        let own = self.fixed_for(operands, value, !plan.overwritten & !self.occupied);
        if let Some(register) = own {
            self.put(value, register);
            return;
        }
        let class = usize::from(self.values.of(value).class);
        let allowed = self.machine.of_class[class] & !plan.claimed() & !plan.pinned;
        let free = allowed & !self.occupied;
        if urgency > WORTH {
            if let Some(register) = self.choose(value, free, plan.inst)
                && (!self.is_clobbered(register) || self.urgency(value, plan.inst, true) > WORTH)
            {
                self.put(value, register);
                return;
            }
            if let Some((register, least)) = self.least_needed(allowed, plan.inst)
                && least < 0.5 * urgency
            {
                let other = self.held[usize::from(register)];
                self.evict(other, plan, scratch);
                self.put(value, register);
                return;
            }
        }
        let (_, origin) = *scratch
            .origins
            .iter()
            .find(|origin| origin.0 == value)
            .expect("it was removed");
        self.store(value, origin, scratch);
    }

    /// A value that was in memory, and stays in the register of a fixed operand.
    fn keep_fixed(&mut self, operands: &[Operand], plan: &mut Plan, scratch: &mut Scratch) {
        for at in 0..scratch.copies.len() {
            let (value, register) = scratch.copies[at];
            let is_elsewhere = self.state(value).register != NO_REGISTER;
            let is_free = (self.occupied | plan.overwritten) & 1 << register == 0;
            if !is_elsewhere
                && is_free
                && self.survives(value, plan.inst)
                && self.fixed_for(operands, value, 1 << register).is_some()
            {
                self.note_origin(value, scratch);
                self.put(value, register);
            }
        }
    }

    fn place_pending(
        &mut self,
        operands: &[Operand],
        place: usize,
        plan: &mut Plan,
        scratch: &mut Scratch,
    ) -> Result<(), RegAllocError> {
        let operand = operands[place];
        let value = operand.value;
        let register = self.state(value).register;
        if self.is_right(operands, operand, register, plan) {
            self.set(plan, place, register);
            pin(plan, operand, register);
            return Ok(());
        }
        let mut fixed = self.fitting(operand);
        if operand.is_late() {
            fixed &= !plan.overwritten;
        }
        if let Some(fixed) = self.fixed_for(operands, value, fixed) {
            self.set(plan, place, fixed);
            return Ok(());
        }
        let had_none = scratch.origins.iter().all(|origin| origin.0 != value);
        let is_stored = register == NO_REGISTER
            && (had_none || scratch.stores.iter().any(|store| store.0 == value));
        if operand.constraint == Constraint::Any && is_stored {
            self.set_in_slot(plan, place, value);
            return Ok(());
        }
        let mut allowed = self.fitting(operand) & !plan.fixed_early & !plan.pinned;
        if operand.is_late() {
            allowed &= !plan.not_late();
        }
        let survives = self.survives(value, plan.inst);
        let lasting = allowed & !plan.overwritten & !plan.fixed_late;
        let allowed = match survives && register == NO_REGISTER && lasting != 0 {
            true => lasting,
            false => allowed,
        };
        let origin = scratch.origins.iter().find(|origin| origin.0 == value);
        if let (Constraint::Any, 0, Some(&(_, origin))) = (operand.constraint, allowed, origin)
            && origin != NO_REGISTER
        {
            self.store(value, origin, scratch);
            self.set_in_slot(plan, place, value);
            return Ok(());
        }
        let chosen = self.take(value, allowed, plan, scratch)?;
        self.set(plan, place, chosen);
        pin(plan, operand, chosen);
        scratch.copies.push((value, chosen));
        let stays = survives && (plan.overwritten | plan.fixed_late) & 1 << chosen == 0;
        if stays && self.state(value).register == NO_REGISTER {
            self.note_origin(value, scratch);
            self.put(value, chosen);
        }
        Ok(())
    }

    /// A register out of `allowed`, which is made free if need be.
    pub fn take(
        &mut self,
        value: u32,
        allowed: Mask,
        plan: &Plan,
        scratch: &mut Scratch,
    ) -> Result<u8, RegAllocError> {
        let free = allowed & !self.occupied;
        // A costly register is better than none, and worse than one whose value is hardly needed.
        if let Some(register) = self.choose(value, free, plan.inst) {
            return Ok(register);
        }
        if let Some((register, _)) = self.least_needed(allowed, plan.inst) {
            let other = self.held[usize::from(register)];
            self.evict(other, plan, scratch);
            return Ok(register);
        }
        match free {
            0 => Err(RegAllocError::TooManyLiveRegs),
            free => Ok(free.trailing_zeros() as u8),
        }
    }

    fn note_origin(&mut self, value: u32, scratch: &mut Scratch) {
        if scratch.origins.iter().all(|origin| origin.0 != value) {
            let register = self.state(value).register;
            scratch.origins.push((value, register));
        }
    }

    fn remove_noted(&mut self, value: u32, scratch: &mut Scratch) {
        self.note_origin(value, scratch);
        self.remove(value);
    }

    /// Sends a value to memory.
    fn evict(&mut self, value: u32, plan: &Plan, scratch: &mut Scratch) {
        let register = self.state(value).register;
        self.remove_noted(value, scratch);
        let origins = &scratch.origins;
        let origin = origins.iter().find(|origin| origin.0 == value);
        let &(_, origin) = origin.expect("it was removed");
        // It was to come here for this instruction, and may still have to be read here.
        scratch.copies.retain(|&copy| copy != (value, register));
        if plan.pinned & 1 << register != 0 && origin != register {
            scratch.copies.push((value, register));
        }
        if origin != NO_REGISTER {
            self.store(value, origin, scratch);
        }
    }

    fn store(&mut self, value: u32, register: u8, scratch: &mut Scratch) {
        let freq = self.flow.freq[self.block as usize];
        if self.needs_store(value, self.block, freq) {
            scratch.stores.push((value, register));
        } else {
            // Others only have to know that memory has it.
            scratch.stores.push((value, NO_REGISTER));
        }
    }
}
