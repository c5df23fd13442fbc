//! Executables for Windows: one compiled object in COFF and a runtime pack to a PE file.
//!
//! ```text
//! objects ─coff─▶ sections, symbols ─reach─▶ what is used ─place─▶ addresses ─write─▶ PE
//! ```
//!
//! What nothing refers to is left out, section by section, from the entry on and from all of the
//! compiled object. Functions of the system are imported by name from the libraries that the pack
//! tells. The executable may be loaded anywhere.

mod coff;
mod imports;
mod place;
mod reach;
mod write;

use coff::Object;
use imports::Known;
use object::read::archive::ArchiveFile;
use reach::Reached;

use crate::error::LinkError;
use crate::request::LinkRequest;

/// Where the runtime library begins.
const ENTRY: &[u8] = b"wasmelt_start";

/// The pack's list of functions and of the libraries that have them.
const IMPORTS_FILE: &str = "imports.txt";

pub(crate) fn link(request: &LinkRequest<'_>) -> Result<Vec<u8>, LinkError> {
    let failed = |error: object::read::Error| LinkError::Failed(error.to_string());
    let files: Vec<_> = request.pack.files().collect();
    let mut known = Known::default();
    let mut objects = vec![Object::parse(&request.object).map_err(failed)?];
    for file in &files {
        if file.name == IMPORTS_FILE {
            known = Known::parse(file.bytes());
        } else if file.name.ends_with(".a") {
            let archive = ArchiveFile::parse(file.bytes()).map_err(failed)?;
            for member in archive.members() {
                let bytes = member.and_then(|member| member.data(file.bytes()));
                objects.push(bytes.and_then(Object::parse).map_err(failed)?);
            }
        } else {
            objects.push(Object::parse(file.bytes()).map_err(failed)?);
        }
    }
    let reached = Reached::find(&objects, &known, ENTRY)?;
    let placed = place::place(&objects, &reached)?;
    write::write(&objects, &reached, placed, request.stack_bytes)
}
