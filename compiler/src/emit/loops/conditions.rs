//! Where a branch has gone, its condition is known.
//!
//! A condition that is kept as a number, such as a result of which the branch is part, takes two
//! instructions beside the comparison. Where only what follows the branch uses the number, that is a
//! constant for either way:
//!
//! ```text
//!     v2 = icmp eq v0, v1                     ;     v2 = icmp eq v0, v1
//!     v3 = uextend.i32 v2                     ;     brif v2, block1(iconst 1), block2
//!     brif v2, block1(v3), block2             ; block2:
//! block2:                                     ;     jump block1(iconst 0)
//!     jump block1(v3)                         ;
//! ```
//!
//! A use follows a branch if it is an argument of it, or in a block that is dominated by one to which
//! nothing else leads. It is done where that is so of all uses, so that the number is no longer made. What a
//! branch passes on is made in a block of its own, which loops are left by once.
//!
//! Linear: each use is compared with a limited number of branches.

use super::back_edge;
use super::between::put_between;
use crate::emit::survey::Survey;
use crate::facts::{each_use, targets};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef, types,
};
use foldhash::{HashMap, HashMapExt};
use std::collections::{BTreeMap, BTreeSet};

/// Branches on one condition; with more, the first ones count.
const BRANCHES_MAX: usize = 4;

/// Makes conditions constants where a branch has decided them; whether blocks were added.
pub fn settle(
    func: &mut Function,
    domtree: &DominatorTree,
    cfg: &ControlFlowGraph,
    survey: &Survey,
) -> bool {
    let branches = branches(func, cfg, survey);
    let mut ways = BTreeSet::new();
    for (condition, uses) in uses(func, &branches, survey) {
        let branches = &branches[&condition];
        let known: Option<Vec<bool>> = uses
            .iter()
            .map(|of| {
                branches
                    .iter()
                    .find_map(|branch| branch.decides(func, domtree, of))
            })
            .collect();
        let Some(known) = known else {
            continue;
        };
        for (of, is_true) in uses.iter().zip(known) {
            of.replace(func, is_true);
            let is_branch = func.dfg.insts[of.inst].opcode() == Opcode::Brif;
            ways.extend(of.destination.filter(|_| is_branch).map(|to| (of.inst, to)));
        }
    }
    for &(branch, destination) in &ways {
        put_between(func, branch, destination);
    }
    !ways.is_empty()
}

/// A branch on a condition.
struct Branch {
    inst: Inst,
    /// Where it goes if the condition is not true, and if it is, and nothing else does.
    ways: [Option<Block>; 2],
}

/// The branches on each comparison that is of other use, too.
fn branches(
    func: &Function,
    cfg: &ControlFlowGraph,
    survey: &Survey,
) -> HashMap<Value, Vec<Branch>> {
    let mut found: HashMap<Value, Vec<Branch>> = HashMap::new();
    for block in func.layout.blocks() {
        let Some(inst) = func.layout.last_inst(block) else {
            continue;
        };
        let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[inst] else {
            continue;
        };
        let condition = func.dfg.resolve_aliases(arg);
        if survey.uses[condition] == 1 || !is_comparison(func, condition) {
            continue;
        }
        let [yes, no] = blocks.map(|call| call.block(&func.dfg.value_lists));
        let alone = |way: Block| (cfg.pred_iter(way).take(2).count() == 1).then_some(way);
        let ways = match yes == no {
            true => [None; 2],
            false => [no, yes].map(alone),
        };
        let of = found.entry(condition).or_default();
        if of.len() < BRANCHES_MAX {
            of.push(Branch { inst, ways });
        }
    }
    found
}

/// Whether a value is a comparison's result, which is 0 or 1.
fn is_comparison(func: &Function, value: Value) -> bool {
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return false;
    };
    let opcode = func.dfg.insts[inst].opcode();
    matches!(opcode, Opcode::Icmp | Opcode::Fcmp) && func.dfg.value_type(value) == types::I8
}

/// Where a condition is used as a number, itself or extended.
struct Use {
    value: Value,
    inst: Inst,
    /// The branch's destination that it is passed to, if it is.
    destination: Option<usize>,
}

