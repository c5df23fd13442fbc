//! The entries of a unit under construction (`.debug_info`), as bytes.
//!
//! An entry is written when all is known of it, and what is inside of it comes next. What it refers to
//! may be written later: that has a label. Entries are in pieces, which are put behind each other when
//! the unit is complete ([`super::info`]): so types that functions refer to are in their namespaces.

use super::expressions::Expression;
use super::shapes::{Shape, Shapes};
use super::writing::{DebugReloc, DebugTarget, LOCATIONS, TEXTS, unsigned};
use gimli::leb128::write::Leb128;
use gimli::{DwAt, DwForm, DwTag, constants};

#[derive(Default)]
pub(super) struct Entries {
    pub(super) bytes: Vec<u8>,
    /// Ascending.
    pub(super) pieces: Vec<Piece>,
    /// Where the entries with labels are, or [`NOWHERE`].
    pub(super) labels: Vec<u32>,
    /// Ascending by place.
    pub(super) references: Vec<(u32, Label)>,
    pub(super) relocs: Vec<DebugReloc>,
    /// Of the entry that is being written: its attributes, and where they refer to something.
    values: Vec<u8>,
    referred: Vec<(u32, Label)>,
    relocated: Vec<DebugReloc>,
}

/// Entries that lie behind each other.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub(super) start: u32,
    /// A namespace of the unit; the unit itself if none.
    pub(super) inside: Option<u32>,
}

/// An entry that others refer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Label(pub(super) u32);

const NOWHERE: u32 = u32::MAX;

/// Bytes of a reference, and of an offset of a section.
pub(super) const OFFSET_BYTES: u8 = 4;

/// Where something is in the source: file, line and column, the last two of which may be 0.
pub(super) type SourcePlace = (u32, u32, u32);

/// Where something is in the program.
pub(super) enum Located {
    Always(Expression),
    /// In a list with this number.
    Listed(u32),
    /// In a list at this offset of its section.
    ListedAt(usize),
}

impl Entries {
    pub(super) fn label(&mut self) -> Label {
        let label = Label(number(self.labels.len()));
        self.labels.push(NOWHERE);
        label
    }

    /// What is written next is in the namespace. Gives the number of the piece.
    pub(super) fn begin_piece(&mut self, inside: Option<u32>) -> usize {
        self.pieces.push(Piece {
            start: number(self.bytes.len()),
            inside,
        });
        self.pieces.len() - 1
    }

    pub(super) fn begin<'e>(&'e mut self, shapes: &'e mut Shapes, tag: DwTag) -> Entry<'e> {
        self.values.clear();
        Entry {
            shape: shapes.of(tag),
            to: self,
            shapes,
        }
    }

    /// What is inside of an entry ends.
    pub(super) fn leave(&mut self) {
        self.bytes.push(0);
    }
}

pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("sections are less than 4 GiB")
}

/// An entry that is being written.
pub(super) struct Entry<'e> {
    to: &'e mut Entries,
    shapes: &'e mut Shapes,
    shape: Shape,
}

