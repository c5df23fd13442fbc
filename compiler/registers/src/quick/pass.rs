//! The end of a block that is one of several before another: what it passes goes to where the
//! parameters of that are, all at once.
//!
//! Where the parameters are, the first way says: in a register of what is passed, if that is not used
//! any longer, in one that is free, or in a slot.

use super::machine::Masks;
use super::place::{class_of, in_register, in_slot};
use super::state::{IN_SLOT, NONE, NOWHERE, Pass, Quick, Step};
use regalloc2::{Allocation, Block, Function, Inst, ProgPoint, RegAllocError, VReg};

/// Places have numbers: registers their own, and behind those the slots.
const SLOTS: u32 = 256;

impl Quick {
    /// # Errors
    /// When something is passed that is not defined before.
    pub(super) fn pass(
        &mut self,
        func: &dyn Function,
        (block, succ): (Block, Block),
        last: Inst,
    ) -> Result<(), RegAllocError> {
        let params = func.block_params(succ);
        let args = func.branch_blockparams(block, last, 0);
        self.pass.steps.clear();
        self.pass.claimed = Masks::default();
        for &arg in args {
            self.value(arg).uses -= 1;
        }
        let first = func.block_insns(succ).first();
        for (&param, &arg) in params.iter().zip(args) {
            self.pass_one(func, (first, last), (param, arg))?;
        }
        if !self.pass.steps.is_empty() {
            self.make_steps(func, last);
        }
        for &arg in args {
            let value = self.value(arg);
            if value.uses == 0 && value.place != NOWHERE {
                let place = value.place;
                self.free(place);
            }
        }
        for register in (self.registers.busy & self.pass.claimed).each() {
            self.free(register);
        }
        self.meet(succ);
        Ok(())
    }

    fn pass_one(
        &mut self,
        func: &dyn Function,
        (first, last): (Inst, Inst),
        (param, arg): (VReg, VReg),
    ) -> Result<(), RegAllocError> {
        let class = param.class();
        if self.value(param).point == NONE {
            self.place_param(func, first, (param, arg));
        }
        let value = *self.value(param);
        let to = match (value.born, value.slot) {
            // Nobody reads it.
            (NOWHERE, NONE) => return Ok(()),
            (NOWHERE, slot) => SLOTS + slot,
            (register, _) => {
                self.pass.claimed.add(register);
                u32::from(register)
            }
        };
        let from = match self.value(arg).place {
            NOWHERE => SLOTS + self.slot(func, (arg.vreg() as u32, class), last)?,
            place => u32::from(place),
        };
        if from != to {
            self.pass.steps.push(Step { from, to, class });
        }
        Ok(())
    }

    /// Gives a parameter a place.
    fn place_param(&mut self, func: &dyn Function, first: Inst, (param, arg): (VReg, VReg)) {
        let class = param.class();
        let arg = *self.value(arg);
        let value = *self.value(param);
        let is_over = arg.place != NOWHERE && arg.uses == 0 && !self.pass.claimed.has(arg.place);
        let register = match is_over {
            _ if value.uses == 0 => None,
            true => Some(arg.place),
            false => {
                let taken = self.registers.busy[class] | self.pass.claimed[class];
                self.free_one(class, self.machine.all[class] & !taken, value.hint)
            }
        };
        let value = self.value(param);
        value.point = match register {
            Some(_) => ProgPoint::before(first).to_index(),
            None => IN_SLOT,
        };
        if let Some(register) = register {
            value.born = register;
            self.registers.opened.add(register);
        } else if value.uses > 0 {
            let slot = self.slots.add(func, class);
            self.value(param).slot = slot;
        }
    }

    /// Makes the steps one after the other, so that what each reads is what was there before all of
    /// them: a step is made when nobody reads any longer what it writes. When there is none, the rest
    /// are circles, and the source of one step is saved elsewhere.
    fn make_steps(&mut self, func: &dyn Function, last: Inst) {
        let mut pass = std::mem::take(&mut self.pass);
        pass.prepare(self.slots.end);
        pass.idle = self.machine.all & !self.registers.busy;
        for step in &pass.steps {
            for place in [step.from, step.to] {
                if place < SLOTS {
                    pass.idle.remove(place as u8);
                }
            }
        }
        let mut next = 0;
        while next < pass.steps.len() {
            while let Some(number) = pass.ready.pop() {
                let step = pass.steps[number as usize];
                self.make_step(func, last, step, &pass.idle);
                pass.done(number);
            }
            let step = pass.steps[next];
            if step.from == step.to {
                next += 1;
                continue;
            }
            let class = step.class;
            let to = match self.free_one(class, pass.idle[class], NOWHERE) {
                Some(register) => {
                    self.registers.opened.add(register);
                    pass.idle.remove(register);
                    u32::from(register)
                }
                None => SLOTS + self.slots.add(func, class),
            };
            self.make_step(func, last, Step { to, ..step }, &pass.idle);
            pass.grow(self.slots.end);
            pass.steps[next].from = to;
            pass.reads[to as usize] = 1;
            pass.read(step.from);
        }
        self.pass = pass;
    }

    fn make_step(&mut self, func: &dyn Function, last: Inst, step: Step, idle: &Masks) {
        let [from, to] = [step.from, step.to].map(allocation);
        if step.from < SLOTS || step.to < SLOTS {
            if step.to < SLOTS {
                self.registers.opened.add(step.to as u8);
            }
            self.edit(last, from, to);
            return;
        }
        let class = step.class;
        if let Some(register) = self.free_one(class, idle[class], NOWHERE) {
            self.registers.opened.add(register);
            self.edit(last, from, in_register(register));
            self.edit(last, in_register(register), to);
            return;
        }
        // Any register will do, if it gets back what it holds.
        let register = (class as u8) << 6 | self.machine.all[class].trailing_zeros() as u8;
        debug_assert_eq!(class_of(register), class);
        let spare = in_slot(self.slots.add(func, class));
        self.registers.opened.add(register);
        self.edit(last, in_register(register), spare);
        self.edit(last, from, in_register(register));
        self.edit(last, in_register(register), to);
        self.edit(last, spare, in_register(register));
    }
}

impl Pass {
    fn grow(&mut self, slots: u32) {
        let places = (SLOTS + slots) as usize;
        if self.reads.len() < places {
            self.reads.resize(places, 0);
            self.writer.resize(places, 0);
        }
    }

    fn prepare(&mut self, slots: u32) {
        self.grow(slots);
        for (number, step) in self.steps.iter().enumerate() {
            self.reads[step.from as usize] += 1;
            self.writer[step.to as usize] = number as u32 + 1;
        }
        self.ready.clear();
        for (number, step) in self.steps.iter().enumerate() {
            if self.reads[step.to as usize] == 0 {
                self.ready.push(number as u32);
            }
        }
    }

    /// A step is made: it is none any longer.
    fn done(&mut self, number: u32) {
        let step = &mut self.steps[number as usize];
        let (from, to) = (step.from, step.to);
        step.from = to;
        self.writer[to as usize] = 0;
        self.read(from);
    }

    /// One less reads a place.
    fn read(&mut self, place: u32) {
        let reads = &mut self.reads[place as usize];
        *reads -= 1;
        if *reads == 0
            && let Some(writer) = self.writer[place as usize].checked_sub(1)
        {
            self.ready.push(writer);
        }
    }
}

fn allocation(place: u32) -> Allocation {
    match place.checked_sub(SLOTS) {
        Some(slot) => in_slot(slot),
        None => in_register(place as u8),
    }
}
