//! What Cranelift's optimisation leaves to be done where control flow branches and meets, in loops above
//! all. Comes in: optimised CLIF. Goes out: CLIF that is to be lowered as it is.
//!
//! A loop-carried value should stay in one register, in the form in which it is used. Then an
//! iteration has no extensions and no moves beside its work, and the back edge needs no block of
//! its own for such moves.
//!
//! Each pass is linear in the size of the function, but for the sorting of lists. Where a pass
//! searches, the search has a limit.

mod back_edge;
mod byte;
mod commute;
mod conditions;
mod derived;
mod edges;
mod exit_test;
mod exits;
mod increment;
mod invariant;
mod links;
mod masks;
mod widen;

use crate::target::Arch;
use cranelift_codegen::Context;

/// Improves the loops of an optimised function, and simplifies what is left over. With a processor, loops
/// that look for a byte look at several at a time.
pub fn improve(context: &mut Context, simplifies: bool, byte_loops: Option<Arch>) {
    if simplifies {
        if conditions::settle(&mut context.func, &context.domtree, &context.cfg) {
            context.flowgraph();
        }
        masks::leave_out(&mut context.func, &context.domtree);
    }
    let mut back_edges = back_edge::back_edges(&context.func, &context.domtree);
    if back_edges.is_empty() {
        widen::widen(&mut context.func, &context.domtree);
        return;
    }
    context.compute_loop_analysis();
    if let Some(arch) = byte_loops
        && byte::improve(context, arch)
    {
        context.flowgraph();
        context.compute_loop_analysis();
        back_edges = back_edge::back_edges(&context.func, &context.domtree);
    }
    if simplifies
        && links::follow(
            &mut context.func,
            &context.loop_analysis,
            &context.domtree,
            &back_edges,
        )
    {
        context.flowgraph();
        context.compute_loop_analysis();
        back_edges = back_edge::back_edges(&context.func, &context.domtree);
    }
    let func = &mut context.func;
    if simplifies {
        derived::derive(func, &context.domtree, &back_edges);
        invariant::hoist(func, &context.loop_analysis, &context.domtree);
    }
    exit_test::compare_next(func);
    widen::widen(func, &context.domtree);
    commute::carried_first(func, &context.domtree, &back_edges);
    let swapped = exits::exits_last(func, &context.loop_analysis);
    let sunk = increment::sink(func, &context.domtree);
    // Blocks are lowered in the order in which the tree has come to them.
    if sunk {
        context.flowgraph();
    } else if swapped {
        context.compute_domtree();
    }
}

#[cfg(test)]
mod tests;
