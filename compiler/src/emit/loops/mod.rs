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
mod between;
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

use super::renamed::Renamed;
use super::survey::Survey;
use crate::target::Arch;
use back_edge::BackEdge;
use cranelift_codegen::Context;
use edges::Edges;

/// Improves the loops of an optimised function, and simplifies what is left over. With a processor, loops
/// that look for a byte look at several at a time.
pub fn improve(
    context: &mut Context,
    survey: &mut Survey,
    simplifies: bool,
    byte_loops: Option<Arch>,
) {
    // What branches pass, as long as it is known.
    let mut edges = None;
    if simplifies {
        let (func, domtree) = (&mut context.func, &context.domtree);
        if conditions::settle(func, domtree, &context.cfg, survey) {
            context.flowgraph();
        }
        edges = masks::leave_out(&mut context.func, &context.domtree, survey);
    }
    let mut back_edges = back_edge::back_edges(&context.func, &context.domtree);
    let mut renamed = Renamed::default();
    if back_edges.is_empty() {
        let (func, domtree) = (&mut context.func, &context.domtree);
        widen::widen(func, domtree, edges, survey, &mut renamed);
        renamed.apply(func);
        return;
    }
    context.compute_loop_analysis();
    if let Some(arch) = byte_loops
        && byte::improve(context, arch)
    {
        back_edges = looked_at_again(context, survey);
        edges = None;
    }
    if simplifies
        && links::follow(
            &mut context.func,
            &context.loop_analysis,
            &context.domtree,
            &back_edges,
        )
    {
        back_edges = looked_at_again(context, survey);
        edges = None;
    }
    let (func, domtree, loops) = (&mut context.func, &context.domtree, &context.loop_analysis);
    if simplifies {
        let edges = edges.get_or_insert_with(|| Edges::of(func, domtree));
        derived::derive(func, edges, &back_edges, &mut renamed);
        invariant::hoist(func, loops, domtree, &mut renamed);
    }
    exit_test::compare_next(func);
    widen::widen(func, domtree, edges, survey, &mut renamed);
    renamed.apply(func);
    commute::carried_first(func, (loops, domtree), &back_edges);
    let swapped = exits::exits_last(func, loops);
    if swapped {
        back_edges = back_edge::back_edges(func, domtree);
    }
    let sunk = increment::sink(func, domtree, back_edges);
    let added = simplifies && between::make_outside(func, &context.cfg, loops);
    // Blocks are lowered in the order in which the tree has come to them.
    if added || sunk {
        context.flowgraph();
    } else if swapped {
        context.compute_domtree();
    }
}

/// What is known of a function's loops, after blocks have been added.
fn looked_at_again(context: &mut Context, survey: &mut Survey) -> Vec<BackEdge> {
    context.flowgraph();
    context.compute_loop_analysis();
    survey.list_again(&context.func);
    back_edge::back_edges(&context.func, &context.domtree)
}

#[cfg(test)]
mod tests;
