//! Sections of mergeable constants, one for each constant.
//!
//! A compiler gathers constants of equal sizes in one section, for linkers to merge equal ones. A
//! linker that keeps one of them keeps them all, those of parts of the library that a program does
//! not have among them. Merging would gain nothing, as the library is one object.

use super::reach::relocation_target;
use object::build::Id;
use object::build::elf::{Builder, Relocation, Section, SectionData, SectionId, SymbolId};
use object::elf;
use std::collections::{BTreeMap, HashMap};

/// Gives each constant that something refers to a section of its own. A section of which a
/// reference does not tell the constant stays what it is.
pub(super) fn split(builder: &mut Builder<'_>) {
    if builder.header.e_machine != elf::EM_X86_64 {
        return;
    }
    let sections: Vec<SectionId> = builder
        .sections
        .iter()
        .filter(|section| entry_bytes(section).is_some())
        .map(Section::id)
        .collect();
    for section in sections {
        if let Some(uses) = uses(builder, section) {
            split_section(builder, section, &uses);
        }
    }
}

/// The size of a section's constants, if it has several.
fn entry_bytes(section: &Section<'_>) -> Option<u64> {
    let flags = section.sh_flags.0;
    let is_constants = flags & elf::SHF_MERGE.0 != 0
        && flags & (elf::SHF_STRINGS.0 | elf::SHF_WRITE.0) == 0
        && flags & elf::SHF_ALLOC.0 != 0;
    let SectionData::Data(bytes) = &section.data else {
        return None;
    };
    let (len, entry) = (bytes.as_slice().len() as u64, section.sh_entsize);
    (is_constants && entry != 0 && len > entry && len % entry == 0).then_some(entry)
}

/// A relocation with the symbol of a section of constants: its section, its position there, and
/// the offset that it means in the section of constants.
type Use = (SectionId, usize, u64);

/// All of them, if every reference tells its constant.
fn uses(builder: &Builder<'_>, constants: SectionId) -> Option<Vec<Use>> {
    let section = builder.sections.get(constants);
    let entry = entry_bytes(section)?;
    let len = match &section.data {
        SectionData::Data(bytes) => bytes.as_slice().len() as u64,
        _ => return None,
    };
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
                let offset = offset_told(relocation, len)?;
                relocations.push((section.id(), position, offset));
            } else if !stays_inside(relocation, value % entry, entry) {
                return None;
            }
        }
    }
    Some(relocations)
}

/// The offset in a section that a relocation with the section's symbol means. Distances from an
/// instruction depend on what follows them in it.
fn offset_told(relocation: &Relocation, len: u64) -> Option<u64> {
    let is_address = is_address(relocation);
    let offset = u64::try_from(relocation.r_addend).ok()?;
    (is_address && offset < len).then_some(offset)
}

fn is_address(relocation: &Relocation) -> bool {
    [elf::R_X86_64_64, elf::R_X86_64_32, elf::R_X86_64_32S].contains(&relocation.r_type)
}

/// Whether a relocation with a symbol `inside` a constant refers to no other constant.
fn stays_inside(relocation: &Relocation, inside: u64, entry: u64) -> bool {
    let place = inside.checked_add_signed(relocation.r_addend);
    !is_address(relocation) || place.is_some_and(|place| place < entry)
}

fn split_section(builder: &mut Builder<'_>, constants: SectionId, uses: &[Use]) {
    let Some(entry) = entry_bytes(builder.sections.get(constants)) else {
        return;
    };
    // By number of the constant: its section, and the symbol of that.
    let mut pieces: BTreeMap<u64, (SectionId, SymbolId)> = BTreeMap::new();
    let named = builder
        .symbols
        .iter()
        .filter(|symbol| symbol.section == Some(constants) && symbol.st_type() != elf::STT_SECTION);
    let named: Vec<(SymbolId, u64)> = named.map(|s| (s.id(), s.st_value)).collect();
    let offsets = uses.iter().map(|&(_, _, offset)| offset);
    for offset in named.iter().map(|&(_, value)| value).chain(offsets) {
        let number = offset / entry;
        pieces
            .entry(number)
            .or_insert_with(|| add_piece(builder, constants, number * entry, entry));
    }
    for (symbol, value) in named {
        let symbol = builder.symbols.get_mut(symbol);
        symbol.section = Some(pieces[&(value / entry)].0);
        symbol.st_value = value % entry;
    }
    for &(section, position, offset) in uses {
        if let SectionData::Relocation(list) = &mut builder.sections.get_mut(section).data {
            list[position].symbol = Some(pieces[&(offset / entry)].1);
            list[position].r_addend = (offset % entry).cast_signed();
        }
    }
}

/// A section with one constant, and its symbol.
fn add_piece(
    builder: &mut Builder<'_>,
    constants: SectionId,
    start: u64,
    entry: u64,
) -> (SectionId, SymbolId) {
    let whole = builder.sections.get(constants);
    let (name, kind, align) = (whole.name.clone(), whole.sh_type, whole.sh_addralign);
    let flags = whole.sh_flags.0 & !elf::SHF_MERGE.0;
    let bytes = match &whole.data {
        SectionData::Data(bytes) => {
            bytes.as_slice()[start as usize..(start + entry) as usize].to_vec()
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
