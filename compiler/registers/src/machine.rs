//! The registers of a machine that a function can use, numbered without gaps, and sets of them.

use regalloc2::{MachineEnv, PReg, PRegSet};

/// A set of registers, a bit each.
pub type Mask = u64;

pub const NO_REGISTER: u8 = u8::MAX;

/// So many have numbers. Only RISC-V has more, and only functions that use integers, floats and
/// vectors can tell.
pub const REGISTERS_MAX: usize = 64;

/// What a function uses of a machine.
#[derive(Clone, Copy, Default)]
pub struct Used {
    /// Of which classes there are values.
    pub classes: [bool; 3],
    /// Registers that operands have to be in.
    pub fixed: PRegSet,
}

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
    pub fn of(env: &MachineEnv, used: &Used) -> Option<Machine> {
        if !env.fixed_stack_slots.is_empty() {
            return None;
        }
        let mut sets = [env.preferred_regs_by_class, env.non_preferred_regs_by_class];
        for sets in &mut sets {
            for (set, is_used) in sets.iter_mut().zip(used.classes) {
                if !is_used {
                    *set = PRegSet::empty();
                }
            }
        }
        leave_out(&mut sets, used.fixed)?;
        let mut machine = Machine {
            registers: Vec::new(),
            number_of: [NO_REGISTER; PReg::NUM_INDEX],
            of_class: [0; 3],
            costly: 0,
        };
        machine.add(&sets[0]);
        let free = machine.registers.len();
        machine.add(&sets[1]);
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
                *number = self.registers.len() as u8;
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

/// Leaves so many registers out that all others can have numbers: such as no operand has to be in, of
/// the class that has most. None if that does not do.
fn leave_out(sets: &mut [[PRegSet; 3]; 2], fixed: PRegSet) -> Option<()> {
    let count = |sets: &[PRegSet; 3]| sets.map(|set| set.len() as usize);
    loop {
        let counts = [count(&sets[0]), count(&sets[1])];
        let of_class = [0, 1, 2].map(|class| counts[0][class] + counts[1][class]);
        if of_class.iter().sum::<usize>() <= REGISTERS_MAX {
            return Some(());
        }
        let class = (0..3).max_by_key(|&class| of_class[class])?;
        let kind = usize::from(counts[1][class] > counts[0][class]);
        let spare = |set: PRegSet| set.into_iter().filter(|one| !fixed.contains(*one)).last();
        let kinds = [kind, 1 - kind].into_iter();
        let mut found = kinds.filter_map(|kind| Some((kind, spare(sets[kind][class])?)));
        let (kind, register) = found.next()?;
        sets[kind][class].remove(register);
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

#[cfg(test)]
mod tests {
    use super::*;
    use regalloc2::RegClass::{Float, Int, Vector};

    /// Thirty registers of each class, a third of which are better not used.
    fn large() -> MachineEnv {
        let sets = |numbers: std::ops::Range<usize>| {
            [Int, Float, Vector].map(|class| {
                let all = numbers.clone().map(|number| PReg::new(number, class));
                all.collect::<PRegSet>()
            })
        };
        MachineEnv {
            preferred_regs_by_class: sets(0..20),
            non_preferred_regs_by_class: sets(20..30),
            scratch_by_class: [None; 3],
            fixed_stack_slots: Vec::new(),
        }
    }

    #[test]
    fn classes_without_values_have_no_numbers() {
        let used = Used {
            classes: [true, false, true],
            fixed: PRegSet::empty(),
        };
        let machine = Machine::of(&large(), &used).expect("a machine");
        let counts = machine.of_class.map(u64::count_ones);
        assert_eq!(counts, [30, 0, 30]);
        assert_eq!(machine.number(PReg::new(1, Float)), None);
    }

    #[test]
    fn what_operands_have_to_be_in_has_a_number() {
        let fixed = [
            PReg::new(19, Int),
            PReg::new(29, Float),
            PReg::new(25, Vector),
        ];
        let used = Used {
            classes: [true; 3],
            fixed: fixed.into_iter().collect(),
        };
        let machine = Machine::of(&large(), &used).expect("a machine");
        assert_eq!(machine.registers.len(), REGISTERS_MAX);
        assert!(fixed.iter().all(|&one| machine.number(one).is_some()));
        let counts = machine.of_class.map(u64::count_ones);
        assert!(counts.iter().all(|count| (21..=22).contains(count)));
    }

    #[test]
    fn there_may_be_too_many_that_operands_have_to_be_in() {
        let env = large();
        let used = Used {
            classes: [true; 3],
            fixed: PRegSet::from(&env),
        };
        assert!(Machine::of(&env, &used).is_none());
    }
}
