//! Inlining of small functions, bottom-up.
//!
//! Functions with few instructions, and calls from one component to another, are translated first
//! and kept. Each has its own small callees inlined before it is offered to its callers, so that a
//! chain of small functions becomes one. A small function that calls itself takes in one level of
//! these calls: half the calls and frames, and recursions that end at once are none.
//! Names need no remapping: all functions of the program have program-wide numbers.
//!
//! What inlining adds is bounded, and linear in the input: a callee has a largest size, each caller
//! a budget by its own size, and all budgets together one by the size of the program. In a large
//! program that is little: there, compilers have inlined before, and what comes on top was measured
//! to cost memory and code and to gain nothing.

use super::budget::{
    ADAPTER_FACTOR, Budget, CALLER_SIZE, OPERATORS_MAX, SIZE_FACTOR, copies, own_operators,
    wanted_by,
};
use super::improve;
use super::inlined::{Inlined, Log};
use super::size::Size;
use crate::error::Result;
use crate::index::FuncId;
use crate::options::OptLevel;
use crate::plan::LinkPlan;
use crate::profile::Profile;
use crate::translate::{CallCounts, Locals, Notes, Translation, names, translate};
use crate::workers;
use cranelift_codegen::Context;
use cranelift_codegen::inline::{Inline, InlineCommand};
use cranelift_codegen::ir;
use foldhash::{HashMap, HashMapExt, HashSet};
use std::borrow::Cow;

/// A function up to this size takes no more room than its call: no budget is needed for it.
const SIZE_FREE: usize = 8;
/// To inline a call means to split its block. For that, as many instructions may be moved as the
/// caller has, times this.
const SPLIT_FACTOR: usize = 32;
/// A function takes in copies of itself of together this many times the values of the largest
/// function to be inlined, unless it is to be small.
const RECURSION_FACTOR: usize = 4;
/// Where a profile says that a call is hot, a callee may have this many times the values, and a caller
/// with such calls may take in this many times what it wants otherwise.
const HOT_FACTOR: usize = 4;
/// A call is cold that would have to run this many times as often to be hot.
const WARM_FACTOR: u64 = 16;

/// Which functions may be inlined, before they are translated.
#[derive(Clone, Default)]
pub struct Choice<'a> {
    /// Callees before their callers, but for cycles.
    pub order: Vec<FuncId>,
    profile: Option<&'a Profile>,
    values_max: usize,
    budget: Budget,
}

impl<'a> Choice<'a> {
    /// Functions that are small as they are in the input, and calls between components.
    pub fn new(translation: Translation<'a>) -> Choice<'a> {
        let values_max = translation.options.inline_values_max as usize;
        if values_max == 0 || translation.options.opt_level == OptLevel::None {
            return Choice::default();
        }
        let plan = translation.plan;
        let budget = Budget::of(plan, values_max);
        let operators_max = budget.operators_max();
        let small: Vec<FuncId> = (0..plan.funcs.len())
            .map(FuncId::new)
            .filter(|&id| is_small(plan, id, operators_max, translation.profile()))
            .collect();
        Choice {
            order: callees_first(plan, &small),
            profile: translation.profile(),
            values_max,
            budget,
        }
    }

    /// How much a function may take in.
    pub fn size_max(&self, plan: &LinkPlan<'_>, id: FuncId) -> u64 {
        self.budget.part(wanted_by(plan, id, self.values_max))
    }

    /// The part of it that some functions need: what is inlined into them.
    ///
    /// # Errors
    /// As for translation.
    pub fn for_callers(&self, translation: Translation<'_>, ids: &[FuncId]) -> Result<Choice<'a>> {
        let plan = translation.plan;
        let mut left: HashSet<FuncId> = self.order.iter().copied().collect();
        let mut pending: Vec<FuncId> = ids.to_vec();
        for &id in ids {
            left.remove(&id);
        }
        let mut locals = Locals::default();
        let mut calls_refs = false;
        while let Some(id) = pending.pop() {
            let mut callees = plan.callees(id);
            // Which functions it calls so by name is found out when it is translated.
            if !calls_refs && plan.facts(id).is_some_and(|facts| facts.calls_refs) {
                calls_refs = true;
                callees.extend(&plan.funcrefs);
            }
            if plan.facts(id).is_none() {
                let mut clif = ir::Function::new();
                translate(translation, id, &mut clif, &mut locals)?;
                let names = clif.params.user_named_funcs().values();
                let called = names.filter(|name| name.namespace == names::WASM);
                callees.extend(called.map(|name| FuncId(name.index)));
            }
            pending.extend(callees.into_iter().filter(|callee| left.remove(callee)));
        }
        let is_needed = |id: &&FuncId| !left.contains(id);
        Ok(Choice {
            order: self.order.iter().filter(is_needed).copied().collect(),
            ..*self
        })
    }
}

/// Functions that may be inlined, as CLIF.
#[derive(Default)]
pub struct Candidates<'a> {
    functions: HashMap<FuncId, Candidate>,
    profile: Option<&'a Profile>,
    follows_locals: bool,
    /// How many copies there might be of each, where loops that look for a byte become longer.
    copies: HashMap<FuncId, usize>,
    values_max: usize,
    /// How many values a function takes in of itself.
    recursion_values_max: usize,
    budget: Budget,
}

struct Candidate {
    clif: ir::Function,
    inlined: Inlined,
    values: usize,
    /// With more of them it is not inlined.
    values_max: usize,
    size: usize,
    /// What a profile says of its calls.
    calls: CallCounts,
    /// See [`Notes::conditions`].
    conditions: usize,
}

impl Candidate {
    fn is_small_enough(&self) -> bool {
        self.fits(self.values_max)
    }

