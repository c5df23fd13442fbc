//! Writing an object again with some of its sections.

use super::reach::{Reached, relocation_target};
use object::build::Id;
use object::build::elf::{Builder, SectionData, SectionId};
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
    if builder.header.e_machine == elf::EM_X86_64 {
        let_calls_be_direct(&mut builder);
    }
    for section in &mut builder.sections {
        let (relocates, name) = match section.name.strip_prefix(RELOCATIONS) {
            Some(name) => (RELOCATIONS, name),
            None => (&b""[..], &section.name[..]),
        };
        if let Some(kind) = kind(name) {
            section.name = [relocates, kind].concat().into();
        }
    }
    let is_kept = |index: usize| reached.sections.get(index).copied().unwrap_or(false);
    let wanted = mark_sections(&mut builder, &is_kept);
    let defined = mark_symbols(&mut builder, &is_kept, &wanted);
    let mut bytes = Vec::new();
    builder.write(&mut bytes)?;
    Ok(Rewritten { bytes, defined })
}

/// The sections that linkers put together under these names, the longer before those they begin with.
const KINDS: [&[u8]; 9] = [
    b".text.unlikely",
    b".text.hot",
    b".text",
    b".rodata",
    b".data.rel.ro",
    b".data",
    b".bss",
    b".tdata",
    b".tbss",
];

/// What the name of a section of relocations begins with.
const RELOCATIONS: &[u8] = b".rela";

/// The kind of a section that has the name of its only symbol behind it. The symbol still has it; in
/// the names of sections they were a tenth of an archive.
fn kind(name: &[u8]) -> Option<&'static [u8]> {
    let is_kind = |kind: &&[u8]| {
        let rest = name.strip_prefix(*kind);
        rest.is_some_and(|rest| rest.first() == Some(&b'.'))
    };
    KINDS.into_iter().find(is_kind)
}

/// Marks the sections to leave out; returns the indices of the symbols that the others refer to.
fn mark_sections(builder: &mut Builder<'_>, is_kept: &dyn Fn(usize) -> bool) -> HashSet<usize> {
    let mut wanted = HashSet::new();
    let ids: HashMap<usize, SectionId> = builder
        .sections
        .iter()
        .map(|section| (section.id().index(), section.id()))
        .collect();
    for section in &mut builder.sections {
        let target = relocation_target(section).filter(|&target| is_kept(target));
        match &section.data {
            SectionData::Relocation(relocations) => {
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
    wanted
}

/// Marks the symbols to leave out; returns the global ones that are defined here. Of the local
/// ones nothing refers to, functions stay, for profilers and debuggers.
fn mark_symbols(
    builder: &mut Builder<'_>,
    is_kept: &dyn Fn(usize) -> bool,
    wanted: &HashSet<usize>,
) -> Vec<Vec<u8>> {
    let mut defined = Vec::new();
    for symbol in &mut builder.symbols {
        let is_wanted = wanted.contains(&symbol.id().index());
        let is_local = symbol.st_bind() == elf::STB_LOCAL;
        let is_defined = match symbol.section {
            Some(id) => is_kept(id.index()),
            None => symbol.st_shndx != elf::SHN_UNDEF && symbol.st_type() != elf::STT_FILE,
        };
        let is_code = symbol.st_type() == elf::STT_FUNC;
        symbol.delete = !(is_wanted || is_defined && (is_code || !is_local));
        if !symbol.delete && is_defined && !is_local {
            defined.push(symbol.name.as_slice().to_vec());
        }
    }
    defined
}

/// Marks calls, jumps and loads through the global offset table as ones that a linker may turn
/// into direct calls, jumps and address computations. rustc does not mark them, and a call through
/// the table costs a load and, the first time, a page.
fn let_calls_be_direct(builder: &mut Builder<'_>) {
    let mut relaxed = HashMap::new();
    let code: HashMap<usize, &[u8]> = builder
        .sections
        .iter()
        .filter_map(|section| match &section.data {
            SectionData::Data(bytes) => Some((section.id().index(), bytes.as_slice())),
            _ => None,
        })
        .collect();
    for section in &builder.sections {
        let code = relocation_target(section).and_then(|target| code.get(&target));
        if let (SectionData::Relocation(relocations), Some(code)) = (&section.data, code) {
            let mut relocations = relocations.clone();
            for relocation in &mut relocations {
                if relocation.r_type == elf::R_X86_64_GOTPCREL && relocation.r_addend == -4 {
                    let before = code.get(..relocation.r_offset as usize).unwrap_or_default();
                    relocation.r_type = relaxable(before).unwrap_or(relocation.r_type);
                }
            }
            relaxed.insert(section.id().index(), relocations);
        }
    }
    for section in &mut builder.sections {
        if let Some(relocations) = relaxed.remove(&section.id().index()) {
            section.data = SectionData::Relocation(relocations);
        }
    }
}

/// The relocation for an instruction whose last four bytes follow `before`.
fn relaxable(before: &[u8]) -> Option<elf::RelocationType> {
    match before {
        // `call *` and `jmp *`.
        [.., 0xff, 0x15 | 0x25] => Some(elf::R_X86_64_GOTPCRELX),
        // `mov` to a 64-bit register; the mask takes the register's number away.
        [.., 0x48 | 0x4c, 0x8b, modrm] if modrm & 0xc7 == 0x05 => Some(elf::R_X86_64_REX_GOTPCRELX),
        _ => None,
    }
}

/// The empty section whose presence says that the stack need not be executable.
fn says_stack(name: &[u8]) -> bool {
    name == b".note.GNU-stack"
}
