//! Functions, what was inlined in them before the module was made, and their blocks.

use super::expression::{self, Operation};
use super::files::{Dwarf, Files, Reader, Unit, UnitFiles};
use super::lines::saturate;
use super::source::{Detail, Function, Global, Position, Row, Scope, Variable};
use super::types::{Types, referred};
use super::units::Units;
use super::variables::Reading;

use foldhash::HashMap;
use gimli::{DebuggingInformationEntry, constants};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// The scopes of all units, and where they are.
#[derive(Default)]
pub(super) struct Scopes {
    pub(super) list: Vec<Scope>,
    pub(super) functions: Vec<Function>,
    /// Start, end, how deep it lies, scope.
    ranges: Vec<(u32, u32, u32, u32)>,
    /// Bytes of all sections.
    bytes: usize,
    /// Entries that were looked at, and parts of lists.
    entries: usize,
    looked: usize,
    /// By the place of what is inlined.
    names: HashMap<usize, Arc<str>>,
    pub(super) operations: Vec<Operation>,
    pub(super) types: Types,
    pub(super) globals: Vec<Global>,
}

pub(super) type Entry<'a> = DebuggingInformationEntry<Reader<'a>>;

/// A part of a list takes so many bytes at least. Lists can be shared: no more parts are looked at than
/// there may be, besides what entries say themselves.
const PART_BYTES: usize = 4;

/// What is inlined deeper than this is shown as what it is inlined in, and so are deeper namespaces.
const DEPTH_MAX: usize = 128;

/// A name is looked for along this many references.
const REFERENCES_MAX: usize = 16;

/// What the current entry is in.
#[derive(Clone, Copy)]
enum Around {
    /// A function in the module, by its position.
    Function(usize),
    /// One that is not, and what is in it.
    Elsewhere,
    Scope(u32),
    Namespace(u32),
}

/// The entries around the current one, and at which depth they are.
#[derive(Default)]
struct Path(Vec<(isize, Around)>);

impl Path {
    fn function(&self) -> Option<usize> {
        self.0.iter().rev().find_map(|(_, around)| match around {
            Around::Function(position) => Some(Some(*position)),
            Around::Elsewhere => Some(None),
            _ => None,
        })?
    }

    /// The innermost scope of the function.
    fn scope(&self) -> Option<u32> {
        match self.0.last()?.1 {
            Around::Scope(scope) => Some(scope),
            _ => None,
        }
    }

    fn is_in_code(&self) -> bool {
        !matches!(self.0.last(), None | Some((_, Around::Namespace(_))))
    }
}

impl Scopes {
    /// `bytes` is how many the sections have in all.
    pub(super) fn new(bytes: usize) -> Scopes {
        Scopes {
            bytes,
            ..Scopes::default()
        }
    }

    fn parts_max(&self) -> usize {
        self.entries + self.bytes / PART_BYTES
    }

