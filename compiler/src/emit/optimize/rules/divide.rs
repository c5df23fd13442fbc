//! Quotients and remainders by numbers, which are products (Granlund and Montgomery, "Division by Invariant
//! Integers using Multiplication"; Warren, "Hacker's Delight", chapter 10).

use super::super::pass::Pass;
use crate::numbers::{mask, signed};
use cranelift_codegen::ir::{Opcode, Type, Value, types};

impl Pass<'_> {
    /// A quotient or remainder that needs no division, of integers of 32 or 64 bits.
    pub(in super::super) fn simplify_division(
        &mut self,
        opcode: Opcode,
        [x, y]: [Value; 2],
    ) -> Option<Value> {
        let ty = self.type_of(x);
        if ty != types::I32 && ty != types::I64 {
            return None;
        }
        let divisor = self.number(y)?;
        if divisor == 0 {
            return None;
        }
        let is_signed = matches!(opcode, Opcode::Sdiv | Opcode::Srem);
        let quotient = match is_signed {
            false => self.unsigned_quotient(ty, x, divisor),
            true => self.signed_quotient(ty, x, signed(divisor, ty))?,
        };
        match opcode {
            Opcode::Udiv | Opcode::Sdiv => Some(quotient),
            Opcode::Urem if divisor.is_power_of_two() => {
                let rest = self.integer(ty, divisor - 1);
                Some(self.binary(Opcode::Band, ty, [x, rest]))
            }
            Opcode::Srem if signed(divisor, ty).unsigned_abs().is_power_of_two() => {
                Some(self.remainder_of_power(ty, x, signed(divisor, ty).unsigned_abs()))
            }
            _ => {
                let product = self.binary(Opcode::Imul, ty, [quotient, y]);
                Some(self.binary(Opcode::Isub, ty, [x, product]))
            }
        }
    }

    fn shifted(&mut self, opcode: Opcode, ty: Type, x: Value, by: u32) -> Value {
        let by = self.integer(ty, by.into());
        self.binary(opcode, ty, [x, by])
    }

    fn unsigned_quotient(&mut self, ty: Type, x: Value, divisor: u64) -> Value {
        if divisor.is_power_of_two() {
            return self.shifted(Opcode::Ushr, ty, x, divisor.trailing_zeros());
        }
        let (factor, shift) = unsigned_factor(divisor, ty.bits());
        let is_short = factor <= mask(ty).into();
        let factor = self.integer(ty, factor as u64);
        let high = self.binary(Opcode::Umulhi, ty, [x, factor]);
        if is_short {
            return self.shifted(Opcode::Ushr, ty, high, shift);
        }
        // The factor has one bit more: x + high, which may be too large, halved.
        let rest = self.binary(Opcode::Isub, ty, [x, high]);
        let half = self.shifted(Opcode::Ushr, ty, rest, 1);
        let sum = self.binary(Opcode::Iadd, ty, [half, high]);
        self.shifted(Opcode::Ushr, ty, sum, shift - 1)
    }

    /// None by -1, which may overflow.
    fn signed_quotient(&mut self, ty: Type, x: Value, divisor: i64) -> Option<Value> {
        let bits = ty.bits();
        let absolute = divisor.unsigned_abs();
        if divisor == 1 {
            return Some(x);
        }
        if divisor == -1 || absolute > mask(ty) / 2 {
            return None;
        }
        if absolute.is_power_of_two() {
            let sum = self.rounded(ty, x, absolute);
            let quotient = self.shifted(Opcode::Sshr, ty, sum, absolute.trailing_zeros());
            return Some(match divisor < 0 {
                true => self.unary(Opcode::Ineg, ty, quotient),
                false => quotient,
            });
        }
        let (factor, shift) = signed_factor(divisor, bits);
        let number = self.integer(ty, factor.cast_unsigned());
        let mut high = self.binary(Opcode::Smulhi, ty, [x, number]);
        if divisor > 0 && factor < 0 {
            high = self.binary(Opcode::Iadd, ty, [high, x]);
        } else if divisor < 0 && factor > 0 {
            high = self.binary(Opcode::Isub, ty, [high, x]);
        }
        let quotient = self.shifted(Opcode::Sshr, ty, high, shift);
        let sign = self.shifted(Opcode::Ushr, ty, quotient, bits - 1);
        Some(self.binary(Opcode::Iadd, ty, [quotient, sign]))
    }

    /// `x`, and one less than a power of two more if it is negative, so that a shift rounds towards zero.
    fn rounded(&mut self, ty: Type, x: Value, power: u64) -> Value {
        let by = power.trailing_zeros();
        let sign = self.shifted(Opcode::Sshr, ty, x, by - 1);
        let more = self.shifted(Opcode::Ushr, ty, sign, ty.bits() - by);
        self.binary(Opcode::Iadd, ty, [x, more])
    }

    fn remainder_of_power(&mut self, ty: Type, x: Value, power: u64) -> Value {
        if power == 1 {
            return self.integer(ty, 0);
        }
        let sum = self.rounded(ty, x, power);
        let multiples = self.integer(ty, power.wrapping_neg());
        let multiple = self.binary(Opcode::Band, ty, [sum, multiples]);
        self.binary(Opcode::Isub, ty, [x, multiple])
    }
}

