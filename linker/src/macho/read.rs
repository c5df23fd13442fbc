//! Objects with their relocations, which are of both processors in one form here.

use object::LittleEndian as LE;
use object::Object as _;
use object::macho::{self, Relocation, RelocationInfo};

use super::object::{Object, Symbol};
use super::processor::{Processor, bad};
use super::relocation::{Form, Reloc, Target};
use crate::error::LinkError;

/// Reads an object.
pub(super) fn object(bytes: &[u8], processor: Processor) -> Result<Object<'_>, LinkError> {
    let (mut object, file) = Object::parse(bytes, processor)?;
    for (number, section) in file.sections().enumerate() {
        let relocs = section.macho_relocations();
        let relocs = relocs.map_err(|error| LinkError::Failed(error.to_string()))?;
        let relocs = relocations(&object, number, relocs, processor)?;
        object.sections[number].set_relocs(relocs);
    }
    Ok(object)
}

/// The relocations of a section.
fn relocations(
    object: &Object<'_>,
    section: usize,
    relocs: &[Relocation<LE>],
    processor: Processor,
) -> Result<Vec<Reloc>, LinkError> {
    if object.sections[section].is_left_out() {
        return Ok(Vec::new());
    }
    let mut parsed = Vec::with_capacity(relocs.len());
    let mut infos = relocs.iter().map(|reloc| reloc.info(LE));
    while let Some(info) = infos.next() {
        let place = Field {
            object,
            section,
            info,
        };
        let next = |infos: &mut dyn Iterator<Item = RelocationInfo>| {
            let info = infos.next().ok_or_else(|| bad("a relocation is half"))?;
            Ok::<_, LinkError>(Field { info, ..place })
        };
        parsed.push(match processor {
            Processor::Aarch64 if info.r_type == macho::ARM64_RELOC_ADDEND => {
                // 24 bits with a sign.
                let addend = i64::from((info.r_symbolnum << 8).cast_signed() >> 8);
                next(&mut infos)?.of_aarch64(addend)?
            }
            Processor::Aarch64 if info.r_type == macho::ARM64_RELOC_SUBTRACTOR => {
                next(&mut infos)?.distance_from(place.target()?)?
            }
            Processor::X86_64 if info.r_type == macho::X86_64_RELOC_SUBTRACTOR => {
                next(&mut infos)?.distance_from(place.target()?)?
            }
            Processor::Aarch64 => place.of_aarch64(0)?,
            Processor::X86_64 => place.of_x86_64()?,
        });
    }
    Ok(parsed)
}

/// A place that a relocation changes.
#[derive(Clone, Copy)]
struct Field<'a, 'b> {
    object: &'b Object<'a>,
    section: usize,
    info: RelocationInfo,
}

impl Field<'_, '_> {
    fn offset(&self) -> u64 {
        self.info.r_address.into()
    }

    /// The symbol, or the beginning of the section. Symbols that an assembler has made for sections
    /// stand for these.
    fn target(&self) -> Result<Target, LinkError> {
        let number = self.info.r_symbolnum as usize;
        if self.info.r_extern {
            return match self.object.symbols.get(number) {
                None | Some(Symbol::Nothing) => Err(bad("a relocation refers to no symbol")),
                Some(_) => Ok(Target::Symbol(number)),
            };
        }
        let section = number.wrapping_sub(1);
        match section < self.object.sections.len() {
            true => Ok(Target::Place { section, offset: 0 }),
            false => Err(bad("a relocation refers to no section")),
        }
    }

    /// What is in its bytes, with its sign.
    fn contents(&self) -> Result<i64, LinkError> {
        let bytes = self.object.sections[self.section].bytes;
        let bytes = usize::try_from(self.offset())
            .ok()
            .and_then(|at| bytes.get(at..));
        let bytes = bytes.unwrap_or_default();
        let number = match self.info.r_length {
            2 => bytes.first_chunk().map(|it| i32::from_le_bytes(*it).into()),
            3 => bytes.first_chunk().map(|it| i64::from_le_bytes(*it)),
            _ => None,
        };
        number.ok_or_else(|| bad("a relocation is outside of its section"))
    }

    fn reloc(&self, form: Form, target: Target, addend: i64) -> Result<Reloc, LinkError> {
        let (target, addend) = self.exact(target, addend)?;
        Ok(Reloc {
            offset: self.offset(),
            form,
            target,
            addend,
        })
    }