    pub(super) fn add<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        (units, unit): (&Units<'a>, &Unit<'a>),
        files: &mut Files,
        number: usize,
        detail: Detail,
    ) -> gimli::Result<()> {
        let mut reading = Reading {
            dwarf,
            units,
            unit,
            files,
            unit_files: UnitFiles::default(),
            number: saturate(number as u64),
        };
        let mut entries = unit.entries();
        let mut path = Path::default();
        let mut place = 0;
        let is_full = detail == Detail::Full;
        while let Some(entry) = entries.next_dfs()? {
            self.entries += 1;
            place = super::types::place(unit, entry.offset()).unwrap_or(place);
            while path
                .0
                .last()
                .is_some_and(|&(depth, _)| depth >= entry.depth())
            {
                if let Some((_, Around::Namespace(namespace))) = path.0.pop() {
                    self.types.leave(place, namespace);
                }
            }
            let inner = match entry.tag() {
                constants::DW_TAG_namespace if is_full && path.0.len() < DEPTH_MAX => {
                    let name = text(dwarf, unit, entry, constants::DW_AT_name);
                    let name = name.and_then(|name| reading.files.copy(name.slice()));
                    Around::Namespace(self.types.enter(place, name))
                }
                constants::DW_TAG_subprogram => self.function(&mut reading, entry, is_full)?,
                constants::DW_TAG_inlined_subroutine if path.0.len() < DEPTH_MAX => {
                    let call = reading.position(
                        entry,
                        [
                            constants::DW_AT_call_file,
                            constants::DW_AT_call_line,
                            constants::DW_AT_call_column,
                        ],
                    );
                    let name = self.name(&mut reading, entry);
                    self.scope(&reading, entry, &path, Some(name), call)?
                }
                constants::DW_TAG_lexical_block
                    if is_full && path.0.len() < DEPTH_MAX && path.function().is_some() =>
                {
                    self.scope(&reading, entry, &path, None, Position::default())?
                }
                constants::DW_TAG_formal_parameter | constants::DW_TAG_variable if is_full => {
                    if let Some(function) = path.function() {
                        let most = self.parts_max();
                        let looked = (&mut self.looked, most);
                        let variable =
                            reading.variable(entry, &mut self.types, &mut self.operations, looked);
                        self.functions[function]
                            .variables
                            .extend(variable.map(|v| Variable {
                                scope: path.scope(),
                                ..v
                            }));
                    } else if !path.is_in_code() {
                        let global = reading.global(entry, &mut self.types);
                        self.globals.extend(global);
                    }
                    continue;
                }
                _ => continue,
            };
            path.0.push((entry.depth(), inner));
        }
        for (_, around) in path.0.into_iter().rev() {
            if let Around::Namespace(namespace) = around {
                self.types.leave(place, namespace);
            }
        }
        Ok(())
    }

    fn function<'a>(
        &mut self,
        reading: &mut Reading<'_, 'a>,
        entry: &Entry<'a>,
        is_full: bool,
    ) -> gimli::Result<Around> {
        let start = reading.dwarf.die_ranges(reading.unit, entry)?.next()?;
        let Some(start) = start.filter(is_code) else {
            return Ok(Around::Elsewhere);
        };
        let declared = reading.position(
            entry,
            [
                constants::DW_AT_decl_file,
                constants::DW_AT_decl_line,
                constants::DW_AT_decl_column,
            ],
        );
        let linkage = self.name(reading, entry);
        let name = text(reading.dwarf, reading.unit, entry, constants::DW_AT_name);
        let name = name.and_then(|name| reading.files.shared(name.slice()));
        let (mut result, mut frame) = (None, Vec::new());
        if is_full {
            result = reading.type_of(entry, &mut self.types);
            let value = entry.attr_value(constants::DW_AT_frame_base);
            frame = value
                .and_then(|value| expression::read(reading.unit, value.exprloc_value()?))
                .unwrap_or_default();
        }
        self.functions.push(Function {
            address: saturate(start.begin),
            name: name.unwrap_or_else(|| linkage.clone()),
            linkage: Some(linkage).filter(|linkage| !linkage.is_empty()),
            unit: reading.number,
            declared,
            result,
            frame,
            variables: Vec::new(),
        });
        Ok(Around::Function(self.functions.len() - 1))
    }

    /// Adds what is inlined, or a block.
    fn scope<'a>(
        &mut self,
        reading: &Reading<'_, 'a>,
        entry: &Entry<'a>,
        path: &Path,
        name: Option<Arc<str>>,
        call: Position,
    ) -> gimli::Result<Around> {
        let scope = saturate(self.list.len() as u64);
        self.list.push(Scope {
            name,
            parent: path.scope(),
            call,
        });
        let depth = saturate(entry.depth().unsigned_abs() as u64);
        let mut ranges = reading.dwarf.die_ranges(reading.unit, entry)?;
        while self.looked < self.parts_max()
            && let Some(range) = ranges.next()?
        {
            self.looked += 1;
            if is_code(&range) {
                let (start, end) = (saturate(range.begin), saturate(range.end));
                self.ranges.push((start, end, depth, scope));
            }
        }
        Ok(Around::Scope(scope))
    }

    /// The name of what is inlined, or of a function whose name is elsewhere.
    fn name<'a>(&mut self, reading: &mut Reading<'_, 'a>, entry: &Entry<'a>) -> Arc<str> {
        let Reading {
            dwarf,
            units,
            unit,
            ref mut files,
            ..
        } = *reading;
        let origin = match entry.attr_value(constants::DW_AT_linkage_name) {
            Some(_) => None,
            None => reference(unit, entry, constants::DW_AT_abstract_origin)
                .or_else(|| reference(unit, entry, constants::DW_AT_specification)),
        };
        let Some(origin) = origin else {
            let name = own_name(dwarf, unit, entry);
            return name
                .and_then(|name| files.shared(name.slice()))
                .unwrap_or_default();
        };
        let name = self.names.entry(origin).or_insert_with(|| {
            let name = name_of(dwarf, units, origin);
            name.and_then(|name| files.shared(name.slice()))
                .unwrap_or_default()
        });
        files.again(name).unwrap_or_default()
    }

    /// Rows with scopes: one more where a scope begins or ends between lines.
    pub(super) fn cut(&mut self, lines: Vec<(u32, Option<Position>)>) -> Vec<Row> {
        let of_ranges = self.ranges.iter().flat_map(|range| [range.0, range.1]);
        let mut of_ranges: Vec<u32> = of_ranges.collect();
        of_ranges.sort_unstable();
        let mut of_ranges = of_ranges.into_iter().peekable();
        self.ranges.sort_unstable();
        let mut ranges = self.ranges.iter().peekable();
        let mut lines = lines.into_iter().peekable();
        let mut position = None;
        // The deepest first, and of those at the same depth that which ends first.
        let mut inside: BinaryHeap<(u32, Reverse<u32>, u32)> = BinaryHeap::new();
        let mut rows: Vec<Row> = Vec::new();
        loop {
            let next = [lines.peek().map(|line| line.0), of_ranges.peek().copied()];
            let Some(address) = next.into_iter().flatten().min() else {
                break;
            };
            while of_ranges.next_if_eq(&address).is_some() {}
            while let Some(line) = lines.next_if(|line| line.0 <= address) {
                position = line.1;
            }
            while let Some(&(_, end, depth, scope)) = ranges.next_if(|range| range.0 <= address) {
                inside.push((depth, Reverse(end), scope));
            }
            while inside
                .peek()
                .is_some_and(|&(_, Reverse(end), _)| end <= address)
            {
                inside.pop();
            }
            let row = Row {
                address,
                scope: inside.peek().map(|&(.., scope)| scope),
                position: position.unwrap_or_default(),
            };
            let is_same = rows
                .last()
                .is_some_and(|last| last.scope == row.scope && last.position == row.position);
            if !is_same {
                rows.push(row);
            }
        }
        rows
    }
}

