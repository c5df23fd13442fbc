//! An object in Mach-O, as far as linking asks.

use object::LittleEndian as LE;
use object::macho::{
    MH_SUBSECTIONS_VIA_SYMBOLS, MachHeader64, N_ALT_ENTRY, N_EXT, N_NO_DEAD_STRIP, N_PEXT, N_STAB,
    N_TYPE, N_WEAK_DEF, N_WEAK_REF, Nlist64, S_4BYTE_LITERALS, S_8BYTE_LITERALS, S_16BYTE_LITERALS,
    S_ATTR_DEBUG, S_ATTR_NO_DEAD_STRIP, S_ATTR_PURE_INSTRUCTIONS, S_ATTR_SOME_INSTRUCTIONS,
    S_CSTRING_LITERALS, S_GB_ZEROFILL, S_MOD_INIT_FUNC_POINTERS, S_THREAD_LOCAL_ZEROFILL,
    S_ZEROFILL, SECTION_TYPE,
};
use object::read::macho::{MachOFile, MachOFile64, Nlist as _};
use object::{Object as _, ObjectSection, SymbolIndex};

use super::processor::{Processor, bad};
use super::relocation::{Form, Reloc};
use crate::error::LinkError;

pub(super) struct Object<'a> {
    pub(super) sections: Vec<Section<'a>>,
    /// By their numbers in the file.
    pub(super) symbols: Vec<Symbol<'a>>,
}

pub(super) struct Section<'a> {
    pub(super) segment: &'a [u8],
    pub(super) name: &'a [u8],
    /// Nothing where all is zero.
    pub(super) bytes: &'a [u8],
    pub(super) address: u64,
    pub(super) len: u64,
    pub(super) align: u64,
    pub(super) flags: u32,
    /// Where its pieces begin, in ascending order; the first at zero.
    starts: Vec<u64>,
    /// Pieces that are used whoever refers to them.
    pub(super) kept: Vec<usize>,
    /// In ascending order.
    pub(super) relocs: Vec<Reloc>,
}

/// What a symbol stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Symbol<'a> {
    Nothing,
    Defined {
        name: &'a [u8],
        section: usize,
        offset: u64,
        /// Other objects know it.
        is_global: bool,
        /// Another of this name is taken first.
        is_weak: bool,
    },
    Absolute(u64),
    Undefined {
        name: &'a [u8],
        /// There may be none.
        is_weak: bool,
    },
}

impl<'a> Section<'a> {
    /// `S_REGULAR` and its like.
    pub(super) fn kind(&self) -> u32 {
        self.flags & SECTION_TYPE
    }

    pub(super) fn is_code(&self) -> bool {
        self.flags & (S_ATTR_PURE_INSTRUCTIONS.0 | S_ATTR_SOME_INSTRUCTIONS.0) != 0
    }

    pub(super) fn is_zeros(&self) -> bool {
        let zeros = [S_ZEROFILL, S_GB_ZEROFILL, S_THREAD_LOCAL_ZEROFILL];
        zeros.iter().any(|kind| u32::from(kind.0) == self.kind())
    }

    /// What nobody reads when the program runs, and what describes frames.
    pub(super) fn is_left_out(&self) -> bool {
        self.flags & S_ATTR_DEBUG.0 != 0
            || self.segment == b"__DWARF"
            || self.segment == b"__LD"
            || self.segment == b"__LLVM"
            || self.name == b"__eh_frame"
            || self.name == b"__gcc_except_tab"
    }

    pub(super) fn pieces(&self) -> usize {
        self.starts.len()
    }

    /// The piece that a place is in, or at the end of, the last one's.
    pub(super) fn piece_at(&self, offset: u64) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1) - 1
    }

    pub(super) fn range(&self, piece: usize) -> std::ops::Range<u64> {
        let end = self.starts.get(piece + 1).copied().unwrap_or(self.len);
        self.starts[piece]..end
    }

    pub(super) fn relocs_of(&self, piece: usize) -> &[Reloc] {
        let range = self.range(piece);
        let before = |offset: u64| self.relocs.partition_point(|reloc| reloc.offset < offset);
        &self.relocs[before(range.start)..before(range.end)]
    }

    /// Whether a piece has addresses in it, which the loader changes.
    pub(super) fn has_addresses(&self, piece: usize) -> bool {
        let mut relocs = self.relocs_of(piece).iter();
        relocs.any(|reloc| matches!(reloc.form, Form::Pointer))
    }
}

impl<'a> Object<'a> {
    /// All but the relocations, which the file has.
    pub(super) fn parse(
        bytes: &'a [u8],
        processor: Processor,
    ) -> Result<(Object<'a>, MachOFile64<'a, LE>), LinkError> {
        let failed = |error: object::read::Error| LinkError::Failed(error.to_string());
        let file: MachOFile64<'a, LE> = MachOFile::parse(bytes).map_err(failed)?;
        if file.macho_header().cputype.get(LE).0 != processor.cpu_type() {
            return Err(bad("it is for another processor"));
        }
        let mut sections = Vec::new();
        for section in file.sections() {
            sections.push(Section::parse(&section).map_err(failed)?);
        }
        let table = file.macho_symbol_table();
        let mut symbols = Vec::with_capacity(table.len());
        for (_, symbol) in table.enumerate() {
            let name = symbol.name(LE, table.strings()).map_err(failed)?;
            symbols.push(parse_symbol(symbol, name, &sections)?);
        }
        let mut object = Object { sections, symbols };
        let flags = file.macho_header().flags.get(LE).0;
        let may_cut = flags & MH_SUBSECTIONS_VIA_SYMBOLS.0 != 0;
        for index in 0..object.symbols.len() {
            let symbol = table.symbol(SymbolIndex(index)).map_err(failed)?;
            object.cut(index, symbol, may_cut);
        }
        object.sections.iter_mut().for_each(Section::finish);
        Ok((object, file))
    }

