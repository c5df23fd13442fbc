//! Loop-carried values that differ by a constant are one. A loop that has been rotated carries both where
//! it is and where it goes on, as interpreters do with the address of the next instruction: two
//! registers, which each back edge exchanges.
//!
//! ```text
//! block1(v1: i32, v2: i32):               ; block1(v2: i32):
//!     v3 = load.i32 v2                    ;     v1 = iadd_imm v2, 4
//!     v4 = iadd_imm v1, 4                 ;     v3 = load.i32 v2
//!     brif v3, block1(v4, v1), block2     ;     brif v3, block1(v1), block2
//! ```
//!
//! Each branch to the loop gives the one parameter the other's argument plus the same constant, so they
//! differ by it whenever the loop is entered. It is done where most of the sums are of use to back edges alone, so
//! that few are computed twice.
//!
//! Linear: each branch to a loop is looked at for each of a limited number of parameters.

use super::back_edge::BackEdge;
use super::edges::{Edge, Edges};
use crate::facts::{self, Uses};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Block, Function, InstBuilder, InstructionData, Opcode, Value};

/// With more parameters, a loop is left as it is.
const PARAMS_MAX: usize = 32;
/// Back edges that are asked for what a parameter may be made of.
const SOURCES_MAX: usize = 4;

/// Makes parameters of loops of others.
pub fn derive(func: &mut Function, domtree: &DominatorTree, back_edges: &[BackEdge]) {
    let mut headers: Vec<Block> = back_edges.iter().map(|edge| edge.header).collect();
    headers.sort_unstable();
    headers.dedup();
    headers.retain(|&header| (2..=PARAMS_MAX).contains(&func.dfg.num_block_params(header)));
    if headers.is_empty() {
        return;
    }
    let edges = Edges::of(func, domtree);
    let mut uses = None;
    let mut is_changed = false;
    for header in headers {
        let mut found: Vec<Derived> = Vec::new();
        for position in 0..func.dfg.num_block_params(header) {
            let Some(derived) = derived(func, &edges, header, position) else {
                continue;
            };
            let is_taken = |at| found.iter().any(|other| other.position == at);
            let is_source = found.iter().any(|other| other.from == position);
            let uses = uses.get_or_insert_with(|| facts::uses(func));
            if !is_taken(derived.from) && !is_source && derived.is_alone(&edges, header, uses) {
                found.push(derived);
            }
        }
        replace(func, &edges, header, &found);
        is_changed |= !found.is_empty();
    }
    if is_changed {
        func.dfg.resolve_all_aliases();
    }
}

/// A parameter that is always another one plus a constant.
struct Derived {
    position: usize,
    from: usize,
    by: i64,
}

/// What the parameter at a position is made of, if each branch gives it so.
fn derived(func: &Function, edges: &Edges, header: Block, position: usize) -> Option<Derived> {
    let all = edges.to(header);
    // One back edge goes on where the loop would have gone on next.
    let sources = all.iter().filter(|edge| edge.is_back).filter_map(|edge| {
        let (base, by) = sum(func, edges.argument(edge, position)?);
        let mut positions = 0..func.dfg.num_block_params(header);
        let from = positions.find(|&other| edges.argument(edge, other) == Some(base))?;
        (by != 0).then_some(Derived { position, from, by })
    });
    let differs = |derived: &Derived, edge: &Edge| {
        let value = edges.argument(edge, derived.position)?;
        let ((base, more), (of_less, less)) = (
            sum(func, value),
            sum(func, edges.argument(edge, derived.from)?),
        );
        let unused = 64 - func.dfg.value_type(value).bits();
        let by = more.wrapping_sub(less) << unused >> unused;
        (base == of_less && by == derived.by).then_some(())
    };
    sources
        .take(SOURCES_MAX)
        .find(|derived| all.iter().all(|edge| differs(derived, edge).is_some()))
}

/// A value as another one plus a constant.
fn sum(func: &Function, value: Value) -> (Value, i64) {
    let inst = func.dfg.value_def(value).inst();
    if let Some(inst) = inst
        && let InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [base, added],
        } = func.dfg.insts[inst]
        && let Some(added) = facts::signed_constant(func, added)
    {
        return (func.dfg.resolve_aliases(base), added);
    }
    (value, 0)
}

impl Derived {
    /// Whether most of the sums on back edges are of no other use.
    fn is_alone(&self, edges: &Edges, header: Block, uses: &Uses) -> bool {
        let is_alone = |edge: &Edge| {
            let value = edges.argument(edge, self.position);
            value.is_some_and(|value| uses[value] == 1)
        };
        let back = || edges.to(header).iter().filter(|edge| edge.is_back);
        2 * back().filter(|edge| is_alone(edge)).count() > back().count()
    }
}

/// Takes parameters away and makes them in the header.
fn replace(func: &mut Function, edges: &Edges, header: Block, found: &[Derived]) {
    let params = func.dfg.block_params(header).to_vec();
    // From behind, so that positions stay.
    for derived in found.iter().rev() {
        let param = params[derived.position];
        func.dfg.remove_block_param(param);
        for edge in edges.to(header) {
            let dfg = &mut func.dfg;
            let calls = dfg.insts[edge.branch]
                .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
            calls[edge.destination].remove(derived.position, &mut dfg.value_lists);
        }
        let from = params[derived.from];
        let ty = func.dfg.value_type(from);
        let mut cursor = FuncCursor::new(func).at_first_insertion_point(header);
        let mask = u64::MAX >> (64 - ty.bits());
        let by = cursor
            .ins()
            .iconst(ty, (derived.by.cast_unsigned() & mask).cast_signed());
        let made = cursor.ins().iadd(from, by);
        func.dfg.change_to_alias(param, made);
    }
}
