//! Other encodings of one instruction.

use super::edits::Short;
use super::frame::Frame;
use super::instruction::{Instruction, Map, REX_B, number};

/// Another encoding of an instruction, if there is one that is shorter.
#[inline]
pub fn shorter(instruction: &Instruction, code: &[u8], frame: &Frame) -> Option<Short> {
    let (map, opcode) = (instruction.map, instruction.opcode);
    let is_on_stack = instruction
        .modrm
        .is_some_and(|(byte, _)| byte & 7 == 4 && byte >> 6 != 3);
    // Most have no immediate that is long, no displacement from the stack pointer and no prefix in vain.
    let may_be_shorter = is_on_stack
        || instruction.immediate_bytes == 4
            && (instruction.modrm.is_none() || matches!(opcode, 0x69 | 0x81 | 0xf7))
        || matches!(instruction.rex, Some((0x48, _)))
            && match map {
                Map::OneByte => matches!(opcode, 0x31 | 0x33 | 0x81 | 0x83),
                Map::Two => matches!(opcode, 0xb6 | 0xb7),
                Map::Three | Map::Evex => false,
            };
    match may_be_shorter {
        true => find_shorter(instruction, code, frame),
        false => None,
    }
}

fn find_shorter(instruction: &Instruction, code: &[u8], frame: &Frame) -> Option<Short> {
    let code = &code[..usize::from(instruction.bytes)];
    let Some((modrm, modrm_at)) = instruction.modrm else {
        return of_accumulator(instruction, code);
    };
    if let Some(test) = test_of_byte(instruction, code) {
        return Some(test);
    }
    let modrm_at = usize::from(modrm_at);
    let on_frame = match instruction.is_on_stack(code) {
        true => frame.distance_from_frame_pointer(instruction.displacement(code)),
        false => None,
    };
    // An 8-bit displacement is no shorter than none and SIB, a 32-bit one than an 8-bit one and SIB.
    let on_frame = on_frame.filter(|&distance| {
        i8::try_from(distance).is_ok() && instruction.displacement_bytes != 0
            || instruction.displacement_bytes == 4
    });
    let drops_prefix = is_wide_for_nothing(instruction, code);
    let immediate = byte_opcode(instruction).zip(byte_immediate(instruction, code));
    if on_frame.is_none() && immediate.is_none() && !drops_prefix {
        return None;
    }
    let mut new = Short::default();
    let opcode_at = modrm_at - 1;
    match instruction.rex {
        Some((_, at)) if drops_prefix => {
            new.extend(&code[..usize::from(at)]);
            new.extend(&code[usize::from(at) + 1..opcode_at]);
        }
        _ => new.extend(&code[..opcode_at]),
    }
    new.extend(&[immediate.map_or(code[opcode_at], |(opcode, _)| opcode)]);
    match on_frame {
        Some(distance) => {
            new.is_of_frame = true;
            // The same register, and the frame pointer with a displacement.
            let modrm = modrm & 0x38 | 5;
            match i8::try_from(distance) {
                Ok(byte) => new.extend(&[0x40 | modrm, byte.cast_unsigned()]),
                Err(_) => {
                    new.extend(&[0x80 | modrm]);
                    new.extend(&distance.to_le_bytes());
                }
            }
        }
        None => new.extend(&code[modrm_at..instruction.immediate_at()]),
    }
    match immediate {
        Some((_, byte)) => new.extend(&[byte]),
        None => new.extend(&code[instruction.immediate_at()..]),
    }
    Some(new)
}

/// The opcode of the same instruction with an immediate of one byte, which is extended by its sign.
fn byte_opcode(instruction: &Instruction) -> Option<u8> {
    match (instruction.map, instruction.opcode) {
        // Sums, comparisons and bits; products.
        (Map::OneByte, 0x81) => Some(0x83),
        (Map::OneByte, 0x69) => Some(0x6b),
        _ => None,
    }
}

/// The immediate, if a byte extended by its sign is the same.
fn byte_immediate(instruction: &Instruction, code: &[u8]) -> Option<u8> {
    match instruction.immediate_bytes {
        4 => i8::try_from(number(code, instruction.immediate_at())).ok(),
        _ => None,
    }
    .map(i8::cast_unsigned)
}

/// The instructions without ModRM that compute with `eax` and a number: those with ModRM take any
/// register and a byte.
fn of_accumulator(instruction: &Instruction, code: &[u8]) -> Option<Short> {
    let byte = byte_immediate(instruction, code)?;
    let opcode_at = instruction.immediate_at() - 1;
    let mut new = Short::default();
    match (instruction.map, instruction.opcode) {
        (Map::OneByte, opcode @ (0x05 | 0x0d | 0x15 | 0x1d | 0x25 | 0x2d | 0x35 | 0x3d)) => {
            new.extend(&code[..opcode_at]);
            new.extend(&[0x83, 0xc0 | opcode & 0x38, byte]);
        }
        // `test`: with no bit of the upper ones, the lowest byte has the same answer and sign.
        (Map::OneByte, 0xa9) if byte < 0x80 => new.extend(&[0xa8, byte]),
        _ => return None,
    }
    Some(new)
}

/// `test` of a register with a number below 128: the lowest byte has the same answer and sign.
fn test_of_byte(instruction: &Instruction, code: &[u8]) -> Option<Short> {
    let (modrm, _) = instruction.modrm?;
    // `c0` to `c7`: the first of the group, of a register.
    if instruction.map != Map::OneByte || instruction.opcode != 0xf7 || modrm & 0xf8 != 0xc0 {
        return None;
    }
    let byte = byte_immediate(instruction, code).filter(|&byte| byte < 0x80)?;
    let mut new = Short::default();
    if instruction.has_rex(REX_B) {
        new.extend(&[0x40 | REX_B]);
    } else if modrm & 7 >= 4 {
        // Without any prefix these would be the second bytes of others.
        new.extend(&[0x40]);
    }
    new.extend(&[0xf6, modrm, byte]);
    Some(new)
}

/// Whether an instruction does the same on 32 bits, for which it needs no prefix: the upper half of
/// its result is zero.
fn is_wide_for_nothing(instruction: &Instruction, code: &[u8]) -> bool {
    let Some((modrm, _)) = instruction.modrm else {
        return false;
    };
    if instruction.rex.is_none_or(|(rex, _)| rex != 0x48) {
        return false;
    }
    let (is_register, operand) = (modrm >> 6 == 3, modrm & 7);
    let register = modrm >> 3 & 7;
    match (instruction.map, instruction.opcode) {
        // `xor` of a register with itself.
        (Map::OneByte, 0x31 | 0x33) => is_register && register == operand,
        // `movzx`; the registers that the prefix stands for are others without it.
        (Map::Two, 0xb6) => !is_register || operand < 4,
        (Map::Two, 0xb7) => true,
        // `and` with a number that is not negative.
        (Map::OneByte, 0x81 | 0x83) if is_register && register == 4 => {
            code[usize::from(instruction.bytes) - 1] < 0x80
        }
        _ => false,
    }
}
