//! How units begin and end, and their files.

use super::entries::{Entries, SourcePlace, number};
use super::expression::Memory;
use super::info::Info;
use super::line_rows::LineRows;
use super::types::{Target, Types};
use super::unit::OutUnit;
use super::writing::{ADDRESSES, ENCODING, LINES, LOCATIONS, RANGES, TEXT_OFFSETS, Writing, clean};
use super::{Writer, expressions, lists, texts};
use crate::dwarf::{Position, Source, SourceUnit};
use foldhash::{HashMap, HashMapExt};
use gimli::LineEncoding;
use gimli::constants;
use gimli::write::{DebugLine, LineProgram, LineString, StringTable};

impl<'a> Writer<'a> {
    pub(super) fn unit(&mut self, of: &'a SourceUnit, memory: Option<Memory>) -> OutUnit<'a> {
        let strings = &mut self.line_texts;
        let line = |text: &str, strings: &mut _| LineString::new(clean(text), ENCODING, strings);
        let folder = line(&of.folder, strings);
        let name = line(&of.name, strings);
        let lines = LineProgram::new(ENCODING, LineEncoding::default(), folder, None, name, None);
        let numbers = lines.files().map(|(file, ..)| (file, 0)).collect();
        OutUnit {
            of,
            entries: Entries::default(),
            lines,
            rows: LineRows::default(),
            files: HashMap::new(),
            numbers,
            by_position: (&[], Vec::new()),
            abstracts: HashMap::new(),
            abstract_list: Vec::new(),
            ranges: Vec::new(),
            types: Types::default(),
            memory,
        }
    }

    /// Where something is in the source, if that is known.
    pub(super) fn place(
        &mut self,
        unit: &mut OutUnit<'a>,
        files: &'a [String],
        position: Position,
    ) -> Option<SourcePlace> {
        let file = self.file(unit, files, position.file)?;
        Some((file, position.line, position.column))
    }

    /// The number of the file in a unit's table of lines.
    pub(super) fn file(
        &mut self,
        unit: &mut OutUnit<'a>,
        files: &'a [String],
        file: Option<u32>,
    ) -> Option<u32> {
        let position = file? as usize;
        if !std::ptr::eq(unit.by_position.0, files) {
            unit.by_position = (files, vec![None; files.len()]);
        }
        if let Some(known) = unit.by_position.1[position] {
            return Some(known);
        }
        let known = self.named_file(unit, &files[position]);
        unit.by_position.1[position] = Some(known);
        Some(known)
    }

    fn named_file(&mut self, unit: &mut OutUnit<'a>, path: &'a str) -> u32 {
        if let Some(&file) = unit.files.get(path) {
            return file;
        }
        let (folder, name) = match path.rsplit_once('/') {
            Some(("", name)) => ("/", name),
            Some(parts) => parts,
            None => ("", path),
        };
        let strings = &mut self.line_texts;
        let name = LineString::new(clean(name), ENCODING, strings);
        let folder = LineString::new(clean(folder), ENCODING, strings);
        let folder = unit.lines.add_directory(folder);
        let file = unit.lines.add_file(name, folder, None);
        let next = number(unit.numbers.len());
        let number = *unit.numbers.entry(file).or_insert(next);
        unit.files.insert(path, number);
        number
    }

    /// Types that are written to a unit.
    pub(super) fn target<'t>(
        &'t mut self,
        unit: &'t mut OutUnit<'a>,
        source: &'a Source,
    ) -> (&'t mut Types, Target<'t>) {
        let target = Target {
            entries: &mut unit.entries,
            shapes: &mut self.shapes,
            texts: &mut self.texts,
            asks_store: &mut self.asks_store,
            source,
            memory: unit.memory,
            left: &mut self.types_left,
        };
        (&mut unit.types, target)
    }

    pub(super) fn write_types(&mut self, unit: &mut OutUnit<'a>, source: &'a Source) {
        let (types, mut target) = self.target(unit, source);
        types.write(&mut target);
    }

    /// Writes the unit's own entry, with the place of its list of ranges, and its lines. Valgrind 3.19
    /// reads that entry for lines, and knows no numbers of texts and lists there.
    pub(super) fn finish_unit(
        &mut self,
        mut unit: OutUnit<'a>,
        ranges: usize,
        lines: &mut DebugLine<Writing>,
        info: &mut Info,
    ) {
        // All texts that it has are among those of the lines.
        let mut none = StringTable::default();
        let table = unit
            .lines
            .write(lines, ENCODING, &mut self.line_texts, &mut none)
            .expect("what is referred to is there");
        lines.0.lengthen(table.0, unit.rows.bytes, unit.rows.relocs);
        let producer = concat!("wasmelt ", env!("CARGO_PKG_VERSION"));
        let texts = [
            (constants::DW_AT_producer, producer),
            (constants::DW_AT_name, &*unit.of.name),
            (constants::DW_AT_comp_dir, &*unit.of.folder),
        ]
        .map(|(name, text)| {
            let text = self.texts.add(text);
            (name, self.texts.offset(text))
        });
        let root = unit.entries.begin_piece(None);
        let tag = constants::DW_TAG_compile_unit;
        let mut entry = unit.entries.begin(&mut self.shapes, tag);
        let offset = texts::HEADER_BYTES;
        entry.offset(constants::DW_AT_str_offsets_base, TEXT_OFFSETS, offset);
        for (name, text) in texts {
            entry.text_at(name, text);
        }
        entry.language(unit.of.language);
        entry.offset(constants::DW_AT_stmt_list, LINES, table.0);
        // What lists are distances from.
        entry.address(constants::DW_AT_low_pc, 0);
        entry.offset(constants::DW_AT_ranges, RANGES, ranges);
        let offset = lists::HEADER_BYTES;
        if !self.ranges.is_empty() {
            let offset = self.unit_ranges.unnumbered_bytes() + offset;
            entry.offset(constants::DW_AT_rnglists_base, RANGES, offset);
        }
        if !self.locations.is_empty() {
            let offset = self.frames.unnumbered_bytes() + offset;
            entry.offset(constants::DW_AT_loclists_base, LOCATIONS, offset);
        }
        if self.asks_store {
            let offset = expressions::ADDRESSES_HEADER_BYTES;
            entry.offset(constants::DW_AT_addr_base, ADDRESSES, offset);
        }
        entry.end(None, true);
        info.add(unit.entries, root, &unit.types.namespaces);
    }
}
