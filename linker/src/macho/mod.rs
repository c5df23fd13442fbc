//! Executables for macOS: one compiled object in Mach-O and a runtime pack to a signed Mach-O file.
//!
//! ```text
//! objects ─read─▶ sections in pieces, symbols ─reach─▶ what is used ─place─▶ addresses
//!         ─image─▶ bytes, fixups ─write─▶ Mach-O ─sign─▶ with its signature
//! ```
//!
//! Sections are cut into pieces where symbols are, as their flag allows, and what nothing refers to is
//! left out: from `main` on, and from all of the compiled object. What nobody defines is a function of
//! the system's one library, which the pack lists. The executable lies anywhere above 4 GiB, and what
//! holds addresses is changed by the loader before it can only be read.
//!
//! Deliberately not here: tables for unwinding, which nothing does, and debug information.

mod fixups;
mod image;
mod object;
mod place;
mod processor;
mod reach;
mod read;
mod relocation;
mod sign;
mod write;

use std::collections::HashSet;

use ::object::read::archive::ArchiveFile;

use crate::error::LinkError;
use crate::request::LinkRequest;
use processor::Processor;
use reach::Reached;

/// The pack's list of what the system's library has, a name each line.
const IMPORTS_FILE: &str = "imports.txt";

pub(crate) fn link(request: &LinkRequest<'_>) -> Result<Vec<u8>, LinkError> {
    let processor = match request.pack.target().starts_with("aarch64") {
        true => Processor::Aarch64,
        false => Processor::X86_64,
    };
    let parse = |bytes| read::object(bytes, processor);
    let files: Vec<_> = request.pack.files().collect();
    let mut known = HashSet::new();
    let mut objects = vec![parse(&request.object)?];
    for file in &files {
        if file.name == IMPORTS_FILE {
            known.extend(file.bytes().split(|byte| *byte == b'\n'));
        } else if file.name.ends_with(".a") {
            let failed = |error: ::object::read::Error| LinkError::Failed(error.to_string());
            let archive = ArchiveFile::parse(file.bytes()).map_err(failed)?;
            for member in archive.members() {
                let bytes = member.and_then(|member| member.data(file.bytes()));
                objects.push(parse(bytes.map_err(failed)?)?);
            }
        } else {
            objects.push(parse(file.bytes())?);
        }
    }
    let reached = Reached::find(&objects, &known)?;
    let placed = place::place(&objects, &reached, processor)?;
    let image = image::Image::new(&objects, &reached, &placed, processor)?;
    write::write(&objects, &reached, &placed, image, request, processor)
}
