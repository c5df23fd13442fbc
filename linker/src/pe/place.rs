//! Where everything lies: the four sections of the executable, and the addresses in them.

use std::collections::HashMap;

use object::pe::{
    IMAGE_SCN_CNT_CODE, IMAGE_SCN_CNT_UNINITIALIZED_DATA, IMAGE_SCN_MEM_EXECUTE,
    IMAGE_SCN_MEM_WRITE,
};

use super::coff::{Object, Section};
use super::imports::{Tables, tables, tables_bytes};
use super::reach::{Place, Reached, Target};
use crate::error::LinkError;

/// Bytes of the jump to an imported function.
pub(super) const JUMP_BYTES: u32 = 8;

/// Bytes of an entry of `.pdata`.
pub(super) const FRAME_BYTES: u32 = 12;

pub(super) const PAGE_BYTES: u32 = 0x1000;

/// The kinds of sections that an executable has, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Kind {
    Text,
    ReadOnly,
    Data,
    /// Behind the data, and in no file.
    Zeros,
    /// For those who look at the executable.
    Note,
}

/// Addresses relative to the image's; the headers are before the first.
pub(super) struct Placed {
    pub(super) addresses: HashMap<Place, u32>,
    /// What is where, in ascending order.
    pub(super) order: Vec<(Place, Kind, u32)>,
    /// Begin and end of text, read-only data and data, and the end of what is zero.
    pub(super) text: (u32, u32),
    pub(super) read_only: (u32, u32),
    pub(super) data: (u32, u32),
    pub(super) zeros_end: u32,
    pub(super) frames: (u32, u32),
    pub(super) note: (u32, u32),
    pub(super) jumps: u32,
    pub(super) tables: Tables,
}

fn kind(section: &Section<'_>) -> Kind {
    if section.name.starts_with(b".wasmelt.") {
        Kind::Note
    } else if section.flags.contains(IMAGE_SCN_CNT_UNINITIALIZED_DATA) {
        Kind::Zeros
    } else if section.flags.contains(IMAGE_SCN_MEM_WRITE) {
        Kind::Data
    } else if section.flags.contains(IMAGE_SCN_CNT_CODE)
        || section.flags.contains(IMAGE_SCN_MEM_EXECUTE)
    {
        Kind::Text
    } else {
        Kind::ReadOnly
    }
}

pub(super) fn place<'a>(
    objects: &[Object<'a>],
    reached: &Reached<'a>,
) -> Result<Placed, LinkError> {
    let too_large = || LinkError::Failed("the program has more than 2 GiB".to_owned());
    let mut addresses = HashMap::new();
    let mut order = Vec::new();
    let mut next = u64::from(PAGE_BYTES);
    let mut lay_out = |kinds: &[Kind], next: &mut u64| {
        for &wanted in kinds {
            for &place in &reached.sections {
                let section = &objects[place.0].sections[place.1];
                if kind(section) != wanted {
                    continue;
                }
                *next = next.next_multiple_of(section.align.into());
                let Ok(address) = u32::try_from(*next) else {
                    continue;
                };
                addresses.insert(place, address);
                order.push((place, wanted, address));
                *next += u64::from(section.len);
            }
        }
    };
    let page = u64::from(PAGE_BYTES);
    let text_start = next;
    lay_out(&[Kind::Text], &mut next);
    let jumps = next.next_multiple_of(JUMP_BYTES.into());
    next = jumps + u64::from(JUMP_BYTES) * reached.imports.jumps.len() as u64;
    let text_end = next;
    let read_only_start = next.next_multiple_of(page);
    next = read_only_start;
    lay_out(&[Kind::ReadOnly], &mut next);
    let read_only_end = next;
    let frames_start = next.next_multiple_of(page);
    let frames_end = frames_start + u64::from(FRAME_BYTES) * reached.frames.len() as u64;
    let data_start = frames_end.next_multiple_of(page);
    next = data_start + u64::from(tables_bytes(&reached.imports));
    lay_out(&[Kind::Data], &mut next);
    let data_end = next;
    lay_out(&[Kind::Zeros], &mut next);
    let zeros_end = next;
    let note_start = next.next_multiple_of(page);
    next = note_start;
    lay_out(&[Kind::Note], &mut next);
    if next > i32::MAX as u64 {
        return Err(too_large());
    }
    let range = |start: u64, end: u64| (start as u32, end as u32);
    Ok(Placed {
        addresses,
        order,
        text: range(text_start, text_end),
        read_only: range(read_only_start, read_only_end),
        data: range(data_start, data_end),
        zeros_end: zeros_end as u32,
        note: range(note_start, next),
        frames: range(frames_start, frames_end),
        jumps: jumps as u32,
        tables: tables(&reached.imports, data_start as u32),
    })
}

impl Placed {
    /// The address of what a symbol stands for; nothing for what is in no section of the executable.
    pub(super) fn address(&self, target: Target) -> Option<u32> {
        match target {
            Target::Section { place, offset } => {
                Some(self.addresses.get(&place)?.wrapping_add(offset))
            }
            Target::Absolute(_) => None,
            Target::Slot(number) => self.tables.slots.get(number).copied(),
            Target::Jump(position) => Some(self.jumps + JUMP_BYTES * position as u32),
        }
    }
}
