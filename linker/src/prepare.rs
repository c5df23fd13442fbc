//! The object as a linker gets it: with its image marked as what goes to an address of its own.

use crate::elf::{Elf, Header, Section};
use crate::error::LinkError;
use crate::request::{ImageSection, LinkRequest, Linker};
use object::elf::{ELFOSABI_GNU, SHF_EXECINSTR, SHF_WRITE, SectionFlags};
use object::endian::LittleEndian as LE;
use object::pod;
use std::sync::Arc;

/// Marks the image in the object. Returns how many bytes of it are there, for the linker to place at its
/// address.
pub(crate) fn prepare(request: &mut LinkRequest<'_>) -> Result<usize, LinkError> {
    let Some(image) = &request.image else {
        return Ok(0);
    };
    // libwild lays out writable data, whatever its address, between other data and zero data, and
    // what follows then lies behind it, out of reach. Sections of code with an address of their own
    // it puts before all other code, which has an address too. The mark goes when the executable
    // is finished.
    let is_code = request.linker == Linker::InProcess;
    let object: &mut Vec<u8> = Arc::make_mut(&mut request.object);
    mark(object, image, is_code)
        .ok_or_else(|| LinkError::Internal("the object is damaged".to_owned()))
}

/// Marks the section of the image, and says how many bytes it has; none if the object is damaged.
fn mark(object: &mut [u8], image: &ImageSection<'_>, is_code: bool) -> Option<usize> {
    let elf = Elf::parse(object)?;
    let is_image = |s: &Section| elf.section_name(s) == Some(image.section.as_bytes());
    let index = elf.sections.iter().position(is_image)?;
    let head_bytes = usize::try_from(elf.sections[index].sh_size.get(LE)).ok()?;
    let mut section = elf.sections[index];
    if is_code {
        let flags = section.sh_flags.get(LE).0 & !SHF_WRITE.0 | SHF_EXECINSTR.0;
        section.sh_flags.set(LE, SectionFlags(flags));
    }
    let mut header = elf.header;
    // Without it, `SHF_GNU_RETAIN` means nothing to GNU ld.
    header.e_ident.os_abi = ELFOSABI_GNU;
    let table = usize::try_from(header.e_shoff.get(LE)).ok()?;
    let at = table.checked_add(index * size_of::<Section>())?;
    object
        .get_mut(at..at.checked_add(size_of::<Section>())?)?
        .copy_from_slice(pod::bytes_of(&section));
    object
        .get_mut(..size_of::<Header>())?
        .copy_from_slice(pod::bytes_of(&header));
    Some(head_bytes)
}
