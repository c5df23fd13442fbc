//! `inspect --size`: what takes the bytes of an executable.
//!
//! In comes an executable, out goes a tree: sections, in the section of code whose it is, and in that
//! functions. What no symbol is for is told as that; `-C strip=none` has symbols for everything.

use std::collections::BTreeMap;
use std::fmt::Write;

use object::{BinaryFormat, Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use wasmelt_linker::MACHO_RUNTIME_SYMBOL;

use crate::build::size;
use crate::diagnostic::printable;

/// Lines of the list of functions.
const FUNCTIONS_MAX: usize = 20;

/// What takes bytes, and of what parts it is made.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// The largest first; empty where there is nothing more to tell.
    pub(crate) parts: Vec<Part>,
}

/// Measures an executable. Nothing for what is none.
pub(crate) fn measured(name: &str, bytes: &[u8]) -> Option<Part> {
    let file = object::File::parse(bytes).ok()?;
    let mut parts = Vec::new();
    for section in file.sections() {
        let Some((_, length)) = section.file_range().filter(|(_, length)| *length > 0) else {
            continue;
        };
        let section_name = section.name().unwrap_or_default();
        // For macOS, several sections are of one name.
        let segment = section.segment_name().ok().flatten();
        let section_name = match segment {
            Some(segment) => format!("{segment},{section_name}"),
            None => section_name.to_owned(),
        };
        let is_code = section.kind() == SectionKind::Text;
        parts.push(Part {
            name: printable(&section_name),
            bytes: length,
            parts: match is_code {
                true => owners(functions(&file, &section), length),
                false => Vec::new(),
            },
        });
    }
    let all = bytes.len() as u64;
    let known: u64 = parts.iter().map(|part| part.bytes).sum();
    parts.push(Part::leaf(
        "headers, and gaps between sections",
        all.saturating_sub(known),
    ));
    Some(Part::of(printable(name), all, parts))
}

impl Part {
    fn leaf(name: &str, bytes: u64) -> Part {
        Part {
            name: name.to_owned(),
            bytes,
            parts: Vec::new(),
        }
    }

    /// With the largest parts first, and no empty ones.
    fn of(name: String, bytes: u64, mut parts: Vec<Part>) -> Part {
        parts.retain(|part| part.bytes > 0);
        parts.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
        Part { name, bytes, parts }
    }
}

/// The functions of a section: name and bytes. Of several names for one, the first counts.
fn functions(file: &object::File<'_>, section: &object::Section<'_, '_>) -> Vec<(String, u64)> {
    let mut placed = match file.format() {
        BinaryFormat::MachO => placed_in_macho(file, section),
        _ => placed(file, section),
    };
    placed.sort();
    let mut end = section.address();
    let limit = end.saturating_add(section.size());
    let mut functions = Vec::new();
    for (address, bytes, name) in placed {
        // What lies within another function has been counted with that.
        let start = address.max(end);
        let behind = address.saturating_add(bytes).min(limit);
        if behind > start {
            functions.push((name, behind - start));
            end = behind;
        }
    }
    functions
}

/// The functions of a section as symbols tell: address, bytes and name.
fn placed(file: &object::File<'_>, section: &object::Section<'_, '_>) -> Vec<(u64, u64, String)> {
    let index = section.index();
    let symbols = file.symbols().filter(|symbol| {
        let is_here = symbol.section_index() == Some(index);
        is_here && symbol.kind() == SymbolKind::Text && symbol.size() > 0
    });
    symbols
        .map(|symbol| {
            let name = symbol.name().unwrap_or_default().to_owned();
            (symbol.address(), symbol.size(), name)
        })
        .collect()
}

/// The same for macOS, where symbols have no sizes: a function ends where the next begins, and the last
/// where a name says that those are left out that follow.
fn placed_in_macho(
    file: &object::File<'_>,
    section: &object::Section<'_, '_>,
) -> Vec<(u64, u64, String)> {
    let index = section.index();
    let symbols = file.symbols().filter(|symbol| symbol.is_local());
    let mut starts: Vec<(u64, String)> = symbols
        .filter(|symbol| symbol.section_index() == Some(index))
        .map(|symbol| {
            let name = symbol.name().unwrap_or_default().to_owned();
            (symbol.address(), name)
        })
        .collect();
    starts.sort();
    starts.dedup_by_key(|(address, _)| *address);
    let behind = section.address().saturating_add(section.size());
    let ends: Vec<u64> = starts.iter().skip(1).map(|(start, _)| *start).collect();
    let mut placed = Vec::new();
    for ((start, name), end) in starts.into_iter().zip(ends.into_iter().chain([behind])) {
        if name == MACHO_RUNTIME_SYMBOL {
            break;
        }
        // What C's names have before them there.
        let name = name.strip_prefix('_').unwrap_or(&name).to_owned();
        placed.push((start, end.saturating_sub(start), name));
    }
    placed
}