    fn fits(&self, values_max: usize) -> bool {
        self.values <= values_max && self.size <= values_max * SIZE_FACTOR
    }

    fn body(&self) -> (&ir::Function, &Inlined) {
        (&self.clif, &self.inlined)
    }
}

/// What a profile says about the calls of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Heat {
    /// Hardly any: code is not to grow for it.
    Cold,
    /// Neither, or not known.
    Ordinary,
    Hot,
}

impl<'a> Candidates<'a> {
    /// Translates the small functions and inlines them into each other.
    ///
    /// # Errors
    /// As for translation.
    pub fn translate(translation: Translation<'a>, choice: &Choice<'a>) -> Result<Candidates<'a>> {
        let plan = translation.plan;
        let values_max = choice.values_max;
        let mut candidates = Candidates {
            functions: HashMap::new(),
            profile: choice.profile,
            follows_locals: translation.locals.is_some(),
            copies: match improve::byte_loops(translation.options) {
                Some(_) => copies(plan, &choice.order),
                None => HashMap::new(),
            },
            values_max,
            recursion_values_max: match translation.options.opt_level {
                OptLevel::SpeedAndSize => 0,
                _ => values_max * RECURSION_FACTOR,
            },
            budget: choice.budget,
        };
        let mut small = choice.order.clone();
        small.sort_unstable();
        let translated: Vec<Result<(FuncId, (ir::Function, Notes))>> =
            workers::map(&small, Locals::default, |locals, &id| {
                let mut clif = ir::Function::new();
                let notes = translate(translation, id, &mut clif, locals)?;
                Ok((id, (clif, notes)))
            });
        let mut pending: HashMap<FuncId, (ir::Function, Notes)> =
            translated.into_iter().collect::<Result<_>>()?;
        for &id in &choice.order {
            let (clif, notes) = pending.remove(&id).expect("every small function once");
            candidates.add(plan, id, clif, notes);
        }
        Ok(candidates)
    }

    /// Inlines what a small function calls, and keeps it if it is still small.
    fn add(&mut self, plan: &LinkPlan<'_>, id: FuncId, clif: ir::Function, notes: Notes) {
        let mut context = Context::for_function(clif);
        let mut inliner = Inliner::new(self, plan, id, &notes.calls);
        // A failure here comes back when the function itself is compiled.
        let _ = context.inline(&mut inliner);
        let inlined = inliner.locate(&mut context.func, &notes);
        let values_max = match plan.is_adapter(id) {
            true => self.values_max * ADAPTER_FACTOR,
            false => self.values_max + inliner.adapter_values,
        };
        let conditions = notes.conditions + inliner.conditions;
        let copies = self.copies.get(&id).copied().unwrap_or(0);
        let size = Size::of(&context.func, conditions, copies);
        let candidate = Candidate {
            values: size.values,
            values_max,
            size: size.code,
            clif: context.func,
            inlined,
            calls: notes.calls,
            conditions,
        };
        let calls_itself = plan.callees(id).contains(&id);
        let hot_values_max = self.values_max * HOT_FACTOR;
        let is_worth_it = self.has_hot_part(id) && candidate.fits(hot_values_max);
        if candidate.is_small_enough() || is_worth_it || calls_itself {
            self.functions.insert(id, candidate);
        }
    }

    /// The CLIF to compile of a function that was translated here: its callees inlined, also where
    /// it calls itself.
    #[must_use]
    pub fn get(&self, plan: &LinkPlan<'_>, id: FuncId) -> Option<(ir::Function, Inlined)> {
        let candidate = self.functions.get(&id)?;
        let mut context = Context::for_function(candidate.clif.clone());
        let mut recursion = Recursion {
            id,
            candidates: self,
            candidate,
            values_left: self.recursion_values_max,
            size_left: self.budget.part(wanted_by(plan, id, self.values_max)),
            log: Log::new(self.follows_locals),
        };
        // A failure here comes back when the function is compiled.
        let _ = context.inline(&mut recursion);
        let mut inlined = candidate.inlined.clone();
        inlined.locate(&mut context.func, &recursion.log, |_| candidate.body());
        Some((context.func, inlined))
    }
}

