//! Sections of mergeable constants, one for each constant.
//!
//! A compiler gathers constants of equal sizes in one section, and texts that end with a zero in
//! another, for linkers to merge equal ones. A
//! linker that keeps one of them keeps them all, those of parts of the library that a program does
//! not have among them. Merging would gain nothing, as the library is one object.

use super::reach::relocation_target;
use object::build::Id;
use object::build::elf::{Builder, Relocation, Section, SectionData, SectionId, SymbolId};
use object::elf;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

/// Gives each constant that something refers to a section of its own. A section of which a
/// reference does not tell the constant stays what it is.
pub(super) fn split(builder: &mut Builder<'_>) {
    let machines = [elf::EM_X86_64, elf::EM_AARCH64, elf::EM_RISCV];
    if !machines.contains(&builder.header.e_machine) {
        return;
    }
    let sections: Vec<SectionId> = builder
        .sections
        .iter()
        .filter(|section| Entries::of(section).is_some())
        .map(Section::id)
        .collect();
    for section in sections {
        if let Some(uses) = uses(builder, section) {
            split_section(builder, section, &uses);
        }
    }
}

/// Where in a section one constant ends and the next begins.
enum Entries<'b> {
    /// Each has so many bytes, of so many.
    Equal { bytes: u64, len: u64 },
    /// Each ends with a zero.
    Texts(&'b [u8]),
}

impl<'b> Entries<'b> {
    /// Of a section that has several.
    fn of(section: &'b Section<'_>) -> Option<Entries<'b>> {
        let flags = section.sh_flags.0;
        let has = |flag: elf::SectionFlags| flags & flag.0 != 0;
        let is_constants = has(elf::SHF_MERGE) && has(elf::SHF_ALLOC) && !has(elf::SHF_WRITE);
        let SectionData::Data(data) = &section.data else {
            return None;
        };
        let (data, entry) = (data.as_slice(), section.sh_entsize);
        let len = data.len() as u64;
        if !is_constants || entry == 0 || len <= entry {
            return None;
        }
        if has(elf::SHF_STRINGS) {
            // Alignment would have put zeros between them, which are no texts.
            let is_plain = entry == 1 && section.sh_addralign <= 1 && data.ends_with(&[0]);
            return is_plain.then_some(Entries::Texts(data));
        }
        len.is_multiple_of(entry)
            .then_some(Entries::Equal { bytes: entry, len })
    }

    fn len(&self) -> u64 {
        match self {
            Entries::Equal { len, .. } => *len,
            Entries::Texts(data) => data.len() as u64,
        }
    }

    /// The one at an offset below the section's length.
    fn at(&self, offset: u64) -> Range<u64> {
        match self {
            Entries::Equal { bytes, .. } => {
                let start = offset / bytes * bytes;
                start..start + bytes
            }
            Entries::Texts(data) => {
                let (before, behind) = data.split_at(offset as usize);
                let start = before.iter().rposition(|byte| *byte == 0);
                let end = behind.iter().position(|byte| *byte == 0);
                let start = start.map_or(0, |zero| zero as u64 + 1);
                start..offset + end.map_or(behind.len() as u64, |zero| zero as u64 + 1)
            }
        }
    }
}

/// A relocation with the symbol of a section of constants: its section, its position there, and
/// the offset that it means in the section of constants.
type Use = (SectionId, usize, u64);

/// All of them, if every reference tells its constant.
fn uses(builder: &Builder<'_>, constants: SectionId) -> Option<Vec<Use>> {
    let machine = builder.header.e_machine;
    let entries = Entries::of(builder.sections.get(constants))?;
    let len = entries.len();
    let symbols: HashMap<usize, (u64, bool)> = builder
        .symbols
        .iter()
        .filter(|symbol| symbol.section == Some(constants))
        .map(|symbol| {
            let is_section = symbol.st_type() == elf::STT_SECTION;
            (symbol.id().index(), (symbol.st_value, is_section))
        })
        .collect();
    if symbols.values().any(|&(value, _)| value >= len) {
        return None;
    }
    let mut relocations = Vec::new();
    for section in &builder.sections {
        let SectionData::Relocation(list) = &section.data else {
            continue;
        };
        if relocation_target(section) == Some(constants.index()) {
            return None;
        }
        for (position, relocation) in list.iter().enumerate() {
            let Some(&(value, is_section)) =
                relocation.symbol.and_then(|id| symbols.get(&id.index()))
            else {
                continue;
            };
            if is_section {
                let offset = offset_told(machine, relocation, len)?;
                relocations.push((section.id(), position, offset));
            } else if !stays_inside(machine, relocation, value, &entries.at(value)) {
                return None;
            }
        }
    }
    Some(relocations)
}

