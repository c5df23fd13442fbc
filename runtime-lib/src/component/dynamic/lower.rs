//! Values to flat values and to guest memory: `lower_flat_values` and `store` of the canonical
//! ABI, by a type that only run time knows. A trap goes its usual way.
//!
//! A flat value is the bits of its slot, extended with zeros; so what `lower_flat_variant` coerces
//! from one core type to a wider one is already right.

use super::value::{PLACE, Value};
use crate::component::call::Call;
use crate::component::flat::FlatSlots;
use crate::component::types::Type;
use wasmelt_abi::{FLAT_PARAMS_MAX, LIST_BYTES_MAX, PtrType, TrapCode, TypeKind};

/// Lowers the arguments of a call into its slots: `lower_flat_values` with `flat_len` flat values.
pub(super) fn lower_values(
    call: &mut Call<'_>,
    types: &[Type],
    values: &[Value],
    flat_len: u64,
    slots: &mut [u64],
) {
    if flat_len > FLAT_PARAMS_MAX as u64 {
        let ptr_type = call.ptr_type();
        let align = types.iter().map(|ty| ty.align(ptr_type)).max().unwrap_or(1);
        let bytes = types.iter().fold(0, |end: u32, ty| {
            end.next_multiple_of(ty.align(ptr_type)) + ty.bytes(ptr_type)
        });
        let start = call.allocate(align, bytes.next_multiple_of(align).into());
        store_members(call, types.iter().copied().zip(values), start);
        if let Some(slot) = slots.first_mut() {
            *slot = start;
        }
        return;
    }
    let mut flat = FlatSlots::new(slots);
    for (ty, value) in types.iter().zip(values) {
        lower(&mut flat, call, *ty, value);
    }
}

/// `lower_flat`.
fn lower(flat: &mut FlatSlots<'_>, call: &mut Call<'_>, ty: Type, value: &Value) {
    match value {
        Value::Sequence(values) => match ty.kind() {
            TypeKind::List | TypeKind::Map => {
                let range = store_list(call, ty, values);
                flat.push_range(range);
            }
            TypeKind::FixedList => {
                for value in values {
                    lower(flat, call, ty.element(), value);
                }
            }
            _ => {
                for (ty, value) in ty.members().flatten().zip(values) {
                    lower(flat, call, ty, value);
                }
            }
        },
        Value::String(text) => {
            let range = call.store_string(text);
            flat.push_range(range);
        }
        Value::Case(case, payload) => {
            flat.push_case(ty, *case, |flat| {
                if let (Some(ty), Some(payload)) = (ty.case(*case), payload) {
                    lower(flat, call, ty, payload);
                }
            });
        }
        _ => flat.push(scalar(ty, value)),
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
fn store(call: &mut Call<'_>, ty: Type, value: &Value, at: u64) {
    match value {
        Value::Sequence(values) => match ty.kind() {
            TypeKind::List | TypeKind::Map => {
                let range = store_list(call, ty, values);
                call.store_range(range, at);
            }
            TypeKind::FixedList => store_elements(call, ty.element(), values, at),
            _ => store_members(call, ty.members().flatten().zip(values), at),
        },
        Value::String(text) => {
            let range = call.store_string(text);
            call.store_range(range, at);
        }
        Value::Case(case, payload) => {
            write(call, at, (*case).into(), ty.discriminant_bytes());
            if let (Some(case), Some(payload)) = (ty.case(*case), payload) {
                let at = at + ty.payload_offset(call.ptr_type());
                store(call, case, payload, at);
            }
        }
        _ => {
            let bytes = ty.bytes(call.ptr_type());
            write(call, at, scalar(ty, value), bytes);
        }
    }
}

/// `store_int`, of the low `bytes` bytes.
pub(super) fn write(call: &mut Call<'_>, at: u64, value: u64, bytes: u32) {
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
    mut at: u64,
) {
    for (ty, value) in members {
        at = at.next_multiple_of(ty.align(call.ptr_type()).into());
        store(call, ty, value, at);
        at += u64::from(ty.bytes(call.ptr_type()));
    }
}

/// `store_list_into_range`.
fn store_list(call: &mut Call<'_>, ty: Type, values: &[Value]) -> (u64, u64) {
    let (bytes, align) = element_layout(ty, call.ptr_type());
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
                store_members(call, pair, start + position * u64::from(bytes));
            }
        }
        _ => store_elements(call, ty.element(), values, start),
    }
    (start, values.len() as u64)
}

/// `store_list_into_valid_range`.
fn store_elements(call: &mut Call<'_>, ty: Type, values: &[Value], start: u64) {
    let step = u64::from(ty.bytes(call.ptr_type()));
    for (position, value) in (0..).zip(values) {
        store(call, ty, value, start + position * step);
    }
}

/// Bytes and alignment of an element of a list, or of an entry of a map.
pub(super) fn element_layout(ty: Type, ptr_type: PtrType) -> (u32, u32) {
    let layout = |ty: Type| (ty.bytes(ptr_type), ty.align(ptr_type));
    let (bytes, align) = layout(ty.element());
    match ty.member(1).map(layout) {
        Some((value_bytes, value_align)) if ty.kind() == TypeKind::Map => {
            let align = align.max(value_align);
            let end = bytes.next_multiple_of(value_align) + value_bytes;
            (end.next_multiple_of(align), align)
        }
        _ => (bytes, align),
    }
}
