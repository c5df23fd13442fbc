//! The compiler of wasmelt: WebAssembly bytes in, one native object file out.
//!
//! [`compile`] is the list of phases; each is a function from the previous result, borrowed
//! immutably, to its own:
//!
//! ```text
//! bytes ─parse─▶ Module ─plan─▶ LinkPlan ─translate─▶ CLIF ─emit─▶ object
//! ```
//!
//! Linking the object with the runtime library is the linker crate's work.
#![forbid(unsafe_code)]

mod error;
mod index;
pub mod parse;
pub mod plan;
pub mod translate;
mod options;

pub use error::{Error, ErrorKind, Result};
pub use options::{
    Dir, Entry, EnvVar, OptLevel, Options, Policy, TargetCpu, TextKind,
};

use std::time::Duration;

/// What [`compile`] makes.
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

/// Name of the section that holds initial contexts and the initial memory.
pub const IMAGE_SECTION: &str = ".wasmelt.image";

/// The image section's place in the executable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImagePlacement {
    /// Virtual address of the section's first byte.
    pub address: u64,
    /// Bytes to be mapped readable and writable from there; those beyond the section are zero.
    pub memory_bytes: u64,
}

/// Figures about one compilation.
#[derive(Clone, Default, Debug)]
pub struct Report {
    /// Wall-clock time of each phase, in order.
    pub phases: Vec<(&'static str, Duration)>,
    pub wasm_bytes: u64,
    pub functions_defined: usize,
    pub functions_compiled: usize,
    pub code_bytes: u64,
    /// Host functions that the program can call, `module` and `name`.
    pub host_imports: Vec<(String, String)>,
}

/// Receives progress while functions are compiled; called from several threads.
pub trait Progress: Sync {
    /// `done` of `total` functions are compiled.
    fn functions(&self, done: usize, total: usize);
}

/// What a file is, by its first bytes, for error messages and `inspect`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputKind {
    Module,
    Component,
    Text,
    Unknown,
}

/// An input as `check` and `inspect` describe it.
#[derive(Clone, Default, Debug)]
pub struct Summary {
    pub is_component: bool,
    /// `module`, `name`, type as text.
    pub imports: Vec<(String, String, String)>,
    /// `name`, type as text.
    pub exports: Vec<(String, String)>,
    pub functions: usize,
    pub memories: Vec<String>,
    pub tables: usize,
    pub globals: usize,
    pub data_bytes: u64,
    pub code_bytes: u64,
    /// Custom sections: name and bytes.
    pub custom: Vec<(String, u64)>,
}

#[must_use]
pub fn input_kind(bytes: &[u8]) -> InputKind {
    if bytes.starts_with(b"\0asm\x01\0\0\0") {
        InputKind::Module
    } else if bytes.starts_with(b"\0asm\x0d\0\x01\0") {
        InputKind::Component
    } else if bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'(')
        || bytes.starts_with(b";;")
    {
        InputKind::Text
    } else {
        InputKind::Unknown
    }
}

/// Compiles a module (binary or text) to an object file.
///
/// # Errors
/// Any fault of the input: not wasm, invalid, unsupported, imports that nothing provides.
pub fn compile(input: &[u8], options: &Options, progress: &dyn Progress) -> Result<Compiled> {
    let _ = (input, options, progress);
    Err(Error::usage("not connected yet"))
}

/// Validates an input and describes it without compiling.
///
/// # Errors
/// As for [`compile`], but unresolved imports are fine.
pub fn summarize(input: &[u8]) -> Result<Summary> {
    let _ = input;
    Err(Error::usage("not connected yet"))
}
