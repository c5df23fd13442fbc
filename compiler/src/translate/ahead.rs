//! What stands behind the instruction that is translated: so much of it as one instruction has to know.

use wasmparser::BinaryReader;

const ELSE: u8 = 0x05;
const END: u8 = 0x0b;
const I64_CONST: u8 = 0x42;
pub(super) const I32_SUB: u8 = 0x6b;
const I64_ADD: u8 = 0x7c;
pub(super) const I64_SUB: u8 = 0x7d;
pub(super) const I32_WRAP_I64: u8 = 0xa7;

/// What is behind the instruction that is translated.
#[derive(Default)]
pub(super) struct Ahead<'a> {
    bytes: &'a [u8],
    /// So many instructions there are done already.
    pub(super) done: usize,
}

impl<'a> Ahead<'a> {
    /// Goes on to an instruction with these bytes behind it: whether there is anything to do.
    pub(super) fn go_on(&mut self, bytes: &'a [u8]) -> bool {
        self.bytes = bytes;
        let is_done = self.done > 0;
        self.done -= usize::from(is_done);
        !is_done
    }

    pub(super) fn is(&self, opcode: u8) -> bool {
        self.bytes.first() == Some(&opcode)
    }

    /// Whether an arm or a frame ends.
    pub(super) fn ends(&self) -> bool {
        self.is(END) || self.is(ELSE)
    }

    /// What is added to 64 bits of which the lower half is taken.
    pub(super) fn added_and_wrapped(&self) -> Option<i64> {
        if !self.is(I64_CONST) {
            return None;
        }
        let mut reader = BinaryReader::new(&self.bytes[1..], 0);
        let number = reader.read_var_i64().ok()?;
        let next = [reader.read_u8().ok()?, reader.read_u8().ok()?];
        (next == [I64_ADD, I32_WRAP_I64]).then_some(number)
    }
}
