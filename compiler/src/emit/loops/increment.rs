//! An induction variable whose old value is still of use when the loop branches back or exits
//! should be incremented behind the branch: before it, both values are alive and need a register
//! each, and the back edge is a move. So the increment is sunk into the back edge.
//!
//! ```text
//!     block1(v1: i32):                        ; block1(v1: i32):
//!     v2 = iadd_imm v1, 1                     ;     v3 = icmp sge v1, v4
//!     v3 = icmp slt v1, v4                    ;     brif v3, block2, block3
//!     brif v3, block1(v2), block2             ; block3:
//!                                             ;     v2 = iadd_imm v1, 1
//!                                             ;     jump block1(v2)
//! ```
//!
//! n log n: uses are sorted, and for each increment a limited number of blocks is searched.

use super::back_edge::{BackEdge, destination};
use super::exits;
use crate::facts::{each_use, targets};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{Block, BlockArg, Function, Inst, InstBuilder, Opcode, Value};

/// Blocks looked through for a use of an old value, and branches followed from each. With more, it
/// is taken to be of no use.
const BLOCKS_MAX: usize = 32;

/// Sinks increments behind the branches; whether there were any. No value has another name.
pub fn sink(func: &mut Function, domtree: &DominatorTree, back_edges: Vec<BackEdge>) -> bool {
    let edges: Vec<(BackEdge, Vec<Increment>)> = back_edges
        .into_iter()
        .map(|edge| (increments(func, &edge), edge))
        .filter(|(increments, _)| !increments.is_empty())
        .map(|(increments, edge)| (edge, increments))
        .collect();
    if edges.is_empty() {
        return false;
    }
    let uses = Uses::of(func, domtree, &edges);
    let mut sunk = None;
    for (edge, increments) in edges {
        // Sinking changes a branch: it is done for one of its destinations.
        if sunk == Some(edge.branch) {
            continue;
        }
        let exit_arguments = exit_arguments(func, &edge);
        let late: Vec<Inst> = increments
            .iter()
            .filter(|increment| {
                uses.is_used_once(increment.next)
                    && (exit_arguments.binary_search(&increment.old).is_ok()
                        || is_alive(func, &edge, increment.old, &uses))
            })
            .map(|increment| increment.inst)
            .collect();
        if !late.is_empty() {
            branch_before(func, &edge, &late);
            sunk = Some(edge.branch);
        }
    }
    sunk.is_some()
}

/// An instruction that makes the next value of an induction variable from the old one.
struct Increment {
    inst: Inst,
    old: Value,
    next: Value,
}

/// The increments of a conditional back edge that lie in its block.
fn increments(func: &Function, edge: &BackEdge) -> Vec<Increment> {
    if func.dfg.insts[edge.branch].opcode() != Opcode::Brif {
        return Vec::new();
    }
    let increments = edge.arguments(func).into_iter().filter_map(|(next, old)| {
        let inst = func.dfg.value_def(next).inst()?;
        let is_increment = func.layout.inst_block(inst) == Some(edge.block)
            && matches!(
                func.dfg.insts[inst].opcode(),
                Opcode::Iadd | Opcode::Isub | Opcode::Ishl | Opcode::Ushr | Opcode::Sshr
            )
            && func.dfg.resolve_aliases(func.dfg.inst_args(inst)[0]) == old;
        is_increment.then_some(Increment { inst, old, next })
    });
    increments.collect()
}

/// Where the values of some increments are used: value, block, instruction, in that order.
struct Uses(Vec<(Value, Block, Inst)>);

