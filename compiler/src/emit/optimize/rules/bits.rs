//! Rules of integers as bits.

use super::super::form::Rewrite;
use super::super::pass::{Pass, constant};
use super::{binary, unary};
use crate::numbers::mask;
use cranelift_codegen::ir::{Opcode, Type, Value};

impl Pass<'_> {
    pub(super) fn simplify_and(
        &mut self,
        ty: Type,
        [x, y]: [Value; 2],
        number: Option<u64>,
    ) -> Rewrite {
        if x == y {
            return Rewrite::Value(x);
        }
        let Some(number) = number else {
            return self.simplify_of_extended(Opcode::Band, ty, [x, y]);
        };
        if number == 0 {
            return Rewrite::Value(y);
        }
        if number == mask(ty) {
            return Rewrite::Value(x);
        }
        if let Some((x, k)) = self.with_number(x, Opcode::Band) {
            let number = self.integer(ty, k & number);
            return Rewrite::As(binary(Opcode::Band, [x, number]), ty);
        }
        match self.as_unary(x) {
            Some((Opcode::Uextend, narrow)) => {
                let all = match self.as_comparison(narrow) {
                    Some(_) => 1,
                    None => mask(self.type_of(narrow)),
                };
                if number & all == all {
                    return Rewrite::Value(x);
                }
            }
            Some((Opcode::Sextend, narrow)) if number == mask(self.type_of(narrow)) => {
                return Rewrite::As(unary(Opcode::Uextend, narrow), ty);
            }
            _ => {}
        }
        if number & 1 == 1 && self.as_comparison(x).is_some() {
            return Rewrite::Value(x);
        }
        Rewrite::Keep
    }

    pub(super) fn simplify_or(
        &mut self,
        ty: Type,
        [x, y]: [Value; 2],
        number: Option<u64>,
    ) -> Rewrite {
        if x == y {
            return Rewrite::Value(x);
        }
        let Some(number) = number else {
            if let Some(rotated) = self.rotation(ty, [x, y]) {
                return rotated;
            }
            return self.simplify_of_extended(Opcode::Bor, ty, [x, y]);
        };
        if number == 0 {
            return Rewrite::Value(x);
        }
        if number == mask(ty) {
            return Rewrite::Value(y);
        }
        if let Some((x, k)) = self.with_number(x, Opcode::Bor) {
            let number = self.integer(ty, k | number);
            return Rewrite::As(binary(Opcode::Bor, [x, number]), ty);
        }
        match self.with_number(x, Opcode::Band) {
            // (x & ~k) | k
            Some((x, k)) if k | number == mask(ty) && k & number == 0 => {
                Rewrite::As(binary(Opcode::Bor, [x, y]), ty)
            }
            _ => Rewrite::Keep,
        }
    }

    pub(super) fn simplify_xor(
        &mut self,
        ty: Type,
        [x, y]: [Value; 2],
        number: Option<u64>,
    ) -> Rewrite {
        if x == y {
            return Rewrite::As(constant(ty, 0), ty);
        }
        if let Some(number) = number {
            if number == 0 {
                return Rewrite::Value(x);
            }
            if number == mask(ty) {
                return Rewrite::As(unary(Opcode::Bnot, x), ty);
            }
            return match self.with_number(x, Opcode::Bxor) {
                Some((x, k)) => {
                    let number = self.integer(ty, k ^ number);
                    Rewrite::As(binary(Opcode::Bxor, [x, number]), ty)
                }
                None => Rewrite::Keep,
            };
        }
        for [x, y] in [[x, y], [y, x]] {
            match self.made_by_binary(x) {
                // (a ^ y) ^ y
                Some((Opcode::Bxor, [a, b])) if b == y => return Rewrite::Value(a),
                Some((Opcode::Bxor, [a, b])) if a == y => return Rewrite::Value(b),
                // (~a & b) ^ y as (a & b) ^ (b ^ y): as many, of which two do not wait for each other
                Some((Opcode::Band, [a, b])) => {
                    for [a, b] in [[a, b], [b, a]] {
                        if let Some(a) = self.operand_of(a, Opcode::Bnot) {
                            let both = self.binary(Opcode::Band, ty, [a, b]);
                            let rest = self.binary(Opcode::Bxor, ty, [y, b]);
                            return Rewrite::As(binary(Opcode::Bxor, [both, rest]), ty);
                        }
                    }
                }
                _ => {}
            }
        }
        self.simplify_of_extended(Opcode::Bxor, ty, [x, y])
    }

    /// `op(uextend x, uextend y)` as `uextend(op(x, y))`.
    fn simplify_of_extended(&mut self, opcode: Opcode, ty: Type, [x, y]: [Value; 2]) -> Rewrite {
        let (Some(x), Some(y)) = (
            self.operand_of(x, Opcode::Uextend),
            self.operand_of(y, Opcode::Uextend),
        ) else {
            return Rewrite::Keep;
        };
        let narrow = self.type_of(x);
        if narrow != self.type_of(y) {
            return Rewrite::Keep;
        }
        let value = self.binary(opcode, narrow, [x, y]);
        Rewrite::As(unary(Opcode::Uextend, value), ty)
    }

    /// `(x << k) | (x >> (bits - k))`
    fn rotation(&mut self, ty: Type, [x, y]: [Value; 2]) -> Option<Rewrite> {
        let (left, right) = match self.made_by_binary(x)?.0 {
            Opcode::Ishl => (x, y),
            Opcode::Ushr => (y, x),
            _ => return None,
        };
        let [shifted, by] = self.operands_of(left, Opcode::Ishl)?;
        let [other, rest] = self.operands_of(right, Opcode::Ushr)?;
        let sum = self.number(by)?.checked_add(self.number(rest)?)?;
        let is_rotated = shifted == other && sum == u64::from(ty.bits());
        is_rotated.then_some(Rewrite::As(binary(Opcode::Rotl, [shifted, by]), ty))
    }
}