impl Candidates<'_> {
    fn has_hot_part(&self, id: FuncId) -> bool {
        self.profile.is_some_and(|profile| profile.has_hot_part(id))
    }

    /// What a profile says of a call.
    fn heat(&self, calls: &CallCounts, call: ir::Inst) -> Heat {
        match (self.profile, calls.get(&call)) {
            (Some(profile), Some(&count)) if profile.is_hot(count) => Heat::Hot,
            (Some(profile), Some(&count)) if !profile.is_hot(count.saturating_mul(WARM_FACTOR)) => {
                Heat::Cold
            }
            _ => Heat::Ordinary,
        }
    }
}

fn is_small(
    plan: &LinkPlan<'_>,
    id: FuncId,
    operators_max: u64,
    profile: Option<&Profile>,
) -> bool {
    if !plan.reachable[id.index()] || profile.is_some_and(|profile| profile.is_unused(id)) {
        return false;
    }
    let operators_max = match profile {
        Some(profile) if profile.has_hot_part(id) => OPERATORS_MAX * HOT_FACTOR as u64,
        _ => operators_max,
    };
    // Adapters catch exceptions, where there are any.
    (plan.is_adapter(id) && plan.tags.is_empty())
        || plan
            .facts(id)
            .is_some_and(|facts| u64::from(facts.operators) <= operators_max && !facts.catches)
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
    candidates: &'c Candidates<'c>,
    calls: &'c CallCounts,
    caller: FuncId,
    size_left: u64,
    /// Instructions that may still be moved.
    split_left: usize,
    /// How many values calls between components may have brought with them.
    adapter_values: usize,
    /// Those of the functions that are inlined.
    conditions: usize,
    log: Log,
}

impl<'c> Inliner<'c> {
    #[must_use]
    pub fn new(
        candidates: &'c Candidates<'_>,
        plan: &LinkPlan<'_>,
        caller: FuncId,
        calls: &'c CallCounts,
    ) -> Inliner<'c> {
        let wanted = wanted_by(plan, caller, candidates.values_max);
        let size_left = match candidates.has_hot_part(caller) {
            true => wanted * HOT_FACTOR as u64,
            false => candidates.budget.part(wanted),
        };
        let operators = usize::try_from(own_operators(plan, caller)).expect("64-bit host");
        Inliner {
            candidates,
            calls,
            caller,
            size_left,
            split_left: SPLIT_FACTOR * (operators + CALLER_SIZE as usize),
            adapter_values: 0,
            conditions: 0,
            log: Log::new(candidates.follows_locals),
        }
    }

    /// Tells where all is from that has been inlined into `func`.
    #[must_use]
    pub fn locate(&self, func: &mut ir::Function, notes: &Notes) -> Inlined {
        let mut inlined = Inlined::new(notes);
        let body = |id| self.candidates.functions[&id].body();
        inlined.locate(func, &self.log, body);
        inlined
    }

    /// Whether the block of a call may be split behind it.
    fn may_split(&mut self, func: &ir::Function, call: ir::Inst) -> bool {
        let mut next = func.layout.next_inst(call);
        while let Some(inst) = next
            && self.split_left > 0
        {
            self.split_left -= 1;
            next = func.layout.next_inst(inst);
        }
        self.split_left > 0
    }
}

