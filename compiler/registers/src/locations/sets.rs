//! Sets of values, each of which is there once; and sets of small numbers.

use foldhash::{HashMap, HashMapExt};

/// By number: 0 is the empty one, and `1 + value` that of a single value.
pub(super) struct Sets {
    members: Vec<u32>,
    /// Where those of each set begin and end.
    bounds: Vec<(u32, u32)>,
    /// Those of several.
    numbers: HashMap<Box<[u32]>, u32>,
}

pub(super) const EMPTY: u32 = 0;

pub(super) const fn single(value: u32) -> u32 {
    value + 1
}

impl Sets {
    pub(super) fn new(values: usize) -> Sets {
        let values = u32::try_from(values).expect("fewer than instructions");
        let bounds = (0..values).map(|value| (value, value + 1));
        Sets {
            members: (0..values).collect(),
            bounds: std::iter::once((0, 0)).chain(bounds).collect(),
            numbers: HashMap::new(),
        }
    }

    /// Ascending.
    pub(super) fn members(&self, set: u32) -> &[u32] {
        let (start, end) = self.bounds[set as usize];
        &self.members[start as usize..end as usize]
    }

    /// The set of these values, which need not be in order.
    pub(super) fn of(&mut self, values: &mut Vec<u32>) -> u32 {
        values.sort_unstable();
        values.dedup();
        match **values {
            [] => return EMPTY,
            [value] => return single(value),
            _ => {}
        }
        if let Some(&set) = self.numbers.get(&**values) {
            return set;
        }
        let set = number(self.bounds.len());
        let start = number(self.members.len());
        self.members.extend_from_slice(values);
        self.bounds.push((start, number(self.members.len())));
        self.numbers.insert(Box::from(&**values), set);
        set
    }

    /// What two sets have both.
    pub(super) fn common(&mut self, left: u32, right: u32) -> u32 {
        if left == right || left == EMPTY || right == EMPTY {
            return if left == right { left } else { EMPTY };
        }
        let (few, many) = (self.members(left), self.members(right));
        // Mostly one of them is a single value.
        match (few, many) {
            ([value], many) if many.binary_search(value).is_ok() => return left,
            (few, [value]) if few.binary_search(value).is_ok() => return right,
            ([_], _) | (_, [_]) => return EMPTY,
            _ => {}
        }
        let both = few.iter().copied();
        let mut both: Vec<u32> = both.filter(|v| many.binary_search(v).is_ok()).collect();
        self.of(&mut both)
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("as many as steps at most")
}

/// A set of small numbers, a bit each.
#[derive(Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    pub(super) fn new(numbers: usize) -> Bits {
        Bits(vec![0; numbers.div_ceil(64)])
    }

    pub(super) fn set(&mut self, number: u32, is_in: bool) {
        let word = &mut self.0[number as usize / 64];
        let bit = 1 << (number % 64);
        match is_in {
            true => *word |= bit,
            false => *word &= !bit,
        }
    }

    pub(super) fn insert(&mut self, number: u32) {
        self.0[number as usize / 64] |= 1 << (number % 64);
    }

    pub(super) fn len(&self) -> usize {
        let words = self.0.iter();
        words.map(|bits| bits.count_ones() as usize).sum()
    }

    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// Calls `with` for each, ascending.
    pub(super) fn each(&self, mut with: impl FnMut(u32)) {
        for (word, &bits) in self.0.iter().enumerate() {
            each(word, bits, &mut with);
        }
    }

    /// Calls `with` for each that is in another one too, ascending.
    pub(super) fn each_of_both(&self, other: &Bits, mut with: impl FnMut(u32)) {
        for (word, (here, there)) in self.0.iter().zip(&other.0).enumerate() {
            each(word, here & there, &mut with);
        }
    }

    /// Calls `with` for each that is in another one too, ascending: it is in that alone then.
    pub(super) fn take_both(&mut self, other: &Bits, mut with: impl FnMut(u32)) {
        for (word, (here, there)) in self.0.iter_mut().zip(&other.0).enumerate() {
            each(word, *here & there, &mut with);
            *here &= !there;
        }
    }

    /// The smallest one, which is in it no longer.
    pub(super) fn take_first(&mut self) -> Option<u32> {
        let word = self.0.iter().position(|&bits| bits != 0)?;
        let bits = &mut self.0[word];
        let first = number(64 * word) + bits.trailing_zeros();
        *bits &= *bits - 1;
        Some(first)
    }
}

fn each(word: usize, mut bits: u64, with: &mut impl FnMut(u32)) {
    let first = number(64 * word);
    while bits != 0 {
        with(first + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::{Bits, EMPTY, Sets, single};

    #[test]
    fn equal_sets_are_one() {
        let mut sets = Sets::new(10);
        let several = sets.of(&mut vec![7, 3, 5, 3]);
        assert_eq!(sets.of(&mut vec![5, 7, 3]), several);
        assert_eq!(sets.members(several), [3, 5, 7]);
        assert_eq!(sets.of(&mut vec![4, 4]), single(4));
        assert_eq!(sets.of(&mut Vec::new()), EMPTY);
        assert_eq!(sets.common(several, single(5)), single(5));
        assert_eq!(sets.common(several, single(4)), EMPTY);
        let other = sets.of(&mut vec![7, 8, 3]);
        let both = sets.common(several, other);
        assert_eq!(sets.members(both), [3, 7]);
    }

    #[test]
    fn bits_are_in_order() {
        let mut bits = Bits::new(200);
        for number in [199, 3, 64, 63] {
            bits.set(number, true);
        }
        bits.set(64, false);
        let all = |bits: &Bits| {
            let mut all = Vec::new();
            bits.each(|number| all.push(number));
            all
        };
        assert_eq!(all(&bits), [3, 63, 199]);
        assert_eq!(bits.len(), 3);
        let mut other = Bits::new(64);
        other.insert(63);
        bits.each_of_both(&other, |number| assert_eq!(number, 63));
        assert_eq!(bits.take_first(), Some(3));
        assert_eq!(all(&bits), [63, 199]);
        bits.take_both(&other, |number| assert_eq!(number, 63));
        assert_eq!(all(&bits), [199]);
    }
}
