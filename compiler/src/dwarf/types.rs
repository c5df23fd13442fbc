//! Types that variables have, as far as something refers to them.

use super::files::{Dwarf, Files, Reader, Unit};
use super::units::Units;
use foldhash::HashMap;
use gimli::{AttributeValue, DebuggingInformationEntry, DwAt, DwTag, UnitOffset, constants};

/// A type, or a part of one.
#[derive(Clone, PartialEq, Debug)]
pub struct Type {
    pub tag: DwTag,
    /// Of [`super::Source::namespaces`].
    pub namespace: Option<u32>,
    pub attributes: Vec<(DwAt, Attribute)>,
    pub parts: Vec<Type>,
    /// Where it is in the input, for [`Attribute::Part`].
    pub place: usize,
}

#[derive(Clone, PartialEq, Debug)]
pub enum Attribute {
    Text(String),
    Unsigned(u64),
    Signed(i64),
    Flag,
    /// Of [`super::Source::types`].
    Type(u32),
    /// A part of the same type, by its place.
    Part(usize),
}

/// What has a name that others are in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Namespace {
    pub name: Option<String>,
    pub parent: Option<u32>,
}

/// Types that were asked for.
#[derive(Default)]
pub(super) struct Types {
    pub(super) list: Vec<Type>,
    pub(super) namespaces: Vec<Namespace>,
    /// By place in the input.
    known: HashMap<usize, u32>,
    places: Vec<usize>,
    /// From which place of the input on things are in which namespace, ascending.
    inside: Vec<(usize, Option<u32>)>,
    looked: usize,
}

/// So many entries are looked at for each byte of input: types can lie in each other.
const LOOKED_PER_BYTE: usize = 1;

/// Parts of parts beyond this are left out.
const DEPTH_MAX: isize = 4;

impl Types {
    /// The position of the type at a place, which is read by [`Self::read`].
    pub(super) fn at(&mut self, place: usize) -> u32 {
        let next = u32::try_from(self.places.len()).expect("fewer than bytes of input");
        *self.known.entry(place).or_insert_with(|| {
            self.places.push(place);
            next
        })
    }

    /// What follows in the input is in a namespace.
    pub(super) fn enter(&mut self, place: usize, name: Option<String>) -> u32 {
        let parent = self.inside.last().and_then(|inside| inside.1);
        let number = u32::try_from(self.namespaces.len()).expect("fewer than bytes of input");
        self.namespaces.push(Namespace { name, parent });
        self.inside.push((place, Some(number)));
        number
    }

    /// What follows in the input is in what the namespace is in.
    pub(super) fn leave(&mut self, place: usize, namespace: u32) {
        let parent = self.namespaces[namespace as usize].parent;
        self.inside.push((place, parent));
    }

    pub(super) fn namespace(&self, place: usize) -> Option<u32> {
        let behind = self.inside.partition_point(|inside| inside.0 <= place);
        self.inside.get(behind.checked_sub(1)?)?.1
    }

    /// Reads all types that were asked for, and those that they ask for.
    pub(super) fn read(
        &mut self,
        dwarf: &Dwarf<'_>,
        units: &Units<'_>,
        files: &mut Files,
        bytes: usize,
    ) {
        while let Some(&place) = self.places.get(self.list.len()) {
            let read = self.type_at(
                dwarf,
                units,
                files,
                place,
                bytes.saturating_mul(LOOKED_PER_BYTE),
            );
            let read = read.unwrap_or_else(|| Type {
                tag: constants::DW_TAG_unspecified_type,
                namespace: None,
                attributes: Vec::new(),
                parts: Vec::new(),
                place,
            });
            self.list.push(read);
        }
    }

    fn type_at(
        &mut self,
        dwarf: &Dwarf<'_>,
        units: &Units<'_>,
        files: &mut Files,
        place: usize,
        most: usize,
    ) -> Option<Type> {
        let unit = units.around(place)?;
        let offset = gimli::DebugInfoOffset(place).to_unit_offset(&unit.header)?;
        let mut entries = unit.entries_at_offset(offset).ok()?;
        // The type, and the parts around the current entry.
        let mut open: Vec<(isize, Type)> = Vec::new();
        let mut skipped: Option<isize> = None;
        let start = entries.next_dfs().ok()??;
        if !is_type(start.tag()) {
            return None;
        }
        let mut root = self.entry(dwarf, unit, files, start);
        root.namespace = self.namespace(place);
        let has_parts = has_parts(root.tag) && start.has_children();
        let base = start.depth();
        open.push((base, root));
        while has_parts
            && self.looked < most
            && let Ok(Some(entry)) = entries.next_dfs()
            && entry.depth() > base
        {
            self.looked += 1;
            if skipped.is_some_and(|depth| entry.depth() > depth) {
                continue;
            }
            skipped = None;
            if !is_part(entry.tag()) || entry.depth() - base > DEPTH_MAX {
                skipped = Some(entry.depth());
                continue;
            }
            close(&mut open, entry.depth());
            let part = self.entry(dwarf, unit, files, entry);
            open.push((entry.depth(), part));
        }
        close(&mut open, base + 1);
        open.pop().map(|(_, root)| root)
    }

