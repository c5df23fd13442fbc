//! 64-bit little-endian ELF files, taken apart.

use object::elf::{
    FileHeader64, PT_LOAD, ProgramHeader64, SHF_ALLOC, SHF_TLS, SHT_NOBITS, SectionHeader64,
};
use object::endian::LittleEndian as LE;
use object::pod;
use std::ops::Range;

pub(crate) type Header = FileHeader64<LE>;
pub(crate) type Segment = ProgramHeader64<LE>;
pub(crate) type Section = SectionHeader64<LE>;

/// Headers by value, contents by reference.
pub(crate) struct Elf<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) header: Header,
    pub(crate) segments: Vec<Segment>,
    pub(crate) sections: Vec<Section>,
}

impl<'a> Elf<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Elf<'a>> {
        let header = *pod::from_bytes::<Header>(bytes).ok()?.0;
        let ident = &header.e_ident;
        if ident.magic != object::elf::ELFMAG
            || ident.class != object::elf::ELFCLASS64
            || ident.data != object::elf::ELFDATA2LSB
        {
            return None;
        }
        let from = |offset: u64| bytes.get(usize::try_from(offset).ok()?..);
        let segments = from(header.e_phoff.get(LE))?;
        let segments = pod::slice_from_bytes(segments, header.e_phnum.get(LE).into())
            .ok()?
            .0;
        let sections = from(header.e_shoff.get(LE))?;
        let sections = pod::slice_from_bytes(sections, header.e_shnum.get(LE).into())
            .ok()?
            .0;
        Some(Elf {
            bytes,
            header,
            segments: segments.to_vec(),
            sections: sections.to_vec(),
        })
    }

    /// The bytes of the file that a segment maps.
    pub(crate) fn contents(&self, segment: &Segment) -> Option<&'a [u8]> {
        self.bytes.get(range_usize(&file_range(segment)))
    }

    /// The bytes of the file that a section has.
    pub(crate) fn section_bytes(&self, section: &Section) -> Option<&'a [u8]> {
        let start = section.sh_offset.get(LE);
        let range = start..start.checked_add(section.sh_size.get(LE))?;
        self.bytes.get(range_usize(&range))
    }

    pub(crate) fn section_name(&self, section: &Section) -> Option<&'a [u8]> {
        let names = self
            .sections
            .get(usize::from(self.header.e_shstrndx.get(LE).0))?;
        let start = names
            .sh_offset
            .get(LE)
            .checked_add(section.sh_name.get(LE).into())?;
        let name = self.bytes.get(usize::try_from(start).ok()?..)?;
        name.split(|&byte| byte == 0).next()
    }
}

pub(crate) fn is_load(segment: &Segment) -> bool {
    segment.p_type.get(LE) == PT_LOAD
}

pub(crate) fn is_allocated(section: &Section) -> bool {
    section.sh_flags.get(LE).0 & SHF_ALLOC.0 != 0
}

/// Whether a section takes room in memory but none in the file.
pub(crate) fn is_zeros(section: &Section) -> bool {
    section.sh_type.get(LE) == SHT_NOBITS
}

/// Whether a section only describes what each thread will have, and takes no room by itself.
pub(crate) fn is_thread_zeros(section: &Section) -> bool {
    is_zeros(section) && section.sh_flags.get(LE).0 & SHF_TLS.0 != 0
}

pub(crate) fn file_range(segment: &Segment) -> Range<u64> {
    let start = segment.p_offset.get(LE);
    start..start.saturating_add(segment.p_filesz.get(LE))
}

pub(crate) fn range_usize(range: &Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}
