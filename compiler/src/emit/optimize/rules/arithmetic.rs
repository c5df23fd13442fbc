//! Rules of sums, differences and products of integers.

use super::super::form::Rewrite;
use super::super::pass::{Pass, constant};
use super::{apart, binary, unary};
use crate::numbers::mask;
use cranelift_codegen::ir::{InstructionData, Opcode, Type, Value};

impl Pass<'_> {
    /// With the second operand, if it is a number.
    pub(super) fn simplify_sum(
        &mut self,
        ty: Type,
        [x, y]: [Value; 2],
        number: Option<u64>,
    ) -> Rewrite {
        if let Some(number) = number {
            return self.simplify_sum_with(ty, x, number);
        }
        let (left, right) = (self.made_by_binary(x), self.made_by_binary(y));
        match (left, right) {
            // (a - y) + y, x + (b - x)
            (Some((Opcode::Isub, [a, b])), _) if b == y => return Rewrite::Value(a),
            (_, Some((Opcode::Isub, [a, b]))) if b == x => return Rewrite::Value(a),
            // (a - b) + (b + c)
            (Some((Opcode::Isub, [a, b])), Some((Opcode::Iadd, [c, d]))) if b == c || b == d => {
                let other = if b == c { d } else { c };
                return Rewrite::As(binary(Opcode::Iadd, [a, other]), ty);
            }
            (Some((Opcode::Iadd, [c, d])), Some((Opcode::Isub, [a, b]))) if b == c || b == d => {
                let other = if b == c { d } else { c };
                return Rewrite::As(binary(Opcode::Iadd, [a, other]), ty);
            }
            // (a + 1) + (b + 2)
            (Some((Opcode::Iadd, [a, k])), Some((Opcode::Iadd, [b, l]))) => {
                if let (Some(k), Some(l)) = (self.number(k), self.number(l)) {
                    let sum = self.binary(Opcode::Iadd, ty, [a, b]);
                    let number = self.integer(ty, k.wrapping_add(l));
                    return Rewrite::As(binary(Opcode::Iadd, [sum, number]), ty);
                }
            }
            _ => {}
        }
        // y + ((z - y) + c), and with the operands the other way round
        for (outer, inner) in [(x, right), (y, left)] {
            if let Some((Opcode::Iadd, [c, d])) = inner {
                for (difference, other) in [(c, d), (d, c)] {
                    if let Some([z, by]) = self.operands_of(difference, Opcode::Isub)
                        && by == outer
                    {
                        return Rewrite::As(binary(Opcode::Iadd, [other, z]), ty);
                    }
                }
            }
        }
        if let Some(negated) = self.operand_of(y, Opcode::Ineg) {
            return Rewrite::As(binary(Opcode::Isub, [x, negated]), ty);
        }
        if let Some(negated) = self.operand_of(x, Opcode::Ineg) {
            return Rewrite::As(binary(Opcode::Isub, [y, negated]), ty);
        }
        Rewrite::Keep
    }

    fn simplify_sum_with(&mut self, ty: Type, x: Value, number: u64) -> Rewrite {
        if number == 0 {
            return Rewrite::Value(x);
        }
        match self.made_by_binary(x) {
            Some((Opcode::Iadd, [a, k])) if let Some(k) = self.number(k) => {
                let number = self.integer(ty, k.wrapping_add(number));
                Rewrite::As(binary(Opcode::Iadd, [a, number]), ty)
            }
            Some((Opcode::Isub, [a, k])) => {
                if let Some(k) = self.number(k) {
                    let number = self.integer(ty, number.wrapping_sub(k));
                    return Rewrite::As(binary(Opcode::Iadd, [a, number]), ty);
                }
                if let Some(a) = self.number(a) {
                    let number = self.integer(ty, a.wrapping_add(number));
                    return Rewrite::As(binary(Opcode::Isub, [number, k]), ty);
                }
                Rewrite::Keep
            }
            // (x | k) - k
            Some((Opcode::Bor, [a, k]))
                if let Some(k) = self.number(k)
                    && k.wrapping_add(number) & mask(ty) == 0 =>
            {
                let rest = self.integer(ty, !k);
                Rewrite::As(binary(Opcode::Band, [a, rest]), ty)
            }
            _ => match self.operand_of(x, Opcode::Bnot) {
                Some(inverted) if number == 1 => Rewrite::As(unary(Opcode::Ineg, inverted), ty),
                _ => Rewrite::Keep,
            },
        }
    }

    pub(super) fn simplify_difference(
        &mut self,
        ty: Type,
        [x, y]: [Value; 2],
        number: Option<u64>,
    ) -> Rewrite {
        if x == y {
            return Rewrite::As(constant(ty, 0), ty);
        }
        if let Some(number) = number {
            return self.simplify_difference_with(ty, x, number);
        }
        if let Some(minuend) = self.number(x) {
            return self.simplify_difference_from(ty, minuend, y);
        }
        match (self.made_by_binary(x), self.made_by_binary(y)) {
            // (a + c) - (b + c)
            (Some((Opcode::Iadd, left)), Some((Opcode::Iadd, right))) => {
                if let Some(rest) = apart(left, right) {
                    return Rewrite::As(binary(Opcode::Isub, rest), ty);
                }
            }
            (Some((Opcode::Isub, [a, b])), Some((Opcode::Isub, [c, d]))) if b == d => {
                return Rewrite::As(binary(Opcode::Isub, [a, c]), ty);
            }
            _ => {}
        }
        match self.made_by_binary(x) {
            Some((Opcode::Iadd, [a, b])) if b == y => return Rewrite::Value(a),
            Some((Opcode::Iadd, [a, b])) if a == y => return Rewrite::Value(b),
            Some((Opcode::Isub, [a, b])) if a == y => {
                return Rewrite::As(unary(Opcode::Ineg, b), ty);
            }
            _ => {}
        }
        match self.operands_of(y, Opcode::Iadd) {
            Some([a, b]) if a == x => return Rewrite::As(unary(Opcode::Ineg, b), ty),
            Some([a, b]) if b == x => return Rewrite::As(unary(Opcode::Ineg, a), ty),
            _ => {}
        }
        match self.operand_of(y, Opcode::Ineg) {
            Some(negated) => Rewrite::As(binary(Opcode::Iadd, [x, negated]), ty),
            None => Rewrite::Keep,
        }
    }

    fn simplify_difference_with(&mut self, ty: Type, x: Value, number: u64) -> Rewrite {
        if number == 0 {
            return Rewrite::Value(x);
        }
        match self.made_by_binary(x) {
            Some((Opcode::Iadd, [a, k])) if let Some(k) = self.number(k) => {
                let number = self.integer(ty, number.wrapping_sub(k));
                return Rewrite::As(binary(Opcode::Isub, [a, number]), ty);
            }
            Some((Opcode::Isub, [a, k])) => {
                if let Some(k) = self.number(k) {
                    let number = self.integer(ty, k.wrapping_add(number));
                    return Rewrite::As(binary(Opcode::Isub, [a, number]), ty);
                }
                if let Some(a) = self.number(a) {
                    let number = self.integer(ty, a.wrapping_sub(number));
                    return Rewrite::As(binary(Opcode::Isub, [number, k]), ty);
                }
            }
            _ => {}
        }
        let negated = number.wrapping_neg() & mask(ty);
        if negated < number {
            let number = self.integer(ty, negated);
            return Rewrite::As(binary(Opcode::Iadd, [x, number]), ty);
        }
        Rewrite::Keep
    }

    /// A number minus a value.
    fn simplify_difference_from(&mut self, ty: Type, minuend: u64, y: Value) -> Rewrite {
        if minuend == 0 {
            return Rewrite::As(unary(Opcode::Ineg, y), ty);
        }
        if minuend == mask(ty) {
            return Rewrite::As(unary(Opcode::Bnot, y), ty);
        }
        match self.made_by_binary(y) {
            Some((Opcode::Iadd, [a, k])) if let Some(k) = self.number(k) => {
                let number = self.integer(ty, minuend.wrapping_sub(k));
                Rewrite::As(binary(Opcode::Isub, [number, a]), ty)
            }
            Some((Opcode::Isub, [a, k])) => {
                if let Some(k) = self.number(k) {
                    let number = self.integer(ty, minuend.wrapping_add(k));
                    return Rewrite::As(binary(Opcode::Isub, [number, a]), ty);
                }
                if let Some(a) = self.number(a) {
                    let number = self.integer(ty, minuend.wrapping_sub(a));
                    return Rewrite::As(binary(Opcode::Iadd, [k, number]), ty);
                }
                Rewrite::Keep
            }
            _ => Rewrite::Keep,
        }
    }

    pub(super) fn simplify_product(
        &mut self,
        ty: Type,
        [x, y]: [Value; 2],
        number: Option<u64>,
    ) -> Rewrite {
        let Some(number) = number else {
            return match (
                self.operand_of(x, Opcode::Ineg),
                self.operand_of(y, Opcode::Ineg),
            ) {
                (Some(x), Some(y)) => Rewrite::As(binary(Opcode::Imul, [x, y]), ty),
                _ => Rewrite::Keep,
            };
        };
        match number {
            0 => return Rewrite::Value(y),
            1 => return Rewrite::Value(x),
            // Twice what has to be in a register anyway.
            2 if !self.is_pure(x) => return Rewrite::As(binary(Opcode::Iadd, [x, x]), ty),
            _ if number == mask(ty) => return Rewrite::As(unary(Opcode::Ineg, x), ty),
            _ => {}
        }
        if number.is_power_of_two() {
            let by = self.integer(ty, number.trailing_zeros().into());
            return Rewrite::As(binary(Opcode::Ishl, [x, by]), ty);
        }
        match self.with_number(x, Opcode::Imul) {
            Some((x, factor)) => {
                let number = self.integer(ty, factor.wrapping_mul(number));
                Rewrite::As(binary(Opcode::Imul, [x, number]), ty)
            }
            None => Rewrite::Keep,
        }
    }

    /// The opcode and operands of what makes a value, if it has two operands.
    pub(super) fn made_by_binary(&self, value: Value) -> Option<(Opcode, [Value; 2])> {
        match self.made_by(value) {
            InstructionData::Binary { opcode, args } => Some((opcode, args)),
            _ => None,
        }
    }
}
