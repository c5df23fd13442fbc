//! A mask that takes nothing away from a block's parameter is left out. What is in a local that holds
//! small numbers, such as the state of a machine, is masked wherever it is used; what Cranelift knows of
//! a value ends where blocks meet.
//!
//! ```text
//!     brif v0, block1(iconst 3), block1(iconst 5)
//! block1(v1: i32):
//!     v2 = band_imm v1, 255                   ; v2 -> v1
//! ```
//!
//! All that comes to the parameter, directly or by other parameters, has no bits that the mask takes
//! away. That is so of a parameter if it is so of all values that there are at first: a branch in a
//! loop can only pass on what came into the loop.
//!
//! Linear: searches in vain may look at a limited number of arguments together.

use super::edges::Edges;
use crate::emit::renamed::Renamed;
use crate::emit::survey::Survey;
use crate::facts;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value, ValueDef};
use foldhash::HashSet;

/// Searches look at together as many arguments as the function has, times this.
const FACTOR: usize = 8;

/// Leaves out masks that take nothing away; gives the edges, if it has looked for them.
pub fn leave_out(func: &mut Function, domtree: &DominatorTree, survey: &Survey) -> Option<Edges> {
    let all = survey.masks.iter();
    let masks = all.filter_map(|&inst| mask(func, inst).map(|(param, bits)| (inst, param, bits)));
    let masks: Vec<(Inst, Value, u32)> = masks.collect();
    if masks.is_empty() {
        return None;
    }
    let edges = Edges::of(func, domtree);
    let mut left = edges.arguments().saturating_mul(FACTOR);
    let mut renamed = Renamed::default();
    for (inst, param, bits) in masks {
        if fits(func, &edges, param, bits, &mut left) {
            let result = func.dfg.first_result(inst);
            func.layout.remove_inst(inst);
            func.dfg.clear_results(inst);
            renamed.rename(func, result, param);
        }
    }
    renamed.apply(func);
    Some(edges)
}

/// The block's parameter whose lowest bits an instruction keeps, and how many these are.
fn mask(func: &Function, inst: Inst) -> Option<(Value, u32)> {
    let InstructionData::Binary {
        opcode: Opcode::Band,
        args,
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    let [param, mask] = args.map(|value| func.dfg.resolve_aliases(value));
    let is_param = match func.dfg.value_def(param) {
        ValueDef::Param(block, _) => Some(block) != func.layout.entry_block(),
        _ => false,
    };
    let mask = facts::constant(func, mask)?;
    let is_low = mask != 0 && mask & mask.wrapping_add(1) == 0;
    (is_param && is_low).then_some((param, mask.trailing_ones()))
}

/// Whether all that comes to a parameter has so many bits at most.
fn fits(func: &Function, edges: &Edges, param: Value, bits: u32, left: &mut usize) -> bool {
    let mut seen = HashSet::from_iter([param]);
    let mut pending = vec![param];
    while let Some(param) = pending.pop() {
        let ValueDef::Param(block, position) = func.dfg.value_def(param) else {
            unreachable!("only parameters are looked at")
        };
        if Some(block) == func.layout.entry_block() {
            return false;
        }
        for edge in edges.to(block) {
            let Some(argument) = edge.argument(func, position) else {
                return false;
            };
            if *left == 0 {
                return false;
            }
            *left -= 1;
            if let ValueDef::Param(..) = func.dfg.value_def(argument) {
                if seen.insert(argument) {
                    pending.push(argument);
                }
            } else if facts::bits(func, argument) > bits {
                return false;
            }
        }
    }
    true
}
