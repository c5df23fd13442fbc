//! DWARF of the machine code, for debuggers and profilers: what the DWARF of modules says of their
//! code, said of what it has become.
//!
//! Comes in: laid-out code with where it is from, and the source of that. Goes out: sections of
//! DWARF 5 that no segment loads. A unit of the input becomes a unit with its functions that are in
//! the program. A function has lines, and subroutines that are inlined in it, whoever has inlined
//! them, and its variables with their types.
//!
//! Entries, texts and lists are written as bytes right away, in forms that need few relocations: what
//! a linker has to look at costs more than writing it.

mod entries;
mod expression;
mod expressions;
mod frames;
mod info;
mod kinds;
mod line_rows;
mod lists;
mod owned;
mod ranges;
mod rows;
mod said;
mod shapes;
mod spans;
mod texts;
mod tree;
mod types;
mod unit;
mod units;
mod variables;
mod writing;

pub use writing::{DebugSection, DebugTarget};

use super::inlined::Origin;
use super::text::Text;
use crate::dwarf::{Function, Source, Sources};
use crate::index::FuncId;
use crate::plan::{LinkPlan, demangled};
use entries::Entry;
use foldhash::{HashMap, HashMapExt};
use gimli::SectionId;
use gimli::constants;
use gimli::write::{DebugLine, DebugLineStr, LineStringTable};
use lists::Lists;
use ranges::{Ranges, Whose};
use said::Reused;
use shapes::Shapes;
use texts::Texts;
use tree::Tree;
use unit::OutUnit;
use writing::Writing;

