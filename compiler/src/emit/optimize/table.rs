//! What has been made already, found by a hash of what it is made of. Comes in: hashes, and entries that
//! tell what they are. Goes out: the entry that is the same, or none. An entry is added, or takes the
//! place of one; none is taken out.
//!
//! Half of the places are free, so a search is short; hashes differ from run to run, so that no input can
//! be made of which they are the same.

/// Entries, and where they are to be looked for.
pub(super) struct Table<E> {
    /// Positions of entries plus one, by the lower bits of their hash; 0 is a free place.
    places: Vec<u32>,
    entries: Vec<(u32, E)>,
}

/// Where an entry would be.
pub(super) struct Free(usize);

const PLACES_MIN: usize = 64;

/// As much of a hash as a table asks for. The upper half is as good as any.
pub(super) fn truncated(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl<E> Default for Table<E> {
    fn default() -> Table<E> {
        Table {
            places: Vec::new(),
            entries: Vec::new(),
        }
    }
}

impl<E> Table<E> {
    /// Forgets all entries. There will be `count` of them, or some more.
    pub(super) fn clear(&mut self, count: usize) {
        self.entries.clear();
        self.places.clear();
        let places = (2 * count).next_power_of_two().max(PLACES_MIN);
        self.places.resize(places, 0);
    }

    /// The entry of this hash that is the same, or where it would be.
    pub(super) fn find(
        &mut self,
        hash: u32,
        mut is_same: impl FnMut(&E) -> bool,
    ) -> Result<&mut E, Free> {
        let mask = self.places.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let Some(position) = self.places[at].checked_sub(1) else {
                return Err(Free(at));
            };
            let (other, entry) = &self.entries[position as usize];
            if *other == hash && is_same(entry) {
                return Ok(&mut self.entries[position as usize].1);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds an entry where nothing has been added since it was looked for.
    pub(super) fn add(&mut self, free: Free, hash: u32, entry: E) {
        self.entries.push((hash, entry));
        let position = u32::try_from(self.entries.len()).expect("fewer than values");
        self.places[free.0] = position;
        if self.entries.len() * 2 > self.places.len() {
            self.grow();
        }
    }

    fn grow(&mut self) {
        let places = self.places.len() * 2;
        self.places.clear();
        self.places.resize(places, 0);
        for (position, (hash, _)) in (1..).zip(&self.entries) {
            let mut at = *hash as usize & (places - 1);
            while self.places[at] != 0 {
                at = (at + 1) & (places - 1);
            }
            self.places[at] = position;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_found_again_also_where_their_hashes_are_the_same() {
        let mut table = Table::default();
        table.clear(3);
        for round in 0..2 {
            for number in 0..1000_u32 {
                let hash = number % 7 * 0x1_0000 + number % 3;
                match table.find(hash, |&entry| entry == number) {
                    Ok(_) => assert_eq!(round, 1, "{number}"),
                    Err(free) => {
                        assert_eq!(round, 0, "{number}");
                        table.add(free, hash, number);
                    }
                }
            }
        }
        *table
            .find(0, |&entry| entry == 0)
            .ok()
            .expect("it is there") = 5000;
        assert!(table.find(0, |&entry| entry == 0).is_err());
        assert!(table.find(0, |&entry| entry == 5000).is_ok());
        table.clear(0);
        assert!(table.find(0, |&entry| entry == 5000).is_err());
    }
}
