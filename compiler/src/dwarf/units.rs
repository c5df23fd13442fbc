//! The units of debug information. Tables can be shared, so what is read of them is bounded.

use super::files::{Dwarf, Reader, Unit};
use foldhash::{HashMap, HashMapExt};
use gimli::{Abbreviations, DebugAbbrevOffset, Reader as _, Section as _, UnitHeader, constants};
use std::sync::Arc;

/// So many bytes are read for each that there is, at most.
const READ_PER_BYTE: usize = 4;

/// All units that can be read, in order.
pub(super) struct Units<'a> {
    /// Without line tables, whose heads can be long.
    list: Vec<Unit<'a>>,
    left: usize,
    line_bytes: usize,
}

impl<'a> Units<'a> {
    /// `bytes` is the length of all sections. A damaged unit is left out.
    pub(super) fn read(dwarf: &Dwarf<'a>, bytes: usize) -> Units<'a> {
        let mut units = Units {
            list: Vec::new(),
            left: bytes.saturating_mul(READ_PER_BYTE),
            line_bytes: dwarf.debug_line.reader().len(),
        };
        let mut tables: HashMap<usize, Option<Arc<Abbreviations>>> = HashMap::new();
        let mut headers = dwarf.units();
        while let Ok(Some(header)) = headers.next() {
            let offset = header.debug_abbrev_offset();
            let table = tables
                .entry(offset.0)
                .or_insert_with(|| units.abbreviations(dwarf, offset));
            let Some(table) = table.clone() else {
                continue;
            };
            if let Some(mut unit) = units.unit(dwarf, header, table) {
                unit.line_program = None;
                units.list.push(unit);
            }
        }
        units
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// A unit with its line table.
    pub(super) fn with_lines(&mut self, dwarf: &Dwarf<'a>, number: usize) -> Option<Unit<'a>> {
        let unit = &self.list[number];
        let (header, table) = (unit.header, Arc::clone(&unit.abbreviations));
        self.unit(dwarf, header, table)
    }

    /// That which has this offset of `.debug_info` in it.
    pub(super) fn around(&self, offset: usize) -> Option<&Unit<'a>> {
        let offset = gimli::DebugInfoOffset(offset);
        let start = |unit: &Unit<'_>| unit.header.debug_info_offset();
        let behind = self
            .list
            .partition_point(|unit| start(unit).is_some_and(|start| start <= offset));
        let unit = self.list.get(behind.checked_sub(1)?)?;
        offset.to_unit_offset(&unit.header).map(|_| unit)
    }

    fn unit(
        &mut self,
        dwarf: &Dwarf<'a>,
        header: UnitHeader<Reader<'a>>,
        table: Arc<Abbreviations>,
    ) -> Option<Unit<'a>> {
        if self.left == 0 {
            return None;
        }
        let unit = Unit::new_with_abbreviations(dwarf, header, table).ok();
        let program = unit.as_ref().map(|unit| unit.line_program.as_ref());
        let read = match program {
            Some(program) => program.map_or(0, |program| program.header().header_length()),
            // How far it got is not known.
            None => self.line_bytes,
        };
        let is_within = self.left >= read;
        self.left = self.left.saturating_sub(read);
        unit.filter(|_| is_within)
    }

    /// A table of abbreviations. It is read twice: nothing else tells how long it is.
    fn abbreviations(
        &mut self,
        dwarf: &Dwarf<'a>,
        offset: DebugAbbrevOffset,
    ) -> Option<Arc<Abbreviations>> {
        let mut all = *dwarf.debug_abbrev.reader();
        all.skip(offset.0).ok()?;
        let mut rest = all;
        let is_whole = skip_table(&mut rest, self.left).is_some();
        let read = all.len() - rest.len();
        self.left = self.left.saturating_sub(read);
        if !is_whole {
            return None;
        }
        dwarf.debug_abbrev.abbreviations(offset).ok().map(Arc::new)
    }
}

/// Goes behind a table of abbreviations, if it has at most so many bytes.
fn skip_table(rest: &mut Reader<'_>, bytes_max: usize) -> Option<()> {
    let bytes = rest.len();
    while bytes - rest.len() <= bytes_max {
        if rest.read_uleb128().ok()? == 0 {
            return Some(());
        }
        rest.read_uleb128().ok()?;
        rest.read_u8().ok()?;
        loop {
            let name = rest.read_uleb128().ok()?;
            let form = rest.read_uleb128().ok()?;
            if form == u64::from(constants::DW_FORM_implicit_const.0) {
                rest.read_sleb128().ok()?;
            }
            if (name, form) == (0, 0) {
                break;
            }
        }
    }
    None
}
