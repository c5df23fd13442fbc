//! What is in registers where a block begins.
//!
//! A block with one way to it begins as the other ends. Where ways meet, a value is in a register if
//! that is worth the loads on the ways on which it is in memory. A loop is entered before it was seen:
//! what it uses is loaded before it if that is better than in it, and what it does not use goes to
//! memory before it if there are not registers enough.

use crate::flow::SIZE;
use crate::lists::{NONE, reset};
use crate::machine::{Mask, NO_REGISTER};
use crate::memory::{Candidate, Found, NOT_FOUND};
use crate::scan::Scan;
use crate::values::Value;

/// Registers to leave free in a loop that needs more than there are.
const MARGIN: u32 = 2;
/// What a load at the end of a round counts against one in it: it may need a jump.
const LOOP_END: f32 = 1.1;

/// How often the current block runs, how often ways that were walked lead to it, and how many calls
/// there are in a round of its loop.
struct Weights {
    total: f32,
    freq: f32,
    rate: f32,
}

impl Scan<'_> {
    pub fn enter(&mut self) {
        let block = self.block;
        let (values, flow) = (self.values, self.flow);
        for &number in values.by_block.of(block) {
            let piece = &values.pieces[number as usize];
            let state = &mut self.memory.states[piece.value as usize];
            if piece.comes_in {
                state.in_block = block;
            }
            if piece.goes_out {
                state.out_block = block;
            }
        }
        for &value in values.through.of(block) {
            let state = &mut self.memory.states[value as usize];
            state.in_block = block;
            state.out_block = block;
        }
        for &param in self.params(block) {
            let state = self.state(param);
            state.in_block = block;
            state.is_param = true;
        }
        match *flow.preds.of(block) {
            [] => {}
            [pred] => {
                let places = flow.ways(block).map(|(_, place)| place);
                places.for_each(|place| self.inherit(pred, place));
            }
            _ => self.meet(),
        }
        for &value in self.params(block) {
            let register = self.state(value).register;
            let is_used = values.is_used(value);
            let state = self.state(value);
            state.defined_in = register;
            if register == NO_REGISTER && is_used {
                state.is_stored_at_def = true;
                state.is_born_in_slot = true;
                state.has_slot = true;
            }
        }
        if self.has_edge_moves(block) {
            for register in crate::machine::each(self.occupied) {
                let value = self.held[usize::from(register)];
                self.memory.entries.all.push((register, value));
            }
        }
        self.memory.entries.end();
        self.hint();
    }

    /// Whether a block with one way to it has nothing in it that says anything of registers.
    pub fn is_empty(&self, block: u32) -> bool {
        let inst = self.flow.first[block as usize];
        let clobbers = self.values.clobbers.get(self.next_clobber);
        inst == self.last
            && self.operands.of(inst).is_empty()
            && !self.has_edge_moves(block)
            && clobbers.is_none_or(|clobber| clobber.inst != inst)
    }

    /// What [`Self::enter`] and [`Self::leave`] come to for such a block.
    pub fn pass_through(&mut self) {
        let (block, values) = (self.block, self.values);
        let memory = &mut *self.memory;
        for &value in values.through.of(block) {
            memory.states[value as usize].in_block = block;
        }
        for &number in values.by_block.of(block) {
            let piece = &values.pieces[number as usize];
            memory.states[piece.value as usize].in_block = block;
        }
        for &pred in self.flow.preds.of(block) {
            for place in memory.exits.range(pred) {
                let (register, value) = memory.exits.all[place];
                if memory.states[value as usize].in_block == block {
                    memory.latest[self.homes.web[value as usize] as usize] = register;
                    memory.exits.all.push((register, value));
                }
            }
        }
        memory.exits.end();
        memory.entries.end();
    }

    /// Tells what will become the parameters where it should be.
    fn hint(&mut self) {
        let (block, flow) = (self.block, self.flow);
        let params = self.params(block);
        if params.is_empty() {
            return;
        }
        for (pred, place) in flow.ways(block).filter(|&(pred, _)| pred >= block) {
            for (&param, &arg) in params.iter().zip(flow.passed(pred, place)) {
                let register = self.state(param).register;
                if register != NO_REGISTER {
                    self.state(arg).hint = register;
                }
            }
        }
    }

    fn inherit(&mut self, pred: u32, place: usize) {
        let (block, flow) = (self.block, self.flow);
        for place in self.memory.exits.range(pred) {
            let (register, value) = self.memory.exits.all[place];
            if self.state(value).in_block == block {
                self.put(value, register);
            }
        }
        let params = self.params(block);
        if params.is_empty() {
            return;
        }
        let args = flow.passed(pred, place);
        for (&value, &arg) in params.iter().zip(args) {
            let exits = self.memory.exits.of(pred).iter();
            let register = exits.copied().find(|exit| exit.1 == arg);
            if let Some((register, _)) = register
                && self.occupied & 1 << register == 0
                && self.values.is_used(value)
            {
                self.put(value, register);
            }
        }
        let before = flow.first[block as usize].wrapping_sub(1);
        for (&value, &arg) in params.iter().zip(args) {
            let is_placed = self.state(value).register != NO_REGISTER;
            if is_placed || !self.values.is_used(value) {
                continue;
            }
            let exits = self.memory.exits.of(pred).iter();
            let is_in_slot = exits.copied().all(|exit| exit.1 != arg);
            if is_in_slot && self.homes.web[value as usize] == self.homes.web[arg as usize] {
                continue;
            }
            let class = self.machine.of_class[usize::from(self.values.of(value).class)];
            if let Some(register) = self.choose(value, class & !self.occupied, before) {
                self.put(value, register);
            }
        }
    }

    fn note(&mut self, value: u32, register: u8, freq: f32) {
        let block = self.block;
        let found = &mut self.memory.meeting.found[value as usize];
        if found.block != block {
            *found = Found { block, ..NOT_FOUND };
        }
        found.weight += freq;
        if freq > found.most {
            found.register = register;
            found.most = freq;
        }
    }

    /// What comes in registers, on the ways that were walked already; says how often these are taken.
    fn look_back(&mut self) -> f32 {
        let (block, flow) = (self.block, self.flow);
        let params = self.params(block);
        let mut total = 0.0;
        for (pred, way) in flow.ways(block).filter(|&(pred, _)| pred < block) {
            let freq = flow.edge_freq(pred, way) + SIZE;
            total += freq;
            for place in self.memory.exits.range(pred) {
                let (register, value) = self.memory.exits.all[place];
                if self.state(value).in_block == block {
                    self.note(value, register, freq);
                }
                self.state(value).register = register;
            }
            for (&param, &arg) in params.iter().zip(flow.passed(pred, way)) {
                let register = self.state(arg).register;
                if register != NO_REGISTER {
                    self.note(param, register, freq);
                }
            }
            for place in self.memory.exits.range(pred) {
                let (_, value) = self.memory.exits.all[place];
                self.state(value).register = NO_REGISTER;
            }
        }
        total
    }

    fn meet(&mut self) {
        let (block, flow, values) = (self.block, self.flow, self.values);
        let total = self.look_back();
        let freq = flow.freq[block as usize] + SIZE;
        let is_head = flow.is_head(block);
        let mut candidates = std::mem::take(&mut self.memory.meeting.candidates);
        candidates.clear();
        let weights = Weights {
            total,
            freq,
            rate: match is_head {
                // It would be loaded again at the end of a round with a call.
                true => self.memory.call_rates[block as usize].min(1.0),
                false => 0.0,
            },
        };
        for &number in values.by_block.of(block) {
            let piece = &values.pieces[number as usize];
            let pair = self.urgency.at(number);
            let candidate = self.candidate(piece.value, piece.comes_in, pair, &weights);
            candidates.extend(candidate);
        }
        let through = values.through.of(block).iter();
        for (&value, pair) in through.zip(self.urgency.through(values, block)) {
            candidates.extend(self.candidate(value, true, pair, &weights));
        }
        candidates.sort_unstable_by(|one, other| {
            let by_gain = other.gain.total_cmp(&one.gain);
            by_gain.then(one.value.cmp(&other.value))
        });
        if is_head {
            self.make_room(&mut candidates);
        }
        self.place_candidates(&candidates);
        self.memory.meeting.candidates = candidates;
    }

    /// What speaks for a register for a value at the start of the current block, if enough does.
    fn candidate(
        &self,
        value: u32,
        comes_in: bool,
        urgency: [f32; 2],
        weights: &Weights,
    ) -> Option<Candidate> {
        let block = self.block;
        let state = &self.memory.states[value as usize];
        if state.in_block != block || !self.values.is_used(value) {
            return None;
        }
        let mut found = self.memory.meeting.found[value as usize];
        if found.block != block {
            found = NOT_FOUND;
        }
        let is_head = self.flow.is_head(block);
        let home = self.homes.home[value as usize];
        let register = match (is_head, found.register) {
            (true, _) | (_, NO_REGISTER) if home != NO_REGISTER => home,
            (_, register) => register,
        };
        let renewed = match comes_in {
            true => 0.0,
            false => self.renewed(value),
        };
        let Weights { total, freq, rate } = *weights;
        let saved = |is_lost: usize| {
            let gain = freq * urgency[is_lost];
            match comes_in {
                true if state.is_stored_at_def => gain,
                // It has to be stored where it comes in a register.
                true => gain + 0.5 * found.weight,
                // A parameter in memory is stored on each way on which it comes in a register.
                false => gain + found.weight + renewed,
            }
        };
        let is_worth = |is_lost: usize| {
            let mut price = total - found.weight;
            if is_head && is_lost == 1 {
                price += LOOP_END * rate * (freq - total).max(0.0);
            }
            let saved = saved(is_lost);
            saved >= 0.99 * price && (saved > 0.0 || found.weight > 0.0)
        };
        let is_lost = usize::from(register != NO_REGISTER && self.is_clobbered(register));
        is_worth(is_lost).then(|| Candidate {
            value,
            register,
            gain: saved(is_lost),
            is_used_in_loop: !is_head || self.is_used_in(value, block),
            is_worth_less: is_worth(1),
        })
    }

    /// How often a parameter of this block becomes another value on ways that were not walked yet.
    fn renewed(&self, param: u32) -> f32 {
        let (block, flow) = (self.block, self.flow);
        let mut params = self.params(block).iter();
        let Some(place) = params.position(|&other| other == param) else {
            return 0.0;
        };
        let later = flow.ways(block).filter(|&(pred, _)| pred >= block);
        let other = later.filter(|&(pred, way)| {
            let args = flow.passed(pred, way);
            args.get(place) != Some(&param)
        });
        other.map(|(pred, way)| flow.edge_freq(pred, way)).sum()
    }

    fn place_candidates(&mut self, candidates: &[Candidate]) {
        let before = self.flow.first[self.block as usize].wrapping_sub(1);
        for one in candidates {
            if one.register != NO_REGISTER && self.occupied & 1 << one.register == 0 {
                self.put(one.value, one.register);
            }
        }
        for one in candidates {
            if self.state(one.value).register != NO_REGISTER {
                continue;
            }
            let class = usize::from(self.values.of(one.value).class);
            let mut free = self.machine.of_class[class] & !self.occupied;
            if !one.is_worth_less {
                free &= !self.values.clobbered;
            }
            if let Some(register) = self.choose(one.value, free, before) {
                self.put(one.value, register);
            }
        }
    }

    /// Whether a value is used between the first and the last block of a loop.
    fn is_used_in(&self, value: u32, head: u32) -> bool {
        let uses = self.values.uses(value);
        let first = self.flow.first[head as usize];
        let next = uses.partition_point(|one| one.inst < first);
        let end = self.flow.loop_end(head);
        // What is only loop-carried needs no register.
        let here = uses[next..].iter().take_while(|one| one.block <= end);
        here.into_iter().any(|one| one.param != value)
    }

    /// Leaves out what a loop does not use, as much as there are too few registers in it.
    fn make_room(&mut self, candidates: &mut Vec<Candidate>) {
        for class in 0..3 {
            let registers: Mask = self.machine.of_class[class];
            let pressure = self.memory.pressure[self.block as usize][class];
            let mut over = u32::from(pressure).saturating_sub(registers.count_ones());
            // Instructions with operands in place need copies.
            over += if over > 0 { MARGIN } else { 0 };
            for _ in 0..over {
                let unused = candidates.iter().rposition(|one| {
                    let own = usize::from(self.values.of(one.value).class);
                    own == class && !one.is_used_in_loop
                });
                match unused {
                    Some(place) => candidates.remove(place),
                    None => break,
                };
            }
        }
    }

    /// How many values are alive at once in each block, and in a loop as a whole at its head.
    pub fn find_pressure(&mut self) {
        let (flow, values) = (self.flow, self.values);
        let pressure = &mut self.memory.pressure;
        pressure.clear();
        pressure.resize(flow.blocks() as usize, [0; 3]);
        if (0..flow.blocks()).all(|block| !flow.is_head(block)) {
            return;
        }
        self.find_changes();
        let memory = &mut *self.memory;
        for block in (0..flow.blocks()).filter(|&block| flow.is_in_loop(block)) {
            let [first, last] = [&flow.first, &flow.last].map(|list| list[block as usize]);
            let [mut alive, mut most] = [[0; 3]; 2];
            for change in &memory.meeting.differences[2 * first as usize..2 * last as usize + 2] {
                for class in 0..3 {
                    alive[class] += change[class];
                    most[class] = most[class].max(alive[class]);
                }
            }
            for class in 0..3 {
                let through = values.through_counts[class][block as usize];
                let most = most[class] as u32 + through;
                memory.pressure[block as usize][class] = most.min(u32::from(u16::MAX)) as u16;
            }
        }
        self.find_call_rates();
        let pressure = &mut self.memory.pressure;
        for block in (0..flow.blocks()).rev() {
            let around = match flow.is_head(block) {
                true => flow.outer_of(block),
                false => flow.loop_of[block as usize],
            };
            if around != NONE {
                let inner = pressure[block as usize];
                for (outer, inner) in pressure[around as usize].iter_mut().zip(inner) {
                    *outer = inner.max(*outer);
                }
            }
        }
    }

    /// Finds how many more values are alive at each point than at the one before, in blocks in loops,
    /// of those that do not go through.
    fn find_changes(&mut self) {
        let (flow, values) = (self.flow, self.values);
        let changes = &mut self.memory.meeting.differences;
        let end = |block: u32| 2 * flow.last[block as usize] + 2;
        reset(changes, end(flow.blocks() - 1) as usize, [0; 3]);
        for value in 0..values.count() as u32 {
            let Value {
                def, class, block, ..
            } = *values.of(value);
            let mut add = |block: u32, from: u32, to: u32| {
                if flow.is_in_loop(block) {
                    changes[from as usize][usize::from(class)] += 1;
                    if to < end(block) {
                        changes[to as usize][usize::from(class)] -= 1;
                    }
                }
            };
            if let Some(global) = values.global(value) {
                let pieces = values.pieces_of(global).iter();
                pieces.for_each(|piece| add(piece.block, piece.from, piece.to));
            } else {
                let last = values.uses(value).last();
                let to = last.map_or(def + 1, |one| 2 * one.inst + 1);
                add(block, def, to.max(def + 1));
            }
        }
    }

    /// How many calls there are in one round of each loop, by its head.
    fn find_call_rates(&mut self) {
        let (flow, values) = (self.flow, self.values);
        let rates = &mut self.memory.call_rates;
        rates.clear();
        rates.resize(flow.blocks() as usize, 0.0);
        for block in (0..flow.blocks()).rev() {
            let freq = flow.freq[block as usize];
            if !values.calls.of(block).is_empty() && flow.loop_of[block as usize] != NONE {
                rates[flow.loop_of[block as usize] as usize] += freq;
            }
            if flow.is_head(block) {
                // Loops inside have larger numbers.
                let sum = rates[block as usize];
                let outer = flow.outer_of(block);
                if outer != NONE {
                    rates[outer as usize] += sum;
                }
                rates[block as usize] = sum / freq;
            }
        }
    }
}
