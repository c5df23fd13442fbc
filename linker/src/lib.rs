//! One compiled object and a runtime pack to one static executable.
//!
//! In goes the object that the compiler made, with its initial contexts and memory in a section of
//! its own; out come the bytes of an ELF file. Linking happens in process with libwild, without
//! touching the disk, or with the system's linker.
//!
//! ```text
//! object ─prepare─▶ object, image's bytes
//! object + pack ─wild | system─▶ ELF in memory ─finish─▶ ELF with the image
//! ```
//!
//! An executable is static and not position independent: code from [`TEXT_ADDRESS`], data right
//! behind it, zero data behind that, all within 2 GiB, and the image at its own fixed address.
//! Nothing here knows WebAssembly.
#![forbid(unsafe_code)]

mod elf;
mod error;
mod finish;
mod inputs;
mod pieces;
mod prepare;
mod system;
mod wild;

pub use error::LinkError;
pub use wasmelt_pack::{PackError, RuntimePack};

use std::path::PathBuf;

/// Address of an executable's first byte.
const TEXT_ADDRESS: u64 = 0x40_0000;

/// What to link, and how.
#[derive(Debug)]
pub struct LinkRequest<'a> {
    /// One ELF relocatable object, for the target of `pack`.
    pub object: &'a [u8],
    pub pack: &'a RuntimePack,
    pub image: Option<ImageSection>,
    pub linker: Linker,
    pub strip: Strip,
}

/// The section of the object that holds the initial contexts and memory. It has to be writable
/// data (`SHF_ALLOC | SHF_WRITE`) and to carry `SHF_GNU_RETAIN` where nothing refers to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageSection {
    /// Such as `.wasmelt.image`.
    pub section: String,
    /// Virtual address of its first byte: a multiple of the target's largest page, and above what
    /// the code and data of the executable take from 4 MiB.
    pub address: u64,
    /// Bytes mapped readable and writable from there; those beyond the section are zero.
    pub memory_bytes: u64,
}

/// Who links.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Linker {
    /// libwild, inside this process.
    InProcess,
    /// A C compiler's driver, or a linker by itself when its name says so (`ld`, `ld.lld`,
    /// `mold`, …). The path `cc` alone stands for the system's C compiler.
    System(PathBuf),
}

/// What to leave out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strip {
    None,
    /// The symbol table and debug information.
    Symbols,
}

/// Links an executable, and gives its bytes.
///
/// # Errors
///
/// When symbols are undefined, the system's linker cannot be run or fails, a temporary file for it
/// cannot be written, or the linker hits a limit or a bug of its own.
pub fn link(request: &LinkRequest<'_>) -> Result<Vec<u8>, LinkError> {
    let prepared = prepare::prepare(request)?;
    let linked = match &request.linker {
        Linker::InProcess => wild::link(request, prepared.object)?,
        Linker::System(tool) => system::link(request, prepared.object, tool)?,
    };
    let page_bytes = page_bytes_max(request.pack.target());
    finish::finish(&linked, prepared.image.as_ref(), page_bytes)
}

/// The largest page size that a kernel of the target may have.
fn page_bytes_max(target: &str) -> u64 {
    if target.starts_with("aarch64") {
        0x1_0000
    } else {
        0x1000
    }
}
