//! Where everything lies: the sections and segments of the executable, and the addresses in them.

use std::collections::HashMap;

use object::macho::{
    S_ATTR_PURE_INSTRUCTIONS, S_ATTR_SOME_INSTRUCTIONS, S_MOD_INIT_FUNC_POINTERS,
    S_NON_LAZY_SYMBOL_POINTERS, S_REGULAR, S_SYMBOL_STUBS, S_THREAD_LOCAL_REGULAR,
    S_THREAD_LOCAL_VARIABLES, S_THREAD_LOCAL_ZEROFILL, S_ZEROFILL, SectionType,
};

use super::object::{Object, Section};
use super::processor::{Processor, bad};
use super::reach::{Meaning, Place, Reached};
use crate::error::LinkError;

/// Where the file's first byte is in memory, unless the system chooses another place: nothing is below.
pub(super) const IMAGE_BASE: u64 = 1 << 32;

/// Room for the header and the load commands, which have at most 1,776 bytes, and for what tools may
/// add.
pub(super) const HEADER_BYTES: u64 = 0x800;

pub(super) const SLOT_BYTES: u64 = 8;

/// Everything has to be within the reach of a distance of 32 bits.
const IMAGE_BYTES_MAX: u64 = 1 << 31;

/// The kinds of sections that an executable has, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    Text,
    Jumps,
    ReadOnly,
    /// For those who look at the executable.
    Note,
    Slots,
    Initialisers,
    /// What the loader writes addresses into, and nobody else anything.
    Const,
    Data,
    /// What describes data that each thread has.
    ThreadVariables,
    /// What that begins with.
    ThreadData,
    ThreadZeros,
    Zeros,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Segment {
    Text,
    Const,
    Data,
}

impl Kind {
    const ALL: [Kind; 12] = [
        Kind::Text,
        Kind::Jumps,
        Kind::ReadOnly,
        Kind::Note,
        Kind::Slots,
        Kind::Initialisers,
        Kind::Const,
        Kind::Data,
        Kind::ThreadVariables,
        Kind::ThreadData,
        Kind::ThreadZeros,
        Kind::Zeros,
    ];

    pub(super) fn segment(self) -> Segment {
        match self {
            Kind::Text | Kind::Jumps | Kind::ReadOnly | Kind::Note => Segment::Text,
            Kind::Slots | Kind::Initialisers | Kind::Const => Segment::Const,
            _ => Segment::Data,
        }
    }

    pub(super) fn is_zeros(self) -> bool {
        matches!(self, Kind::ThreadZeros | Kind::Zeros)
    }

    /// The section's name and flags.
    pub(super) fn section(self) -> (&'static str, u32) {
        let code = S_ATTR_PURE_INSTRUCTIONS.0 | S_ATTR_SOME_INSTRUCTIONS.0;
        let plain = |kind: SectionType| u32::from(kind.0);
        match self {
            Kind::Text => ("__text", code),
            Kind::Jumps => ("__stubs", code | plain(S_SYMBOL_STUBS)),
            Kind::ReadOnly | Kind::Const => ("__const", plain(S_REGULAR)),
            Kind::Note => ("__wasmelt", plain(S_REGULAR)),
            Kind::Slots => ("__got", plain(S_NON_LAZY_SYMBOL_POINTERS)),
            Kind::Initialisers => ("__mod_init_func", plain(S_MOD_INIT_FUNC_POINTERS)),
            Kind::Data => ("__data", plain(S_REGULAR)),
            Kind::ThreadVariables => ("__thread_vars", plain(S_THREAD_LOCAL_VARIABLES)),
            Kind::ThreadData => ("__thread_data", plain(S_THREAD_LOCAL_REGULAR)),
            Kind::ThreadZeros => ("__thread_bss", plain(S_THREAD_LOCAL_ZEROFILL)),
            Kind::Zeros => ("__bss", plain(S_ZEROFILL)),
        }
    }

    fn of(section: &Section<'_>, piece: usize) -> Kind {
        let is = |kind: SectionType| section.kind() == u32::from(kind.0);
        if is(S_THREAD_LOCAL_VARIABLES) {
            Kind::ThreadVariables
        } else if is(S_THREAD_LOCAL_REGULAR) {
            Kind::ThreadData
        } else if is(S_THREAD_LOCAL_ZEROFILL) {
            Kind::ThreadZeros
        } else if section.is_zeros() {
            Kind::Zeros
        } else if is(S_MOD_INIT_FUNC_POINTERS) {
            Kind::Initialisers
        } else if section.is_code() {
            Kind::Text
        } else if section.segment == b"__TEXT" && section.name.starts_with(b"__wasmelt") {
            Kind::Note
        } else if section.segment == b"__TEXT" && !section.has_addresses(piece) {
            Kind::ReadOnly
        } else if section.segment == b"__DATA" && section.name != b"__const" {
            Kind::Data
        } else {
            Kind::Const
        }
    }
}

