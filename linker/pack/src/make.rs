//! Making packs: drops what no program can reach, and what executables have no use for.
//!
//! In go the files of a toolchain (start files, the runtime archive, the C library); out come the
//! same files with fewer archive members and sections. A linker would drop the rest as well, but
//! it would first have to read it, each time that somebody compiles a program.

mod archive;
mod constants;
mod macos;
mod reach;
mod rewrite;
mod source;
mod windows;

pub use macos::make_for_macos;
pub use source::{MakeError, Source};
pub use windows::make_for_windows;

use crate::{Place, write};
use object::build::elf::Builder;
use rewrite::Rewritten;
use source::Member;

/// The name of what a pack for another system than Linux has beside the archive: the names that are
/// taken from the system, a line each.
const IMPORTS_FILE: &str = "imports.txt";

/// What a pack is made for.
pub struct Recipe<'a> {
    /// Target triple.
    pub target: &'a str,
    /// How the sources were made, in words.
    pub provenance: &'a str,
    /// Which symbols compiled objects may refer to.
    pub is_root: &'a dyn Fn(&str) -> bool,
    /// LZ4's compression level, 1 to 12.
    pub level: i32,
}

/// Makes a pack from `sources`, in the order of the linker's command line.
///
/// # Errors
///
/// When a file is not an object or archive that can be read, or compressing fails.
pub fn make(recipe: &Recipe<'_>, sources: &[Source]) -> Result<Vec<u8>, MakeError> {
    let files = trim(recipe, sources)?;
    let files: Vec<(&str, Place, &[u8])> = sources
        .iter()
        .zip(&files)
        .map(|(source, bytes)| (source.name.as_str(), source.place, bytes.as_slice()))
        .collect();
    write(recipe.target, recipe.provenance, &files, recipe.level)
        .map_err(|error| MakeError::new("pack", error))
}

/// Makes a pack of objects of the runtime archive and of what they take from the system.
fn write_with_imports(
    target: &str,
    provenance: &str,
    runtime: &Source,
    kept: &[(String, &[u8])],
    imports: &[u8],
    level: i32,
) -> Result<Vec<u8>, MakeError> {
    let members = kept.iter().map(|(name, bytes)| {
        let rewritten = Rewritten {
            bytes: bytes.to_vec(),
            defined: Vec::new(),
        };
        (name, rewritten)
    });
    let archive = archive::write(&members.collect::<Vec<_>>());
    let files: [(&str, Place, &[u8]); 2] = [
        (&runtime.name, Place::Behind, &archive),
        (IMPORTS_FILE, Place::Behind, imports),
    ];
    write(target, provenance, &files, level).map_err(|error| MakeError::new("pack", error))
}

/// The contents of each source after trimming.
fn trim(recipe: &Recipe<'_>, sources: &[Source]) -> Result<Vec<Vec<u8>>, MakeError> {
    let mut members = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        if source.is_archive() {
            members.extend(archive::read(index, source)?);
        } else {
            let (name, bytes) = (source.name.clone(), source.bytes.clone());
            members.push(Member {
                source: index,
                name,
                bytes,
            });
        }
    }
    for member in &mut members {
        rewrite::plain_sections(&mut member.bytes);
    }
    let mut builders: Vec<Builder<'_>> = members
        .iter()
        .map(|member| {
            let builder = Builder::read64(member.bytes.as_slice());
            builder.map_err(|error| MakeError::new(&member.name, error))
        })
        .collect::<Result<_, _>>()?;
    builders.iter_mut().for_each(constants::split);
    let always: Vec<bool> = members
        .iter()
        .map(|member| !sources[member.source].is_archive())
        .collect();
    let reached = reach::reach(&builders, &always, recipe.is_root);
    let mut kept: Vec<Vec<(&str, rewrite::Rewritten)>> = sources.iter().map(|_| vec![]).collect();
    for ((member, builder), reached) in members.iter().zip(builders).zip(&reached) {
        if reached.is_loaded {
            let rewritten = rewrite::keep_sections(builder, reached);
            let rewritten = rewritten.map_err(|error| MakeError::new(&member.name, error))?;
            kept[member.source].push((&member.name, rewritten));
        }
    }
    let files = sources.iter().zip(kept).map(|(source, kept)| {
        if source.is_archive() {
            archive::write(&kept)
        } else {
            kept.into_iter()
                .map(|(_, rewritten)| rewritten.bytes)
                .next()
                .unwrap_or_default()
        }
    });
    Ok(files.collect())
}
