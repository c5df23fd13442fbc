//! Types of variables, as debuggers are told of them.
//!
//! A pointer in a memory is a number that debuggers take for an address, and it is none. A variable
//! that is a pointer is given as the machine's address ([`Role::Address`]), and so are the slices and
//! texts of Rust. Of a pointer that lies in memory, the debugger sees what is there. Where it asks a
//! type for the place of its contents (`DW_AT_data_location`), which gdb does for structures, unions
//! and arrays, it adds the memory's own address. So what such pointers refer to are types of their own
//! ([`Role::Pointed`]): as parts of others they must not have such an attribute. They are so for
//! others, too, as gdb knows one length of all pointers to a type.

use super::expression::Memory;
use super::writing::{ADDRESS_BYTES, clean};
use crate::dwarf::{Attribute, Source, Sources, Type};
use gimli::write::{AttributeValue, Dwarf, UnitEntryId, UnitId};
use gimli::{DwTag, constants};
use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Role {
    Plain,
    /// A pointer refers to it.
    Pointed,
    /// A pointer that is an address of the machine.
    Address,
}

/// The types of a unit that were written.
#[derive(Default)]
pub(super) struct Types {
    written: HashMap<(u32, Role), UnitEntryId>,
    namespaces: HashMap<u32, UnitEntryId>,
    /// That of which nothing is said.
    unknown: Option<UnitEntryId>,
    /// Those whose contents are yet to be written.
    pending: Vec<(u32, Role)>,
}

/// What is looked through to find what a type is.
const NAMES_MAX: usize = 64;

/// A unit that types are written to.
pub(super) struct Target<'a> {
    pub(super) dwarf: &'a mut Dwarf,
    pub(super) unit: UnitId,
    pub(super) source: &'a Source,
    pub(super) memory: Option<Memory>,
    /// So many types and parts may still be written.
    pub(super) left: &'a mut usize,
}

/// How often a type may be written: it is for each role in each unit that has it.
const WRITTEN_MAX: usize = 16;
const TYPES_MIN: usize = 1 << 16;

/// How many types and parts may be written, at most. The rest is of types that nothing is said of.
pub(super) fn most(sources: &Sources) -> usize {
    let types = sources.values().flat_map(|source| &source.types);
    TYPES_MIN + WRITTEN_MAX * types.map(weight).sum::<usize>()
}

fn weight(ty: &Type) -> usize {
    1 + ty.parts.iter().map(weight).sum::<usize>()
}

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
    let text = |ty: &Type| {
        ty.attributes.iter().find_map(|attribute| match attribute {
            (constants::DW_AT_name, Attribute::Text(text)) => Some(text.clone()),
            _ => None,
        })
    };
    let place = |part: &Type| {
        part.attributes
            .iter()
            .find_map(|attribute| match attribute {
                (constants::DW_AT_data_member_location, Attribute::Unsigned(at)) => Some(*at),
                _ => None,
            })
    };
    let [pointer, length] = &*ty.parts else {
        return false;
    };
    ty.tag == constants::DW_TAG_structure_type
        && text(ty).is_some_and(|name| name.starts_with('&'))
        && (text(pointer).as_deref(), place(pointer)) == (Some("data_ptr"), Some(0))
        && (text(length).as_deref(), place(length)) == (Some("length"), Some(4))
        && target(pointer)
            .and_then(|ty| stripped(source, ty))
            .is_some_and(|ty| is_pointer(ty.tag))
}

impl Types {
    /// The entry of a type, with all that it refers to.
    pub(super) fn entry(&mut self, target: &mut Target<'_>, ty: u32, role: Role) -> UnitEntryId {
        let entry = self.begin(target, ty, role);
        while let Some((ty, role)) = self.pending.pop() {
            let entry = self.written[&(ty, role)];
            let source = target.source;
            self.fill(target, entry, &source.types[ty as usize], role);
        }
        entry
    }

    pub(super) fn namespace(
        &mut self,
        target: &mut Target<'_>,
        namespace: Option<u32>,
    ) -> UnitEntryId {
        let root = target.dwarf.units.get(target.unit).root();
        let Some(number) = namespace else {
            return root;
        };
        // From the outermost on.
        let mut path = Vec::new();
        let mut next = Some(number);
        while let Some(number) = next
            && !self.namespaces.contains_key(&number)
        {
            path.push(number);
            next = target.source.namespaces[number as usize].parent;
        }
        let mut parent = next.map_or(root, |known| self.namespaces[&known]);
        for number in path.into_iter().rev() {
            let unit = target.dwarf.units.get_mut(target.unit);
            parent = unit.add(parent, constants::DW_TAG_namespace);
            if let Some(name) = &target.source.namespaces[number as usize].name {
                let name = target.dwarf.strings.add(clean(name));
                let unit = target.dwarf.units.get_mut(target.unit);
                let name = AttributeValue::StringRef(name);
                unit.get_mut(parent).set(constants::DW_AT_name, name);
            }
            self.namespaces.insert(number, parent);
        }
        parent
    }