    /// Begins a piece where a symbol is, if it begins one.
    fn cut(&mut self, index: usize, symbol: &Nlist64<LE>, may_cut: bool) {
        let Symbol::Defined {
            section, offset, ..
        } = self.symbols[index]
        else {
            return;
        };
        let section = &mut self.sections[section];
        let description = symbol.n_desc.get(LE).0;
        if may_cut && description & N_ALT_ENTRY.0 == 0 && offset < section.len {
            section.starts.push(offset);
        }
        if description & N_NO_DEAD_STRIP.0 != 0 {
            // For now its place: the pieces are not known yet.
            section.kept.push(offset as usize);
        }
    }
}

impl<'a> Section<'a> {
    fn parse(
        section: &object::read::macho::MachOSection<'a, '_, MachHeader64<LE>>,
    ) -> object::read::Result<Section<'a>> {
        let header = section.macho_section();
        let text = |name: &'a [u8; 16]| -> &'a [u8] {
            name.split(|byte| *byte == 0).next().unwrap_or_default()
        };
        let mut section = Section {
            segment: text(&header.segname),
            name: text(&header.sectname),
            bytes: &[],
            address: header.addr.get(LE),
            len: header.size.get(LE),
            align: 1 << header.align.get(LE).min(15),
            flags: header.flags.get(LE).0,
            starts: vec![0],
            kept: Vec::new(),
            relocs: Vec::new(),
        }
        .with_bytes(section.data()?);
        section.cut_literals();
        Ok(section)
    }

    fn with_bytes(mut self, bytes: &'a [u8]) -> Section<'a> {
        if !self.is_zeros() {
            self.bytes = bytes;
            self.len = bytes.len() as u64;
        }
        self
    }

    /// Constants, each of which stands by itself.
    fn cut_literals(&mut self) {
        let step = match self.kind() as u8 {
            it if it == S_4BYTE_LITERALS.0 => 4,
            it if it == S_8BYTE_LITERALS.0 => 8,
            it if it == S_16BYTE_LITERALS.0 => 16,
            it if it == S_CSTRING_LITERALS.0 => {
                let bytes = self.bytes.iter().enumerate();
                let ends = bytes.filter(|(_, byte)| **byte == 0);
                self.starts.extend(ends.map(|(at, _)| at as u64 + 1));
                return;
            }
            _ => return,
        };
        self.starts.extend((0..self.len).step_by(step));
    }

    /// Puts in order what the symbols have said.
    fn finish(&mut self) {
        let len = self.len;
        self.starts.retain(|start| *start < len.max(1));
        self.starts.sort_unstable();
        self.starts.dedup();
        let places = std::mem::take(&mut self.kept);
        let pieces = places.iter().map(|place| self.piece_at(*place as u64));
        self.kept = pieces.collect();
        let is_kept = self.flags & S_ATTR_NO_DEAD_STRIP.0 != 0;
        if is_kept || self.kind() == u32::from(S_MOD_INIT_FUNC_POINTERS.0) {
            self.kept = (0..self.pieces()).collect();
        }
    }

    pub(super) fn set_relocs(&mut self, mut relocs: Vec<Reloc>) {
        relocs.sort_by_key(|reloc| reloc.offset);
        self.relocs = relocs;
    }
}

fn parse_symbol<'a>(
    symbol: &Nlist64<LE>,
    name: &'a [u8],
    sections: &[Section<'_>],
) -> Result<Symbol<'a>, LinkError> {
    let flags = symbol.n_type.0;
    let description = symbol.n_desc.get(LE).0;
    if flags & N_STAB != 0 {
        return Ok(Symbol::Nothing);
    }
    let value = symbol.n_value.get(LE);
    Ok(match flags & N_TYPE {
        // `N_UNDF`
        0 if value != 0 => return Err(bad("it has a common symbol")),
        0 => Symbol::Undefined {
            name,
            is_weak: description & N_WEAK_REF.0 != 0,
        },
        // `N_ABS`
        2 => Symbol::Absolute(value),
        // `N_SECT`
        0xe => {
            let section = usize::from(symbol.n_sect).wrapping_sub(1);
            let start = sections.get(section).map(|section| section.address);
            let offset = start.and_then(|start| value.checked_sub(start));
            let offset = offset.ok_or_else(|| bad("a symbol is in no section"))?;
            Symbol::Defined {
                name,
                section,
                offset,
                is_global: flags & (N_EXT.0 | N_PEXT.0) != 0,
                is_weak: description & N_WEAK_DEF.0 != 0,
            }
        }
        _ => return Err(bad("a symbol is of an unknown kind")),
    })
}
