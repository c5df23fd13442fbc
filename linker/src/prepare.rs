//! The object as a linker gets it: without most of the image's bytes.
//!
//! A linker has to see what relocations change, which is the contexts at the image's beginning.
//! The rest, which may be a hundred megabytes, it would only copy. So the object is copied without
//! it, and the step after linking takes it from the original.

use crate::elf::{Elf, Header, Section, range_usize};
use crate::error::LinkError;
use crate::request::{ImageSection, LinkRequest, Linker};
use object::elf::{ELFOSABI_GNU, Rela64, SHF_EXECINSTR, SHF_WRITE, SHT_RELA, SectionFlags, Sym64};
use object::endian::{LittleEndian as LE, U64};
use object::pod;
use std::ops::Range;
use std::sync::Arc;

/// The first part is a multiple of this, and so of every page size and section's alignment.
const PART_BYTES: u64 = 0x1_0000;

/// The object, and what to do with its image when it is linked.
pub(crate) struct Prepared<'a> {
    pub(crate) object: Arc<Vec<u8>>,
    pub(crate) image: Option<PreparedImage<'a>>,
}

/// The image, in two parts.
pub(crate) struct PreparedImage<'a> {
    pub(crate) section: &'a ImageSection,
    /// Bytes that are in the object and that the linker places at the image's address.
    pub(crate) head_bytes: usize,
    /// What follows them.
    pub(crate) tail: &'a [u8],
}

pub(crate) fn prepare<'a>(request: &'a LinkRequest<'_>) -> Result<Prepared<'a>, LinkError> {
    let Some(section) = &request.image else {
        return Ok(Prepared {
            object: Arc::new(request.object.to_vec()),
            image: None,
        });
    };
    // libwild lays out writable data, whatever its address, between other data and zero data, and
    // what follows then lies behind it, out of reach. Sections of code with an address of their own
    // it puts before all other code, which has an address too. The mark goes when the executable
    // is finished.
    let is_code = request.linker == Linker::InProcess;
    let (object, head_bytes, tail) = without_tail(request.object, section, is_code)
        .ok_or_else(|| LinkError::Internal("the object is damaged".to_owned()))?;
    let image = PreparedImage {
        section,
        head_bytes,
        tail,
    };
    Ok(Prepared {
        object: Arc::new(object),
        image: Some(image),
    })
}

/// A copy of the object with less of the image, the bytes of it that are left, and the others.
fn without_tail<'a>(
    object: &'a [u8],
    image: &ImageSection,
    is_code: bool,
) -> Option<(Vec<u8>, usize, &'a [u8])> {
    let elf = Elf::parse(object)?;
    let is_image = |s: &Section| elf.section_name(s) == Some(image.section.as_bytes());
    let index = elf.sections.iter().position(is_image)?;
    let range = contents(&elf.sections[index])?;
    let size = range.end - range.start;
    // An empty section would not have a segment.
    let needed = bytes_needed(&elf, index)?.max(1);
    let head = needed.checked_next_multiple_of(PART_BYTES)?.min(size);
    let tail = object.get(range_usize(&(range.start + head..range.end)))?;
    // What follows moves by a multiple of its alignment, so a gap may be left.
    let removed = (size - head) / PART_BYTES * PART_BYTES;
    let mut copy = object.get(..(range.start + head) as usize)?.to_vec();
    copy.resize((range.end - removed) as usize, 0);
    copy.extend_from_slice(object.get(range.end as usize..)?);
    let mut sections = elf.sections.clone();
    for section in &mut sections {
        let offset = section.sh_offset.get(LE);
        if offset >= range.end {
            section.sh_offset.set(LE, offset - removed);
        }
    }
    let section = &mut sections[index];
    section.sh_offset.set(LE, range.start);
    section.sh_size.set(LE, head);
    if is_code {
        let flags = section.sh_flags.get(LE).0 & !SHF_WRITE.0 | SHF_EXECINSTR.0;
        section.sh_flags.set(LE, SectionFlags(flags));
    }
    let mut header = elf.header;
    // Without it, `SHF_GNU_RETAIN` means nothing to GNU ld.
    header.e_ident.os_abi = ELFOSABI_GNU;
    let mut table = header.e_shoff.get(LE);
    if table >= range.end {
        table -= removed;
        header.e_shoff = U64::new(LE, table);
    }
    let table = table as usize..table as usize + size_of_val(sections.as_slice());
    copy.get_mut(table)?
        .copy_from_slice(pod::bytes_of_slice(&sections));
    copy.get_mut(..size_of::<Header>())?
        .copy_from_slice(pod::bytes_of(&header));
    Some((copy, head as usize, tail))
}

/// How much of a section, from its beginning, relocations change or symbols name.
fn bytes_needed(elf: &Elf<'_>, index: usize) -> Option<u64> {
    let mut needed = 0;
    for section in &elf.sections {
        let kind = section.sh_type.get(LE);
        if kind == SHT_RELA && section.sh_info.get(LE) as usize == index {
            for relocation in table::<Rela64<LE>>(elf, section)? {
                needed = needed.max(relocation.r_offset.get(LE).checked_add(8)?);
            }
        } else if kind == object::elf::SHT_SYMTAB {
            let symbols = table::<Sym64<LE>>(elf, section)?;
            for symbol in symbols
                .iter()
                .filter(|s| usize::from(s.st_shndx.get(LE).0) == index)
            {
                needed = needed.max(
                    symbol
                        .st_value
                        .get(LE)
                        .checked_add(symbol.st_size.get(LE))?,
                );
            }
        }
    }
    Some(needed)
}

fn table<'a, T: pod::Pod>(elf: &Elf<'a>, section: &Section) -> Option<&'a [T]> {
    let bytes = elf.bytes.get(range_usize(&contents(section)?))?;
    pod::slice_from_bytes(bytes, bytes.len() / size_of::<T>())
        .ok()
        .map(|(table, _)| table)
}

fn contents(section: &Section) -> Option<Range<u64>> {
    let start = section.sh_offset.get(LE);
    Some(start..start.checked_add(section.sh_size.get(LE))?)
}
