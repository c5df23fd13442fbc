//! Rules of what has one operand: extensions, reductions, and the negation of numbers and of bits.

use super::super::form::Rewrite;
use super::super::pass::{Pass, constant};
use super::{binary, unary};
use crate::numbers::{bits_of, signed};
use cranelift_codegen::ir::{Opcode, Type, Value, types};

impl Pass<'_> {
    pub(super) fn simplify_unary(&mut self, opcode: Opcode, ty: Type, arg: Value) -> Rewrite {
        match opcode {
            Opcode::Uextend | Opcode::Sextend => self.simplify_extension(opcode, ty, arg),
            Opcode::Ireduce => self.simplify_reduction(ty, arg),
            Opcode::Ineg => self.simplify_negation(ty, arg),
            Opcode::Bnot => self.simplify_inversion(ty, arg),
            Opcode::Bmask => match self.truth_of(arg) {
                Some(arg) => Rewrite::As(unary(Opcode::Bmask, arg), ty),
                None => Rewrite::Keep,
            },
            Opcode::Fneg => match self.operand_of(arg, Opcode::Fneg) {
                Some(arg) => Rewrite::Value(arg),
                None => Rewrite::Keep,
            },
            Opcode::FcvtFromUint => self.without_extension(opcode, ty, arg, Opcode::Uextend),
            Opcode::FcvtFromSint => self.without_extension(opcode, ty, arg, Opcode::Sextend),
            Opcode::Splat => self.simplify_splat(ty, arg),
            _ => Rewrite::Keep,
        }
    }

    fn without_extension(
        &mut self,
        opcode: Opcode,
        ty: Type,
        arg: Value,
        extension: Opcode,
    ) -> Rewrite {
        match self.operand_of(arg, extension) {
            // What is narrower is extended for it by every machine.
            Some(narrow) if self.type_of(narrow) == types::I32 => {
                Rewrite::As(unary(opcode, narrow), ty)
            }
            _ => Rewrite::Keep,
        }
    }

    fn simplify_extension(&mut self, opcode: Opcode, ty: Type, arg: Value) -> Rewrite {
        if bits_of(ty).is_none() {
            return Rewrite::Keep;
        }
        if let Some(number) = self.number(arg) {
            let number = match opcode {
                Opcode::Uextend => number,
                _ => signed(number, self.type_of(arg)).cast_unsigned(),
            };
            return Rewrite::As(constant(ty, number), ty);
        }
        match self.as_unary(arg) {
            Some((inner, narrow)) if inner == opcode || inner == Opcode::Uextend => {
                Rewrite::As(unary(inner, narrow), ty)
            }
            _ if opcode == Opcode::Sextend && self.as_comparison(arg).is_some() => {
                Rewrite::As(unary(Opcode::Uextend, arg), ty)
            }
            _ => Rewrite::Keep,
        }
    }

    fn simplify_reduction(&mut self, ty: Type, arg: Value) -> Rewrite {
        if bits_of(self.type_of(arg)).is_none() {
            return Rewrite::Keep;
        }
        if let Some(number) = self.number(arg) {
            return Rewrite::As(constant(ty, number), ty);
        }
        if let Some((opcode, inner)) = self.as_unary(arg) {
            let bits = self.type_of(inner).bits();
            return match opcode {
                Opcode::Uextend | Opcode::Sextend if bits == ty.bits() => Rewrite::Value(inner),
                Opcode::Uextend | Opcode::Sextend if bits < ty.bits() => {
                    Rewrite::As(unary(opcode, inner), ty)
                }
                Opcode::Uextend | Opcode::Sextend | Opcode::Ireduce => {
                    Rewrite::As(unary(Opcode::Ireduce, inner), ty)
                }
                Opcode::Ineg | Opcode::Bnot if self.is_extended(inner, ty) => {
                    let inner = self.unary(Opcode::Ireduce, ty, inner);
                    Rewrite::As(unary(opcode, inner), ty)
                }
                _ => Rewrite::Keep,
            };
        }
        let Some((opcode, [x, y])) = self.made_by_binary(arg) else {
            return Rewrite::Keep;
        };
        let is_of_lower_bits = matches!(
            opcode,
            Opcode::Iadd | Opcode::Isub | Opcode::Imul | Opcode::Band | Opcode::Bor | Opcode::Bxor
        );
        let gets_simpler = (self.is_extended(x, ty) || self.number(x).is_some())
            && (self.is_extended(y, ty) || self.number(y).is_some());
        if !is_of_lower_bits || !gets_simpler {
            return Rewrite::Keep;
        }
        let args = [x, y].map(|value| self.unary(Opcode::Ireduce, ty, value));
        Rewrite::As(binary(opcode, args), ty)
    }

    /// Whether a value is extended from one that has no more bits than the type.
    fn is_extended(&self, value: Value, ty: Type) -> bool {
        match self.as_unary(value) {
            Some((Opcode::Uextend | Opcode::Sextend, from)) => {
                self.type_of(from).bits() <= ty.bits()
            }
            _ => false,
        }
    }

    fn simplify_negation(&mut self, ty: Type, arg: Value) -> Rewrite {
        if bits_of(ty).is_none() {
            return Rewrite::Keep;
        }
        if let Some(number) = self.number(arg) {
            return Rewrite::As(constant(ty, number.wrapping_neg()), ty);
        }
        if let Some(negated) = self.operand_of(arg, Opcode::Ineg) {
            return Rewrite::Value(negated);
        }
        match self.operands_of(arg, Opcode::Isub) {
            Some([x, y]) => Rewrite::As(binary(Opcode::Isub, [y, x]), ty),
            None => Rewrite::Keep,
        }
    }

    fn simplify_inversion(&mut self, ty: Type, arg: Value) -> Rewrite {
        if let Some(inverted) = self.operand_of(arg, Opcode::Bnot) {
            return Rewrite::Value(inverted);
        }
        if bits_of(ty).is_none() {
            return Rewrite::Keep;
        }
        if let Some(number) = self.number(arg) {
            return Rewrite::As(constant(ty, !number), ty);
        }
        // ~(x - 1)
        let less = match self.made_by_binary(arg) {
            Some((Opcode::Isub, [x, k])) if self.number(k) == Some(1) => Some(x),
            Some((Opcode::Iadd, [x, k])) if self.signed_number(k) == Some(-1) => Some(x),
            _ => None,
        };
        match less {
            Some(x) => Rewrite::As(unary(Opcode::Ineg, x), ty),
            None => Rewrite::Keep,
        }
    }
}
