//! A register for each value that is alive in several blocks, as far as there is one that is free
//! wherever it is alive: its *home*. Those that are used most, for their length, come first.
//!
//! Parameters of blocks and what they become are one *web* where they are never alive at the same
//! time; the values of a web have the same home and the same place in memory.
//!
//! Homes are only wishes. What does not get one, and what has to leave it for a while, is decided
//! from instruction to instruction.

use crate::flow::{Flow, SIZE};
use crate::lists::{Lists, NONE, reset};
use crate::machine::{Machine, Mask, NO_REGISTER, each};
use crate::pieces::{Chunk, Piece};
use crate::urgency::Urgency;
use crate::values::Values;
use std::ops::Range;

/// What a move between registers counts against a load.
const MOVE: f32 = 0.5;

/// From where a block is free to where, points. What lies between two values is not looked for.
#[derive(Clone, Copy, Default)]
struct Gap {
    from: u32,
    to: u32,
}

impl Gap {
    fn whole(flow: &Flow, block: u32) -> Gap {
        Gap {
            from: 2 * flow.first[block as usize],
            to: 2 * flow.last[block as usize] + 2,
        }
    }

    fn takes(self, piece: &Piece) -> bool {
        piece.from >= self.from && piece.to <= self.to
    }

    fn fill(&mut self, piece: &Piece) {
        let Piece { from, to, .. } = *piece;
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
    /// By value: how often it is used, if it is alive in several blocks.
    pub weight: Vec<f32>,
    /// Where webs are alive that are made.
    sets: Vec<Chunk>,
    /// By web, as a value of several blocks: from where to where its part of that reaches.
    set_of: Vec<(u32, u32)>,
    order: Vec<(f32, u32)>,
    order_kept: Vec<(f32, u32)>,
    blocks: Vec<InBlock>,
    /// What is left of each register that is a home in a block, but not to the whole of it.
    gaps: Vec<Gap>,
    /// Heads of edges whose parameters are to be merged with what they become.
    edges: Vec<(f32, u32)>,
    /// By register: what a web would pay for it.
    prices: Vec<f32>,
}

/// Registers in a block.
#[derive(Clone, Copy)]
struct InBlock {
    /// Those that are a home somewhere.
    busy: Mask,
    /// Those that are one from the start to the end.
    full: Mask,
    /// Those that instructions want.
    wanted: Mask,
}

impl Homes {
    /// Makes webs.
    pub fn find_webs(&mut self, flow: &Flow, values: &Values) {
        let count = values.count();
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
            self.choose(machine, flow, values, urgency);
        }
    }

