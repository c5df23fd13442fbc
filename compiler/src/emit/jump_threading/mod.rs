//! State machines without their dispatch. Comes in: CLIF as it was translated and inlined, without aliases.
//! Goes out: CLIF in which what a state leads to follows where the state is set.
//!
//! ```text
//! block1(v1):                                 ; block11:
//!     v2 = uload8 v0                          ;     v12 = uload8 v0
//!     brif v2, block2, block9                 ;     brif v12, block3(v12), block9
//! block2:                                     ; block21:
//!     br_table v1, block9, [block3, block4]   ;     v22 = uload8 v0
//! block3:                                     ;     brif v22, block4(v22), block9
//!     brif v8, block1(0), block1(1)           ; block3(v32):
//!                                             ;     brif v8, block11, block21
//! ```
//!
//! A loop that dispatches on a variable to which its cases give constants is run by the processor as a jump that it
//! must predict from the table, behind a comparison with the table's length. With a copy of the
//! blocks from where the states come together to the dispatch for each state, every jump is known, and what the
//! blocks in between compare the state with, too. GCC does so with its own intermediate code, where this is called
//! jump threading; compilers of WebAssembly keep the loop.
//!
//! # Why that is sound
//! Blocks are copied with everything that they do, in its order, and a copy is entered from where its
//! original was, with the same arguments: but for the state, which is the constant that was passed. So the
//! copies' instructions find what the originals' would have found. Each path through the new flow graph is one
//! through the old one, with copies in the place of their originals; so whatever dominated a
//! block and was not copied dominates its copies. What was copied has several definitions; who uses it
//! behind the copies has what the path to it has defined (`repair`).
//!
//! Later passes and the allocator of registers take it that each loop has one entry, as all WebAssembly has.
//! Where states lead to each other in circles, no copy may be the only way in: what would become a loop with several
//! entries stays as it was.
//!
//! Bounded: a function is looked through for dispatches once, from each a limited number of blocks are looked at,
//! copied and repaired, and only so many times.

mod copy;
mod fold;
mod region;
mod repair;
#[cfg(test)]
mod tests;

use super::inlined::Inlined;
use super::optimize::find_flow;
use super::{copies, values};
use crate::facts::targets;
use crate::translate::BlockCounts;
use copy::Copies;
use cranelift_codegen::Context;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, Opcode};
use foldhash::{HashMap, HashMapExt};
use region::Region;

/// So many dispatches of a function are done without, at most.
const DISPATCHES_MAX: usize = 8;
/// So many ways to them are looked at.
const WAYS_MAX: usize = 1 << 16;
/// So many values are copied for each state.
const VALUES_MAX: usize = 500;
/// So many, times the blocks of the function, at most.
const REPAIRS_MAX: usize = 1 << 18;

/// Has states lead straight to what is done in them. The flow graph and the dominator tree of the function are known,
/// before and behind.
pub fn thread(context: &mut Context, inlined: &mut Inlined) {
    let mut left = DISPATCHES_MAX;
    let mut ways_left = WAYS_MAX;
    for dispatch in dispatches(&context.func) {
        let (func, cfg) = (&context.func, &context.cfg);
        // What it was in may be gone since.
        if func.layout.inst_block(dispatch).is_none() {
            continue;
        }
        let Some(region) = Region::find(func, cfg, dispatch, &mut ways_left) else {
            continue;
        };
        let values = region.values(func);
        if values > VALUES_MAX || values * func.dfg.num_blocks() > REPAIRS_MAX {
            continue;
        }
        let before = context.func.clone();
        if follow(context, &region, inlined).is_none() {
            context.func = before;
            context.flowgraph();
        }
        left -= 1;
        if left == 0 {
            break;
        }
    }
}

/// The branch tables of a function.
fn dispatches(func: &Function) -> Vec<Inst> {
    let ends = func
        .layout
        .blocks()
        .filter_map(|block| func.layout.last_inst(block));
    ends.filter(|&inst| func.dfg.insts[inst].opcode() == Opcode::BrTable)
        .collect()
}

/// Copies the region for each state. Nothing, and the function is to be thrown away, if that is too much, or makes
/// a loop with several entries.
fn follow(context: &mut Context, region: &Region, inlined: &mut Inlined) -> Option<()> {
    let copies = copy::copy(&mut context.func, region)?;
    find_flow(context);
    if !has_loops_with_one_entry(&context.func, &context.domtree) {
        return None;
    }
    let params = repair::repair(&mut context.func, &context.cfg, &copies)?;
    copies::leave_out(&mut context.func);
    inlined.add_copies(copies.values().chain(params));
    values::resolve(&context.func, inlined);
    context.func.dfg.resolve_all_aliases();
    count(&mut inlined.counts, &copies);
    Some(())
}

/// Says how often copies run: as often as their originals, by how often their state is given. What leads in and is
/// not counted leaves all uncounted.
fn count(counts: &mut BlockCounts, copies: &Copies) {
    let mut given: HashMap<u64, u64> = HashMap::new();
    let mut all = 0;
    for &(from, ways, state) in &copies.ways_in {
        let Some(count) = counts.blocks.get(&from) else {
            return;
        };
        let count = count / ways as u64;
        *given.entry(state).or_default() += count;
        all += count;
    }
    for &(original, copy, state) in &copies.blocks {
        if let Some(&count) = counts.blocks.get(&original) {
            let given = given.get(&state).copied().unwrap_or_default();
            let share = given as f64 / all.max(1) as f64;
            counts.blocks.insert(copy, (count as f64 * share) as u64);
        }
    }
}

/// Whether each way back in depth-first order leads to what dominates where it comes from.
fn has_loops_with_one_entry(func: &Function, domtree: &DominatorTree) -> bool {
    let postorder = domtree.cfg_postorder();
    let mut number: SecondaryMap<Block, u32> = SecondaryMap::with_capacity(postorder.len());
    for (at, &block) in (0..).zip(postorder) {
        number[block] = at;
    }
    postorder.iter().all(|&block| {
        let Some(branch) = func.layout.last_inst(block) else {
            return true;
        };
        targets(func, branch)
            .all(|to| number[to] < number[block] || domtree.block_dominates(to, block))
    })
}
