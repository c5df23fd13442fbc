//! Values of components as C has them: in the embedder's memory, laid out as the canonical ABI lays
//! them out for addresses of 64 bits, which is what C compilers do with the header's types.

use super::record;
use crate::component::types::Type;
use crate::vm::store::Store;
use wasmelt_abi::{EMBEDDERS, PtrType, TypeKind};

/// A value is not what its type says: text that is no UTF-8, a case that does not exist, or a handle
/// of nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Invalid;

/// Addresses of the process have 64 bits.
pub(super) const HERE: PtrType = PtrType::I64;

/// Bytes of a slot that holds a parameter, or its address.
const SLOT_BYTES: usize = size_of::<u64>();

/// Where a parameter is.
///
/// # Safety
/// At the address is a slot for each parameter.
pub(super) unsafe fn param(slots: *const u8, position: usize, ty: Type) -> *const u8 {
    let slot = slots.wrapping_add(position * SLOT_BYTES);
    match is_passed_by_value(ty) {
        true => slot,
        // SAFETY: the caller vouches for the slot.
        false => unsafe { slot.cast::<*const u8>().read() },
    }
}

/// What C passes as it is; all else is passed by its address.
pub(super) fn is_passed_by_value(ty: Type) -> bool {
    use TypeKind::{FixedList, List, Map, Option, Record, Result, String, Tuple, Variant};
    !matches!(
        ty.kind(),
        String | List | Map | FixedList | Record | Tuple | Variant | Option | Result
    )
}

/// A number of so many bytes, extended with zeros.
///
/// # Safety
/// They are there.
pub(super) unsafe fn bits(at: *const u8, bytes: u32) -> u64 {
    // SAFETY: the caller vouches for the bytes.
    unsafe {
        match bytes {
            1 => at.read().into(),
            2 => at.cast::<u16>().read_unaligned().into(),
            4 => at.cast::<u32>().read_unaligned().into(),
            _ => at.cast::<u64>().read_unaligned(),
        }
    }
}

/// Writes a number of so many bytes.
///
/// # Safety
/// There is room for them.
pub(super) unsafe fn set(at: *mut u8, number: u64, bytes: u32) {
    // SAFETY: the caller vouches for the room.
    unsafe {
        match bytes {
            1 => at.write(number as u8),
            2 => at.cast::<u16>().write_unaligned(number as u16),
            4 => at.cast::<u32>().write_unaligned(number as u32),
            _ => at.cast::<u64>().write_unaligned(number),
        }
    }
}

/// Address and length of a string or list.
///
/// # Safety
/// They are there.
pub(super) unsafe fn range(at: *const u8) -> (*const u8, usize) {
    // SAFETY: the caller vouches for both.
    let (start, len) = unsafe { (bits(at, 8), bits(at.add(8), 8)) };
    (
        std::ptr::with_exposed_provenance(start as usize),
        len as usize,
    )
}

/// # Safety
/// There is room for both.
pub(super) unsafe fn set_range(at: *mut u8, start: *mut u8, len: usize) {
    // SAFETY: the caller vouches for the room.
    unsafe {
        set(at, start.expose_provenance() as u64, 8);
        set(at.add(8), len as u64, 8);
    }
}

/// The bytes of a string or of a list of them.
///
/// # Safety
/// They are there, for as long as the result is used.
pub(super) unsafe fn bytes<'b>(start: *const u8, len: usize) -> &'b [u8] {
    match len {
        0 => &[],
        // SAFETY: the caller vouches for the bytes.
        _ => unsafe { std::slice::from_raw_parts(start, len) },
    }
}

/// Members with their places, from an address on.
pub(super) fn placed(
    types: impl Iterator<Item = Type>,
    at: *const u8,
) -> impl Iterator<Item = (Type, *const u8)> {
    types.scan(0_usize, move |end, ty| {
        let offset = end.next_multiple_of(ty.align(HERE) as usize);
        *end = offset + ty.bytes(HERE) as usize;
        Some((ty, at.wrapping_add(offset)))
    })
}

/// Elements with their places.
pub(super) fn elements(
    element: Type,
    at: *const u8,
    len: usize,
) -> impl Iterator<Item = (Type, *const u8)> {
    let step = element.bytes(HERE) as usize;
    (0..len).map(move |index| (element, at.wrapping_add(index * step)))
}

/// Which case a variant, enum, option or result is, and where what it holds is.
///
/// # Safety
/// It is there.
pub(super) unsafe fn case(ty: Type, at: *const u8) -> (u32, *const u8) {
    // SAFETY: the caller vouches for it.
    let case = unsafe { bits(at, ty.discriminant_bytes()) } as u32;
    (case, at.wrapping_add(ty.payload_offset(HERE) as usize))
}

