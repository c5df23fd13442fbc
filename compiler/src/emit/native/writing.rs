//! Sections under construction.

use gimli::write::{Address, EndianVec, RelocateWriter, Relocation, RelocationTarget, Writer as _};
use gimli::{Encoding, Format, LittleEndian, SectionId};
use std::borrow::Cow;

/// A section that nothing loads.
#[derive(Debug)]
pub struct DebugSection {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    pub relocs: Vec<DebugReloc>,
}

/// Where such a section refers to something.
#[derive(Clone, Copy, Debug)]
pub struct DebugReloc {
    pub offset: usize,
    pub bytes: u8,
    pub target: DebugTarget,
    pub addend: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DebugTarget {
    /// The code.
    Code,
    /// Another such section.
    Section(&'static str),
    /// Where the runtime keeps the address of the first store.
    Store,
}

/// DWARF where addresses are those of code, as distances from its start.
pub(super) const ENCODING: Encoding = Encoding {
    format: Format::Dwarf32,
    version: 5,
    address_size: 8,
};

pub(super) const ABBREVIATIONS: &str = ".debug_abbrev";
pub(super) const ADDRESSES: &str = ".debug_addr";
pub(super) const LINES: &str = ".debug_line";
pub(super) const LOCATIONS: &str = ".debug_loclists";
pub(super) const RANGES: &str = ".debug_rnglists";
pub(super) const TEXTS: &str = ".debug_str";
pub(super) const TEXT_OFFSETS: &str = ".debug_str_offsets";

/// Bytes of a table's length, which does not count them.
const LENGTH_BYTES: usize = 4;

/// Bytes of an address of the machine.
pub(super) const ADDRESS_BYTES: u64 = 8;
pub(super) const ADDRESS_SIZE: u8 = 8;

const CODE: usize = 0;

/// A place in the code.
pub(super) fn address(offset: u32) -> Address {
    Address::Symbol {
        symbol: CODE,
        addend: offset.into(),
    }
}

#[derive(Clone)]
pub(super) struct Writing {
    bytes: EndianVec<LittleEndian>,
    relocs: Vec<DebugReloc>,
}

impl Default for Writing {
    fn default() -> Writing {
        Writing {
            bytes: EndianVec::new(LittleEndian),
            relocs: Vec::new(),
        }
    }
}

impl Writing {
    /// Adds to the last table, which begins there with its length, what comes behind its head.
    pub(super) fn lengthen(&mut self, table: usize, bytes: Vec<u8>, relocs: Vec<DebugReloc>) {
        let start = self.bytes.len();
        let length = start + bytes.len() - table - LENGTH_BYTES;
        let size = LENGTH_BYTES.to_le_bytes()[0];
        let written = self.bytes.write(&bytes);
        let written = written.and(self.bytes.write_udata_at(table, length as u64, size));
        written.expect("the table is there");
        self.relocs
            .extend(relocs.into_iter().map(|reloc| DebugReloc {
                offset: start + reloc.offset,
                ..reloc
            }));
    }

    /// The section, unless it is empty.
    pub(super) fn finish(&mut self, id: SectionId) -> Option<DebugSection> {
        let bytes = self.bytes.take();
        (!bytes.is_empty()).then(|| DebugSection {
            name: id.name(),
            bytes,
            relocs: std::mem::take(&mut self.relocs),
        })
    }
}

impl RelocateWriter for Writing {
    type Writer = EndianVec<LittleEndian>;

    fn writer(&self) -> &Self::Writer {
        &self.bytes
    }

    fn writer_mut(&mut self) -> &mut Self::Writer {
        &mut self.bytes
    }

    fn relocate(&mut self, relocation: Relocation) {
        self.relocs.push(DebugReloc {
            offset: relocation.offset,
            bytes: relocation.size,
            target: match relocation.target {
                RelocationTarget::Symbol(_) => DebugTarget::Code,
                RelocationTarget::Section(id) => DebugTarget::Section(id.name()),
            },
            addend: relocation.addend,
        });
    }
}

/// Adds a number in LEB128.
pub(super) fn unsigned(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    to.push(value.to_le_bytes()[0]);
}

/// Strings of DWARF end at a zero byte, and some must not be empty.
pub(super) fn clean(text: &str) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Cow::Borrowed(b"?");
    }
    if !bytes.contains(&0) {
        return Cow::Borrowed(bytes);
    }
    let bytes: Vec<u8> = bytes.iter().copied().filter(|&byte| byte != 0).collect();
    match bytes.is_empty() {
        true => Cow::Borrowed(b"?"),
        false => Cow::Owned(bytes),
    }
}
