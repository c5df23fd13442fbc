//! Things by number, for whoever comes back for one later and may come too late: of all numbers that
//! a place has had, only the last finds what is in it.

/// The low bits of a number are its place, the others how often that has been taken.
const PLACE_BITS: u32 = 24;

/// See the module's documentation. No number is 0.
pub struct Numbered<T> {
    places: Vec<(u64, Option<T>)>,
    free: Vec<usize>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered {
            places: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Numbered<T> {
    /// Keeps what is made for a number, which is given back.
    pub fn insert_with(&mut self, make: impl FnOnce(u64) -> T) -> u64 {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((1, None));
            self.places.len() - 1
        });
        assert!(place < 1 << PLACE_BITS, "they are fewer than 16 million");
        let (turn, kept) = &mut self.places[place];
        let number = *turn << PLACE_BITS | place as u64;
        *kept = Some(make(number));
        number
    }

    pub fn insert(&mut self, one: T) -> u64 {
        self.insert_with(|_| one)
    }

    pub fn get(&self, number: u64) -> Option<&T> {
        let (turn, kept) = self.places.get(place_of(number))?;
        kept.as_ref().filter(|_| *turn == number >> PLACE_BITS)
    }

    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let (turn, kept) = self.places.get_mut(place_of(number))?;
        kept.as_mut().filter(|_| *turn == number >> PLACE_BITS)
    }

    pub fn remove(&mut self, number: u64) -> Option<T> {
        let place = place_of(number);
        let (turn, kept) = self.places.get_mut(place)?;
        let removed = kept.take_if(|_| *turn == number >> PLACE_BITS)?;
        // Numbers of so many bits come round after months.
        *turn = (*turn + 1) & (u64::MAX >> PLACE_BITS);
        self.free.push(place);
        Some(removed)
    }

    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        let numbered = (0..).zip(&self.places);
        numbered.filter_map(|(place, (turn, kept))| {
            let number = *turn << PLACE_BITS | place;
            kept.as_ref().map(|kept| (number, kept))
        })
    }
}

fn place_of(number: u64) -> usize {
    (number & ((1 << PLACE_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_finds_what_has_got_it_and_nothing_else() {
        let mut all = Numbered::default();
        let first = all.insert("first");
        let second = all.insert_with(|number| {
            assert!(number != first && number != 0);
            "second"
        });
        assert_eq!(all.remove(first), Some("first"));
        assert_eq!((all.remove(first), all.get(first)), (None, None));
        let third = all.insert("third");
        assert!(all.get(first).is_none() && all.get_mut(first).is_none());
        assert_eq!((all.get(third), all.len()), (Some(&"third"), 2));
        *all.get_mut(second).unwrap() = "2";
        let both: Vec<(u64, &str)> = all.iter().map(|(number, one)| (number, *one)).collect();
        assert_eq!(both, [(third, "third"), (second, "2")]);
        assert_eq!(
            (all.remove(second), all.remove(third)),
            (Some("2"), Some("third"))
        );
        assert!(all.is_empty());
    }
}