/// Functions by whose they are, and what is left of `all` bytes.
fn owners(functions: Vec<(String, u64)>, all: u64) -> Vec<Part> {
    let named: u64 = functions.iter().map(|(_, bytes)| bytes).sum();
    let mut owners: BTreeMap<String, Vec<Part>> = BTreeMap::new();
    for (symbol, bytes) in functions {
        let (owner, name) = owner(&symbol);
        let part = Part::leaf(&printable(&name), bytes);
        owners.entry(owner).or_default().push(part);
    }
    let owners = owners.into_iter().map(|(owner, parts)| {
        let bytes = parts.iter().map(|part| part.bytes).sum();
        Part::of(printable(&owner), bytes, parts)
    });
    let mut parts: Vec<Part> = owners.collect();
    parts.push(Part::leaf(
        "runtime library, without symbols",
        all.saturating_sub(named),
    ));
    Part::of(String::new(), all, parts).parts
}

/// Whose a function is, and what it is called there.
fn owner(symbol: &str) -> (String, String) {
    // `PROGRAM:MODULE!FUNCTION` is compiled code, or `PROGRAM!FUNCTION` where there is one module.
    if let Some((place, function)) = symbol.split_once('!') {
        let module = place.rsplit_once(':').map(|(_, module)| module);
        let is_number = |module: &&str| module.bytes().all(|byte| byte.is_ascii_digit());
        let owner = match module.filter(is_number) {
            Some(module) => format!("module {module}"),
            None => String::from("the module"),
        };
        return (owner, function.to_owned());
    }
    for (beginning, owner) in [
        ("wasmelt_p1", "WASI 0.1"),
        ("wasmelt_p2", "WASI 0.2"),
        ("wasmelt_p3", "WASI 0.3"),
    ] {
        if let Some(function) = symbol.strip_prefix(beginning) {
            let function = function.trim_start_matches([':', '_']);
            return (owner.to_owned(), function.to_owned());
        }
    }
    // What the compiler has made for itself, where it has to have a name.
    if symbol.starts_with(".L") {
        return (String::from("generated functions"), symbol.to_owned());
    }
    if symbol.starts_with("wasmelt") {
        return (String::from("runtime library"), symbol.to_owned());
    }
    if let Ok(name) = rustc_demangle::try_demangle(symbol) {
        let name = format!("{name:#}");
        let path = name.trim_start_matches(['<', '&', '*']);
        let path = path.strip_prefix("dyn ").unwrap_or(path);
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_');
        let krate = &path[..end.unwrap_or(path.len())];
        let owner = match krate {
            "wasmelt_runtime" | "wasmelt_abi" => String::from("runtime library"),
            krate => format!("crate {krate}"),
        };
        return (owner, name);
    }
    (String::from("C library"), symbol.to_owned())
}

/// The tables: sections, owners of code, largest functions.
pub(crate) fn tables(tree: &Part) -> String {
    let mut text = format!("{}: {}\n", tree.name, size(tree.bytes));
    let mut row = |name: &str, bytes: u64| {
        let percent = bytes as f64 * 100.0 / tree.bytes.max(1) as f64;
        let _ = writeln!(text, "  {bytes:>10} {percent:>5.1} %  {name}");
    };
    for section in &tree.parts {
        row(&section.name, section.bytes);
    }
    for section in tree.parts.iter().filter(|part| !part.parts.is_empty()) {
        let _ = writeln!(text, "code ({}), by whose it is", section.name);
        let mut row = |part: &Part, name: &str| {
            let percent = part.bytes as f64 * 100.0 / tree.bytes.max(1) as f64;
            let _ = writeln!(text, "  {:>10} {percent:>5.1} %  {name}", part.bytes);
        };
        for owner in &section.parts {
            let name = match owner.parts.len() {
                0 => owner.name.clone(),
                1 => format!("{}, 1 function", owner.name),
                count => format!("{}, {count} functions", owner.name),
            };
            row(owner, &name);
        }
    }
    let sections = tree.parts.iter();
    let mut functions: Vec<(&Part, &Part)> = sections
        .flat_map(|section| &section.parts)
        .flat_map(|owner| owner.parts.iter().map(move |part| (owner, part)))
        .collect();
    functions.sort_by_key(|(_, part)| std::cmp::Reverse(part.bytes));
    if !functions.is_empty() {
        text.push_str("largest functions\n");
    }
    for (owner, part) in functions.into_iter().take(FUNCTIONS_MAX) {
        let percent = part.bytes as f64 * 100.0 / tree.bytes.max(1) as f64;
        let _ = writeln!(
            text,
            "  {:>10} {percent:>5.1} %  {} ({})",
            part.bytes, part.name, owner.name
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_have_owners() {
        let cases = [
            ("app:3!main", "module 3", "main"),
            ("app!<wasm function 7>", "the module", "<wasm function 7>"),
            (
                "wasmelt_p2:wasi:cli/stdin#get-stdin",
                "WASI 0.2",
                "wasi:cli/stdin#get-stdin",
            ),
            (
                "_ZN8dlmalloc8dlmalloc6malloc17h5a89258686d34b57E",
                "crate dlmalloc",
                "dlmalloc::dlmalloc::malloc",
            ),
            ("memcpy", "C library", "memcpy"),
        ];
        for (symbol, of, name) in cases {
            assert_eq!(owner(symbol), (of.to_owned(), name.to_owned()));
        }
    }

    #[test]
    fn nothing_is_counted_twice_or_lost() {
        let functions = vec![(String::from("a:0!f"), 10), (String::from("memcpy"), 5)];
        let parts = owners(functions, 20);
        assert_eq!(parts.iter().map(|part| part.bytes).sum::<u64>(), 20);
        assert_eq!(parts[0].name, "module 0");
    }
}
