//! The command line that both kinds of linker share: inputs in order, and where things go.

use crate::request::{LinkRequest, Strip, is_pie, page_bytes_max};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol};
use std::collections::BTreeSet;
use std::sync::Arc;
use wasmelt_pack::{PACKED_START, PackFile, Place};

/// Name of the compiled object among the inputs.
const OBJECT_NAME: &str = "program.o";

/// One linker input.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) contents: Contents,
}

#[derive(Clone)]
pub(crate) enum Contents {
    Object(Arc<Vec<u8>>),
    Pack(PackFile),
}

impl Contents {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Contents::Object(bytes) => bytes,
            Contents::Pack(file) => file.bytes(),
        }
    }
}

/// All inputs in the order of the command line.
pub(crate) fn in_order(request: &LinkRequest<'_>) -> Vec<Input> {
    let (before, behind): (Vec<PackFile>, Vec<PackFile>) = request
        .pack
        .files()
        .partition(|file| file.place == Place::Before);
    let pack_input = |file: PackFile| Input {
        name: file.name.clone(),
        contents: Contents::Pack(file),
    };
    let object = Input {
        name: OBJECT_NAME.to_owned(),
        contents: Contents::Object(Arc::clone(&request.object)),
    };
    before
        .into_iter()
        .map(pack_input)
        .chain(std::iter::once(object))
        .chain(behind.into_iter().map(pack_input))
        .collect()
}

/// Options in the form in which a linker, not a compiler driver, takes them.
pub(crate) fn options(request: &LinkRequest<'_>) -> Vec<String> {
    let kind: &[&str] = match is_pie(request.pack.target()) {
        // What is to be read-only once addresses are known, the runtime library protects.
        true => &["-static", "-pie", "--no-dynamic-linker", "-zrelro"],
        // No dynamic linker comes by to protect the section: `finish` has it read-only from the start,
        // where it is a segment.
        false => &["-static", "--no-pie", "-znorelro"],
    };
    let kind = kind.iter().copied();
    let options = kind.chain(["--gc-sections", "-znoexecstack"]);
    let mut options: Vec<String> = options.map(str::to_owned).collect();
    if request.pack.files().any(|file| file.name == PACKED_START) {
        options.push("-zpack-relative-relocs".to_owned());
    }
    options.push(format!(
        "-zmax-page-size={}",
        page_bytes_max(request.pack.target())
    ));
    options.push(match &request.build_id {
        Some(id) => id.iter().fold("--build-id=0x".to_owned(), |text, byte| {
            format!("{text}{byte:02x}")
        }),
        None => "--build-id=none".to_owned(),
    });
    if request.strip == Strip::Symbols {
        options.push("--strip-all".to_owned());
    }
    options
}

/// Names that the object refers to and nothing in the pack defines. For messages only: what
/// cannot be read is taken to define and refer to nothing.
pub(crate) fn undefined_symbols(request: &LinkRequest<'_>) -> BTreeSet<String> {
    let mut undefined = BTreeSet::new();
    let mut defined = BTreeSet::new();
    if let Ok(object) = object::File::parse(request.object.as_slice()) {
        let symbols = object
            .symbols()
            .filter(|symbol| symbol.is_undefined() && !symbol.is_weak());
        undefined.extend(symbols.filter_map(|symbol| symbol.name().ok().map(str::to_owned)));
    }
    for file in request.pack.files() {
        if let Ok(object) = object::File::parse(file.bytes()) {
            let symbols = object.symbols().filter(|symbol| symbol.is_definition());
            defined.extend(symbols.filter_map(|symbol| symbol.name().ok().map(str::to_owned)));
        } else if let Ok(archive) = ArchiveFile::parse(file.bytes()) {
            let symbols = archive
                .symbols()
                .ok()
                .flatten()
                .into_iter()
                .flatten()
                .flatten();
            defined.extend(symbols.map(|s| String::from_utf8_lossy(s.name()).into_owned()));
        }
    }
    undefined.retain(|name| !name.is_empty() && !defined.contains(name));
    undefined
}
