//! Files with debug information that modules name, beside the input.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use wasmelt_compiler::Options;

use crate::diagnostic::{Console, Diagnostic};
use crate::input::{Input, reason};

/// Reads what the modules of `input` name, where debug information is wanted. What cannot be read is
/// told of, and left out.
pub(crate) fn read(
    input: &Input,
    options: &Options,
    console: &Console,
) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    if !options.debug_info.is_on() {
        return files;
    }
    let named = wasmelt_compiler::debug_files(&input.bytes);
    for name in named.dwarf {
        match beside(input, &name) {
            Ok(bytes) => {
                files.insert(name, bytes);
            }
            Err(why) => console.show(&Diagnostic::information(format!(
                "the debug information of `{}` is in `{}`, {why}",
                input.name,
                crate::diagnostic::printable(&name)
            ))),
        }
    }
    if let [name, ..] = &*named.source_maps {
        console.show(&Diagnostic::information(format!(
            "`{}` has its lines in a source map (`{}`), which is not supported: `-g` reads DWARF",
            input.name,
            crate::diagnostic::printable(name)
        )));
    }
    files
}

/// An input names nothing but files beside and below it.
fn beside(input: &Input, name: &str) -> Result<Vec<u8>, String> {
    let path = Path::new(name);
    let is_below = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if name.contains("://") {
        return Err("and nothing is downloaded".to_owned());
    }
    if !is_below {
        return Err("which is not beside it".to_owned());
    }
    let folder = Path::new(&input.name).parent().unwrap_or(Path::new(""));
    fs::read(folder.join(path)).map_err(|error| format!("which cannot be read: {}", reason(&error)))
}
