//! What a module's DWARF says of the source that its code was compiled from.
//!
//! Comes in: the custom sections `.debug_*` of a module. Goes out: [`Source`], which says for each
//! byte of the code section which line it is from, and of which functions that another compiler has
//! inlined, which variables there are where, and of which types. Debug information is a convenience: what is damaged of it is left out, as in the name
//! section, and is no error. Nothing here knows what the code becomes.

mod expression;
mod files;
mod lines;
mod scopes;
mod source;
mod types;
mod units;
mod variables;

pub use expression::Operation;
pub use source::{
    Detail, Function, Global, NamedLocal, Position, Row, Source, SourceUnit, Variable, row_near,
};
pub use types::{Attribute, Type};

use files::{Dwarf, Files, Reader, Unit};
use foldhash::HashMap;
use gimli::{EndianSlice, LittleEndian};
use lines::Lines;
use scopes::Scopes;
use units::Units;

/// The source of each module, by the module's number.
pub type Sources = HashMap<usize, Source>;

/// Nothing where the sections say nothing of any code.
#[must_use]
pub fn read(sections: &[(&str, &[u8])], detail: Detail) -> Option<Source> {
    let find = |name: &str| sections.iter().find(|section| section.0 == name);
    find(gimli::SectionId::DebugInfo.name())?;
    let dwarf = Dwarf::load(|id| {
        let bytes = find(id.name()).map_or(&[][..], |section| section.1);
        Ok::<_, gimli::Error>(EndianSlice::new(bytes, LittleEndian))
    });
    let dwarf = dwarf.ok()?;
    let bytes = sections.iter().map(|section| section.1.len()).sum();
    let mut files = Files::new(bytes);
    let mut lines = Lines::default();
    let mut scopes = Scopes::new(bytes);
    let mut units = Units::read(&dwarf, bytes);
    let mut described = Vec::new();
    for number in 0..units.len() {
        let Some(unit) = units.with_lines(&dwarf, number) else {
            continue;
        };
        lines.add(&dwarf, &unit, &mut files);
        described.push(source_unit(&unit, &mut files));
        // What is damaged says nothing from there on.
        let number = described.len() - 1;
        let _ = scopes.add(&dwarf, (&units, &unit), &mut files, number, detail);
    }
    let rows = scopes.cut(lines.finish());
    scopes.functions.sort_by_key(|function| function.address);
    for function in &mut scopes.functions {
        function.variables.sort_by_key(|variable| variable.scope);
    }
    scopes.types.read(&dwarf, &units, &mut files, bytes);
    (!rows.is_empty()).then_some(Source {
        files: files.paths,
        scopes: scopes.list,
        rows,
        units: described,
        functions: scopes.functions,
        globals: scopes.globals,
        operations: scopes.operations,
        types: scopes.types.list,
        namespaces: scopes.types.namespaces,
    })
}

fn source_unit(unit: &Unit<'_>, files: &mut Files) -> SourceUnit {
    let mut text = |text: Option<Reader<'_>>| {
        let text = text.and_then(|text| files.copy(text.slice()));
        text.unwrap_or_default()
    };
    let root = unit.entry(unit.header.root_offset()).ok();
    let language = root.and_then(|root| match root.attr_value(gimli::DW_AT_language)? {
        gimli::AttributeValue::Language(language) => Some(language.0),
        _ => None,
    });
    SourceUnit {
        name: text(unit.name),
        folder: text(unit.comp_dir),
        language: language.unwrap_or(gimli::DW_LANG_C.0),
    }
}

#[cfg(test)]
mod tests {
    use super::{Detail, read, row_near};
    use wasmparser::{Parser, Payload};

    const WASM: &[u8] = include_bytes!("../../../tests/guests/traps-c.wasm");

    fn sections() -> Vec<(&'static str, &'static [u8])> {
        Parser::new(0)
            .parse_all(WASM)
            .filter_map(|payload| match payload.expect("a module") {
                Payload::CustomSection(section) => Some((section.name(), section.data())),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn inlined_functions_are_scopes() {
        let source = read(&sections(), Detail::Full).expect("it has some");
        let names: Vec<_> = source.scopes.iter().map(|s| s.name.as_deref()).collect();
        assert_eq!(names, [Some("tail"), Some("inner")]);
        assert_eq!(source.files, ["./src/traps.c"]);
        let row = source.rows.iter().find(|row| row.scope == Some(1));
        let row = row.expect("it has code");
        assert_eq!(row_near(&source.rows, row.address, &mut 0), Some(row));
        let far = source.rows.len();
        assert_eq!(
            row_near(&source.rows, row.address, &mut far.clone()),
            Some(row)
        );
        assert_eq!(source.rows_of(row.address, row.address + 1), [*row]);
        let first = source.functions.first().expect("the exported one");
        assert_eq!((&*first.name, first.declared.line), ("trap", 80));
    }

    /// What is damaged says less, or something else.
    #[test]
    fn damaged_sections_do_no_harm() {
        for (number, (_, bytes)) in sections().iter().enumerate() {
            for at in (0..bytes.len()).step_by(3) {
                let mut damaged = bytes.to_vec();
                damaged[at] = !damaged[at];
                let mut sections = sections();
                sections[number].1 = &damaged;
                let _ = read(&sections, Detail::Full);
                sections[number].1 = &bytes[..at];
                let _ = read(&sections, Detail::Full);
            }
        }
    }
}
