//! What lies between where states come together and where they are told apart.

use super::fold::{inverse, part_of, root};
use crate::facts::{self, destinations};
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, Inst, InstructionData, Opcode, Value, ValueDef,
    condcodes::IntCC,
};
use foldhash::{HashMap, HashMapExt};

/// So many blocks one behind the other, from where the state is a parameter to where it is passed on.
const CHAIN_MAX: usize = 16;
/// So many blocks are copied for each state.
const BLOCKS_MAX: usize = 32;
/// So many instructions are copied for all states together.
const INSTRUCTIONS_MAX: usize = 400;
/// So many constants are states.
pub(super) const STATES_MAX: usize = 32;

/// Blocks in which a value is the state that a dispatch tells apart.
pub(super) struct Region {
    /// The blocks, in the order in which they were found, each with the state in it.
    pub(super) blocks: Vec<(Block, Value)>,
    /// In which of its parameters a block takes the state.
    pub(super) takes: HashMap<Block, usize>,
    /// What is given on a way in by a branch, of which several may be.
    pub(super) given: HashMap<(Inst, usize), Given>,
    /// The states that are given so.
    states: Vec<u64>,
}

/// What a branch gives as the state.
#[derive(Clone, Copy)]
pub(super) enum Given {
    Constant(u64),
    /// Of a condition: what it is if that is so, and if it is not.
    Either(Value, [u64; 2]),
}

impl Region {
    /// That of a dispatch if all that leads to it gives constants, and no more than so many ways need be looked at.
    pub(super) fn find(
        func: &Function,
        cfg: &ControlFlowGraph,
        dispatch: Inst,
        ways_left: &mut usize,
    ) -> Option<Region> {
        let index = func.dfg.inst_args(dispatch)[0];
        let (block, position) = root(func, index)?;
        let mut region = Region {
            blocks: Vec::new(),
            takes: HashMap::new(),
            given: HashMap::new(),
            states: Vec::new(),
        };
        region.take(
            func,
            cfg,
            (block, position),
            func.layout.inst_block(dispatch)?,
        )?;
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            let position = region.takes[&block];
            for pred in cfg.pred_iter(block) {
                for (way, call) in destinations(func, pred.inst).iter().enumerate() {
                    if call.block(&func.dfg.value_lists) != block {
                        continue;
                    }
                    *ways_left = ways_left.checked_sub(1)?;
                    let argument = argument(func, call, position)?;
                    let given = match told_apart(func, cfg, pred.block, argument) {
                        Some(state) => Some(Given::Constant(state)),
                        None => Given::read(func, pred.inst, argument),
                    };
                    match given {
                        Some(Given::Constant(state)) => region.add_state(state)?,
                        Some(Given::Either(_, states)) => {
                            for state in states {
                                region.add_state(state)?;
                            }
                        }
                        None => {
                            let (from, at) = part_of(func, argument)?;
                            let is_new = !region.takes.contains_key(&from);
                            region.take(func, cfg, (from, at), pred.block)?;
                            if is_new {
                                open.push(from);
                            }
                        }
                    }
                    if let Some(given) = given {
                        region.given.insert((pred.inst, way), given);
                    }
                }
            }
        }
        let instructions: usize = region
            .blocks
            .iter()
            .map(|&(block, _)| func.layout.block_insts(block).count())
            .sum();
        let is_small = region.states.len() * instructions <= INSTRUCTIONS_MAX;
        (region.states.len() > 1 && is_small).then_some(region)
    }

    /// Nothing if there are too many.
    fn add_state(&mut self, state: u64) -> Option<()> {
        if !self.states.contains(&state) {
            self.states.push(state);
        }
        (self.states.len() <= STATES_MAX).then_some(())
    }

    /// Takes the blocks from the one that has the state as a parameter to the last one.
    fn take(
        &mut self,
        func: &Function,
        cfg: &ControlFlowGraph,
        (first, position): (Block, usize),
        last: Block,
    ) -> Option<()> {
        if func.layout.entry_block() == Some(first)
            || *self.takes.entry(first).or_insert(position) != position
        {
            return None;
        }
        let state = func.dfg.block_params(first)[position];
        let mut block = last;
        for _ in 0..CHAIN_MAX {
            match self.state(block) {
                Some(other) if other == state => return Some(()),
                Some(_) => return None,
                None => {}
            }
            if self.blocks.len() == BLOCKS_MAX || !can_be_copied(func, block) {
                return None;
            }
            self.blocks.push((block, state));
            if block == first {
                return Some(());
            }
            let mut preds = cfg.pred_iter(block);
            let pred = preds.next()?;
            if preds.next().is_some() {
                return None;
            }
            block = pred.block;
        }
        None
    }

    /// The state in a block.
    pub(super) fn state(&self, block: Block) -> Option<Value> {
        let found = self.blocks.iter().find(|found| found.0 == block);
        found.map(|&(_, state)| state)
    }

    /// How many values are defined in it.
    pub(super) fn values(&self, func: &Function) -> usize {
        let count = |&(block, _): &(Block, Value)| {
            func.dfg.num_block_params(block) + func.layout.block_insts(block).count()
        };
        self.blocks.iter().map(count).sum()
    }
}

