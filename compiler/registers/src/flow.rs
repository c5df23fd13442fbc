//! The graph of blocks: who follows whom, dominators, loops, and how often each block runs.
//!
//! How often is an estimate. A loop runs eight times; an edge that leaves one is taken an eighth as
//! often as one that stays; what ends in a trap never runs. Where blocks have been counted (`counted`),
//! that is taken in its place. All numbers are only for choosing.

use crate::lists::{Lists, NONE, reset};
use crate::operands::Operands;
use regalloc2::{Block, Function, RegAllocError};

/// How often a loop runs, when it runs.
pub(crate) const ROUNDS: f32 = 8.0;
/// What an instruction counts for being there, against how often it runs.
pub const SIZE: f32 = 0.5;
/// Loops further inside do not run more often.
const DEPTH_MAX: u32 = 8;
/// How likely what ends in a trap is, against something else.
const UNLIKELY: f32 = 1.0 / 1024.0;

#[derive(Default)]
pub struct Flow {
    /// The first and the last instruction of each block.
    pub first: Vec<u32>,
    pub last: Vec<u32>,
    pub succs: Lists<u32>,
    /// Parameters of each block, and their classes.
    pub params: Lists<u32>,
    param_classes: Vec<u8>,
    /// What they become, by edge, in the order of `succs`.
    args: Lists<u32>,
    /// How likely each of `succs` is.
    pub likely: Vec<f32>,
    pub preds: Lists<u32>,
    /// By block: the one that leads to it, or [`NONE`] if there are several or none.
    only_preds: Vec<u32>,
    /// Which successor of each of `preds` a block is.
    pred_places: Lists<u32>,
    /// How often each block runs when the function is called.
    pub freq: Vec<f32>,
    /// The head of the innermost loop around each block, or [`NONE`].
    pub loop_of: Vec<u32>,
    /// The same around each head of a loop: the next loop further out.
    outer: Vec<u32>,
    /// The last block of each loop, by its head.
    ends: Vec<u32>,
    depth: Vec<u32>,
    idom: Vec<u32>,
    /// Numbers of the tree of dominators: each block's, and how many blocks it dominates.
    number: Vec<u32>,
    size: Vec<u32>,
    pending: Vec<u32>,
    pub(crate) inflow: Vec<f32>,
}

impl Flow {
    /// `counted` says how often blocks run, as [`crate::Counted`] has it.
    ///
    /// # Errors
    /// When blocks are not in an order in which each comes behind one that leads to it, or an edge
    /// has no place for moves.
    pub fn read(
        &mut self,
        func: &dyn Function,
        operands: &Operands,
        counted: &[f32],
    ) -> Result<(), RegAllocError> {
        let blocks = func.num_blocks();
        for list in [&mut self.first, &mut self.last] {
            list.clear();
        }
        for list in [&mut self.succs, &mut self.params, &mut self.args] {
            list.clear();
        }
        self.param_classes.clear();
        let mut next = 0;
        for block in (0..blocks).map(Block::new) {
            let insts = func.block_insns(block);
            if insts.first().index() != next || insts.len() == 0 {
                return Err(RegAllocError::BB(block));
            }
            next += insts.len();
            self.first.push(insts.first().index() as u32);
            self.last.push(insts.last().index() as u32);
            let succs = func.block_succs(block);
            let numbers = succs.iter().map(|succ| succ.index() as u32);
            self.succs.all.extend(numbers);
            self.succs.end();
            self.read_params(func, operands, block)?;
            let is_branch = func.is_branch(insts.last());
            for place in 0..succs.len() {
                if is_branch {
                    for arg in func.branch_blockparams(block, insts.last(), place) {
                        let value = operands.value(arg.vreg());
                        let value = value.ok_or(RegAllocError::SSA(*arg, insts.last()))?;
                        self.args.all.push(value);
                    }
                }
                self.args.end();
            }
        }
        self.find_preds();
        self.check(func, operands)?;
        self.find_dominators();
        self.find_loops();
        self.estimate(operands);
        if counted.len() == blocks {
            self.count(counted);
        }
        Ok(())
    }

    fn read_params(
        &mut self,
        func: &dyn Function,
        operands: &Operands,
        block: Block,
    ) -> Result<(), RegAllocError> {
        for param in func.block_params(block) {
            let value = operands.value(param.vreg());
            self.params.all.push(value.ok_or(RegAllocError::BB(block))?);
            self.param_classes.push(param.class() as u8);
        }
        self.params.end();
        Ok(())
    }

