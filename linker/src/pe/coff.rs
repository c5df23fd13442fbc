//! An object in COFF, as far as linking asks.

use object::coff::{CoffFile, Symbol as _};
use object::pe::{
    IMAGE_SCN_LNK_REMOVE, IMAGE_SYM_CLASS_EXTERNAL, IMAGE_SYM_CLASS_WEAK_EXTERNAL, ImageRelocation,
    ImageSymbol, SectionFlags,
};
use object::read::{Result, SectionIndex, SymbolIndex};
use object::{LittleEndian as LE, Object as _, ObjectSection};

pub(super) struct Object<'a> {
    pub(super) sections: Vec<Section<'a>>,
    /// By their numbers in the file; what belongs to the one before is [`Symbol::Nothing`].
    pub(super) symbols: Vec<Symbol<'a>>,
}

pub(super) struct Section<'a> {
    pub(super) name: &'a [u8],
    /// Nothing where all is zero.
    pub(super) bytes: &'a [u8],
    pub(super) len: u32,
    pub(super) align: u32,
    pub(super) flags: SectionFlags,
    pub(super) relocations: &'a [ImageRelocation],
}

/// What a symbol stands for.
#[derive(Clone, Copy)]
pub(super) enum Symbol<'a> {
    Nothing,
    /// A place in a section, and the name by which other objects know it.
    Defined {
        section: usize,
        offset: u32,
        name: Option<&'a [u8]>,
    },
    Absolute(u32),
    Undefined(&'a [u8]),
    /// As above, and what stands for it where nobody defines it.
    Weak(&'a [u8], usize),
}

impl<'a> Object<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Object<'a>> {
        let file = CoffFile::<&[u8]>::parse(bytes)?;
        let mut sections = Vec::new();
        for section in file.sections() {
            let header = section.coff_section();
            let name = header.name(file.coff_symbol_table().strings())?;
            sections.push(Section {
                name,
                bytes: section.data()?,
                len: header.size_of_raw_data.get(LE),
                align: u32::try_from(section.align()).unwrap_or(1).max(1),
                flags: header.characteristics.get(LE),
                relocations: section.coff_relocations()?,
            });
        }
        let table = file.coff_symbol_table();
        let mut symbols = vec![Symbol::Nothing; table.len()];
        for (index, symbol) in table.iter() {
            let name = symbol.name(table.strings())?;
            symbols[index.0] = parse_symbol(symbol, name, index, &file, sections.len())?;
        }
        Ok(Object { sections, symbols })
    }

    /// What nobody reads, and what is put together of the frames of functions.
    pub(super) fn is_left_out(&self, section: usize) -> bool {
        let section = &self.sections[section];
        section.flags.contains(IMAGE_SCN_LNK_REMOVE)
            || [&b".debug"[..], b".pdata"]
                .iter()
                .any(|beginning| section.name.starts_with(beginning))
    }
}

fn parse_symbol<'a>(
    symbol: &'a ImageSymbol,
    name: &'a [u8],
    index: SymbolIndex,
    file: &CoffFile<'a>,
    sections: usize,
) -> Result<Symbol<'a>> {
    let class = symbol.storage_class();
    let is_global = class == IMAGE_SYM_CLASS_EXTERNAL;
    if class == IMAGE_SYM_CLASS_WEAK_EXTERNAL {
        let more = file.coff_symbol_table().aux_weak_external(index)?;
        let default = more.weak_default_sym_index.get(LE) as usize;
        return Ok(Symbol::Weak(name, default));
    }
    if let Some(SectionIndex(number)) = symbol.section() {
        let Some(section) = number.checked_sub(1).filter(|it| *it < sections) else {
            return Ok(Symbol::Nothing);
        };
        return Ok(Symbol::Defined {
            section,
            offset: symbol.value(),
            name: is_global.then_some(name),
        });
    }
    Ok(match symbol.section_number() {
        object::pe::IMAGE_SYM_ABSOLUTE => Symbol::Absolute(symbol.value()),
        object::pe::IMAGE_SYM_UNDEFINED if is_global => Symbol::Undefined(name),
        _ => Symbol::Nothing,
    })
}
