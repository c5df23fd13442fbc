//! Types of variables, as debuggers are told of them.
//!
//! A pointer in a memory is a number that debuggers take for an address, and it is none. A variable
//! that is a pointer is given as the machine's address ([`Role::Address`]), and so are the slices and
//! texts of Rust. Of a pointer that lies in memory, the debugger sees what is there. Where it asks a
//! type for the place of its contents (`DW_AT_data_location`), which gdb does for structures, unions
//! and arrays, it adds the memory's own address. So what such pointers refer to are types of their own
//! ([`Role::Pointed`]): as parts of others they must not have such an attribute. They are so for
//! others, too, as gdb knows one length of all pointers to a type.
//!
//! Slices and texts of Rust that lie in memory keep their name and their parts, but what stands where
//! their pointer lies is an array that has its contents elsewhere ([`Role::Contents`]): gdb then has the
//! address of those, and how many there are it asks the slice. A `String` gets a member that is such a
//! text ([`Role::Text`]).

use super::entries::{Entries, Entry, Label, Located};
use super::expression::Memory;
use super::info::Namespace;
use super::kinds::{has_place, is_address, is_pointer, is_slice, stripped, target};
use super::owned;
use super::shapes::Shapes;
use super::texts::Texts;
use super::writing::ADDRESS_BYTES;
use crate::dwarf::{Attribute, Source, Sources, Type};
use foldhash::HashMap;
use gimli::{DwAt, constants};

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Role {
    Plain,
    /// A pointer refers to it.
    Pointed,
    /// A pointer that is an address of the machine.
    Address,
    /// The pointer of a slice that lies in memory: the array that it refers to takes its place.
    Contents,
    /// A `String` as the slice that its text is.
    Text,
}

/// The types of a unit that were asked for.
#[derive(Default)]
pub(super) struct Types {
    written: HashMap<(u32, Role), Label>,
    pub(super) namespaces: Vec<Namespace>,
    known_namespaces: HashMap<u32, u32>,
    /// That of which nothing is said.
    unknown: Option<Label>,
    /// Those that are yet to be written.
    pending: Vec<(u32, Role, Label)>,
    /// Attributes of what is being written.
    values: Vec<(DwAt, Value)>,
}

enum Value {
    Text(u32),
    Unsigned(u64),
    Signed(i64),
    Flag,
    Kind(u8),
    Reference(Label),
}

/// What is not as in the module.
#[derive(Clone, Copy, Default)]
struct Change {
    /// How large a type is.
    bytes: Option<u64>,
    /// Where a part begins.
    at: Option<u64>,
}

/// The parts of a type by their places, if some refer to each other.
#[derive(Default)]
struct Parts(HashMap<usize, Label>);

impl Parts {
    fn of(to: &mut Target<'_>, ty: &Type) -> Parts {
        let mut parts = Parts::default();
        if has_choice(ty) {
            parts.add(to, ty);
        }
        parts
    }

    fn add(&mut self, to: &mut Target<'_>, ty: &Type) {
        for part in &ty.parts {
            self.0.insert(part.place, to.entries.label());
            self.add(to, part);
        }
    }

    fn get(&self, place: usize) -> Option<Label> {
        self.0.get(&place).copied()
    }
}

/// Whether one of several parts is there.
fn has_choice(ty: &Type) -> bool {
    ty.tag == constants::DW_TAG_variant_part || ty.parts.iter().any(has_choice)
}

/// A unit that types are written to.
pub(super) struct Target<'a> {
    pub(super) entries: &'a mut Entries,
    pub(super) shapes: &'a mut Shapes,
    pub(super) texts: &'a mut Texts,
    pub(super) asks_store: &'a mut bool,
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

impl Types {
    /// What stands for a type, which is written later, with all that it refers to.
    pub(super) fn label(&mut self, target: &mut Target<'_>, ty: u32, role: Role) -> Label {
        let source = target.source;
        let role = match role {
            Role::Address if is_address(source, ty) => Role::Address,
            Role::Pointed | Role::Contents | Role::Text if target.memory.is_some() => role,
            _ => Role::Plain,
        };
        if let Some(&label) = self.written.get(&(ty, role)) {
            return label;
        }
        let Some(left) = target.left.checked_sub(weight(&source.types[ty as usize])) else {
            return *self.unknown.get_or_insert_with(|| target.entries.label());
        };
        *target.left = left;
        let label = target.entries.label();
        self.written.insert((ty, role), label);
        self.pending.push((ty, role, label));
        label
    }