    fn check(&self, func: &dyn Function, operands: &Operands) -> Result<(), RegAllocError> {
        if func.entry_block().index() != 0 || !self.preds.of(0).is_empty() {
            return Err(RegAllocError::EntryLivein);
        }
        for block in 1..self.first.len() as u32 {
            let preds = self.preds.of(block);
            if !preds.iter().any(|&pred| pred < block) {
                return Err(RegAllocError::BB(Block::new(block as usize)));
            }
            let forks = |&&pred: &&u32| self.succs.of(pred).len() > 1;
            if let (2.., Some(&pred)) = (preds.len(), preds.iter().find(forks)) {
                let [pred, block] = [pred, block].map(|block| Block::new(block as usize));
                return Err(RegAllocError::CritEdge(pred, block));
            }
            // Moves come before the last instruction there, which must not need other places.
            for &pred in preds.iter().filter(|_| preds.len() > 1) {
                let last = self.last[pred as usize];
                if !operands.of(last).is_empty() {
                    let last = regalloc2::Inst::new(last as usize);
                    return Err(RegAllocError::DisallowedBranchArg(last));
                }
            }
        }
        Ok(())
    }

    /// What the parameters of a block become on one of the ways out of `pred`, by the number of that
    /// among its successors.
    pub fn passed(&self, pred: u32, place: usize) -> &[u32] {
        let first = self.succs.range(pred).start;
        self.args.of((first + place) as u32)
    }

    /// The same on all ways out of it, one behind the other.
    pub fn all_passed(&self, pred: u32) -> &[u32] {
        let edges = self.succs.range(pred);
        match edges.is_empty() {
            true => &[],
            false => {
                let start = self.args.range(edges.start as u32).start;
                let end = self.args.range(edges.end as u32 - 1).end;
                &self.args.all[start..end]
            }
        }
    }

    /// The only block that leads to one, or [`NONE`].
    pub fn only_pred(&self, block: u32) -> u32 {
        self.only_preds[block as usize]
    }

    /// The classes of a block's parameters.
    pub fn param_classes(&self, block: u32) -> &[u8] {
        &self.param_classes[self.params.range(block)]
    }

    pub fn blocks(&self) -> u32 {
        self.first.len() as u32
    }

    /// Whether every way to `block` leads through `other`.
    pub fn dominates(&self, other: u32, block: u32) -> bool {
        let [first, number] = [other, block].map(|block| self.number[block as usize]);
        number.wrapping_sub(first) < self.size[other as usize]
    }

    /// Whether a loop begins here.
    pub fn is_head(&self, block: u32) -> bool {
        self.loop_of[block as usize] == block
    }

    pub fn is_in_loop(&self, block: u32) -> bool {
        self.loop_of[block as usize] != NONE
    }

    /// Whether `block` is in the loop with this head.
    pub fn is_in(&self, block: u32, head: u32) -> bool {
        let mut at = self.loop_of[block as usize];
        while at != NONE && at > head {
            at = self.outer[at as usize];
        }
        at == head
    }

    pub fn outer_of(&self, head: u32) -> u32 {
        self.outer[head as usize]
    }

    /// The last block of the loop with this head.
    pub fn loop_end(&self, head: u32) -> u32 {
        self.ends[head as usize]
    }

    /// How often an edge is taken, by its place among the successors.
    pub fn edge_freq(&self, pred: u32, place: usize) -> f32 {
        let first = self.succs.range(pred).start;
        self.freq[pred as usize] * self.likely[first + place]
    }

    /// The ways to a block: the block before each, and which successor of that it is.
    pub fn ways(&self, block: u32) -> impl Iterator<Item = (u32, usize)> {
        let places = self.pred_places.of(block).iter();
        let preds = self.preds.of(block).iter().copied();
        preds.zip(places.map(|&place| place as usize))
    }

    fn find_preds(&mut self) {
        let blocks = self.first.len();
        let counts = &mut self.pending;
        reset(counts, blocks, 0);
        for &succ in &self.succs.all {
            counts[succ as usize] += 1;
        }
        self.preds.fill(counts.iter().copied());
        self.pred_places.fill(counts.iter().copied());
        for block in 0..blocks as u32 {
            for (place, &succ) in self.succs.of(block).iter().enumerate() {
                self.preds.add(succ, block);
                self.pred_places.add(succ, place as u32);
            }
        }
        self.only_preds.clear();
        let preds = (0..blocks as u32).map(|block| self.preds.of(block));
        self.only_preds.extend(preds.map(|preds| match *preds {
            [pred] => pred,
            _ => NONE,
        }));
    }

    fn find_dominators(&mut self) {
        let blocks = self.first.len();
        reset(&mut self.idom, blocks, NONE);
        self.idom[0] = 0;
        let mut changes = true;
        while changes {
            changes = false;
            let mut goes_back = false;
            for block in 1..blocks as u32 {
                let mut best = NONE;
                for &pred in self.preds.of(block) {
                    goes_back |= pred >= block;
                    if self.idom[pred as usize] == NONE {
                        continue;
                    }
                    best = if best == NONE {
                        pred
                    } else {
                        self.common(best, pred)
                    };
                }
                if self.idom[block as usize] != best {
                    self.idom[block as usize] = best;
                    changes = true;
                }
            }
            // Where nothing goes back, all that comes before a block was known.
            changes &= goes_back;
        }
        reset(&mut self.size, blocks, 1);
        for block in (1..blocks).rev() {
            self.size[self.idom[block] as usize] += self.size[block];
        }
        reset(&mut self.number, blocks, 0);
        let next = &mut self.pending;
        reset(next, blocks, 1);
        for block in 1..blocks {
            let above = self.idom[block] as usize;
            self.number[block] = next[above];
            next[above] += self.size[block];
            next[block] = self.number[block] + 1;
        }
    }

