//! Reads a function's code: what can be shorter, and what tells distances.

use super::edits::{Edit, Edits, New, Short};
use super::encoding::shorter;
use super::frame::Frame;
use super::instruction::{Instruction, Map, number};
use super::loaded_call::LoadedAddress;
use super::table_jump::{INSTRUCTIONS_MAX, TableJump};
use super::ways::Ways;
use crate::emit::portable::PortableCode;

/// Four bytes that say how far a place is from another.
#[derive(Clone, Copy, Debug)]
pub struct Distance {
    pub at: u32,
    pub from: u32,
    pub to: u32,
}

/// Four bytes that are the address of a place.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    /// They are behind a place of the code as it was, in what replaces it.
    pub start: u32,
    pub behind: u32,
    pub to: u32,
}

/// What a function's code consists of.
#[derive(Default)]
pub struct Contents {
    pub edits: Edits,
    pub distances: Vec<Distance>,
    pub addresses: Vec<Address>,
    /// Where its instructions end.
    pub code_end: u32,
    /// Where its constants begin, aligned; its end, if there are none.
    pub data: u32,
    pub end: u32,
    /// Where blocks begin, ascending.
    pub blocks: Vec<u32>,
    pub ways: Ways,
    /// Where tables of addresses begin, ascending.
    pub tables: Vec<u32>,
    /// What addresses have been taken of; only of jump tables.
    taken: Vec<u32>,
    /// Where the last instructions are that follow each other.
    recent: Vec<u32>,
    /// By the last instruction.
    loaded: Option<LoadedAddress>,
    holds_addresses: bool,
}

/// What constants are aligned to.
pub const ALIGNMENT: u32 = 16;
/// Of a conditional branch that is far.
const BRANCH_BYTES: u32 = 6;
/// The condition of `jae`.
const ABOVE_OR_EQUAL: u8 = 3;

impl Contents {
    /// Whether all of the code is understood. Blocks begin at `blocks`.
    pub fn read(&mut self, code: &PortableCode, blocks: &[u32], holds_addresses: bool) -> bool {
        self.holds_addresses = holds_addresses;
        self.edits.clear();
        self.addresses.clear();
        self.recent.clear();
        self.loaded = None;
        self.distances.clear();
        self.taken.clear();
        self.ways.clear();
        self.tables.clear();
        self.blocks.clear();
        self.blocks.extend_from_slice(blocks);
        self.blocks.sort_unstable();
        self.read_all(code).is_some()
    }

    fn read_all(&mut self, code: &PortableCode) -> Option<()> {
        let bytes = &code.bytes[..];
        self.end = u32::try_from(bytes.len()).ok()?;
        self.data = self.end;
        if !code.relocs.is_sorted_by_key(|reloc| reloc.offset) {
            return None;
        }
        let mut relocs = code.relocs.iter().map(|reloc| reloc.offset).peekable();
        let mut frame = Frame::new(bytes);
        let mut at = frame.entry_bytes();
        while at < self.data {
            let rest = &bytes[at as usize..self.data as usize];
            if rest.len() < ALIGNMENT as usize && rest.iter().all(|&byte| byte == 0) {
                // Constants follow.
                break;
            }
            let instruction = Instruction::decode(rest)?;
            let end = at + u32::from(instruction.bytes);
            self.ways.enter(at, &self.blocks);
            let is_relocated = relocs.next_if(|&reloc| reloc < end).is_some();
            if let Some(sequence) = frame.pass(&instruction, bytes, at) {
                let list = &mut self.edits.list;
                while list.pop_if(|edit| edit.start >= sequence.start).is_some() {}
                if let Some(new) = sequence.new {
                    list.push(Edit {
                        start: sequence.start,
                        end: sequence.end,
                        new: New::Bytes(new),
                    });
                }
                at = sequence.end;
                self.recent.clear();
                self.loaded = None;
                continue;
            }
            self.ways.pass(&instruction);
            let loaded = self.loaded.take();
            if !is_relocated {
                self.read_one(&instruction, rest, at, &frame)?;
                self.loaded = LoadedAddress::read(&instruction, rest, at);
            }
            if let Some(loaded) = loaded
                && loaded.is_called_by(&instruction)
                && self.blocks.binary_search(&at).is_err()
            {
                let list = &mut self.edits.list;
                while list.pop_if(|edit| edit.start >= loaded.start).is_some() {}
                list.push(Edit {
                    start: loaded.start,
                    end,
                    new: New::Bytes(loaded.call),
                });
            }
            self.note_recent(at);
            at = match is_table_jump(&instruction) && self.taken.last() == Some(&end) {
                true => self.read_table(bytes, end)?,
                false => end,
            };
        }
        self.code_end = at;
        // An address of something else.
        if !self.taken.is_empty() || relocs.next().is_some_and(|reloc| reloc >= self.data) {
            return None;
        }
        if !frame.is_known {
            let of_frame = |edit: &Edit| matches!(edit.new, New::Bytes(new) if new.is_of_frame);
            self.edits.list.retain(|edit| !of_frame(edit));
        }
        Some(())
    }