/// The uses as numbers of conditions on which there are branches.
fn uses(
    func: &Function,
    branches: &HashMap<Value, Vec<Branch>>,
    survey: &Survey,
) -> BTreeMap<Value, Vec<Use>> {
    let mut uses: BTreeMap<Value, Vec<Use>> = BTreeMap::new();
    if branches.is_empty() {
        return uses;
    }
    // Most values are neither such a condition nor an extension of one.
    let mut numbers = vec![false; func.dfg.num_values()];
    for condition in branches.keys() {
        numbers[condition.index()] = true;
    }
    let mut extended: HashMap<Value, Value> = HashMap::new();
    for &inst in &survey.extensions {
        if let Some(condition) = extension(func, inst, branches) {
            let result = func.dfg.first_result(inst);
            numbers[result.index()] = true;
            extended.insert(result, condition);
        }
    }
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            let mut has_number = false;
            // None has another name yet.
            each_use(func, inst, |value| has_number |= numbers[value.index()]);
            if !has_number || extension(func, inst, branches).is_some() {
                continue;
            }
            let mut add = |value, destination| {
                let value = func.dfg.resolve_aliases(value);
                if numbers[value.index()] {
                    let condition = *extended.get(&value).unwrap_or(&value);
                    uses.entry(condition).or_default().push(Use {
                        value,
                        inst,
                        destination,
                    });
                }
            };
            for &value in &func.dfg.inst_args(inst)[usize::from(asks(func, inst))..] {
                add(value, None);
            }
            for destination in 0..targets(func, inst).count() {
                let arguments = back_edge::destination(func, inst, destination);
                for value in arguments.into_iter().flatten() {
                    add(value, Some(destination));
                }
            }
        }
    }
    uses
}

/// The condition on which there is a branch, if an instruction extends one.
fn extension(func: &Function, inst: Inst, branches: &HashMap<Value, Vec<Branch>>) -> Option<Value> {
    let InstructionData::Unary {
        opcode: Opcode::Uextend,
        arg,
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    let condition = func.dfg.resolve_aliases(arg);
    let is_small = func.dfg.value_type(condition) == types::I8;
    (is_small && branches.contains_key(&condition)).then_some(condition)
}

impl Branch {
    /// What the condition is where it is used, if this branch has decided it.
    fn decides(&self, func: &Function, domtree: &DominatorTree, of: &Use) -> Option<bool> {
        if of.inst == self.inst {
            return of.destination.map(|destination| destination == 0);
        }
        let block = func.layout.inst_block(of.inst)?;
        let mut ways = self.ways.into_iter().zip([false, true]);
        ways.find_map(|(way, is_true)| domtree.block_dominates(way?, block).then_some(is_true))
    }
}

impl Use {
    /// Puts a constant in the place of the condition.
    fn replace(&self, func: &mut Function, is_true: bool) {
        let ty = func.dfg.value_type(self.value);
        let mut cursor = FuncCursor::new(func).at_inst(self.inst);
        let constant = cursor.ins().iconst(ty, i64::from(is_true));
        let Some(destination) = self.destination else {
            let first = usize::from(asks(func, self.inst));
            for position in first..func.dfg.inst_args(self.inst).len() {
                let value = func.dfg.inst_args(self.inst)[position];
                if func.dfg.resolve_aliases(value) == self.value {
                    func.dfg.inst_args_mut(self.inst)[position] = constant;
                }
            }
            return;
        };
        let mut arguments = back_edge::destination(func, self.inst, destination).into_iter();
        let dfg = &mut func.dfg;
        let calls = dfg.insts[self.inst]
            .branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
        calls[destination].update_args(&mut dfg.value_lists, |old| match arguments.next() {
            Some(Some(value)) if value == self.value => BlockArg::Value(constant),
            _ => old,
        });
    }
}

/// Whether the first thing that an instruction uses is asked for being true, which needs no number.
fn asks(func: &Function, inst: Inst) -> bool {
    matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Brif | Opcode::Select | Opcode::Trapz | Opcode::Trapnz
    )
}
