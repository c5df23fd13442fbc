//! Expressions under construction: as gimli writes them into attributes, and as bytes for lists of
//! locations, of which there are many more.

use super::writing::STORE_ADDRESS;
use gimli::leb128::write::Leb128;
use gimli::write::Expression;
use gimli::{DwOp, Register, constants};

/// What expressions are made of.
pub(super) trait Sink: Default {
    fn op(&mut self, operation: DwOp);
    /// Pushes the address at which the runtime keeps that of the first store.
    fn op_store(&mut self);
    fn op_constu(&mut self, value: u64);
    fn op_consts(&mut self, value: i64);
    fn op_plus_uconst(&mut self, value: u64);
    fn op_fbreg(&mut self, offset: i64);
    fn op_breg(&mut self, register: Register, offset: i64);
    fn op_reg(&mut self, register: Register);
    fn op_deref(&mut self);
    fn op_deref_size(&mut self, bytes: u8);
    fn op_piece(&mut self, bytes: u64);
    /// A branch if the value on top is not zero; gives it a number for [`Sink::set_target`].
    fn op_bra(&mut self) -> usize;
    fn op_skip(&mut self) -> usize;
    /// A branch goes to what comes next.
    fn set_target(&mut self, branch: usize);
}

impl Sink for Expression {
    fn op(&mut self, operation: DwOp) {
        Expression::op(self, operation);
    }

    fn op_store(&mut self) {
        self.op_addr(STORE_ADDRESS);
    }

    fn op_constu(&mut self, value: u64) {
        Expression::op_constu(self, value);
    }

    fn op_consts(&mut self, value: i64) {
        Expression::op_consts(self, value);
    }

    fn op_plus_uconst(&mut self, value: u64) {
        Expression::op_plus_uconst(self, value);
    }

    fn op_fbreg(&mut self, offset: i64) {
        Expression::op_fbreg(self, offset);
    }

    fn op_breg(&mut self, register: Register, offset: i64) {
        Expression::op_breg(self, register, offset);
    }

    fn op_reg(&mut self, register: Register) {
        Expression::op_reg(self, register);
    }

    fn op_deref(&mut self) {
        Expression::op_deref(self);
    }

    fn op_deref_size(&mut self, bytes: u8) {
        Expression::op_deref_size(self, bytes);
    }

    fn op_piece(&mut self, bytes: u64) {
        Expression::op_piece(self, bytes);
    }

    fn op_bra(&mut self) -> usize {
        Expression::op_bra(self)
    }

    fn op_skip(&mut self) -> usize {
        Expression::op_skip(self)
    }

    fn set_target(&mut self, branch: usize) {
        let next = self.next_index();
        Expression::set_target(self, branch, next);
    }
}

/// An expression in bytes.
#[derive(Default)]
pub(super) struct Bytes {
    pub(super) bytes: Vec<u8>,
    /// Where the address goes at which the runtime keeps that of the first store.
    pub(super) stores: Vec<usize>,
}

/// Registers with smaller numbers have operations of their own.
const SHORT_REGISTERS: u16 = 32;

/// And so have smaller constants.
const SHORT_CONSTANTS: u64 = 32;

impl Bytes {
    fn unsigned(&mut self, value: u64) {
        match u8::try_from(value) {
            Ok(byte) if byte < 0x80 => self.bytes.push(byte),
            _ => self.bytes.extend(Leb128::unsigned(value).bytes()),
        }
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
}

impl Sink for Bytes {
    fn op(&mut self, operation: DwOp) {
        self.bytes.push(operation.0);
    }

    fn op_store(&mut self) {
        self.op(constants::DW_OP_addr);
        self.stores.push(self.bytes.len());
        self.bytes.extend([0; 8]);
    }

    fn op_constu(&mut self, value: u64) {
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

    fn op_consts(&mut self, value: i64) {
        self.op(constants::DW_OP_consts);
        self.signed(value);
    }

    fn op_plus_uconst(&mut self, value: u64) {
        self.op(constants::DW_OP_plus_uconst);
        self.unsigned(value);
    }

    fn op_fbreg(&mut self, offset: i64) {
        self.op(constants::DW_OP_fbreg);
        self.signed(offset);
    }

    fn op_breg(&mut self, register: Register, offset: i64) {
        self.register(register, constants::DW_OP_breg0, constants::DW_OP_bregx);
        self.signed(offset);
    }

    fn op_reg(&mut self, register: Register) {
        self.register(register, constants::DW_OP_reg0, constants::DW_OP_regx);
    }

    fn op_deref(&mut self) {
        self.op(constants::DW_OP_deref);
    }

    fn op_deref_size(&mut self, bytes: u8) {
        self.op(constants::DW_OP_deref_size);
        self.bytes.push(bytes);
    }

    fn op_piece(&mut self, bytes: u64) {
        self.op(constants::DW_OP_piece);
        self.unsigned(bytes);
    }

    fn op_bra(&mut self) -> usize {
        self.branch(constants::DW_OP_bra)
    }

    fn op_skip(&mut self) -> usize {
        self.branch(constants::DW_OP_skip)
    }

    fn set_target(&mut self, branch: usize) {
        let distance = i16::try_from(self.bytes.len() - branch).expect("branches are short");
        self.bytes[branch - 2..branch].copy_from_slice(&distance.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gimli::write::EndianVec;
    use gimli::{Encoding, Format, LittleEndian, read};

    /// The same expression both ways is the same to who reads it.
    #[test]
    fn both_say_the_same() {
        fn build<S: Sink>() -> S {
            let mut out = S::default();
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
            out
        }
        let encoding = Encoding {
            format: Format::Dwarf32,
            version: 5,
            address_size: 8,
        };
        let read = |bytes: &[u8]| {
            let mut operations = Vec::new();
            let reader = read::EndianSlice::new(bytes, LittleEndian);
            let mut all = read::Expression(reader).operations(encoding);
            while let Some(operation) = all.next().expect("it is an expression") {
                operations.push(format!("{operation:?}"));
            }
            operations
        };
        let mut unit = gimli::write::Dwarf::new();
        let id = unit.units.add(gimli::write::Unit::new(
            encoding,
            gimli::write::LineProgram::none(),
        ));
        let root = unit.units.get(id).root();
        let value = gimli::write::AttributeValue::Exprloc(build::<Expression>());
        unit.units
            .get_mut(id)
            .get_mut(root)
            .set(constants::DW_AT_location, value);
        let mut sections = gimli::write::Sections::new(EndianVec::new(LittleEndian));
        unit.write(&mut sections).expect("it can be written");
        let bytes = build::<Bytes>().bytes;
        let found = sections.debug_info.slice();
        let found = &found[found.len() - bytes.len()..];
        assert_eq!(read(&bytes), read(found));
    }
}
