//! What kinds of types there are, by what the input says of them.

use crate::dwarf::{Attribute, Source, Type};
use gimli::{DwTag, constants};

/// What is looked through to find what a type is.
const NAMES_MAX: usize = 64;

/// The type behind its names and qualifiers.
pub(super) fn stripped(source: &Source, mut ty: u32) -> Option<&Type> {
    for _ in 0..NAMES_MAX {
        let found = source.types.get(ty as usize)?;
        match found.tag {
            constants::DW_TAG_typedef
            | constants::DW_TAG_const_type
            | constants::DW_TAG_volatile_type
            | constants::DW_TAG_restrict_type
            | constants::DW_TAG_atomic_type => ty = target(found)?,
            _ => return Some(found),
        }
    }
    None
}

/// What a type refers to.
pub(super) fn target(ty: &Type) -> Option<u32> {
    ty.attributes.iter().find_map(|attribute| match attribute {
        (constants::DW_AT_type, Attribute::Type(target)) => Some(*target),
        _ => None,
    })
}

pub(super) fn is_pointer(tag: DwTag) -> bool {
    matches!(
        tag,
        constants::DW_TAG_pointer_type
            | constants::DW_TAG_reference_type
            | constants::DW_TAG_rvalue_reference_type
    )
}

pub(super) fn has_place(tag: DwTag) -> bool {
    matches!(
        tag,
        constants::DW_TAG_structure_type
            | constants::DW_TAG_class_type
            | constants::DW_TAG_union_type
            | constants::DW_TAG_array_type
    )
}

/// Whether variables of a type are given as addresses of the machine.
pub(super) fn is_address(source: &Source, ty: u32) -> bool {
    let Some(found) = stripped(source, ty) else {
        return false;
    };
    if !is_pointer(found.tag) {
        return is_slice(source, found);
    }
    let target = target(found).and_then(|target| stripped(source, target));
    target.is_some_and(|target| target.tag != constants::DW_TAG_subroutine_type)
}

/// Whether a type is a pointer of Rust to what has no length of its own, for modules with memories of
/// 32 bits: a pointer and a length.
pub(super) fn is_slice(source: &Source, ty: &Type) -> bool {
    let [pointer, length] = &*ty.parts else {
        return false;
    };
    ty.tag == constants::DW_TAG_structure_type
        && name(ty).is_some_and(|name| name.starts_with('&'))
        && (name(pointer), place(pointer)) == (Some("data_ptr"), Some(0))
        && (name(length), place(length)) == (Some("length"), Some(4))
        && target(pointer)
            .and_then(|ty| stripped(source, ty))
            .is_some_and(|ty| is_pointer(ty.tag))
}

pub(super) fn name(ty: &Type) -> Option<&str> {
    ty.attributes.iter().find_map(|attribute| match attribute {
        (constants::DW_AT_name, Attribute::Text(text)) => Some(&**text),
        _ => None,
    })
}

/// Where a member lies.
pub(super) fn place(part: &Type) -> Option<u64> {
    part.attributes
        .iter()
        .find_map(|attribute| match attribute {
            (constants::DW_AT_data_member_location, Attribute::Unsigned(at)) => Some(*at),
            _ => None,
        })
}