impl Uses {
    fn of(func: &Function, domtree: &DominatorTree, edges: &[(BackEdge, Vec<Increment>)]) -> Uses {
        // What a loop makes is used in blocks that its header dominates.
        let mut is_below = vec![false; func.dfg.num_blocks()];
        for (edge, _) in edges {
            is_below[edge.header.index()] = true;
        }
        for &block in domtree.cfg_rpo() {
            let above = domtree.idom(block);
            is_below[block.index()] |= above.is_some_and(|above| is_below[above.index()]);
        }
        let increments = edges.iter().flat_map(|(_, increments)| increments);
        let mut wanted = vec![false; func.dfg.num_values()];
        for increment in increments {
            wanted[increment.old.index()] = true;
            wanted[increment.next.index()] = true;
        }
        let mut uses = Vec::new();
        let below = |block: &Block| is_below[block.index()];
        for block in func.layout.blocks().filter(below) {
            for inst in func.layout.block_insts(block) {
                each_use(func, inst, |value| {
                    if wanted[value.index()] {
                        uses.push((value, block, inst));
                    }
                });
            }
        }
        uses.sort_unstable();
        Uses(uses)
    }

    fn is_used_once(&self, value: Value) -> bool {
        let first = self.0.partition_point(|&(of, ..)| of < value);
        let of = self.0[first..].iter().take(2);
        of.filter(|&&(of, ..)| of == value).count() == 1
    }

    fn is_used_in(&self, value: Value, block: Block) -> bool {
        let first = self
            .0
            .partition_point(|&(of, at, _)| (of, at) < (value, block));
        let found = self.0.get(first);
        found.is_some_and(|&(of, at, _)| (of, at) == (value, block))
    }

    fn is_used_by(&self, value: Value, block: Block, inst: Inst) -> bool {
        self.0.binary_search(&(value, block, inst)).is_ok()
    }
}

/// What a back edge's branch passes on elsewhere, sorted.
fn exit_arguments(func: &Function, edge: &BackEdge) -> Vec<Value> {
    let destinations = 0..targets(func, edge.branch).count();
    let others = destinations.filter(|&position| position != edge.destination);
    let arguments = others.flat_map(|position| destination(func, edge.branch, position));
    let mut arguments: Vec<Value> = arguments.flatten().collect();
    arguments.sort_unstable();
    arguments
}

/// Whether a value is used by a branch's condition or where the branch goes other than back.
fn is_alive(func: &Function, edge: &BackEdge, value: Value, uses: &Uses) -> bool {
    let condition = func
        .dfg
        .value_def(func.dfg.inst_args(edge.branch)[0])
        .inst();
    let is_compared = condition.is_some_and(|inst| {
        let block = func.layout.inst_block(inst);
        block.is_some_and(|block| uses.is_used_by(value, block, inst))
    });
    if is_compared {
        return true;
    }
    let all = targets(func, edge.branch).enumerate();
    let others = all.filter(|&(position, _)| position != edge.destination);
    let mut pending: Vec<Block> = others.map(|(_, target)| target).collect();
    let mut seen = Vec::with_capacity(BLOCKS_MAX);
    while let Some(block) = pending.pop() {
        if block == edge.header || seen.contains(&block) {
            continue;
        }
        if uses.is_used_in(value, block) {
            return true;
        }
        if seen.len() == BLOCKS_MAX {
            return false;
        }
        seen.push(block);
        if let Some(branch) = func.layout.last_inst(block) {
            pending.extend(targets(func, branch).take(BLOCKS_MAX));
        }
    }
    false
}

/// Moves instructions into a block of their own on the back edge.
fn branch_before(func: &mut Function, edge: &BackEdge, insts: &[Inst]) {
    let arguments: Vec<BlockArg> = destination(func, edge.branch, edge.destination)
        .into_iter()
        .map(|value| BlockArg::Value(value.expect("branches pass values")))
        .collect();
    let between = func.dfg.make_block();
    func.layout.insert_block_after(between, edge.block);
    for &inst in insts {
        func.layout.remove_inst(inst);
        func.layout.append_inst(inst, between);
    }
    FuncCursor::new(func)
        .at_bottom(between)
        .ins()
        .jump(edge.header, &arguments);
    let call = func.dfg.block_call(between, &[]);
    let dfg = &mut func.dfg;
    let calls = dfg.insts[edge.branch]
        .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    calls[edge.destination] = call;
    // The back edge follows the branch.
    if edge.destination == 0 {
        exits::swap(func, edge.branch);
    }
}
