//! How much inlining may add: to each caller, and to the program.

use crate::index::FuncId;
use crate::plan::LinkPlan;
use foldhash::HashMap;

/// A body with more instructions than this cannot become few enough values to be inlined.
pub const OPERATORS_MAX: u64 = 80;
/// The same in the largest of programs.
const OPERATORS_MIN: u64 = 8;
/// A function with as many values as may be inlined may be this many times their number in size.
pub const SIZE_FACTOR: usize = 2;
/// Every caller may take in this much, and twice its own instructions.
pub const CALLER_SIZE: u64 = 400;
/// No caller takes in more than this.
const CALLER_SIZE_MAX: u64 = 8000;
/// All callers together may take in this much, and four times the instructions of the program.
const PROGRAM_SIZE: u64 = 40_000;
/// No program takes in more than this.
const PROGRAM_SIZE_MAX: u64 = 2_000_000;
/// A call from one component to another may have this many times the values of another function
/// that is inlined: of one with constants, half of the work is done when compiling.
pub const ADAPTER_FACTOR: usize = 6;

/// What callers may take in: the part of what they want that the program has room for.
#[derive(Clone, Copy, Default)]
pub struct Budget {
    wanted: u64,
    given: u64,
}

impl Budget {
    /// That of a program.
    pub fn of(plan: &LinkPlan<'_>, values_max: usize) -> Budget {
        let ids = (0..plan.funcs.len()).map(FuncId::new);
        let reachable = ids.filter(|id| plan.reachable[id.index()]);
        let (mut wanted, mut operators) = (0, 0);
        for id in reachable {
            wanted += wanted_by(plan, id, values_max);
            operators += own_operators(plan, id);
        }
        Budget {
            wanted,
            given: (PROGRAM_SIZE + 4 * operators)
                .min(PROGRAM_SIZE_MAX)
                .min(wanted),
        }
    }

    /// What there is for a function that would take in so much.
    pub fn part(&self, wanted: u64) -> u64 {
        let part = u128::from(wanted) * u128::from(self.given) / u128::from(self.wanted.max(1));
        u64::try_from(part).expect("it is less than what is wanted")
    }

    /// The largest body that may be inlined.
    pub fn operators_max(&self) -> u64 {
        self.part(4 * OPERATORS_MAX)
            .clamp(OPERATORS_MIN, OPERATORS_MAX)
    }
}

/// How many copies there would be of each of these if all calls by name were inlined. Calls that follow each
/// other in a function count as one.
pub fn copies(plan: &LinkPlan<'_>, ids: &[FuncId]) -> HashMap<FuncId, usize> {
    let mut copies: HashMap<FuncId, usize> = ids.iter().map(|&id| (id, 0)).collect();
    let all = (0..plan.funcs.len()).map(FuncId::new);
    for id in all.filter(|id| plan.reachable[id.index()]) {
        for callee in plan.callees(id) {
            if let Some(count) = copies.get_mut(&callee) {
                *count += 1;
            }
        }
    }
    copies
}

/// The instructions of a function of the input.
pub fn own_operators(plan: &LinkPlan<'_>, id: FuncId) -> u64 {
    plan.facts(id).map_or(0, |facts| facts.operators.into())
}

/// What a function would like to take in at most.
pub fn wanted_by(plan: &LinkPlan<'_>, id: FuncId, values_max: usize) -> u64 {
    let callees = plan.callees(id);
    let adapters = callees.iter().filter(|&&callee| plan.is_adapter(callee));
    let adapter_size = values_max * ADAPTER_FACTOR * SIZE_FACTOR;
    let adapters = (adapters.count() * adapter_size) as u64;
    (CALLER_SIZE + 2 * own_operators(plan, id) + adapters).min(CALLER_SIZE_MAX)
}
