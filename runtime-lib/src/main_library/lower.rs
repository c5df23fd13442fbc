//! Values in C to flat values and to guest memory: `lower_flat_values` and `store` of the canonical
//! ABI. They have been found to be of their types. A trap goes its usual way; nothing is owned here.

use super::record;
use super::values::{HERE, bits, bytes, case, elements, param, placed, range};
use crate::component::Call;
use crate::component::flat::FlatSlots;
use crate::component::types::Type;
use wasmelt_abi::{EMBEDDERS, FLAT_PARAMS_MAX, LIST_BYTES_MAX, TrapCode, TypeKind};

/// What writing relies on.
const INSIDE: &str = "the place was found to be inside the memory";

/// Lowers the arguments of a call, which are in slots of C, to `flat_len` flat values, or to memory
/// where those are too many.
///
/// # Safety
/// At the address is a slot for each parameter, with a value of the type's form in C.
pub(super) unsafe fn lower_params(
    call: &mut Call<'_>,
    types: impl Iterator<Item = Type> + Clone,
    from: *const u8,
    (flat_len, slots): (u64, &mut [u64]),
) {
    let values = types.clone().enumerate();
    // SAFETY: the caller vouches for the slots.
    let values = values.map(|(position, ty)| (ty, unsafe { param(from, position, ty) }));
    if flat_len <= FLAT_PARAMS_MAX as u64 {
        let mut flat = FlatSlots::new(slots);
        for (ty, at) in values {
            // SAFETY: the caller vouches for the value.
            unsafe { lower(&mut flat, call, ty, at) };
        }
        return;
    }
    let ptr_type = call.ptr_type();
    let align = types
        .clone()
        .map(|ty| ty.align(ptr_type))
        .max()
        .unwrap_or(1);
    let end = types.fold(0, |end: u32, ty| {
        end.next_multiple_of(ty.align(ptr_type)) + ty.bytes(ptr_type)
    });
    let start = call.allocate(align, end.next_multiple_of(align).into());
    // SAFETY: as above.
    unsafe { store_members(call, values, start) };
    if let Some(slot) = slots.first_mut() {
        *slot = start;
    }
}

/// Lowers one value to flat values.
///
/// # Safety
/// At the address is a value of the type's form in C.
pub(super) unsafe fn lower_flat(call: &mut Call<'_>, ty: Type, at: *const u8, slots: &mut [u64]) {
    // SAFETY: the caller vouches for it.
    unsafe { lower(&mut FlatSlots::new(slots), call, ty, at) };
}

/// `lower_flat`.
///
/// # Safety
/// At the address is a value of the type's form in C.
unsafe fn lower(flat: &mut FlatSlots<'_>, call: &mut Call<'_>, ty: Type, at: *const u8) {
    // SAFETY: the caller vouches for all that is read here and below.
    unsafe {
        match ty.kind() {
            TypeKind::Record | TypeKind::Tuple => {
                for (ty, at) in placed(ty.members().flatten(), at) {
                    lower(flat, call, ty, at);
                }
            }
            TypeKind::FixedList => {
                for (ty, at) in elements(ty.element(), at, ty.fixed_len() as usize) {
                    lower(flat, call, ty, at);
                }
            }
            TypeKind::String => {
                let range = store_string(call, at);
                flat.push_range(range);
            }
            TypeKind::List => {
                let range = store_list(call, ty, at);
                flat.push_range(range);
            }
            TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
                let (case, at) = case(ty, at);
                flat.push_case(ty, case, |flat| {
                    if let Some(held) = ty.case(case) {
                        lower(flat, call, held, at);
                    }
                });
            }
            _ => {
                let bits = scalar(call, ty, at);
                flat.push(bits);
            }
        }
    }
}

/// The bits of a value that is one flat value.
///
/// # Safety
/// At the address is a value of the type's form in C.
unsafe fn scalar(call: &mut Call<'_>, ty: Type, at: *const u8) -> u64 {
    // SAFETY: the caller vouches for it.
    let bits = unsafe { bits(at, ty.bytes(HERE)) };
    match ty.kind() {
        TypeKind::Bool => u64::from(bits != 0),
        TypeKind::S8 => u64::from(i32::from(bits as i8).cast_unsigned()),
        TypeKind::S16 => u64::from(i32::from(bits as i16).cast_unsigned()),
        TypeKind::Flags => bits & (u64::MAX >> (64 - ty.member_count().clamp(1, 32))),
        TypeKind::Own | TypeKind::Borrow => handle(call, ty, bits as u32).into(),
        _ => bits,
    }
}

