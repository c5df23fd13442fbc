//! Values known when compiling, the objects among them, and where the program has what belongs to
//! objects.

use super::slot::Slot;
use crate::index::{FuncId, ObjectId, SigId};

/// A value known when compiling.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Value {
    I32(i32),
    I64(i64),
    /// Bits.
    F32(u32),
    /// Bits.
    F64(u64),
    V128(u128),
    RefNull,
    RefFunc(FuncId),
    RefI31(i32),
    RefObject(ObjectId),
}

/// An object of the image.
#[derive(Debug)]
pub struct Object {
    pub ty: SigId,
    pub contents: Contents,
    /// Where it begins, once it is placed; only those that something refers to are.
    pub slot: Option<Slot>,
}

#[derive(Debug)]
pub enum Contents {
    /// Fields, or elements.
    Values(Box<[Value]>),
    /// So many elements with one value.
    Repeated(Value, u32),
    /// So many fields, or elements, all of whose bytes are zero.
    Default(u32),
}

/// What the program has for objects, once it is laid out.
#[derive(Clone, Copy, Debug)]
pub struct HeapPlan {
    /// A `wasmelt_abi::GcAllocation`.
    pub allocation: Slot,
    /// The records of functions, in order.
    pub funcrefs: Slot,
}

/// The reference that stands for a number of 31 bits.
#[must_use]
pub fn i31(value: i32) -> u32 {
    value.cast_unsigned() << 1 | 1
}

impl Contents {
    #[must_use]
    pub fn len(&self) -> u32 {
        match self {
            Contents::Values(values) => values.len() as u32,
            Contents::Repeated(_, len) | Contents::Default(len) => *len,
        }
    }

    /// What is there; nothing where its bytes are zero.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<Value> {
        match self {
            Contents::Values(values) => Some(values[position]),
            Contents::Repeated(value, _) => Some(*value),
            Contents::Default(_) => None,
        }
    }

    /// Each different one, at least.
    #[must_use]
    pub fn values(&self) -> &[Value] {
        match self {
            Contents::Values(values) => values,
            Contents::Repeated(value, _) => std::slice::from_ref(value),
            Contents::Default(_) => &[],
        }
    }
}
