//! Registers and slots as the passes number them, and moves between them.

use crate::machine::{Mask, REGISTERS_MAX};
use crate::operands::{Operand, Operands};
use regalloc2::{Allocation, Edit, MachineEnv, Output, PReg, PRegSet, ProgPoint};

/// The allocatable registers that moves read or write, numbered without gaps. Of others nothing needs
/// to be known.
pub(super) struct Registers {
    number_of: [u8; PReg::NUM_INDEX],
    /// A set of each, or of none if it is not one of them.
    bit_of: [Mask; PReg::NUM_INDEX],
    pub(super) registers: Vec<PReg>,
    followed: PRegSet,
}

const NO_REGISTER: u8 = u8::MAX;
pub(super) const NO_SLOT: u16 = u16::MAX;

impl Registers {
    pub(super) fn of(env: &MachineEnv, edits: &[(ProgPoint, Edit)]) -> Registers {
        let mut moved = PRegSet::empty();
        for (_, Edit::Move { from, to }) in edits {
            for register in [from, to].into_iter().filter_map(|end| end.as_reg()) {
                moved.add(register);
            }
        }
        let followed = (moved & PRegSet::from(env)).into_iter();
        let registers: Vec<PReg> = followed.take(REGISTERS_MAX).collect();
        let mut number_of = [NO_REGISTER; PReg::NUM_INDEX];
        let mut bit_of = [0; PReg::NUM_INDEX];
        for (number, register) in registers.iter().enumerate() {
            number_of[register.index()] = number as u8;
            bit_of[register.index()] = 1 << number;
        }
        Registers {
            number_of,
            bit_of,
            followed: registers.iter().copied().collect(),
            registers,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.registers.len()
    }

    pub(super) fn place(&self, allocation: Allocation) -> Place {
        if let Some(register) = allocation.as_reg() {
            match self.number_of[register.index()] {
                NO_REGISTER => Place::Elsewhere,
                register => Place::Register(register),
            }
        } else if let Some(slot) = allocation.as_stack() {
            Place::Slot(slot.index() as u16)
        } else {
            Place::Elsewhere
        }
    }

    /// A set of the one, or of none if it is not a register that is followed.
    pub(super) fn bit(&self, allocation: Allocation) -> Mask {
        let register = allocation.as_reg();
        register.map_or(0, |register| self.bit_of[register.index()])
    }

    pub(super) fn mask(&self, set: PRegSet) -> Mask {
        let followed = (set & self.followed).into_iter();
        let numbers = followed.map(|register| self.number_of[register.index()]);
        numbers.fold(0, |mask, number| mask | 1 << number)
    }

    /// The sets of what an instruction reads and of what it writes.
    pub(super) fn used(
        &self,
        operands: &Operands,
        output: &Output,
        inst: u32,
        clobbers: PRegSet,
    ) -> (Mask, Mask) {
        let (mut read, mut written) = (0, 0);
        if clobbers != PRegSet::empty() {
            written = self.mask(clobbers);
        }
        for (operand, allocation) in placed(operands, output, inst) {
            // What is given is in no register that is followed.
            match operand.is_use() {
                true => read |= self.bit(allocation),
                false => written |= self.bit(allocation),
            }
        }
        (read, written)
    }
}

/// The operands of an instruction, and where they are.
pub(super) fn placed<'a>(
    operands: &'a Operands,
    output: &'a Output,
    inst: u32,
) -> impl Iterator<Item = (Operand, Allocation)> + 'a {
    let range = operands.range(inst);
    let allocations = &output.allocs[range.clone()];
    let operands = &operands.all[range];
    operands.iter().copied().zip(allocations.iter().copied())
}

/// Where a move begins or ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A number of [`Registers`].
    Register(u8),
    Slot(u16),
    /// What is not followed.
    Elsewhere,
}

impl Place {
    pub(super) fn is_slot(self) -> bool {
        matches!(self, Place::Slot(_))
    }
}

/// What an edit moves.
#[derive(Clone, Copy)]
pub(super) struct Move {
    pub(super) from: Place,
    pub(super) to: Place,
    /// It is not what it was: from another register, or removed.
    is_changed: bool,
}

impl Move {
    pub(super) fn of(edit: &Edit, registers: &Registers) -> Move {
        let Edit::Move { from, to } = *edit;
        Move {
            from: registers.place(from),
            to: registers.place(to),
            is_changed: false,
        }
    }

    pub(super) fn remove(&mut self) {
        *self = Move {
            from: Place::Elsewhere,
            to: Place::Elsewhere,
            is_changed: true,
        };
    }

    pub(super) fn read_from(&mut self, register: u8) {
        self.from = Place::Register(register);
        self.is_changed = true;
    }

    /// Changes the edit as the move was.
    pub(super) fn apply(self, edit: &mut (ProgPoint, Edit), registers: &Registers) {
        let Edit::Move { to, .. } = edit.1;
        match self.from {
            _ if !self.is_changed => {}
            Place::Register(register) => {
                let from = Allocation::reg(registers.registers[usize::from(register)]);
                edit.1 = Edit::Move { from, to };
            }
            Place::Slot(_) | Place::Elsewhere => remove(edit),
        }
    }
}

/// Takes a move out; its place in the list stays until the end.
pub(super) fn remove(edit: &mut (ProgPoint, Edit)) {
    edit.1 = Edit::Move {
        from: Allocation::none(),
        to: Allocation::none(),
    };
}

pub(super) fn is_removed(edit: &Edit) -> bool {
    let Edit::Move { from, .. } = edit;
    from.is_none()
}
