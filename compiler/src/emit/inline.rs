//! Inlining of small functions, bottom-up.
//!
//! Functions with few instructions, and calls from one component to another, are translated first
//! and kept. Each has its own small callees inlined before it is offered to its callers, so that a
//! chain of small functions becomes one. A small function that calls itself takes in one level of
//! these calls: half the calls and frames, and recursions that end at once are none.
//! Names need no remapping: all functions of the program have program-wide numbers.

use crate::error::Result;
use crate::index::FuncId;
use crate::options::OptLevel;
use crate::plan::{CanonKind, FuncKind, LinkPlan};
use crate::translate::{Translation, names, translate};
use cranelift_codegen::Context;
use cranelift_codegen::inline::{Inline, InlineCommand};
use cranelift_codegen::ir;
use cranelift_frontend::FunctionBuilderContext;
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::HashMap;

/// A body with more instructions than this cannot become few enough values to be inlined.
const OPERATORS_MAX: u32 = 80;
/// Inlining stops when a caller has taken in this many values.
const CALLER_VALUES_MAX: usize = 4000;
/// A function takes in copies of itself of together this many times the values of the largest
/// function to be inlined, unless it is to be small.
const RECURSION_FACTOR: usize = 4;
/// A call from one component to another may have this many times the values of another function
/// that is inlined: of one with constants, half of the work is done when compiling.
const ADAPTER_FACTOR: usize = 6;

/// Functions that may be inlined, as CLIF.
#[derive(Default)]
pub struct Candidates {
    functions: HashMap<FuncId, Candidate>,
    values_max: usize,
    /// How many values a function takes in of itself.
    recursion_values_max: usize,
}

struct Candidate {
    clif: ir::Function,
    values: usize,
    /// With more of them it is not inlined.
    values_max: usize,
}

impl Candidates {
    /// Translates the small functions and inlines them into each other.
    ///
    /// # Errors
    /// As for translation.
    pub fn translate(translation: Translation<'_>) -> Result<Candidates> {
        let values_max = translation.options.inline_values_max as usize;
        if values_max == 0 {
            return Ok(Candidates::default());
        }
        let plan = translation.plan;
        let small: Vec<FuncId> = (0..plan.funcs.len())
            .map(FuncId::new)
            .filter(|&id| is_small(plan, id))
            .collect();
        let translated: Vec<Result<(FuncId, ir::Function)>> = small
            .par_iter()
            .map_init(FunctionBuilderContext::new, |context, &id| {
                let mut clif = ir::Function::new();
                translate(translation, id, &mut clif, context)?;
                Ok((id, clif))
            })
            .collect();
        let mut pending: HashMap<FuncId, ir::Function> =
            translated.into_iter().collect::<Result<_>>()?;
        let mut candidates = Candidates {
            functions: HashMap::new(),
            values_max,
            recursion_values_max: match translation.options.opt_level {
                OptLevel::SpeedAndSize => 0,
                _ => values_max * RECURSION_FACTOR,
            },
        };
        for id in callees_first(plan, &small) {
            let clif = pending.remove(&id).expect("every small function once");
            let mut context = Context::for_function(clif);
            let mut inliner = Inliner::new(&candidates, id);
            // A failure here comes back when the function itself is compiled.
            let _ = context.inline(&mut inliner);
            let values_max = match is_adapter(plan, id) {
                true => values_max * ADAPTER_FACTOR,
                false => values_max + inliner.adapter_values,
            };
            let candidate = Candidate {
                values: context.func.dfg.values().len(),
                clif: context.func,
                values_max,
            };
            candidates.functions.insert(id, candidate);
        }
        Ok(candidates)
    }

    /// The CLIF to compile of a function that was translated here: its callees inlined, also where
    /// it calls itself.
    #[must_use]
    pub fn get(&self, id: FuncId) -> Option<ir::Function> {
        let candidate = self.functions.get(&id)?;
        let mut context = Context::for_function(candidate.clif.clone());
        let mut recursion = Recursion {
            id,
            candidate,
            values_left: self.recursion_values_max,
        };
        // A failure here comes back when the function is compiled.
        let _ = context.inline(&mut recursion);
        Some(context.func)
    }
}

