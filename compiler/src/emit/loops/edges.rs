//! What branches pass to the blocks that they lead to.

use super::back_edge;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, Inst, Value};

/// A branch to a block with parameters.
pub(super) struct Edge {
    to: Block,
    pub(super) branch: Inst,
    pub(super) destination: usize,
    /// It is a back edge.
    pub(super) is_back: bool,
    /// Position of its first argument in [`Edges::arguments`].
    first: usize,
}

/// All branches that pass something.
#[derive(Default)]
pub(super) struct Edges {
    /// By where they lead to.
    edges: Vec<Edge>,
    /// Of all edges; results of a call are none.
    arguments: Vec<Option<Value>>,
}

impl Edges {
    pub(super) fn of(func: &Function, domtree: &DominatorTree) -> Edges {
        let mut this = Edges::default();
        for from in func.layout.blocks() {
            let Some(branch) = func.layout.last_inst(from) else {
                continue;
            };
            for (destination, to) in back_edge::targets(func, branch).enumerate() {
                if func.dfg.num_block_params(to) == 0 {
                    continue;
                }
                this.edges.push(Edge {
                    to,
                    branch,
                    destination,
                    is_back: domtree.block_dominates(to, from),
                    first: this.arguments.len(),
                });
                let arguments = back_edge::destination(func, branch, destination);
                this.arguments.extend(arguments);
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
        self.arguments.len()
    }

    pub(super) fn argument(&self, edge: &Edge, position: usize) -> Option<Value> {
        self.arguments[edge.first + position]
    }
}
