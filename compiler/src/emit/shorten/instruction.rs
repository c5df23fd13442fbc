//! Where an instruction of x86-64 has its parts. Source: Intel's manual, volume 2, chapter 2 and
//! appendix A.

/// The table that an opcode is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Map {
    OneByte,
    /// Behind `0f`, also by VEX.
    Two,
    /// Behind `0f 38` and `0f 3a`, also by VEX.
    Three,
    /// Anything by EVEX, whose 8-bit displacements are scaled.
    Evex,
}

/// An instruction's parts: offsets are from its first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Instruction {
    pub bytes: u8,
    pub map: Map,
    pub opcode: u8,
    /// The REX prefix and its place.
    pub rex: Option<(u8, u8)>,
    /// The ModRM byte and its place.
    pub modrm: Option<(u8, u8)>,
    /// Whether VEX extends the base or the index of an address.
    pub vex_extends: bool,
    /// Bytes of the displacement, which is behind ModRM and SIB: 0, 1 or 4.
    pub displacement_bytes: u8,
    pub immediate_bytes: u8,
}

pub const REX_W: u8 = 8;
pub const REX_R: u8 = 4;
pub const REX_X: u8 = 2;
pub const REX_B: u8 = 1;

impl Instruction {
    /// The instruction at the start of `code`; nothing if it is one that no code of functions has.
    pub fn decode(code: &[u8]) -> Option<Instruction> {
        let first = *code.first()?;
        let rex = (first & 0xf0 == 0x40).then_some((first, 0));
        let at = u8::from(rex.is_some());
        let byte = |at: u8| code.get(usize::from(at)).copied();
        let opcode = byte(at)?;
        // Most have no prefix but REX, and one byte of opcode or two.
        let (bytes, map, opcode, form) = match (ONE_BYTE[usize::from(opcode)], opcode) {
            (Some(form), _) => (1, Map::OneByte, opcode, form),
            (None, 0x0f) => match byte(at + 1)? {
                0x38 | 0x3a => return Instruction::decode_rare(code),
                opcode => (2, Map::Two, opcode, TWO_BYTE[usize::from(opcode)]?),
            },
            (None, _) => return Instruction::decode_rare(code),
        };
        let new = Instruction {
            bytes: at + bytes,
            map,
            opcode,
            rex,
            modrm: None,
            vex_extends: false,
            displacement_bytes: 0,
            immediate_bytes: 0,
        };
        new.with_operands(code, form, false)
    }

    /// The same of any instruction.
    fn decode_rare(code: &[u8]) -> Option<Instruction> {
        let byte = |at: u8| code.get(usize::from(at)).copied();
        let mut at = 0;
        let mut has_16_bits = false;
        loop {
            match byte(at)? {
                0x66 => has_16_bits = true,
                // Repetition, lock and segments of what is a thread's own.
                0xf0 | 0xf2 | 0xf3 | 0x64 | 0x65 => (),
                _ => break,
            }
            at = at.checked_add(1)?;
        }
        let mut rex = None;
        if let byte @ 0x40..=0x4f = byte(at)? {
            rex = Some((byte, at));
            at = at.checked_add(1)?;
        }
        let behind = |bytes: u8| byte(at.checked_add(bytes)?);
        let mut vex_extends = false;
        let (bytes, map, opcode, form) = match behind(0)? {
            0x0f => match behind(1)? {
                second @ (0x38 | 0x3a) => (3, Map::Three, behind(2)?, three_byte(second == 0x3a)),
                opcode => (2, Map::Two, opcode, TWO_BYTE[usize::from(opcode)]?),
            },
            first @ (0xc4 | 0xc5) => {
                let (map, bytes) = match first {
                    0xc5 => (1, 2),
                    _ => {
                        let byte = behind(1)?;
                        vex_extends = byte & 0x60 != 0x60;
                        (byte & 0x1f, 3)
                    }
                };
                let opcode = behind(bytes)?;
                match map {
                    1 => (bytes + 1, Map::Two, opcode, vector(opcode)),
                    2 | 3 => (bytes + 1, Map::Three, opcode, three_byte(map == 3)),
                    _ => return None,
                }
            }
            0x62 => {
                let map = behind(1)? & 7;
                let opcode = behind(4)?;
                let form = match map {
                    1 => vector(opcode),
                    2 | 3 => three_byte(map == 3),
                    _ => return None,
                };
                (5, Map::Evex, opcode, form)
            }
            opcode => (1, Map::OneByte, opcode, ONE_BYTE[usize::from(opcode)]?),
        };
        let new = Instruction {
            bytes: at.checked_add(bytes)?,
            map,
            opcode,
            rex,
            modrm: None,
            vex_extends,
            displacement_bytes: 0,
            immediate_bytes: 0,
        };
        new.with_operands(code, form, has_16_bits)
    }

