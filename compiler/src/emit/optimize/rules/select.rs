//! Rules of choices.

use super::super::form::Rewrite;
use super::super::pass::Pass;
use super::{binary, unary};
use crate::numbers::{bits_of, mask};
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{InstructionData, Opcode, Type, Value, types};

impl Pass<'_> {
    pub(super) fn simplify_select(&mut self, ty: Type, [cond, yes, no]: [Value; 3]) -> Rewrite {
        if yes == no {
            return Rewrite::Value(yes);
        }
        if let Some(number) = self.number(cond) {
            return Rewrite::Value(if number != 0 { yes } else { no });
        }
        if let Some(cond) = self.truth_of(cond) {
            return Rewrite::As(select([cond, yes, no]), ty);
        }
        if bits_of(ty).is_none() {
            return Rewrite::Keep;
        }
        let compared = self.as_comparison(cond);
        if let Some((cond, args)) = compared
            && let Some(rewrite) = self.simplify_select_of_compared(ty, (cond, args), [yes, no])
        {
            return rewrite;
        }
        if let Some((inner, args)) = compared {
            let numbers = (self.number(yes), self.number(no));
            match numbers {
                (Some(1), Some(0)) if ty == types::I8 => return Rewrite::Value(cond),
                (Some(1), Some(0)) => return Rewrite::As(unary(Opcode::Uextend, cond), ty),
                (Some(yes), Some(0)) if yes == mask(ty) => {
                    return Rewrite::As(unary(Opcode::Bmask, cond), ty);
                }
                (Some(0), Some(_)) => {
                    let compared = self.type_of(args[0]);
                    let cond = self.compare(inner.complement(), compared, args);
                    return Rewrite::As(select([cond, no, yes]), ty);
                }
                _ => {}
            }
        }
        for extension in [Opcode::Uextend, Opcode::Sextend] {
            if let (Some(yes), Some(no)) = (
                self.operand_of(yes, extension),
                self.operand_of(no, extension),
            ) && self.type_of(yes) == self.type_of(no)
            {
                let narrow = self.type_of(yes);
                let value = self.form(select([cond, yes, no]), narrow);
                return Rewrite::As(unary(extension, value), ty);
            }
        }
        // Choices that are made twice.
        if let Some([other, _, inner]) = self.choice(no)
            && other == cond
        {
            return Rewrite::As(select([cond, yes, inner]), ty);
        }
        if let Some([other, inner, _]) = self.choice(yes)
            && other == cond
        {
            return Rewrite::As(select([cond, inner, no]), ty);
        }
        Rewrite::Keep
    }

    fn choice(&self, value: Value) -> Option<[Value; 3]> {
        match self.made_by(value) {
            InstructionData::Ternary {
                opcode: Opcode::Select,
                args,
            } => Some(args),
            _ => None,
        }
    }

    /// A choice between what is compared.
    fn simplify_select_of_compared(
        &mut self,
        ty: Type,
        (cond, [x, y]): (IntCC, [Value; 2]),
        [yes, no]: [Value; 2],
    ) -> Option<Rewrite> {
        let is_of_equality = matches!(cond, IntCC::Equal | IntCC::NotEqual);
        let cond = match [yes, no] {
            _ if self.type_of(x) != ty => return None,
            // x == y ? x : y
            [a, b] if is_of_equality && ([a, b] == [x, y] || [a, b] == [y, x]) => {
                let value = if cond == IntCC::Equal { no } else { yes };
                return Some(Rewrite::Value(value));
            }
            [a, b] if [a, b] == [x, y] => cond,
            [a, b] if [a, b] == [y, x] => cond.swap_args(),
            _ => return self.absolute((cond, [x, y]), [yes, no], ty),
        };
        let opcode = match cond {
            IntCC::SignedLessThan | IntCC::SignedLessThanOrEqual => Opcode::Smin,
            IntCC::SignedGreaterThan | IntCC::SignedGreaterThanOrEqual => Opcode::Smax,
            IntCC::UnsignedLessThan | IntCC::UnsignedLessThanOrEqual => Opcode::Umin,
            IntCC::UnsignedGreaterThan | IntCC::UnsignedGreaterThanOrEqual => Opcode::Umax,
            IntCC::Equal | IntCC::NotEqual => return None,
        };
        Some(Rewrite::As(binary(opcode, [x, y]), ty))
    }

    /// `x > 0 ? x : -x`
    fn absolute(
        &mut self,
        (cond, [x, y]): (IntCC, [Value; 2]),
        [yes, no]: [Value; 2],
        ty: Type,
    ) -> Option<Rewrite> {
        if self.number(y) != Some(0) {
            return None;
        }
        let (positive, negative) = match cond {
            IntCC::SignedGreaterThan | IntCC::SignedGreaterThanOrEqual => (yes, no),
            IntCC::SignedLessThan | IntCC::SignedLessThanOrEqual => (no, yes),
            _ => return None,
        };
        let is_absolute = positive == x && self.operand_of(negative, Opcode::Ineg) == Some(x);
        is_absolute.then_some(Rewrite::As(unary(Opcode::Iabs, x), ty))
    }
}

fn select(args: [Value; 3]) -> InstructionData {
    InstructionData::Ternary {
        opcode: Opcode::Select,
        args,
    }
}
