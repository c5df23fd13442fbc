//! Jumps through tables: Cranelift's sequence, and a shorter one with addresses in it.
//!
//! ```text
//!     mov a, LENGTH                           ; cmp y, LENGTH
//!     cmp y, a                                ; jae default
//!     cmovb a, y                              ; mov t, [table + 4*y]
//!     lea t, [rip + table]                    ; jmp t
//!     movsxd u, [t + 4*a]                     ; table: addresses
//!     add t, u
//!     jmp t
//!     table: distances
//! ```
//!
//! Only for code that lies where the linker says, below 2 GiB, so that an address is four bytes. A
//! processor that guesses wrong may load past the table now; other accesses are not guarded
//! against that either.
//!
//! Why it is sound: `a`, `t` and `u` are temporaries of one `br_table`, which ends its block, so
//! nothing reads them later, nor the flags. The last entry, to which `a = LENGTH` leads, is the
//! default. `y` is compared in 32 bits and indexes with 64, so it is copied unless the instruction
//! before has extended it with zeros. No block begins within the sequence.

use super::edits::Short;
use super::instruction::{Instruction, Map, REX_B, REX_R, REX_W, REX_X, number};

/// Instructions of the longest sequence, and the one before it.
pub const INSTRUCTIONS_MAX: usize = 9;

/// A sequence that is replaced by a comparison, a branch to the default and a jump.
#[derive(Debug)]
pub struct TableJump {
    pub start: u32,
    /// Before the branch.
    pub compare: Short,
    /// Behind it.
    pub jump: Short,
    /// Where the table's address is in `jump`.
    pub address_at: u32,
}

/// An instruction with ModRM and no prefix but REX, or one whose register is in its opcode.
struct Operands {
    map: Map,
    opcode: u8,
    is_wide: bool,
    /// Of a `mov` of a number, the register that gets it.
    reg: u8,
    /// The register that ModRM names, if it is no place in memory.
    rm: Option<u8>,
}

impl Operands {
    fn read(code: &[u8]) -> Option<Operands> {
        let instruction = Instruction::decode(code)?;
        let rex = instruction.rex.map_or(0, |(rex, _)| rex);
        let extended = |bits: u8, bit| bits | if rex & bit == 0 { 0 } else { 8 };
        let first = usize::from(instruction.rex.is_some());
        let escape = usize::from(instruction.map == Map::Two);
        let is_plain = matches!(instruction.map, Map::OneByte | Map::Two)
            && instruction.rex.is_none_or(|(_, at)| at == 0)
            && code[first + escape] == instruction.opcode
            && (escape == 0 || code[first] == 0x0f);
        let (reg, rm) = match instruction.modrm {
            Some((byte, at)) if usize::from(at) == first + escape + 1 => (
                extended(byte >> 3 & 7, REX_R),
                (byte >> 6 == 3).then_some(extended(byte & 7, REX_B)),
            ),
            None if instruction.opcode & 0xf8 == 0xb8 => {
                (extended(instruction.opcode & 7, REX_B), None)
            }
            _ => return None,
        };
        is_plain.then_some(Operands {
            map: instruction.map,
            opcode: instruction.opcode,
            is_wide: rex & REX_W != 0,
            reg,
            rm,
        })
    }

    fn is(&self, map: Map, opcode: u8, is_wide: bool) -> bool {
        self.map == map && self.opcode == opcode && self.is_wide == is_wide
    }

    /// The registers to which and from which it copies 32 bits.
    fn copy(&self) -> Option<(u8, u8)> {
        match self.opcode {
            _ if self.map != Map::OneByte || self.is_wide => None,
            0x89 => Some((self.rm?, self.reg)),
            0x8b => Some((self.reg, self.rm?)),
            _ => None,
        }
    }

    /// The register of which it writes the lower half, or less, and the rest as zeros.
    fn extends(&self) -> Option<u8> {
        match (self.map, self.opcode) {
            (Map::Two, 0xb6 | 0xb7) => Some(self.reg),
            _ if self.map != Map::OneByte || self.is_wide => None,
            (_, 0x03 | 0x0b | 0x23 | 0x2b | 0x33 | 0x69 | 0x6b | 0x8b | 0x8d) => Some(self.reg),
            (_, 0x01 | 0x09 | 0x21 | 0x29 | 0x31 | 0x89) => self.rm,
            // All of the group but `cmp`, whose number is 7.
            (_, 0x81 | 0x83) if self.reg & 7 != 7 => self.rm,
            _ => None,
        }
    }
}

