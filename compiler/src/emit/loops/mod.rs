//! What Cranelift's optimisation leaves to be done in loops. Comes in: optimised CLIF. Goes out:
//! CLIF that is to be lowered as it is.
//!
//! A value that goes round a loop should stay in one register, in the form in which it is used. What
//! an iteration does beside its work then disappears: extensions, moves, and the block of its own
//! that moves on the way back need, with a jump.

mod extension;
mod layout;
mod limit;
mod order;
mod step;

use cranelift_codegen::Context;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, Inst, Value};

/// Improves the loops of an optimised function.
pub fn improve(context: &mut Context) {
    let back = ways_back(&context.func, &context.domtree);
    if back.is_empty() {
        return;
    }
    context.compute_loop_analysis();
    let func = &mut context.func;
    limit::compare_next(func);
    extension::extend_once(func, &context.domtree);
    order::carried_first(func, &back);
    let left = layout::exits_last(func, &context.loop_analysis);
    let stepped = step::after_branch(func, &context.domtree);
    if left || stepped {
        context.flowgraph();
    }
}

/// One of the branches of a block's last instruction, to a block that dominates it.
struct WayBack {
    block: Block,
    branch: Inst,
    /// Position among the instruction's destinations.
    destination: usize,
    header: Block,
}

impl WayBack {
    /// What it gives the header's parameters, and these.
    fn arguments(&self, func: &Function) -> Vec<(Value, Value)> {
        let params = func.dfg.block_params(self.header);
        let arguments = destination(func, self.branch, self.destination);
        let both = arguments.into_iter().zip(params);
        both.filter_map(|(value, &param)| Some((value?, param)))
            .collect()
    }
}

fn ways_back(func: &Function, domtree: &DominatorTree) -> Vec<WayBack> {
    let mut found = Vec::new();
    for block in func.layout.blocks() {
        let Some(branch) = func.layout.last_inst(block) else {
            continue;
        };
        let targets = targets(func, branch);
        let back = targets
            .enumerate()
            .filter(|&(_, target)| domtree.block_dominates(target, block));
        found.extend(back.map(|(destination, header)| WayBack {
            block,
            branch,
            destination,
            header,
        }));
    }
    found
}

/// The blocks that an instruction may branch to.
fn targets(func: &Function, branch: Inst) -> impl Iterator<Item = Block> {
    let dfg = &func.dfg;
    let calls = dfg.insts[branch].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
    calls.iter().map(|call| call.block(&dfg.value_lists))
}

/// The arguments of one of an instruction's destinations; results of a call are none.
fn destination(func: &Function, branch: Inst, position: usize) -> Vec<Option<Value>> {
    let dfg = &func.dfg;
    let calls = dfg.insts[branch].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
    let arguments = calls[position].args(&dfg.value_lists);
    let resolved = arguments.map(|arg| arg.as_value().map(|value| dfg.resolve_aliases(value)));
    resolved.collect()
}

#[cfg(test)]
mod tests;
