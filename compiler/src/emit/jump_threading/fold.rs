//! What values are in a certain state.

use crate::facts;
use crate::numbers::{bits_of, compute, holds, mask};
use cranelift_codegen::ir::{Block, Function, Inst, InstructionData, Opcode, Value, ValueDef};

/// So many instructions a value is looked through for.
const DEPTH_MAX: u32 = 4;

/// The one parameter of a block that a value is computed from, with constants; maybe itself.
pub(super) fn root(func: &Function, value: Value) -> Option<(Block, usize)> {
    root_by(func, value, |_| true)
}

/// The one that a value is some of the bits of. What is otherwise computed would be another in each iteration of a
/// loop.
pub(super) fn part_of(func: &Function, value: Value) -> Option<(Block, usize)> {
    root_by(func, value, |opcode| {
        matches!(opcode, Opcode::Band | Opcode::Uextend | Opcode::Ireduce)
    })
}

fn root_by(
    func: &Function,
    mut value: Value,
    is_looked_through: impl Fn(Opcode) -> bool,
) -> Option<(Block, usize)> {
    for _ in 0..=DEPTH_MAX {
        match func.dfg.value_def(value) {
            ValueDef::Param(block, position) => return Some((block, position)),
            ValueDef::Result(inst, 0) if is_looked_through(func.dfg.insts[inst].opcode()) => {
                value = operand(func, inst)?;
            }
            _ => return None,
        }
    }
    None
}

/// The operand of an instruction of which the others are constants.
fn operand(func: &Function, inst: Inst) -> Option<Value> {
    match func.dfg.insts[inst] {
        InstructionData::Unary {
            opcode: Opcode::Uextend | Opcode::Ireduce,
            arg,
        } => Some(arg),
        InstructionData::Binary {
            opcode: Opcode::Band | Opcode::Iadd | Opcode::Isub,
            args: [left, right],
        }
        | InstructionData::IntCompare {
            args: [left, right],
            ..
        } => {
            facts::constant(func, right)?;
            Some(left)
        }
        _ => None,
    }
}

/// What a value is if another is a constant.
pub(super) fn fold(func: &Function, value: Value, state: Value, is: u64) -> Option<u64> {
    fold_at(func, value, (state, is), 0)
}

fn fold_at(func: &Function, value: Value, state: (Value, u64), depth: u32) -> Option<u64> {
    if value == state.0 {
        return Some(state.1);
    }
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return None;
    };
    if let Some(number) = facts::constant(func, value) {
        return Some(number);
    }
    if depth == DEPTH_MAX {
        return None;
    }
    let ty = func.dfg.value_type(value);
    bits_of(ty)?;
    let left = fold_at(func, operand(func, inst)?, state, depth + 1)?;
    let right = || facts::constant(func, func.dfg.inst_args(inst)[1]);
    let folded = match func.dfg.insts[inst] {
        InstructionData::IntCompare { cond, args, .. } => {
            holds(cond, func.dfg.value_type(args[0]), left, right()?).into()
        }
        InstructionData::Unary { .. } => left,
        data => compute(data.opcode(), ty, left, right()?)?,
    };
    Some(folded & mask(ty))
}

/// What a value has to be for one that is computed from it to be `number`.
pub(super) fn inverse(func: &Function, computed: Value, value: Value, number: u64) -> Option<u64> {
    if computed == value {
        return Some(number);
    }
    let ValueDef::Result(inst, 0) = func.dfg.value_def(computed) else {
        return None;
    };
    let InstructionData::Binary { opcode, args } = func.dfg.insts[inst] else {
        return None;
    };
    let constant = facts::constant(func, args[1])?;
    let before = match opcode {
        Opcode::Iadd => number.wrapping_sub(constant),
        Opcode::Isub => number.wrapping_add(constant),
        _ => return None,
    };
    (args[0] == value).then_some(before & mask(func.dfg.value_type(value)))
}
