//! Lists of numbers, as all phases have them.

pub const NONE: u32 = u32::MAX;

pub fn reset<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    list.clear();
    list.resize(len, value);
}

/// A list for each block, or for each of something else, one behind the other.
#[derive(Default)]
pub struct Lists<T> {
    pub all: Vec<T>,
    /// From where to where each of them reaches.
    ranges: Vec<(u32, u32)>,
}

impl<T> Lists<T> {
    pub fn clear(&mut self) {
        self.all.clear();
        self.ranges.clear();
    }

    /// Ends the list of the next block.
    pub fn end(&mut self) {
        let start = self.ranges.last().map_or(0, |last| last.1);
        self.ranges.push((start, self.all.len() as u32));
    }

    /// Makes room for lists of so many items, to be added.
    pub fn fill(&mut self, counts: impl Iterator<Item = u32>)
    where
        T: Copy + Default,
    {
        self.ranges.clear();
        let mut sum = 0;
        self.ranges.extend(counts.map(|count| {
            let start = sum;
            sum += count;
            (start, start)
        }));
        self.all.resize(sum as usize, T::default());
    }

    /// Adds one for which there is room.
    pub fn add(&mut self, block: u32, item: T) {
        let (_, end) = &mut self.ranges[block as usize];
        self.all[*end as usize] = item;
        *end += 1;
    }

    pub fn of(&self, block: u32) -> &[T] {
        &self.all[self.range(block)]
    }

    pub fn range(&self, block: u32) -> std::ops::Range<usize> {
        let (start, end) = self.ranges[block as usize];
        start as usize..end as usize
    }
}
