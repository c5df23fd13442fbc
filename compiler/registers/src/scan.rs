//! The walk over all instructions, which knows at each point which register holds which value.
//!
//! What is alive and in no register is in memory, in the slot of its web. A value goes to memory when
//! another needs its register more (`choose.rs`), or a call clobbers it; it comes back for a use, and
//! stays as long as it can. Where blocks meet, `enter.rs` decides what is in registers, and `edges.rs`
//! makes it so on each edge.
//!
//! **Stores.** A value never changes, so once it is in its slot it stays there while it is alive: its
//! web has no other value at the same time. Either it is stored right where it is defined, for all, or
//! whenever it leaves its register and no earlier store dominates that place; what is cheaper is known
//! at the end. So on each way to a load there is a store.

use crate::flow::Flow;
use crate::homes::Homes;
use crate::lists::NONE;
use crate::machine::{Machine, Mask, NO_REGISTER, REGISTERS_MAX, each};
use crate::memory::{Memory, NOT_FOUND, State, UNKNOWN};
use crate::operands::Operands;
use crate::urgency::Urgency;
use crate::values::{Value, Values};
use regalloc2::RegAllocError;

pub struct Scan<'a> {
    pub operands: &'a Operands,
    pub machine: &'a Machine,
    pub flow: &'a Flow,
    pub values: &'a Values,
    pub homes: &'a Homes,
    pub urgency: &'a mut Urgency,
    pub memory: &'a mut Memory,
    /// What is in each register, for those that are occupied.
    pub held: [u32; REGISTERS_MAX],
    pub occupied: Mask,
    /// Costly registers that are used.
    pub opened: Mask,
    pub block: u32,
    pub last: u32,
    /// The first call behind the current instruction.
    pub next_call: usize,
    pub next_clobber: usize,
    /// `urgency.out` is that of the current block.
    knows_out: bool,
}

