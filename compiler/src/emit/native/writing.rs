//! Sections under construction.

use gimli::write::{Address, EndianVec, RelocateWriter, Relocation, RelocationTarget};
use gimli::{Encoding, Format, LittleEndian, SectionId};

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

/// Where lists of locations are.
pub(super) const LISTS_SECTION: &str = ".debug_loclists";

/// Bytes of an address of the machine.
pub(super) const ADDRESS_BYTES: u64 = 8;

const CODE: usize = 0;
const STORE: usize = 1;

/// A place in the code.
pub(super) fn address(offset: u32) -> Address {
    Address::Symbol {
        symbol: CODE,
        addend: offset.into(),
    }
}

/// Where the runtime keeps the address of the first store.
pub(super) const STORE_ADDRESS: Address = Address::Symbol {
    symbol: STORE,
    addend: 0,
};

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
                RelocationTarget::Symbol(STORE) => DebugTarget::Store,
                RelocationTarget::Symbol(_) => DebugTarget::Code,
                // Lists of locations are not gimli's: references to them are made as such.
                RelocationTarget::Section(SectionId::DebugMacro) => {
                    DebugTarget::Section(LISTS_SECTION)
                }
                RelocationTarget::Section(id) => DebugTarget::Section(id.name()),
            },
            addend: relocation.addend,
        });
    }
}

/// Strings of DWARF end at a zero byte, and some must not be empty.
pub(super) fn clean(text: &str) -> Vec<u8> {
    let text: Vec<u8> = text.bytes().filter(|&byte| byte != 0).collect();
    match text.is_empty() {
        true => b"?".to_vec(),
        false => text,
    }
}
