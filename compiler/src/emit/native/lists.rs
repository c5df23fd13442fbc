//! Lists of ranges of the code (`.debug_rnglists`) and of locations (`.debug_loclists`): one table of
//! each for all units. What is in them are distances from the start of the code, which is the base
//! address of all units, and lists have numbers: so nothing is relocated.

use super::entries::{OFFSET_BYTES, number};
use super::expressions::Expression;
use super::writing::{ADDRESS_SIZE, unsigned};
use foldhash::HashMap;
use foldhash::fast::FixedState;
use gimli::constants;
use std::hash::BuildHasher;

/// A table under construction.
#[derive(Default)]
pub(super) struct Lists {
    bytes: Vec<u8>,
    /// Where lists begin, by number.
    offsets: Vec<u32>,
    /// The function of the last list of locations, and its lists by a hash of what is in them.
    function: u32,
    known: HashMap<u64, u32>,
    /// The next list.
    list: Vec<u8>,
}

/// Length, version, sizes of an address and of a segment, and a count of offsets.
pub(super) const HEADER_BYTES: usize = 12;

/// What `unit_length` counts is behind itself.
const LENGTH_BYTES: usize = 4;

/// What ends lists of both kinds.
const END: u8 = constants::DW_RLE_end_of_list.0;

impl Lists {
    /// Adds a part of the code to the next list of locations. Empty ones are not allowed.
    pub(super) fn add_location(&mut self, start: u32, end: u32, expression: &Expression) {
        self.add(constants::DW_LLE_offset_pair.0, start, end);
        self.number(number(expression.bytes.len()));
        self.list.extend(&expression.bytes);
    }

    /// Adds a part of the code to the next list of ranges.
    pub(super) fn add_range(&mut self, start: u32, end: u32) {
        self.add(constants::DW_RLE_offset_pair.0, start, end);
    }

    fn add(&mut self, kind: u8, start: u32, end: u32) {
        self.list.push(kind);
        self.number(start);
        self.number(end);
    }

    fn number(&mut self, number: u32) {
        unsigned(&mut self.list, number.into());
    }

    /// Ends a list of locations of a function that begins there in the code. Gives its number, if
    /// something was added. Equal lists of a function are one.
    pub(super) fn finish_locations(&mut self, function: u32) -> Option<u32> {
        if self.list.is_empty() {
            return None;
        }
        if self.function != function {
            self.function = function;
            self.known.clear();
        }
        self.list.push(END);
        // The same in each run.
        let hash = FixedState::default().hash_one(&*self.list);
        let known = self.known.get(&hash).copied();
        let known = known.filter(|&known| self.of(known) == self.list);
        let list = known.unwrap_or_else(|| {
            let list = self.keep();
            self.known.insert(hash, list);
            list
        });
        self.list.clear();
        Some(list)
    }

    /// What is in the list with a number.
    fn of(&self, list: u32) -> &[u8] {
        let list = list as usize;
        let end = self.offsets.get(list + 1);
        let end = end.map_or(self.bytes.len(), |&end| end as usize);
        &self.bytes[self.offsets[list] as usize..end]
    }

    /// Ends a list that has no number, in a table of such. Gives where it is in the section, if
    /// something was added.
    pub(super) fn finish_unnumbered(&mut self) -> Option<usize> {
        if self.list.is_empty() {
            return None;
        }
        const { assert!(END == constants::DW_LLE_end_of_list.0) };
        self.list.push(END);
        let at = HEADER_BYTES + self.bytes.len();
        self.bytes.append(&mut self.list);
        Some(at)
    }

    /// Ends a list of ranges, and gives its number.
    pub(super) fn finish_ranges(&mut self) -> u32 {
        self.list.push(END);
        let list = self.keep();
        self.list.clear();
        list
    }

    fn keep(&mut self) -> u32 {
        let list = number(self.offsets.len());
        self.offsets.push(number(self.bytes.len()));
        self.bytes.extend_from_slice(&self.list);
        list
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes a table of lists without numbers has.
    pub(super) fn unnumbered_bytes(&self) -> usize {
        match self.is_empty() {
            true => 0,
            false => HEADER_BYTES + self.bytes.len(),
        }
    }

    /// The table, unless it is empty.
    pub(super) fn finish(self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        // Offsets are from behind the header.
        let first = usize::from(OFFSET_BYTES) * self.offsets.len();
        let length = HEADER_BYTES - LENGTH_BYTES + first + self.bytes.len();
        let mut bytes = Vec::with_capacity(LENGTH_BYTES + length);
        bytes.extend(number(length).to_le_bytes());
        bytes.extend([5, 0, ADDRESS_SIZE, 0]);
        bytes.extend(number(self.offsets.len()).to_le_bytes());
        let all = self.offsets.iter();
        bytes.extend(all.flat_map(|offset| (number(first) + offset).to_le_bytes()));
        bytes.extend(self.bytes);
        bytes
    }
}
