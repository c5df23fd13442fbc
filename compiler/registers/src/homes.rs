//! A register for each value that is alive in several blocks, as far as there is one that is free
//! wherever it is alive: its *home*. Those that are used most, for their length, come first.
//!
//! Parameters of blocks and what they become are one *web* where they are never alive at the same
//! time; the values of a web have the same home and the same place in memory.
//!
//! Homes are only wishes. What does not get one, and what has to leave it for a while, is decided
//! from instruction to instruction.

use crate::flow::{Flow, Lists, NONE, SIZE};
use crate::machine::{Machine, Mask, NO_REGISTER, each};
use crate::urgency::Urgency;
use crate::values::Values;

/// What a move between registers counts against a load.
const MOVE: f32 = 0.5;

/// From where a block is free to where, points. What lies between two values is not looked for.
#[derive(Clone, Copy)]
struct Gap {
    from: u32,
    to: u32,
}

impl Gap {
    fn takes(self, (from, to): (u32, u32)) -> bool {
        from >= self.from && to <= self.to
    }

    fn fill(&mut self, (from, to): (u32, u32)) {
        if from.saturating_sub(self.from) <= self.to.saturating_sub(to) {
            self.from = self.from.max(to);
        } else {
            self.to = self.to.min(from);
        }
    }
}

#[derive(Default)]
pub struct Homes {
    /// By value.
    pub home: Vec<u8>,
    /// The values of a web have the same.
    pub web: Vec<u32>,
    /// The next value of the web, in a ring.
    next: Vec<u32>,
    /// Registers whose first use costs something and that are used anyway.
    pub opened: Mask,
    /// By value: how often it is used.
    pub weight: Vec<f32>,
    /// In which blocks instructions want certain registers.
    wanted: Vec<Mask>,
    /// Where a web that is made is alive, by block: of which web, and what is left.
    marks: Vec<(u32, Gap)>,
    marked: u32,
    order: Vec<(f32, u32)>,
    order_kept: Vec<(f32, u32)>,
    /// Registers that are a home somewhere in each block, and what is left of them.
    busy: Vec<Mask>,
    gaps: Vec<Gap>,
    /// Heads of edges whose parameters are to be merged with what they become.
    edges: Vec<(f32, u32)>,
    /// By register: what a web would pay for it.
    prices: Vec<f32>,
}

fn reset<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    list.clear();
    list.resize(len, value);
}

impl Homes {
    /// Makes webs.
    pub fn find_webs(&mut self, flow: &Flow, values: &Values) {
        let count = values.def.len();
        reset(&mut self.home, count, NO_REGISTER);
        self.web.clear();
        self.web.extend(0..count as u32);
        self.next.clear();
        self.next.extend(0..count as u32);
        self.opened = 0;
        if !values.pieces.is_empty() {
            self.merge(flow, values);
        }
    }

    pub fn find(&mut self, machine: &Machine, flow: &Flow, values: &Values, urgency: &Urgency) {
        self.weigh(flow, values);
        if !values.pieces.is_empty() {
            self.find_wanted(flow, values);
            self.choose(machine, flow, values, urgency);
        }
    }

    fn weigh(&mut self, flow: &Flow, values: &Values) {
        reset(&mut self.weight, values.def.len(), 0.0);
        for value in 0..values.def.len() as u32 {
            let block = values.def_block[value as usize];
            if block != NONE {
                let web = self.web[value as usize];
                let is_here = |param: u32| param != NONE && self.web[param as usize] == web;
                let uses = values.uses(value).iter().filter(|one| !is_here(one.param));
                let sum: f32 = uses.map(|one| flow.freq[one.block as usize] + SIZE).sum();
                self.weight[value as usize] = flow.freq[block as usize] + SIZE + sum;
            }
        }
    }

    fn find_wanted(&mut self, flow: &Flow, values: &Values) {
        reset(&mut self.wanted, flow.blocks() as usize, 0);
        for value in 0..values.def.len() as u32 {
            let register = values.def_register[value as usize];
            if register != NO_REGISTER {
                self.wanted[values.def_block[value as usize] as usize] |= 1 << register;
            }
            for one in values.uses(value) {
                if one.register != NO_REGISTER {
                    self.wanted[one.block as usize] |= 1 << one.register;
                }
            }
        }
        let mut block = 0;
        for clobber in values.clobbers.iter().filter(|clobber| !clobber.is_call) {
            while flow.last[block] < clobber.inst {
                block += 1;
            }
            self.wanted[block] |= clobber.mask;
        }
    }