    /// Writes what was asked for, and what that asks for.
    pub(super) fn write(&mut self, target: &mut Target<'_>) {
        while let Some((ty, role, label)) = self.pending.pop() {
            let source = target.source;
            let found = &source.types[ty as usize];
            // The slice that a text is has the name that slices have.
            let inside = found.namespace.filter(|_| role != Role::Text);
            let namespace = self.namespace(target, inside);
            target.entries.begin_piece(namespace);
            match (role, target.memory) {
                (Role::Contents, Some(memory)) => {
                    let pointer = stripped(source, ty).unwrap_or(found);
                    self.contents(target, label, pointer, memory);
                }
                (Role::Text, _) => self.text(target, label, found),
                _ => self.fill(target, label, ty, role),
            }
        }
        if let Some(unknown) = self.unknown {
            target.entries.begin_piece(None);
            let tag = constants::DW_TAG_unspecified_type;
            let entry = target.entries.begin(target.shapes, tag);
            entry.end(Some(unknown), false);
        }
    }

    /// The number of a namespace in the unit.
    pub(super) fn namespace(
        &mut self,
        target: &mut Target<'_>,
        namespace: Option<u32>,
    ) -> Option<u32> {
        // From the outermost on.
        let mut path = Vec::new();
        let mut next = namespace;
        while let Some(number) = next
            && !self.known_namespaces.contains_key(&number)
        {
            path.push(number);
            next = target.source.namespaces[number as usize].parent;
        }
        let mut parent = next.map(|known| self.known_namespaces[&known]);
        for number in path.into_iter().rev() {
            let piece = target.entries.begin_piece(parent);
            let name = &target.source.namespaces[number as usize].name;
            let name = name.as_ref().map(|name| target.texts.add(name));
            let tag = constants::DW_TAG_namespace;
            let mut entry = target.entries.begin(target.shapes, tag);
            if let Some(name) = name {
                entry.text(constants::DW_AT_name, name);
            }
            entry.end(None, true);
            let next = super::entries::number(self.namespaces.len());
            self.namespaces.push(Namespace { parent, piece });
            self.known_namespaces.insert(number, next);
            parent = Some(next);
        }
        parent
    }

    fn fill(&mut self, to: &mut Target<'_>, label: Label, number: u32, role: Role) {
        let ty = &to.source.types[number as usize];
        let inner = match (is_pointer(ty.tag), role) {
            // What an address of the machine refers to needs nothing added.
            (true, Role::Address) => Role::Plain,
            (true, _) => Role::Pointed,
            (false, role) if has_place(ty.tag) || role == Role::Plain => Role::Plain,
            // A name for what a pointer refers to, or for an address.
            (false, role) => role,
        };
        let is_slice = is_slice(to.source, ty);
        let bytes = match (is_pointer(ty.tag), role, to.memory) {
            (false, Role::Address, _) => is_slice.then_some(2 * ADDRESS_BYTES),
            (false, ..) => None,
            (true, Role::Address, _) | (true, _, Some(Memory { is_64: true, .. })) => {
                Some(ADDRESS_BYTES)
            }
            (true, ..) => Some(4),
        };
        let parts = Parts::of(to, ty);
        let change = Change { bytes, at: None };
        let data = match (role, has_place(ty.tag), to.memory) {
            (Role::Pointed, true, Some(memory)) => Some(memory.data_location()),
            _ => None,
        };
        *to.asks_store |= data.is_some();
        self.read(to, ty, inner, &parts, change);
        let mut entry = to.entries.begin(to.shapes, ty.tag);
        add(&mut entry, &self.values);
        if let Some(data) = data {
            let place = Located::Always(data);
            entry.located(constants::DW_AT_data_location, &place);
        }
        entry.end(Some(label), !ty.parts.is_empty());
        if ty.parts.is_empty() {
            return;
        }
        for (position, part) in ty.parts.iter().enumerate() {
            match is_slice {
                true if role == Role::Address => self.slice_part(to, part, position),
                true if position == 0 => self.part(to, part, Role::Contents, &parts),
                _ => self.part(to, part, Role::Plain, &parts),
            }
        }
        if to.memory.is_some() && owned::text(to.source, ty).is_some() {
            // A member that is not in the program. lldb, which does not find texts, leaves it out.
            let text = self.label(to, number, Role::Text);
            self.member(to, "text", text, 0, true);
        }
        to.entries.leave();
    }

    /// A pointer or a length as those of the machine are.
    fn slice_part(&mut self, to: &mut Target<'_>, part: &Type, number: usize) {
        let role = match number {
            0 => Role::Address,
            _ => Role::Plain,
        };
        let change = Change {
            bytes: None,
            at: Some(number as u64 * ADDRESS_BYTES),
        };
        self.read(to, part, role, &Parts::default(), change);
        let mut entry = to.entries.begin(to.shapes, part.tag);
        add(&mut entry, &self.values);
        entry.end(None, false);
    }

