//! Optimises CLIF, in one walk down the dominator tree. Comes in: CLIF as it was translated and inlined.
//! Goes out: CLIF whose expressions are as simple as the rules know, made once, and placed where they are
//! needed; with the flow graph and the dominator tree of it.
//!
//! It does what Cranelift's e-graph does, in a third of the time: that keeps several ways to make a value and
//! chooses among them at the end, which for code of WebAssembly, whose compilers have optimised it, was
//! hardly ever another than the last found. Here a value has one way, so that the walk that finds it can
//! place it as well.
//!
//! At each instruction, everything that dominates it has been looked at. One without effects is formed
//! (`form`, `rules`) and taken out of the code. One that stays has its operands replaced by what has become of
//! them, is simplified itself (`effects`), is left out if memory is known to be as it would leave it or find
//! it (`accesses`), and has its operands placed in front of it (`place`). What nobody needs is never placed.
//!
//! Sound because a value is only ever replaced by one that is the same wherever both are there, and that is
//! there wherever the first is: expressions are found by their operands within the subtree of the dominator
//! tree in which all of these are.
//!
//! Each instruction is looked at once, forms a bounded number of others, and is placed as often as the
//! bound in `place` says.

mod accesses;
mod edges;
mod effects;
mod form;
mod kinds;
mod memory;
mod pass;
mod place;
mod rules;
mod table;

use cranelift_codegen::Context;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::entity::packed_option::ReservedValue;
use cranelift_codegen::ir::{Block, Inst, InstructionData, Opcode, Value};
use effects::Effect;
use kinds::Kind;
use pass::{Around, Pass, State, become_of};

/// What is used again from function to function.
#[derive(Default)]
pub struct Optimizer {
    state: State,
}

impl Optimizer {
    /// Optimises a function whose flow graph and dominator tree are known and whose blocks can all be reached.
    /// No value is another name of one.
    pub fn optimize(&mut self, context: &mut Context) {
        let state = &mut self.state;
        state.clear(&context.func);
        context.loop_analysis.clear();
        if state.memory.look_at_flow(&context.func, &context.domtree) {
            context.compute_loop_analysis();
            let loops = &context.loop_analysis;
            state
                .memory
                .look_at_loops(&context.func, loops, &state.kinds);
        }
        let mut pass = Pass {
            func: &mut context.func,
            domtree: &context.domtree,
            loops: &context.loop_analysis,
            state,
        };
        pass.walk();
        if self.state.has_new_flow {
            find_flow(context);
        }
    }

    /// Where a value of the function as it came can be found now, if it is in the code at all.
    pub fn find(&self, context: &Context, value: Value) -> Value {
        let known = &self.state.known;
        if value.index() >= known.len() {
            return value;
        }
        let value = become_of(known, value);
        let dfg = &context.func.dfg;
        let inst = dfg.value_def(value).inst();
        let is_there = inst.is_none_or(|inst| context.func.layout.inst_block(inst).is_some());
        let known = &known[value.index()];
        match is_there || known.placed.is_reserved_value() {
            true => value,
            false => known.placed,
        }
    }
}

/// Finds the flow graph and the dominator tree anew, and leaves out what cannot be reached.
pub(super) fn find_flow(context: &mut Context) {
    context.flowgraph();
    let domtree = &context.domtree;
    let blocks = context.func.layout.blocks();
    let unreachable: Vec<Block> = blocks
        .filter(|&block| !domtree.is_reachable(block))
        .collect();
    for &block in &unreachable {
        context.func.layout.remove_block_and_insts(block);
    }
    if !unreachable.is_empty() {
        context.flowgraph();
    }
}

