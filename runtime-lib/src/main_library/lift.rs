//! Flat values and guest memory to values in C: `lift_flat_values` and `load` of the canonical ABI.
//!
//! What a value refers to is in blocks of the instance's record. A trap goes its usual way; nothing
//! is owned here. Where there is no memory, lists and strings are empty, and the record knows.

use super::record;
use super::values::{HERE, elements, placed, set, set_range};
use crate::component::Call;
use crate::component::types::Type;
use crate::vm::trap::{Piece, TrapInfo, raise_with};
use wasmelt_abi::{EMBEDDERS, TrapCode, TypeKind};

/// What reading relies on.
const INSIDE: &str = "the place was found to be inside the memory";

/// Flat values that have not been lifted yet.
pub(super) type Flat<'s> = std::slice::Iter<'s, u64>;

/// Lifts a value that is passed flat, or whose address is in the first slot.
///
/// # Safety
/// There is room for a value of the type's form in C.
pub(super) unsafe fn lift_value(
    call: &mut Call<'_>,
    ty: Type,
    (is_flat, slots): (bool, &[u64]),
    to: *mut u8,
) {
    if is_flat {
        // SAFETY: the caller vouches for the room.
        return unsafe { lift(call, ty, &mut slots.iter(), to) };
    }
    let (at, ptr_type) = (next(&mut slots.iter()), call.ptr_type());
    let at = call.pointer(at);
    call.check_tuple(at, ty.bytes(ptr_type), ty.align(ptr_type));
    // SAFETY: as above.
    unsafe { load(call, ty, at, to) };
}

/// `lift_flat`.
///
/// # Safety
/// There is room for a value of the type's form in C.
pub(super) unsafe fn lift(call: &mut Call<'_>, ty: Type, slots: &mut Flat<'_>, to: *mut u8) {
    // SAFETY: the caller vouches for all that is written here and below.
    unsafe {
        match ty.kind() {
            TypeKind::Record | TypeKind::Tuple => {
                for (ty, to) in placed(ty.members().flatten(), to) {
                    lift(call, ty, slots, to.cast_mut());
                }
            }
            TypeKind::FixedList => {
                for (ty, to) in elements(ty.element(), to, ty.fixed_len() as usize) {
                    lift(call, ty, slots, to.cast_mut());
                }
            }
            TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
                let (own, rest) = slots.as_slice().split_at(ty.flat_len().min(slots.len()));
                let mut own = own.iter();
                let case = next(&mut own) as u32;
                // Payloads share their slots.
                if let Some((held, to)) = set_case(ty, case, to) {
                    lift(call, held, &mut own, to);
                }
                *slots = rest.iter();
            }
            TypeKind::String => {
                let range = next_range(call, slots);
                load_string(call, range, to);
            }
            TypeKind::List => {
                let range = next_range(call, slots);
                load_list(call, ty, range, to);
            }
            _ => {
                let bits = next(slots);
                scalar(call, ty, bits, to);
            }
        }
    }
}

fn next(slots: &mut Flat<'_>) -> u64 {
    slots.next().copied().unwrap_or(0)
}

/// Address and length.
fn next_range(call: &Call<'_>, slots: &mut Flat<'_>) -> (u64, u64) {
    let (start, len) = (next(slots), next(slots));
    (call.pointer(start), call.pointer(len))
}

/// Writes which case a value is, and zeros behind: the type of what it holds, and where that goes.
///
/// # Safety
/// There is room for a value of the type's form in C.
unsafe fn set_case(ty: Type, case: u32, to: *mut u8) -> Option<(Type, *mut u8)> {
    if case >= ty.case_count() {
        let text = [
            Piece::Text("unexpected discriminant: "),
            Piece::Number(case.into()),
        ];
        raise_with(TrapInfo::with_text(TrapCode::InvalidDiscriminant, &text))
    }
    // SAFETY: the caller vouches for the room.
    unsafe {
        to.write_bytes(0, ty.bytes(HERE) as usize);
        set(to, case.into(), ty.discriminant_bytes());
    }
    let at = to.wrapping_add(ty.payload_offset(HERE) as usize);
    ty.case(case).map(|held| (held, at))
}

/// Writes what one flat value, or as many bits of memory, stand for.
///
/// # Safety
/// There is room for a value of the type's form in C.
unsafe fn scalar(call: &mut Call<'_>, ty: Type, bits: u64, to: *mut u8) {
    let bits = match ty.kind() {
        TypeKind::Bool => u64::from(bits as u32 != 0),
        TypeKind::Char if char::from_u32(bits as u32).is_none() => call.trap(TrapCode::InvalidChar),
        TypeKind::Flags => bits & (u64::MAX >> (64 - ty.member_count().clamp(1, 32))),
        TypeKind::Own | TypeKind::Borrow => handle(call, ty, bits as u32).into(),
        _ => bits,
    };
    // SAFETY: the caller vouches for the room.
    unsafe { set(to, bits, ty.bytes(HERE)) };
}

