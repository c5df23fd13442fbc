//! Values to flat values and to guest memory: `lower_flat_values` and `store` of the canonical
//! ABI, by a type that only run time knows. A trap goes its usual way.
//!
//! A flat value is the bits of its slot, extended with zeros; so what `lower_flat_variant` coerces
//! from one core type to a wider one is already right.

use super::types::Type;
use super::{PLACE, Value};
use crate::component::call::Call;
use wasmelt_abi::{FLAT_PARAMS_MAX, LIST_BYTES_MAX, TrapCode, TypeKind};

/// Lowers the arguments of a call into its slots: `lower_flat_values` with `flat_len` flat values.
pub(super) fn lower_values(
    call: &mut Call<'_>,
    types: &[Type],
    values: &[Value],
    flat_len: u64,
    slots: &mut [u64],
) {
    if flat_len > FLAT_PARAMS_MAX as u64 {
        let align = types.iter().map(|ty| ty.align()).max().unwrap_or(1);
        let bytes = types.iter().fold(0, |end: u32, ty| {
            end.next_multiple_of(ty.align()) + ty.bytes()
        });
        let start = call.allocate(align, bytes.next_multiple_of(align).into());
        store_members(call, types.iter().copied().zip(values), start);
        if let Some(slot) = slots.first_mut() {
            *slot = start.into();
        }
        return;
    }
    let mut flat = Flat { slots, used: 0 };
    for (ty, value) in types.iter().zip(values) {
        flat.lower(call, *ty, value);
    }
}

struct Flat<'s> {
    slots: &'s mut [u64],
    used: usize,
}

impl Flat<'_> {
    fn push(&mut self, bits: u64) {
        if let Some(slot) = self.slots.get_mut(self.used) {
            *slot = bits;
        }
        self.used += 1;
    }

    /// `lower_flat`.
    fn lower(&mut self, call: &mut Call<'_>, ty: Type, value: &Value) {
        match value {
            Value::Sequence(values) => match ty.kind() {
                TypeKind::List | TypeKind::Map => {
                    let (start, len) = store_list(call, ty, values);
                    self.push(start.into());
                    self.push(len.into());
                }
                TypeKind::FixedList => {
                    for value in values {
                        self.lower(call, ty.element(), value);
                    }
                }
                _ => {
                    for (ty, value) in ty.members().flatten().zip(values) {
                        self.lower(call, ty, value);
                    }
                }
            },
            Value::String(text) => {
                let (start, units) = call.store_string(text);
                self.push(start.into());
                self.push(units.into());
            }
            Value::Case(case, payload) => {
                let end = self.used + ty.flat_len();
                self.push((*case).into());
                if let (Some(ty), Some(payload)) = (ty.case(*case), payload) {
                    self.lower(call, ty, payload);
                }
                while self.used < end {
                    self.push(0);
                }
            }
            _ => self.push(scalar(ty, value)),
        }
    }
}

/// The bits of a value that is one flat value.
fn scalar(ty: Type, value: &Value) -> u64 {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Signed(value) if ty.kind() == TypeKind::S64 => value.cast_unsigned(),
        Value::Signed(value) => u64::from(*value as u32),
        Value::Unsigned(value) => *value,
        Value::F32(value) => value.to_bits().into(),
        Value::F64(value) => value.to_bits(),
        Value::Char(value) => u32::from(*value).into(),
        Value::Flags(bits) => (*bits).into(),
        Value::Handle(_) | Value::Sequence(_) | Value::String(_) | Value::Case(..) => {
            unreachable!("handles are no arguments, and the others are not scalar")
        }
    }
}

/// `store`: the place is inside the memory and aligned.
fn store(call: &mut Call<'_>, ty: Type, value: &Value, at: u32) {
    match value {
        Value::Sequence(values) => match ty.kind() {
            TypeKind::List | TypeKind::Map => {
                let (start, len) = store_list(call, ty, values);
                write(call, at, start.into(), 4);
                write(call, at + 4, len.into(), 4);
            }
            TypeKind::FixedList => store_elements(call, ty.element(), values, at),
            _ => store_members(call, ty.members().flatten().zip(values), at),
        },
        Value::String(text) => {
            let (start, units) = call.store_string(text);
            write(call, at, start.into(), 4);
            write(call, at + 4, units.into(), 4);
        }
        Value::Case(case, payload) => {
            write(call, at, (*case).into(), ty.discriminant_bytes());
            if let (Some(case), Some(payload)) = (ty.case(*case), payload) {
                store(call, case, payload, at + ty.payload_offset());
            }
        }
        _ => write(call, at, scalar(ty, value), ty.bytes()),
    }
}

/// `store_int`, of the low `bytes` bytes.
pub(super) fn write(call: &mut Call<'_>, at: u32, value: u64, bytes: u32) {
    let memory = call.memory();
    match bytes {
        1 => memory.write_u8(at, value as u8),
        2 => memory.write_u16(at, value as u16),
        4 => memory.write_u32(at, value as u32),
        _ => memory.write_u64(at, value),
    }
    .expect(PLACE);
}

/// `store_record`.
fn store_members<'v>(
    call: &mut Call<'_>,
    members: impl Iterator<Item = (Type, &'v Value)>,
    mut at: u32,
) {
    for (ty, value) in members {
        at = at.next_multiple_of(ty.align());
        store(call, ty, value, at);
        // Behind the last member, this may be the end of an address space of 4 GiB.
        at = at.wrapping_add(ty.bytes());
    }
}

/// `store_list_into_range`.
fn store_list(call: &mut Call<'_>, ty: Type, values: &[Value]) -> (u32, u32) {
    let (bytes, align) = element_layout(ty);
    let all = values.len() as u64 * u64::from(bytes);
    if all > LIST_BYTES_MAX.into() {
        call.trap(TrapCode::ListTooLong);
    }
    let start = call.allocate(align, all);
    match (ty.kind(), ty.member(1)) {
        (TypeKind::Map, Some(value)) => {
            for (position, entry) in (0..).zip(values) {
                let Value::Sequence(entry) = entry else {
                    unreachable!("a map's entries are pairs")
                };
                let pair = [ty.element(), value].into_iter().zip(entry);
                store_members(call, pair, start + position * bytes);
            }
        }
        _ => store_elements(call, ty.element(), values, start),
    }
    (start, values.len() as u32)
}

/// `store_list_into_valid_range`.
fn store_elements(call: &mut Call<'_>, ty: Type, values: &[Value], start: u32) {
    for (position, value) in (0..).zip(values) {
        store(call, ty, value, start + position * ty.bytes());
    }
}

/// Bytes and alignment of an element of a list, or of an entry of a map.
pub(super) fn element_layout(ty: Type) -> (u32, u32) {
    let element = ty.element();
    match ty.member(1) {
        Some(value) if ty.kind() == TypeKind::Map => {
            let align = element.align().max(value.align());
            let end = element.bytes().next_multiple_of(value.align()) + value.bytes();
            (end.next_multiple_of(align), align)
        }
        _ => (element.bytes(), element.align()),
    }
}
