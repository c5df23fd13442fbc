//! What instructions make of numbers: of bits, as many as a type of integers has, with those above it zero.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Opcode, Type, types};

/// The bits of a scalar integer of up to 64.
pub fn bits_of(ty: Type) -> Option<u32> {
    (ty.is_int() && ty != types::I128).then(|| ty.bits())
}

/// As many bits as a scalar type has; of integers up to 64.
pub fn mask(ty: Type) -> u64 {
    u64::MAX >> (64 - ty.bits().min(64))
}

/// A number of as many bits as the type has, as a signed one.
pub fn signed(bits: u64, ty: Type) -> i64 {
    let unused = 64 - ty.bits().min(64);
    (bits << unused).cast_signed() >> unused
}

/// What an instruction makes of numbers; only the lower bits count, as many as the type has.
pub fn compute(opcode: Opcode, ty: Type, x: u64, y: u64) -> Option<u64> {
    let bits = ty.bits();
    let by = u32::try_from(y % u64::from(bits)).expect("fewer than 64");
    let (left, right) = (signed(x, ty), signed(y, ty));
    let pick = |is_left| if is_left { x } else { y };
    Some(match opcode {
        Opcode::Iadd => x.wrapping_add(y),
        Opcode::Isub => x.wrapping_sub(y),
        Opcode::Imul => x.wrapping_mul(y),
        Opcode::Band => x & y,
        Opcode::Bor => x | y,
        Opcode::Bxor => x ^ y,
        Opcode::Ishl => x << by,
        Opcode::Ushr => x >> by,
        Opcode::Sshr => (left >> by).cast_unsigned(),
        Opcode::Rotl => x << by | x.checked_shr(bits - by).unwrap_or(0),
        Opcode::Rotr => x >> by | x.checked_shl(bits - by).unwrap_or(0),
        Opcode::Smin => pick(left < right),
        Opcode::Smax => pick(left > right),
        Opcode::Umin => pick(x < y),
        Opcode::Umax => pick(x > y),
        _ => return None,
    })
}

/// Whether a comparison of numbers is right.
pub fn holds(cond: IntCC, ty: Type, x: u64, y: u64) -> bool {
    let (left, right) = (signed(x, ty), signed(y, ty));
    match cond {
        IntCC::Equal => x == y,
        IntCC::NotEqual => x != y,
        IntCC::SignedLessThan => left < right,
        IntCC::SignedLessThanOrEqual => left <= right,
        IntCC::SignedGreaterThan => left > right,
        IntCC::SignedGreaterThanOrEqual => left >= right,
        IntCC::UnsignedLessThan => x < y,
        IntCC::UnsignedLessThanOrEqual => x <= y,
        IntCC::UnsignedGreaterThan => x > y,
        IntCC::UnsignedGreaterThanOrEqual => x >= y,
    }
}
