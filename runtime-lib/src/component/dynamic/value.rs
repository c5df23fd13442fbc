//! Values whose types only run time knows, and what their texts have in common.

use crate::component::types::Type;
use wasmelt_abi::TypeKind;

/// What lifting and lowering rely on when they read and write.
pub(super) const PLACE: &str = "the place was found to be inside the memory";

/// A value of any type.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    F32(f32),
    F64(f64),
    Char(char),
    String(String),
    /// The elements of a list, the members of a record or tuple, or the entries of a map, which
    /// are pairs.
    Sequence(Vec<Value>),
    /// A case of a variant, enum, option or result, by its number, and what it holds.
    Case(u32, Option<Box<Value>>),
    /// One bit a label.
    Flags(u32),
    /// What an owned handle stood for, or the readable end of a stream or future, which is in
    /// transit.
    Handle(u32),
}

/// Labels that mean something else where no `%` precedes them.
pub(super) const KEYWORDS: [&str; 8] = ["true", "false", "some", "none", "ok", "err", "inf", "nan"];

/// The entries of a map: of those with the same key, the last value at the first's place.
pub(super) fn unique(entries: &[Value]) -> impl Iterator<Item = &Value> {
    let key = |entry: &Value| match entry {
        Value::Sequence(entry) => entry.first().cloned(),
        _ => None,
    };
    let mut kept: Vec<&Value> = Vec::new();
    for entry in entries {
        match kept.iter_mut().find(|earlier| key(earlier) == key(entry)) {
            Some(earlier) => *earlier = entry,
            None => kept.push(entry),
        }
    }
    kept.into_iter()
}

/// What a type is called in messages.
pub(super) fn kind_name(ty: Type) -> &'static str {
    match ty.kind() {
        TypeKind::Bool => "`true` or `false`",
        TypeKind::S8 => "an integer from -128 to 127",
        TypeKind::U8 => "an integer from 0 to 255",
        TypeKind::S16 => "an integer from -32768 to 32767",
        TypeKind::U16 => "an integer from 0 to 65535",
        TypeKind::S32 => "an integer of 32 bits",
        TypeKind::U32 => "an integer of 32 bits, not negative",
        TypeKind::S64 => "an integer of 64 bits",
        TypeKind::U64 => "an integer of 64 bits, not negative",
        TypeKind::F32 | TypeKind::F64 => "a number",
        TypeKind::Char => "a character in single quotes",
        TypeKind::String => "a string in double quotes",
        TypeKind::List | TypeKind::FixedList => "a list in brackets",
        TypeKind::Record => "a record in braces",
        TypeKind::Tuple => "a tuple in parentheses",
        TypeKind::Variant => "a case of a variant",
        TypeKind::Enum => "a case of an enum",
        TypeKind::Option => "`some(…)` or `none`",
        TypeKind::Result => "`ok(…)` or `err(…)`",
        TypeKind::Flags => "flags in braces",
        TypeKind::Own | TypeKind::Borrow => "a resource",
        TypeKind::Map => "a map in braces",
        TypeKind::Stream => "a stream",
        TypeKind::Future => "a future",
        TypeKind::ErrorContext => "an error context",
    }
}
