//! One compiled object and a runtime pack to one static executable, or to a library for embedders.
//!
//! In goes the object that the compiler made, with its initial contexts in a section of its own and
//! its initial memory beside it; out come the bytes of an ELF file. Linking happens in process with libwild, without
//! touching the disk, or with the system's linker.
//!
//! ```text
//! object ─prepare─▶ object with the contexts marked
//! object + pack ─wild | system─▶ ELF in memory ─finish─▶ ELF with the whole image
//! ```
//!
//! An executable is static and not position independent: code from `TEXT_ADDRESS`, data right
//! behind it, zero data behind that, all within 2 GiB, and the image at its own fixed address.
//! With a pack for those that may be loaded anywhere there is no image and no address: they relocate
//! themselves.
//! Executables for Windows are another way, from COFF to PE: `pe`; those for macOS a third: `macho`.
//! Nothing here knows WebAssembly.
#![forbid(unsafe_code)]

mod archive;
mod elf;
mod error;
mod finish;
mod inputs;
mod library;
mod macho;
mod names;
mod pe;
mod pieces;
mod prepare;
mod request;
mod split;
mod system;
mod wild;

pub use error::LinkError;
pub use library::{LibraryRequest, shared_library, static_library};
pub use request::{
    BUILD_ID_BYTES, ImageSection, LinkRequest, Linker, MACHO_RUNTIME_SYMBOL, PE_NOTE_SECTION, Strip,
};
pub use split::{Split, split_debug};
pub use wasmelt_pack::{PIE, PackError, RuntimePack};

use finish::PlacedImage;
use request::{is_macos, is_windows, page_bytes_max};
use std::sync::Arc;

/// Links an executable, and gives its bytes.
///
/// # Errors
///
/// When symbols are undefined, the system's linker cannot be run or fails, a temporary file for it
/// cannot be written, or the linker hits a limit or a bug of its own.
pub fn link(mut request: LinkRequest<'_>) -> Result<Vec<u8>, LinkError> {
    if is_windows(request.pack.target()) {
        return pe::link(&request);
    }
    if is_macos(request.pack.target()) {
        return macho::link(&request);
    }
    let head_bytes = prepare::prepare(&mut request)?;
    let linked = match &request.linker {
        Linker::InProcess => wild::link(&request)?,
        Linker::System(tool) => system::link(&request, tool)?,
    };
    // Before there is one more copy of it.
    request.object = Arc::new(Vec::new());
    let page_bytes = page_bytes_max(request.pack.target());
    let image = request.image.as_ref().map(|section| PlacedImage {
        section,
        head_bytes,
    });
    finish::finish(&linked, image.as_ref(), page_bytes, request.strip)
}
