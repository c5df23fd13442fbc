//! Values to WAVE text, the notation of `wasmtime run --invoke` and of the crate wasm-wave.

use std::fmt::Write;

use super::value::{KEYWORDS, Value, unique};
use crate::component::types::Type;
use wasmelt_abi::TypeKind;

/// The text of a value.
#[must_use]
pub fn show(ty: Type, value: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, ty, value);
    text
}

fn write_value(text: &mut String, ty: Type, value: &Value) {
    match value {
        Value::Bool(value) => push(text, value),
        Value::Signed(value) => push(text, value),
        Value::Unsigned(value) => push(text, value),
        Value::F32(value) if value.is_nan() => text.push_str("nan"),
        Value::F64(value) if value.is_nan() => text.push_str("nan"),
        Value::F32(value) => push(text, value),
        Value::F64(value) => push(text, value),
        Value::Char(value) => {
            text.push('\'');
            write_char(text, *value);
            text.push('\'');
        }
        Value::String(value) => {
            text.push('"');
            for c in value.chars() {
                write_char(text, c);
            }
            text.push('"');
        }
        Value::Sequence(values) => write_sequence(text, ty, values),
        Value::Case(case, payload) => {
            let name = ty.name(*case);
            let of_variant = matches!(ty.kind(), TypeKind::Variant | TypeKind::Enum);
            if of_variant && KEYWORDS.contains(&name) {
                text.push('%');
            }
            text.push_str(name);
            if let (Some(payload), Some(ty)) = (payload, ty.case(*case)) {
                text.push('(');
                write_value(text, ty, payload);
                text.push(')');
            }
        }
        Value::Flags(bits) => {
            let set = (0..ty.member_count()).filter(|flag| bits >> flag & 1 != 0);
            write_list(text, ('{', '}'), set, |text, flag| {
                text.push_str(ty.name(flag));
            });
        }
        // Differs from Wasmtime, which panics here: WAVE has no notation for handles.
        Value::Handle(_) => text.push_str("<resource>"),
    }
}

fn write_sequence(text: &mut String, ty: Type, values: &[Value]) {
    match ty.kind() {
        TypeKind::Record => write_record(text, ty, values),
        TypeKind::Tuple => write_list(
            text,
            ('(', ')'),
            ty.members().flatten().zip(values),
            |text, (ty, value)| write_value(text, ty, value),
        ),
        TypeKind::Map => {
            let (key, value) = (ty.element(), ty.member(1));
            write_list(text, ('{', '}'), unique(values), |text, entry| {
                if let (Value::Sequence(entry), Some(value)) = (entry, value)
                    && let [k, v] = entry.as_slice()
                {
                    write_value(text, key, k);
                    text.push_str(": ");
                    write_value(text, value, v);
                }
            });
        }
        _ => write_list(text, ('[', ']'), values.iter(), |text, value| {
            write_value(text, ty.element(), value);
        }),
    }
}

/// Fields that are `none` are left out, and a record of which nothing is left is `{:}`.
fn write_record(text: &mut String, ty: Type, values: &[Value]) {
    let is_none = |value: &Value, field: u32| {
        let kind = ty.member(field).map(Type::kind);
        kind == Some(TypeKind::Option) && matches!(value, Value::Case(0, _))
    };
    let mut shown = (0..)
        .zip(values)
        .filter(|&(field, value)| !is_none(value, field))
        .peekable();
    if shown.peek().is_none() {
        text.push_str("{:}");
        return;
    }
    write_list(text, ('{', '}'), shown, |text, (field, value)| {
        text.push_str(ty.name(field));
        text.push_str(": ");
        if let Some(ty) = ty.member(field) {
            write_value(text, ty, value);
        }
    });
}

fn write_list<T>(
    text: &mut String,
    (open, close): (char, char),
    items: impl Iterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    text.push(open);
    for (position, item) in items.enumerate() {
        if position > 0 {
            text.push_str(", ");
        }
        write(text, item);
    }
    text.push(close);
}

fn write_char(text: &mut String, c: char) {
    if "\\\"'\t\r\n".contains(c) {
        push(text, c.escape_default());
    } else if c.is_control() {
        push(text, c.escape_unicode());
    } else {
        push(text, c.escape_debug());
    }
}

fn push(text: &mut String, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(text, "{value}");
}
