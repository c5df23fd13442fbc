//! Constants that a branch passes on, made on that way alone.
//!
//! Cranelift lowers what a branch passes on in front of it, so that each iteration of a loop makes what only
//! leaving it wants:
//!
//! ```text
//! block1:                                     ; block1:
//!     brif v1, block3(5), block2              ;     brif v1, block4, block2
//!                                             ; block4:
//!                                             ;     jump block3(5)
//! ```
//!
//! So it is where a branch in a loop else goes to what is hardly ever run: the constant needs no register of its own
//! while the condition has one, and its block lies in front of the one that it is passed to.
//!
//! Linear: each branch is looked at once.

use super::back_edge;
use crate::facts::targets;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::ir::{
    BlockArg, Function, Inst, InstBuilder, InstructionData, Opcode, Value,
};
use cranelift_codegen::loop_analysis::LoopAnalysis;

/// Has constants that are passed on where a loop is left, or where it most likely goes on, made behind the branch;
/// whether blocks were added.
pub fn make_outside(func: &mut Function, cfg: &ControlFlowGraph, loops: &LoopAnalysis) -> bool {
    let mut ways = Vec::new();
    for block in func.layout.blocks() {
        let (Some(innermost), Some(branch)) =
            (loops.innermost_loop(block), func.layout.last_inst(block))
        else {
            continue;
        };
        let InstructionData::Brif { blocks, .. } = func.dfg.insts[branch] else {
            continue;
        };
        for (destination, call) in blocks.iter().enumerate() {
            let to = call.block(&func.dfg.value_lists);
            let mut args = call.args(&func.dfg.value_lists);
            let is_left = !loops.is_in_loop(to, innermost);
            let other = blocks[1 - destination].block(&func.dfg.value_lists);
            let is_likely = func.layout.is_cold(other) && !func.layout.is_cold(to);
            if (is_left || is_likely)
                && args.any(|arg| arg.as_value().is_some_and(|value| is_constant(func, value)))
                && cfg.pred_iter(to).nth(1).is_some()
            {
                ways.push((branch, destination));
            }
        }
    }
    for &(branch, destination) in &ways {
        put_between(func, branch, destination);
    }
    !ways.is_empty()
}

fn is_constant(func: &Function, value: Value) -> bool {
    let inst = func.dfg.value_def(value).inst();
    inst.is_some_and(|inst| func.dfg.insts[inst].opcode() == Opcode::Iconst)
}

/// Gives a branch's destination a block of its own, in which constants are made.
pub(super) fn put_between(func: &mut Function, branch: Inst, destination: usize) {
    let arguments = back_edge::destination(func, branch, destination);
    let target = targets(func, branch).nth(destination);
    let target = target.expect("it is one of its destinations");
    let block = func.layout.inst_block(branch).expect("it ends a block");
    let between = func.dfg.make_block();
    func.layout.insert_block_after(between, block);
    let mut cursor = FuncCursor::new(func).at_bottom(between);
    let arguments: Vec<BlockArg> = arguments
        .into_iter()
        .map(|value| {
            let value = value.expect("branches pass values");
            BlockArg::Value(anew(&mut cursor, value).unwrap_or(value))
        })
        .collect();
    cursor.ins().jump(target, &arguments);
    let call = func.dfg.block_call(between, &[]);
    let dfg = &mut func.dfg;
    let calls =
        dfg.insts[branch].branch_destination_mut(&mut dfg.jump_tables, &mut dfg.exception_tables);
    calls[destination] = call;
}

/// A constant, made where the cursor is.
fn anew(cursor: &mut FuncCursor<'_>, value: Value) -> Option<Value> {
    let dfg = &cursor.func.dfg;
    let InstructionData::UnaryImm {
        opcode: Opcode::Iconst,
        imm,
    } = dfg.insts[dfg.value_def(value).inst()?]
    else {
        return None;
    };
    let ty = dfg.value_type(value);
    Some(cursor.ins().iconst(ty, imm))
}
