//! Copies of a region, one for each state.

use super::fold::fold;
use super::region::{Given, Region, STATES_MAX, argument};
use crate::facts::destinations;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, Function, Inst, InstBuilder, InstructionData, JumpTableData,
    Opcode, Value,
};
use foldhash::{HashMap, HashMapExt};

#[derive(Default)]
pub(super) struct Copies {
    /// What has become of each value of the region: its copies, with the blocks that define them. In the order of
    /// the values.
    pub(super) values: Vec<(Value, Vec<(Block, Value)>)>,
    /// Originals, with copies and the states that these are for.
    pub(super) blocks: Vec<(Block, Block, u64)>,
    /// Which blocks lead to copies of states, and are not copied: with how many ways they go on.
    pub(super) ways_in: Vec<(Block, usize, u64)>,
}

impl Copies {
    /// Each value with a copy of it.
    pub(super) fn values(&self) -> impl Iterator<Item = (Value, Value)> {
        let all = self.values.iter();
        all.flat_map(|(value, copies)| copies.iter().map(|&(_, copy)| (*value, copy)))
    }
}

struct Copier<'a> {
    region: &'a Region,
    /// The copies for states.
    blocks: HashMap<(Block, u64), Block>,
    /// Those without instructions: original, state, copy.
    open: Vec<(Block, u64, Block)>,
    /// Where the copies of each value are found.
    found: HashMap<Value, usize>,
    states: Vec<u64>,
    copies: Copies,
}

/// Copies the blocks of the region for each state, and lets all that leads to them lead to the copies. The originals
/// are left out. Nothing if there are more states than can be, or one is not known.
pub(super) fn copy(func: &mut Function, region: &Region) -> Option<Copies> {
    let mut copier = Copier {
        region,
        blocks: HashMap::new(),
        open: Vec::new(),
        found: HashMap::new(),
        states: Vec::new(),
        copies: Copies::default(),
    };
    let outside = func.layout.blocks();
    let outside = outside.filter(|&block| region.state(block).is_none());
    let outside: Vec<Block> = outside.collect();
    for block in outside {
        let Some(last) = func.layout.last_inst(block) else {
            continue;
        };
        let leads_in = |call: &BlockCall| {
            let to = call.block(&func.dfg.value_lists);
            region.takes.contains_key(&to)
        };
        if destinations(func, last).iter().any(leads_in) {
            copier.lead(func, block, [last; 2], None)?;
        }
    }
    while let Some((block, state, copy)) = copier.open.pop() {
        copier.fill(func, block, state, copy)?;
        if copier.states.len() > STATES_MAX {
            return None;
        }
    }
    for &(block, _) in &region.blocks {
        let last = func.layout.last_inst(block).expect("it has an end");
        if let InstructionData::BranchTable { table, .. } = func.dfg.insts[last] {
            func.dfg.jump_tables[table].clear();
        }
        func.layout.remove_block_and_insts(block);
    }
    copier
        .copies
        .values
        .sort_unstable_by_key(|(value, _)| *value);
    Some(copier.copies)
}

