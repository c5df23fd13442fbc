//! Moves that happen at once, made into moves one after the other.
//!
//! No two have the same target. A move whose target is no other's source can be made at once. When
//! there is none left, the rest are circles: the source of one is saved in a place that is free, and
//! read from there later. So what every move reads is what was there before all of them.

use crate::machine::{Machine, Mask};
use crate::place::{Move, Needed, Place};
use foldhash::{HashMap, HashMapExt};

/// So many moves are put in order by comparing each with each.
const FEW: usize = 40;

pub struct Parallel<'a> {
    pub machine: &'a Machine,
    /// Registers that hold nothing before and nothing afterwards, and are in none of the moves.
    pub free: Mask,
    /// Which classes need a slot for moves alone.
    pub spare: &'a mut [bool; 8],
}

/// A move to be made, of a value of this class.
#[derive(Clone, Copy)]
pub struct Wanted {
    pub from: Place,
    pub to: Place,
    pub class: u8,
    pub needed: Needed,
}

impl Parallel<'_> {
    /// Empties `wanted`. `same` makes one of places that are one.
    pub fn make(
        &mut self,
        wanted: &mut Vec<Wanted>,
        one_of: impl Fn(Place) -> Place,
        key: u64,
        moves: &mut Vec<Move>,
    ) {
        let same = |one: Place, other: Place| one_of(one) == one_of(other);
        wanted.retain(|one| !same(one.from, one.to));
        if wanted.len() > FEW {
            self.make_many(wanted, one_of, key, moves);
            return;
        }
        while !wanted.is_empty() {
            let count = wanted.len();
            let mut place = 0;
            // Loads come last: until then their targets are free.
            let is_load = |one: &Wanted| matches!(one.from, Place::Slot(_)) && is_register(one.to);
            let only_loads = wanted.iter().all(is_load);
            while place < wanted.len() {
                let one = wanted[place];
                let others = wanted.iter().enumerate();
                let mut others = others.filter(|&(other, _)| other != place);
                let is_first = only_loads
                    || !is_load(&one)
                    || wanted.iter().any(|other| same(one.from, other.to));
                if !is_first || others.any(|(_, other)| same(other.from, one.to)) {
                    place += 1;
                } else {
                    wanted.remove(place);
                    self.one(one, key, moves);
                }
            }
            if wanted.len() == count {
                self.open_circle(wanted, &same, key, moves);
            }
        }
    }

    /// The same in linear time, with loads in any order.
    fn make_many(
        &mut self,
        wanted: &mut Vec<Wanted>,
        one_of: impl Fn(Place) -> Place,
        key: u64,
        moves: &mut Vec<Move>,
    ) {
        // How many moves that are not made yet read a place, and the one that writes it.
        let mut reads: HashMap<Place, u32> = HashMap::new();
        let mut writer: HashMap<Place, usize> = HashMap::new();
        for (number, one) in wanted.iter().enumerate() {
            *reads.entry(one_of(one.from)).or_default() += 1;
            writer.insert(one_of(one.to), number);
        }
        let is_free = |one: &Wanted| !reads.contains_key(&one_of(one.to));
        let numbered = wanted.iter().enumerate();
        let free = numbered.filter(|(_, one)| is_free(one));
        let mut ready: Vec<usize> = free.map(|(number, _)| number).collect();
        let mut is_made = vec![false; wanted.len()];
        let mut next = 0;
        loop {
            while let Some(number) = ready.pop() {
                is_made[number] = true;
                let one = wanted[number];
                self.one(one, key, moves);
                let from = one_of(one.from);
                if let Some(left) = reads.get_mut(&from) {
                    *left -= 1;
                    if *left == 0
                        && let Some(&writer) = writer.get(&from)
                    {
                        ready.push(writer);
                    }
                }
            }
            while is_made.get(next).is_some_and(|&is_made| is_made) {
                next += 1;
            }
            if next == wanted.len() {
                break;
            }
            // What is left are circles, in which each place is read once.
            let from = wanted[next].from;
            let class = usize::from(wanted[next].class);
            let place = self.temporary(self.free & self.machine.of_class[class], class);
            let saved = Wanted {
                to: place,
                needed: Needed::Always,
                ..wanted[next]
            };
            self.one(saved, key, moves);
            wanted[next].from = place;
            ready.push(writer[&one_of(from)]);
        }
        wanted.clear();
    }

    /// A place for what would be overwritten.
    fn temporary(&mut self, free: Mask, class: usize) -> Place {
        if free == 0 {
            self.spare[class] = true;
            return Place::Spare(class as u8);
        }
        let register = free.trailing_zeros() as u8;
        self.free &= !(1 << register);
        Place::Register(register)
    }

    fn open_circle(
        &mut self,
        wanted: &mut [Wanted],
        same: &impl Fn(Place, Place) -> bool,
        key: u64,
        moves: &mut Vec<Move>,
    ) {
        let is_circle = |one: &&Wanted| !matches!(one.from, Place::Slot(_)) || !is_register(one.to);
        let first = *wanted.iter().find(is_circle).unwrap_or(&wanted[0]);
        let mut unused = self.free;
        for one in wanted.iter() {
            if let (Place::Slot(_), Place::Register(register)) = (one.from, one.to)
                && wanted.iter().all(|other| other.from != one.to)
            {
                unused |= 1 << register;
            }
        }
        let free = unused & self.machine.of_class[usize::from(first.class)];
        let place = self.temporary(free, usize::from(first.class));
        let saved = Wanted {
            to: place,
            needed: Needed::Always,
            ..first
        };
        self.one(saved, key, moves);
        for other in wanted.iter_mut() {
            if same(other.from, first.from) {
                other.from = place;
            }
        }
    }

    /// One move; from memory to memory through a register.
    fn one(&mut self, wanted: Wanted, key: u64, moves: &mut Vec<Move>) {
        let mut push = |from, to| {
            moves.push(Move {
                key,
                from,
                to,
                needed: wanted.needed,
            });
        };
        if is_register(wanted.from) || is_register(wanted.to) {
            push(wanted.from, wanted.to);
            return;
        }
        let class = self.machine.of_class[usize::from(wanted.class)];
        if self.free & class != 0 {
            let register = Place::Register((self.free & class).trailing_zeros() as u8);
            push(wanted.from, register);
            push(register, wanted.to);
            return;
        }
        // Any register will do, if it gets back what it holds. The slot for that is not the one
        // that keeps a circle open.
        let spare = Place::Spare(wanted.class | 4);
        self.spare[usize::from(wanted.class | 4)] = true;
        let register = Place::Register(class.trailing_zeros() as u8);
        push(register, spare);
        push(wanted.from, register);
        push(register, wanted.to);
        push(spare, register);
    }
}

fn is_register(place: Place) -> bool {
    matches!(place, Place::Register(_))
}
