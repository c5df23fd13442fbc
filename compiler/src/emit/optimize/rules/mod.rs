//! Simpler ways to make the same value. Comes in: an instruction without effects, whose operands stand for
//! themselves. Goes out: what it is instead, if a rule knows that.
//!
//! Which rules there are was found by counting, in programs from C, C++, Rust, Go, JavaScript and Kotlin, what
//! their own compilers have left to do, since they cannot know how addresses are formed or what is inlined
//! here. A rule that makes two instructions of one stands only where one of them goes away again. Constants
//! stand on the right.
//!
//! Each rule looks at a few instructions, so the time is linear. `optimize/tests` computes both sides for
//! random numbers.

mod arithmetic;
mod bits;
mod compare;
mod convert;
mod divide;
mod select;
mod shift;
mod vectors;

use super::form::Rewrite;
use super::pass::{Pass, constant};
use crate::numbers::{bits_of, compute};
use cranelift_codegen::ir::{InstructionData, Opcode, Type, Value};

impl Pass<'_> {
    /// What an instruction is instead, with its controlling type.
    pub(super) fn simplify(&mut self, data: &InstructionData, ty: Type) -> Rewrite {
        match *data {
            InstructionData::Binary { opcode, args } => self.simplify_binary(opcode, ty, args),
            InstructionData::Unary { opcode, arg } => self.simplify_unary(opcode, ty, arg),
            InstructionData::IntCompare { cond, args, .. } => {
                self.simplify_comparison(cond, ty, args)
            }
            InstructionData::Ternary {
                opcode: Opcode::Select,
                args,
            } => self.simplify_select(ty, args),
            InstructionData::Ternary {
                opcode: Opcode::Bitselect | Opcode::SelectSpectreGuard,
                args: [_, yes, no],
            } if yes == no => Rewrite::Value(yes),
            _ => Rewrite::Keep,
        }
    }

    fn simplify_binary(&mut self, opcode: Opcode, ty: Type, [x, y]: [Value; 2]) -> Rewrite {
        let Some(bits) = bits_of(ty) else {
            return self.simplify_wide(opcode, ty, [x, y]);
        };
        let right = self.number(y);
        if let Some(left) = self.number(x) {
            match right {
                Some(right) => {
                    if let Some(result) = compute(opcode, ty, left, right) {
                        return Rewrite::As(constant(ty, result), ty);
                    }
                }
                None if commutes(opcode) => {
                    return Rewrite::As(binary(opcode, [y, x]), ty);
                }
                None => {}
            }
        }
        match opcode {
            Opcode::Iadd => self.simplify_sum(ty, [x, y], right),
            Opcode::Isub => self.simplify_difference(ty, [x, y], right),
            Opcode::Imul => self.simplify_product(ty, [x, y], right),
            Opcode::Band => self.simplify_and(ty, [x, y], right),
            Opcode::Bor => self.simplify_or(ty, [x, y], right),
            Opcode::Bxor => self.simplify_xor(ty, [x, y], right),
            Opcode::Ishl | Opcode::Ushr | Opcode::Sshr | Opcode::Rotl | Opcode::Rotr => {
                self.simplify_shift(opcode, (ty, bits), [x, y], right)
            }
            Opcode::Smin | Opcode::Smax | Opcode::Umin | Opcode::Umax if x == y => {
                Rewrite::Value(x)
            }
            _ => Rewrite::Keep,
        }
    }

    /// `k` where a value is `x op k`.
    pub(super) fn with_number(&self, value: Value, opcode: Opcode) -> Option<(Value, u64)> {
        let [x, y] = self.operands_of(value, opcode)?;
        Some((x, self.number(y)?))
    }
}

fn binary(opcode: Opcode, args: [Value; 2]) -> InstructionData {
    InstructionData::Binary { opcode, args }
}

fn unary(opcode: Opcode, arg: Value) -> InstructionData {
    InstructionData::Unary { opcode, arg }
}

/// What two sums do not have in common, if they have one operand in common.
fn apart([a, b]: [Value; 2], [c, d]: [Value; 2]) -> Option<[Value; 2]> {
    match () {
        () if a == c => Some([b, d]),
        () if a == d => Some([b, c]),
        () if b == c => Some([a, d]),
        () if b == d => Some([a, c]),
        () => None,
    }
}

fn commutes(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::Iadd
            | Opcode::Imul
            | Opcode::Band
            | Opcode::Bor
            | Opcode::Bxor
            | Opcode::Smin
            | Opcode::Smax
            | Opcode::Umin
            | Opcode::Umax
    )
}
