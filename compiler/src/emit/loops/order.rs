//! A machine instruction puts the result of an operation into the register of its first operand. So
//! that is to be the one that goes round the loop:
//!
//! ```text
//!     block1(v1):                             ; block1(v1):
//!     v3 = fmul v7, v8                        ;     v3 = fmul v7, v8
//!     v2 = fadd v3, v1                        ;     v2 = fadd v1, v3
//!     brif v9, block1(v2), block2             ;     brif v9, block1(v2), block2
//! ```

use super::WayBack;
use cranelift_codegen::ir::{Function, Opcode, Value};

/// Sums have few parts.
const DEPTH_MAX: u32 = 16;

/// Puts operands of commutative operations that lead to a loop's parameter first, where the result
/// is the parameter's next value.
pub fn carried_first(func: &mut Function, back: &[WayBack]) {
    for way in back {
        for (value, param) in way.arguments(func) {
            lead(func, value, param, DEPTH_MAX);
        }
    }
}

/// Whether a value is a parameter, or made of it by commutative operations, whose operands are put
/// in order.
fn lead(func: &mut Function, value: Value, param: Value, depth: u32) -> bool {
    if value == param {
        return true;
    }
    let Some(inst) = func.dfg.value_def(value).inst() else {
        return false;
    };
    let is_commutative = matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Imul
            | Opcode::Band
            | Opcode::Bor
            | Opcode::Bxor
            | Opcode::Fadd
            | Opcode::Fmul
            | Opcode::Iadd
    );
    if !is_commutative || depth == 0 {
        return false;
    }
    let &[first, second] = func.dfg.inst_args(inst) else {
        return false;
    };
    let [first, second] = [first, second].map(|value| func.dfg.resolve_aliases(value));
    if lead(func, first, param, depth - 1) {
        return true;
    }
    let leads = lead(func, second, param, depth - 1);
    if leads {
        func.dfg
            .inst_args_mut(inst)
            .copy_from_slice(&[second, first]);
    }
    leads
}