    fn weigh(&mut self, flow: &Flow, values: &Values) {
        reset(&mut self.weight, values.count(), 0.0);
        for value in values.globals.iter().map(|global| global.value) {
            let web = self.web[value as usize];
            let is_here = |param: u32| param != NONE && self.web[param as usize] == web;
            let uses = values.uses(value).iter().filter(|one| !is_here(one.param));
            let sum: f32 = uses.map(|one| flow.freq[one.block as usize] + SIZE).sum();
            let block = values.of(value).block;
            self.weight[value as usize] = flow.freq[block as usize] + SIZE + sum;
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
        self.sets.clear();
        self.sets.extend_from_slice(&values.chunks);
        self.set_of.clear();
        let sets = values.globals.iter().map(|global| global.chunks);
        self.set_of.extend(sets);
        // Each look at a web goes through all of its set.
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
                let mut cost = 0;
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

    /// Makes one web of two, if they are never alive together; says how much there was to look at.
    fn join(&mut self, flow: &Flow, values: &Values, param: u32, arg: u32) -> usize {
        let [web, other] = [param, arg].map(|value| self.web[value as usize]);
        if web == other {
            return 1;
        }
        let [own, theirs] = [web, other].map(|web| values.of(web).global);
        let cost = self.set(own).len() + self.set(theirs).len();
        if !self.are_apart(flow, values, web, other) {
            return cost;
        }
        self.unite(own, theirs);
        let mut member = arg;
        loop {
            self.web[member as usize] = web;
            member = self.next[member as usize];
            if member == arg {
                break;
            }
        }
        self.next.swap(param as usize, arg as usize);
        2 * cost
    }

    fn set(&self, web: u32) -> &[Chunk] {
        let (start, end) = self.set_of[web as usize];
        &self.sets[start as usize..end as usize]
    }

    /// Whether two webs are never alive together.
    fn are_apart(&self, flow: &Flow, values: &Values, web: u32, other: u32) -> bool {
        let [own, theirs] = [web, other].map(|web| self.set(values.of(web).global));
        let mut own = own.iter().peekable();
        for theirs in theirs {
            while own.next_if(|own| own.number < theirs.number).is_some() {}
            let Some(own) = own.peek().filter(|own| own.number == theirs.number) else {
                continue;
            };
            if own.alive & theirs.through | own.through & theirs.alive != 0 {
                return false;
            }
            let both = each(own.alive & theirs.alive);
            let mut both = both.map(|bit| 64 * own.number + u32::from(bit));
            if !both.all(|block| self.fit(flow, values, block, web, other)) {
                return false;
            }
        }
        true
    }

    /// Whether two webs are not alive together in a block through which neither goes. Each piece of
    /// a web is at its start or at its end.
    fn fit(&self, flow: &Flow, values: &Values, block: u32, web: u32, other: u32) -> bool {
        let pieces = |web: u32| {
            let all = values.by_block.of(block).iter();
            let all = all.map(|&number| &values.pieces[number as usize]);
            all.filter(move |piece| self.web[piece.value as usize] == web)
        };
        let mut gap = Gap::whole(flow, block);
        pieces(web).for_each(|piece| gap.fill(piece));
        pieces(other).all(|piece| gap.takes(piece))
    }

    /// Adds the set of another web to that of one, both by their numbers as values of several blocks.
    fn unite(&mut self, web: u32, other: u32) {
        let own = self.set_of[web as usize].0..self.set_of[web as usize].1;
        let theirs = self.set_of[other as usize].0..self.set_of[other as usize].1;
        let mut place = own.start;
        for theirs_at in theirs.clone() {
            let chunk = self.sets[theirs_at as usize];
            let is_before = |place: &u32| self.sets[*place as usize].number < chunk.number;
            place += (place..own.end).take_while(is_before).count() as u32;
            let same = &mut self.sets[place as usize..own.end as usize];
            match same.first_mut().filter(|one| one.number == chunk.number) {
                Some(same) => same.add(chunk),
                // There is no room. What was added is added again.
                None => {
                    self.set_of[web as usize] = self.unite_in_new(own, theirs);
                    return;
                }
            }
        }
    }

    /// Says from where to where the new set reaches.
    fn unite_in_new(&mut self, own: Range<u32>, theirs: Range<u32>) -> (u32, u32) {
        let start = self.sets.len();
        let (mut own, mut theirs) = (own.peekable(), theirs.peekable());
        loop {
            let next = [own.peek(), theirs.peek()].map(|place| match place {
                Some(&place) => self.sets[place as usize].number,
                None => NONE,
            });
            let number = next[0].min(next[1]);
            if number == NONE {
                return (start as u32, self.sets.len() as u32);
            }
            let mut chunk = Chunk {
                number,
                ..Chunk::default()
            };
            let is_next = |place: &u32| self.sets[*place as usize].number == number;
            let parts = [own.next_if(is_next), theirs.next_if(is_next)];
            for place in parts.into_iter().flatten() {
                chunk.add(self.sets[place as usize]);
            }
            self.sets.push(chunk);
        }
    }

    fn choose(&mut self, machine: &Machine, flow: &Flow, values: &Values, urgency: &Urgency) {
        self.order.clear();
        self.order_kept.clear();
        let globals = values.globals.iter().map(|global| global.value);
        for web in globals.filter(|&web| self.web[web as usize] == web) {
            let (mut weight, mut length, mut lost, mut stores) = (0.0, 0, 0.0, 0.0);
            for member in self.members(web) {
                weight += self.weight[member as usize];
                lost += urgency.lost[member as usize];
                stores += flow.freq[values.of(member).block as usize] + SIZE;
                length += values.global(member).map_or(0, |one| u64::from(one.length));
            }
            let length = ((length + 16) as f32).sqrt();
            self.order.push((weight / length, web));
            if lost > 0.0 {
                self.order_kept
                    .push(((lost + stores.min(lost)) / length, web));
            }
        }
        let blocks = flow.blocks() as usize;
        self.blocks.clear();
        self.blocks
            .extend(values.wanted.iter().map(|&wanted| InBlock {
                busy: 0,
                full: 0,
                wanted,
            }));
        // What is not of a home in this function is not looked at.
        self.gaps
            .resize(blocks * machine.registers.len(), Gap::default());
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
        let class = usize::from(values.of(web).class);
        let mut free = allowed & machine.of_class[class];
        let mut price = std::mem::take(&mut self.prices);
        reset(&mut price, registers, 0.0);
        let (mut weight, mut lost, mut stores) = (0.0, 0.0, 0.0);
        let mut crosses = false;
        'members: for member in self.members(web) {
            let def_block = values.of(member).block;
            weight += self.weight[member as usize];
            lost += urgency.lost[member as usize];
            stores += flow.freq[def_block as usize] + SIZE;
            let mut add_wanted = |block: u32, wanted: Mask| {
                if wanted != 0 {
                    let moves = 2.0 * MOVE * flow.freq[block as usize];
                    each(wanted).for_each(|register| price[usize::from(register)] += moves);
                }
            };
            let global = values.global(member).expect("it has pieces");
            crosses |= global.calls_on_way;
            for piece in values.pieces_of(global) {
                let InBlock { busy, full, wanted } = self.blocks[piece.block as usize];
                free &= !full;
                if free == 0 {
                    break 'members;
                }
                let gaps = &self.gaps[piece.block as usize * registers..];
                for register in each(free & busy) {
                    if !gaps[usize::from(register)].takes(piece) {
                        free &= !(1 << register);
                    }
                }
                crosses = crosses || values.crosses_call(piece.block, (piece.from, piece.to));
                add_wanted(piece.block, wanted & free);
            }
            for &block in values.ways_of(global) {
                let InBlock { busy, wanted, .. } = self.blocks[block as usize];
                free &= !busy;
                if free == 0 {
                    break 'members;
                }
                add_wanted(block, wanted & free);
            }
            if free == 0 {
                break;
            }
            // What it wants itself is counted among what is wanted there.
            let mut counted = (NONE, NO_REGISTER);
            let own = (def_block, values.of(member).register);
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
            let global = values.global(member).expect("it has pieces");
            for piece in values.pieces_of(global) {
                let block = piece.block as usize;
                let gap = &mut self.gaps[block * registers + usize::from(register)];
                let busy = &mut self.blocks[block].busy;
                if *busy & 1 << register == 0 {
                    *busy |= 1 << register;
                    *gap = Gap::whole(flow, piece.block);
                }
                gap.fill(piece);
            }
            for &block in values.ways_of(global) {
                let block = &mut self.blocks[block as usize];
                block.busy |= 1 << register;
                block.full |= 1 << register;
            }
            member = self.next[member as usize];
            if member == web {
                return;
            }
        }
    }
}
