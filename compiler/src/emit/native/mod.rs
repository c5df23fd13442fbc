//! DWARF of the machine code, for debuggers and profilers: what the DWARF of modules says of their
//! code, said of what it has become.
//!
//! Comes in: laid-out code with where it is from, and the source of that. Goes out: sections of
//! DWARF 5 that no segment loads. A unit of the input becomes a unit with its functions that are in
//! the program. A function has lines, and subroutines that are inlined in it, whoever has inlined
//! them, and its variables with their types.

mod expression;
mod expressions;
mod frames;
mod lists;
mod ranges;
mod spans;
mod tree;
mod types;
mod variables;
mod writing;

pub use writing::{DebugSection, DebugTarget};

use super::inlined::Origin;
use super::text::Text;
use crate::dwarf::{Function, Position, Source, SourceUnit, Sources};
use crate::index::FuncId;
use crate::plan::{LinkPlan, demangled};
use expression::Memory;
use gimli::write::{
    Address, AttributeValue, Dwarf, FileId, LineProgram, LineString, Range, RangeList, Sections,
    Unit, UnitEntryId, UnitId,
};
use gimli::{LineEncoding, constants};
use lists::Lists;
use ranges::{Ranges, Whose};
use std::collections::HashMap;
use tree::{Span, Tree};
use types::Types;
use writing::{ENCODING, Writing, address, clean};

/// Sections with all that is known of the code. Nothing where no source is known.
pub fn sections(plan: &LinkPlan<'_>, text: &Text, sources: &Sources) -> Vec<DebugSection> {
    if sources.is_empty() {
        return Vec::new();
    }
    let mut writer = Writer {
        plan,
        text,
        sources,
        dwarf: Dwarf::new(),
        lists: Lists::new(),
        units: HashMap::new(),
        left: LOCATIONS_PER_BYTE * text.bytes.len(),
        types_left: types::most(sources),
    };
    for position in 0..text.functions.len() {
        writer.add(position);
    }
    writer.finish()
}

struct Writer<'a> {
    plan: &'a LinkPlan<'a>,
    text: &'a Text,
    sources: &'a Sources,
    dwarf: Dwarf,
    lists: Lists,
    /// By a module's number, and that of the unit in its source.
    units: HashMap<(usize, u32), OutUnit<'a>>,
    /// So many locations may still be written, or looked at where that is much more.
    left: usize,
    /// So many types and parts of them may still be written: units can have types of others.
    types_left: usize,
}

/// Places of variables for each byte of code, at most: what holds them can change often.
const LOCATIONS_PER_BYTE: usize = 4;

struct OutUnit<'a> {
    id: UnitId,
    files: HashMap<String, FileId>,
    /// Those of the last source that was asked for: where its list is, and by position in that.
    by_position: (&'a [String], Vec<Option<FileId>>),
    /// What is inlined, by its name.
    abstracts: HashMap<String, UnitEntryId>,
    ranges: Vec<Range>,
    types: Types,
    /// That of the module.
    memory: Option<Memory>,
}

