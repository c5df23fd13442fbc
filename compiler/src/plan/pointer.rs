//! Which functions take the instance pointer.
//!
//! A function that computes with its parameters alone, and calls only such functions, takes none
//! unless it is an element of a table or a reference, where all functions of a type are called
//! alike. Callers then keep no pointer for it over their calls, which recursive functions notice.

use super::{Callee, FuncKind, LinkPlan, Value};
use crate::index::FuncId;
use crate::parse::BodyFacts;

/// By [`FuncId`]: whether the function has the hidden parameter.
pub(super) fn mark_takers(plan: &LinkPlan<'_>) -> Vec<bool> {
    let ids = || (0..plan.funcs.len()).map(FuncId::new);
    let mut needs: Vec<bool> = ids().map(|id| needs_itself(plan, id)).collect();
    let values = plan
        .tables
        .iter()
        .flat_map(|table| table.elements.iter().chain([&table.fill]));
    let elements = values.filter_map(|value| match value {
        Value::RefFunc(func) => Some(*func),
        _ => None,
    });
    for func in elements.chain(plan.funcrefs.iter().copied()) {
        needs[func.index()] = true;
    }
    let mut callers: Vec<Vec<FuncId>> = vec![Vec::new(); plan.funcs.len()];
    for id in ids().filter(|&id| plan.reachable[id.index()]) {
        for callee in plan.callees(id) {
            callers[callee.index()].push(id);
        }
    }
    let mut work: Vec<FuncId> = ids().filter(|id| needs[id.index()]).collect();
    while let Some(id) = work.pop() {
        for &caller in &callers[id.index()] {
            if !std::mem::replace(&mut needs[caller.index()], true) {
                work.push(caller);
            }
        }
    }
    needs
}

impl LinkPlan<'_> {
    /// Whether a function of a library compares its stack pointer with the stack's limit.
    #[must_use]
    pub fn checks_stack(&self, id: FuncId) -> bool {
        self.is_library()
            && self.facts(id).is_some_and(may_need_stack)
            && self.takes_pointer[id.index()]
    }
}

/// Whether a function of a library has to know where the stack ends, which its pointer tells: any
/// but those whose frame is small and the last.
fn may_need_stack(facts: &BodyFacts) -> bool {
    let is_last = facts.calls.is_empty() && facts.indirect_calls.is_empty() && !facts.calls_refs;
    facts.operators > OPERATORS_SMALL || !is_last
}

/// So few operators keep no frame busy that is larger than what is left behind a stack's limit.
const OPERATORS_SMALL: u32 = 500;

fn needs_itself(plan: &LinkPlan<'_>, id: FuncId) -> bool {
    // What counts finds the counters by it.
    if plan.profile.is_some() {
        return true;
    }
    let (FuncKind::Body { instance, .. }, Some(facts)) =
        (&plan.funcs[id.index()].kind, plan.facts(id))
    else {
        return true;
    };
    let instance = &plan.instances[instance.index()];
    facts.touches_state
        || plan.is_library() && may_need_stack(facts)
        || !facts.globals_written.is_empty()
        || facts
            .calls
            .iter()
            .any(|callee| !matches!(instance.funcs[callee.index()], Callee::Defined(_)))
        || facts.globals_read.iter().any(|global| {
            let global = &plan.globals[instance.globals[global.index()].index()];
            global.slot.is_some() || matches!(global.init, Value::RefFunc(_))
        })
}
