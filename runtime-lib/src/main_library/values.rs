//! Values of components as C has them: in the embedder's memory, laid out as the canonical ABI lays
//! them out for addresses of 64 bits, which is what C compilers do with the header's types.
//!
//! What an argument refers to stays the embedder's. What a result refers to is the embedder's from
//! then on, and comes from `malloc`.

use std::ptr::null_mut;

use crate::component::dynamic::Value;
use crate::component::types::Type;
use wasmelt_abi::{PtrType, TypeKind};

/// An argument is not what its type says: text that is no UTF-8, or a case that does not exist.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Invalid;

/// There is no memory for a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NoMemory;

/// Addresses of the process have 64 bits.
const HERE: PtrType = PtrType::I64;

/// Reads an argument.
///
/// # Safety
/// At the address is a value of the type's form in C.
pub(super) unsafe fn load(ty: Type, at: *const u8) -> Result<Value, Invalid> {
    // SAFETY: the caller vouches for all that is read here and below.
    unsafe {
        Ok(match ty.kind() {
            TypeKind::Bool => Value::Bool(bits(at, 1) != 0),
            TypeKind::U8 | TypeKind::U16 | TypeKind::U32 | TypeKind::U64 => {
                Value::Unsigned(bits(at, ty.bytes(HERE)))
            }
            TypeKind::S8 => Value::Signed((bits(at, 1) as i8).into()),
            TypeKind::S16 => Value::Signed((bits(at, 2) as i16).into()),
            TypeKind::S32 => Value::Signed((bits(at, 4) as i32).into()),
            TypeKind::S64 => Value::Signed(bits(at, 8).cast_signed()),
            TypeKind::F32 => Value::F32(f32::from_bits(bits(at, 4) as u32)),
            TypeKind::F64 => Value::F64(f64::from_bits(bits(at, 8))),
            TypeKind::Char => Value::Char(char::from_u32(bits(at, 4) as u32).ok_or(Invalid)?),
            TypeKind::Flags => Value::Flags(bits(at, ty.bytes(HERE)) as u32),
            TypeKind::String => Value::String(load_string(at)?),
            TypeKind::List | TypeKind::Map => load_list(ty, at)?,
            TypeKind::FixedList => {
                let element = ty.element();
                let step = element.bytes(HERE) as usize;
                let places = (0..ty.fixed_len() as usize).map(|index| at.add(index * step));
                let values = places.map(|at| load(element, at));
                Value::Sequence(values.collect::<Result<_, _>>()?)
            }
            TypeKind::Record | TypeKind::Tuple => load_members(ty.members().flatten(), at)?,
            TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
                let case = bits(at, ty.discriminant_bytes()) as u32;
                if case >= ty.case_count() {
                    return Err(Invalid);
                }
                let at = at.add(ty.payload_offset(HERE) as usize);
                let payload = ty.case(case).map(|payload| load(payload, at));
                Value::Case(case, payload.transpose()?.map(Box::new))
            }
            TypeKind::Own
            | TypeKind::Borrow
            | TypeKind::Stream
            | TypeKind::Future
            | TypeKind::ErrorContext => return Err(Invalid),
        })
    }
}

/// A number of so many bytes, extended with zeros.
///
/// # Safety
/// They are there.
unsafe fn bits(at: *const u8, bytes: u32) -> u64 {
    let mut number = [0; 8];
    for (index, byte) in number.iter_mut().enumerate().take(bytes as usize) {
        // SAFETY: the caller vouches for the bytes.
        *byte = unsafe { at.add(index).read() };
    }
    u64::from_le_bytes(number)
}

/// Address and length of a string or list.
///
/// # Safety
/// They are there.
unsafe fn range(at: *const u8) -> (*const u8, usize) {
    // SAFETY: the caller vouches for both.
    let (start, len) = unsafe { (bits(at, 8), bits(at.add(8), 8)) };
    (
        std::ptr::with_exposed_provenance(start as usize),
        len as usize,
    )
}

/// # Safety
/// As of [`load`].
unsafe fn load_string(at: *const u8) -> Result<String, Invalid> {
    // SAFETY: the caller vouches for the string.
    let (start, len) = unsafe { range(at) };
    if len == 0 {
        return Ok(String::new());
    }
    // SAFETY: as above.
    let bytes = unsafe { std::slice::from_raw_parts(start, len) };
    String::from_utf8(bytes.to_vec()).map_err(|_| Invalid)
}

/// # Safety
/// As of [`load`].
unsafe fn load_list(ty: Type, at: *const u8) -> Result<Value, Invalid> {
    // SAFETY: the caller vouches for the list.
    let (start, len) = unsafe { range(at) };
    let (bytes, _) = element_layout(ty);
    let mut values = Vec::with_capacity(len);
    for index in 0..len {
        // SAFETY: as above; so many elements lie there.
        values.push(unsafe {
            let at = start.add(index * bytes);
            match ty.member(1).filter(|_| ty.kind() == TypeKind::Map) {
                Some(value) => load_members([ty.element(), value].into_iter(), at)?,
                None => load(ty.element(), at)?,
            }
        });
    }
    Ok(Value::Sequence(values))
}

/// # Safety
/// As of [`load`].
unsafe fn load_members(types: impl Iterator<Item = Type>, at: *const u8) -> Result<Value, Invalid> {
    let mut values = Vec::new();
    for (ty, offset) in placed(types) {
        // SAFETY: the caller vouches for the members.
        values.push(unsafe { load(ty, at.add(offset)) }?);
    }
    Ok(Value::Sequence(values))
}