/// A section of the executable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Laid {
    pub(super) kind: Kind,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) align: u64,
}

/// The address of everything that is used.
pub(super) struct Placed {
    addresses: HashMap<Place, u64>,
    /// What is where, in ascending order.
    pub(super) order: Vec<(Place, Kind, u64)>,
    /// Those that have something in them, in their order.
    pub(super) sections: Vec<Laid>,
}

impl Placed {
    pub(super) fn section(&self, kind: Kind) -> Option<&Laid> {
        self.sections.iter().find(|laid| laid.kind == kind)
    }

    fn start(&self, kind: Kind) -> u64 {
        self.section(kind).map_or(0, |laid| laid.start)
    }

    pub(super) fn slot(&self, number: usize) -> u64 {
        self.start(Kind::Slots) + SLOT_BYTES * number as u64
    }

    pub(super) fn jump(&self, number: usize, processor: Processor) -> u64 {
        self.start(Kind::Jumps) + jump_bytes(processor) * number as u64
    }

    /// Where data begins of which each thread has its own.
    pub(super) fn thread_data(&self) -> u64 {
        let zeros = self.start(Kind::ThreadZeros);
        self.section(Kind::ThreadData)
            .map_or(zeros, |laid| laid.start)
    }

    pub(super) fn address(&self, meaning: Meaning) -> Option<u64> {
        match meaning {
            Meaning::Piece { place, offset } => {
                let start = self.addresses.get(&place)?;
                Some(start.wrapping_add(offset))
            }
            Meaning::Absolute(value) => Some(value),
            Meaning::Import(_) => None,
        }
    }
}

/// Bytes of the jump to what the system has.
pub(super) fn jump_bytes(processor: Processor) -> u64 {
    match processor {
        Processor::Aarch64 => 12,
        Processor::X86_64 => 6,
    }
}

pub(super) fn place(
    objects: &[Object<'_>],
    reached: &Reached<'_>,
    processor: Processor,
) -> Result<Placed, LinkError> {
    let mut by_kind: HashMap<Kind, Vec<Place>> = HashMap::new();
    for &place in &reached.pieces {
        let section = &objects[place.object].sections[place.section];
        let kind = Kind::of(section, place.piece);
        if section.has_addresses(place.piece) && matches!(kind, Kind::Text | Kind::Note) {
            return Err(bad("an address is where the loader cannot write"));
        }
        by_kind.entry(kind).or_default().push(place);
    }
    let mut placed = Placed {
        addresses: HashMap::new(),
        order: Vec::new(),
        sections: Vec::new(),
    };
    let mut next = IMAGE_BASE + HEADER_BYTES;
    let mut segment = Segment::Text;
    for kind in Kind::ALL {
        let made = match kind {
            Kind::Jumps => jump_bytes(processor) * reached.jumps.all.len() as u64,
            Kind::Slots => SLOT_BYTES * reached.slots.all.len() as u64,
            _ => 0,
        };
        let places = by_kind.remove(&kind).unwrap_or_default();
        if made == 0 && places.is_empty() {
            continue;
        }
        if kind.segment() != segment {
            segment = kind.segment();
            next = next.next_multiple_of(processor.page_bytes());
        }
        let aligns = places
            .iter()
            .map(|place| objects[place.object].sections[place.section].align);
        let align = aligns.max().unwrap_or(1).max(if made > 0 { 8 } else { 1 });
        // What each thread has begins where its copies do: at a multiple of what any of it asks for.
        let start = next.next_multiple_of(align);
        next = start + made;
        for place in places {
            let section = &objects[place.object].sections[place.section];
            let range = section.range(place.piece);
            next = aligned(next, section.align, range.start);
            placed.addresses.insert(place, next);
            placed.order.push((place, kind, next));
            next += range.end - range.start;
        }
        let end = next;
        placed.sections.push(Laid {
            kind,
            start,
            end,
            align,
        });
    }
    match next - IMAGE_BASE < IMAGE_BYTES_MAX {
        true => Ok(placed),
        false => Err(LinkError::OutOfReach("it has more than 2 GiB")),
    }
}

/// The next address that is as far from a multiple of the alignment as the piece is in its section.
fn aligned(next: u64, align: u64, offset: u64) -> u64 {
    let wanted = offset % align;
    let at = next - next % align + wanted;
    if at < next { at + align } else { at }
}
