//! Bytes with addresses in them: the initial contents of contexts.

use super::Record;
use crate::index::{DataIndex, ElemIndex, FuncId, InstanceIndex};

/// Initial contents of the bytes below a memory, addressed by negative offsets from its byte 0.
#[derive(Default, Debug)]
pub struct Image {
    /// Ends at the memory's byte 0.
    pub bytes: Vec<u8>,
    /// 8-byte addresses to be filled in by the linker.
    pub relocs: Vec<(i32, Reloc)>,
}

/// What a reference is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reference {
    Word(u64),
    Address(Reloc),
}

/// What an address in an image, or in read-only data, refers to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reloc {
    /// The entry of a compiled function.
    Code(FuncId),
    /// A `FuncRef` record, by position.
    FuncRef(usize),
    /// The bytes of a data segment.
    Data {
        unit: usize,
        segment: DataIndex,
    },
    /// The values of an element segment, 8 bytes each.
    Elements {
        instance: InstanceIndex,
        segment: ElemIndex,
    },
    Record(Record),
    /// Where the runtime keeps the address of a profile's first counter.
    ProfileCounters,
}

impl Image {
    /// Bytes at `offset`, which is negative.
    pub fn write(&mut self, offset: i32, bytes: &[u8]) {
        let start = self.position(offset);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
    }

    pub fn write_u64(&mut self, offset: i32, value: u64) {
        self.write(offset, &value.to_le_bytes());
    }

    pub fn write_address(&mut self, offset: i32, target: Reloc) {
        self.relocs.push((offset, target));
    }

    /// A reference, in 8 bytes.
    pub fn write_reference(&mut self, offset: i32, reference: Reference) {
        match reference {
            Reference::Word(word) => self.write_u64(offset, word),
            Reference::Address(target) => self.write_address(offset, target),
        }
    }

    /// Position in `bytes` of a negative offset.
    #[must_use]
    pub fn position(&self, offset: i32) -> usize {
        let back = offset.unsigned_abs() as usize;
        self.bytes.len() - back
    }
}
