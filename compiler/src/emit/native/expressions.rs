//! Expressions under construction.

use super::writing::{
    ADDRESS_BYTES, ADDRESS_SIZE, ADDRESSES, DebugReloc, DebugSection, DebugTarget, unsigned,
};
use gimli::leb128::write::Leb128;
use gimli::{DwOp, Register, constants};

pub(super) struct Expression {
    pub(super) bytes: Vec<u8>,
    /// It asks for the first store.
    pub(super) asks_store: bool,
}

/// The number of the address at which the runtime keeps that of the first store: it is the only one in
/// the table of addresses.
const STORE: u8 = 0;

/// Bytes of the head of that table.
pub(super) const ADDRESSES_HEADER_BYTES: usize = 8;

/// Registers with smaller numbers have operations of their own.
const SHORT_REGISTERS: u16 = 32;

/// And so have smaller constants.
const SHORT_CONSTANTS: u64 = 32;

/// Most are not longer.
const EXPRESSION_BYTES: usize = 32;

impl Default for Expression {
    fn default() -> Expression {
        Expression {
            bytes: Vec::with_capacity(EXPRESSION_BYTES),
            asks_store: false,
        }
    }
}

impl Expression {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.asks_store = false;
    }

    fn unsigned(&mut self, value: u64) {
        unsigned(&mut self.bytes, value);
    }

    fn signed(&mut self, value: i64) {
        self.bytes.extend(Leb128::signed(value).bytes());
    }

    /// The form of an operation with a register's number in it, or that with the number behind it.
    fn register(&mut self, register: Register, short: DwOp, long: DwOp) {
        match u8::try_from(register.0) {
            Ok(number) if register.0 < SHORT_REGISTERS => self.bytes.push(short.0 + number),
            _ => {
                self.op(long);
                self.unsigned(register.0.into());
            }
        }
    }

    fn branch(&mut self, operation: DwOp) -> usize {
        self.op(operation);
        self.bytes.extend([0, 0]);
        self.bytes.len()
    }

    pub(super) fn op(&mut self, operation: DwOp) {
        self.bytes.push(operation.0);
    }

    /// Pushes the address at which the runtime keeps that of the first store.
    pub(super) fn op_store(&mut self) {
        self.op(constants::DW_OP_addrx);
        self.bytes.push(STORE);
        self.asks_store = true;
    }

    pub(super) fn op_constu(&mut self, value: u64) {
        match u8::try_from(value) {
            Ok(small) if value < SHORT_CONSTANTS => {
                self.bytes.push(constants::DW_OP_lit0.0 + small);
            }
            _ => {
                self.op(constants::DW_OP_constu);
                self.unsigned(value);
            }
        }
    }

    pub(super) fn op_consts(&mut self, value: i64) {
        self.op(constants::DW_OP_consts);
        self.signed(value);
    }

    pub(super) fn op_plus_uconst(&mut self, value: u64) {
        self.op(constants::DW_OP_plus_uconst);
        self.unsigned(value);
    }

    pub(super) fn op_fbreg(&mut self, offset: i64) {
        self.op(constants::DW_OP_fbreg);
        self.signed(offset);
    }

    pub(super) fn op_breg(&mut self, register: Register, offset: i64) {
        self.register(register, constants::DW_OP_breg0, constants::DW_OP_bregx);
        self.signed(offset);
    }

    pub(super) fn op_reg(&mut self, register: Register) {
        self.register(register, constants::DW_OP_reg0, constants::DW_OP_regx);
    }

    pub(super) fn op_deref(&mut self) {
        self.op(constants::DW_OP_deref);
    }

    pub(super) fn op_deref_size(&mut self, bytes: u8) {
        self.op(constants::DW_OP_deref_size);
        self.bytes.push(bytes);
    }

    pub(super) fn op_piece(&mut self, bytes: u64) {
        self.op(constants::DW_OP_piece);
        self.unsigned(bytes);
    }

    /// A branch if the value on top is not zero; gives it a number for [`Self::set_target`].
    pub(super) fn op_bra(&mut self) -> usize {
        self.branch(constants::DW_OP_bra)
    }

    pub(super) fn op_skip(&mut self) -> usize {
        self.branch(constants::DW_OP_skip)
    }

    /// A branch goes to what comes next.
    pub(super) fn set_target(&mut self, branch: usize) {
        let distance = i16::try_from(self.bytes.len() - branch).expect("branches are short");
        self.bytes[branch - 2..branch].copy_from_slice(&distance.to_le_bytes());
    }
}

/// The table of addresses, which has one: that at which the runtime keeps that of the first store.
pub(super) fn addresses() -> DebugSection {
    let length = 4 + ADDRESS_SIZE;
    let mut bytes = vec![length, 0, 0, 0, 5, 0, ADDRESS_SIZE, 0];
    let offset = ADDRESSES_HEADER_BYTES;
    bytes.resize(offset + ADDRESS_BYTES as usize, 0);
    DebugSection {
        name: ADDRESSES,
        bytes,
        relocs: vec![DebugReloc {
            offset,
            bytes: ADDRESS_SIZE,
            target: DebugTarget::Store,
            addend: 0,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gimli::{Encoding, Format, LittleEndian, read};

    #[test]
    fn what_is_written_is_read() {
        let mut out = Expression::default();
        out.op_breg(Register(3), -129);
        out.op_breg(Register(70), 5);
        out.op_constu(u32::MAX.into());
        out.op_constu(7);
        out.op(constants::DW_OP_and);
        let branch = out.op_bra();
        let skip = out.op_skip();
        out.set_target(branch);
        out.op_plus_uconst(1 << 20);
        out.op_consts(-1);
        out.set_target(skip);
        out.op_fbreg(-300);
        out.op_deref();
        out.op_deref_size(4);
        out.op_piece(8);
        out.op_reg(Register(17));
        out.op_reg(Register(33));
        assert!(!out.asks_store);
        out.op_store();
        assert!(out.asks_store);
        let encoding = Encoding {
            format: Format::Dwarf32,
            version: 5,
            address_size: 8,
        };
        let reader = read::EndianSlice::new(&out.bytes, LittleEndian);
        let mut all = read::Expression(reader).operations(encoding);
        let mut operations = Vec::new();
        while let Some(operation) = all.next().expect("it is an expression") {
            operations.push(format!("{operation:?}"));
        }
        let expected = [
            "RegisterOffset { register: Register(3), offset: -129, base_type: UnitOffset(0) }",
            "RegisterOffset { register: Register(70), offset: 5, base_type: UnitOffset(0) }",
            "UnsignedConstant { value: 4294967295 }",
            "UnsignedConstant { value: 7 }",
            "And",
            "Bra { target: 3 }",
            "Skip { target: 6 }",
            "PlusConstant { value: 1048576 }",
            "SignedConstant { value: -1 }",
            "FrameOffset { offset: -300 }",
            "Deref { base_type: UnitOffset(0), size: 8, space: false }",
            "Deref { base_type: UnitOffset(0), size: 4, space: false }",
            "Piece { size_in_bits: 64, bit_offset: None }",
            "Register { register: Register(17) }",
            "Register { register: Register(33) }",
            "AddressIndex { index: DebugAddrIndex(0) }",
        ];
        assert_eq!(operations, expected);
    }
}
