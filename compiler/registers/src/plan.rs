//! What one instruction does with registers.

use crate::machine::{Mask, NO_REGISTER};
use crate::operands::Operand;

/// What an instruction does with registers.
#[derive(Clone, Copy, Default)]
pub struct Plan {
    pub inst: u32,
    /// The number of its first operand.
    pub base: usize,
    /// Fixed operands that are read, or written early.
    pub fixed_early: Mask,
    /// Fixed definitions and clobbers.
    pub overwritten: Mask,
    /// Fixed operands that are read late.
    pub fixed_late: Mask,
    /// Registers of operands that are read.
    pub pinned: Mask,
    pub pinned_late: Mask,
    /// Registers of definitions.
    pub taken: Mask,
    /// Operands whose register a definition takes over.
    pub tied: u64,
}

impl Plan {
    /// Registers that nothing that outlives the instruction can be in.
    pub fn claimed(&self) -> Mask {
        self.fixed_early | self.overwritten | self.fixed_late
    }

    /// Operands behind the first thirty-two cannot be named by others.
    pub fn is_tied(&self, place: usize) -> bool {
        place < 64 && self.tied & 1 << place != 0
    }

    pub fn not_late(&self) -> Mask {
        self.overwritten | self.fixed_late | self.pinned_late | self.taken
    }
}

pub fn bit(register: u8) -> Mask {
    match register {
        NO_REGISTER => 0,
        register => 1 << register,
    }
}

pub fn pin(plan: &mut Plan, operand: Operand, register: u8) {
    plan.pinned |= bit(register);
    if operand.is_late() {
        plan.pinned_late |= bit(register);
    }
}
