//! Calls of addresses that the instruction before has loaded: one instruction, not two.
//!
//! ```text
//!     mov rax, [rcx + 8]                      ; call [rcx + 8]
//!     call rax                                ; ...
//! ```
//!
//! Why it is sound: the register is one that callees of any convention may change and that none takes an
//! argument in, so nobody reads it behind the call, nor in what is called. A fault of the load is
//! that of an instruction at the same place, before anything is pushed. No block begins between the two.

use super::edits::Short;
use super::instruction::{Instruction, Map, REX_B, REX_R, REX_W, REX_X};

/// `rax`, `r10` and `r11`.
const CHANGED_BY_CALLS: [u8; 3] = [0, 10, 11];
/// The number of `call` in its group.
const CALL: u8 = 2;

/// An address that has been loaded.
#[derive(Clone, Copy, Debug)]
pub struct LoadedAddress {
    pub start: u32,
    register: u8,
    /// A call of what is there.
    pub call: Short,
}

impl LoadedAddress {
    /// What the instruction at the start of `code`, which is not relocated, loads.
    #[inline]
    pub fn read(instruction: &Instruction, code: &[u8], start: u32) -> Option<LoadedAddress> {
        match (instruction.map, instruction.opcode) {
            (Map::OneByte, 0x8b) => LoadedAddress::of_load(instruction, code, start),
            _ => None,
        }
    }

    fn of_load(instruction: &Instruction, code: &[u8], start: u32) -> Option<LoadedAddress> {
        let (rex, 0) = instruction.rex? else {
            return None;
        };
        let (modrm, 2) = instruction.modrm? else {
            return None;
        };
        let is_load = rex & REX_W != 0
            && modrm >> 6 != 3
            && !instruction.is_relative()
            // Frames change these.
            && !instruction.is_on_stack(code);
        let register = extended(modrm >> 3 & 7, rex & REX_R != 0);
        if !is_load || !CHANGED_BY_CALLS.contains(&register) {
            return None;
        }
        let mut call = Short::default();
        if rex & (REX_B | REX_X) != 0 {
            call.extend(&[0x40 | rex & (REX_B | REX_X)]);
        }
        call.extend(&[0xff, modrm & 0xc7 | CALL << 3]);
        call.extend(&code[3..usize::from(instruction.bytes)]);
        Some(LoadedAddress {
            start,
            register,
            call,
        })
    }

    /// Whether an instruction calls what has been loaded.
    pub fn is_called_by(&self, instruction: &Instruction) -> bool {
        (instruction.map, instruction.opcode) == (Map::OneByte, 0xff)
            && instruction.modrm.is_some_and(|(byte, _)| {
                byte >> 3 == 3 << 3 | CALL
                    && extended(byte & 7, instruction.has_rex(REX_B)) == self.register
            })
    }
}

fn extended(bits: u8, is_extended: bool) -> u8 {
    bits | if is_extended { 8 } else { 0 }
}
