//! What Cranelift's optimisation leaves to be done in loops. Comes in: optimised CLIF. Goes out:
//! CLIF that is to be lowered as it is.
//!
//! A loop-carried value should stay in one register, in the form in which it is used. Then an
//! iteration has no extensions and no moves beside its work, and the back edge needs no block of
//! its own for such moves.
//!
//! Each pass is linear in the size of the function, but for the sorting of lists. Where a pass
//! searches, the search has a limit.

mod commute;
mod exit_test;
mod exits;
mod increment;
mod widen;

use cranelift_codegen::Context;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, Inst, Value};

/// Improves the loops of an optimised function.
pub fn improve(context: &mut Context) {
    let back_edges = back_edges(&context.func, &context.domtree);
    if back_edges.is_empty() {
        return;
    }
    context.compute_loop_analysis();
    let func = &mut context.func;
    exit_test::compare_next(func);
    widen::widen(func, &context.domtree);
    commute::carried_first(func, &context.domtree, &back_edges);
    let swapped = exits::exits_last(func, &context.loop_analysis);
    let sunk = increment::sink(func, &context.domtree);
    if swapped || sunk {
        context.flowgraph();
    }
}

/// One of the branches of a block's last instruction, to a block that dominates it.
struct BackEdge {
    block: Block,
    branch: Inst,
    /// Position among the instruction's destinations.
    destination: usize,
    header: Block,
}

impl BackEdge {
    /// What it gives the header's parameters, and these.
    fn arguments(&self, func: &Function) -> Vec<(Value, Value)> {
        let params = func.dfg.block_params(self.header);
        let arguments = destination(func, self.branch, self.destination);
        let both = arguments.into_iter().zip(params);
        both.filter_map(|(value, &param)| Some((value?, param)))
            .collect()
    }
}

fn back_edges(func: &Function, domtree: &DominatorTree) -> Vec<BackEdge> {
    let mut found = Vec::new();
    for block in func.layout.blocks() {
        let Some(branch) = func.layout.last_inst(block) else {
            continue;
        };
        let targets = targets(func, branch);
        let back = targets
            .enumerate()
            .filter(|&(_, target)| domtree.block_dominates(target, block));
        found.extend(back.map(|(destination, header)| BackEdge {
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