    /// Reads what is behind the opcode; up to that, `bytes` are known.
    #[inline]
    fn with_operands(mut self, code: &[u8], form: Form, has_16_bits: bool) -> Option<Instruction> {
        if form.has_modrm {
            let at = self.bytes;
            let byte = *code.get(usize::from(at))?;
            self.modrm = Some((byte, at));
            self.bytes = at.checked_add(1)?;
            let (mode, rm) = (byte >> 6, byte & 7);
            let mut base = rm;
            if mode != 3 && rm == 4 {
                base = *code.get(usize::from(self.bytes))? & 7;
                self.bytes = self.bytes.checked_add(1)?;
            }
            self.displacement_bytes = match (mode, base) {
                (0, 5) | (2, _) => 4,
                (1, _) => 1,
                _ => 0,
            };
        }
        let is_wide = self.has_rex(REX_W);
        self.immediate_bytes = match form.immediate {
            Immediate::None => 0,
            Immediate::Byte => 1,
            Immediate::Word => 2,
            Immediate::WordAndByte => 3,
            Immediate::Operand if has_16_bits && !is_wide => 2,
            Immediate::Operand => 4,
            Immediate::Whole if is_wide => 8,
            Immediate::Whole if has_16_bits => 2,
            Immediate::Whole => 4,
            Immediate::Distance => 4,
            Immediate::OfTest { bytes } => {
                // Only the first two of the group compare with an immediate.
                match self.register_field() {
                    Some(0 | 1) if bytes == 1 => 1,
                    Some(0 | 1) if has_16_bits && !is_wide => 2,
                    Some(0 | 1) => 4,
                    _ => 0,
                }
            }
        };
        let behind = self.displacement_bytes + self.immediate_bytes;
        self.bytes = self.bytes.checked_add(behind)?;
        (usize::from(self.bytes) <= code.len()).then_some(self)
    }

    /// Bits 3 to 5 of ModRM: a register, or which instruction of a group it is.
    pub fn register_field(&self) -> Option<u8> {
        self.modrm.map(|(byte, _)| byte >> 3 & 7)
    }

    /// Where the displacement is.
    pub fn displacement_at(&self) -> usize {
        usize::from(self.bytes - self.immediate_bytes - self.displacement_bytes)
    }

    /// Where the immediate is.
    pub fn immediate_at(&self) -> usize {
        usize::from(self.bytes - self.immediate_bytes)
    }

    pub fn has_rex(&self, bits: u8) -> bool {
        self.rex.is_some_and(|(rex, _)| rex & bits != 0)
    }

    /// Whether it addresses memory by its distance from the instruction's end.
    pub fn is_relative(&self) -> bool {
        self.modrm.is_some_and(|(byte, _)| byte & 0xc7 == 0x05)
    }

    /// Whether its operand in memory has the stack pointer as its base, and no index.
    pub fn is_on_stack(&self, code: &[u8]) -> bool {
        let Some((byte, at)) = self.modrm else {
            return false;
        };
        byte & 7 == 4
            && byte >> 6 != 3
            && code[usize::from(at) + 1] & 0x3f == 0x24
            && !self.has_rex(REX_X | REX_B)
            && !self.vex_extends
            && self.map != Map::Evex
    }