/// Members with their places.
fn placed(types: impl Iterator<Item = Type>) -> impl Iterator<Item = (Type, usize)> {
    types.scan(0_usize, |end, ty| {
        let at = end.next_multiple_of(ty.align(HERE) as usize);
        *end = at + ty.bytes(HERE) as usize;
        Some((ty, at))
    })
}

/// Bytes and alignment of an element of a list, or of a map's pair.
fn element_layout(ty: Type) -> (usize, usize) {
    let pair = [
        Some(ty.element()),
        ty.member(1).filter(|_| ty.kind() == TypeKind::Map),
    ];
    let types = || pair.into_iter().flatten();
    let align = types().map(|ty| ty.align(HERE) as usize).max().unwrap_or(1);
    let end = placed(types())
        .map(|(ty, at)| at + ty.bytes(HERE) as usize)
        .max();
    (end.unwrap_or(0).next_multiple_of(align), align)
}

/// Writes a result.
///
/// # Safety
/// At the address is room for a value of the type's form in C.
pub(super) unsafe fn store(ty: Type, value: &Value, at: *mut u8) -> Result<(), NoMemory> {
    // SAFETY: the caller vouches for all that is written here and below, or it is new.
    unsafe {
        match value {
            Value::Bool(value) => set(at, (*value).into(), 1),
            Value::Signed(value) => set(at, value.cast_unsigned(), ty.bytes(HERE)),
            Value::Unsigned(value) => set(at, *value, ty.bytes(HERE)),
            Value::F32(value) => set(at, value.to_bits().into(), 4),
            Value::F64(value) => set(at, value.to_bits(), 8),
            Value::Char(value) => set(at, u32::from(*value).into(), 4),
            Value::Flags(bits) => set(at, (*bits).into(), ty.bytes(HERE)),
            Value::Handle(handle) => set(at, (*handle).into(), 4),
            Value::String(text) => {
                let start = allocate(text.len())?;
                start.copy_from_nonoverlapping(text.as_ptr(), text.len());
                set_range(at, start, text.len());
            }
            Value::Sequence(values) => match ty.kind() {
                TypeKind::List | TypeKind::Map => store_list(ty, values, at)?,
                TypeKind::FixedList => store_elements(ty, values, at)?,
                _ => store_members(ty.members().flatten(), values, at)?,
            },
            Value::Case(case, payload) => {
                at.write_bytes(0, ty.bytes(HERE) as usize);
                set(at, (*case).into(), ty.discriminant_bytes());
                if let (Some(held), Some(payload)) = (ty.case(*case), payload) {
                    store(held, payload, at.add(ty.payload_offset(HERE) as usize))?;
                }
            }
        }
    }
    Ok(())
}

/// Writes a number of so many bytes.
///
/// # Safety
/// There is room for them.
unsafe fn set(at: *mut u8, number: u64, bytes: u32) {
    for (index, byte) in number.to_le_bytes().iter().enumerate().take(bytes as usize) {
        // SAFETY: the caller vouches for the room.
        unsafe { at.add(index).write(*byte) };
    }
}

/// # Safety
/// There is room for both.
unsafe fn set_range(at: *mut u8, start: *mut u8, len: usize) {
    // SAFETY: the caller vouches for the room.
    unsafe {
        set(at, start.expose_provenance() as u64, 8);
        set(at.add(8), len as u64, 8);
    }
}

/// Memory that the embedder frees; null for no bytes.
fn allocate(bytes: usize) -> Result<*mut u8, NoMemory> {
    if bytes == 0 {
        return Ok(null_mut());
    }
    // SAFETY: `malloc` has no precondition.
    let start: *mut u8 = unsafe { libc::malloc(bytes) }.cast();
    match start.is_null() {
        true => Err(NoMemory),
        false => Ok(start),
    }
}

/// # Safety
/// As of [`store`].
unsafe fn store_list(ty: Type, values: &[Value], at: *mut u8) -> Result<(), NoMemory> {
    let (bytes, _) = element_layout(ty);
    let start = allocate(bytes * values.len())?;
    // SAFETY: the list is new, and has room for the elements; the caller vouches for the rest.
    unsafe {
        match ty.member(1).filter(|_| ty.kind() == TypeKind::Map) {
            Some(value) => {
                for (index, pair) in values.iter().enumerate() {
                    if let Value::Sequence(pair) = pair {
                        let types = [ty.element(), value].into_iter();
                        store_members(types, pair, start.add(index * bytes))?;
                    }
                }
            }
            None => store_elements(ty, values, start)?,
        }
        set_range(at, start, values.len());
    }
    Ok(())
}

/// # Safety
/// There is room for the elements.
unsafe fn store_elements(ty: Type, values: &[Value], start: *mut u8) -> Result<(), NoMemory> {
    let element = ty.element();
    let step = element.bytes(HERE) as usize;
    for (index, value) in values.iter().enumerate() {
        // SAFETY: the caller vouches for the room.
        unsafe { store(element, value, start.add(index * step)) }?;
    }
    Ok(())
}

/// # Safety
/// There is room for the members.
unsafe fn store_members(
    types: impl Iterator<Item = Type>,
    values: &[Value],
    at: *mut u8,
) -> Result<(), NoMemory> {
    for ((ty, offset), value) in placed(types).zip(values) {
        // SAFETY: the caller vouches for the room.
        unsafe { store(ty, value, at.add(offset)) }?;
    }
    Ok(())
}