    fn read_one(
        &mut self,
        instruction: &Instruction,
        code: &[u8],
        at: u32,
        frame: &Frame,
    ) -> Option<()> {
        let end = at + u32::from(instruction.bytes);
        let place = |distance: i32| end.checked_add_signed(distance);
        let mut branch = |condition, distance: i32| {
            let target = place(distance)?;
            self.ways.branch(target);
            self.edits.list.push(Edit {
                start: at,
                end,
                new: New::Branch {
                    target,
                    condition,
                    is_near: true,
                },
            });
            Some(())
        };
        let immediate = instruction.immediate_at();
        let near = || i32::from(code[immediate].cast_signed());
        match (instruction.map, instruction.opcode) {
            (Map::OneByte, opcode @ 0x70..=0x7f) => branch(Some(opcode & 15), near())?,
            (Map::OneByte, 0xeb) => branch(None, near())?,
            // Counting loops, which have no far form.
            (Map::OneByte, 0xe0..=0xe3) => return None,
            (Map::OneByte, 0xe9) => branch(None, number(code, immediate))?,
            (Map::Two, opcode @ 0x80..=0x8f) => {
                branch(Some(opcode & 15), number(code, immediate))?;
            }
            (Map::OneByte, 0xe8) => self.distances.push(Distance {
                at: at + 1,
                from: end,
                to: place(number(code, immediate))?,
            }),
            _ if instruction.is_relative() => {
                let to = place(instruction.displacement(code))?;
                self.distances.push(Distance {
                    at: at + u32::try_from(instruction.displacement_at()).ok()?,
                    from: end,
                    to,
                });
                if instruction.map == Map::OneByte && instruction.opcode == 0x8d {
                    self.taken.push(to);
                } else if to < end {
                    return None;
                } else {
                    self.data = self.data.min(to);
                }
            }
            _ => {
                if let Some(new) = shorter(instruction, code, frame) {
                    self.edits.list.push(Edit {
                        start: at,
                        end,
                        new: New::Bytes(new),
                    });
                }
            }
        }
        Some(())
    }

    /// Reads a jump table, up to where the next block begins.
    fn read_table(&mut self, bytes: &[u8], start: u32) -> Option<u32> {
        self.taken.pop();
        let next = self.blocks.partition_point(|&block| block < start);
        let end = *self.blocks.get(next)?;
        if !(end - start).is_multiple_of(4) || end > self.data {
            return None;
        }
        let target = |at: u32| start.checked_add_signed(number(bytes, at as usize));
        let jump = TableJump::find(bytes, &self.recent, start, &self.blocks)
            .filter(|_| self.holds_addresses && end > start);
        self.recent.clear();
        self.tables.push(start);
        for at in (start..end).step_by(4) {
            self.ways.branch(target(at)?);
        }
        if let Some(jump) = jump
            && self.replace(&jump, start, target(end - 4)?).is_some()
        {
            for at in (start..end).step_by(4) {
                self.addresses.push(Address {
                    start: at,
                    behind: 0,
                    to: target(at)?,
                });
            }
            return Some(end);
        }
        for at in (start..end).step_by(4) {
            self.distances.push(Distance {
                at,
                from: start,
                to: target(at)?,
            });
        }
        Some(end)
    }

    /// Puts a comparison, a branch to `default` and a jump in the place of a sequence that ends at `end`;
    /// nothing if they are longer.
    fn replace(&mut self, jump: &TableJump, end: u32, default: u32) -> Option<()> {
        let length = |short: &Short| u32::try_from(short.bytes().len()).expect("a few bytes");
        let branch_at = jump.start + length(&jump.compare);
        let jump_at = branch_at + BRANCH_BYTES;
        if jump_at + length(&jump.jump) > end {
            return None;
        }
        let list = &mut self.edits.list;
        while list.pop_if(|edit| edit.start >= jump.start).is_some() {}
        // That of the table from the instruction that takes its address.
        self.distances.pop();
        let edit = |start, end, new| Edit { start, end, new };
        list.push(edit(jump.start, branch_at, New::Bytes(jump.compare)));
        list.push(edit(
            branch_at,
            jump_at,
            New::Branch {
                target: default,
                condition: Some(ABOVE_OR_EQUAL),
                is_near: true,
            },
        ));
        list.push(edit(jump_at, end, New::Bytes(jump.jump)));
        self.addresses.push(Address {
            start: jump_at,
            behind: jump.address_at,
            to: end,
        });
        Some(())
    }

    fn note_recent(&mut self, at: u32) {
        if self.recent.len() == 2 * INSTRUCTIONS_MAX {
            self.recent.drain(..INSTRUCTIONS_MAX);
        }
        self.recent.push(at);
    }
}

/// Whether it is `jmp` to what a register holds.
fn is_table_jump(instruction: &Instruction) -> bool {
    instruction.map == Map::OneByte
        && instruction.opcode == 0xff
        && instruction
            .modrm
            .is_some_and(|(byte, _)| byte & 0xf8 == 0xe0)
}