impl Entry<'_> {
    fn attribute(&mut self, name: DwAt, form: DwForm) {
        self.shape = self.shapes.with(self.shape, name, form);
    }

    fn leb(&mut self, value: u64) {
        unsigned(&mut self.to.values, value);
    }

    pub(super) fn flag(&mut self, name: DwAt) {
        self.attribute(name, constants::DW_FORM_flag_present);
    }

    pub(super) fn unsigned(&mut self, name: DwAt, value: u64) {
        self.attribute(name, constants::DW_FORM_udata);
        self.leb(value);
    }

    pub(super) fn signed(&mut self, name: DwAt, value: i64) {
        self.attribute(name, constants::DW_FORM_sdata);
        self.to.values.extend(Leb128::signed(value).bytes());
    }

    /// One of a few kinds.
    pub(super) fn kind(&mut self, name: DwAt, value: u8) {
        self.attribute(name, constants::DW_FORM_data1);
        self.to.values.push(value);
    }

    pub(super) fn language(&mut self, value: u16) {
        self.attribute(constants::DW_AT_language, constants::DW_FORM_data2);
        self.to.values.extend(value.to_le_bytes());
    }

    /// A text, by its number.
    pub(super) fn text(&mut self, name: DwAt, text: u32) {
        self.attribute(name, constants::DW_FORM_strx);
        self.leb(text.into());
    }

    /// A text, by its place.
    pub(super) fn text_at(&mut self, name: DwAt, offset: u32) {
        self.attribute(name, constants::DW_FORM_strp);
        self.relocate(OFFSET_BYTES, DebugTarget::Section(TEXTS), offset.into());
    }

    pub(super) fn reference(&mut self, name: DwAt, label: Label) {
        self.attribute(name, constants::DW_FORM_ref4);
        let at = number(self.to.values.len());
        self.to.referred.push((at, label));
        self.to.values.extend([0; OFFSET_BYTES as usize]);
    }

    /// An address in the code.
    pub(super) fn address(&mut self, name: DwAt, offset: u32) {
        self.attribute(name, constants::DW_FORM_addr);
        self.relocate(8, DebugTarget::Code, offset.into());
    }

    /// A place in a section.
    pub(super) fn offset(&mut self, name: DwAt, section: &'static str, offset: usize) {
        self.attribute(name, constants::DW_FORM_sec_offset);
        let target = DebugTarget::Section(section);
        self.relocate(OFFSET_BYTES, target, number(offset).into());
    }

    fn relocate(&mut self, bytes: u8, target: DebugTarget, addend: i64) {
        self.to.relocated.push(DebugReloc {
            offset: self.to.values.len(),
            bytes,
            target,
            addend,
        });
        self.to.values.extend(&[0; 8][..bytes.into()]);
    }

    /// The list of ranges with a number.
    pub(super) fn ranges(&mut self, list: u32) {
        self.attribute(constants::DW_AT_ranges, constants::DW_FORM_rnglistx);
        self.leb(list.into());
    }

    pub(super) fn located(&mut self, name: DwAt, located: &Located) {
        match located {
            Located::Always(expression) => {
                self.attribute(name, constants::DW_FORM_exprloc);
                self.leb(expression.bytes.len() as u64);
                self.to.values.extend(&expression.bytes);
            }
            Located::Listed(list) => {
                self.attribute(name, constants::DW_FORM_loclistx);
                self.leb((*list).into());
            }
            Located::ListedAt(offset) => self.offset(name, LOCATIONS, *offset),
        }
    }

    /// A file, a line and a column, as far as they are known.
    pub(super) fn place(&mut self, names: [DwAt; 3], place: Option<SourcePlace>) {
        let Some((file, line, column)) = place else {
            return;
        };
        self.unsigned(names[0], file.into());
        for (name, number) in [(names[1], line), (names[2], column)] {
            if number != 0 {
                self.unsigned(name, number.into());
            }
        }
    }

    /// Ends the entry. If it has parts, those that are written next are inside, up to
    /// [`Entries::leave`].
    pub(super) fn end(self, label: Option<Label>, has_parts: bool) {
        let code = self.shapes.code(self.shape, has_parts);
        let to = self.to;
        if let Some(label) = label {
            to.labels[label.0 as usize] = number(to.bytes.len());
        }
        unsigned(&mut to.bytes, code.into());
        let start = to.bytes.len();
        to.bytes.extend(&to.values);
        let moved = to.referred.drain(..);
        to.references
            .extend(moved.map(|(at, label)| (number(start) + at, label)));
        let moved = to.relocated.drain(..).map(|reloc| DebugReloc {
            offset: start + reloc.offset,
            ..reloc
        });
        to.relocs.extend(moved);
    }
}