impl<'a> Writer<'a> {
    /// Adds a function, by its position in the text.
    fn add(&mut self, position: usize) {
        let (id, start, bytes) = self.text.functions[position];
        let Some((module, body)) = self.plan.body_in_code(id) else {
            return;
        };
        let Some(source) = self.sources.get(&module) else {
            return;
        };
        let Some(function) = source.function_in(body.start, body.end) else {
            return;
        };
        let key = (module, function.unit);
        let mut unit = match self.units.remove(&key) {
            Some(unit) => unit,
            None => {
                let memory = self.memory(id);
                self.unit(&source.units[function.unit as usize], memory)
            }
        };
        let (spans, tree) = self.spans(position);
        self.add_lines(&mut unit, source, function, position, &spans);
        let range = Range::StartLength {
            begin: address(start),
            length: bytes.into(),
        };
        unit.ranges.push(range);
        let root = self.dwarf.units.get(unit.id).root();
        let entry = self
            .dwarf
            .units
            .get_mut(unit.id)
            .add(root, constants::DW_TAG_subprogram);
        self.set_names(unit.id, entry, &function.name, &function.linkage);
        self.set_position(
            &mut unit,
            entry,
            &source.files,
            function.declared,
            [
                constants::DW_AT_decl_file,
                constants::DW_AT_decl_line,
                constants::DW_AT_decl_column,
            ],
        );
        let written = self.dwarf.units.get_mut(unit.id).get_mut(entry);
        written.set(constants::DW_AT_external, AttributeValue::FlagPresent);
        written.set(
            constants::DW_AT_low_pc,
            AttributeValue::Address(address(start)),
        );
        written.set(
            constants::DW_AT_high_pc,
            AttributeValue::Udata(bytes.into()),
        );
        let ranges = Ranges::new(&self.text.places[position], bytes);
        let of = Whose {
            func: id,
            origin: Origin::Itself,
            source,
            function,
            ranges: &ranges,
            start,
        };
        self.add_frame(&mut unit, entry, of);
        self.add_variables(&mut unit, entry, of, None);
        self.add_tree(&mut unit, entry, of, &tree);
        self.units.insert(key, unit);
    }

