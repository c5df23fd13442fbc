//! Variables: what they are, and where.

use super::expression::{self, Operation};
use super::files::{Dwarf, Files, Reader, Unit, UnitFiles};
use super::lines::saturate;
use super::source::{Global, Position, Variable};
use super::types::{Types, place, referred};
use super::units::Units;
use gimli::{AttributeValue, DebuggingInformationEntry, DwAt, constants};
use std::sync::Arc;

type Entry<'a> = DebuggingInformationEntry<Reader<'a>>;

/// What is read of a unit.
pub(super) struct Reading<'u, 'a> {
    pub(super) dwarf: &'u Dwarf<'a>,
    pub(super) units: &'u Units<'a>,
    pub(super) unit: &'u Unit<'a>,
    pub(super) files: &'u mut Files,
    pub(super) unit_files: UnitFiles,
    pub(super) number: u32,
}

/// An entry says what it is, or which other one says the rest; that one may do the same.
const ORIGINS_MAX: usize = 3;

/// What is above has not been placed anywhere.
const ADDRESS_MAX: u64 = 0xffff_fff0;

impl<'a> Reading<'_, 'a> {
    /// The attributes that say a file, a line and a column.
    pub(super) fn position(&mut self, entry: &Entry<'a>, names: [DwAt; 3]) -> Position {
        let [file, line, column] = names;
        let number = |name| entry.attr_value(name).and_then(|value| value.udata_value());
        let file = match entry.attr_value(file) {
            Some(AttributeValue::FileIndex(file)) => Some(file),
            Some(value) => value.udata_value(),
            None => None,
        };
        let (dwarf, unit) = (self.dwarf, self.unit);
        let files = &mut *self.files;
        let file = file.and_then(|file| self.unit_files.position(dwarf, unit, files, file));
        Position {
            file,
            line: number(line).map_or(0, saturate),
            column: number(column).map_or(0, saturate),
        }
    }

    /// The type that an entry has.
    pub(super) fn type_of(&self, entry: &Entry<'a>, types: &mut Types) -> Option<u32> {
        type_of(&Origins::of(self.units, self.unit, entry), types)
    }

    /// A text that one of an entry's origins has.
    fn text(&mut self, origins: &Origins<'_, 'a>, name: DwAt) -> Option<Arc<str>> {
        let dwarf = self.dwarf;
        let text = origins
            .iter()
            .find_map(|(unit, entry)| dwarf.attr_string(unit, entry.attr_value(name)?).ok())?;
        self.files.shared(text.slice())
    }

    /// Where what an entry is about is declared.
    fn declared(&mut self, origins: &Origins<'_, 'a>) -> Position {
        let names = [
            constants::DW_AT_decl_file,
            constants::DW_AT_decl_line,
            constants::DW_AT_decl_column,
        ];
        let own = self.unit.header.debug_info_offset();
        let declaring = origins.iter().find(|&(unit, entry)| {
            unit.header.debug_info_offset() == own && entry.attr(names[1]).is_some()
        });
        declaring.map_or_else(Position::default, |(_, entry)| self.position(entry, names))
    }

    /// `looked` is how many locations were looked at, and how many may be.
    pub(super) fn variable(
        &mut self,
        entry: &Entry<'a>,
        types: &mut Types,
        operations: &mut Vec<Operation>,
        looked: (&mut usize, usize),
    ) -> Option<Variable> {
        let origins = Origins::of(self.units, self.unit, entry);
        let value = entry.attr_value(constants::DW_AT_location);
        let locations = value.map_or_else(Vec::new, |value| {
            expression::locations(self.dwarf, self.unit, value, operations, looked)
        });
        let constant = entry.attr_value(constants::DW_AT_const_value);
        let constant = constant.and_then(|value| match value {
            AttributeValue::Sdata(value) => Some(value),
            value => value.udata_value().map(u64::cast_signed),
        });
        Some(Variable {
            name: self.text(&origins, constants::DW_AT_name)?,
            is_parameter: entry.tag() == constants::DW_TAG_formal_parameter,
            ty: type_of(&origins, types),
            scope: None,
            declared: self.declared(&origins),
            locations,
            constant,
        })
    }

    /// A variable outside of functions, if it has a place.
    pub(super) fn global(&mut self, entry: &Entry<'a>, types: &mut Types) -> Option<Global> {
        let value = entry.attr_value(constants::DW_AT_location)?;
        let expression = expression::read(self.unit, value.exprloc_value()?)?;
        let [Operation::Address(address)] = *expression else {
            return None;
        };
        // What a linker has removed is nowhere.
        if address == 0 || address >= ADDRESS_MAX {
            return None;
        }
        let origins = Origins::of(self.units, self.unit, entry);
        let (unit, last) = origins.last();
        Some(Global {
            unit: self.number,
            namespace: types.namespace(place(unit, last.offset())?),
            name: self.text(&origins, constants::DW_AT_name)?,
            linkage: self.text(&origins, constants::DW_AT_linkage_name),
            ty: type_of(&origins, types),
            declared: self.declared(&origins),
            address,
        })
    }
}

/// An entry and its unit.
type Origin<'u, 'a> = (&'u Unit<'a>, &'u Entry<'a>);

/// The entries that say what one is.
struct Origins<'u, 'a> {
    own: Origin<'u, 'a>,
    others: [Option<(&'u Unit<'a>, Entry<'a>)>; ORIGINS_MAX - 1],
}

impl<'u, 'a> Origins<'u, 'a> {
    fn of(units: &'u Units<'a>, unit: &'u Unit<'a>, entry: &'u Entry<'a>) -> Origins<'u, 'a> {
        let mut origins = Origins {
            own: (unit, entry),
            others: [const { None }; ORIGINS_MAX - 1],
        };
        for number in 0..origins.others.len() {
            let (of_last, last) = origins.last();
            let next = [
                constants::DW_AT_abstract_origin,
                constants::DW_AT_specification,
            ]
            .into_iter()
            .find_map(|name| referred(of_last, &last.attr_value(name)?));
            let Some((around, next)) = next.and_then(|next| Some((units.around(next)?, next)))
            else {
                break;
            };
            let offset = gimli::DebugInfoOffset(next).to_unit_offset(&around.header);
            let Some(entry) = offset.and_then(|offset| around.entry(offset).ok()) else {
                break;
            };
            origins.others[number] = Some((around, entry));
        }
        origins
    }

    /// Itself first.
    fn iter(&self) -> impl Iterator<Item = Origin<'_, 'a>> {
        let others = self.others.iter().flatten();
        let others = others.map(|(unit, entry)| (*unit, entry));
        std::iter::once(self.own).chain(others)
    }

    fn last(&self) -> Origin<'_, 'a> {
        self.iter().last().expect("it begins with itself")
    }
}

fn type_of(origins: &Origins<'_, '_>, types: &mut Types) -> Option<u32> {
    let ty = origins
        .iter()
        .find_map(|(unit, entry)| referred(unit, &entry.attr_value(constants::DW_AT_type)?))?;
    Some(types.at(ty))
}