/// `lift_own` and `lift_borrow`.
fn handle(call: &mut Call<'_>, ty: Type, handle: u32) -> u32 {
    let resource = ty.resource();
    let rep = match ty.kind() {
        TypeKind::Own => call.lift_own(resource, handle),
        _ => call.lift_borrow(resource, handle),
    };
    if ty.definer() == EMBEDDERS {
        return rep;
    }
    let handle = record::with(call.store(), |record| record.handles.add(resource, rep));
    handle.unwrap_or_else(|| call.trap(TrapCode::HandlesExhausted))
}

/// `load`: the place is inside the memory and aligned.
///
/// # Safety
/// There is room for a value of the type's form in C.
pub(super) unsafe fn load(call: &mut Call<'_>, ty: Type, at: u64, to: *mut u8) {
    // SAFETY: the caller vouches for all that is written here and below.
    unsafe {
        match ty.kind() {
            TypeKind::Record | TypeKind::Tuple => {
                load_members(call, placed(ty.members().flatten(), to), at);
            }
            TypeKind::FixedList => {
                let places = elements(ty.element(), to, ty.fixed_len() as usize);
                load_members(call, places, at);
            }
            TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
                let case = read(call, at, ty.discriminant_bytes()) as u32;
                if let Some((held, to)) = set_case(ty, case, to) {
                    load(call, held, at + ty.payload_offset(call.ptr_type()), to);
                }
            }
            TypeKind::String => {
                let range = call.load_range(at);
                load_string(call, range, to);
            }
            TypeKind::List => {
                let range = call.load_range(at);
                load_list(call, ty, range, to);
            }
            _ => {
                let bits = read(call, at, ty.bytes(HERE));
                scalar(call, ty, bits, to);
            }
        }
    }
}

/// Values one behind the other, each where its alignment has it.
///
/// # Safety
/// There is room for values of the types' forms in C.
pub(super) unsafe fn load_members(
    call: &mut Call<'_>,
    places: impl Iterator<Item = (Type, *const u8)>,
    mut at: u64,
) {
    for (ty, to) in places {
        at = at.next_multiple_of(ty.align(call.ptr_type()).into());
        // SAFETY: the caller vouches for the room.
        unsafe { load(call, ty, at, to.cast_mut()) };
        at += u64::from(ty.bytes(call.ptr_type()));
    }
}

/// `load_int`.
fn read(call: &mut Call<'_>, at: u64, bytes: u32) -> u64 {
    let memory = call.memory();
    match bytes {
        1 => memory.read_u8(at).map(u64::from),
        2 => memory.read_u16(at).map(u64::from),
        4 => memory.read_u32(at).map(u64::from),
        _ => memory.read_u64(at),
    }
    .expect(INSIDE)
}

/// # Safety
/// There is room for a string.
unsafe fn load_string(call: &mut Call<'_>, range: (u64, u64), to: *mut u8) {
    let text = call.load_string(range);
    let block = allocate(call, text.len());
    let len = if block.is_null() { 0 } else { text.len() };
    // SAFETY: the block is new and has room; the caller vouches for the rest.
    unsafe {
        block.copy_from_nonoverlapping(text.as_ptr(), len);
        set_range(to, block, len);
    }
}

/// # Safety
/// There is room for a list.
unsafe fn load_list(call: &mut Call<'_>, ty: Type, range: (u64, u64), to: *mut u8) {
    let (element, ptr_type) = (ty.element(), call.ptr_type());
    let bytes = element.bytes(ptr_type);
    let len = call.check_list(range, bytes, element.align(ptr_type)) as usize;
    let block = allocate(call, len.saturating_mul(element.bytes(HERE) as usize));
    let len = if block.is_null() { 0 } else { len };
    if element.is_number() {
        let from = call.memory().bytes(range.0, len as u32 * bytes);
        let from = from.expect(INSIDE);
        // SAFETY: the block is new and has room: a number has one size everywhere.
        unsafe { block.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
    } else {
        // SAFETY: the block is new and has room.
        unsafe { load_members(call, elements(element, block, len), range.0) };
    }
    // SAFETY: the caller vouches for the room.
    unsafe { set_range(to, block, len) };
}

/// A block for what a value refers to; null for no bytes, and where there is no memory.
fn allocate(call: &Call<'_>, bytes: usize) -> *mut u8 {
    record::with(call.store(), |record| record.blocks.allocate(bytes))
}
