//! The frame of a function: registers that are saved and restored with `push` and `pop`, and places
//! of the stack that are addressed from the frame pointer.
//!
//! Cranelift's prologue is `push rbp; mov rbp, rsp; sub rsp, FRAME`, and a store for each register
//! that is saved, at the frame's lower end above the spill slots; its epilogue loads them, and is
//! `add rsp, FRAME; mov rsp, rbp; pop rbp`. Between the two the stack pointer is FRAME below the
//! frame pointer, and a place at a distance from the one is at another from the other. The address
//! from the stack pointer takes a byte more (SIB).
//!
//! Why that is sound: every instruction is looked at. Where one that changes either pointer is
//! none of those, of the prologue of an inline stack probe, or such, nothing of the frame is
//! changed. Registers are saved in the order of their places, so that `push` puts them where they
//! were, or 8 bytes above if the frame's size was rounded up: nothing but the epilogue reads them.

use super::edits::Short;
use super::instruction::{Instruction, Map, REX_B, REX_R, REX_W, number};

/// The registers of a frame by their numbers.
const RSP: u8 = 4;
const RBP: u8 = 5;

const ENTRY: [u8; 4] = [0x55, 0x48, 0x89, 0xe5];
const EXIT: [u8; 4] = [0x48, 0x89, 0xec, 0x5d];
const LEAVE: u8 = 0xc9;
const POP_RBP: u8 = 0x5d;

/// Registers that callees save: `rbx` and `r12` to `r15`.
const SAVED: [u8; 5] = [3, 12, 13, 14, 15];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// Before any branch: the frame may still be made.
    Prologue,
    Body,
    /// Behind what takes the frame away, up to the instruction that leaves the function.
    Left,
}

/// What is known of the frame at an instruction.
#[derive(Debug)]
pub struct Frame {
    /// Whether all changes of the two pointers were ones that are known.
    pub is_known: bool,
    place: Place,
    /// Bytes between the two pointers.
    bytes: u32,
    /// Registers that are saved, by their places, and the lowest place's distance from the stack
    /// pointer.
    saved: Vec<u8>,
    saved_at: u32,
    /// How many of them the instructions just before have restored, and where the first began.
    restored: usize,
    restored_from: u32,
    is_behind_call: bool,
}

/// Several instructions and what replaces them; nothing if they stay.
pub struct Sequence {
    pub start: u32,
    pub end: u32,
    pub new: Option<Short>,
}

impl Frame {
    /// At the start of a function's code.
    pub fn new(code: &[u8]) -> Frame {
        Frame {
            is_known: code.starts_with(&ENTRY),
            place: Place::Prologue,
            bytes: 0,
            saved: Vec::new(),
            saved_at: 0,
            restored: 0,
            restored_from: 0,
            is_behind_call: false,
        }
    }

    /// Bytes of the first instructions, which are always the same.
    pub fn entry_bytes(&self) -> u32 {
        match self.is_known {
            true => 4,
            false => 0,
        }
    }

    /// Goes over the instruction at an offset of the code; gives the sequence that begins with it, or
    /// ends with it and what follows it.
    #[inline]
    pub fn pass(
        &mut self,
        instruction: &Instruction,
        code: &[u8],
        offset: u32,
    ) -> Option<Sequence> {
        let is_behind_call = std::mem::take(&mut self.is_behind_call);
        let restored = std::mem::take(&mut self.restored);
        if !self.is_known || self.place != Place::Left && !self.may_concern(instruction) {
            return None;
        }
        self.pass_concerning(instruction, code, offset, (is_behind_call, restored))
    }

    /// Whether an instruction may leave the function, be a call, write one of the two pointers or restore a register:
    /// what most never do.
    fn may_concern(&self, instruction: &Instruction) -> bool {
        if instruction.map != Map::OneByte {
            return instruction.map == Map::Two && instruction.opcode == 0x0b;
        }
        let may_write = match CONCERN[usize::from(instruction.opcode)] {
            Concern::None => return false,
            Concern::Any => return true,
            Concern::IfNamed => instruction.modrm.is_some_and(|(byte, _)| {
                let is_one = |register: u8| register & 7 | 1 == RSP | 1;
                is_one(byte >> 3) || byte >> 6 == 3 && is_one(byte)
            }),
        };
        may_write || instruction.opcode == 0x8b && !self.saved.is_empty()
    }

