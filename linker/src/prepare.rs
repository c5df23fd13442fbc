//! The object as a linker gets it: with its image marked as what goes to an address of its own.

use crate::elf::{Elf, Header, Section};
use crate::error::LinkError;
use crate::request::{ImageSection, LinkRequest, Linker};
use object::elf::{ELFOSABI_GNU, SHF_EXECINSTR, SHF_WRITE, SectionFlags};
use object::endian::LittleEndian as LE;
use object::pod;
use std::sync::Arc;

/// The object, and what to do with its image when it is linked.
pub(crate) struct Prepared<'a> {
    pub(crate) object: Arc<Vec<u8>>,
    pub(crate) image: Option<PreparedImage<'a>>,
}

pub(crate) struct PreparedImage<'a> {
    pub(crate) section: &'a ImageSection<'a>,
    /// Bytes that are in the object and that the linker places at the image's address.
    pub(crate) head_bytes: usize,
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
    let (object, head_bytes) = marked(request.object, section, is_code)
        .ok_or_else(|| LinkError::Internal("the object is damaged".to_owned()))?;
    let image = PreparedImage {
        section,
        head_bytes,
    };
    Ok(Prepared {
        object: Arc::new(object),
        image: Some(image),
    })
}

/// A copy of the object with its image's section marked, and how many bytes that has.
fn marked(object: &[u8], image: &ImageSection<'_>, is_code: bool) -> Option<(Vec<u8>, usize)> {
    let elf = Elf::parse(object)?;
    let is_image = |s: &Section| elf.section_name(s) == Some(image.section.as_bytes());
    let index = elf.sections.iter().position(is_image)?;
    let head_bytes = usize::try_from(elf.sections[index].sh_size.get(LE)).ok()?;
    let mut copy = object.to_vec();
    let mut sections = elf.sections.clone();
    let section = &mut sections[index];
    if is_code {
        let flags = section.sh_flags.get(LE).0 & !SHF_WRITE.0 | SHF_EXECINSTR.0;
        section.sh_flags.set(LE, SectionFlags(flags));
    }
    let mut header = elf.header;
    // Without it, `SHF_GNU_RETAIN` means nothing to GNU ld.
    header.e_ident.os_abi = ELFOSABI_GNU;
    let table = header.e_shoff.get(LE) as usize;
    copy.get_mut(table..table + size_of_val(sections.as_slice()))?
        .copy_from_slice(pod::bytes_of_slice(&sections));
    copy.get_mut(..size_of::<Header>())?
        .copy_from_slice(pod::bytes_of(&header));
    Some((copy, head_bytes))
}
