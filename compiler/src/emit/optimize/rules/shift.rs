//! Rules of shifts and rotations.

use super::super::form::Rewrite;
use super::super::pass::{Pass, constant};
use super::{binary, unary};
use crate::numbers::mask;
use cranelift_codegen::ir::{Opcode, Type, Value, types};

impl Pass<'_> {
    pub(super) fn simplify_shift(
        &mut self,
        opcode: Opcode,
        (ty, bits): (Type, u32),
        [x, y]: [Value; 2],
        number: Option<u64>,
    ) -> Rewrite {
        let Some(number) = number else {
            return self.simplify_amount(opcode, (ty, bits), [x, y]);
        };
        let by = number % u64::from(bits);
        if by == 0 {
            return Rewrite::Value(x);
        }
        if by != number {
            let by = self.integer(self.type_of(y), by);
            return Rewrite::As(binary(opcode, [x, by]), ty);
        }
        let Some((inner, [value, amount])) = self.made_by_binary(x) else {
            return Rewrite::Keep;
        };
        let Some(before) = self.number(amount) else {
            return Rewrite::Keep;
        };
        let before = before % u64::from(bits);
        match (opcode, inner) {
            (Opcode::Ishl, Opcode::Ishl)
            | (Opcode::Ushr, Opcode::Ushr)
            | (Opcode::Sshr, Opcode::Sshr) => {
                let sum = before + by;
                if sum < bits.into() {
                    let by = self.integer(self.type_of(y), sum);
                    return Rewrite::As(binary(opcode, [value, by]), ty);
                }
                if opcode != Opcode::Sshr {
                    return Rewrite::As(constant(ty, 0), ty);
                }
                let by = self.integer(self.type_of(y), u64::from(bits) - 1);
                Rewrite::As(binary(opcode, [value, by]), ty)
            }
            (Opcode::Ishl, Opcode::Ushr | Opcode::Sshr) if before == by => {
                let kept = self.integer(ty, mask(ty) << by);
                Rewrite::As(binary(Opcode::Band, [value, kept]), ty)
            }
            (Opcode::Ushr, Opcode::Ishl) if before == by => {
                if let Some(narrow) = narrow(u64::from(bits) - by) {
                    let value = self.unary(Opcode::Ireduce, narrow, value);
                    return Rewrite::As(unary(Opcode::Uextend, value), ty);
                }
                let kept = self.integer(ty, mask(ty) >> by);
                Rewrite::As(binary(Opcode::Band, [value, kept]), ty)
            }
            (Opcode::Sshr, Opcode::Ishl) if before == by => {
                let left = u64::from(bits) - by;
                match self.as_unary(value) {
                    // The sign is that of the value before, or none.
                    Some((Opcode::Uextend, from)) if left > self.type_of(from).bits().into() => {
                        return Rewrite::Value(value);
                    }
                    Some((Opcode::Sextend, from)) if left >= self.type_of(from).bits().into() => {
                        return Rewrite::Value(value);
                    }
                    _ => {}
                }
                match narrow(left) {
                    Some(narrow) => {
                        let value = self.unary(Opcode::Ireduce, narrow, value);
                        Rewrite::As(unary(Opcode::Sextend, value), ty)
                    }
                    None => Rewrite::Keep,
                }
            }
            _ => Rewrite::Keep,
        }
    }

    /// Of an amount only the lowest bits count, which all types have.
    fn simplify_amount(
        &mut self,
        opcode: Opcode,
        (ty, bits): (Type, u32),
        [x, y]: [Value; 2],
    ) -> Rewrite {
        let is_zero = self.number(x) == Some(0);
        let is_all = self.number(x) == Some(mask(ty));
        if is_zero || is_all && !matches!(opcode, Opcode::Ishl | Opcode::Ushr) {
            return Rewrite::Value(x);
        }
        match self.as_unary(y) {
            Some((Opcode::Uextend | Opcode::Sextend, amount)) => {
                return Rewrite::As(binary(opcode, [x, amount]), ty);
            }
            Some((Opcode::Ireduce, amount)) if self.type_of(amount).bits() <= 64 => {
                return Rewrite::As(binary(opcode, [x, amount]), ty);
            }
            _ => {}
        }
        match self.with_number(y, Opcode::Band) {
            Some((amount, kept)) if kept & u64::from(bits - 1) == u64::from(bits - 1) => {
                Rewrite::As(binary(opcode, [x, amount]), ty)
            }
            _ => Rewrite::Keep,
        }
    }
}

/// The type of so many bits that is narrower than others.
fn narrow(bits: u64) -> Option<Type> {
    match bits {
        8 => Some(types::I8),
        16 => Some(types::I16),
        32 => Some(types::I32),
        _ => None,
    }
}
