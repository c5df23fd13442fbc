//! Functions that were inlined before the module was made.

use super::files::{Dwarf, Files, Reader, Unit, UnitFiles};
use super::lines::saturate;
use super::source::{Function, Position, Row, Scope};
use super::units::Units;

use gimli::{AttributeValue, DebuggingInformationEntry, constants};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// The scopes of all units, and where they are.
#[derive(Default)]
pub(super) struct Scopes {
    pub(super) list: Vec<Scope>,
    pub(super) functions: Vec<Function>,
    /// Start, end, how deep it lies, scope.
    ranges: Vec<(u32, u32, u32, u32)>,
    /// Entries and ranges that were looked at.
    entries: usize,
    looked: usize,
    /// By the place of what is inlined.
    names: HashMap<usize, String>,
}

type Entry<'a> = DebuggingInformationEntry<Reader<'a>>;

/// So many ranges are looked at for each entry: lists can be shared.
const RANGES_PER_ENTRY: usize = 64;

/// What is inlined deeper than this is shown as what it is inlined in.
const DEPTH_MAX: usize = 128;

/// A name is looked for along this many references.
const REFERENCES_MAX: usize = 16;

impl Scopes {
    pub(super) fn add<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        (units, unit): (&Units<'a>, &Unit<'a>),
        files: &mut Files,
        number: usize,
    ) -> gimli::Result<()> {
        let mut unit_files = UnitFiles::default();
        let mut entries = unit.entries();
        // The scopes around the current entry, and at which depth they are entries.
        let mut around: Vec<(isize, u32)> = Vec::new();
        while let Some(entry) = entries.next_dfs()? {
            self.entries += 1;
            while around
                .last()
                .is_some_and(|&(depth, _)| depth >= entry.depth())
            {
                around.pop();
            }
            let mut position = |files: &mut Files, file, line, column| {
                let number = |name| entry.attr_value(name).and_then(|value| value.udata_value());
                let file = match entry.attr_value(file) {
                    Some(AttributeValue::FileIndex(file)) => Some(file),
                    Some(value) => value.udata_value(),
                    None => None,
                };
                Position {
                    file: file.and_then(|file| unit_files.position(dwarf, unit, files, file)),
                    line: number(line).map_or(0, saturate),
                    column: number(column).map_or(0, saturate),
                }
            };
            if entry.tag() == constants::DW_TAG_subprogram {
                let declared = position(
                    files,
                    constants::DW_AT_decl_file,
                    constants::DW_AT_decl_line,
                    constants::DW_AT_decl_column,
                );
                let start = dwarf.die_ranges(unit, entry)?.next()?;
                if let Some(start) = start.filter(is_code) {
                    let linkage = self.name(dwarf, (units, unit), entry, files);
                    let name = text(dwarf, unit, entry, constants::DW_AT_name);
                    let name = name.and_then(|name| files.copy(name.slice()));
                    self.functions.push(Function {
                        address: saturate(start.begin),
                        name: name.unwrap_or_else(|| linkage.clone()),
                        linkage: Some(linkage).filter(|linkage| !linkage.is_empty()),
                        unit: saturate(number as u64),
                        declared,
                    });
                }
            }
            if entry.tag() != constants::DW_TAG_inlined_subroutine || around.len() == DEPTH_MAX {
                continue;
            }
            let call = position(
                files,
                constants::DW_AT_call_file,
                constants::DW_AT_call_line,
                constants::DW_AT_call_column,
            );
            let scope = saturate(self.list.len() as u64);
            let name = self.name(dwarf, (units, unit), entry, files);
            self.list.push(Scope {
                name,
                parent: around.last().map(|&(_, scope)| scope),
                call,
            });
            let depth = saturate(entry.depth().unsigned_abs() as u64);
            around.push((entry.depth(), scope));
            let mut ranges = dwarf.die_ranges(unit, entry)?;
            while self.looked < RANGES_PER_ENTRY * self.entries
                && let Some(range) = ranges.next()?
            {
                self.looked += 1;
                if is_code(&range) {
                    let (start, end) = (saturate(range.begin), saturate(range.end));
                    self.ranges.push((start, end, depth, scope));
                }
            }
        }
        Ok(())
    }

    /// The name of what is inlined, or of a function whose name is elsewhere.
    fn name<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        (units, unit): (&Units<'a>, &Unit<'a>),
        entry: &Entry<'a>,
        files: &mut Files,
    ) -> String {
        let origin = match entry.attr_value(constants::DW_AT_linkage_name) {
            Some(_) => None,
            None => reference(unit, entry, constants::DW_AT_abstract_origin)
                .or_else(|| reference(unit, entry, constants::DW_AT_specification)),
        };
        let Some(origin) = origin else {
            let name = own_name(dwarf, unit, entry);
            return name
                .and_then(|name| files.copy(name.slice()))
                .unwrap_or_default();
        };
        let name = self.names.entry(origin).or_insert_with(|| {
            let name = name_of(dwarf, units, origin);
            name.and_then(|name| files.copy(name.slice()))
                .unwrap_or_default()
        });
        files.copy(name.as_bytes()).unwrap_or_default()
    }

    /// Rows with scopes: one more where a scope begins or ends between lines.
    pub(super) fn cut(&mut self, lines: Vec<(u32, Option<Position>)>) -> Vec<Row> {
        let mut bounds: Vec<u32> = lines.iter().map(|line| line.0).collect();
        bounds.extend(self.ranges.iter().flat_map(|range| [range.0, range.1]));
        bounds.sort_unstable();
        bounds.dedup();
        self.ranges.sort_unstable();
        let mut ranges = self.ranges.iter().peekable();
        let mut lines = lines.into_iter().peekable();
        let mut position = None;
        // The deepest first, and of those at the same depth that which ends first.
        let mut inside: BinaryHeap<(u32, Reverse<u32>, u32)> = BinaryHeap::new();
        let mut rows: Vec<Row> = Vec::new();
        for address in bounds {
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

fn text<'a>(
    dwarf: &Dwarf<'a>,
    unit: &Unit<'a>,
    entry: &Entry<'a>,
    attribute: constants::DwAt,
) -> Option<Reader<'a>> {
    dwarf.attr_string(unit, entry.attr_value(attribute)?).ok()
}

/// The place of `.debug_info` that an attribute refers to.
fn reference(unit: &Unit<'_>, entry: &Entry<'_>, name: constants::DwAt) -> Option<usize> {
    match entry.attr_value(name)? {
        AttributeValue::UnitRef(offset) => Some(offset.to_debug_info_offset(&unit.header)?.0),
        AttributeValue::DebugInfoRef(offset) => Some(offset.0),
        _ => None,
    }
}