/// The offset in a section that a relocation with the section's symbol means. On x86-64, distances
/// from an instruction depend on what follows them in it.
fn offset_told(machine: elf::Machine, relocation: &Relocation, len: u64) -> Option<u64> {
    let offset = u64::try_from(relocation.r_addend).ok()?;
    (tells_place(machine, relocation) && offset < len).then_some(offset)
}

/// Whether symbol and addend are the place that is meant.
fn tells_place(machine: elf::Machine, relocation: &Relocation) -> bool {
    machine != elf::EM_X86_64
        || [elf::R_X86_64_64, elf::R_X86_64_32, elf::R_X86_64_32S].contains(&relocation.r_type)
}

/// Whether a relocation with a symbol at an offset within a constant refers to no other constant.
fn stays_inside(
    machine: elf::Machine,
    relocation: &Relocation,
    offset: u64,
    constant: &Range<u64>,
) -> bool {
    let place = offset.checked_add_signed(relocation.r_addend);
    !tells_place(machine, relocation) || place.is_some_and(|place| constant.contains(&place))
}

fn split_section(builder: &mut Builder<'_>, constants: SectionId, uses: &[Use]) {
    let Some(entries) = Entries::of(builder.sections.get(constants)) else {
        return;
    };
    let named = builder
        .symbols
        .iter()
        .filter(|symbol| symbol.section == Some(constants) && symbol.st_type() != elf::STT_SECTION);
    let named: Vec<(SymbolId, Place)> = named
        .map(|symbol| (symbol.id(), Place::new(&entries, symbol.st_value)))
        .collect();
    let used: Vec<Place> = uses
        .iter()
        .map(|&(_, _, offset)| Place::new(&entries, offset))
        .collect();
    // By where the constant begins: its section, and the symbol of that.
    let mut pieces: BTreeMap<u64, (SectionId, SymbolId)> = BTreeMap::new();
    for place in named.iter().map(|(_, place)| place).chain(&used) {
        let constant = place.constant.clone();
        pieces
            .entry(constant.start)
            .or_insert_with(|| add_piece(builder, constants, constant));
    }
    for (symbol, place) in named {
        let symbol = builder.symbols.get_mut(symbol);
        symbol.section = Some(pieces[&place.constant.start].0);
        symbol.st_value = place.inside;
    }
    for (&(section, position, _), place) in uses.iter().zip(used) {
        if let SectionData::Relocation(list) = &mut builder.sections.get_mut(section).data {
            list[position].symbol = Some(pieces[&place.constant.start].1);
            list[position].r_addend = place.inside.cast_signed();
        }
    }
}

/// An offset in a section, as a constant and an offset in that.
struct Place {
    constant: Range<u64>,
    inside: u64,
}

impl Place {
    fn new(entries: &Entries<'_>, offset: u64) -> Place {
        let constant = entries.at(offset);
        let inside = offset - constant.start;
        Place { constant, inside }
    }
}

/// A section with one constant, and its symbol.
fn add_piece(
    builder: &mut Builder<'_>,
    constants: SectionId,
    constant: Range<u64>,
) -> (SectionId, SymbolId) {
    let whole = builder.sections.get(constants);
    let (name, kind, align) = (whole.name.clone(), whole.sh_type, whole.sh_addralign);
    let flags = whole.sh_flags.0 & !(elf::SHF_MERGE.0 | elf::SHF_STRINGS.0);
    let bytes = match &whole.data {
        SectionData::Data(bytes) => {
            bytes.as_slice()[constant.start as usize..constant.end as usize].to_vec()
        }
        _ => Vec::new(),
    };
    let piece = builder.sections.add();
    piece.name = name;
    piece.sh_type = kind;
    piece.sh_flags = elf::SectionFlags(flags);
    piece.sh_addralign = align;
    piece.data = SectionData::Data(bytes.into());
    let section = piece.id();
    let symbol = builder.symbols.add();
    symbol.section = Some(section);
    symbol.set_st_info(elf::STB_LOCAL, elf::STT_SECTION);
    (section, symbol.id())
}
