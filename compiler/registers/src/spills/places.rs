//! Registers and slots as the passes number them, and moves between them.

use crate::machine::{Mask, REGISTERS_MAX};
use regalloc2::{
    Allocation, Edit, Function, Inst, MachineEnv, OperandKind, Output, PReg, PRegSet, ProgPoint,
};

/// The allocatable registers that moves read or write, numbered without gaps. Of others nothing needs
/// to be known.
pub(super) struct Registers {
    number_of: [u8; PReg::NUM_INDEX],
    pub(super) registers: Vec<PReg>,
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
        let allocatable = PRegSet::from(env);
        let followed = (moved & allocatable).into_iter().take(REGISTERS_MAX);
        let registers: Vec<PReg> = followed.collect();
        let mut number_of = [NO_REGISTER; PReg::NUM_INDEX];
        for (number, register) in registers.iter().enumerate() {
            number_of[register.index()] = number as u8;
        }
        Registers {
            number_of,
            registers,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.registers.len()
    }

    /// A set of the one, or of none if it is not a register that is followed.
    pub(super) fn bit(&self, allocation: Allocation) -> Mask {
        match place(allocation, self) {
            Place::Register(register) => 1 << register,
            Place::Slot(_) | Place::Elsewhere => 0,
        }
    }

    /// The sets of what an instruction reads and of what it writes.
    pub(super) fn used(&self, func: &dyn Function, output: &Output, inst: Inst) -> (Mask, Mask) {
        let clobbers = func.inst_clobbers(inst).into_iter();
        let (mut read, mut written) = (0, 0);
        for register in clobbers.filter_map(|register| self.number(register)) {
            written |= 1 << register;
        }
        let operands = func.inst_operands(inst).iter();
        for (operand, &allocation) in operands.zip(output.inst_allocs(inst)) {
            match operand.kind() {
                OperandKind::Use => read |= self.bit(allocation),
                OperandKind::Def => written |= self.bit(allocation),
            }
        }
        (read, written)
    }

    /// None if it is not one of them: nothing is ever known of it.
    pub(super) fn number(&self, register: PReg) -> Option<usize> {
        let number = self.number_of[register.index()];
        (number != NO_REGISTER).then_some(usize::from(number))
    }
}

/// Where a move begins or ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// A number of [`Registers`].
    Register(usize),
    Slot(u16),
    Elsewhere,
}

pub(super) fn place(allocation: Allocation, registers: &Registers) -> Place {
    if let Some(register) = allocation.as_reg() {
        registers
            .number(register)
            .map_or(Place::Elsewhere, Place::Register)
    } else if let Some(slot) = allocation.as_stack() {
        Place::Slot(slot.index() as u16)
    } else {
        Place::Elsewhere
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