    /// The same of one that may concern the frame. Before it was a call, or so many registers were restored.
    fn pass_concerning(
        &mut self,
        instruction: &Instruction,
        code: &[u8],
        offset: u32,
        (is_behind_call, restored): (bool, usize),
    ) -> Option<Sequence> {
        let rest = &code[offset as usize..];
        let end = offset + u32::from(instruction.bytes);
        match self.place {
            Place::Left => {
                self.follow_left(instruction, rest);
                None
            }
            _ if leaves(instruction) => {
                self.place = Place::Body;
                None
            }
            _ if is_call(instruction) => {
                self.place = Place::Body;
                self.is_behind_call = true;
                None
            }
            place => {
                if let Some((is_sub, bytes)) = stack_pointer_sum(instruction, rest) {
                    return match is_sub {
                        // What a callee has taken off of its arguments.
                        true if is_behind_call => None,
                        true if place == Place::Prologue && self.bytes == 0 => {
                            self.enter(bytes, code, offset, end)
                        }
                        false if bytes == self.bytes && code[end as usize..].starts_with(&EXIT) => {
                            let start = match restored == self.saved.len() && restored != 0 {
                                true => self.restored_from,
                                false => offset,
                            };
                            Some(self.leave(start, end + 4, start != offset))
                        }
                        _ => self.lose(),
                    };
                }
                if rest.starts_with(&EXIT) && self.bytes == 0 {
                    return Some(self.leave(offset, offset + 4, false));
                }
                if changes_pointers(instruction) {
                    return self.lose();
                }
                if self.saved.get(restored).is_some()
                    && self.is_saved_place(instruction, rest, 0x8b, restored)
                {
                    if restored == 0 {
                        self.restored_from = offset;
                    }
                    self.restored = restored + 1;
                }
                None
            }
        }
    }

    fn lose(&mut self) -> Option<Sequence> {
        self.is_known = false;
        None
    }

    fn follow_left(&mut self, instruction: &Instruction, rest: &[u8]) {
        if leaves(instruction) {
            self.place = Place::Body;
        } else {
            // Only what the call that follows has fewer arguments on the stack is taken off.
            let is_sum = stack_pointer_sum(instruction, rest).is_some_and(|(is_sub, _)| !is_sub);
            let goes_elsewhere = is_call(instruction) || is_condition(instruction);
            self.is_known = !goes_elsewhere && (is_sum || !changes_pointers(instruction));
        }
    }

    /// Makes the frame and saves registers.
    fn enter(&mut self, bytes: u32, code: &[u8], start: u32, mut end: u32) -> Option<Sequence> {
        self.bytes = bytes;
        self.place = Place::Body;
        for &register in &SAVED {
            let rest = &code[end as usize..];
            let Some(store) = Instruction::decode(rest) else {
                break;
            };
            if self.saved.is_empty() {
                self.saved_at = store.displacement(rest).cast_unsigned();
            }
            self.saved.push(register);
            if self.is_saved_place(&store, rest, 0x89, self.saved.len() - 1) {
                end += u32::from(store.bytes);
            } else {
                self.saved.pop();
            }
        }
        let saved_bytes = 8 * u32::try_from(self.saved.len()).expect("at most five");
        // The first things in a frame, above everything else.
        if self.saved.is_empty()
            || saved_bytes > bytes
            || self.saved_at != (bytes - saved_bytes) & !15
        {
            self.saved.clear();
            return None;
        }
        let mut new = Short::of_frame();
        for &register in self.saved.iter().rev() {
            push_or_pop(&mut new, 0x50, register);
        }
        add_to_stack_pointer(&mut new, 0xe8, bytes - saved_bytes);
        Some(Sequence {
            start,
            end,
            new: Some(new),
        })
    }

