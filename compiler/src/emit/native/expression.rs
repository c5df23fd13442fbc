//! Where a module has its variables, said of the machine: addresses in a memory become addresses, and
//! locals become what holds their values.

use super::super::values::Holder;
use super::expressions::Expression;
use super::writing::ADDRESS_BYTES;
use crate::dwarf::Operation;
use crate::target::Arch;
use gimli::{DwOp, Register, constants};

/// The memory that a module's addresses are in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Memory {
    /// Bytes from the start of the store.
    pub(super) offset: u64,
    pub(super) is_64: bool,
}

/// What the address of the frame is.
#[derive(Clone, Copy)]
pub(super) enum Frame<'a> {
    /// The debugger knows it of the function: an address of the machine.
    Known,
    /// This says it.
    Said(&'a [Operation]),
}

/// What is known where an expression is used.
#[derive(Clone, Copy)]
pub(super) struct Context<'a, 'g> {
    pub(super) arch: Arch,
    pub(super) memory: Memory,
    pub(super) frame: Frame<'a>,
    /// What holds the local that the expression refers to.
    pub(super) holder: Option<Holder>,
    /// Bytes from the start of the store, if a global is kept there.
    pub(super) global: &'g dyn Fn(u32) -> Option<u64>,
}

/// What a result of an expression is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A place, or a value as the module has it.
    AsIs,
    /// The pointer that it is, as an address of the machine.
    Pointer,
    /// The pointer and the length that it is: an address of the machine, and as many bytes for the
    /// length.
    Slice,
}

impl Context<'_, '_> {
    /// Nothing if something of it is not known here. `out` is one that may be used again.
    pub(super) fn expression(
        &self,
        operations: &[Operation],
        form: Form,
        mut out: Expression,
    ) -> Option<Expression> {
        out.clear();
        if form == Form::AsIs {
            if let ([Operation::Frame(offset)], Frame::Known) = (operations, self.frame) {
                out.op_fbreg(*offset);
                return Some(out);
            }
            if let [Operation::Local(_), Operation::Value] = operations {
                match self.holder? {
                    Holder::Register(number) => out.op_reg(Register(number)),
                    Holder::Frame(at) => out.op_breg(self.frame_pointer(), at.into()),
                }
                return Some(out);
            }
        }
        if form == Form::Slice {
            self.slice(&mut out, operations)?;
            return Some(out);
        }
        let mut rest = operations;
        while !rest.is_empty() {
            let end = rest
                .iter()
                .position(|operation| matches!(operation, Operation::Piece(_)));
            let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
            match behind.split_first() {
                Some((&Operation::Piece(bytes), behind)) => {
                    if form == Form::Pointer {
                        return None;
                    }
                    if !part.is_empty() {
                        self.part(&mut out, part, form)?;
                    }
                    out.op_piece(bytes);
                    rest = behind;
                }
                _ => {
                    self.part(&mut out, part, form)?;
                    rest = &[];
                }
            }
        }
        Some(out)
    }

    fn slice(&self, out: &mut Expression, operations: &[Operation]) -> Option<()> {
        let is_place =
            |operation: &Operation| !matches!(operation, Operation::Value | Operation::Piece(_));
        if self.memory.is_64 || !operations.iter().all(is_place) {
            return None;
        }
        self.part(out, operations, Form::Pointer)?;
        out.op_piece(ADDRESS_BYTES);
        self.operations(out, operations)?;
        out.op_plus_uconst(4);
        self.add_memory(out);
        out.op_deref_size(4);
        out.op(constants::DW_OP_stack_value);
        out.op_piece(ADDRESS_BYTES);
        Some(())
    }

    /// The address of a frame, as debuggers are told it of functions.
    pub(super) fn frame_address(
        &self,
        operations: &[Operation],
        mut out: Expression,
    ) -> Option<Expression> {
        let operations = match operations.split_last() {
            Some((Operation::Value, before)) => before,
            _ => operations,
        };
        if operations.is_empty() {
            return None;
        }
        out.clear();
        self.operations(&mut out, operations)?;
        self.add_memory(&mut out);
        Some(out)
    }

    /// An expression without pieces.
    fn part(&self, out: &mut Expression, part: &[Operation], form: Form) -> Option<()> {
        let (operations, is_value) = match part.split_last() {
            Some((Operation::Value, before)) => (before, true),
            _ => (part, false),
        };
        self.operations(out, operations)?;
        if !is_value {
            self.add_memory(out);
        }
        if form == Form::Pointer {
            if !is_value {
                out.op_deref_size(if self.memory.is_64 { 8 } else { 4 });
            }
            self.add_memory_to_pointer(out);
        }
        if is_value || form == Form::Pointer {
            out.op(constants::DW_OP_stack_value);
        }
        Some(())
    }