impl Inline for Inliner<'_> {
    fn inline(
        &mut self,
        caller: &ir::Function,
        call: ir::Inst,
        opcode: ir::Opcode,
        callee: ir::FuncRef,
        _args: &[ir::Value],
    ) -> InlineCommand<'_> {
        let called = called(caller, callee).filter(|&id| id != self.caller);
        let candidate = called.and_then(|id| Some((id, self.candidates.functions.get(&id)?)));
        let Some((id, candidate)) = candidate else {
            return InlineCommand::KeepCall;
        };
        let cost = match candidate.size {
            0..=SIZE_FREE => 0,
            size => size as u64,
        };
        let is_worth_it = match self.candidates.heat(self.calls, call) {
            Heat::Cold => cost == 0 && candidate.is_small_enough(),
            Heat::Ordinary => candidate.is_small_enough(),
            Heat::Hot => {
                let hot_values_max = self.candidates.values_max * HOT_FACTOR;
                candidate.fits(candidate.values_max.max(hot_values_max))
            }
        };
        let is_possible = self.may_split(caller, call) && may_be_tried(opcode, &candidate.clif);
        if !is_worth_it || cost > self.size_left || !is_possible {
            return InlineCommand::KeepCall;
        }
        self.size_left -= cost;
        self.adapter_values += candidate.values_max - self.candidates.values_max;
        self.conditions += candidate.conditions;
        let count = self.calls.get(&call).copied();
        self.log.add(caller, call, id, count);
        InlineCommand::Inline {
            callee: Cow::Borrowed(&candidate.clif),
            visit_callee: false,
        }
    }
}

/// Inlines one level of a function's calls of itself.
struct Recursion<'c> {
    id: FuncId,
    candidates: &'c Candidates<'c>,
    candidate: &'c Candidate,
    values_left: usize,
    size_left: u64,
    log: Log,
}

impl Inline for Recursion<'_> {
    fn inline(
        &mut self,
        caller: &ir::Function,
        call: ir::Inst,
        opcode: ir::Opcode,
        callee: ir::FuncRef,
        _args: &[ir::Value],
    ) -> InlineCommand<'_> {
        let is_cold = self.candidates.heat(&self.candidate.calls, call) == Heat::Cold;
        let is_possible = may_be_tried(opcode, &self.candidate.clif);
        if is_cold || !is_possible || called(caller, callee) != Some(self.id) {
            return InlineCommand::KeepCall;
        }
        let values_left = self.values_left.checked_sub(self.candidate.values);
        let size_left = self.size_left.checked_sub(self.candidate.size as u64);
        let (Some(values_left), Some(size_left)) = (values_left, size_left) else {
            return InlineCommand::KeepCall;
        };
        (self.values_left, self.size_left) = (values_left, size_left);
        let count = self.candidate.calls.get(&call).copied();
        self.log.add(caller, call, self.id, count);
        InlineCommand::Inline {
            callee: Cow::Borrowed(&self.candidate.clif),
            visit_callee: false,
        }
    }
}

/// Whether a body can be in the place of its call: where that has handlers, all calls in the body get
/// them, and by the convention of Windows none can have any.
fn may_be_tried(call: ir::Opcode, body: &ir::Function) -> bool {
    let mut signatures = body.dfg.signatures.values();
    !matches!(call, ir::Opcode::TryCall | ir::Opcode::TryCallIndirect)
        || signatures.all(|signature| signature.call_conv.supports_exceptions())
}

/// The wasm function, or generated one, that a reference in a caller names.
fn called(caller: &ir::Function, callee: ir::FuncRef) -> Option<FuncId> {
    let ir::ExternalName::User(name) = caller.dfg.ext_funcs[callee].name else {
        return None;
    };
    let name = &caller.params.user_named_funcs()[name];
    (name.namespace == names::WASM).then_some(FuncId(name.index))
}
