//! Read-only data under construction: bytes, and addresses that the linker fills in.

use crate::index::FuncId;

/// A growing section.
#[derive(Default, Debug)]
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    pub(super) addresses: Vec<(u64, Address)>,
}

/// What an 8-byte address in a section refers to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Address {
    /// The blob itself, at an offset.
    Blob(u64),
    /// The entry of a compiled function.
    Code(FuncId),
    /// The start of compiled code.
    Text,
    /// A symbol of the runtime library.
    Symbol(String),
}

impl Blob {
    pub(super) fn align(&mut self, align: usize) -> u64 {
        self.bytes
            .resize(self.bytes.len().next_multiple_of(align), 0);
        self.bytes.len() as u64
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) -> u64 {
        let at = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        at
    }

    pub(super) fn u32s(&mut self, values: impl IntoIterator<Item = u32>) -> u64 {
        let at = self.align(8);
        for value in values {
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
        at
    }

    /// Zeroed room for a structure of `bytes` bytes.
    pub(super) fn reserve(&mut self, bytes: usize) -> u64 {
        let at = self.align(16);
        self.bytes.resize(self.bytes.len() + bytes, 0);
        at
    }

    pub(super) fn set_u64(&mut self, at: u64, value: u64) {
        let at = usize::try_from(at).expect("64-bit host");
        self.bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    pub(super) fn set_u32(&mut self, at: u64, value: u32) {
        let at = usize::try_from(at).expect("64-bit host");
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    pub(super) fn set_address(&mut self, at: u64, address: Address) {
        self.addresses.push((at, address));
    }
}
