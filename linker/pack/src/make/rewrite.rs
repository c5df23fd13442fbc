//! Writing an object again with some of its sections.

use super::reach::{Reached, relocation_target};
use object::build::Id;
use object::build::elf::{Builder, SectionData};
use object::endian::LittleEndian as LE;
use object::{elf, pod};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A smaller object.
pub(super) struct Rewritten {
    pub(super) bytes: Vec<u8>,
    /// Global symbols that it defines, in order.
    pub(super) defined: Vec<Vec<u8>>,
}

/// Makes plain sections, which nothing reaches, of those that the builder does not know: groups
/// (what they are for, dropping all but one of equal functions, happens here anyway) and hints
/// from LLVM to linkers.
pub(super) fn plain_sections(bytes: &mut [u8]) {
    let Some(range) = section_table(bytes) else {
        return;
    };
    let Some(table) = bytes.get_mut(range) else {
        return;
    };
    let count = table.len() / size_of::<SectionHeader>();
    let Ok((sections, _)) = pod::slice_from_bytes_mut::<SectionHeader>(table, count) else {
        return;
    };
    for section in sections {
        let kind = section.sh_type.get(LE);
        if kind == elf::SHT_GROUP || LLVM_TYPES.contains(&kind.0) {
            section.sh_type.set(LE, elf::SHT_PROGBITS);
        }
    }
}

/// The section types that belong to LLVM.
const LLVM_TYPES: Range<u32> = 0x6fff_4c00..0x6fff_4d00;

type SectionHeader = elf::SectionHeader64<LE>;

fn section_table(bytes: &[u8]) -> Option<Range<usize>> {
    let header = pod::from_bytes::<elf::FileHeader64<LE>>(bytes).ok()?.0;
    let start = usize::try_from(header.e_shoff.get(LE)).ok()?;
    let len = usize::from(header.e_shnum.get(LE)) * size_of::<SectionHeader>();
    Some(start..start.checked_add(len)?)
}

/// Keeps the sections that are reached, their relocations and the symbols that these need.
pub(super) fn keep_sections(
    mut builder: Builder<'_>,
    reached: &Reached,
) -> Result<Rewritten, object::build::Error> {
    // LLVM uses one table for the names of symbols and sections.
    let mut sections = builder.sections.iter();
    if !sections.any(|section| matches!(section.data, SectionData::SectionString)) {
        let names = builder.sections.add();
        names.name = ".shstrtab".into();
        names.sh_type = elf::SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    let ids: HashMap<usize, _> = builder
        .sections
        .iter()
        .map(|section| (section.id().index(), section.id()))
        .collect();
    let is_kept = |index: usize| reached.sections.get(index).copied().unwrap_or(false);
    let mut wanted = HashSet::new();
    for section in &mut builder.sections {
        let target = relocation_target(section);
        match &section.data {
            SectionData::Relocation(relocations) => {
                let target = target.filter(|&target| is_kept(target));
                section.delete = target.is_none();
                if let Some(target) = target {
                    section.sh_info_section = ids.get(&target).copied();
                    wanted.extend(
                        relocations
                            .iter()
                            .filter_map(|r| r.symbol)
                            .map(|id| id.index()),
                    );
                }
            }
            SectionData::Symbol
            | SectionData::SymbolSectionIndex
            | SectionData::String
            | SectionData::SectionString => {}
            _ => section.delete = !is_kept(section.id().index()) && !says_stack(&section.name),
        }
        // Members of a group are deduplicated by linkers; here each is the only one.
        section.sh_flags = elf::SectionFlags(section.sh_flags.0 & !elf::SHF_GROUP.0);
    }
    let mut defined = Vec::new();
    for symbol in &mut builder.symbols {
        let is_wanted = wanted.contains(&symbol.id().index());
        let is_local = symbol.st_bind() == elf::STB_LOCAL;
        let section = symbol.section.map(|id| id.index());
        let is_defined = match section {
            Some(index) => is_kept(index),
            None => symbol.st_shndx != elf::SHN_UNDEF && symbol.st_type() != elf::STT_FILE,
        };
        let is_code = symbol.st_type() == elf::STT_FUNC;
        symbol.delete = !(is_wanted || is_defined && (is_code || !is_local));
        if !symbol.delete && is_defined && !is_local {
            defined.push(symbol.name.as_slice().to_vec());
        }
    }
    let mut bytes = Vec::new();
    builder.write(&mut bytes)?;
    Ok(Rewritten { bytes, defined })
}

/// The empty section whose presence says that the stack need not be executable.
fn says_stack(name: &[u8]) -> bool {
    name == b".note.GNU-stack"
}