/// Looks whether values are of their types, all those of one call.
#[derive(Debug)]
pub(super) struct Checked {
    store: &'static Store,
    /// Handles that are given away, and others that are lent.
    given: Vec<u32>,
    lent: Vec<u32>,
}

impl Checked {
    pub(super) fn of(store: &'static Store) -> Checked {
        Checked {
            store,
            given: Vec::new(),
            lent: Vec::new(),
        }
    }

    /// Looks whether a value is one of its type.
    ///
    /// # Safety
    /// At the address is a value of the type's form in C.
    pub(super) unsafe fn check(&mut self, ty: Type, at: *const u8) -> Result<(), Invalid> {
        // SAFETY: the caller vouches for all that is read here and below.
        unsafe {
            match ty.kind() {
                TypeKind::Char => {
                    let char = char::from_u32(bits(at, 4) as u32);
                    char.map(|_| ()).ok_or(Invalid)
                }
                TypeKind::String => {
                    let (start, len) = range(at);
                    let text = std::str::from_utf8(bytes(start, len));
                    text.map(|_| ()).map_err(|_| Invalid)
                }
                TypeKind::List if ty.element().is_number() => Ok(()),
                TypeKind::List => {
                    let (start, len) = range(at);
                    self.check_all(elements(ty.element(), start, len))
                }
                TypeKind::FixedList => {
                    self.check_all(elements(ty.element(), at, ty.fixed_len() as usize))
                }
                TypeKind::Record | TypeKind::Tuple => {
                    self.check_all(placed(ty.members().flatten(), at))
                }
                TypeKind::Variant | TypeKind::Enum | TypeKind::Option | TypeKind::Result => {
                    let (case, at) = case(ty, at);
                    if case >= ty.case_count() {
                        return Err(Invalid);
                    }
                    ty.case(case).map_or(Ok(()), |held| self.check(held, at))
                }
                TypeKind::Own | TypeKind::Borrow if ty.definer() != EMBEDDERS => {
                    self.check_handle(ty, bits(at, 4) as u32)
                }
                _ => Ok(()),
            }
        }
    }

    /// # Safety
    /// They are values of their types' forms in C.
    unsafe fn check_all(
        &mut self,
        mut values: impl Iterator<Item = (Type, *const u8)>,
    ) -> Result<(), Invalid> {
        // SAFETY: the caller vouches for the values.
        values.try_for_each(|(ty, at)| unsafe { self.check(ty, at) })
    }

    /// A handle is one of a resource of this type, and is given away once at most, if it is not lent.
    fn check_handle(&mut self, ty: Type, handle: u32) -> Result<(), Invalid> {
        let found = record::with(self.store, |record| {
            record.handles.find(ty.resource(), handle)
        });
        let is_lent = ty.kind() == TypeKind::Borrow;
        if found.is_none()
            || self.given.contains(&handle)
            || !is_lent && self.lent.contains(&handle)
        {
            return Err(Invalid);
        }
        match is_lent {
            true => self.lent.push(handle),
            false => self.given.push(handle),
        }
        Ok(())
    }
}

/// Makes what a value refers to, in blocks of `malloc`, those of the call.
///
/// # Safety
/// At the address is a value that has been checked, and nobody else frees what it refers to.
pub(super) unsafe fn claim(ty: Type, at: *const u8, store: &'static Store) {
    let claim_all = |values: &mut dyn Iterator<Item = (Type, *const u8)>| {
        for (ty, at) in values {
            // SAFETY: the caller vouches for the parts too.
            unsafe { claim(ty, at, store) };
        }
    };
    // SAFETY: the caller vouches for all that is read.
    unsafe {
        match ty.kind() {
            TypeKind::String | TypeKind::List => {
                let (start, len) = range(at);
                record::with(store, |record| record.blocks.claim(start.cast_mut()));
                if ty.kind() == TypeKind::List && !ty.element().is_number() {
                    claim_all(&mut elements(ty.element(), start, len));
                }
            }
            TypeKind::FixedList => {
                claim_all(&mut elements(ty.element(), at, ty.fixed_len() as usize));
            }
            TypeKind::Record | TypeKind::Tuple => {
                claim_all(&mut placed(ty.members().flatten(), at));
            }
            TypeKind::Variant | TypeKind::Option | TypeKind::Result => {
                let (case, at) = case(ty, at);
                if let Some(held) = ty.case(case) {
                    claim(held, at, store);
                }
            }
            _ => {}
        }
    }
}