/// `m` and `s` so that, of all `x`, `x * m >> bits + s` is the quotient; the divisor is no power of two.
/// `m` may have a bit more than there are.
fn unsigned_factor(divisor: u64, bits: u32) -> (u128, u32) {
    let divisor = u128::from(divisor);
    let (mut quotient, mut rest) = ((1_u128 << bits) / divisor, (1_u128 << bits) % divisor);
    let mut shift = 0;
    // The factor is rounded up; the error may be one part in 2^bits of one.
    while divisor - rest > 1_u128 << shift {
        (quotient, rest) = (quotient * 2, rest * 2);
        if rest >= divisor {
            (quotient, rest) = (quotient + 1, rest - divisor);
        }
        shift += 1;
    }
    (quotient + 1, shift)
}

/// The same for signed numbers. With a factor whose sign is not the divisor's, `x` is missing from the
/// product, and one from a negative quotient always.
fn signed_factor(divisor: i64, bits: u32) -> (i64, u32) {
    let absolute = u128::from(divisor.unsigned_abs());
    let least = (1_u128 << (bits - 1)) + u128::from(divisor < 0);
    let largest = least - 1 - least % absolute;
    let mut power = bits;
    while (1_u128 << power) <= largest * (absolute - (1_u128 << power) % absolute) {
        power += 1;
    }
    let factor = (1_u128 << power) / absolute + 1;
    // As many bits as there are, with their sign.
    let unused = 64 - bits;
    let factor = ((factor as u64) << unused).cast_signed() >> unused;
    let factor = if divisor < 0 {
        factor.wrapping_neg()
    } else {
        factor
    };
    (factor, power - bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends of ranges, and what lies between.
    fn numbers(bits: u32) -> Vec<u64> {
        let powers = (0..bits).map(|by| 1_u64 << by);
        let near = powers.flat_map(|power| [power.wrapping_sub(1), power, power + 1]);
        let others = (1..200).map(|n| 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(n) >> (64 - bits));
        let mut all: Vec<u64> = near.chain(others).chain(1..300).collect();
        let largest = u64::MAX >> (64 - bits);
        all.extend([0, largest, largest - 1]);
        all
    }

    #[test]
    fn products_are_the_quotients_of_all_numbers_that_are_hard() {
        for bits in [32, 64] {
            let numbers = numbers(bits);
            let as_signed = |n: u64| i128::from((n << (64 - bits)).cast_signed() >> (64 - bits));
            for &divisor in numbers.iter().filter(|n| **n > 2 && !n.is_power_of_two()) {
                let (factor, shift) = unsigned_factor(divisor, bits);
                // The largest multiple is where it would be wrong first.
                let multiple = (u64::MAX >> (64 - bits)) / divisor * divisor;
                let edges = [multiple, multiple - 1, multiple.wrapping_sub(divisor)];
                for &x in numbers.iter().chain(&edges) {
                    let high =
                        (u128::from(x) * (factor & u128::from(u64::MAX >> (64 - bits)))) >> bits;
                    let sum = match factor >> bits {
                        0 => high,
                        _ => high + u128::from(x),
                    };
                    assert_eq!(sum >> shift, u128::from(x / divisor), "{x} / {divisor}");
                }
                let divisor = as_signed(divisor);
                if divisor.unsigned_abs().is_power_of_two() {
                    continue;
                }
                let number = i64::try_from(divisor).expect("it is one");
                let (factor, shift) = signed_factor(number, bits);
                for &x in numbers.iter().chain(&edges) {
                    let x = as_signed(x);
                    let mut high = (x * i128::from(factor)) >> bits;
                    if divisor > 0 && factor < 0 {
                        high += x;
                    } else if divisor < 0 && factor > 0 {
                        high -= x;
                    }
                    let quotient = high >> shift;
                    let quotient = quotient + i128::from(quotient < 0);
                    assert_eq!(quotient, x / divisor, "{x} / {divisor}");
                }
            }
        }
    }
}
