//! Resources of the program that the embedder has: what its handles stand for.
//!
//! A handle is a place and how often the place has been used, so that one that has been given back
//! is not taken for another for a long time. 0 is none.

/// Bits of a handle that are the place, plus 1; those above count.
const PLACE_BITS: u32 = 24;

const PLACE_MASK: u32 = (1 << PLACE_BITS) - 1;

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Number of the resource type; 0 of a free place.
    resource: u32,
    /// Of a free place: the next, plus 1; 0 where there is none.
    rep: u32,
    uses: u8,
}

#[derive(Debug, Default)]
pub(super) struct Handles {
    entries: Vec<Entry>,
    /// The first free place, plus 1.
    first_free: u32,
}

impl Handles {
    /// A handle for a resource; none where there are too many.
    pub(super) fn add(&mut self, resource: u32, rep: u32) -> Option<u32> {
        if self.first_free == 0 {
            let place = self.entries.len() as u32 + 1;
            if place > PLACE_MASK {
                return None;
            }
            self.entries.push(Entry {
                resource,
                rep,
                uses: 0,
            });
            return Some(place);
        }
        let place = self.first_free;
        let entry = self.entries.get_mut(place as usize - 1)?;
        self.first_free = entry.rep;
        entry.uses = entry.uses.wrapping_add(1);
        (entry.resource, entry.rep) = (resource, rep);
        Some(place | u32::from(entry.uses) << PLACE_BITS)
    }

    /// What a handle of a resource of this type stands for.
    pub(super) fn find(&self, resource: u32, handle: u32) -> Option<u32> {
        let place = (handle & PLACE_MASK).checked_sub(1)?;
        let entry = self.entries.get(place as usize)?;
        let is_it = entry.resource == resource && u32::from(entry.uses) == handle >> PLACE_BITS;
        is_it.then_some(entry.rep)
    }

    /// The same; the handle is gone then.
    pub(super) fn take(&mut self, resource: u32, handle: u32) -> Option<u32> {
        let rep = self.find(resource, handle)?;
        let place = handle & PLACE_MASK;
        let entry = self.entries.get_mut(place as usize - 1)?;
        (entry.resource, entry.rep) = (0, self.first_free);
        self.first_free = place;
        Some(rep)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_that_are_gone_are_nobodys() {
        let mut handles = Handles::default();
        let first = handles.add(300, 7).unwrap();
        let second = handles.add(301, 8).unwrap();
        assert_eq!((first, second), (1, 2));
        assert_eq!(handles.find(300, first), Some(7));
        assert_eq!(handles.find(301, first), None);
        assert_eq!(handles.take(300, first), Some(7));
        assert_eq!(handles.take(300, first), None);
        let third = handles.add(300, 9).unwrap();
        assert_eq!(third & PLACE_MASK, first);
        assert_eq!(
            (handles.find(300, first), handles.find(300, third)),
            (None, Some(9))
        );
        for unknown in [0, 3, 1 << PLACE_BITS, u32::MAX] {
            assert_eq!(handles.find(301, unknown), None);
        }
        assert_eq!(handles.find(301, second), Some(8));
    }
}
