//! Debug information that is not in the modules themselves: the custom sections by which they say
//! where it is (tool-conventions, `Debugging.md`).

use wasmparser::{BinaryReader, Parser, Payload};

/// Names of sections.
const ELSEWHERE: &str = "external_debug_info";
const SOURCE_MAP: &str = "sourceMappingURL";

/// What an input, or a module in it, says of debug information that is elsewhere.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DebugFiles {
    /// Files with DWARF, as the modules name them.
    pub dwarf: Vec<String>,
    /// Maps of lines in another format.
    pub source_maps: Vec<String>,
}

/// Nothing for what cannot be read.
#[must_use]
pub fn debug_files(input: &[u8]) -> DebugFiles {
    let mut files = DebugFiles::default();
    for payload in Parser::new(0).parse_all(input) {
        let Ok(payload) = payload else {
            break;
        };
        let Payload::CustomSection(section) = payload else {
            continue;
        };
        let list = match section.name() {
            ELSEWHERE => &mut files.dwarf,
            SOURCE_MAP => &mut files.source_maps,
            _ => continue,
        };
        list.extend(url(section.data()).map(str::to_owned));
    }
    files
}

/// What a section names, if it is of those that do.
pub(crate) fn dwarf_file<'a>(section: &str, contents: &'a [u8]) -> Option<&'a str> {
    (section == ELSEWHERE).then(|| url(contents)).flatten()
}

fn url(contents: &[u8]) -> Option<&str> {
    BinaryReader::new(contents, 0).read_string().ok()
}

/// The sections of DWARF in a file that a module has named, by their names.
pub(crate) fn sections(file: &[u8]) -> Vec<(&str, &[u8])> {
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(file) {
        match payload {
            Ok(Payload::CustomSection(section)) if section.name().starts_with(".debug_") => {
                sections.push((section.name(), section.data()));
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    sections
}
