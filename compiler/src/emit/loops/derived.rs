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

use super::back_edge::{self, BackEdge};
use super::edges::Edges;
use crate::emit::renamed::Renamed;
use crate::facts::{self, Uses};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::{Block, Function, InstBuilder, InstructionData, Opcode, Value};

/// With more parameters, a loop is left as it is.
const PARAMS_MAX: usize = 32;
/// Back edges that are asked for what a parameter may be made of.
const SOURCES_MAX: usize = 4;

/// Makes parameters of loops of others.
pub fn derive(func: &mut Function, edges: &Edges, back_edges: &[BackEdge], renamed: &mut Renamed) {
    let mut headers: Vec<Block> = back_edges.iter().map(|edge| edge.header).collect();
    headers.sort_unstable();
    headers.dedup();
    headers.retain(|&header| (2..=PARAMS_MAX).contains(&func.dfg.num_block_params(header)));
    let mut uses = None;
    for header in headers {
        let ways = Way::all(func, edges, header);
        let mut found: Vec<Derived> = Vec::new();
        for position in 0..func.dfg.num_block_params(header) {
            let Some(derived) = derived(func, &ways, position) else {
                continue;
            };
            let is_taken = |at| found.iter().any(|other| other.position == at);
            let is_source = found.iter().any(|other| other.from == position);
            let uses = uses.get_or_insert_with(|| facts::uses(func));
            if !is_taken(derived.from) && !is_source && derived.is_alone(&ways, uses) {
                found.push(derived);
            }
        }
        replace(func, edges, header, &found, renamed);
    }
}

/// A branch to a loop.
struct Way {
    is_back: bool,
    arguments: Vec<Option<Value>>,
}

impl Way {
    fn all(func: &Function, edges: &Edges, header: Block) -> Vec<Way> {
        let ways = edges.to(header).iter().map(|edge| Way {
            is_back: edge.is_back,
            arguments: back_edge::destination(func, edge.branch, edge.destination),
        });
        ways.collect()
    }
}

/// A parameter that is always another one plus a constant.
struct Derived {
    position: usize,
    from: usize,
    by: i64,
}

/// What the parameter at a position is made of, if each branch gives it so.
fn derived(func: &Function, ways: &[Way], position: usize) -> Option<Derived> {
    // One back edge goes on where the loop would have gone on next.
    let sources = ways.iter().filter(|way| way.is_back).filter_map(|way| {
        let (base, by) = sum(func, way.arguments[position]?);
        let from = way
            .arguments
            .iter()
            .position(|&other| other == Some(base))?;
        (by != 0).then_some(Derived { position, from, by })
    });
    let differs = |derived: &Derived, way: &Way| {
        let value = way.arguments[derived.position]?;
        let ((base, more), (of_less, less)) =
            (sum(func, value), sum(func, way.arguments[derived.from]?));
        let unused = 64 - func.dfg.value_type(value).bits();
        let by = more.wrapping_sub(less) << unused >> unused;
        (base == of_less && by == derived.by).then_some(())
    };
    sources
        .take(SOURCES_MAX)
        .find(|derived| ways.iter().all(|way| differs(derived, way).is_some()))
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
    fn is_alone(&self, ways: &[Way], uses: &Uses) -> bool {
        let is_alone =
            |way: &&Way| way.arguments[self.position].is_some_and(|value| uses[value] == 1);
        let back = || ways.iter().filter(|way| way.is_back);
        2 * back().filter(is_alone).count() > back().count()
    }
}

/// Takes parameters away and makes them in the header.
fn replace(
    func: &mut Function,
    edges: &Edges,
    header: Block,
    found: &[Derived],
    renamed: &mut Renamed,
) {
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
        renamed.rename(func, param, made);
    }
}
