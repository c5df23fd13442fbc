//! What branches pass to the blocks that they lead to.

use crate::facts::targets;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, Inst, Value};

/// A branch to a block with parameters.
pub(super) struct Edge {
    to: Block,
    pub(super) branch: Inst,
    pub(super) destination: usize,
    /// It is a back edge.
    pub(super) is_back: bool,
}

impl Edge {
    /// What it passes at a position; a result of a call is none.
    pub(super) fn argument(&self, func: &Function, position: usize) -> Option<Value> {
        let dfg = &func.dfg;
        let branch = &dfg.insts[self.branch];
        let calls = branch.branch_destination(&dfg.jump_tables, &dfg.exception_tables);
        let mut arguments = calls[self.destination].args(&dfg.value_lists);
        Some(dfg.resolve_aliases(arguments.nth(position)?.as_value()?))
    }
}

/// All branches that pass something. They are the same as long as blocks and branches are; what is
/// passed may change.
#[derive(Default)]
pub(super) struct Edges {
    /// By where they lead to.
    edges: Vec<Edge>,
    /// How many arguments all edges have.
    arguments: usize,
}

impl Edges {
    pub(super) fn of(func: &Function, domtree: &DominatorTree) -> Edges {
        let mut this = Edges::default();
        for from in func.layout.blocks() {
            let Some(branch) = func.layout.last_inst(from) else {
                continue;
            };
            for (destination, to) in targets(func, branch).enumerate() {
                let params = func.dfg.num_block_params(to);
                if params == 0 {
                    continue;
                }
                this.edges.push(Edge {
                    to,
                    branch,
                    destination,
                    is_back: domtree.block_dominates(to, from),
                });
                this.arguments += params;
            }
        }
        this.edges.sort_by_key(|edge| edge.to);
        this
    }

    pub(super) fn to(&self, block: Block) -> &[Edge] {
        let first = self.edges.partition_point(|edge| edge.to < block);
        let end = self.edges.partition_point(|edge| edge.to <= block);
        &self.edges[first..end]
    }

    /// How many arguments all edges have.
    pub(super) fn arguments(&self) -> usize {
        self.arguments
    }
}