/// `lower_own` and `lower_borrow`.
fn handle(call: &mut Call<'_>, ty: Type, handle: u32) -> u32 {
    let (resource, is_own) = (ty.resource(), ty.kind() == TypeKind::Own);
    let rep = match ty.definer() {
        EMBEDDERS => Some(handle),
        _ => record::with(call.store(), |record| match is_own {
            true => record.handles.take(resource, handle),
            false => record.handles.find(resource, handle),
        }),
    };
    // It has been checked, but a call that was begun may have had to wait since.
    let rep = rep.unwrap_or_else(|| call.trap(TrapCode::UnknownHandle));
    if is_own {
        return call.lower_own(resource, rep);
    }
    // The instance that defines the resource gets the rep itself.
    match ty.definer() == call.instance() + 1 {
        true => rep,
        false => call.lower_borrow(resource, rep),
    }
}

/// `store`: the place is inside the memory and aligned.
///
/// # Safety
/// `from` is a value of the type's form in C.
pub(super) unsafe fn store(call: &mut Call<'_>, ty: Type, from: *const u8, at: u64) {
    // SAFETY: the caller vouches for all that is read here and below.
    unsafe {
        match ty.kind() {
            TypeKind::Record | TypeKind::Tuple => {
                store_members(call, placed(ty.members().flatten(), from), at);
            }
            TypeKind::FixedList => {
                let values = elements(ty.element(), from, ty.fixed_len() as usize);
                store_members(call, values, at);
            }
            TypeKind::String => {
                let range = store_string(call, from);
                call.store_range(range, at);
            }
            TypeKind::List => {
                let range = store_list(call, ty, from);
                call.store_range(range, at);
            }
            TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
                let (case, from) = case(ty, from);
                write(call, at, case.into(), ty.discriminant_bytes());
                if let Some(held) = ty.case(case) {
                    let at = at + ty.payload_offset(call.ptr_type());
                    store(call, held, from, at);
                }
            }
            _ => {
                let bits = scalar(call, ty, from);
                write(call, at, bits, ty.bytes(HERE));
            }
        }
    }
}

/// Values one behind the other, each where its alignment has it.
///
/// # Safety
/// They are of their types' form in C.
unsafe fn store_members(
    call: &mut Call<'_>,
    values: impl Iterator<Item = (Type, *const u8)>,
    mut at: u64,
) {
    for (ty, from) in values {
        at = at.next_multiple_of(ty.align(call.ptr_type()).into());
        // SAFETY: the caller vouches for the value.
        unsafe { store(call, ty, from, at) };
        at += u64::from(ty.bytes(call.ptr_type()));
    }
}

/// `store_int`, of the low bytes.
fn write(call: &mut Call<'_>, at: u64, value: u64, bytes: u32) {
    let memory = call.memory();
    match bytes {
        1 => memory.write_u8(at, value as u8),
        2 => memory.write_u16(at, value as u16),
        4 => memory.write_u32(at, value as u32),
        _ => memory.write_u64(at, value),
    }
    .expect(INSIDE);
}

/// # Safety
/// At the address is a string.
unsafe fn store_string(call: &mut Call<'_>, at: *const u8) -> (u64, u64) {
    // SAFETY: the caller vouches for it.
    let text = unsafe {
        let (start, len) = range(at);
        bytes(start, len)
    };
    let text =
        std::str::from_utf8(text).expect("it has been checked, and the call has lasted since");
    call.store_string(text)
}

/// # Safety
/// At the address is a list.
unsafe fn store_list(call: &mut Call<'_>, ty: Type, at: *const u8) -> (u64, u64) {
    // SAFETY: the caller vouches for it.
    let (start, len) = unsafe { range(at) };
    let (element, ptr_type) = (ty.element(), call.ptr_type());
    let total = (len as u64).saturating_mul(element.bytes(ptr_type).into());
    if total > LIST_BYTES_MAX.into() {
        call.trap(TrapCode::ListTooLong);
    }
    let to = call.allocate(element.align(ptr_type), total);
    if element.is_number() {
        // SAFETY: as above; a number has one size everywhere.
        let from = unsafe { bytes(start, total as usize) };
        call.memory().write_bytes(to, from).expect(INSIDE);
    } else {
        // SAFETY: as above.
        unsafe { store_members(call, elements(element, start, len), to) };
    }
    (to, len as u64)
}
