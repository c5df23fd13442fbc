//! The source that code is from, as the runtime reads it (`wasmelt_abi::sources`).

use super::blob::Address;
use super::places::{number, records, signed};
use super::program::Writer;
use crate::dwarf::{Position, Row, Source};
use crate::plan::function_name;
use foldhash::{HashMap, HashMapExt};
use std::mem::{offset_of, size_of};
use wasmelt_abi::sources::{Scope, Sources as Description, Text};

/// Lists of all modules together.
#[derive(Default)]
struct Lists {
    scopes: Vec<[u32; 6]>,
    files: Vec<[u32; 2]>,
    texts: Vec<u8>,
    known: HashMap<Vec<u8>, [u32; 2]>,
}

impl Writer<'_> {
    /// Writes what is known of functions; gives where it is, if there is something.
    pub(super) fn write_sources(&mut self) -> Option<u64> {
        let sources = self.sources;
        let mut lists = Lists::default();
        let mut firsts: HashMap<usize, (u32, u32)> = HashMap::new();
        let mut units: Vec<usize> = sources.keys().copied().collect();
        units.sort_unstable();
        for unit in units {
            let module = self.plan.module_name(unit);
            firsts.insert(unit, lists.add(&sources[&unit], module));
        }
        let plan = self.plan;
        let (rows, groups) = records(self.text, |id, _, contents| {
            let code = plan.body_in_code(id);
            let of_code = code.and_then(|(unit, code)| Some((unit, code, sources.get(&unit)?)));
            if let Some((unit, code, source)) = of_code {
                let of_body = source.rows_of(code.start, code.end);
                add_contents(source, of_body, code.start, firsts[&unit], contents);
            }
        });
        if rows.is_empty() {
            return None;
        }
        let at = self.blob.reserve(size_of::<Description>());
        let field = |offset: usize| at + offset as u64;
        self.str(field(offset_of!(Description, records)), &rows);
        let groups = Address::Blob(self.blob.u32s(groups));
        self.blob
            .set_address(field(offset_of!(Description, groups)), groups);
        const { assert!(size_of::<Scope>() == 24 && size_of::<Text>() == 8) };
        let count = lists.scopes.len();
        let scopes = self.blob.u32s(lists.scopes.into_iter().flatten());
        self.slice(
            field(offset_of!(Description, scopes)),
            (Some(scopes), count),
        );
        let count = lists.files.len();
        let files = self.blob.u32s(lists.files.into_iter().flatten());
        self.slice(field(offset_of!(Description, files)), (Some(files), count));
        self.str(field(offset_of!(Description, texts)), &lists.texts);
        Some(at)
    }
}

impl Lists {
    /// Adds the lists of a module; gives where its scopes and its files begin.
    fn add(&mut self, source: &Source, module: &str) -> (u32, u32) {
        let first = (length(&self.scopes), length(&self.files));
        for file in &source.files {
            let text = self.text(file.as_bytes());
            self.files.push(text);
        }
        // What is inlined is so in many places.
        let mut names: HashMap<&str, [u32; 2]> = HashMap::new();
        for scope in &source.scopes {
            let name = scope.name.as_deref().unwrap_or_default();
            let [start, len] = *names
                .entry(name)
                .or_insert_with(|| self.text(function_name(module, name).as_bytes()));
            let parent = source.inlined(scope.parent);
            let parent = parent.map_or(0, |parent| 1 + first.0 + parent);
            let Position { file, line, column } = scope.call;
            let file = file.map_or(0, |file| 1 + first.1 + file);
            self.scopes.push([start, len, parent, file, line, column]);
        }
        first
    }

    fn text(&mut self, text: &[u8]) -> [u32; 2] {
        if let Some(&known) = self.known.get(text) {
            return known;
        }
        let place = [length(&self.texts), length(text)];
        self.texts.extend_from_slice(text);
        self.known.insert(text.to_vec(), place);
        place
    }
}

/// Adds a function's record. `start` is where its body begins, `firsts` where the scopes and the files of
/// its module do.
fn add_contents(
    source: &Source,
    rows: &[Row],
    start: u32,
    firsts: (u32, u32),
    bytes: &mut Vec<u8>,
) {
    let (mut at, mut line) = (start, 0);
    let mut last = None;
    for row in rows {
        let inlined = source.inlined(row.scope);
        if last.replace((inlined, row.position)) == Some((inlined, row.position)) {
            continue;
        }
        let address = row.address.max(start);
        number(bytes, u64::from(address - at));
        at = address;
        let scope = inlined.map_or(0, |scope| 1 + firsts.0 + scope);
        number(bytes, scope.into());
        let Position {
            file: Some(file), ..
        } = row.position
        else {
            number(bytes, 0);
            continue;
        };
        number(bytes, u64::from(1 + firsts.1 + file));
        signed(bytes, i64::from(row.position.line) - line);
        line = i64::from(row.position.line);
        number(bytes, row.position.column.into());
    }
}

fn length<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).expect("less than 4 GiB")
}