    /// An entry that is filled later.
    fn begin(&mut self, target: &mut Target<'_>, ty: u32, role: Role) -> UnitEntryId {
        let source = target.source;
        let role = match role {
            Role::Address if is_address(source, ty) => Role::Address,
            Role::Pointed if target.memory.is_some() => Role::Pointed,
            _ => Role::Plain,
        };
        if let Some(&entry) = self.written.get(&(ty, role)) {
            return entry;
        }
        let found = &source.types[ty as usize];
        let Some(left) = target.left.checked_sub(weight(found)) else {
            let unit = target.dwarf.units.get_mut(target.unit);
            let root = unit.root();
            let unknown = self.unknown;
            let unknown =
                unknown.unwrap_or_else(|| unit.add(root, constants::DW_TAG_unspecified_type));
            self.unknown = Some(unknown);
            return unknown;
        };
        *target.left = left;
        let parent = self.namespace(target, found.namespace);
        let unit = target.dwarf.units.get_mut(target.unit);
        let entry = unit.add(parent, found.tag);
        self.written.insert((ty, role), entry);
        self.pending.push((ty, role));
        entry
    }

    fn fill(&mut self, to: &mut Target<'_>, entry: UnitEntryId, ty: &Type, role: Role) {
        let inner = match (is_pointer(ty.tag), role) {
            // What an address of the machine refers to needs nothing added.
            (true, Role::Address) => Role::Plain,
            (true, _) => Role::Pointed,
            (false, role) if has_place(ty.tag) || role == Role::Plain => Role::Plain,
            // A name for what a pointer refers to, or for an address.
            (false, role) => role,
        };
        let mut parts = HashMap::new();
        self.contents(to, entry, ty, inner, &mut parts);
        if role == Role::Address && is_slice(to.source, ty) {
            self.make_slice(to, entry, ty, &parts);
        }
        let pointer_bytes = match (is_pointer(ty.tag), role, to.memory) {
            (false, ..) => None,
            (true, Role::Address, _) | (true, _, Some(Memory { is_64: true, .. })) => Some(8),
            (true, ..) => Some(4),
        };
        let written = to.dwarf.units.get_mut(to.unit).get_mut(entry);
        if let Some(bytes) = pointer_bytes {
            written.set(constants::DW_AT_byte_size, AttributeValue::Udata(bytes));
        }
        if let (Role::Pointed, true, Some(memory)) = (role, has_place(ty.tag), to.memory) {
            let place = AttributeValue::Exprloc(memory.data_location());
            written.set(constants::DW_AT_data_location, place);
        }
    }

    /// A pointer and a length as those of the machine are.
    fn make_slice(
        &mut self,
        to: &mut Target<'_>,
        entry: UnitEntryId,
        ty: &Type,
        parts: &HashMap<usize, UnitEntryId>,
    ) {
        let unit = to.dwarf.units.get_mut(to.unit);
        let bytes = AttributeValue::Udata(2 * ADDRESS_BYTES);
        unit.get_mut(entry).set(constants::DW_AT_byte_size, bytes);
        for (part, at) in ty.parts.iter().zip([0, ADDRESS_BYTES]) {
            let entry = parts[&part.place];
            if at == 0
                && let Some(pointer) = target(part)
            {
                let pointer = self.begin(to, pointer, Role::Address);
                let unit = to.dwarf.units.get_mut(to.unit);
                let pointer = AttributeValue::UnitRef(pointer);
                unit.get_mut(entry).set(constants::DW_AT_type, pointer);
            }
            let unit = to.dwarf.units.get_mut(to.unit);
            let at = AttributeValue::Udata(at);
            unit.get_mut(entry)
                .set(constants::DW_AT_data_member_location, at);
        }
    }

    /// Writes attributes and parts. `parts` are those of the type, by place.
    fn contents(
        &mut self,
        to: &mut Target<'_>,
        entry: UnitEntryId,
        ty: &Type,
        inner: Role,
        parts: &mut HashMap<usize, UnitEntryId>,
    ) {
        let entries: Vec<UnitEntryId> = ty
            .parts
            .iter()
            .map(|part| {
                let unit = to.dwarf.units.get_mut(to.unit);
                let entry = unit.add(entry, part.tag);
                parts.insert(part.place, entry);
                entry
            })
            .collect();
        for (part, entry) in ty.parts.iter().zip(entries) {
            self.contents(to, entry, part, Role::Plain, parts);
        }
        for (name, value) in &ty.attributes {
            let value = match value {
                Attribute::Text(text) => {
                    AttributeValue::StringRef(to.dwarf.strings.add(clean(text)))
                }
                Attribute::Unsigned(number) => AttributeValue::Udata(*number),
                Attribute::Signed(number) => AttributeValue::Sdata(*number),
                Attribute::Flag => AttributeValue::FlagPresent,
                Attribute::Type(ty) => AttributeValue::UnitRef(self.begin(to, *ty, inner)),
                Attribute::Part(place) => match parts.get(place) {
                    Some(&part) => AttributeValue::UnitRef(part),
                    None => continue,
                },
            };
            let value = match (*name, value) {
                (constants::DW_AT_encoding, AttributeValue::Udata(number)) => {
                    let number = u8::try_from(number).unwrap_or_default();
                    AttributeValue::Encoding(gimli::DwAte(number))
                }
                (constants::DW_AT_virtuality, AttributeValue::Udata(number)) => {
                    let number = u8::try_from(number).unwrap_or_default();
                    AttributeValue::Virtuality(gimli::DwVirtuality(number))
                }
                (_, value) => value,
            };
            let unit = to.dwarf.units.get_mut(to.unit);
            unit.get_mut(entry).set(*name, value);
        }
    }
}
