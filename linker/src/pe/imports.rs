//! Functions of the system, which libraries of the system have.

use std::collections::BTreeMap;
use std::collections::HashMap;

/// Which library has a function: lines of a library's name, a space, and a function's.
#[derive(Default)]
pub(super) struct Known<'a> {
    libraries: HashMap<&'a [u8], &'a [u8]>,
}

impl<'a> Known<'a> {
    pub(super) fn parse(text: &'a [u8]) -> Known<'a> {
        let lines = text.split(|byte| *byte == b'\n');
        let pairs = lines.filter_map(|line| {
            let space = line.iter().position(|byte| *byte == b' ')?;
            Some((&line[space + 1..], &line[..space]))
        });
        Known {
            libraries: pairs.collect(),
        }
    }

    /// The library that has a function, with the name as it is in all tables.
    pub(super) fn find(&self, name: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
        let (name, library) = self.libraries.get_key_value(name)?;
        Some((library, name))
    }
}

/// The functions that are imported, and how they are called.
#[derive(Default)]
pub(super) struct Imports<'a> {
    /// By library and name: the number of each, by which it is referred to.
    pub(super) numbers: BTreeMap<(&'a [u8], &'a [u8]), usize>,
    /// Those that are called by their name, not through the table: they get a jump.
    pub(super) jumps: Vec<usize>,
}

impl<'a> Imports<'a> {
    pub(super) fn number(&mut self, library: &'a [u8], name: &'a [u8]) -> usize {
        let next = self.numbers.len();
        *self.numbers.entry((library, name)).or_insert(next)
    }

    /// The position of its jump.
    pub(super) fn jump(&mut self, number: usize) -> usize {
        let known = self.jumps.iter().position(|it| *it == number);
        known.unwrap_or_else(|| {
            self.jumps.push(number);
            self.jumps.len() - 1
        })
    }
}

/// The tables of imports: what the loader reads, and where it writes the addresses.
pub(super) struct Tables {
    pub(super) bytes: Vec<u8>,
    /// Bytes of the directory, which is first.
    pub(super) directory_bytes: u32,
    /// Where the address of each function is, by its number.
    pub(super) slots: Vec<u32>,
    /// All of these.
    pub(super) addresses: std::ops::Range<u32>,
}

/// Its name, and the names and numbers of functions.
type Library<'a> = (&'a [u8], Vec<(&'a [u8], usize)>);

const DESCRIPTOR_BYTES: usize = 20;
const SLOT_BYTES: usize = 8;

/// Bytes that the tables take.
pub(super) fn tables_bytes(imports: &Imports<'_>) -> u32 {
    tables(imports, 0).bytes.len() as u32
}

/// The tables, which begin at this address relative to the image's.
pub(super) fn tables(imports: &Imports<'_>, at: u32) -> Tables {
    let mut libraries: Vec<Library<'_>> = Vec::new();
    for (&(library, name), &number) in &imports.numbers {
        match libraries.last_mut() {
            Some((last, functions)) if *last == library => functions.push((name, number)),
            _ => libraries.push((library, vec![(name, number)])),
        }
    }
    let directory_bytes = (libraries.len() + 1) * DESCRIPTOR_BYTES;
    // Each library's list ends with zeros.
    let list_slots = imports.numbers.len() + libraries.len();
    let lists = directory_bytes.next_multiple_of(SLOT_BYTES);
    let addresses = lists + list_slots * SLOT_BYTES;
    let names = addresses + list_slots * SLOT_BYTES;
    let mut bytes = vec![0; names];
    let mut slots = vec![0; imports.numbers.len()];
    let mut slot = 0;
    for (position, (library, functions)) in libraries.iter().enumerate() {
        let first = slot;
        for (name, number) in functions {
            let hint = at + bytes.len() as u32;
            bytes.extend([0, 0]);
            push_text(&mut bytes, name);
            for list in [lists, addresses] {
                set(&mut bytes, list + slot * SLOT_BYTES, hint);
            }
            slots[*number] = at + (addresses + slot * SLOT_BYTES) as u32;
            slot += 1;
        }
        slot += 1;
        let name = at + bytes.len() as u32;
        push_text(&mut bytes, library);
        let descriptor = position * DESCRIPTOR_BYTES;
        set(
            &mut bytes,
            descriptor,
            at + (lists + first * SLOT_BYTES) as u32,
        );
        set(&mut bytes, descriptor + 12, name);
        set(
            &mut bytes,
            descriptor + 16,
            at + (addresses + first * SLOT_BYTES) as u32,
        );
    }
    Tables {
        bytes,
        directory_bytes: directory_bytes as u32,
        slots,
        addresses: at + addresses as u32..at + names as u32,
    }
}

fn set(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// A name, which ends with zero, at an even place.
fn push_text(bytes: &mut Vec<u8>, text: &[u8]) {
    bytes.extend_from_slice(text);
    bytes.push(0);
    if !bytes.len().is_multiple_of(2) {
        bytes.push(0);
    }
}
