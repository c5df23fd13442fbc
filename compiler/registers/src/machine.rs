//! The registers of a machine, numbered without gaps, and sets of them.

use regalloc2::{MachineEnv, PReg, PRegSet};

/// A set of registers, a bit each.
pub type Mask = u128;

pub const NO_REGISTER: u8 = u8::MAX;

/// More than any processor has.
const REGISTERS_MAX: usize = 128;

pub struct Machine {
    /// By number: those first that are best used first.
    pub registers: Vec<PReg>,
    number_of: [u8; PReg::NUM_INDEX],
    /// Those of each class.
    pub of_class: [Mask; 3],
    /// Those that cost something when they are first used, since whoever calls wants them back.
    pub costly: Mask,
}

impl Machine {
    /// None if there is anything that is not provided for.
    pub fn of(env: &MachineEnv) -> Option<Machine> {
        if !env.fixed_stack_slots.is_empty() {
            return None;
        }
        let mut machine = Machine {
            registers: Vec::new(),
            number_of: [NO_REGISTER; PReg::NUM_INDEX],
            of_class: [0; 3],
            costly: 0,
        };
        machine.add(&env.preferred_regs_by_class);
        let free = machine.registers.len();
        machine.add(&env.non_preferred_regs_by_class);
        if machine.registers.len() > REGISTERS_MAX {
            return None;
        }
        for (number, register) in machine.registers.iter().enumerate() {
            machine.of_class[register.class() as usize] |= 1 << number;
            // What of others is kept over calls is not known, or so little that it does not count.
            if number >= free && register.class() as usize == 0 {
                machine.costly |= 1 << number;
            }
        }
        Some(machine)
    }

    fn add(&mut self, sets: &[PRegSet; 3]) {
        for register in sets.iter().flat_map(|&set| set) {
            let number = &mut self.number_of[register.index()];
            if *number == NO_REGISTER {
                *number = self.registers.len().min(REGISTERS_MAX) as u8;
                self.registers.push(register);
            }
        }
    }

    /// None if it may not be allocated.
    pub fn number(&self, register: PReg) -> Option<u8> {
        let number = self.number_of[register.index()];
        (number != NO_REGISTER).then_some(number)
    }

    pub fn mask(&self, set: PRegSet) -> Mask {
        let numbers = set.into_iter().filter_map(|register| self.number(register));
        numbers.fold(0, |mask, number| mask | 1 << number)
    }

    /// Those of a class that an operand with a limit may be in.
    pub fn below(&self, limit: usize) -> Mask {
        let numbered = self.registers.iter().enumerate();
        let small = numbered.filter(|(_, register)| register.hw_enc() < limit);
        small.fold(0, |mask, (number, _)| mask | 1 << number)
    }
}

/// The numbers in a set, the smallest first.
pub fn each(mut mask: Mask) -> impl Iterator<Item = u8> {
    std::iter::from_fn(move || {
        let number = (mask != 0).then(|| mask.trailing_zeros() as u8)?;
        mask &= mask - 1;
        Some(number)
    })
}
