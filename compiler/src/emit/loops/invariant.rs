//! What does not change in a loop is made in front of it. Cranelift's optimisation does so, but makes
//! bitwise operations with a constant anew in each block that uses them, as that needs no register in
//! between: two instructions an iteration, in loops that have registers to spare.
//!
//! ```text
//!     jump block1(v0)                         ;     v3 = band_imm v8, 0xffff
//! block1(v1: i32):                            ;     jump block1(v0)
//!     v2 = uload16.i32 v1                     ; block1(v1: i32):
//!     v3 = band_imm v8, 0xffff                ;     v2 = uload16.i32 v1
//!     v4 = icmp eq v2, v3                     ;     v4 = icmp eq v2, v3
//! ```
//!
//! Only in loops that have no other in them, are small and call nobody, and only a few in each. Sums stay where
//! they are, as they are parts of addresses.
//!
//! The instructions have no effect and do not trap. What they use is made outside the loop, and is there
//! in front of it: of two blocks that dominate a third one, one dominates the other.
//!
//! Linear: each instruction is looked at twice.

use crate::emit::renamed::Renamed;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::ir::{
    Function, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef,
};
use cranelift_codegen::loop_analysis::{Loop, LoopAnalysis};
use foldhash::{HashMap, HashMapExt};

/// Instructions of a loop that is small.
const INSTS_MAX: usize = 100;
/// What is made in front of a loop.
const MOVED_MAX: usize = 3;

/// Moves what does not change in small loops in front of them.
pub fn hoist(
    func: &mut Function,
    loops: &LoopAnalysis,
    domtree: &DominatorTree,
    renamed: &mut Renamed,
) {
    let moves = moves(func, loops);
    if moves.is_empty() {
        return;
    }
    let mut made: HashMap<(Loop, Opcode, Value, i64), Value> = HashMap::new();
    let mut counts: HashMap<Loop, usize> = HashMap::new();
    for Move {
        inst,
        of,
        operand,
        number,
    } in moves
    {
        let opcode = func.dfg.insts[inst].opcode();
        let count = counts.entry(of).or_default();
        let result = func.dfg.first_result(inst);
        let value = match made.get(&(of, opcode, operand, number)) {
            Some(&value) => value,
            None if *count == MOVED_MAX => continue,
            None => {
                let header = loops.loop_header(of);
                let Some(before) = domtree.idom(header) else {
                    continue;
                };
                let branch = func
                    .layout
                    .last_inst(before)
                    .expect("a block ends with a branch");
                let ty = func.dfg.value_type(result);
                let mut cursor = FuncCursor::new(func).at_inst(branch);
                let constant = cursor.ins().iconst(ty, number);
                let value = match opcode {
                    Opcode::Band => cursor.ins().band(operand, constant),
                    Opcode::Bor => cursor.ins().bor(operand, constant),
                    _ => cursor.ins().bxor(operand, constant),
                };
                *count += 1;
                made.insert((of, opcode, operand, number), value);
                value
            }
        };
        func.layout.remove_inst(inst);
        func.dfg.clear_results(inst);
        renamed.rename(func, result, value);
    }
}

/// An instruction that gives the same in each iteration of a loop.
struct Move {
    inst: Inst,
    of: Loop,
    operand: Value,
    number: i64,
}

fn moves(func: &Function, loops: &LoopAnalysis) -> Vec<Move> {
    let mut sizes: HashMap<Loop, usize> = HashMap::new();
    for block in func.layout.blocks() {
        let Some(of) = loops.innermost_loop(block) else {
            continue;
        };
        if let Some(parent) = loops.loop_parent(of) {
            sizes.insert(parent, INSTS_MAX + 1);
        }
        let size = sizes.entry(of).or_default();
        for inst in func.layout.block_insts(block) {
            // More do not matter.
            if *size > INSTS_MAX {
                break;
            }
            *size += match func.dfg.insts[inst].opcode().is_call() {
                true => INSTS_MAX + 1,
                false => 1,
            };
        }
    }
    let mut moves = Vec::new();
    for block in func.layout.blocks() {
        let of = loops.innermost_loop(block);
        let Some(of) = of.filter(|of| sizes[of] <= INSTS_MAX) else {
            continue;
        };
        let insts = func.layout.block_insts(block);
        moves.extend(insts.filter_map(|inst| invariant(func, loops, of, inst)));
    }
    moves
}

/// The instruction as one that can be moved in front of a loop.
fn invariant(func: &Function, loops: &LoopAnalysis, of: Loop, inst: Inst) -> Option<Move> {
    let InstructionData::Binary {
        opcode: Opcode::Band | Opcode::Bor | Opcode::Bxor,
        args,
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    let [operand, number] = args.map(|value| func.dfg.resolve_aliases(value));
    let InstructionData::UnaryImm {
        opcode: Opcode::Iconst,
        imm,
    } = func.dfg.insts[func.dfg.value_def(number).inst()?]
    else {
        return None;
    };
    let block = match func.dfg.value_def(operand) {
        ValueDef::Result(inst, _) => func.layout.inst_block(inst)?,
        ValueDef::Param(block, _) => block,
        ValueDef::Union(..) => return None,
    };
    (loops.innermost_loop(block) != Some(of)).then_some(Move {
        inst,
        of,
        operand,
        number: imm.bits(),
    })
}
