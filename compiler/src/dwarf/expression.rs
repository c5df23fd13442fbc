//! Where variables are: expressions of a stack machine.

use super::files::{Dwarf, Reader, Unit};
use gimli::{AttributeValue, DwOp, Operation as Read, constants};
use std::ops::Range;

/// An expression, and the part of the code that it is true in; all of it if none.
#[derive(Clone, PartialEq, Debug)]
pub struct Located {
    pub range: Option<(u32, u32)>,
    /// Of [`super::Source::operations`]: there are many expressions, and most are short.
    pub expression: Range<usize>,
}

impl Located {
    /// The part of a body that begins at `start`, in bytes from there.
    #[must_use]
    pub fn within(&self, start: u32) -> (u32, u32) {
        self.range.map_or((0, u32::MAX), |(from, to)| {
            (from.saturating_sub(start), to.saturating_sub(start))
        })
    }
}

/// Addresses are those of the module's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// The address of the function's frame, and so many bytes.
    Frame(i64),
    /// What a local has.
    Local(u32),
    /// What a global has.
    Global(u32),
    Address(u64),
    Constant(i64),
    Add(u64),
    /// So many bytes at an address.
    Deref(u8),
    /// One that needs nothing but the stack.
    Plain(DwOp),
    /// The result is the value itself, not its address.
    Value,
    /// The result is that of the next bytes of the variable.
    Piece(u64),
}

/// Longer expressions are left out.
const OPERATIONS_MAX: usize = 64;

/// An expression, if it has nothing that is not in [`Operation`].
pub(super) fn read(
    unit: &Unit<'_>,
    expression: gimli::Expression<Reader<'_>>,
) -> Option<Vec<Operation>> {
    let mut out = Vec::new();
    add(unit, expression, &mut out)?;
    Some(out)
}

/// Adds an expression to others.
fn add_whole(
    unit: &Unit<'_>,
    expression: gimli::Expression<Reader<'_>>,
    out: &mut Vec<Operation>,
) -> Option<Range<usize>> {
    let start = out.len();
    let added = add(unit, expression, out);
    if added.is_none() {
        out.truncate(start);
    }
    added.map(|()| start..out.len())
}

fn add(
    unit: &Unit<'_>,
    expression: gimli::Expression<Reader<'_>>,
    out: &mut Vec<Operation>,
) -> Option<()> {
    let mut operations = expression.operations(unit.encoding());
    let most = out.len() + OPERATIONS_MAX;
    while let Some(operation) = operations.next().ok()? {
        if out.len() == most {
            return None;
        }
        out.push(match operation {
            Read::FrameOffset { offset } => Operation::Frame(offset),
            Read::WasmLocal { index } => Operation::Local(index),
            Read::WasmGlobal { index } => Operation::Global(index),
            Read::Address { address } => Operation::Address(address),
            Read::UnsignedConstant { value } => Operation::Constant(value.cast_signed()),
            Read::SignedConstant { value } => Operation::Constant(value),
            Read::PlusConstant { value } => Operation::Add(value),
            Read::Deref {
                size, space: false, ..
            } if [1, 2, 4, 8].contains(&size) => Operation::Deref(size),
            Read::StackValue => Operation::Value,
            Read::Piece {
                size_in_bits,
                bit_offset: None,
            } if size_in_bits % 8 == 0 => Operation::Piece(size_in_bits / 8),
            Read::Nop => continue,
            other => Operation::Plain(plain(&other)?),
        });
    }
    Some(())
}

fn plain(operation: &Read<Reader<'_>>) -> Option<DwOp> {
    Some(match operation {
        Read::Drop => constants::DW_OP_drop,
        Read::Swap => constants::DW_OP_swap,
        Read::Rot => constants::DW_OP_rot,
        Read::Pick { index: 0 } => constants::DW_OP_dup,
        Read::Pick { index: 1 } => constants::DW_OP_over,
        Read::And => constants::DW_OP_and,
        Read::Or => constants::DW_OP_or,
        Read::Xor => constants::DW_OP_xor,
        Read::Not => constants::DW_OP_not,
        Read::Neg => constants::DW_OP_neg,
        Read::Plus => constants::DW_OP_plus,
        Read::Minus => constants::DW_OP_minus,
        Read::Mul => constants::DW_OP_mul,
        Read::Shl => constants::DW_OP_shl,
        Read::Shr => constants::DW_OP_shr,
        Read::Shra => constants::DW_OP_shra,
        _ => return None,
    })
}

/// What an attribute says of where something is. `looked` counts what was looked at, up to `most`:
/// lists can be shared.
pub(super) fn locations<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    value: AttributeValue<Reader<'a>>,
    operations: &mut Vec<Operation>,
    (looked, most): (&mut usize, usize),
) -> Vec<Located> {
    if let Some(expression) = value.exprloc_value() {
        let expression = add_whole(unit, expression, operations);
        let located = expression.map(|expression| Located {
            range: None,
            expression,
        });
        return located.into_iter().collect();
    }
    let mut list = Vec::new();
    let Ok(Some(mut entries)) = dwarf.attr_locations(unit, value) else {
        return list;
    };
    while *looked < most
        && let Ok(Some(entry)) = entries.next()
    {
        *looked += 1;
        let [start, end] =
            [entry.range.begin, entry.range.end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        if start < end
            && let Some(expression) = add_whole(unit, entry.data, operations)
        {
            list.push(Located {
                range: Some((start, end)),
                expression,
            });
        }
    }
    list
}
