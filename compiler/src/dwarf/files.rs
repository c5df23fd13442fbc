//! Source files, by their paths.

use foldhash::{HashMap, HashMapExt};
use gimli::{EndianSlice, LittleEndian};
use std::sync::Arc;

pub(super) type Reader<'a> = EndianSlice<'a, LittleEndian>;
pub(super) type Dwarf<'a> = gimli::Dwarf<Reader<'a>>;
pub(super) type Unit<'a> = gimli::Unit<Reader<'a>>;

/// A longer name or path is left out.
const TEXT_BYTES_MAX: usize = 8 * 1024;

/// Bytes of names and paths for each byte of input, at most: places can share a name.
const TEXT_PER_BYTE: usize = 16;

/// Paths, each once.
pub(super) struct Files {
    pub(super) paths: Vec<String>,
    positions: HashMap<String, u32>,
    /// By where they are in the input.
    shared: HashMap<(usize, usize), Arc<str>>,
    /// How many bytes names and paths may still have.
    left: usize,
}

impl Files {
    /// `bytes` is the length of all sections.
    pub(super) fn new(bytes: usize) -> Files {
        Files {
            paths: Vec::new(),
            positions: HashMap::new(),
            shared: HashMap::new(),
            left: bytes.saturating_mul(TEXT_PER_BYTE),
        }
    }

    /// A copy of a text of the input, or of one that was read before.
    pub(super) fn copy(&mut self, text: &[u8]) -> Option<String> {
        let left = self.left.checked_sub(text.len());
        self.left = left.filter(|_| text.len() <= TEXT_BYTES_MAX)?;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    /// The same, once for each place of the input.
    pub(super) fn shared(&mut self, text: &[u8]) -> Option<Arc<str>> {
        let place = (text.as_ptr().addr(), text.len());
        if let Some(known) = self.shared.get(&place) {
            self.left = self.left.checked_sub(text.len())?;
            return Some(Arc::clone(known));
        }
        let copy: Arc<str> = self.copy(text)?.into();
        self.shared.insert(place, Arc::clone(&copy));
        Some(copy)
    }

    /// That again.
    pub(super) fn again(&mut self, text: &Arc<str>) -> Option<Arc<str>> {
        let left = self.left.checked_sub(text.len());
        self.left = left.filter(|_| text.len() <= TEXT_BYTES_MAX)?;
        Some(Arc::clone(text))
    }

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
pub(super) struct UnitFiles {
    known: HashMap<u64, Option<u32>>,
    /// The one that was asked for last.
    last: Option<(u64, Option<u32>)>,
}

impl UnitFiles {
    pub(super) fn position(
        &mut self,
        dwarf: &Dwarf<'_>,
        unit: &Unit<'_>,
        files: &mut Files,
        number: u64,
    ) -> Option<u32> {
        if let Some((_, position)) = self.last.filter(|last| last.0 == number) {
            return position;
        }
        let position = *self.known.entry(number).or_insert_with(|| {
            let path = path(dwarf, unit, number, files)?;
            Some(files.position(path))
        });
        self.last = Some((number, position));
        position
    }
}

/// Folders of a path are relative to each other.
fn path(dwarf: &Dwarf<'_>, unit: &Unit<'_>, number: u64, files: &mut Files) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(number)?;
    let mut text = |value| {
        let text = dwarf.attr_string(unit, value).ok()?;
        files.copy(text.slice())
    };
    let name = text(file.path_name())?;
    // Before DWARF 5, folder 0 is that of the unit.
    let is_own_folder = file.directory_index() == 0 && header.version() <= 4;
    let folder = (!is_own_folder).then(|| file.directory(header).and_then(text));
    let mut path = String::new();
    if let Some(folder) = unit.comp_dir {
        path = files.copy(folder.slice())?;
    }
    if let Some(folder) = folder.flatten() {
        join(&mut path, &folder);
    }
    join(&mut path, &name);
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