impl Copier<'_> {
    fn add(&mut self, value: Value, block: Block, copy: Value) {
        let values = &mut self.copies.values;
        let at = *self.found.entry(value).or_insert_with(|| {
            values.push((value, Vec::new()));
            values.len() - 1
        });
        values[at].1.push((block, copy));
    }

    /// The copy of a block for a state.
    fn copy_of(&mut self, func: &mut Function, block: Block, state: u64) -> Block {
        if let Some(&copy) = self.blocks.get(&(block, state)) {
            return copy;
        }
        let copy = func.dfg.make_block();
        func.layout.insert_block(copy, block);
        if func.layout.is_cold(block) {
            func.layout.set_cold(copy);
        }
        for (position, param) in func
            .dfg
            .block_params(block)
            .to_vec()
            .into_iter()
            .enumerate()
        {
            if self.region.takes.get(&block) != Some(&position) {
                let ty = func.dfg.value_type(param);
                let copied = func.dfg.append_block_param(copy, ty);
                self.add(param, copy, copied);
            }
        }
        if !self.states.contains(&state) {
            self.states.push(state);
        }
        self.copies.blocks.push((block, copy, state));
        self.blocks.insert((block, state), copy);
        self.open.push((block, state, copy));
        copy
    }

    /// Puts instructions into a copy.
    fn fill(&mut self, func: &mut Function, block: Block, number: u64, copy: Block) -> Option<()> {
        let state = self.region.state(block).expect("it is copied");
        let params = func.dfg.block_params(block).iter();
        let params = params.filter(|&&param| param != state);
        let copied = func.dfg.block_params(copy);
        let mut known: HashMap<Value, Value> =
            params.copied().zip(copied.iter().copied()).collect();
        let mut cursor = FuncCursor::new(func).at_bottom(copy);
        let ty = cursor.func.dfg.value_type(state);
        let constant = cursor.ins().iconst(ty, number.cast_signed());
        known.insert(state, constant);
        if self.region.takes.contains_key(&block) {
            self.add(state, copy, constant);
        }
        let insts: Vec<Inst> = cursor.func.layout.block_insts(block).collect();
        for inst in insts {
            let is_last = cursor.func.layout.last_inst(block) == Some(inst);
            cursor.use_srcloc(inst);
            let copied = match self.folded(cursor.func, inst, (state, number)) {
                Some(number) => {
                    let ty = cursor
                        .func
                        .dfg
                        .value_type(cursor.func.dfg.first_result(inst));
                    let constant = cursor.ins().iconst(ty, number.cast_signed());
                    cursor.func.dfg.value_def(constant).unwrap_inst()
                }
                None => {
                    let copied = clone(cursor.func, inst);
                    cursor.insert_inst(copied);
                    let location = cursor.func.srcloc(inst);
                    cursor.func.set_srcloc(copied, location);
                    copied
                }
            };
            if is_last {
                // With the values of the original, which what is given is computed from.
                self.lead(cursor.func, copy, [copied, inst], Some((state, number)))?;
                let last = cursor.func.layout.last_inst(copy).expect("it has an end");
                rename(cursor.func, last, &known);
                continue;
            }
            rename(cursor.func, copied, &known);
            let results = cursor.func.dfg.inst_results(inst).to_vec();
            for (position, result) in results.into_iter().enumerate() {
                let copied = cursor.func.dfg.inst_results(copied)[position];
                known.insert(result, copied);
                self.add(result, copy, copied);
            }
        }
        Some(())
    }

    /// What the result of an instruction is in a state.
    fn folded(&self, func: &Function, inst: Inst, state: (Value, u64)) -> Option<u64> {
        match func.dfg.inst_results(inst) {
            &[result] => fold(func, result, state.0, state.1),
            _ => None,
        }
    }

    /// Lets the last instruction of a block, or of a copy for a state, lead to copies. With the original of the
    /// instruction. Nothing if it is not known to which.
    fn lead(
        &mut self,
        func: &mut Function,
        block: Block,
        [last, original]: [Inst; 2],
        state: Option<(Value, u64)>,
    ) -> Option<()> {
        // Where its ways are among the original's.
        let mut first = 0;
        if let Some(state) = state
            && let Some(&arg) = func.dfg.inst_args(last).first()
            && let Some(number) = fold(func, arg, state.0, state.1)
        {
            first = chosen(func, last, number);
            func.dfg.insts[last] = InstructionData::Jump {
                opcode: Opcode::Jump,
                destination: destinations(func, last)[first],
            };
        }
        let ways = destinations(func, last).len();
        for way in 0..ways {
            let call = destinations(func, last)[way];
            let to = call.block(&func.dfg.value_lists);
            let Some(&position) = self.region.takes.get(&to) else {
                if let Some((_, number)) = state
                    && self.region.state(to).is_some()
                {
                    let copy = self.copy_of(func, to, number);
                    self.set(func, last, way, copy, None);
                }
                continue;
            };
            let passed = state.and_then(|(state, is)| {
                let passed = argument(func, &call, position)?;
                fold(func, passed, state, is).map(Given::Constant)
            });
            let given = || self.region.given.get(&(original, first + way)).copied();
            match passed.or_else(given)? {
                Given::Constant(number) => {
                    if state.is_none() {
                        self.copies.ways_in.push((block, ways, number));
                    }
                    let copy = self.copy_of(func, to, number);
                    self.set(func, last, way, copy, Some(position));
                }
                Given::Either(condition, numbers) => {
                    let destinations = numbers.map(|number| {
                        if state.is_none() {
                            self.copies.ways_in.push((block, 2, number));
                        }
                        let copy = self.copy_of(func, to, number);
                        let args = without(func, &call, Some(position));
                        BlockCall::new(copy, args, &mut func.dfg.value_lists)
                    });
                    func.dfg.insts[last] = InstructionData::Brif {
                        opcode: Opcode::Brif,
                        arg: condition,
                        blocks: destinations,
                    };
                }
            }
        }
        Some(())
    }

    /// Makes one of the destinations of a branch a copy, without an argument.
    fn set(
        &self,
        func: &mut Function,
        branch: Inst,
        way: usize,
        copy: Block,
        position: Option<usize>,
    ) {
        let call = destinations(func, branch)[way];
        let args = without(func, &call, position);
        let call = BlockCall::new(copy, args, &mut func.dfg.value_lists);
        let dfg = &mut func.dfg;
        let calls = dfg.insts[branch]
            .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        calls[way] = call;
    }
}

fn without(func: &Function, call: &BlockCall, position: Option<usize>) -> Vec<BlockArg> {
    let args = call.args(&func.dfg.value_lists).enumerate();
    args.filter(|&(at, _)| Some(at) != position)
        .map(|(_, arg)| arg)
        .collect()
}

/// Which of its destinations a branch goes to if what it depends on is known.
fn chosen(func: &Function, branch: Inst, number: u64) -> usize {
    match func.dfg.insts[branch] {
        InstructionData::BranchTable { table, .. } => {
            // The first is where all others go.
            let entries = func.dfg.jump_tables[table].as_slice().len();
            let entry = usize::try_from(number).ok();
            entry
                .filter(|&entry| entry < entries)
                .map_or(0, |entry| entry + 1)
        }
        _ => usize::from(number == 0),
    }
}

/// A copy of an instruction that shares nothing with it.
fn clone(func: &mut Function, inst: Inst) -> Inst {
    let copied = func.dfg.clone_inst(inst);
    if let InstructionData::BranchTable { table, arg, opcode } = func.dfg.insts[copied] {
        let calls: Vec<BlockCall> = func.dfg.jump_tables[table].all_branches().to_vec();
        let pool = &mut func.dfg.value_lists;
        let calls: Vec<BlockCall> = calls.iter().map(|call| call.deep_clone(pool)).collect();
        let table = JumpTableData::new(calls[0], &calls[1..]);
        let table = func.dfg.jump_tables.push(table);
        func.dfg.insts[copied] = InstructionData::BranchTable { table, arg, opcode };
    }
    copied
}

/// Has an instruction use the copies that its block defines.
fn rename(func: &mut Function, inst: Inst, known: &HashMap<Value, Value>) {
    func.dfg
        .map_inst_values(inst, |value| *known.get(&value).unwrap_or(&value));
}
