//! What compiling gives.

use crate::profile::Matched;
use std::time::Duration;

/// What [`crate::compile`] makes.
#[derive(Debug)]
pub struct Compiled {
    /// An ELF relocatable object.
    pub object: Vec<u8>,
    /// Where the linker has to put the section [`IMAGE_SECTION`], if the object has one.
    pub image: Option<ImagePlacement>,
    /// The text that `Options::emit_text` asked for.
    pub text: Option<String>,
    /// What was compiled, for `--time`, `-v` and the note about imports without a grant.
    pub report: Report,
}

/// Name of the section that holds initial contexts, and the initial memory where other linkers are to
/// find it.
pub const IMAGE_SECTION: &str = ".wasmelt.image";

/// Name of the section that holds `Options::policy_note`.
pub const POLICY_SECTION: &str = ".wasmelt.policy";

/// The image section's place in the executable, and what follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImagePlacement {
    /// Virtual address of the section's first byte.
    pub address: u64,
    /// Bytes to be mapped readable and writable from there.
    pub memory_bytes: u64,
    /// Whole pages behind the section that are not zero, but that the last of all may be shorter:
    /// offset from the section's first byte, and bytes. All others are zero.
    pub parts: Vec<(u64, Vec<u8>)>,
}

/// Figures about one compilation.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// Wall-clock time of each phase, in order.
    pub phases: Vec<(&'static str, Duration)>,
    pub wasm_bytes: u64,
    pub functions_defined: usize,
    /// All that are in the program.
    pub functions_compiled: usize,
    /// Those of them whose code is from an earlier build.
    pub functions_reused: usize,
    pub code_bytes: u64,
    /// Names and times of the functions that took longest to compile.
    pub dearest_functions: Vec<(String, Duration)>,
    /// Host functions that code of the program calls, `module` and `name`.
    pub host_imports: Vec<(String, String)>,
    /// How far the profiles of [`crate::Options::profile_use`] are of this program.
    pub profile: Option<Matched>,
}

/// Receives progress while functions are compiled; called from several threads.
pub trait Progress: Sync {
    /// `done` of `total` functions are compiled.
    fn functions(&self, done: usize, total: usize);
}