impl<'a> Scan<'a> {
    pub fn new(
        operands: &'a Operands,
        machine: &'a Machine,
        flow: &'a Flow,
        values: &'a Values,
        homes: &'a Homes,
        urgency: &'a mut Urgency,
        memory: &'a mut Memory,
    ) -> Scan<'a> {
        memory.states.clear();
        memory.states.resize(values.count(), UNKNOWN);
        memory.latest.clear();
        memory.latest.resize(values.count(), NO_REGISTER);
        memory.moves.clear();
        memory.allocs.clear();
        memory.allocs.extend_from_slice(&operands.allocs);
        memory.in_slots.clear();
        memory.entries.clear();
        memory.exits.clear();
        memory.spare = [false; 8];
        memory.meeting.found.clear();
        memory.meeting.found.resize(values.count(), NOT_FOUND);
        Scan {
            operands,
            machine,
            flow,
            values,
            homes,
            urgency,
            memory,
            held: [NONE; REGISTERS_MAX],
            occupied: 0,
            opened: homes.opened,
            block: 0,
            last: 0,
            next_call: 0,
            next_clobber: 0,
            knows_out: false,
        }
    }

    /// # Errors
    /// When an instruction needs more registers than there are.
    pub fn run(&mut self) -> Result<(), RegAllocError> {
        self.read_claims();
        let mut scratch = std::mem::take(&mut self.memory.scratch);
        for block in 0..self.flow.blocks() {
            self.block = block;
            self.last = self.flow.last[block as usize];
            let first = self.flow.first[block as usize];
            self.next_call = self.values.calls.range(block).start;
            if self.is_empty(block) {
                self.pass_through();
                continue;
            }
            self.enter();
            for inst in first..=self.last {
                self.instruction(inst, &mut scratch)?;
            }
            self.leave();
        }
        self.memory.scratch = scratch;
        Ok(())
    }

    /// Notes where registers will be wanted: by instructions, and by values whose home they are.
    fn read_claims(&mut self) {
        let registers = self.machine.registers.len();
        let claims = &mut self.memory.claims;
        claims.iter_mut().for_each(Vec::clear);
        claims.resize_with(registers, Vec::new);
        for value in 0..self.values.count() as u32 {
            let mut claim = |register: u8, point: u32| {
                if register != NO_REGISTER {
                    claims[usize::from(register)].push(point);
                }
            };
            let Value { def, register, .. } = *self.values.of(value);
            claim(register, def);
            claim(self.homes.home[value as usize], def);
            for one in self.values.uses(value) {
                claim(one.register, 2 * one.inst);
            }
        }
        for clobber in self.values.clobbers.iter().filter(|one| !one.is_call) {
            for register in each(clobber.mask) {
                claims[usize::from(register)].push(2 * clobber.inst + 1);
            }
        }
        claims.iter_mut().for_each(|claims| claims.sort_unstable());
        self.memory.claims_passed.clear();
        self.memory.claims_passed.resize(registers, 0);
    }

    /// The first point behind `inst` at which a register is wanted for something else than what is
    /// there.
    pub fn free_until(&mut self, register: u8, inst: u32) -> u32 {
        let claims = &self.memory.claims[usize::from(register)];
        let passed = &mut self.memory.claims_passed[usize::from(register)];
        while claims
            .get(*passed as usize)
            .is_some_and(|&claim| claim <= 2 * inst + 1)
        {
            *passed += 1;
        }
        let claim = claims.get(*passed as usize).copied().unwrap_or(NONE);
        match self.values.clobbered & 1 << register {
            0 => claim,
            _ => claim.min(self.call_behind(inst).saturating_mul(2).saturating_add(1)),
        }
    }

    /// The first call behind an instruction of the current block.
    pub fn call_behind(&self, inst: u32) -> u32 {
        let calls = self.values.calls.all[self.next_call..].iter();
        calls.copied().find(|&call| call > inst).unwrap_or(NONE)
    }

    pub fn state(&mut self, value: u32) -> &mut State {
        &mut self.memory.states[value as usize]
    }

    /// The next use of a value behind an instruction of the current block, in this block, as far as
    /// there is one.
    pub fn next_use(&mut self, value: u32, inst: u32) -> Option<crate::values::Use> {
        let uses = self.values.uses(value);
        let next = &mut self.memory.states[value as usize].next;
        while uses.get(*next as usize).is_some_and(|one| one.inst <= inst) {
            *next += 1;
        }
        let one = uses.get(*next as usize).copied();
        one.filter(|one| one.block == self.block)
    }

    /// Whether a value is needed behind an instruction of the current block.
    pub fn survives(&mut self, value: u32, inst: u32) -> bool {
        let uses = self.values.uses(value);
        let state = &mut self.memory.states[value as usize];
        if state.out_block == self.block {
            return true;
        }
        while let Some(one) = uses.get(state.next as usize) {
            if one.inst > inst {
                return one.block == self.block;
            }
            state.next += 1;
        }
        false
    }

    /// How soon a value is needed behind an instruction, in a register that calls clobber or not.
    pub fn urgency(&mut self, value: u32, inst: u32, is_clobbered: bool) -> f32 {
        let call = if is_clobbered {
            self.call_behind(inst)
        } else {
            NONE
        };
        let next = self.next_use(value, inst);
        let is_passed = next.is_some_and(|one| one.param != NONE);
        if let Some(one) = next.filter(|_| !is_passed) {
            return match call < one.inst {
                true => 0.0,
                false => self.urgency.power(one.inst - inst),
            };
        }
        let goes_out = self.memory.states[value as usize].out_block == self.block;
        if !(goes_out || is_passed) || call <= self.last {
            return 0.0;
        }
        if !self.knows_out {
            self.knows_out = true;
            let web = &self.homes.web;
            self.urgency
                .add_out(self.flow, self.values, web, self.block);
        }
        let out = self.urgency.out[value as usize][usize::from(is_clobbered)];
        out * self.urgency.power(self.last + 1 - inst)
    }

    pub fn is_clobbered(&self, register: u8) -> bool {
        self.values.clobbered & 1 << register != 0
    }

    /// Puts a value into a register that is free.
    pub fn put(&mut self, value: u32, register: u8) {
        debug_assert!(self.occupied & 1 << register == 0, "a free register");
        self.occupied |= 1 << register;
        self.opened |= self.machine.costly & 1 << register;
        self.held[usize::from(register)] = value;
        self.memory.latest[self.homes.web[value as usize] as usize] = register;
        self.state(value).register = register;
    }

    /// Takes a value out of its register, if it is in one.
    pub fn remove(&mut self, value: u32) {
        let register = std::mem::replace(&mut self.state(value).register, NO_REGISTER);
        if register != NO_REGISTER {
            self.occupied &= !(1 << register);
        }
    }

    /// What becomes of a value that leaves its register for memory: whether it has to be stored, at
    /// a place that runs so often.
    pub fn needs_store(&mut self, value: u32, block: u32, freq: f32) -> bool {
        let def_freq = self.flow.freq[self.values.of(value).block as usize];
        let flow = self.flow;
        let state = &mut self.memory.states[value as usize];
        state.has_slot = true;
        if state.is_stored_at_def {
            return false;
        }
        if state.stored_in != NONE && flow.dominates(state.stored_in, block) {
            return false;
        }
        state.stored_in = block;
        state.cost += freq;
        if state.cost >= 0.99 * def_freq && !state.ends_block {
            state.is_stored_at_def = true;
            return false;
        }
        true
    }

    fn leave(&mut self) {
        if std::mem::take(&mut self.knows_out) {
            self.urgency.clear_out(self.values, self.block);
        }
        for register in each(self.occupied) {
            let value = self.held[usize::from(register)];
            self.memory.exits.all.push((register, value));
            self.state(value).register = NO_REGISTER;
        }
        self.memory.exits.end();
        self.occupied = 0;
    }

    pub fn params(&self, block: u32) -> &'a [u32] {
        self.flow.params.of(block)
    }
}
