//! Back edges, and what branches give to the blocks that they lead to.

use crate::facts::{destinations, targets};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, Inst, Value};

/// One of the branches of a block's last instruction, to a block that dominates it.
pub(super) struct BackEdge {
    pub(super) block: Block,
    pub(super) branch: Inst,
    /// Position among the instruction's destinations.
    pub(super) destination: usize,
    pub(super) header: Block,
}

impl BackEdge {
    /// What it gives the header's parameters, and these.
    pub(super) fn arguments(&self, func: &Function) -> Vec<(Value, Value)> {
        let params = func.dfg.block_params(self.header);
        let arguments = destination(func, self.branch, self.destination);
        let both = arguments.into_iter().zip(params);
        both.filter_map(|(value, &param)| Some((value?, param)))
            .collect()
    }
}

pub(super) fn back_edges(func: &Function, domtree: &DominatorTree) -> Vec<BackEdge> {
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

/// The arguments of one of an instruction's destinations; results of a call are none.
pub(super) fn destination(func: &Function, branch: Inst, position: usize) -> Vec<Option<Value>> {
    let dfg = &func.dfg;
    let arguments = destinations(func, branch)[position].args(&dfg.value_lists);
    let resolved = arguments.map(|arg| arg.as_value().map(|value| dfg.resolve_aliases(value)));
    resolved.collect()
}
