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
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value, ValueDef, types};
use std::collections::HashSet;

/// Searches look at together as many arguments as the function has, times this.
const FACTOR: usize = 8;
/// How many instructions are looked through for the bits of a value.
const DEPTH_MAX: u32 = 4;

/// Leaves out masks that take nothing away.
pub fn leave_out(func: &mut Function, domtree: &DominatorTree) {
    let mut masks: Vec<(Inst, Value, u32)> = Vec::new();
    for block in func.layout.blocks() {
        for inst in func.layout.block_insts(block) {
            masks.extend(mask(func, inst).map(|(param, bits)| (inst, param, bits)));
        }
    }
    if masks.is_empty() {
        return;
    }
    let edges = Edges::of(func, domtree);
    let mut left = edges.arguments().saturating_mul(FACTOR);
    let mut is_changed = false;
    for (inst, param, bits) in masks {
        if fits(func, &edges, param, bits, &mut left) {
            let result = func.dfg.first_result(inst);
            func.layout.remove_inst(inst);
            func.dfg.clear_results(inst);
            func.dfg.change_to_alias(result, param);
            is_changed = true;
        }
    }
    if is_changed {
        func.dfg.resolve_all_aliases();
    }
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
    let mask = constant(func, mask)?;
    let is_low = mask != 0 && mask & mask.wrapping_add(1) == 0;
    (is_param && is_low).then_some((param, mask.trailing_ones()))
}

/// Whether all that comes to a parameter has so many bits at most.
fn fits(func: &Function, edges: &Edges, param: Value, bits: u32, left: &mut usize) -> bool {
    let mut seen = HashSet::from([param]);
    let mut pending = vec![param];
    while let Some(param) = pending.pop() {
        let ValueDef::Param(block, position) = func.dfg.value_def(param) else {
            unreachable!("only parameters are looked at")
        };
        if Some(block) == func.layout.entry_block() {
            return false;
        }
        for edge in edges.to(block) {
            let Some(argument) = edges.argument(edge, position) else {
                return false;
            };
            let argument = func.dfg.resolve_aliases(argument);
            if *left == 0 {
                return false;
            }
            *left -= 1;
            if let ValueDef::Param(..) = func.dfg.value_def(argument) {
                if seen.insert(argument) {
                    pending.push(argument);
                }
            } else if bits_of(func, argument, 0) > bits {
                return false;
            }
        }
    }
    true
}

/// So many of the lower bits of a value may be set.
fn bits_of(func: &Function, value: Value, depth: u32) -> u32 {
    let value = func.dfg.resolve_aliases(value);
    let all = func.dfg.value_type(value).bits();
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return all;
    };
    let of = |value| match depth {
        DEPTH_MAX => all,
        _ => bits_of(func, value, depth + 1),
    };
    match (func.dfg.insts[inst].opcode(), func.dfg.inst_args(inst)) {
        (Opcode::Band, &[first, second]) => of(first).min(of(second)),
        (Opcode::Bor | Opcode::Bxor, &[first, second]) => of(first).max(of(second)),
        (Opcode::Select, &[_, first, second]) => of(first).max(of(second)),
        (Opcode::Ushr, &[shifted, by]) => match constant(func, by) {
            Some(by) if by < u64::from(all) => of(shifted).saturating_sub(by as u32),
            _ => all,
        },
        (Opcode::Uload8, _) => 8,
        (Opcode::Uload16, _) => 16,
        (Opcode::Uload32, _) => 32,
        (Opcode::Icmp | Opcode::Fcmp, _) if func.dfg.value_type(value) == types::I8 => 1,
        (Opcode::Uextend, &[narrow]) => of(narrow).min(func.dfg.value_type(narrow).bits()),
        (Opcode::Iconst, _) => {
            constant(func, value).map_or(all, |number| 64 - number.leading_zeros())
        }
        _ => all,
    }
}

/// A constant's bits.
fn constant(func: &Function, value: Value) -> Option<u64> {
    let value = func.dfg.resolve_aliases(value);
    match func.dfg.insts[func.dfg.value_def(value).inst()?] {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => {
            let mask = u64::MAX >> (64 - func.dfg.value_type(value).bits());
            Some(imm.bits().cast_unsigned() & mask)
        }
        _ => None,
    }
}
