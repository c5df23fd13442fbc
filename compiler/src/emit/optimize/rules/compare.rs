//! Rules of comparisons of integers, and of what is only asked to be zero or not.

use super::super::form::{Rewrite, comparison};
use super::super::pass::{Pass, constant};
use super::apart;
use crate::numbers::{bits_of, holds, mask, signed};
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{InstructionData, Opcode, Type, Value, types};

impl Pass<'_> {
    /// Of values of a type.
    pub(super) fn simplify_comparison(
        &mut self,
        cond: IntCC,
        ty: Type,
        [x, y]: [Value; 2],
    ) -> Rewrite {
        if bits_of(ty).is_none() {
            return Rewrite::Keep;
        }
        if x == y {
            return truth(holds(cond, ty, 0, 0));
        }
        match (self.number(x), self.number(y)) {
            (Some(x), Some(y)) => truth(holds(cond, ty, x, y)),
            (Some(_), None) => Rewrite::As(comparison(cond.swap_args(), [y, x]), ty),
            (None, Some(number)) => self.simplify_comparison_with(cond, ty, [x, y], number),
            (None, None) => self.simplify_comparison_of(cond, ty, [x, y]),
        }
    }

    /// With a number on the right.
    fn simplify_comparison_with(
        &mut self,
        cond: IntCC,
        ty: Type,
        [x, y]: [Value; 2],
        number: u64,
    ) -> Rewrite {
        let is_of_equality = matches!(cond, IntCC::Equal | IntCC::NotEqual);
        if is_of_equality
            && number <= 1
            && let Some(rewrite) = self.simplify_comparison_of_truth(cond, x, number)
        {
            return rewrite;
        }
        if cond == IntCC::NotEqual
            && number == 0
            && let Some(x) = self.truth_of(x)
        {
            let ty = self.type_of(x);
            let zero = self.integer(ty, 0);
            return Rewrite::As(comparison(cond, [x, zero]), ty);
        }
        // A mask of a byte is part of a comparison of bytes.
        if number <= 0xff
            && let Some((x, 0xff)) = self.with_number(x, Opcode::Band)
            && ty != types::I8
        {
            let x = self.unary(Opcode::Ireduce, types::I8, x);
            let number = self.integer(types::I8, number);
            return Rewrite::As(comparison(cond.unsigned(), [x, number]), types::I8);
        }
        if number == 0
            && (is_of_equality || is_signed(cond))
            && let Some(x) = self.operand_of(x, Opcode::Sextend)
        {
            let ty = self.type_of(x);
            let zero = self.integer(ty, 0);
            return Rewrite::As(comparison(cond, [x, zero]), ty);
        }
        if is_of_equality {
            let before = match self.made_by_binary(x) {
                Some((Opcode::Iadd, [x, k])) => self.number(k).map(|k| (x, number.wrapping_sub(k))),
                Some((Opcode::Isub, [x, k])) => self.number(k).map(|k| (x, number.wrapping_add(k))),
                Some((Opcode::Bxor, [x, k])) => self.number(k).map(|k| (x, number ^ k)),
                _ => None,
            };
            if let Some((x, number)) = before {
                let number = self.integer(ty, number);
                return Rewrite::As(comparison(cond, [x, number]), ty);
            }
            if number == 0
                && let Some(operands) = self.apart_of(x)
            {
                return Rewrite::As(comparison(cond, operands), ty);
            }
            return Rewrite::Keep;
        }
        // Zero is compared with in fewer bytes, and what is at an end of all numbers is easily told.
        let (least, most) = match is_signed(cond) {
            true => (signed(mask(ty) / 2 + 1, ty), signed(mask(ty) / 2, ty)),
            false => (0, mask(ty).cast_signed()),
        };
        let number = match is_signed(cond) {
            true => signed(number, ty),
            false => number.cast_signed(),
        };
        let (is_least, is_most) = (number == least, number == most);
        let is_signed = is_signed(cond);
        let with = |cond| Rewrite::As(comparison(cond, [x, y]), ty);
        match cond.unsigned() {
            IntCC::UnsignedLessThan if is_least => truth(false),
            IntCC::UnsignedGreaterThanOrEqual if is_least => truth(true),
            IntCC::UnsignedLessThanOrEqual if is_least => with(IntCC::Equal),
            IntCC::UnsignedGreaterThan if is_least => with(IntCC::NotEqual),
            IntCC::UnsignedGreaterThan if is_most => truth(false),
            IntCC::UnsignedLessThanOrEqual if is_most => truth(true),
            IntCC::UnsignedGreaterThanOrEqual if is_most => with(IntCC::Equal),
            IntCC::UnsignedLessThan if is_most => with(IntCC::NotEqual),
            IntCC::UnsignedLessThan if number == 1 => match is_signed {
                true => self.compared_with_zero(IntCC::SignedLessThanOrEqual, ty, x),
                false => self.compared_with_zero(IntCC::Equal, ty, x),
            },
            IntCC::UnsignedGreaterThanOrEqual if number == 1 => match is_signed {
                true => self.compared_with_zero(IntCC::SignedGreaterThan, ty, x),
                false => self.compared_with_zero(IntCC::NotEqual, ty, x),
            },
            IntCC::UnsignedGreaterThan if is_signed && number == -1 => {
                self.compared_with_zero(IntCC::SignedGreaterThanOrEqual, ty, x)
            }
            IntCC::UnsignedLessThanOrEqual if is_signed && number == -1 => {
                self.compared_with_zero(IntCC::SignedLessThan, ty, x)
            }
            _ => Rewrite::Keep,
        }
    }

    fn compared_with_zero(&mut self, cond: IntCC, ty: Type, x: Value) -> Rewrite {
        let zero = self.integer(ty, 0);
        Rewrite::As(comparison(cond, [x, zero]), ty)
    }

    /// What a comparison has made, compared with 0 or 1.
    fn simplify_comparison_of_truth(
        &mut self,
        cond: IntCC,
        x: Value,
        number: u64,
    ) -> Option<Rewrite> {
        let inner = self.operand_of(x, Opcode::Uextend).unwrap_or(x);
        if self.type_of(inner) != types::I8 {
            return None;
        }
        let is_same = (cond == IntCC::NotEqual) == (number == 0);
        match self.made_by(inner) {
            InstructionData::IntCompare { .. } | InstructionData::FloatCompare { .. }
                if is_same =>
            {
                Some(Rewrite::Value(inner))
            }
            InstructionData::IntCompare { cond, args, .. } => Some(Rewrite::As(
                comparison(cond.complement(), args),
                self.type_of(args[0]),
            )),
            _ => None,
        }
    }

    /// Of values that are no numbers.
    fn simplify_comparison_of(&mut self, cond: IntCC, ty: Type, [x, y]: [Value; 2]) -> Rewrite {
        if !matches!(cond, IntCC::Equal | IntCC::NotEqual) {
            return Rewrite::Keep;
        }
        let (left, right) = (self.made_by_binary(x), self.made_by_binary(y));
        if let (Some((Opcode::Iadd, [a, b])), Some((Opcode::Iadd, [c, d]))) = (left, right) {
            if let Some(rest) = apart([a, b], [c, d]) {
                return Rewrite::As(comparison(cond, rest), ty);
            }
            // x + 1 == y + 2
            if let (Some(k), Some(l)) = (self.number(b), self.number(d)) {
                let number = self.integer(ty, l.wrapping_sub(k));
                let sum = self.binary(Opcode::Iadd, ty, [c, number]);
                return Rewrite::As(comparison(cond, [a, sum]), ty);
            }
        }
        for (outer, inner) in [(x, right), (y, left)] {
            let rest = match inner {
                Some((Opcode::Iadd | Opcode::Bxor, [a, b])) if a == outer => Some(b),
                Some((Opcode::Iadd | Opcode::Bxor, [a, b])) if b == outer => Some(a),
                Some((Opcode::Isub, [a, b])) if a == outer => Some(b),
                _ => None,
            };
            if let Some(rest) = rest {
                return self.compared_with_zero(cond, ty, rest);
            }
        }
        Rewrite::Keep
    }

    /// The two values that are equal if and only if this one is zero. Differences are not looked into: they are of
    /// use where they are not zero.
    pub(in super::super) fn apart_of(&self, value: Value) -> Option<[Value; 2]> {
        match self.made_by_binary(value) {
            Some((Opcode::Bxor, operands)) => bits_of(self.type_of(value)).map(|_| operands),
            _ => None,
        }
    }

    /// A simpler value that is zero if and only if this one is, and a scalar of up to 64 bits.
    pub(in super::super) fn truth_of(&self, value: Value) -> Option<Value> {
        let simpler = match self.made_by(value) {
            InstructionData::Unary {
                opcode:
                    Opcode::Sextend
                    | Opcode::Uextend
                    | Opcode::Bmask
                    | Opcode::Ineg
                    | Opcode::Bswap
                    | Opcode::Bitrev
                    | Opcode::Popcnt,
                arg,
            } => arg,
            InstructionData::Binary {
                opcode: Opcode::Rotl | Opcode::Rotr,
                args: [x, _],
            } => x,
            InstructionData::IntCompare {
                cond: IntCC::NotEqual,
                args: [x, y],
                ..
            } if self.number(y) == Some(0) => x,
            InstructionData::Ternary {
                opcode: Opcode::Select,
                args: [x, yes, no],
            } if self.number(no) == Some(0) && self.number(yes).is_some_and(|yes| yes != 0) => x,
            _ => return None,
        };
        bits_of(self.type_of(simpler)).map(|_| simpler)
    }
}

fn is_signed(cond: IntCC) -> bool {
    cond.unsigned() != cond
}

fn truth(is_true: bool) -> Rewrite {
    Rewrite::As(constant(types::I8, is_true.into()), types::I8)
}