fn is_small(plan: &LinkPlan<'_>, id: FuncId) -> bool {
    if !plan.reachable[id.index()] {
        return false;
    }
    // Adapters catch exceptions, where there are any.
    (is_adapter(plan, id) && plan.tags.is_empty())
        || plan
            .facts(id)
            .is_some_and(|facts| facts.operators <= OPERATORS_MAX && !facts.catches)
}

/// Whether it is a call from one component to another.
fn is_adapter(plan: &LinkPlan<'_>, id: FuncId) -> bool {
    let FuncKind::Canon(canon) = plan.funcs[id.index()].kind else {
        return false;
    };
    let kind = &plan.linked.canons[canon.index()].kind;
    matches!(kind, CanonKind::Adapter { .. })
}

/// The functions in an order in which callees come before their callers, but for cycles.
fn callees_first(plan: &LinkPlan<'_>, functions: &[FuncId]) -> Vec<FuncId> {
    let mut state: HashMap<FuncId, bool> = functions.iter().map(|&id| (id, false)).collect();
    let mut order = Vec::with_capacity(functions.len());
    for &root in functions {
        let mut stack = vec![(root, false)];
        while let Some((id, expanded)) = stack.pop() {
            if expanded {
                order.push(id);
                continue;
            }
            match state.get_mut(&id) {
                Some(visited) if !*visited => *visited = true,
                _ => continue,
            }
            stack.push((id, true));
            let callees = plan.callees(id).into_iter();
            stack.extend(callees.map(|callee| (callee, false)));
        }
    }
    order
}

/// Decides for each call of one caller.
pub struct Inliner<'c> {
    candidates: &'c Candidates,
    caller: FuncId,
    values_taken: usize,
    /// How many values calls between components may have brought with them.
    adapter_values: usize,
}

impl<'c> Inliner<'c> {
    #[must_use]
    pub fn new(candidates: &'c Candidates, caller: FuncId) -> Inliner<'c> {
        Inliner {
            candidates,
            caller,
            values_taken: 0,
            adapter_values: 0,
        }
    }
}

impl Inline for Inliner<'_> {
    fn inline(
        &mut self,
        caller: &ir::Function,
        _call: ir::Inst,
        _opcode: ir::Opcode,
        callee: ir::FuncRef,
        _args: &[ir::Value],
    ) -> InlineCommand<'_> {
        let called = called(caller, callee).filter(|&id| id != self.caller);
        match called.and_then(|id| self.candidates.functions.get(&id)) {
            Some(candidate)
                if candidate.values <= candidate.values_max
                    && self.values_taken + candidate.values <= CALLER_VALUES_MAX =>
            {
                self.values_taken += candidate.values;
                self.adapter_values += candidate.values_max - self.candidates.values_max;
                InlineCommand::Inline {
                    callee: Cow::Borrowed(&candidate.clif),
                    visit_callee: false,
                }
            }
            _ => InlineCommand::KeepCall,
        }
    }
}

/// Inlines one level of a function's calls of itself.
struct Recursion<'c> {
    id: FuncId,
    candidate: &'c Candidate,
    values_left: usize,
}

impl Inline for Recursion<'_> {
    fn inline(
        &mut self,
        caller: &ir::Function,
        _call: ir::Inst,
        _opcode: ir::Opcode,
        callee: ir::FuncRef,
        _args: &[ir::Value],
    ) -> InlineCommand<'_> {
        let left = self.values_left.checked_sub(self.candidate.values);
        match left {
            Some(left) if called(caller, callee) == Some(self.id) => {
                self.values_left = left;
                InlineCommand::Inline {
                    callee: Cow::Borrowed(&self.candidate.clif),
                    visit_callee: false,
                }
            }
            _ => InlineCommand::KeepCall,
        }
    }
}

/// The wasm function, or generated one, that a reference in a caller names.
fn called(caller: &ir::Function, callee: ir::FuncRef) -> Option<FuncId> {
    let ir::ExternalName::User(name) = caller.dfg.ext_funcs[callee].name else {
        return None;
    };
    let name = &caller.params.user_named_funcs()[name];
    (name.namespace == names::WASM).then_some(FuncId(name.index))
}