    fn unit(&mut self, of: &SourceUnit, memory: Option<Memory>) -> OutUnit<'a> {
        let strings = &mut self.dwarf.line_strings;
        let line = |text: &str, strings: &mut _| LineString::new(clean(text), ENCODING, strings);
        let folder = line(&of.folder, strings);
        let name = line(&of.name, strings);
        let program = LineProgram::new(ENCODING, LineEncoding::default(), folder, None, name, None);
        let id = self.dwarf.units.add(Unit::new(ENCODING, program));
        let producer = concat!("wasmelt ", env!("CARGO_PKG_VERSION"));
        let texts = [
            (constants::DW_AT_producer, producer),
            (constants::DW_AT_name, &*of.name),
            (constants::DW_AT_comp_dir, &*of.folder),
        ]
        .map(|(name, text)| (name, self.dwarf.strings.add(clean(text))));
        let unit = self.dwarf.units.get_mut(id);
        let root = unit.root();
        let root = unit.get_mut(root);
        for (name, text) in texts {
            root.set(name, AttributeValue::StringRef(text));
        }
        let language = gimli::DwLang(of.language);
        root.set(
            constants::DW_AT_language,
            AttributeValue::Language(language),
        );
        root.set(constants::DW_AT_stmt_list, AttributeValue::LineProgramRef);
        root.set(
            constants::DW_AT_low_pc,
            AttributeValue::Address(Address::Constant(0)),
        );
        OutUnit {
            id,
            files: HashMap::new(),
            by_position: (&[], Vec::new()),
            abstracts: HashMap::new(),
            ranges: Vec::new(),
            types: Types::default(),
            memory,
        }
    }

    fn function(&self, func: FuncId) -> Option<(&'a Source, &'a Function)> {
        let (module, body) = self.plan.body_in_code(func)?;
        let source = self.sources.get(&module)?;
        Some((source, source.function_in(body.start, body.end)?))
    }

    /// The name of a function of a module that is inlined.
    fn name(&self, func: FuncId) -> &'a str {
        let function = self.function(func);
        let name = function.map(|(_, f)| f.linkage.as_deref().unwrap_or(&f.name));
        name.unwrap_or(&self.plan.funcs[func.index()].name)
    }

    fn add_lines(
        &mut self,
        unit: &mut OutUnit<'a>,
        source: &'a Source,
        function: &Function,
        position: usize,
        spans: &[Span<'a>],
    ) {
        let (_, start, bytes) = self.text.functions[position];
        // Before the first instruction is what makes the frame.
        let mut declared = function.declared;
        if declared.file.is_none() {
            declared = spans
                .iter()
                .find_map(|span| span.position)
                .map_or(declared, |p| p.1);
        }
        let first = (0, Some((&*source.files, declared)));
        let all = std::iter::once(first).chain(spans.iter().map(|s| (s.start, s.position)));
        let mut last = None;
        let mut rows = Vec::new();
        for (at, position) in all {
            let position = position.filter(|(_, position)| position.file.is_some());
            let row = match position {
                Some((files, position)) => {
                    let file = self.file(unit, files, position.file);
                    (file, position.line, position.column)
                }
                None => (None, 0, 0),
            };
            if last != Some(row) || at == 0 {
                rows.push((at, row));
                last = Some(row);
            }
        }
        let program = &mut self.dwarf.units.get_mut(unit.id).line_program;
        program.begin_sequence(Some(address(start)));
        for (at, (file, line, column)) in rows {
            let row = program.row();
            row.address_offset = at.into();
            if let Some(file) = file {
                row.file = file;
            }
            row.line = line.into();
            row.column = column.into();
            program.generate_row();
        }
        program.end_sequence(bytes.into());
    }

    fn add_tree(
        &mut self,
        unit: &mut OutUnit<'a>,
        function: UnitEntryId,
        of: Whose<'a, '_>,
        tree: &Tree<'a>,
    ) {
        let start = of.start;
        let mut entries: Vec<UnitEntryId> = Vec::with_capacity(tree.nodes.len());
        for node in &tree.nodes {
            let parent = node.parent.map_or(function, |parent| entries[parent]);
            let origin = node.step.name.map(|name| self.abstract_entry(unit, name));
            let out = self.dwarf.units.get_mut(unit.id);
            let tag = match origin {
                Some(_) => constants::DW_TAG_inlined_subroutine,
                None => constants::DW_TAG_lexical_block,
            };
            let entry = out.add(parent, tag);
            entries.push(entry);
            let ranges = node.ranges.iter().map(|range| Range::StartLength {
                begin: address(start + range.0),
                length: u64::from(range.1 - range.0),
            });
            let ranges = RangeList(ranges.collect());
            let value = match &*node.ranges {
                [(from, to)] => {
                    let high = AttributeValue::Udata(u64::from(to - from));
                    let low = AttributeValue::Address(address(start + from));
                    out.get_mut(entry).set(constants::DW_AT_high_pc, high);
                    (constants::DW_AT_low_pc, low)
                }
                _ => {
                    let list = out.ranges.add(ranges);
                    (constants::DW_AT_ranges, AttributeValue::RangeListRef(list))
                }
            };
            let written = out.get_mut(entry);
            written.set(value.0, value.1);
            if let Some(origin) = origin {
                let origin = AttributeValue::UnitRef(origin);
                written.set(constants::DW_AT_abstract_origin, origin);
            }
            if let Some((source, function)) = self.function(node.step.func) {
                let inside = Whose {
                    func: node.step.func,
                    origin: node.step.origin,
                    source,
                    function,
                    ..of
                };
                self.add_variables(unit, entry, inside, node.step.scope);
            }
            if let Some((files, call)) = node.step.call {
                self.set_position(
                    unit,
                    entry,
                    files,
                    call,
                    [
                        constants::DW_AT_call_file,
                        constants::DW_AT_call_line,
                        constants::DW_AT_call_column,
                    ],
                );
            }
        }
    }

    /// What all places share where a function of this name is inlined.
    fn abstract_entry(&mut self, unit: &mut OutUnit<'a>, name: &str) -> UnitEntryId {
        if let Some(&entry) = unit.abstracts.get(name) {
            return entry;
        }
        let out = self.dwarf.units.get_mut(unit.id);
        let entry = out.add(out.root(), constants::DW_TAG_subprogram);
        out.get_mut(entry).set(
            constants::DW_AT_inline,
            AttributeValue::Inline(constants::DW_INL_inlined),
        );
        self.set_names(unit.id, entry, name, &None);
        unit.abstracts.insert(name.to_owned(), entry);
        entry
    }

    fn set_names(
        &mut self,
        unit: UnitId,
        entry: UnitEntryId,
        name: &str,
        linkage: &Option<String>,
    ) {
        let mangled = linkage.as_deref().unwrap_or(name);
        let readable = demangled(mangled);
        let shown = readable.as_deref().unwrap_or(name);
        let shown = self.dwarf.strings.add(clean(shown));
        let linkage = readable.is_some() || linkage.is_some();
        let linkage = linkage.then(|| self.dwarf.strings.add(clean(mangled)));
        let written = self.dwarf.units.get_mut(unit).get_mut(entry);
        written.set(constants::DW_AT_name, AttributeValue::StringRef(shown));
        if let Some(linkage) = linkage {
            let linkage = AttributeValue::StringRef(linkage);
            written.set(constants::DW_AT_linkage_name, linkage);
        }
    }

    /// Sets a file, a line and a column, as far as they are known.
    fn set_position(
        &mut self,
        unit: &mut OutUnit<'a>,
        entry: UnitEntryId,
        files: &'a [String],
        position: Position,
        [file, line, column]: [constants::DwAt; 3],
    ) {
        let Some(known) = self.file(unit, files, position.file) else {
            return;
        };
        let written = self.dwarf.units.get_mut(unit.id).get_mut(entry);
        written.set(file, AttributeValue::FileIndex(Some(known)));
        for (name, number) in [(line, position.line), (column, position.column)] {
            if number != 0 {
                written.set(name, AttributeValue::Udata(number.into()));
            }
        }
    }

    /// The file as a unit knows it.
    fn file(
        &mut self,
        unit: &mut OutUnit<'a>,
        files: &'a [String],
        file: Option<u32>,
    ) -> Option<FileId> {
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

    fn named_file(&mut self, unit: &mut OutUnit<'a>, path: &str) -> FileId {
        if let Some(&file) = unit.files.get(path) {
            return file;
        }
        let (folder, name) = match path.rsplit_once('/') {
            Some(("", name)) => ("/", name),
            Some(parts) => parts,
            None => ("", path),
        };
        let strings = &mut self.dwarf.line_strings;
        let name = LineString::new(clean(name), ENCODING, strings);
        let folder = LineString::new(clean(folder), ENCODING, strings);
        let program = &mut self.dwarf.units.get_mut(unit.id).line_program;
        let folder = program.add_directory(folder);
        let added = program.add_file(name, folder, None);
        unit.files.insert(path.to_owned(), added);
        added
    }

    fn finish(mut self) -> Vec<DebugSection> {
        let mut units: Vec<_> = std::mem::take(&mut self.units).into_iter().collect();
        units.sort_unstable_by_key(|unit| unit.0);
        for ((module, number), mut unit) in units {
            let source = &self.sources[&module];
            let globals = source.globals.iter().filter(|global| global.unit == number);
            for global in globals {
                if let Some(memory) = unit.memory {
                    self.add_global(&mut unit, source, memory, global);
                }
            }
            let out = self.dwarf.units.get_mut(unit.id);
            let ranges = out.ranges.add(RangeList(unit.ranges));
            let root = out.root();
            let ranges = AttributeValue::RangeListRef(ranges);
            out.get_mut(root).set(constants::DW_AT_ranges, ranges);
        }
        let mut sections = Sections::new(Writing::default());
        self.dwarf
            .write(&mut sections)
            .expect("what is referred to is there");
        let mut out = Vec::new();
        let _: Result<(), ()> = sections.for_each_mut(|id, section| {
            out.extend(section.finish(id));
            Ok(())
        });
        out.extend(self.lists.finish());
        out.extend(frames::section(self.text, self.plan.target.arch));
        out
    }
}