    fn operations(&self, out: &mut Expression, operations: &[Operation]) -> Option<()> {
        for operation in operations {
            match *operation {
                Operation::Frame(offset) => match self.frame {
                    Frame::Known => {
                        out.op_fbreg(offset);
                        self.memory.push_start(out);
                        out.op(constants::DW_OP_minus);
                    }
                    Frame::Said(frame) => {
                        let frame = match frame.split_last() {
                            Some((Operation::Value, before)) => before,
                            _ => frame,
                        };
                        let is_known = !frame.is_empty()
                            && !frame
                                .iter()
                                .any(|inner| matches!(inner, Operation::Frame(_)));
                        if !is_known {
                            return None;
                        }
                        self.operations(out, frame)?;
                        out.op_consts(offset);
                        out.op(constants::DW_OP_plus);
                    }
                },
                Operation::Local(_) => match self.holder? {
                    // Floats are there as a whole alone.
                    Holder::Register(number) if self.is_float(number) => return None,
                    Holder::Register(number) => out.op_breg(Register(number), 0),
                    Holder::Frame(at) => {
                        out.op_breg(self.frame_pointer(), at.into());
                        out.op_deref();
                    }
                },
                Operation::Global(global) => {
                    let offset = (self.global)(global)?;
                    let kept = Memory {
                        offset,
                        ..self.memory
                    };
                    kept.push_start(out);
                    out.op_deref_size(if self.memory.is_64 { 8 } else { 4 });
                }
                Operation::Address(address) => out.op_constu(address),
                Operation::Constant(value) => out.op_consts(value),
                Operation::Add(value) => out.op_plus_uconst(value),
                Operation::Deref(bytes) => {
                    self.add_memory(out);
                    out.op_deref_size(bytes);
                }
                Operation::Plain(operation) => out.op(operation),
                Operation::Value | Operation::Piece(_) => return None,
            }
        }
        Some(())
    }

    /// Makes an address in the memory one of the machine. Above 32 bits, registers have anything.
    fn add_memory(&self, out: &mut Expression) {
        if !self.memory.is_64 {
            out.op_constu(u32::MAX.into());
            out.op(constants::DW_OP_and);
        }
        self.memory.push_start(out);
        out.op(constants::DW_OP_plus);
    }

    /// The same, but the null pointer stays what it is.
    fn add_memory_to_pointer(&self, out: &mut Expression) {
        if !self.memory.is_64 {
            out.op_constu(u32::MAX.into());
            out.op(constants::DW_OP_and);
        }
        out.op(constants::DW_OP_dup);
        let branch = out.op_bra();
        let skip = out.op_skip();
        out.set_target(branch);
        self.memory.push_start(out);
        out.op(constants::DW_OP_plus);
        out.set_target(skip);
    }

    fn is_float(&self, register: u16) -> bool {
        match self.arch {
            Arch::X86_64 => register >= 17,
            Arch::Aarch64 => register >= 64,
            Arch::Riscv64 => register >= 32,
        }
    }

    fn frame_pointer(&self) -> Register {
        Register(match self.arch {
            Arch::X86_64 => 6,
            Arch::Aarch64 => 29,
            Arch::Riscv64 => 8,
        })
    }
}

impl Memory {
    /// Pushes the address of byte 0.
    pub(super) fn push_start(self, out: &mut Expression) {
        out.op_store();
        out.op_deref();
        if self.offset != 0 {
            out.op_plus_uconst(self.offset);
        }
    }

    /// Where the contents of an object are whose address may be one in the memory: what is below the
    /// memory's own address. So debuggers can follow pointers, of which they know no more than that
    /// they are addresses.
    pub(super) fn data_location(self) -> Expression {
        let mut out = Expression::default();
        self.push_object(&mut out);
        out
    }

    /// Where that lies which the object refers to, a pointer in the memory.
    pub(super) fn pointed_location(self) -> Expression {
        let mut out = Expression::default();
        self.push_object(&mut out);
        out.op_deref_size(if self.is_64 { 8 } else { 4 });
        self.push_start(&mut out);
        out.op(constants::DW_OP_plus);
        out
    }

    fn push_object(self, out: &mut Expression) {
        const OBJECT: DwOp = constants::DW_OP_push_object_address;
        out.op(OBJECT);
        out.op(constants::DW_OP_dup);
        self.push_start(out);
        out.op(constants::DW_OP_lt);
        let branch = out.op_bra();
        let skip = out.op_skip();
        out.set_target(branch);
        self.push_start(out);
        out.op(constants::DW_OP_plus);
        out.set_target(skip);
    }
}
