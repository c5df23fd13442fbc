//! A pack for Windows: the objects of the runtime archive, and which library of the system has each
//! function that they import.
//!
//! Import libraries, those that rustc has put into the archive and those of a toolchain, say that in
//! objects of their own: one for each function, which refers to one for the library, which refers to
//! one with its name. Here they become lines of a text, `LIBRARY FUNCTION`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use object::coff::CoffFile;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget};

use super::source::{MakeError, Source};
use super::{archive, write_with_imports};

/// What is before the name of a function in that of its place in the table of imports.
const IMPORT_PREFIX: &[u8] = b"__imp_";

/// Makes a pack of the runtime archive, for which `libraries` are import libraries.
///
/// # Errors
/// When a file is not what it should be, or a function is in no library.
pub fn make_for_windows(
    target: &str,
    provenance: &str,
    runtime: &Source,
    libraries: &[Source],
    level: i32,
) -> Result<Vec<u8>, MakeError> {
    let mut imports = BTreeMap::new();
    for source in libraries.iter().chain([runtime]) {
        let members = members(source)?;
        find_imports(source, &members, &mut imports)?;
    }
    let mut kept = Vec::new();
    let mut wanted = BTreeSet::new();
    let mut defined = BTreeSet::new();
    for (name, bytes) in &members(runtime)? {
        let file = parse(name, bytes)?;
        if file.sections().any(|section| is_of_imports(&section)) || name.ends_with(".dwo") {
            continue;
        }
        for symbol in file.symbols() {
            let text = symbol.name_bytes().unwrap_or_default();
            if symbol.is_undefined() {
                wanted.insert(text.strip_prefix(IMPORT_PREFIX).unwrap_or(text).to_vec());
            } else if symbol.is_global() {
                defined.insert(text.to_vec());
            }
        }
        kept.push((name.clone(), *bytes));
    }
    let mut text = Vec::new();
    for name in wanted.difference(&defined) {
        if let Some(library) = imports.get(name) {
            text.extend_from_slice(library);
            text.push(b' ');
            text.extend_from_slice(name);
            text.push(b'\n');
        }
    }
    write_with_imports(target, provenance, runtime, &kept, &text, level)
}

/// The objects of an archive; the compiler's own data is none.
fn members(source: &Source) -> Result<Vec<(String, &[u8])>, MakeError> {
    archive::objects(source, |bytes| CoffFile::<&[u8]>::parse(bytes).is_ok())
}

fn parse<'a>(name: &str, bytes: &'a [u8]) -> Result<CoffFile<'a>, MakeError> {
    CoffFile::parse(bytes).map_err(|error| MakeError::new(name, error))
}

fn is_of_imports<'a>(section: &impl ObjectSection<'a>) -> bool {
    section
        .name_bytes()
        .is_ok_and(|name| name.starts_with(b".idata"))
}

/// What a member of an import library refers to and has, as far as imports are concerned.
#[derive(Default)]
struct Import {
    /// The functions that it imports.
    functions: Vec<Vec<u8>>,
    /// Symbols that its tables refer to.
    refers_to: Vec<Vec<u8>>,
    /// The name of the library, where it has that.
    library: Option<Vec<u8>>,
}

/// Finds the functions of an archive's import libraries. The first library that has a function counts.
fn find_imports(
    source: &Source,
    members: &[(String, &[u8])],
    imports: &mut BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<(), MakeError> {
    let mut all = Vec::new();
    let mut defined: HashMap<Vec<u8>, usize> = HashMap::new();
    for (name, bytes) in members {
        let file = parse(name, bytes)?;
        if !file.sections().any(|section| is_of_imports(&section)) {
            continue;
        }
        for symbol in file.symbols().filter(|symbol| symbol.is_definition()) {
            let text = symbol.name_bytes().unwrap_or_default().to_vec();
            defined.insert(text, all.len());
        }
        all.push(read_import(&source.name, &file)?);
    }
    for import in &all {
        for function in &import.functions {
            if let Some(library) = library_of(import, &all, &defined) {
                imports.entry(function.clone()).or_insert(library);
            }
        }
    }
    Ok(())
}

/// The library that a member leads to, by way of at most one other.
fn library_of(
    import: &Import,
    all: &[Import],
    defined: &HashMap<Vec<u8>, usize>,
) -> Option<Vec<u8>> {
    let next = |import: &Import| -> Vec<usize> {
        let names = import.refers_to.iter();
        names
            .filter_map(|name| defined.get(name).copied())
            .collect()
    };
    for head in next(import) {
        for tail in next(&all[head]) {
            if let Some(library) = &all[tail].library {
                return Some(library.clone());
            }
        }
    }
    None
}

fn read_import(source: &str, file: &CoffFile<'_>) -> Result<Import, MakeError> {
    let error = |error: object::read::Error| MakeError::new(source, error);
    let mut import = Import::default();
    for symbol in file.symbols() {
        let name = symbol.name_bytes().map_err(error)?;
        if let Some(name) = name.strip_prefix(IMPORT_PREFIX) {
            import.functions.push(name.to_vec());
        }
    }
    for section in file.sections().filter(is_of_imports) {
        for (_, relocation) in section.relocations() {
            if let RelocationTarget::Symbol(index) = relocation.target() {
                let symbol = file.symbol_by_index(index).map_err(error)?;
                if symbol.is_undefined() {
                    let name = symbol.name_bytes().map_err(error)?;
                    import.refers_to.push(name.to_vec());
                }
            }
        }
        // The last part of the tables has the library's name where it refers to nothing.
        let is_last = section.name_bytes().map_err(error)? == b".idata$7";
        if is_last && section.relocations().next().is_none() {
            let data = section.data().map_err(error)?;
            let name = data.split(|byte| *byte == 0).next().unwrap_or_default();
            if !name.is_empty() {
                import.library = Some(name.to_vec());
            }
        }
    }
    Ok(import)
}
