//! Moves on the edges between blocks: from where values are when one ends to where they are when the
//! next begins.
//!
//! An edge to a block with one way to it has its moves at the start of that block, any other at the
//! end of the block before, which has one successor: so they run exactly when the edge is taken.

use crate::lists::NONE;
use crate::machine::{Mask, NO_REGISTER};
use crate::parallel::{Parallel, Wanted};
use crate::place::{COMING_IN, GOING_OUT, Needed, Place, key};
use crate::scan::Scan;

/// Stores on the ways to a block are better if they run less often than this part of what they replace.
const EDGES_PART: f32 = 0.8;

/// Marks what is in a register at the start of a block, apart from numbers of blocks.
const IN_REGISTER: u32 = 1 << 31;

impl Scan<'_> {
    pub fn resolve_edges(&mut self) {
        self.store_on_edges();
        let mut wanted = Vec::new();
        for block in 1..self.flow.blocks() {
            let values = self.values;
            if !self.has_edge_moves(block) {
                continue;
            }
            for &number in values.by_block.of(block) {
                let piece = &values.pieces[number as usize];
                if piece.comes_in {
                    self.state(piece.value).in_block = block;
                }
            }
            for &value in values.through.of(block) {
                self.state(value).in_block = block;
            }
            for place in self.memory.entries.range(block) {
                let (_, value) = self.memory.entries.all[place];
                self.state(value).out_block = block | IN_REGISTER;
            }
            let flow = self.flow;
            for (pred, place) in flow.ways(block) {
                self.resolve((pred, place), block, &mut wanted);
            }
        }
    }

    /// Whether there may be moves on the ways to a block. What is in registers where a block begins
    /// with one way to it, is there as that ends.
    pub fn has_edge_moves(&self, block: u32) -> bool {
        self.flow.only_pred(block) == NONE || !self.params(block).is_empty()
    }

    /// Finds the parameters that are better stored on the ways to their block than where it begins, or
    /// where they leave their registers: those that come round a loop are mostly in their slot already.
    fn store_on_edges(&mut self) {
        let flow = self.flow;
        for block in 1..flow.blocks() {
            let params = self.params(block);
            let states = &self.memory.states;
            let is_stored = |param: &u32| {
                let state = &states[*param as usize];
                state.is_stored_at_def || state.cost > 0.0
            };
            let may_be = flow.is_head(block) || params.iter().any(is_stored);
            if flow.preds.of(block).len() < 2 || !may_be {
                continue;
            }
            self.memory.prices.clear();
            self.memory.prices.resize(params.len(), 0.0);
            for (pred, way) in flow.ways(block) {
                for place in self.memory.exits.range(pred) {
                    let (register, value) = self.memory.exits.all[place];
                    self.state(value).register = register;
                }
                let freq = flow.edge_freq(pred, way);
                let args = flow.passed(pred, way);
                for (place, (&param, &arg)) in params.iter().zip(args).enumerate() {
                    self.memory.prices[place] += freq * self.price_of_store(param, arg);
                }
                for place in self.memory.exits.range(pred) {
                    let (_, value) = self.memory.exits.all[place];
                    self.state(value).register = NO_REGISTER;
                }
            }
            let most = EDGES_PART * flow.freq[block as usize];
            for (place, &param) in params.iter().enumerate() {
                let price = self.memory.prices[place];
                let state = self.state(param);
                state.is_stored_on_edges = !state.is_born_in_slot && price < most;
                // Then it needs no store where it leaves its register, either.
                if state.is_stored_on_edges && price < EDGES_PART * state.cost {
                    state.is_stored_at_def = true;
                }
            }
        }
    }

    /// How many moves it takes to have what becomes a parameter in the parameter's slot.
    fn price_of_store(&self, param: u32, arg: u32) -> f32 {
        let state = &self.memory.states[arg as usize];
        let is_same = self.homes.web[param as usize] == self.homes.web[arg as usize];
        match (is_same, state.register) {
            // What stays as it is, is there if it was.
            _ if param == arg => 0.0,
            (true, NO_REGISTER) => 0.0,
            (true, _) if state.is_stored_at_def => 0.0,
            (false, NO_REGISTER) => 2.0,
            _ => 1.0,
        }
    }

    fn resolve(&mut self, way: (u32, usize), block: u32, wanted: &mut Vec<Wanted>) {
        let (pred, place) = way;
        let freq = self.flow.edge_freq(pred, place);
        let mut busy: Mask = 0;
        let (memory, flow) = (&mut *self.memory, self.flow);
        for &(register, value) in memory.exits.of(pred) {
            busy |= 1 << register;
            memory.states[value as usize].register = register;
        }
        for place in self.memory.entries.range(block) {
            let (register, value) = self.memory.entries.all[place];
            busy |= 1 << register;
            // What is defined here and alive at the start is a parameter.
            let from = self.state(value).register;
            if from != register && self.values.of(value).block != block {
                self.want(wanted, value, from, Place::Register(register));
            }
        }
        for place in self.memory.exits.range(pred) {
            let (register, value) = self.memory.exits.all[place];
            let state = self.state(value);
            let is_lost = state.out_block != block | IN_REGISTER;
            if state.in_block == block && is_lost && self.needs_store(value, pred, freq) {
                wanted.push(Wanted {
                    from: Place::Register(register),
                    to: Place::Slot(value),
                    class: self.values.of(value).class,
                    needed: Needed::UnlessStored(value),
                });
            }
        }
        self.pass_on(way, block, freq, wanted);
        let memory = &mut *self.memory;
        for &(_, value) in memory.exits.of(pred) {
            memory.states[value as usize].register = NO_REGISTER;
        }
        if wanted.is_empty() {
            return;
        }
        let key = match flow.preds.of(block).len() {
            1 => key(2 * flow.first[block as usize], COMING_IN),
            _ => key(2 * flow.last[pred as usize], GOING_OUT),
        };
        let mut parallel = Parallel {
            machine: self.machine,
            free: !busy & !(self.machine.costly & !self.opened),
            spare: &mut self.memory.spare,
        };
        let web = &self.homes.web;
        let one_of = |place| match place {
            Place::Slot(value) => Place::Slot(web[value as usize]),
            place => place,
        };
        parallel.make(wanted, one_of, key, &mut self.memory.moves);
    }

    fn want(&mut self, wanted: &mut Vec<Wanted>, value: u32, from: u8, to: Place) {
        let from = match from {
            NO_REGISTER => {
                self.state(value).has_slot = true;
                Place::Slot(value)
            }
            register => Place::Register(register),
        };
        wanted.push(Wanted {
            from,
            to,
            class: self.values.of(value).class,
            needed: Needed::Always,
        });
    }

    /// What the parameters of a block become.
    fn pass_on(&mut self, way: (u32, usize), block: u32, freq: f32, wanted: &mut Vec<Wanted>) {
        let flow = self.flow;
        let params = self.params(block);
        if params.is_empty() {
            return;
        }
        let (pred, place) = way;
        for (&value, &arg) in params.iter().zip(flow.passed(pred, place)) {
            if !self.values.is_used(value) {
                continue;
            }
            let from = self.state(arg).register;
            let to = self.state(value).defined_in;
            if to != NO_REGISTER {
                self.want(wanted, arg, from, Place::Register(to));
                self.store_on_edge(wanted, value, arg, from);
                continue;
            }
            if self.homes.web[value as usize] != self.homes.web[arg as usize] {
                self.want(wanted, arg, from, Place::Slot(value));
            } else if from != NO_REGISTER && self.needs_store(arg, pred, freq) {
                wanted.push(Wanted {
                    from: Place::Register(from),
                    to: Place::Slot(value),
                    class: self.values.of(value).class,
                    needed: Needed::UnlessStored(arg),
                });
            }
        }
    }

    /// Stores what becomes a parameter in its slot, if that is done here and it is not there already.
    fn store_on_edge(&mut self, wanted: &mut Vec<Wanted>, param: u32, arg: u32, from: u8) {
        let states = &self.memory.states;
        if !states[param as usize].is_stored_on_edges || self.price_of_store(param, arg) == 0.0 {
            return;
        }
        let from = match from {
            NO_REGISTER => Place::Slot(arg),
            register => Place::Register(register),
        };
        wanted.push(Wanted {
            from,
            to: Place::Slot(param),
            class: self.values.of(param).class,
            needed: Needed::IfStored(param),
        });
    }
}
