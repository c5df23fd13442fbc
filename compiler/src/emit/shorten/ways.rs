//! The ways between the blocks of a function, as its code has them. Comes in: instructions, in their
//! order. Goes out: from which block to which place code goes on, by branches, tables or on its own.
//!
//! Cranelift tells of edges, too. But where it has put cold blocks behind the others, it says of blocks what
//! is so of others, and no loop is where it seems to be.

use super::instruction::{Instruction, Map};

/// Starts of blocks, and the ways between them.
#[derive(Default)]
pub struct Flow {
    pub blocks: Vec<u32>,
    pub branches: Vec<(u32, u32)>,
}

/// The ways so far, and where the reading is.
#[derive(Default)]
pub struct Ways {
    /// From the start of a block to a place, in the order of the code.
    pub list: Vec<(u32, u32)>,
    /// Where the block begins that is being read, and how many have begun.
    block: u32,
    begun: usize,
    /// Whether the last instruction goes on with the next one.
    goes_on: bool,
}

impl Ways {
    pub fn clear(&mut self) {
        self.list.clear();
        self.block = 0;
        self.begun = 0;
        self.goes_on = false;
    }

    /// An instruction begins at a place; blocks do at `blocks`, ascending.
    pub fn enter(&mut self, at: u32, blocks: &[u32]) {
        while let Some(&block) = blocks.get(self.begun).filter(|&&block| block <= at) {
            if self.goes_on && self.begun > 0 {
                self.list.push((self.block, block));
            }
            self.block = block;
            self.begun += 1;
        }
        self.goes_on = true;
    }

    /// The block may go on at a place.
    pub fn branch(&mut self, to: u32) {
        self.list.push((self.block, to));
    }

    /// Sees the instruction that has begun last.
    pub fn pass(&mut self, instruction: &Instruction) {
        let is_jump = |(byte, _): (u8, u8)| byte & 0x38 == 0x20;
        self.goes_on = match (instruction.map, instruction.opcode) {
            // `ret`, `jmp` to a place, `ud2`.
            (Map::OneByte, 0xc3 | 0xe9 | 0xeb) | (Map::Two, 0x0b) => false,
            // `jmp` to what a register or memory holds.
            (Map::OneByte, 0xff) => !instruction.modrm.is_some_and(is_jump),
            _ => true,
        };
    }
}