    /// An array of what a pointer refers to, where the pointer lies. It has no length, as debuggers
    /// ask the slice for that.
    fn contents(&mut self, to: &mut Target<'_>, label: Label, pointer: &Type, memory: Memory) {
        let element = target(pointer).map(|ty| self.label(to, ty, Role::Plain));
        let place = Located::Always(memory.pointed_location());
        *to.asks_store = true;
        let tag = constants::DW_TAG_array_type;
        let mut entry = to.entries.begin(to.shapes, tag);
        if let Some(element) = element {
            entry.reference(constants::DW_AT_type, element);
        }
        entry.located(constants::DW_AT_data_location, &place);
        entry.end(Some(label), true);
        let tag = constants::DW_TAG_subrange_type;
        to.entries.begin(to.shapes, tag).end(None, false);
        to.entries.leave();
    }

    /// A slice whose pointer and length are where a `String` has them.
    fn text(&mut self, to: &mut Target<'_>, label: Label, string: &Type) {
        let text = owned::text(to.source, string).expect("its text was asked for");
        let members = [
            ("data_ptr", text.pointer, Role::Contents),
            ("length", text.length, Role::Plain),
        ];
        let name = to.texts.add("&str");
        let tag = constants::DW_TAG_structure_type;
        let mut entry = to.entries.begin(to.shapes, tag);
        entry.text(constants::DW_AT_name, name);
        for (name, value) in &string.attributes {
            if let (constants::DW_AT_byte_size, Attribute::Unsigned(bytes)) = (*name, value) {
                entry.unsigned(constants::DW_AT_byte_size, *bytes);
            }
        }
        entry.end(Some(label), true);
        for (name, member, role) in members {
            let ty = self.label(to, member.ty, role);
            self.member(to, name, ty, member.at, false);
        }
        to.entries.leave();
    }

    fn member(&self, to: &mut Target<'_>, name: &str, ty: Label, at: u64, is_artificial: bool) {
        let name = to.texts.add(name);
        let tag = constants::DW_TAG_member;
        let mut entry = to.entries.begin(to.shapes, tag);
        entry.text(constants::DW_AT_name, name);
        entry.reference(constants::DW_AT_type, ty);
        entry.unsigned(constants::DW_AT_data_member_location, at);
        if is_artificial {
            entry.flag(constants::DW_AT_artificial);
        }
        entry.end(None, false);
    }

    fn part(&mut self, to: &mut Target<'_>, part: &Type, role: Role, parts: &Parts) {
        self.read(to, part, role, parts, Change::default());
        let mut entry = to.entries.begin(to.shapes, part.tag);
        add(&mut entry, &self.values);
        entry.end(parts.get(part.place), !part.parts.is_empty());
        if !part.parts.is_empty() {
            for inner in &part.parts {
                self.part(to, inner, Role::Plain, parts);
            }
            to.entries.leave();
        }
    }

    /// Reads the attributes of a type or of a part of one.
    fn read(&mut self, to: &mut Target<'_>, ty: &Type, inner: Role, parts: &Parts, change: Change) {
        self.values.clear();
        for (name, value) in &ty.attributes {
            let value = match (*name, value) {
                (constants::DW_AT_byte_size, _) if change.bytes.is_some() => continue,
                (constants::DW_AT_data_member_location, _) if change.at.is_some() => continue,
                (
                    constants::DW_AT_encoding | constants::DW_AT_virtuality,
                    Attribute::Unsigned(number),
                ) => Value::Kind(u8::try_from(*number).unwrap_or_default()),
                (_, Attribute::Text(text)) => Value::Text(to.texts.add(text)),
                (_, Attribute::Unsigned(number)) => Value::Unsigned(*number),
                (_, Attribute::Signed(number)) => Value::Signed(*number),
                (_, Attribute::Flag) => Value::Flag,
                (_, Attribute::Type(ty)) => Value::Reference(self.label(to, *ty, inner)),
                (_, Attribute::Part(place)) => match parts.get(*place) {
                    Some(part) => Value::Reference(part),
                    None => continue,
                },
            };
            self.values.push((*name, value));
        }
        let changed = [
            (constants::DW_AT_byte_size, change.bytes),
            (constants::DW_AT_data_member_location, change.at),
        ];
        let changed = changed.into_iter();
        let changed = changed.filter_map(|(name, value)| Some((name, Value::Unsigned(value?))));
        self.values.extend(changed);
    }
}

fn add(entry: &mut Entry<'_>, values: &[(DwAt, Value)]) {
    for (name, value) in values {
        match *value {
            Value::Text(text) => entry.text(*name, text),
            Value::Unsigned(value) => entry.unsigned(*name, value),
            Value::Signed(value) => entry.signed(*name, value),
            Value::Flag => entry.flag(*name),
            Value::Kind(kind) => entry.kind(*name, kind),
            Value::Reference(label) => entry.reference(*name, label),
        }
    }
}
