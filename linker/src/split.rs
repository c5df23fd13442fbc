//! An executable in two files: one to run, and one with what only debuggers and profilers read.
//!
//! The second has all section headers of the executable, and says where that is loaded, but contents
//! only of the sections that nothing loads; debuggers know that it belongs to the first by the build ID
//! that both have, or by the name and checksum that the first has of it (`.gnu_debuglink`).

use crate::elf::{Elf, Header, Section, Segment, is_allocated, is_load};
use crate::error::LinkError;
use object::elf::{SHT_NOBITS, SHT_NOTE, SHT_NULL, SHT_PROGBITS, SHT_STRTAB};
use object::endian::{LittleEndian as LE, U16, U32, U64};
use object::pod;

const LINK_SECTION: &[u8] = b".gnu_debuglink";
const NAMES_SECTION: &[u8] = b".shstrtab";

/// The two files.
#[derive(Debug)]
pub struct Split {
    pub executable: Vec<u8>,
    pub debug: Vec<u8>,
}

/// Takes apart an executable that [`crate::link`] has made. `name` is that of the second file.
///
/// # Errors
/// When the executable is not one of ELF.
pub fn split_debug(linked: &[u8], name: &str) -> Result<Split, LinkError> {
    let elf = Elf::parse(linked)
        .filter(|elf| !elf.sections.is_empty())
        .ok_or_else(|| LinkError::Internal("the output is not a 64-bit ELF file".to_owned()))?;
    let debug = debug_file(&elf);
    let executable = executable(&elf, name, crc32(&debug));
    Ok(Split { executable, debug })
}

/// Headers, and what nothing loads.
fn debug_file(elf: &Elf<'_>) -> Vec<u8> {
    let mut out = vec![0; size_of::<Header>()];
    // There is nothing to load. But profilers know places by their distance from where that begins.
    let loads = elf.segments.iter().copied().filter(is_load);
    let loads = loads.map(|mut load| {
        load.p_offset = U64::new(LE, 0);
        load.p_filesz = U64::new(LE, 0);
        load
    });
    let loads: Vec<Segment> = loads.collect();
    let mut header = elf.header;
    header.e_phoff = U64::new(LE, out.len() as u64);
    header.e_phnum = U16::new(LE, u16::try_from(loads.len()).unwrap_or(0));
    out.extend_from_slice(pod::bytes_of_slice(&loads));
    let mut sections = elf.sections.clone();
    for (section, of_linked) in sections.iter_mut().zip(&elf.sections) {
        if section.sh_type.get(LE) == SHT_NULL {
            continue;
        }
        // Notes say what the file belongs to.
        let is_note = section.sh_type.get(LE) == SHT_NOTE;
        if is_allocated(section) && !is_note {
            section.sh_type = U32::new(LE, SHT_NOBITS);
            section.sh_offset = U64::new(LE, out.len() as u64);
            continue;
        }
        pad(&mut out, section.sh_addralign.get(LE));
        section.sh_offset = U64::new(LE, out.len() as u64);
        out.extend_from_slice(elf.section_bytes(of_linked).unwrap_or_default());
    }
    finish(out, header, &sections)
}

/// All that is loaded, and where the rest is.
fn executable(elf: &Elf<'_>, name: &str, checksum: u32) -> Vec<u8> {
    let ends = elf
        .segments
        .iter()
        .map(|s| s.p_offset.get(LE) + s.p_filesz.get(LE));
    let end = usize::try_from(ends.max().unwrap_or(0)).unwrap_or(0);
    let mut out = elf.bytes.get(..end).unwrap_or(elf.bytes).to_vec();
    let mut names = vec![0];
    let mut sections: Vec<Section> = Vec::new();
    // Sections refer to each other by number.
    let is_kept = |section: &Section| is_allocated(section) || section.sh_type.get(LE) == SHT_NULL;
    let kept: Vec<usize> = (0..elf.sections.len())
        .filter(|&at| is_kept(&elf.sections[at]))
        .collect();
    let number = |old: u32| {
        let position = kept.iter().position(|&at| at == old as usize);
        U32::new(
            LE,
            position.map_or(0, |position| u32::try_from(position).unwrap_or(0)),
        )
    };
    for &at in &kept {
        let mut section = elf.sections[at];
        if section.sh_type.get(LE) != SHT_NULL {
            section.sh_name = add_name(&mut names, elf.section_name(&section).unwrap_or_default());
            section.sh_link = number(section.sh_link.get(LE));
        }
        sections.push(section);
    }
    let mut link = name.as_bytes().to_vec();
    link.push(0);
    pad(&mut link, 4);
    link.extend(checksum.to_le_bytes());
    let model = elf.sections[0];
    let mut add = |out: &mut Vec<u8>, name, kind, bytes: &[u8]| {
        pad(out, 4);
        let mut section = model;
        section.sh_name = name;
        section.sh_type = U32::new(LE, kind);
        section.sh_flags = Default::default();
        section.sh_addr = U64::new(LE, 0);
        section.sh_offset = U64::new(LE, out.len() as u64);
        section.sh_size = U64::new(LE, bytes.len() as u64);
        section.sh_addralign = U64::new(LE, 4);
        out.extend_from_slice(bytes);
        sections.push(section);
    };
    let link_name = add_name(&mut names, LINK_SECTION);
    let names_name = add_name(&mut names, NAMES_SECTION);
    add(&mut out, link_name, SHT_PROGBITS, &link);
    add(&mut out, names_name, SHT_STRTAB, &names);
    let mut header = elf.header;
    let last = u16::try_from(sections.len() - 1).unwrap_or(0);
    header.e_shstrndx = U16::new(LE, object::elf::SymbolSection(last));
    finish(out, header, &sections)
}

fn add_name(names: &mut Vec<u8>, name: &[u8]) -> U32<LE> {
    let at = u32::try_from(names.len()).unwrap_or(0);
    names.extend_from_slice(name);
    names.push(0);
    U32::new(LE, at)
}

/// Writes the section headers at the end, and the file header.
fn finish(mut out: Vec<u8>, mut header: Header, sections: &[Section]) -> Vec<u8> {
    pad(&mut out, align_of::<u64>() as u64);
    header.e_shoff = U64::new(LE, out.len() as u64);
    header.e_shnum = U16::new(LE, u16::try_from(sections.len()).unwrap_or(u16::MAX));
    out.extend_from_slice(pod::bytes_of_slice(sections));
    out[..size_of::<Header>()].copy_from_slice(pod::bytes_of(&header));
    out
}

fn pad(out: &mut Vec<u8>, align: u64) {
    out.resize(out.len().next_multiple_of(align.max(1) as usize), 0);
}

/// The checksum that debuggers look for: that of Ethernet.
fn crc32(bytes: &[u8]) -> u32 {
    let table: [u32; 256] = std::array::from_fn(|byte| {
        (0..8).fold(byte as u32, |value, _| {
            (value >> 1) ^ (0xedb8_8320 & (value & 1).wrapping_neg())
        })
    });
    !bytes.iter().fold(!0, |sum, &byte| {
        (sum >> 8) ^ table[((sum ^ u32::from(byte)) & 0xff) as usize]
    })
}

#[cfg(test)]
mod tests {
    use super::crc32;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