/// What a linker has removed begins at 0, or at the end of all addresses.
fn is_code(range: &gimli::Range) -> bool {
    range.begin != 0 && range.begin < range.end && range.end < u64::from(u32::MAX)
}

/// The name of the entry at a place of `.debug_info`, as the linker knows it if it does.
fn name_of<'a>(dwarf: &Dwarf<'a>, units: &Units<'a>, mut origin: usize) -> Option<Reader<'a>> {
    for _ in 0..REFERENCES_MAX {
        let unit = units.around(origin)?;
        let offset = gimli::DebugInfoOffset(origin).to_unit_offset(&unit.header)?;
        let entry = unit.entry(offset).ok()?;
        let next = reference(unit, &entry, constants::DW_AT_abstract_origin)
            .or_else(|| reference(unit, &entry, constants::DW_AT_specification));
        let linkage = entry.attr_value(constants::DW_AT_linkage_name);
        if linkage.is_some() || next.is_none() {
            return own_name(dwarf, unit, &entry);
        }
        origin = next?;
    }
    None
}

fn own_name<'a>(dwarf: &Dwarf<'a>, unit: &Unit<'a>, entry: &Entry<'a>) -> Option<Reader<'a>> {
    text(dwarf, unit, entry, constants::DW_AT_linkage_name)
        .or_else(|| text(dwarf, unit, entry, constants::DW_AT_name))
}

pub(super) fn text<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    entry: &Entry<'a>,
    attribute: constants::DwAt,
) -> Option<Reader<'a>> {
    dwarf.attr_string(unit, entry.attr_value(attribute)?).ok()
}

/// The place of `.debug_info` that an attribute refers to.
pub(super) fn reference(
    unit: &Unit<'_>,
    entry: &Entry<'_>,
    name: constants::DwAt,
) -> Option<usize> {
    referred(unit, &entry.attr_value(name)?)
}
