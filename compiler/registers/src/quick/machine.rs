//! The registers of a machine, and sets of them: a mask for each class, in which the bit of a register
//! is its number on the machine.

use regalloc2::{MachineEnv, PReg, PRegSet, RegClass};
use std::ops::{BitAnd, BitOr, Index, IndexMut, Not};

/// A set of registers. The fourth mask is for nothing, so that the class of any register has one.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Masks(pub [u64; 4]);

impl Masks {
    pub fn of(set: PRegSet) -> Masks {
        let mut masks = Masks::default();
        for register in set {
            masks.add(register.index() as u8);
        }
        masks
    }

    #[inline]
    pub fn add(&mut self, register: u8) {
        self.0[usize::from(register >> 6)] |= 1 << (register & 63);
    }

    #[inline]
    pub fn remove(&mut self, register: u8) {
        self.0[usize::from(register >> 6)] &= !(1 << (register & 63));
    }

    #[inline]
    pub fn has(&self, register: u8) -> bool {
        self.0[usize::from(register >> 6)] >> (register & 63) & 1 != 0
    }

    /// Every register in it.
    pub fn each(self) -> Each {
        Each {
            left: self.0,
            class: 0,
        }
    }
}

/// The registers in a set, class by class.
pub struct Each {
    left: [u64; 4],
    class: u8,
}

impl Iterator for Each {
    type Item = u8;

    #[inline]
    fn next(&mut self) -> Option<u8> {
        loop {
            let left = self.left.get_mut(usize::from(self.class))?;
            if *left != 0 {
                let number = left.trailing_zeros() as u8;
                *left &= *left - 1;
                return Some(self.class << 6 | number);
            }
            self.class += 1;
        }
    }
}

impl BitAnd for Masks {
    type Output = Masks;

    fn bitand(self, other: Masks) -> Masks {
        Masks(std::array::from_fn(|class| self.0[class] & other.0[class]))
    }
}

impl BitOr for Masks {
    type Output = Masks;

    fn bitor(self, other: Masks) -> Masks {
        Masks(std::array::from_fn(|class| self.0[class] | other.0[class]))
    }
}

impl Not for Masks {
    type Output = Masks;

    fn not(self) -> Masks {
        Masks(self.0.map(|mask| !mask))
    }
}

impl Index<RegClass> for Masks {
    type Output = u64;

    #[inline]
    fn index(&self, class: RegClass) -> &u64 {
        &self.0[class as usize]
    }
}

impl IndexMut<RegClass> for Masks {
    #[inline]
    fn index_mut(&mut self, class: RegClass) -> &mut u64 {
        &mut self.0[class as usize]
    }
}

/// So many sets of clobbers are remembered.
const SETS: usize = 8;

#[derive(Default)]
pub struct Machine {
    sets: [PRegSet; 6],
    /// Those that may be allocated.
    pub all: Masks,
    /// Those that cost nothing when they are first used.
    pub preferred: Masks,
    clobbers: Vec<(PRegSet, Masks)>,
    /// The one that the next is put in place of.
    oldest: usize,
}

impl Machine {
    /// Reads which registers there are, unless that is known.
    pub fn read(&mut self, env: &MachineEnv) {
        let [a, b, c] = env.preferred_regs_by_class;
        let [d, e, f] = env.non_preferred_regs_by_class;
        let sets = [a, b, c, d, e, f];
        if sets == self.sets {
            return;
        }
        self.sets = sets;
        let masks = sets.map(Masks::of);
        self.preferred = masks[0] | masks[1] | masks[2];
        self.all = self.preferred | masks[3] | masks[4] | masks[5];
    }

    /// The masks of a set of clobbers. There are few different ones.
    pub fn masks(&mut self, set: PRegSet) -> Masks {
        if let Some((_, masks)) = self.clobbers.iter().find(|(other, _)| *other == set) {
            return *masks;
        }
        let new = (set, Masks::of(set));
        if self.clobbers.len() < SETS {
            self.clobbers.push(new);
        } else {
            self.clobbers[self.oldest] = new;
            self.oldest = (self.oldest + 1) % SETS;
        }
        new.1
    }
}

pub fn register(number: u8) -> PReg {
    PReg::from_index(usize::from(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_sets_of_clobbers_each_has_its_own_masks() {
        let mut machine = Machine::default();
        for round in 0..3 {
            for number in 0..3 * SETS {
                // Some come again before others are in their place.
                let number = if round == 1 { number / 2 } else { number };
                let register = register(number as u8);
                let mut expected = Masks::default();
                expected.add(number as u8);
                let set = PRegSet::empty().with(register);
                assert_eq!(machine.masks(set), expected);
            }
        }
        assert_eq!(machine.clobbers.len(), SETS);
    }
}