    /// Takes the frame away, behind which the function is left.
    fn leave(&mut self, start: u32, end: u32, restores: bool) -> Sequence {
        self.place = Place::Left;
        let mut new = Short::of_frame();
        if restores {
            let saved_bytes = 8 * u32::try_from(self.saved.len()).expect("at most five");
            add_to_stack_pointer(&mut new, 0xc0, self.bytes - saved_bytes);
            for &register in &self.saved {
                push_or_pop(&mut new, 0x58, register);
            }
            new.extend(&[POP_RBP]);
        } else if !self.saved.is_empty() {
            // Registers were restored in a way that is not known, from where they are not.
            self.is_known = false;
        } else if self.bytes == 0 {
            new.extend(&[POP_RBP]);
        } else {
            new.extend(&[LEAVE]);
        }
        let new = Some(new).filter(|_| self.is_known);
        Sequence { start, end, new }
    }

    /// Whether an instruction moves the saved register of a number between itself and its place.
    fn is_saved_place(
        &self,
        instruction: &Instruction,
        code: &[u8],
        opcode: u8,
        number: usize,
    ) -> bool {
        if instruction.map != Map::OneByte || instruction.opcode != opcode {
            return false;
        }
        let upper = match instruction.has_rex(REX_R) {
            true => 8,
            false => 0,
        };
        let register = instruction.register_field().map(|low| low + upper);
        let distance = 8 * u32::try_from(number).expect("at most five");
        instruction.has_rex(REX_W)
            && register == Some(self.saved[number])
            && instruction.is_on_stack(code)
            && instruction.displacement(code) >= 0
            && instruction.displacement(code).cast_unsigned() == self.saved_at + distance
    }

    /// How far the place that an instruction addresses from the stack pointer is from the frame
    /// pointer; nothing where that is not known.
    pub fn distance_from_frame_pointer(&self, displacement: i32) -> Option<i32> {
        match self.is_known && self.place != Place::Left {
            true => displacement.checked_sub_unsigned(self.bytes),
            false => None,
        }
    }
}

fn push_or_pop(new: &mut Short, opcode: u8, register: u8) {
    match register {
        0..=7 => new.extend(&[opcode + register]),
        _ => new.extend(&[0x40 | REX_B, opcode + register - 8]),
    }
}

/// `add` (`c0`) or `sub` (`e8`) of a number that is not 0, with the shorter immediate that does.
fn add_to_stack_pointer(new: &mut Short, group: u8, bytes: u32) {
    let modrm = group | RSP;
    match i8::try_from(bytes) {
        Ok(0) => (),
        Ok(byte) => new.extend(&[0x48, 0x83, modrm, byte.cast_unsigned()]),
        Err(_) => {
            new.extend(&[0x48, 0x81, modrm]);
            new.extend(&bytes.to_le_bytes());
        }
    }
}

/// When an instruction concerns the frame.
#[derive(Clone, Copy)]
enum Concern {
    None,
    Any,
    /// If ModRM names one of the two pointers.
    IfNamed,
}

/// By opcode.
static CONCERN: [Concern; 256] = {
    let mut concern = [Concern::None; 256];
    let mut opcode = 0;
    while opcode < 256 {
        concern[opcode] = match (opcode, written(opcode as u8)) {
            // What leaves the function, and calls.
            (0xc2 | 0xc3 | 0xe8 | 0xe9 | 0xeb | 0xff, _) => Concern::Any,
            (_, Written::Neither) => Concern::None,
            (
                _,
                Written::Register
                | Written::Operand
                | Written::Both
                | Written::OperandUnlessGroup(_),
            ) => Concern::IfNamed,
            (_, Written::Always | Written::OfOpcode | Written::IfGroup(_)) => Concern::Any,
        };
        opcode += 1;
    }
    concern
};

/// Whether control does not go on behind it.
fn leaves(instruction: &Instruction) -> bool {
    match instruction.map {
        Map::OneByte => match instruction.opcode {
            0xc2 | 0xc3 | 0xe9 | 0xeb => true,
            0xff => instruction.register_field() == Some(4),
            _ => false,
        },
        Map::Two => instruction.opcode == 0x0b,
        _ => false,
    }
}

