//! Lists of locations (`.debug_loclists`): one table for all units. A list begins with the address of
//! its function, and its entries are distances from there. Equal lists of a function are one.

use super::expressions::Bytes;
use super::writing::{DebugReloc, DebugSection, DebugTarget, LISTS_SECTION};
use gimli::constants;
use gimli::leb128::write::Leb128;
use std::collections::HashMap;

/// The section under construction.
pub(super) struct Lists {
    bytes: Vec<u8>,
    relocs: Vec<DebugReloc>,
    /// The function of the last list, and where lists of it begin, by what is in them.
    function: u32,
    known: HashMap<Vec<u8>, usize>,
    /// The next list: entries, and where it refers to the store.
    list: Vec<u8>,
    stores: Vec<usize>,
}

/// Length, version, sizes of an address and of a segment, and a count of offsets.
const HEADER_BYTES: usize = 12;

/// What `unit_length` counts is behind itself.
const LENGTH_BYTES: usize = 4;

const ADDRESS_BYTES: u8 = 8;

impl Lists {
    pub(super) fn new() -> Lists {
        Lists {
            bytes: vec![0; HEADER_BYTES],
            relocs: Vec::new(),
            function: 0,
            known: HashMap::new(),
            list: Vec::new(),
            stores: Vec::new(),
        }
    }

    /// Adds a part of the function to the next list. Empty ones are not allowed.
    pub(super) fn add(&mut self, start: u32, end: u32, expression: &Bytes) {
        let list = &mut self.list;
        list.push(constants::DW_LLE_offset_pair.0);
        list.extend(Leb128::unsigned(start.into()).bytes());
        list.extend(Leb128::unsigned(end.into()).bytes());
        list.extend(Leb128::unsigned(expression.bytes.len() as u64).bytes());
        let stores = expression.stores.iter();
        self.stores.extend(stores.map(|at| list.len() + at));
        list.extend(&expression.bytes);
    }

    /// Ends a list of a function that begins there in the code. Gives its offset in the section, if
    /// something was added.
    pub(super) fn finish_list(&mut self, function: u32) -> Option<usize> {
        if self.list.is_empty() {
            return None;
        }
        if self.function != function {
            self.function = function;
            self.known.clear();
        }
        let at = self.known.get(&self.list).copied().unwrap_or_else(|| {
            let at = self.bytes.len();
            self.bytes.push(constants::DW_LLE_base_address.0);
            self.relocate(DebugTarget::Code, function.into());
            let first = self.bytes.len();
            self.bytes.extend(&self.list);
            self.bytes.push(constants::DW_LLE_end_of_list.0);
            let stores = self.stores.iter().map(|store| DebugReloc {
                offset: first + store,
                bytes: ADDRESS_BYTES,
                target: DebugTarget::Store,
                addend: 0,
            });
            self.relocs.extend(stores);
            self.known.insert(self.list.clone(), at);
            at
        });
        self.list.clear();
        self.stores.clear();
        Some(at)
    }

    fn relocate(&mut self, target: DebugTarget, addend: i64) {
        self.relocs.push(DebugReloc {
            offset: self.bytes.len(),
            bytes: ADDRESS_BYTES,
            target,
            addend,
        });
        self.bytes.extend([0; ADDRESS_BYTES as usize]);
    }

    /// The section, unless it is empty.
    pub(super) fn finish(mut self) -> Option<DebugSection> {
        let length = u32::try_from(self.bytes.len() - LENGTH_BYTES).expect("less than 4 GiB");
        let [a, b, c, d] = length.to_le_bytes();
        let header = [a, b, c, d, 5, 0, ADDRESS_BYTES, 0, 0, 0, 0, 0];
        self.bytes[..HEADER_BYTES].copy_from_slice(&header);
        (self.bytes.len() > HEADER_BYTES).then_some(DebugSection {
            name: LISTS_SECTION,
            bytes: self.bytes,
            relocs: self.relocs,
        })
    }
}
