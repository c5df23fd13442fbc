//! Definitions of an instruction, and the moves before it.
//!
//! A definition that is made late can have the register of an operand that was read early and is not
//! needed any longer; one that is made early cannot. One that takes over the register of a use gets it
//! if the value is not needed any longer, and otherwise a register of its own, into which that value
//! is copied before.

use crate::machine::NO_REGISTER;
use crate::memory::Scratch;
use crate::operands::{Constraint, Operand};
use crate::parallel::{Parallel, Wanted};
use crate::place::{BEFORE, Move, Needed, Place, key};
use crate::plan::{Plan, bit};
use crate::scan::Scan;
use regalloc2::RegAllocError;

impl Scan<'_> {
    pub fn definitions(
        &mut self,
        operands: &[Operand],
        plan: &mut Plan,
        scratch: &mut Scratch,
    ) -> Result<(), RegAllocError> {
        let numbered = || operands.iter().enumerate();
        let all = || numbered().filter(|(_, operand)| operand.is_def());
        let (mut are_tied, mut are_free) = (false, [false; 2]);
        for (_, operand) in all() {
            match operand.constraint {
                Constraint::Fixed(register) => {
                    scratch.defined.push((operand.value, register));
                    plan.taken |= 1 << register;
                }
                Constraint::Tied(_) => are_tied = true,
                _ => are_free[usize::from(operand.is_late())] = true,
            }
        }
        for (place, operand) in all().filter(|_| are_tied) {
            if let Constraint::Tied(other) = operand.constraint {
                self.define_tied(operands, place, other.into(), plan, scratch)?;
            }
        }
        for is_late_now in [false, true] {
            if !are_free[usize::from(is_late_now)] {
                continue;
            }
            let now = all().filter(|(_, operand)| operand.is_late() == is_late_now);
            for (place, &operand) in now {
                match operand.constraint {
                    Constraint::Fixed(_) | Constraint::Tied(_) => {}
                    Constraint::Slot => self.define_in_slot(operand, place, plan),
                    _ => self.define(operand, place, plan, scratch)?,
                }
            }
        }
        let mut defined = std::mem::take(&mut scratch.defined);
        for &(value, register) in &defined {
            self.defined(value, register, plan.inst);
        }
        defined.clear();
        scratch.defined = defined;
        Ok(())
    }

    /// A value comes into being in a register.
    pub fn defined(&mut self, value: u32, register: u8, inst: u32) {
        let ends_block = inst == self.last;
        let state = self.state(value);
        state.defined_in = register;
        state.ends_block = ends_block;
        self.opened |= self.machine.costly & 1 << register;
        if self.survives(value, inst) {
            self.put(value, register);
        }
    }

    fn define_in_slot(&mut self, operand: Operand, place: usize, plan: &Plan) {
        let value = operand.value;
        self.set_in_slot(plan, place, value);
        let state = self.state(value);
        state.is_stored_at_def = true;
        state.is_born_in_slot = true;
    }

    fn define(
        &mut self,
        operand: Operand,
        place: usize,
        plan: &mut Plan,
        scratch: &mut Scratch,
    ) -> Result<(), RegAllocError> {
        let value = operand.value;
        let mut allowed = self.fitting(operand) & !plan.not_late();
        if !operand.is_late() {
            allowed &= !plan.pinned & !plan.fixed_early;
        }
        let is_any = operand.constraint == Constraint::Any;
        if is_any && allowed & !self.occupied == 0 {
            self.define_in_slot(operand, place, plan);
            return Ok(());
        }
        let register = self.take(value, allowed, plan, scratch)?;
        self.set(plan, place, register);
        plan.taken |= 1 << register;
        if !operand.is_late() {
            plan.pinned |= 1 << register;
        }
        scratch.defined.push((value, register));
        Ok(())
    }

    /// A definition in the register of a use.
    fn define_tied(
        &mut self,
        operands: &[Operand],
        place: usize,
        other: usize,
        plan: &mut Plan,
        scratch: &mut Scratch,
    ) -> Result<(), RegAllocError> {
        let value = operands[place].value;
        let input = operands[other].value;
        let current = self.memory.allocs[plan.base + other].as_reg();
        let current = current.and_then(|register| self.machine.number(register));
        if let Some(register) = current
            && !self.survives(input, plan.inst)
            && plan.not_late() & 1 << register == 0
        {
            self.set(plan, place, register);
            plan.taken |= 1 << register;
            scratch.defined.push((value, register));
            return Ok(());
        }
        let class = self.machine.of_class[usize::from(operands[place].class)];
        let allowed = class & !plan.pinned & !plan.fixed_early & !plan.not_late();
        let register = self.take(value, allowed, plan, scratch)?;
        self.set(plan, place, register);
        self.set(plan, other, register);
        scratch.copies.push((input, register));
        plan.pinned |= 1 << register;
        plan.taken |= 1 << register;
        scratch.defined.push((value, register));
        Ok(())
    }

    /// Writes down what has to happen before the instruction.
    pub fn write_moves(&mut self, plan: &Plan, scratch: &mut Scratch) {
        let key = key(2 * plan.inst, BEFORE);
        for &(value, register) in &scratch.stores {
            if register != NO_REGISTER {
                self.memory.moves.push(Move {
                    key,
                    from: Place::Register(register),
                    to: Place::Slot(value),
                    needed: Needed::UnlessStored(value),
                });
            }
        }
        scratch.stores.clear();
        let mut busy = plan.pinned | plan.fixed_early;
        for &(value, origin) in &scratch.origins {
            busy |= bit(origin);
            // It goes from where it was to where it is now, if it still is anywhere.
            let state = &self.memory.states[value as usize];
            let register = state.register;
            let copy = (value, register);
            let is_defined = !state.is_param && self.values.of(value).def / 2 == plan.inst;
            if register != NO_REGISTER && !is_defined && !scratch.copies.contains(&copy) {
                scratch.copies.push(copy);
            }
        }
        for &(value, register) in &scratch.copies {
            busy |= 1 << register;
            let mut origins = scratch.origins.iter();
            let from = match origins.find(|origin| origin.0 == value) {
                Some(&(_, register)) => register,
                None => self.memory.states[value as usize].register,
            };
            busy |= bit(from);
            scratch.wanted.push(Wanted {
                from: match from {
                    NO_REGISTER => Place::Slot(value),
                    register => Place::Register(register),
                },
                to: Place::Register(register),
                class: self.values.of(value).class,
                needed: Needed::Always,
            });
            if from == NO_REGISTER {
                self.memory.states[value as usize].has_slot = true;
            }
        }
        scratch.origins.clear();
        scratch.copies.clear();
        scratch.pending.clear();
        // What was free before and is now: definitions of this instruction come later.
        let mut parallel = Parallel {
            machine: self.machine,
            free: !busy & !self.occupied & !(self.machine.costly & !self.opened),
            spare: &mut self.memory.spare,
        };
        let moves = &mut self.memory.moves;
        parallel.make(&mut scratch.wanted, |place| place, key, moves);
    }
}