fn is_call(instruction: &Instruction) -> bool {
    instruction.map == Map::OneByte
        && (instruction.opcode == 0xe8
            || instruction.opcode == 0xff && instruction.register_field() == Some(2))
}

fn is_condition(instruction: &Instruction) -> bool {
    match instruction.map {
        Map::OneByte => matches!(instruction.opcode, 0x70..=0x7f),
        Map::Two => matches!(instruction.opcode, 0x80..=0x8f),
        _ => false,
    }
}

/// Whether it is a subtraction from the stack pointer or an addition to it, and of how much.
fn stack_pointer_sum(instruction: &Instruction, code: &[u8]) -> Option<(bool, u32)> {
    let (modrm, _) = instruction.modrm?;
    let is_sub = match modrm {
        0xec => true,
        0xc4 => false,
        _ => return None,
    };
    let is_wide = instruction.rex.is_some_and(|(rex, _)| rex == 0x48);
    if instruction.map != Map::OneByte || !is_wide {
        return None;
    }
    let at = instruction.immediate_at();
    let bytes = match instruction.opcode {
        0x83 => i32::from(code[at].cast_signed()),
        0x81 => number(code, at),
        _ => return None,
    };
    Some((is_sub, u32::try_from(bytes).ok()?))
}

/// What an instruction writes that may be the stack pointer or the frame pointer.
#[derive(Clone, Copy)]
enum Written {
    Neither,
    /// One of them, whatever its operands are.
    Always,
    /// The register that ModRM names first.
    Register,
    /// What ModRM names otherwise.
    Operand,
    Both,
    /// That of the opcode.
    OfOpcode,
    /// The stack pointer, if it is this one of a group.
    IfGroup(u8),
    /// As [`Written::Operand`], but for this one of a group.
    OperandUnlessGroup(u8),
}

const fn written(opcode: u8) -> Written {
    match opcode {
        0x50..=0x5f | 0x68 | 0x6a | 0x8f | 0x9c | 0x9d | 0xc8 | 0xc9 => Written::Always,
        0xff => Written::IfGroup(6),
        0x01 | 0x09 | 0x11 | 0x19 | 0x21 | 0x29 | 0x31 | 0x89 | 0xc1 | 0xc7 | 0xd1 | 0xd3
        | 0xf7 => Written::Operand,
        0x03 | 0x0b | 0x13 | 0x1b | 0x23 | 0x2b | 0x33 | 0x63 | 0x69 | 0x6b | 0x8b | 0x8d => {
            Written::Register
        }
        // All of the group but `cmp` write.
        0x81 | 0x83 => Written::OperandUnlessGroup(7),
        0x87 => Written::Both,
        0x90..=0x97 | 0xb8..=0xbf => Written::OfOpcode,
        _ => Written::Neither,
    }
}

/// Whether it may write the stack pointer or the frame pointer. Neither is ever given to a value, so
/// that few instructions are about them.
fn changes_pointers(instruction: &Instruction) -> bool {
    if instruction.map != Map::OneByte {
        return false;
    }
    let is_one = |register: u8| register == RSP || register == RBP;
    let of_register =
        || instruction.register_field().is_some_and(is_one) && !instruction.has_rex(REX_R);
    let of_operand = || {
        let names = |(byte, _): (u8, u8)| byte >> 6 == 3 && is_one(byte & 7);
        instruction.modrm.is_some_and(names) && !instruction.has_rex(REX_B)
    };
    match written(instruction.opcode) {
        Written::Neither => false,
        Written::Always => true,
        Written::Register => of_register(),
        Written::Operand => of_operand(),
        Written::Both => of_register() || of_operand(),
        Written::OfOpcode => is_one(instruction.opcode & 7) && !instruction.has_rex(REX_B),
        Written::IfGroup(number) => instruction.register_field() == Some(number),
        Written::OperandUnlessGroup(number) => {
            of_operand() && instruction.register_field() != Some(number)
        }
    }
}