    fn entry<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        files: &mut Files,
        entry: &DebuggingInformationEntry<Reader<'a>>,
    ) -> Type {
        let mut attributes: Vec<(DwAt, Attribute)> = Vec::new();
        for attribute in entry.attrs() {
            let name = attribute.name();
            // Damaged entries may have one twice.
            if attributes.iter().any(|known| known.0 == name) {
                continue;
            }
            if let Some(value) = self.attribute(dwarf, unit, files, name, attribute.value()) {
                attributes.push((name, value));
            }
        }
        Type {
            tag: entry.tag(),
            namespace: None,
            attributes,
            parts: Vec::new(),
            place: place(unit, entry.offset()).unwrap_or_default(),
        }
    }

    fn attribute<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        unit: &Unit<'a>,
        files: &mut Files,
        name: DwAt,
        value: AttributeValue<Reader<'a>>,
    ) -> Option<Attribute> {
        match name {
            constants::DW_AT_name => {
                let text = dwarf.attr_string(unit, value).ok()?;
                Some(Attribute::Text(files.copy(text.slice())?))
            }
            constants::DW_AT_type => Some(Attribute::Type(self.at(referred(unit, &value)?))),
            constants::DW_AT_discr => Some(Attribute::Part(referred(unit, &value)?)),
            constants::DW_AT_declaration
            | constants::DW_AT_enum_class
            | constants::DW_AT_prototyped
            | constants::DW_AT_artificial
            | constants::DW_AT_external
            | constants::DW_AT_GNU_vector => match value {
                AttributeValue::Flag(true) => Some(Attribute::Flag),
                _ => None,
            },
            constants::DW_AT_byte_size
            | constants::DW_AT_encoding
            | constants::DW_AT_bit_size
            | constants::DW_AT_data_bit_offset
            | constants::DW_AT_data_member_location
            | constants::DW_AT_upper_bound
            | constants::DW_AT_lower_bound
            | constants::DW_AT_count
            | constants::DW_AT_discr_value
            | constants::DW_AT_const_value
            | constants::DW_AT_virtuality => match value {
                AttributeValue::Encoding(encoding) => Some(Attribute::Unsigned(encoding.0.into())),
                AttributeValue::Virtuality(kind) => Some(Attribute::Unsigned(kind.0.into())),
                AttributeValue::Sdata(value) => Some(Attribute::Signed(value)),
                value => value.udata_value().map(Attribute::Unsigned),
            },
            _ => None,
        }
    }
}

/// Makes what is at least this deep a part of what it is in.
fn close(open: &mut Vec<(isize, Type)>, depth: isize) {
    while open.len() > 1 && open.last().is_some_and(|part| part.0 >= depth) {
        let (_, part) = open.pop().expect("there is one");
        let (_, whole) = open.last_mut().expect("the first stays");
        whole.parts.push(part);
    }
}

/// The place of `.debug_info` that a value refers to.
pub(super) fn referred(unit: &Unit<'_>, value: &AttributeValue<Reader<'_>>) -> Option<usize> {
    match *value {
        AttributeValue::UnitRef(offset) => place(unit, offset),
        AttributeValue::DebugInfoRef(offset) => Some(offset.0),
        _ => None,
    }
}

pub(super) fn place(unit: &Unit<'_>, offset: UnitOffset) -> Option<usize> {
    Some(offset.to_debug_info_offset(&unit.header)?.0)
}

fn is_type(tag: DwTag) -> bool {
    has_parts(tag)
        || matches!(
            tag,
            constants::DW_TAG_base_type
                | constants::DW_TAG_pointer_type
                | constants::DW_TAG_reference_type
                | constants::DW_TAG_rvalue_reference_type
                | constants::DW_TAG_typedef
                | constants::DW_TAG_const_type
                | constants::DW_TAG_volatile_type
                | constants::DW_TAG_restrict_type
                | constants::DW_TAG_atomic_type
                | constants::DW_TAG_unspecified_type
        )
}

fn has_parts(tag: DwTag) -> bool {
    matches!(
        tag,
        constants::DW_TAG_structure_type
            | constants::DW_TAG_class_type
            | constants::DW_TAG_union_type
            | constants::DW_TAG_enumeration_type
            | constants::DW_TAG_array_type
            | constants::DW_TAG_subroutine_type
    )
}

fn is_part(tag: DwTag) -> bool {
    matches!(
        tag,
        constants::DW_TAG_member
            | constants::DW_TAG_inheritance
            | constants::DW_TAG_enumerator
            | constants::DW_TAG_subrange_type
            | constants::DW_TAG_variant_part
            | constants::DW_TAG_variant
            | constants::DW_TAG_formal_parameter
            | constants::DW_TAG_unspecified_parameters
    )
}
