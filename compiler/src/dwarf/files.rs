//! Source files, by their paths.

use gimli::{EndianSlice, LittleEndian};
use std::collections::HashMap;

pub(super) type Reader<'a> = EndianSlice<'a, LittleEndian>;
pub(super) type Dwarf<'a> = gimli::Dwarf<Reader<'a>>;
pub(super) type Unit<'a> = gimli::Unit<Reader<'a>>;

/// Paths, each once.
#[derive(Default)]
pub(super) struct Files {
    pub(super) paths: Vec<String>,
    positions: HashMap<String, u32>,
}

impl Files {
    fn position(&mut self, path: String) -> u32 {
        let next = u32::try_from(self.paths.len()).expect("fewer files than bytes of input");
        *self.positions.entry(path).or_insert_with_key(|path| {
            self.paths.push(path.clone());
            next
        })
    }
}

/// The path of each file of a unit, by its number there.
#[derive(Default)]
pub(super) struct UnitFiles(HashMap<u64, Option<u32>>);

impl UnitFiles {
    pub(super) fn position(
        &mut self,
        dwarf: &Dwarf<'_>,
        unit: &Unit<'_>,
        files: &mut Files,
        number: u64,
    ) -> Option<u32> {
        *self
            .0
            .entry(number)
            .or_insert_with(|| Some(files.position(path(dwarf, unit, number)?)))
    }
}

/// Folders of a path are relative to each other.
fn path(dwarf: &Dwarf<'_>, unit: &Unit<'_>, number: u64) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(number)?;
    let text = |value| {
        let text = dwarf.attr_string(unit, value).ok()?;
        Some(String::from_utf8_lossy(text.slice()).into_owned())
    };
    let mut path = String::new();
    if let Some(folder) = unit.comp_dir {
        path = String::from_utf8_lossy(folder.slice()).into_owned();
    }
    // Before DWARF 5, folder 0 is that of the unit.
    let is_own_folder = file.directory_index() == 0 && header.version() <= 4;
    if !is_own_folder && let Some(folder) = file.directory(header).and_then(text) {
        join(&mut path, &folder);
    }
    join(&mut path, &text(file.path_name())?);
    Some(path)
}

fn join(path: &mut String, with: &str) {
    let is_absolute = with.starts_with(['/', '\\']) || with.get(1..3) == Some(":\\");
    if is_absolute || path.is_empty() {
        path.clear();
    } else if !path.ends_with(['/', '\\']) {
        path.push('/');
    }
    path.push_str(with);
}