    fn common(&self, mut one: u32, mut other: u32) -> u32 {
        while one != other {
            if one > other {
                one = self.idom[one as usize];
            } else {
                other = self.idom[other as usize];
            }
        }
        one
    }

    /// Inner loops come first: their heads have larger numbers.
    fn find_loops(&mut self) {
        let blocks = self.first.len();
        for list in [&mut self.loop_of, &mut self.outer] {
            reset(list, blocks, NONE);
        }
        for head in (0..blocks as u32).rev() {
            self.pending.clear();
            for place in self.preds.range(head) {
                let pred = self.preds.all[place];
                if pred >= head && self.dominates(head, pred) {
                    self.pending.push(pred);
                }
            }
            if self.pending.is_empty() {
                continue;
            }
            while let Some(block) = self.pending.pop() {
                // The outermost loop around it that is known.
                let mut at = self.loop_of[block as usize];
                let mut inside = block;
                while at != NONE && at != head {
                    inside = at;
                    at = self.outer[at as usize];
                }
                if at == head {
                    continue;
                }
                if self.loop_of[inside as usize] == NONE {
                    self.loop_of[inside as usize] = head;
                } else {
                    self.outer[inside as usize] = head;
                }
                if inside != head {
                    let preds = self.preds.range(inside);
                    self.pending.extend_from_slice(&self.preds.all[preds]);
                }
            }
            self.loop_of[head as usize] = head;
        }
        self.ends.clear();
        self.ends.extend(0..blocks as u32);
        for block in (0..blocks as u32).rev() {
            let around = match self.is_head(block) {
                true => self.outer[block as usize],
                false => self.loop_of[block as usize],
            };
            if around != NONE {
                let end = self.ends[block as usize];
                let outer = &mut self.ends[around as usize];
                *outer = end.max(*outer);
            }
        }
    }

    fn estimate(&mut self, operands: &Operands) {
        let blocks = self.first.len();
        reset(&mut self.depth, blocks, 0);
        for head in 0..blocks {
            if self.loop_of[head] == head as u32 {
                let outer = self.outer[head];
                let above = if outer == NONE {
                    0
                } else {
                    self.depth[outer as usize]
                };
                self.depth[head] = above + 1;
            }
        }
        let is_cold = self.find_cold(operands);
        self.likely.clear();
        for block in 0..blocks as u32 {
            let around = self.loop_of[block as usize];
            let start = self.likely.len();
            let mut sum = 0.0;
            for &succ in self.succs.of(block) {
                let weight = if is_cold[succ as usize] {
                    UNLIKELY
                } else if around != NONE && !self.is_in(succ, around) {
                    1.0 / ROUNDS
                } else {
                    1.0
                };
                sum += weight;
                self.likely.push(weight);
            }
            self.likely[start..]
                .iter_mut()
                .for_each(|likely| *likely /= sum);
        }
        reset(&mut self.inflow, blocks, 0.0);
        self.freq.clear();
        let mut powers = [1.0; DEPTH_MAX as usize + 1];
        for depth in 1..powers.len() {
            powers[depth] = powers[depth - 1] * ROUNDS;
        }
        self.inflow[0] = 1.0;
        for block in 0..blocks as u32 {
            let around = self.loop_of[block as usize];
            let depth = if around == NONE {
                0
            } else {
                self.depth[around as usize]
            };
            let rounds = if around == block { ROUNDS } else { 1.0 };
            let most = powers[depth.min(DEPTH_MAX) as usize];
            let freq = (self.inflow[block as usize] * rounds).clamp(1e-9, most);
            self.freq.push(freq);
            for place in self.succs.range(block) {
                let succ = self.succs.all[place];
                self.inflow[succ as usize] += freq * self.likely[place];
            }
        }
    }

    /// Blocks that end in a trap, or lead to nothing else. To the allocator, a trap is a return
    /// without results; so it is only known where others return something.
    fn find_cold(&self, operands: &Operands) -> Vec<bool> {
        let blocks = self.first.len();
        let returns = |block: usize| {
            self.succs.of(block as u32).is_empty() && !operands.of(self.last[block]).is_empty()
        };
        let mut is_cold = vec![false; blocks];
        if !(0..blocks).any(returns) {
            return is_cold;
        }
        for block in (0..blocks).rev() {
            let succs = self.succs.of(block as u32);
            is_cold[block] = match succs {
                [] => !returns(block),
                succs => succs.iter().all(|&succ| is_cold[succ as usize]),
            };
        }
        is_cold
    }
}