impl Given {
    /// What is given by an argument of a branch, if that is constants.
    fn read(func: &Function, branch: Inst, value: Value) -> Option<Given> {
        if let Some(state) = facts::constant(func, value) {
            return Some(Given::Constant(state));
        }
        let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
            return None;
        };
        let is_only_way = func.dfg.insts[branch].opcode() == Opcode::Jump;
        match (func.dfg.insts[inst].opcode(), func.dfg.inst_args(inst)) {
            (Opcode::Select, &[condition, first, second]) if is_only_way => {
                let states = [
                    facts::constant(func, first)?,
                    facts::constant(func, second)?,
                ];
                Some(Given::Either(condition, states))
            }
            _ => None,
        }
    }
}

/// What a parameter is in a block, as all ways there branch by it.
fn told_apart(
    func: &Function,
    cfg: &ControlFlowGraph,
    mut block: Block,
    value: Value,
) -> Option<u64> {
    let ValueDef::Param(first, _) = func.dfg.value_def(value) else {
        return None;
    };
    for _ in 0..CHAIN_MAX {
        if block == first {
            return None;
        }
        let mut preds = cfg.pred_iter(block);
        let pred = preds.next()?;
        if preds.next().is_some() {
            return None;
        }
        if let Some(number) = only_way(func, pred.inst, block, value) {
            return Some(number);
        }
        block = pred.block;
    }
    None
}

/// The only number with which a branch goes to a block.
fn only_way(func: &Function, branch: Inst, block: Block, value: Value) -> Option<u64> {
    let leads = |call: &BlockCall| call.block(&func.dfg.value_lists) == block;
    match func.dfg.insts[branch] {
        InstructionData::BranchTable { arg, table, .. } => {
            let table = &func.dfg.jump_tables[table];
            let mut entries = (0_u64..).zip(table.as_slice());
            let (entry, _) = entries.find(|(_, call)| leads(call))?;
            let is_only = !entries.any(|(_, call)| leads(call)) && !leads(&table.default_block());
            let number = inverse(func, arg, value, entry)?;
            is_only.then_some(number)
        }
        InstructionData::Brif { arg, blocks, .. } => {
            let ValueDef::Result(inst, 0) = func.dfg.value_def(arg) else {
                return None;
            };
            let InstructionData::IntCompare { cond, args, .. } = func.dfg.insts[inst] else {
                return None;
            };
            let [is_so, is_not] = blocks.each_ref().map(leads);
            let is_equal = match cond {
                IntCC::Equal => is_so && !is_not,
                IntCC::NotEqual => is_not && !is_so,
                _ => false,
            };
            let number = facts::constant(func, args[1])?;
            is_equal.then(|| inverse(func, args[0], value, number))?
        }
        _ => None,
    }
}

/// An argument of a branch, if it is a value.
pub(super) fn argument(func: &Function, call: &BlockCall, position: usize) -> Option<Value> {
    let mut args = call.args(&func.dfg.value_lists);
    args.nth(position).and_then(|arg| match arg {
        BlockArg::Value(value) => Some(value),
        _ => None,
    })
}

/// Whether a block goes on in this function and calls no other.
fn can_be_copied(func: &Function, block: Block) -> bool {
    let Some(last) = func.layout.last_inst(block) else {
        return false;
    };
    let goes_on = matches!(
        func.dfg.insts[last],
        InstructionData::Jump { .. }
            | InstructionData::Brif { .. }
            | InstructionData::BranchTable { .. }
    );
    let insts = func.layout.block_insts(block);
    let mut opcodes = insts.map(|inst| func.dfg.insts[inst].opcode());
    goes_on && opcodes.all(|opcode| !opcode.is_call())
}
