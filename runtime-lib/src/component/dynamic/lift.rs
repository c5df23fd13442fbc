//! Flat values and guest memory to values: `lift_flat_values` and `load` of the canonical ABI, by
//! a type that only run time knows. A trap goes its usual way.

use super::lower::element_layout;
use super::value::{PLACE, Value};
use crate::component::call::Call;
use crate::component::ends::transit;
use crate::component::error_context;
use crate::component::types::Type;
use crate::component::values::invalid_discriminant;
use wasmelt_abi::{TrapCode, TypeKind};

/// Lifts a result: from its flat values, or from the address that stands in their place.
pub(super) fn lift_result(call: &mut Call<'_>, ty: Type, is_flat: bool, slots: &[u64]) -> Value {
    if is_flat {
        return lift(call, ty, &mut slots.iter());
    }
    let first = slots.first().copied().unwrap_or(0);
    load_checked(call, ty, first)
}

/// `at` is a flat value.
fn load_checked(call: &mut Call<'_>, ty: Type, at: u64) -> Value {
    let (at, ptr_type) = (call.pointer(at), call.ptr_type());
    call.check_tuple(at, ty.bytes(ptr_type), ty.align(ptr_type));
    load(call, ty, at)
}

/// `lift_flat`.
fn lift(call: &mut Call<'_>, ty: Type, slots: &mut std::slice::Iter<'_, u64>) -> Value {
    match ty.kind() {
        TypeKind::Record | TypeKind::Tuple => {
            let values = ty.members().flatten().map(|ty| lift(call, ty, slots));
            Value::Sequence(values.collect())
        }
        TypeKind::FixedList => {
            let values = (0..ty.fixed_len()).map(|_| lift(call, ty.element(), slots));
            Value::Sequence(values.collect())
        }
        TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
            let (own, _) = slots.as_slice().split_at(ty.flat_len());
            let case = checked_case(ty, next(slots) as u32);
            let payload = ty.case(case);
            let payload = payload.map(|ty| lift(call, ty, &mut own.get(1..).unwrap_or(&[]).iter()));
            // Payloads share their slots.
            for _ in 1..own.len() {
                next(slots);
            }
            Value::Case(case, payload.map(Box::new))
        }
        TypeKind::String => {
            let range = next_range(call, slots);
            Value::String(call.load_string(range))
        }
        TypeKind::List | TypeKind::Map => {
            let range = next_range(call, slots);
            load_list(call, ty, range)
        }
        _ => {
            let bits = next(slots);
            scalar(call, ty, bits)
        }
    }
}

fn next(slots: &mut std::slice::Iter<'_, u64>) -> u64 {
    slots.next().copied().unwrap_or(0)
}

/// Address and length.
fn next_range(call: &Call<'_>, slots: &mut std::slice::Iter<'_, u64>) -> (u64, u64) {
    let (start, len) = (next(slots), next(slots));
    (call.pointer(start), call.pointer(len))
}

/// What one flat value, or as many bits of memory, stand for.
fn scalar(call: &mut Call<'_>, ty: Type, bits: u64) -> Value {
    match ty.kind() {
        TypeKind::Bool => Value::Bool(bits as u32 != 0),
        TypeKind::S8 => Value::Signed((bits as i8).into()),
        TypeKind::U8 => Value::Unsigned((bits as u8).into()),
        TypeKind::S16 => Value::Signed((bits as i16).into()),
        TypeKind::U16 => Value::Unsigned((bits as u16).into()),
        TypeKind::S32 => Value::Signed((bits as i32).into()),
        TypeKind::U32 => Value::Unsigned((bits as u32).into()),
        TypeKind::S64 => Value::Signed(bits.cast_signed()),
        TypeKind::U64 => Value::Unsigned(bits),
        TypeKind::F32 => Value::F32(f32::from_bits(bits as u32)),
        TypeKind::F64 => Value::F64(f64::from_bits(bits)),
        TypeKind::Char => {
            let char = char::from_u32(bits as u32);
            Value::Char(char.unwrap_or_else(|| call.trap(TrapCode::InvalidChar)))
        }
        TypeKind::Flags => {
            let known = u64::MAX >> (64 - ty.member_count().clamp(1, 32));
            Value::Flags((bits & known) as u32)
        }
        TypeKind::Own => Value::Handle(call.lift_own(ty.resource(), bits as u32)),
        TypeKind::Stream | TypeKind::Future => {
            let (store, instance) = (call.store(), call.instance());
            Value::Handle(transit::lift_end(store, instance, ty, bits as u32))
        }
        TypeKind::ErrorContext => {
            let (store, instance) = (call.store(), call.instance());
            Value::Handle(error_context::check(store, instance, bits as u32))
        }
        kind => unreachable!("{kind:?} is no scalar result of an export"),
    }
}

/// `load`: the place is inside the memory and aligned.
fn load(call: &mut Call<'_>, ty: Type, at: u64) -> Value {
    match ty.kind() {
        TypeKind::String => {
            let range = call.load_range(at);
            Value::String(call.load_string(range))
        }
        TypeKind::List | TypeKind::Map => {
            let range = call.load_range(at);
            load_list(call, ty, range)
        }
        TypeKind::FixedList => {
            let element = ty.element();
            let step = u64::from(element.bytes(call.ptr_type()));
            let places = (0..ty.fixed_len()).map(|index| at + u64::from(index) * step);
            let values = places.map(|at| load(call, element, at));
            Value::Sequence(values.collect())
        }
        TypeKind::Record | TypeKind::Tuple => load_members(call, ty.members().flatten(), at),
        TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
            let case = read(call, at, ty.discriminant_bytes()) as u32;
            let case = checked_case(ty, case);
            let payload = ty.case(case);
            let at = at + ty.payload_offset(call.ptr_type());
            let payload = payload.map(|payload| load(call, payload, at));
            Value::Case(case, payload.map(Box::new))
        }
        _ => {
            let bits = read(call, at, ty.bytes(call.ptr_type()));
            scalar(call, ty, bits)
        }
    }
}

/// `load_record`.
fn load_members(call: &mut Call<'_>, types: impl Iterator<Item = Type>, mut at: u64) -> Value {
    let mut values = Vec::new();
    for ty in types {
        at = at.next_multiple_of(ty.align(call.ptr_type()).into());
        values.push(load(call, ty, at));
        at += u64::from(ty.bytes(call.ptr_type()));
    }
    Value::Sequence(values)
}

/// `load_list_from_range`.
fn load_list(call: &mut Call<'_>, ty: Type, range: (u64, u64)) -> Value {
    let (bytes, align) = element_layout(ty, call.ptr_type());
    let len = call.check_list(range, bytes, align);
    let mut values = Vec::with_capacity(len as usize);
    for index in 0..len {
        let at = range.0 + u64::from(index * bytes);
        values.push(match (ty.kind(), ty.member(1)) {
            (TypeKind::Map, Some(value)) => {
                load_members(call, [ty.element(), value].into_iter(), at)
            }
            _ => load(call, ty.element(), at),
        });
    }
    Value::Sequence(values)
}

/// `load_int`.
pub(super) fn read(call: &mut Call<'_>, at: u64, bytes: u32) -> u64 {
    let memory = call.memory();
    match bytes {
        1 => memory.read_u8(at).map(u64::from),
        2 => memory.read_u16(at).map(u64::from),
        4 => memory.read_u32(at).map(u64::from),
        _ => memory.read_u64(at),
    }
    .expect(PLACE)
}

pub(super) fn checked_case(ty: Type, case: u32) -> u32 {
    if case >= ty.case_count() {
        invalid_discriminant(case, ty.case_count())
    }
    case
}