impl Pass<'_> {
    fn walk(&mut self) {
        let Some(entry) = self.func.layout.entry_block() else {
            return;
        };
        let mut pending = vec![(entry, 0)];
        while let Some((block, depth)) = pending.pop() {
            self.state.path.truncate(depth);
            if !self.enter_memory(block) {
                self.leave_out(block);
                continue;
            }
            self.state.depths[block.index()] = u32::try_from(depth).expect("fewer than blocks");
            self.state.path.push(block);
            self.enter_loops(block);
            self.visit_block(block);
            let first = pending.len();
            let children = self.domtree.children(block);
            pending.extend(children.map(|child| (child, depth + 1)));
            pending[first..].reverse();
        }
    }

    /// Leaves out a block that nothing leads to any more, and all that it dominates.
    fn leave_out(&mut self, block: Block) {
        let mut pending = vec![block];
        while let Some(block) = pending.pop() {
            self.forget_edges(block);
            pending.extend(self.domtree.children(block));
        }
    }

    /// Leaves the loops that a block is not in, and enters that whose header it is.
    fn enter_loops(&mut self, block: Block) {
        let begun = self.loops.is_loop_header(block);
        let around = match begun {
            Some(number) => self.loops.loop_parent(number),
            None => self.loops.innermost_loop(block),
        };
        // Headers dominate their loops, so all others are there.
        let loops = &mut self.state.loops;
        while let Some(last) = loops.last()
            && Some(last.number) != around
        {
            loops.pop();
        }
        if let Some(number) = begun {
            let depth = self.depth();
            self.state.loops.push(Around { number, depth });
        }
    }

    fn visit_block(&mut self, block: Block) {
        for at in 0..self.func.dfg.num_block_params(block) {
            let param = self.func.dfg.block_params(block)[at];
            self.define(param, block);
        }
        let mut next = self.func.layout.first_inst(block);
        while let Some(inst) = next {
            next = self.func.layout.next_inst(inst);
            let opcode = self.func.dfg.insts[inst].opcode();
            let kind = match self.state.kinds.of(opcode) {
                Kind::Load if self.is_pure_load(inst) => Kind::Pure,
                kind => kind,
            };
            if kind == Kind::Pure {
                self.form_inst(inst);
                self.func.layout.remove_inst(inst);
            } else {
                self.visit(inst, kind, block);
            }
        }
    }

    /// Whether a load is always the same and cannot trap.
    fn is_pure_load(&self, inst: Inst) -> bool {
        let dfg = &self.func.dfg;
        match dfg.insts[inst] {
            InstructionData::Load {
                opcode: Opcode::Load,
                flags,
                ..
            } => {
                let flags = dfg.mem_flags[flags];
                flags.readonly() && flags.notrap() && flags.can_move()
            }
            _ => false,
        }
    }

    /// Looks at an instruction that stays, unless it is not needed.
    fn visit(&mut self, inst: Inst, kind: Kind, block: Block) {
        let known = &self.state.known;
        self.func
            .dfg
            .map_inst_values(inst, |value| become_of(known, value));
        match kind {
            Kind::Load => {
                if let Some(value) = self.load(inst, block) {
                    self.replace(inst, value);
                    return;
                }
            }
            Kind::Store => {
                if !self.store(inst, block) {
                    self.func.layout.remove_inst(inst);
                    return;
                }
            }
            Kind::Fence => self.pass_by(true, true),
            Kind::Check | Kind::Other | Kind::Pure => {
                match self.simplify_effect(inst, block) {
                    Effect::Stays => {}
                    Effect::Gone => {
                        self.func.layout.remove_inst(inst);
                        return;
                    }
                    Effect::Value(value) => {
                        self.replace(inst, value);
                        return;
                    }
                }
                if kind == Kind::Check && self.is_checked(inst, block) {
                    return;
                }
                let opcode = self.func.dfg.insts[inst].opcode();
                let may_trap = opcode.can_trap() || opcode.is_return();
                self.pass_by(opcode.other_side_effects(), may_trap);
            }
        }
        if self.func.layout.last_inst(block) == Some(inst) {
            self.leave_memory(inst);
            self.split_edges(inst, block);
        }
        self.place_operands(inst, block);
        for at in 0..self.func.dfg.inst_results(inst).len() {
            let result = self.func.dfg.inst_results(inst)[at];
            self.define(result, block);
        }
    }

    /// Has what an instruction makes be another value.
    fn replace(&mut self, inst: Inst, value: Value) {
        let result = self.func.dfg.first_result(inst);
        self.known_mut(result).to = value;
        self.func.layout.remove_inst(inst);
    }

    /// Leaves out a check that has been made before.
    fn is_checked(&mut self, inst: Inst, block: Block) -> bool {
        let dfg = &self.func.dfg;
        let result = dfg.inst_results(inst).first().copied();
        let key = (dfg.insts[inst], dfg.ctrl_typevar(inst));
        match self.state.checks.get(&key) {
            Some(&(before, scope)) if self.is_above(scope) => {
                match before {
                    Some(before) => self.replace(inst, before),
                    None => self.func.layout.remove_inst(inst),
                }
                true
            }
            _ => {
                self.state.checks.insert(key, (result, block));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