    /// Where the target is only the beginning of a section, the place that is meant.
    fn exact(&self, target: Target, addend: i64) -> Result<(Target, i64), LinkError> {
        let (section, start) = match target {
            Target::Place { section, offset } => (section, offset),
            Target::Symbol(number) => match self.object.symbols[number] {
                Symbol::Defined {
                    name,
                    section,
                    offset,
                    is_global: false,
                    ..
                } if name.starts_with(b"ltmp") => (section, offset),
                _ => return Ok((target, addend)),
            },
        };
        let offset = start.checked_add_signed(addend);
        let len = self.object.sections[section].len;
        match offset.filter(|offset| *offset <= len) {
            Some(offset) => Ok((Target::Place { section, offset }, 0)),
            None => Err(bad("an address is outside of its section")),
        }
    }

    /// An address in the object as what is added to the beginning of its section.
    fn in_section(&self, target: Target, address: i64) -> i64 {
        match target {
            Target::Place { section, .. } => {
                address - self.object.sections[section].address.cast_signed()
            }
            Target::Symbol(_) => address,
        }
    }

    fn pointer(&self) -> Result<Reloc, LinkError> {
        if self.info.r_length != 3 || self.info.r_pcrel {
            return Err(bad("an address is in less than 8 bytes"));
        }
        let target = self.target()?;
        let addend = self.in_section(target, self.contents()?);
        self.reloc(Form::Pointer, target, addend)
    }

    fn distance_from(&self, from: Target) -> Result<Reloc, LinkError> {
        // `ARM64_RELOC_UNSIGNED` has the same number.
        if self.info.r_type != macho::X86_64_RELOC_UNSIGNED {
            return Err(bad("a difference is of one address"));
        }
        let target = self.target()?;
        let bytes = 1 << self.info.r_length;
        let addend = self.in_section(target, self.contents()?);
        let (from, _) = self.exact(from, 0)?;
        self.reloc(Form::Distance { from, bytes }, target, addend)
    }

    fn of_aarch64(&self, addend: i64) -> Result<Reloc, LinkError> {
        let form = match self.info.r_type {
            macho::ARM64_RELOC_UNSIGNED => return self.pointer(),
            macho::ARM64_RELOC_BRANCH26 => Form::Branch,
            macho::ARM64_RELOC_PAGE21 => Form::Page,
            macho::ARM64_RELOC_PAGEOFF12 => Form::PageOffset,
            macho::ARM64_RELOC_GOT_LOAD_PAGE21 => Form::GotPage,
            macho::ARM64_RELOC_GOT_LOAD_PAGEOFF12 => Form::GotPageOffset,
            macho::ARM64_RELOC_POINTER_TO_GOT if self.info.r_pcrel => Form::GotPointer,
            macho::ARM64_RELOC_TLVP_LOAD_PAGE21 => Form::ThreadPage,
            macho::ARM64_RELOC_TLVP_LOAD_PAGEOFF12 => Form::ThreadPageOffset,
            other => return Err(unknown(other)),
        };
        self.reloc(form, self.target()?, addend)
    }

    fn of_x86_64(&self) -> Result<Reloc, LinkError> {
        // Bytes of the instruction behind the field.
        let (form, behind) = match self.info.r_type {
            macho::X86_64_RELOC_UNSIGNED => return self.pointer(),
            macho::X86_64_RELOC_SIGNED => (Form::Relative, 0),
            macho::X86_64_RELOC_SIGNED_1 => (Form::Relative, 1),
            macho::X86_64_RELOC_SIGNED_2 => (Form::Relative, 2),
            macho::X86_64_RELOC_SIGNED_4 => (Form::Relative, 4),
            macho::X86_64_RELOC_BRANCH => (Form::Branch, 0),
            macho::X86_64_RELOC_GOT_LOAD | macho::X86_64_RELOC_GOT => (Form::GotRelative, 0),
            macho::X86_64_RELOC_TLV => (Form::ThreadRelative, 0),
            other => return Err(unknown(other)),
        };
        if self.info.r_length != 2 {
            return Err(bad("a distance is not in 4 bytes"));
        }
        let (target, contents) = (self.target()?, self.contents()?);
        match target {
            // The distance in the object: what it leads to is the target.
            Target::Place { section, .. } => {
                let from = self.object.sections[self.section].address + self.offset() + 4 + behind;
                let address = from.wrapping_add_signed(contents);
                let start = self.object.sections[section].address;
                let to = address.wrapping_sub(start).cast_signed();
                let mut reloc = self.reloc(form, target, to)?;
                reloc.addend = -behind.cast_signed();
                Ok(reloc)
            }
            // The assembler has subtracted what is behind.
            Target::Symbol(_) => self.reloc(form, target, contents),
        }
    }
}

fn unknown(kind: macho::RelocationType) -> LinkError {
    bad(&format!("a relocation is of the unknown kind {}", kind.0))
}