    /// The displacement's value.
    pub fn displacement(&self, code: &[u8]) -> i32 {
        let at = self.displacement_at();
        match self.displacement_bytes {
            0 => 0,
            1 => i32::from(code[at].cast_signed()),
            _ => number(code, at),
        }
    }
}

/// Four bytes of `code`.
pub fn number(code: &[u8], at: usize) -> i32 {
    i32::from_le_bytes(*code[at..].first_chunk().expect("four bytes"))
}

#[derive(Clone, Copy)]
struct Form {
    has_modrm: bool,
    immediate: Immediate,
}

#[derive(Clone, Copy)]
enum Immediate {
    None,
    Byte,
    Word,
    /// Of `enter`.
    WordAndByte,
    /// As wide as the operand, but at most four bytes.
    Operand,
    /// As wide as the operand.
    Whole,
    /// To where a branch goes.
    Distance,
    /// As [`Self::Byte`] or [`Self::Operand`] if it is `test`.
    OfTest {
        bytes: u8,
    },
}

const fn form(has_modrm: bool, immediate: Immediate) -> Form {
    Form {
        has_modrm,
        immediate,
    }
}

/// By opcode.
static ONE_BYTE: [Option<Form>; 256] = {
    let mut forms = [None; 256];
    let mut opcode = 0;
    while opcode < 256 {
        forms[opcode] = one_byte(opcode as u8);
        opcode += 1;
    }
    forms
};

/// By the opcode behind `0f`.
static TWO_BYTE: [Option<Form>; 256] = {
    let mut forms = [None; 256];
    let mut opcode = 0;
    while opcode < 256 {
        forms[opcode] = two_byte(opcode as u8);
        opcode += 1;
    }
    forms
};

const fn one_byte(opcode: u8) -> Option<Form> {
    use Immediate::{Byte, Distance, None as No, OfTest, Operand, Whole, Word, WordAndByte};
    Some(match opcode {
        0x00..=0x3f => match opcode & 7 {
            0..=3 => form(true, No),
            4 => form(false, Byte),
            5 => form(false, Operand),
            _ => return None,
        },
        0x50..=0x5f
        | 0x90..=0x99
        | 0x9b..=0x9f
        | 0xa4..=0xa7
        | 0xaa..=0xaf
        | 0xc3
        | 0xc9
        | 0xcc
        | 0xf4
        | 0xf5
        | 0xf8..=0xfd => form(false, No),
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff => form(true, No),
        0x69 | 0x81 | 0xc7 => form(true, Operand),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => form(true, Byte),
        0x68 | 0xa9 => form(false, Operand),
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => form(false, Byte),
        0xb8..=0xbf => form(false, Whole),
        0xc2 => form(false, Word),
        0xc8 => form(false, WordAndByte),
        0xe8 | 0xe9 => form(false, Distance),
        0xf6 => form(true, OfTest { bytes: 1 }),
        0xf7 => form(true, OfTest { bytes: 4 }),
        _ => return None,
    })
}

const fn two_byte(opcode: u8) -> Option<Form> {
    Some(match opcode {
        // `syscall`, `ud2`, time stamps, `cpuid`, swapped bytes.
        0x05 | 0x0b | 0x31 | 0xa2 | 0xc8..=0xcf => form(false, Immediate::None),
        0x80..=0x8f => form(false, Immediate::Distance),
        0x0d
        | 0x10..=0x1f
        | 0x28..=0x2f
        | 0x40..=0x76
        | 0x7c..=0x7f
        | 0x90..=0x9f
        | 0xa3..=0xa5
        | 0xab..=0xaf
        | 0xb0..=0xb8
        | 0xba..=0xc7
        | 0xd0..=0xfe => vector(opcode),
        _ => return None,
    })
}

/// Most have ModRM; some of them a byte behind it.
const fn vector(opcode: u8) -> Form {
    let immediate = match opcode {
        0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6 => Immediate::Byte,
        _ => Immediate::None,
    };
    // `vzeroupper`
    form(opcode != 0x77, immediate)
}

fn three_byte(has_immediate: bool) -> Form {
    form(
        true,
        match has_immediate {
            true => Immediate::Byte,
            false => Immediate::None,
        },
    )
}