    /// Makes webs, those of blocks that run often first.
    fn merge(&mut self, flow: &Flow, values: &Values) {
        self.edges.clear();
        for block in 1..flow.blocks() {
            if !flow.params.of(block).is_empty() {
                self.edges.push((flow.freq[block as usize], block));
            }
        }
        self.edges.sort_by(|one, other| other.0.total_cmp(&one.0));
        let unmarked = (NONE, Gap { from: 0, to: 0 });
        reset(&mut self.marks, flow.blocks() as usize, unmarked);
        self.marked = 0;
        // Each visit of a web goes through all of it.
        let mut left = 1_000_000 + 32 * values.pieces.len();
        let edges = std::mem::take(&mut self.edges);
        let mut args: Lists<u32> = Lists::default();
        for &(_, block) in &edges {
            args.clear();
            for (pred, place) in flow.ways(block) {
                args.all.extend_from_slice(flow.passed(pred, place));
                args.end();
            }
            for (place, &param) in flow.params.of(block).iter().enumerate() {
                let mut cost = self.mark(flow, values, param);
                for pred in 0..flow.preds.of(block).len() as u32 {
                    let Some(&arg) = args.of(pred).get(place) else {
                        continue;
                    };
                    cost += self.join(flow, values, param, arg);
                }
                left = left.saturating_sub(cost);
                if left == 0 {
                    self.edges = edges;
                    return;
                }
            }
        }
        self.edges = edges;
    }

