//! Where a branch goes on. Cranelift lowers blocks in an order in which the last destination of a
//! branch follows it; a loop should be followed by its exits, and not have them in its midst.
//! Linear: a block is looked at once, and asked for its innermost loop alone.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{Block, Function, Inst, InstBuilder, InstructionData, Value};
use cranelift_codegen::loop_analysis::LoopAnalysis;

/// Makes conditional branches out of loops go on in the loop; whether there were any.
pub fn exits_last(func: &mut Function, loops: &LoopAnalysis) -> bool {
    let leaving: Vec<Inst> = func
        .layout
        .blocks()
        .filter_map(|block| leaves_loop_second(func, loops, block))
        .collect();
    for &branch in &leaving {
        swap(func, branch);
    }
    !leaving.is_empty()
}

/// The branch at a block's end, if its first destination is in the block's loop and the second is
/// not.
fn leaves_loop_second(func: &Function, loops: &LoopAnalysis, block: Block) -> Option<Inst> {
    let innermost = loops.innermost_loop(block)?;
    let branch = func.layout.last_inst(block)?;
    let InstructionData::Brif { blocks, .. } = func.dfg.insts[branch] else {
        return None;
    };
    // A loop is entered at its header alone, so a branch goes at most one loop deeper.
    let is_inside = |target: Block| {
        let of_target = loops.innermost_loop(target);
        of_target == Some(innermost)
            || of_target.and_then(|inner| loops.loop_parent(inner)) == Some(innermost)
    };
    let [stays, leaves] = blocks.map(|call| is_inside(call.block(&func.dfg.value_lists)));
    (stays && !leaves).then_some(branch)
}

/// Swaps the destinations of a conditional branch.
pub fn swap(func: &mut Function, branch: Inst) {
    let condition = func.dfg.inst_args(branch)[0];
    let opposite = opposite(func, branch, condition);
    func.dfg.inst_args_mut(branch)[0] = opposite;
    if let InstructionData::Brif { blocks, .. } = &mut func.dfg.insts[branch] {
        blocks.swap(0, 1);
    }
}

/// The opposite of a condition, made before the branch.
fn opposite(func: &mut Function, branch: Inst, condition: Value) -> Value {
    let comparison = func.dfg.value_def(condition).inst();
    let data = comparison.map(|inst| func.dfg.insts[inst]);
    let mut cursor = FuncCursor::new(func).at_inst(branch);
    match data {
        Some(InstructionData::IntCompare { cond, args, .. }) => {
            let [left, right] = args;
            cursor.ins().icmp(cond.complement(), left, right)
        }
        Some(InstructionData::FloatCompare { cond, args, .. }) => {
            let [left, right] = args;
            cursor.ins().fcmp(cond.complement(), left, right)
        }
        _ => cursor.ins().icmp_imm_s(IntCC::Equal, condition, 0),
    }
}