/// Sections with all that is known of the code. Nothing where no source is known.
pub fn sections(plan: &LinkPlan<'_>, text: &Text, sources: &Sources) -> Vec<DebugSection> {
    if sources.is_empty() {
        return Vec::new();
    }
    let mut writer = Writer {
        plan,
        text,
        sources,
        shapes: Shapes::new(),
        texts: Texts::default(),
        names: HashMap::new(),
        line_texts: LineStringTable::default(),
        frames: Lists::default(),
        unit_ranges: Lists::default(),
        locations: Lists::default(),
        ranges: Lists::default(),
        units: HashMap::new(),
        asks_store: false,
        left: LOCATIONS_PER_BYTE * text.bytes.len(),
        types_left: types::most(sources),
        reused: Reused::default(),
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
    shapes: Shapes,
    texts: Texts,
    /// Names of what is inlined, as they are shown, and as the linker knows them.
    names: HashMap<&'a str, Names>,
    line_texts: LineStringTable,
    /// Where frames are. They have no numbers, which lldb 14 does not know of them.
    frames: Lists,
    /// Where units are: as the frames.
    unit_ranges: Lists,
    locations: Lists,
    ranges: Lists,
    /// By a module's number, and that of the unit in its source.
    units: HashMap<(usize, u32), OutUnit<'a>>,
    /// Something is said by where the store is.
    asks_store: bool,
    /// So many locations may still be written, or looked at where that is much more.
    left: usize,
    /// So many types and parts of them may still be written: units can have types of others.
    types_left: usize,
    reused: Reused<'a>,
}

/// Places of variables for each byte of code, at most: what holds them can change often.
const LOCATIONS_PER_BYTE: usize = 4;

/// Texts of a name as it is shown, and as the linker knows it if that is something else.
type Names = (u32, Option<u32>);

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
        self.add_rows(&mut unit, source, function, position, &spans);
        unit.ranges.push((start, start + bytes));
        let ranges = Ranges::new(&self.text.places[position], bytes);
        let of = Whose {
            func: id,
            origin: Origin::Itself,
            source,
            function,
            ranges: &ranges,
            start,
        };
        self.add_function(&mut unit, of, bytes, &tree);
        self.units.insert(key, unit);
    }

    fn add_function(
        &mut self,
        unit: &mut OutUnit<'a>,
        of: Whose<'a, '_>,
        bytes: u32,
        tree: &Tree<'a>,
    ) {
        let function = of.function;
        let names = self.names(&function.name, function.linkage.as_deref());
        let place = self.place(unit, &of.source.files, function.declared);
        let result = function.result;
        let frame = self.frame(of);
        let result = result.map(|ty| self.type_label(unit, of.source, ty, types::Role::Plain));
        let variables = of.variables(None);
        unit.entries.begin_piece(None);
        let tag = constants::DW_TAG_subprogram;
        let mut entry = unit.entries.begin(&mut self.shapes, tag);
        set_names(&mut entry, names);
        let names = [
            constants::DW_AT_decl_file,
            constants::DW_AT_decl_line,
            constants::DW_AT_decl_column,
        ];
        entry.place(names, place);
        entry.flag(constants::DW_AT_external);
        entry.address(constants::DW_AT_low_pc, of.start);
        entry.unsigned(constants::DW_AT_high_pc, bytes.into());
        if let Some(result) = result {
            entry.reference(constants::DW_AT_type, result);
            // It is written where the caller wants it, and nothing is given.
            if kinds::stripped(of.source, function.result.unwrap_or_default())
                .is_some_and(|found| kinds::has_place(found.tag))
            {
                let convention = constants::DW_CC_nocall.0;
                entry.kind(constants::DW_AT_calling_convention, convention);
            }
        }
        if let Some(frame) = frame {
            entry.located(constants::DW_AT_frame_base, &frame);
        }
        let has_parts = !variables.is_empty() || !tree.nodes.is_empty();
        entry.end(None, has_parts);
        if has_parts {
            self.add_variables(unit, of, variables);
            self.add_tree(unit, of, tree);
            unit.entries.leave();
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

    fn add_tree(&mut self, unit: &mut OutUnit<'a>, of: Whose<'a, '_>, tree: &Tree<'a>) {
        let inside = tree.inside();
        // What begins; nothing for what ends.
        let mut open: Vec<Option<usize>> = inside.first.iter().rev().map(|&n| Some(n)).collect();
        while let Some(next) = open.pop() {
            let Some(number) = next else {
                unit.entries.leave();
                continue;
            };
            let has_nodes = !inside.of(number).is_empty();
            if self.add_node(unit, of, &tree.nodes[number], has_nodes) {
                open.push(None);
                open.extend(inside.of(number).iter().rev().map(|&node| Some(node)));
            }
        }
    }

    /// Adds what is inlined, or a block, with its variables. Gives whether something is inside.
    fn add_node(
        &mut self,
        unit: &mut OutUnit<'a>,
        of: Whose<'a, '_>,
        node: &tree::Node<'a>,
        has_nodes: bool,
    ) -> bool {
        let origin = node.step.name.map(|name| unit.abstract_entry(name));
        let call = node.step.call;
        let call = call.and_then(|(files, call)| self.place(unit, files, call));
        let inside = self.function(node.step.func);
        let inside = inside.map(|(source, function)| Whose {
            func: node.step.func,
            origin: node.step.origin,
            source,
            function,
            ..of
        });
        let variables = inside.map(|inside| (inside, inside.variables(node.step.scope)));
        let variables = variables.filter(|(_, variables)| !variables.is_empty());
        for (from, to) in &node.ranges {
            self.ranges.add_range(of.start + from, of.start + to);
        }
        let ranges = self.ranges.finish_ranges();
        let tag = match origin {
            Some(_) => constants::DW_TAG_inlined_subroutine,
            None => constants::DW_TAG_lexical_block,
        };
        let mut entry = unit.entries.begin(&mut self.shapes, tag);
        if let Some(origin) = origin {
            entry.reference(constants::DW_AT_abstract_origin, origin);
        }
        entry.ranges(ranges);
        let names = [
            constants::DW_AT_call_file,
            constants::DW_AT_call_line,
            constants::DW_AT_call_column,
        ];
        entry.place(names, call);
        let has_parts = variables.is_some() || has_nodes;
        entry.end(None, has_parts);
        if let Some((inside, variables)) = variables {
            self.add_variables(unit, inside, variables);
        }
        has_parts
    }

    /// Writes what all places share where functions of these names are inlined.
    fn add_abstract(&mut self, unit: &mut OutUnit<'a>) {
        for (name, label) in std::mem::take(&mut unit.abstract_list) {
            let names = match self.names.get(name) {
                Some(&names) => names,
                None => {
                    let names = self.names(name, None);
                    self.names.insert(name, names);
                    names
                }
            };
            unit.entries.begin_piece(None);
            let tag = constants::DW_TAG_subprogram;
            let mut entry = unit.entries.begin(&mut self.shapes, tag);
            let inlined = constants::DW_INL_inlined.0;
            entry.kind(constants::DW_AT_inline, inlined);
            set_names(&mut entry, names);
            entry.end(Some(label), false);
        }
    }

    fn names(&mut self, name: &str, linkage: Option<&str>) -> Names {
        let mangled = linkage.unwrap_or(name);
        let readable = demangled(mangled);
        let shown = self.texts.add(readable.as_deref().unwrap_or(name));
        let has_linkage = readable.is_some() || linkage.is_some();
        (shown, has_linkage.then(|| self.texts.add(mangled)))
    }

    fn finish(mut self) -> Vec<DebugSection> {
        let mut units: Vec<_> = std::mem::take(&mut self.units).into_iter().collect();
        units.sort_unstable_by_key(|unit| unit.0);
        for ((module, number), unit) in &mut units {
            let source = &self.sources[module];
            let globals = source
                .globals
                .iter()
                .filter(|global| global.unit == *number);
            for global in globals {
                if let Some(memory) = unit.memory {
                    self.add_global(unit, source, memory, global);
                }
            }
            self.add_abstract(unit);
            self.write_types(unit, source);
        }
        let mut info = info::Info::default();
        let mut lines = DebugLine(Writing::default());
        let places = units.iter().map(|(_, unit)| {
            for &(start, end) in &unit.ranges {
                self.unit_ranges.add_range(start, end);
            }
            let place = self.unit_ranges.finish_unnumbered();
            place.expect("units have functions")
        });
        let places: Vec<usize> = places.collect();
        for ((_, unit), ranges) in units.into_iter().zip(places) {
            self.finish_unit(unit, ranges, &mut lines, &mut info);
        }
        let mut line_texts = DebugLineStr(Writing::default());
        let written = self.line_texts.write(&mut line_texts);
        written.expect("texts are written as they are");
        let mut out = vec![
            info.finish(),
            DebugSection {
                name: writing::ABBREVIATIONS,
                bytes: self.shapes.finish(),
                relocs: Vec::new(),
            },
        ];
        out.extend(self.texts.finish());
        out.extend(lines.0.finish(SectionId::DebugLine));
        out.extend(line_texts.0.finish(SectionId::DebugLineStr));
        let locations = [self.frames.finish(), self.locations.finish()].concat();
        let ranges = [self.unit_ranges.finish(), self.ranges.finish()].concat();
        let lists = [(writing::RANGES, ranges), (writing::LOCATIONS, locations)];
        let lists = lists.into_iter().filter(|list| !list.1.is_empty());
        out.extend(lists.map(|(name, bytes)| DebugSection {
            name,
            bytes,
            relocs: Vec::new(),
        }));
        out.extend(self.asks_store.then(expressions::addresses));
        out.extend(frames::section(self.text, self.plan.target.arch));
        out
    }
}

fn set_names(entry: &mut Entry<'_>, (shown, linkage): Names) {
    entry.text(constants::DW_AT_name, shown);
    if let Some(linkage) = linkage {
        entry.text(constants::DW_AT_linkage_name, linkage);
    }
}