    pub fn members(&self, value: u32) -> impl Iterator<Item = u32> + '_ {
        let mut at = Some(value);
        std::iter::from_fn(move || {
            let member = at?;
            let next = self.next[member as usize];
            at = (next != value).then_some(next);
            Some(member)
        })
    }

    /// Notes where the web of `value` is alive; says how much that was.
    fn mark(&mut self, flow: &Flow, values: &Values, value: u32) -> usize {
        self.marked += 1;
        let mut member = value;
        let mut count = 0;
        loop {
            count += self.mark_one(flow, values, member);
            member = self.next[member as usize];
            if member == value {
                return count;
            }
        }
    }

    fn mark_one(&mut self, flow: &Flow, values: &Values, value: u32) -> usize {
        let pieces = values.pieces(value);
        for piece in pieces {
            let block = piece.block as usize;
            let (mark, gap) = &mut self.marks[block];
            if *mark != self.marked {
                *mark = self.marked;
                *gap = whole(flow, piece.block);
            }
            gap.fill(piece.range());
        }
        pieces.len()
    }

    /// Adds the web of `arg` to the one that is marked, if they are never alive together.
    fn join(&mut self, flow: &Flow, values: &Values, param: u32, arg: u32) -> usize {
        if self.web[param as usize] == self.web[arg as usize] {
            return 1;
        }
        let mut count = 0;
        for member in self.members(arg) {
            for piece in values.pieces(member) {
                count += 1;
                let (mark, gap) = self.marks[piece.block as usize];
                if mark == self.marked && !gap.takes(piece.range()) {
                    return count;
                }
            }
        }
        let web = self.web[param as usize];
        let mut member = arg;
        loop {
            self.web[member as usize] = web;
            self.mark_one(flow, values, member);
            member = self.next[member as usize];
            if member == arg {
                break;
            }
        }
        self.next.swap(param as usize, arg as usize);
        count * 2
    }

    fn choose(&mut self, machine: &Machine, flow: &Flow, values: &Values, urgency: &Urgency) {
        self.order.clear();
        self.order_kept.clear();
        for web in 0..values.def.len() as u32 {
            if self.web[web as usize] != web || values.pieces(web).is_empty() {
                continue;
            }
            let (mut weight, mut length, mut lost, mut stores) = (0.0, 0, 0.0, 0.0);
            for member in self.members(web) {
                weight += self.weight[member as usize];
                lost += urgency.lost[member as usize];
                stores += flow.freq[values.def_block[member as usize] as usize] + SIZE;
                for piece in values.pieces(member) {
                    let (from, to) = piece.range();
                    length += u64::from(to - from);
                }
            }
            let length = ((length + 16) as f32).sqrt();
            self.order.push((weight / length, web));
            if lost > 0.0 {
                self.order_kept
                    .push(((lost + stores.min(lost)) / length, web));
            }
        }
        let blocks = flow.blocks() as usize;
        reset(&mut self.busy, blocks, 0);
        self.gaps.clear();
        let registers = machine.registers.len();
        let none = Gap { from: 0, to: 0 };
        self.gaps.resize(blocks * registers, none);
        // Registers that calls leave alone are for those that would lose most.
        for (mut order, allowed) in [
            (std::mem::take(&mut self.order_kept), !values.clobbered),
            (std::mem::take(&mut self.order), Mask::MAX),
        ] {
            order.sort_by(|one, other| other.0.total_cmp(&one.0));
            for &(_, web) in &order {
                if self.home[web as usize] == NO_REGISTER {
                    self.settle(machine, flow, values, urgency, web, allowed);
                }
            }
            match allowed {
                Mask::MAX => self.order = order,
                _ => self.order_kept = order,
            }
        }
    }

    /// Chooses the home of a web.
    fn settle(
        &mut self,
        machine: &Machine,
        flow: &Flow,
        values: &Values,
        urgency: &Urgency,
        web: u32,
        allowed: Mask,
    ) {
        let registers = machine.registers.len();
        let class = usize::from(values.class[web as usize]);
        let mut free = allowed & machine.of_class[class];
        let mut price = std::mem::take(&mut self.prices);
        reset(&mut price, registers, 0.0);
        let (mut weight, mut lost, mut stores) = (0.0, 0.0, 0.0);
        let mut crosses = false;
        'members: for member in self.members(web) {
            let def_block = values.def_block[member as usize];
            weight += self.weight[member as usize];
            lost += urgency.lost[member as usize];
            stores += flow.freq[def_block as usize] + SIZE;
            for piece in values.pieces(member) {
                let block = piece.block as usize;
                let range = piece.range();
                for register in each(free & self.busy[block]) {
                    let gap = self.gaps[block * registers + usize::from(register)];
                    if !gap.takes(range) {
                        free &= !(1 << register);
                    }
                }
                if !values.calls.is_empty() && !crosses {
                    crosses = values.crosses_call(range);
                }
                for register in each(self.wanted[block] & free) {
                    price[usize::from(register)] += 2.0 * MOVE * flow.freq[block];
                }
                if free == 0 {
                    break 'members;
                }
            }
            // What it wants itself is counted among what is wanted there.
            let mut counted = (NONE, NO_REGISTER);
            let own = (def_block, values.def_register[member as usize]);
            let uses = values.uses(member).iter();
            let uses = uses.map(|one| (one.block, one.register));
            for wish in std::iter::once(own).chain(uses) {
                let (block, register) = wish;
                if register != NO_REGISTER {
                    let moves = if wish == counted { 1.0 } else { 3.0 };
                    price[usize::from(register)] -= moves * MOVE * flow.freq[block as usize];
                    counted = wish;
                }
            }
        }
        self.prices = price;
        if free == 0 {
            return;
        }
        let price = &self.prices;
        let gain = if crosses {
            lost + stores.min(lost)
        } else {
            0.5 * weight
        };
        let mut best = (f32::INFINITY, NO_REGISTER);
        for register in each(free) {
            let bit: Mask = 1 << register;
            let mut price = price[usize::from(register)];
            if crosses && values.clobbered & bit != 0 {
                price += lost + stores.min(lost);
            }
            if machine.costly & bit != 0 {
                // A register that is saved anyway is only kept for those who need it.
                price += 0.01;
                if self.opened & bit == 0 {
                    let saving = 2.0 * (1.0 + SIZE);
                    price += if gain >= saving {
                        saving
                    } else {
                        f32::INFINITY
                    };
                }
            }
            if price < best.0 {
                best = (price, register);
            }
        }
        let (_, register) = best;
        if register == NO_REGISTER {
            return;
        }
        self.opened |= machine.costly & 1 << register;
        let mut member = web;
        loop {
            self.home[member as usize] = register;
            for piece in values.pieces(member) {
                let block = piece.block as usize;
                let gap = &mut self.gaps[block * registers + usize::from(register)];
                if self.busy[block] & 1 << register == 0 {
                    self.busy[block] |= 1 << register;
                    *gap = whole(flow, piece.block);
                }
                gap.fill(piece.range());
            }
            member = self.next[member as usize];
            if member == web {
                return;
            }
        }
    }
}

fn whole(flow: &Flow, block: u32) -> Gap {
    Gap {
        from: 2 * flow.first[block as usize],
        to: 2 * flow.last[block as usize] + 2,
    }
}
