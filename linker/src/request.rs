//! What to link, and how.

use std::path::PathBuf;
use std::sync::Arc;
use wasmelt_pack::{PIE, RuntimePack};

/// Address of an executable's first byte.
pub(crate) const TEXT_ADDRESS: u64 = 0x40_0000;

/// Where an executable for Windows has what the object has in a section `.wasmelt.NAME`, which is not
/// for the program itself; in one for macOS, two underscores are in the place of the dot.
pub const PE_NOTE_SECTION: &str = ".wasmelt";

/// What an executable for macOS calls the place behind the compiled code, unless it has the names of
/// what is there, or none at all.
pub const MACHO_RUNTIME_SYMBOL: &str = "_wasmelt_runtime";

/// As long as those that other linkers make.
pub const BUILD_ID_BYTES: usize = 20;

/// What to link, and how.
#[derive(Debug)]
pub struct LinkRequest<'a> {
    /// One relocatable object for the target of `pack`, in ELF, or COFF for Windows, or Mach-O for macOS.
    /// Where nobody else holds it, it is changed in place.
    pub object: Arc<Vec<u8>>,
    pub pack: &'a RuntimePack,
    /// None for a pack whose executables may be loaded anywhere.
    pub image: Option<ImageSection<'a>>,
    pub linker: Linker,
    pub strip: Strip,
    /// What the executable has to be known by (`.note.gnu.build-id`).
    pub build_id: Option<[u8; BUILD_ID_BYTES]>,
    /// For Windows and macOS, where the file says it: bytes of the stack, if they are not the usual.
    pub stack_bytes: Option<u64>,
}

/// The section of the object that holds the initial contexts, and the initial memory behind it. The
/// section has to be writable data (`SHF_ALLOC | SHF_WRITE`) and not empty, and to carry
/// `SHF_GNU_RETAIN` where nothing refers to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageSection<'a> {
    /// Such as `.wasmelt.image`.
    pub section: String,
    /// Virtual address of its first byte: a multiple of the target's largest page, and above what
    /// the code and data of the executable take from 4 MiB.
    pub address: u64,
    /// Bytes mapped readable and writable from there; those beyond the section and the parts are
    /// zero.
    pub memory_bytes: u64,
    /// What is behind the section: offset from its first byte, ascending, and bytes. Where there are
    /// parts, the section has whole pages, and so have all parts but the last.
    pub parts: &'a [(u64, Vec<u8>)],
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
    /// The names of what is internal to the runtime library.
    Internals,
    /// The symbol table and debug information.
    Symbols,
}

/// The largest page size that a kernel of the target may have.
pub(crate) fn page_bytes_max(target: &str) -> u64 {
    if target.starts_with("aarch64") {
        0x1_0000
    } else {
        0x1000
    }
}

/// Whether executables may be loaded anywhere. For Linux, where others have addresses of their own; on
/// other systems all may be.
pub(crate) fn is_pie(target: &str) -> bool {
    target.ends_with(PIE)
}

/// Whether it is for macOS.
pub(crate) fn is_macos(target: &str) -> bool {
    target.ends_with("-apple-darwin")
}

/// Whether it is for Windows.
pub(crate) fn is_windows(target: &str) -> bool {
    target.contains("-windows-")
}
