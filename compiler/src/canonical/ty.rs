//! Value and function types of components.
//!
//! Types are structural: equal types have equal numbers, and a resource type in them is one that
//! an instantiation made or the host has, never an import.

use crate::index::ResourceId;
use wasmelt_abi::PtrType;
use wasmparser::ValType;

/// A value type of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct TyId(pub(super) u32);

/// A function type of the program.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FuncTyId(pub(super) u32);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Ty {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    ErrorContext,
    List(TyId),
    FixedList(TyId, u32),
    Map(TyId, TyId),
    Record(Vec<Field>),
    Tuple(Vec<TyId>),
    Variant(Vec<Case>),
    Enum(Vec<String>),
    Option(TyId),
    Result(Option<TyId>, Option<TyId>),
    Flags(Vec<String>),
    Own(ResourceId),
    Borrow(ResourceId),
    Stream(Option<TyId>),
    Future(Option<TyId>),
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    pub name: String,
    pub ty: TyId,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Case {
    pub name: String,
    pub ty: Option<TyId>,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FuncTy {
    /// Name and type.
    pub params: Vec<(String, TyId)>,
    pub result: Option<TyId>,
    pub is_async: bool,
}

/// Size and alignment in a memory, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    pub bytes: u32,
    pub align: u32,
}

/// The flat values of a type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Flat {
    Values(Vec<ValType>),
    /// More than are ever passed flat.
    TooMany,
}

/// The core type of a pointer.
#[must_use]
pub fn val_type(ptr: PtrType) -> ValType {
    match ptr {
        PtrType::I32 => ValType::I32,
        PtrType::I64 => ValType::I64,
    }
}
