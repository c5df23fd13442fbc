//! Shapes of entries (`.debug_abbrev`): a tag, the names and forms of attributes, and whether other
//! entries are inside. All units have one table.
//!
//! A shape is found while its entry is written, along a tree with a branch for each attribute: there
//! are few shapes, and most attributes are followed by the same one.

use super::writing::unsigned;
use gimli::constants;
use gimli::{DwAt, DwForm, DwTag};

pub(super) struct Shapes {
    nodes: Vec<Node>,
    bytes: Vec<u8>,
    count: u32,
}

/// What an entry has up to here.
struct Node {
    before: u32,
    /// The tag, or the attribute that it has last.
    key: u32,
    next: Vec<(u32, u32)>,
    /// Codes of entries that have nothing else: without others inside, and with; 0 if there are none.
    codes: [u32; 2],
}

/// An entry that is being written: its place in the tree.
#[derive(Clone, Copy)]
pub(super) struct Shape(u32);

const ROOT: u32 = 0;

impl Shapes {
    pub(super) fn new() -> Shapes {
        Shapes {
            nodes: vec![Node::behind(ROOT, 0)],
            bytes: Vec::new(),
            count: 0,
        }
    }

    pub(super) fn of(&mut self, tag: DwTag) -> Shape {
        self.step(ROOT, tag.0.into())
    }

    /// One with another attribute.
    pub(super) fn with(&mut self, shape: Shape, name: DwAt, form: DwForm) -> Shape {
        self.step(shape.0, (u32::from(name.0) << 16) | u32::from(form.0))
    }

    fn step(&mut self, from: u32, key: u32) -> Shape {
        let mut known = self.nodes[from as usize].next.iter();
        if let Some(&(_, next)) = known.find(|next| next.0 == key) {
            return Shape(next);
        }
        let next = u32::try_from(self.nodes.len()).expect("fewer than attributes");
        self.nodes.push(Node::behind(from, key));
        self.nodes[from as usize].next.push((key, next));
        Shape(next)
    }

    /// The code that an entry of this shape begins with.
    pub(super) fn code(&mut self, shape: Shape, has_parts: bool) -> u32 {
        let known = self.nodes[shape.0 as usize].codes[usize::from(has_parts)];
        if known != 0 {
            return known;
        }
        self.count += 1;
        self.nodes[shape.0 as usize].codes[usize::from(has_parts)] = self.count;
        let mut keys = Vec::new();
        let mut next = shape.0;
        while next != ROOT {
            let node = &self.nodes[next as usize];
            keys.push(node.key);
            next = node.before;
        }
        let tag = keys.pop().expect("it begins with a tag");
        self.number(self.count);
        self.number(tag);
        self.bytes.push(match has_parts {
            true => constants::DW_CHILDREN_yes.0,
            false => constants::DW_CHILDREN_no.0,
        });
        for key in keys.into_iter().rev() {
            self.number(key >> 16);
            self.number(key & 0xffff);
        }
        self.bytes.extend([0, 0]);
        self.count
    }

    fn number(&mut self, number: u32) {
        unsigned(&mut self.bytes, number.into());
    }

    /// The table.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(0);
        self.bytes
    }
}

impl Node {
    fn behind(before: u32, key: u32) -> Node {
        Node {
            before,
            key,
            next: Vec::new(),
            codes: [0; 2],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_shapes_have_a_code() {
        let mut shapes = Shapes::new();
        let name = (constants::DW_AT_name, constants::DW_FORM_strx);
        let size = (constants::DW_AT_byte_size, constants::DW_FORM_udata);
        let mut code = |tag, attributes: &[(DwAt, DwForm)], has_parts| {
            let mut shape = shapes.of(tag);
            for &(name, form) in attributes {
                shape = shapes.with(shape, name, form);
            }
            shapes.code(shape, has_parts)
        };
        let base = constants::DW_TAG_base_type;
        assert_eq!(code(base, &[name, size], false), 1);
        assert_eq!(code(base, &[name], false), 2);
        assert_eq!(code(base, &[name], true), 3);
        assert_eq!(code(constants::DW_TAG_member, &[name, size], false), 4);
        assert_eq!(code(base, &[name, size], false), 1);
        let table = shapes.finish();
        let table = gimli::read::DebugAbbrev::new(&table, gimli::LittleEndian);
        let read = table.abbreviations(gimli::DebugAbbrevOffset(0));
        let read = read.expect("it is a table");
        let first = read.get(1).expect("it is there");
        assert_eq!((first.tag(), first.has_children()), (base, false));
        let attributes = first.attributes().iter();
        let attributes: Vec<_> = attributes.map(|a| (a.name(), a.form())).collect();
        assert_eq!(attributes, [name, size]);
        assert!(read.get(3).expect("it is there").has_children());
        assert!(read.get(5).is_none());
    }
}