impl TableJump {
    /// The sequence that the last of some instructions ends, which follow each other; `starts` are where
    /// they are in `code`, and blocks begin at `blocks`, ascending.
    pub fn find(code: &[u8], starts: &[u32], end: u32, blocks: &[u32]) -> Option<TableJump> {
        let mut starts = starts.iter().rev().copied();
        let mut previous = || {
            let at = starts.next()?;
            Some((at, Operands::read(&code[at as usize..])?))
        };
        let (_, jump) = previous()?;
        let table = jump.rm.filter(|_| jump.opcode == 0xff)?;
        let (_, add) = previous()?;
        let distance = add.rm?;
        let (load_at, load) = previous()?;
        let (_, address) = previous()?;
        let (_, choice) = previous()?;
        let (compare_at, compare) = previous()?;
        let (clamped, index) = (choice.reg, choice.rm?);
        let is_chosen = choice.is(Map::Two, 0x42, false)
            && match compare.opcode {
                0x3b => (compare.reg, compare.rm) == (index, Some(clamped)),
                0x39 => (compare.reg, compare.rm) == (clamped, Some(index)),
                _ => false,
            }
            && compare.map == Map::OneByte
            && !compare.is_wide;
        let is_jump = add.is(Map::OneByte, 0x03, true)
            && add.reg == table
            && load.is(Map::OneByte, 0x63, true)
            && load.reg == distance
            && is_entry(&code[load_at as usize..], table, clamped)
            && address.is(Map::OneByte, 0x8d, true)
            && address.reg == table;
        if !is_chosen || !is_jump || index == clamped {
            return None;
        }
        let (mut start, mut first) = previous()?;
        let copied = first
            .copy()
            .filter(|&(to, from)| to == index && from != clamped);
        let copy = copied.map(|_| start..compare_at);
        let extends_itself = copied.is_some_and(|(to, from)| to == from);
        if copied.is_some() {
            (start, first) = previous()?;
        }
        if first.map != Map::OneByte
            || first.opcode & 0xf8 != 0xb8
            || first.is_wide
            || first.reg != clamped
        {
            return None;
        }
        let length = number(&code[start as usize..], 1 + usize::from(clamped > 7));
        let before = previous().filter(|(_, before)| before.extends() == Some(index));
        let is_extended = copied.is_some() || before.is_some();
        // A block may begin with the first of the instructions that are relied on.
        let is_copied = copied.is_some() && !(extends_itself && before.is_some());
        let relied_on = match before {
            Some((at, _)) if !is_copied => at,
            _ => start,
        };
        let next = blocks.partition_point(|&block| block <= relied_on);
        if blocks.get(next).is_some_and(|&block| block < end) {
            return None;
        }
        let mut compare = Short::default();
        if let Some(copy) = copy.filter(|_| is_copied) {
            compare.extend(&code[copy.start as usize..copy.end as usize]);
        }
        compare_with(&mut compare, index, length);
        let by = match is_extended {
            true => index,
            false => {
                let rex = 0x40 | (REX_R * (index >> 3)) | (REX_B * (clamped >> 3));
                compare.extend(&[rex][usize::from(rex == 0x40)..]);
                compare.extend(&[0x89, 0xc0 | (index & 7) << 3 | clamped & 7]);
                clamped
            }
        };
        let mut jump = Short::default();
        let rex = 0x40 | (REX_R * (table >> 3)) | (REX_X * (by >> 3));
        jump.extend(&[rex][usize::from(rex == 0x40)..]);
        jump.extend(&[0x8b, 4 | (table & 7) << 3, 0x85 | (by & 7) << 3]);
        let address_at = jump.bytes().len() as u32;
        jump.extend(&[0; 4]);
        jump.extend(&[0x41][usize::from(table < 8)..]);
        jump.extend(&[0xff, 0xe0 | table & 7]);
        Some(TableJump {
            start,
            compare,
            jump,
            address_at,
        })
    }
}

/// Whether an instruction's place in memory is `[table + 4*index]`.
fn is_entry(code: &[u8], table: u8, index: u8) -> bool {
    let expected = [REX_X * (index >> 3), REX_B * (table >> 3)];
    let rex = code[0] & (REX_X | REX_B);
    let sib = 0x80 | (index & 7) << 3 | table & 7;
    let mode_and_rm = code[2] & 0xc7;
    let is_near = mode_and_rm == 0x44 && code[4] == 0 || mode_and_rm == 4 && table & 7 != 5;
    rex == expected[0] | expected[1] && code[3] == sib && is_near && index != 4
}

/// `cmp register, number` in 32 bits.
fn compare_with(new: &mut Short, register: u8, number: i32) {
    let rex = 0x40 | (REX_B * (register >> 3));
    new.extend(&[rex][usize::from(rex == 0x40)..]);
    let operand = 0xf8 | register & 7;
    match i8::try_from(number) {
        Ok(byte) => new.extend(&[0x83, operand, byte.cast_unsigned()]),
        Err(_) => {
            new.extend(&[0x81, operand]);
            new.extend(&number.to_le_bytes());
        }
    }
}
