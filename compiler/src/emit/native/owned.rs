//! Texts of Rust that own their bytes: where a `String` has its pointer and its length.
//!
//! Both lie some structures deep, of the standard library, whose names differ between its versions.
//! What is not as expected here is shown as it is, without its text.

use super::kinds::{is_pointer, name, place, stripped, target};
use crate::dwarf::{Source, Type};
use gimli::constants;

/// The pointer and the length of a text.
#[derive(Clone, Copy)]
pub(super) struct Text {
    pub(super) pointer: Member,
    pub(super) length: Member,
}

/// Something in a type, however deep.
#[derive(Clone, Copy)]
pub(super) struct Member {
    pub(super) ty: u32,
    /// Bytes from where the type begins.
    pub(super) at: u64,
}

/// Structures around a pointer, at most.
const DEPTH_MAX: usize = 16;

/// What leads from a list to its pointer: members of these names, one in the other.
const TO_POINTER: [&str; 4] = ["buf", "inner", "ptr", "pointer"];

/// Nothing if a type is no `String`.
pub(super) fn text(source: &Source, ty: &Type) -> Option<Text> {
    if ty.tag != constants::DW_TAG_structure_type || name(ty)? != "String" {
        return None;
    }
    let [vec] = &*ty.parts else {
        return None;
    };
    let list = stripped(source, target(vec)?)?;
    if name(vec)? != "vec" || !name(list)?.starts_with("Vec<u8") {
        return None;
    }
    let length = list.parts.iter().find(|part| name(part) == Some("len"))?;
    Some(Text {
        pointer: pointer(source, vec)?,
        length: Member {
            ty: target(length)?,
            at: place(vec)?.checked_add(place(length)?)?,
        },
    })
}

/// The pointer of the list that a member is.
fn pointer(source: &Source, list: &Type) -> Option<Member> {
    let mut found = Member {
        ty: target(list)?,
        at: place(list)?,
    };
    for _ in 0..DEPTH_MAX {
        let ty = stripped(source, found.ty)?;
        if is_pointer(ty.tag) {
            return Some(found);
        }
        let leads = |part: &&Type| name(part).is_some_and(|name| TO_POINTER.contains(&name));
        let part = ty.parts.iter().find(leads)?;
        found = Member {
            ty: target(part)?,
            at: found.at.checked_add(place(part)?)?,
        };
    }
    None
}
