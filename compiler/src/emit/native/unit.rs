//! A unit that is being written.

use super::entries::{Entries, Label};
use super::expression::Memory;
use super::line_rows::LineRows;
use super::types::Types;
use crate::dwarf::SourceUnit;
use foldhash::HashMap;
use gimli::write::{FileId, LineProgram};

pub(super) struct OutUnit<'a> {
    pub(super) of: &'a SourceUnit,
    pub(super) entries: Entries,
    /// The head of the table of lines, and its rows.
    pub(super) lines: LineProgram,
    pub(super) rows: LineRows,
    /// By path: numbers in the table of lines.
    pub(super) files: HashMap<&'a str, u32>,
    pub(super) numbers: HashMap<FileId, u32>,
    /// Those of the last source that was asked for: where its list is, and by position in that.
    pub(super) by_position: (&'a [String], Vec<Option<u32>>),
    /// What is inlined, by its name, and in order what is yet to be written of it.
    pub(super) abstracts: HashMap<&'a str, Label>,
    pub(super) abstract_list: Vec<(&'a str, Label)>,
    /// Where its functions are in the code.
    pub(super) ranges: Vec<(u32, u32)>,
    pub(super) types: Types,
    /// That of the module.
    pub(super) memory: Option<Memory>,
}

impl<'a> OutUnit<'a> {
    /// What stands for what all places share where a function of this name is inlined.
    pub(super) fn abstract_entry(&mut self, name: &'a str) -> Label {
        if let Some(&label) = self.abstracts.get(name) {
            return label;
        }
        let label = self.entries.label();
        self.abstracts.insert(name, label);
        self.abstract_list.push((name, label));
        label
    }
}
