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

mod emit;
mod error;
mod index;
mod options;
mod parse;
mod plan;
mod summary;
mod translate;

pub use error::{Error, ErrorKind, Result};
pub use options::{Dir, Entry, EnvVar, OptLevel, Options, Policy, TargetCpu, TextKind};

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

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

/// Name of the section that holds `Options::policy_note`.
pub const POLICY_SECTION: &str = ".wasmelt.policy";

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
    let wasm = binary(input)?;
    let mut report = Report {
        wasm_bytes: wasm.len() as u64,
        ..Report::default()
    };
    let start = Instant::now();
    let module = parse::parse_module(&wasm)?;
    report.phases.push(("parse", start.elapsed()));
    report.functions_defined = module.bodies.len();
    let unit = plan::Unit {
        module,
        name: options.name.clone(),
        providers: HashMap::new(),
    };
    let purpose = plan::Purpose::Run(options.entry.clone());
    compile_units(&[unit], purpose, options, progress, report)
}

/// One module of a test script, with the earlier modules that provide its imports.
#[derive(Debug)]
pub struct ScriptModule<'a> {
    /// Binary.
    pub wasm: &'a [u8],
    pub name: String,
    /// Import module name and position in the script.
    pub providers: HashMap<String, usize>,
}

/// Compiles the modules of a test script into one program whose driver instantiates and calls
/// them one by one. What nobody provides is looked up in the host, `spectest` included.
///
/// # Errors
/// As for [`compile`]; a note says which module it was.
pub fn compile_script(
    modules: &[ScriptModule<'_>],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Compiled> {
    let mut units = Vec::with_capacity(modules.len());
    for module in modules {
        units.push(plan::Unit {
            module: parse::parse_module(module.wasm)?,
            name: module.name.clone(),
            providers: module.providers.clone(),
        });
    }
    compile_units(
        &units,
        plan::Purpose::Script,
        options,
        progress,
        Report::default(),
    )
}

fn compile_units(
    units: &[plan::Unit<'_>],
    purpose: plan::Purpose,
    options: &Options,
    progress: &dyn Progress,
    mut report: Report,
) -> Result<Compiled> {
    let start = Instant::now();
    let plan = plan::plan(units, purpose, options)?;
    report.phases.push(("plan", start.elapsed()));
    report.host_imports = plan
        .host_fns
        .iter()
        .map(|f| (f.module.clone(), f.name.clone()))
        .collect();
    emit::emit(&plan, options, progress, &mut report)
}

/// The input as a binary module; text is assembled.
fn binary(input: &[u8]) -> Result<Cow<'_, [u8]>> {
    match input_kind(input) {
        InputKind::Module => Ok(Cow::Borrowed(input)),
        InputKind::Text => {
            let assembled = wat::parse_bytes(input)
                .map_err(|e| Error::new(ErrorKind::Invalid, e.to_string().trim_end().to_owned()))?;
            match input_kind(&assembled) {
                InputKind::Component => Err(component()),
                _ => Ok(assembled),
            }
        }
        InputKind::Component => Err(component()),
        InputKind::Unknown if b"\0asm".starts_with(&input[..input.len().min(4)]) => {
            Err(Error::invalid(
                "the file ends within the header of a module",
                input.len() as u64,
            )
            .help("it is truncated: build or copy it again"))
        }
        InputKind::Unknown if input.starts_with(b"\0asm") => Err(Error::invalid(
            "a WebAssembly version that does not exist",
            4,
        )),
        InputKind::Unknown => Err(Error::invalid("the file is not WebAssembly", 0)
            .note("a module or component begins with the bytes `\\0asm`")),
    }
}

fn component() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "unsupported: the input is a component; only core modules are compiled yet",
    )
}

/// Validates an input and describes it without compiling.
///
/// # Errors
/// As for [`compile`], but unresolved imports are fine.
pub fn summarize(input: &[u8]) -> Result<Summary> {
    let wasm = binary(input)?;
    let module = parse::parse_module(&wasm)?;
    Ok(summary::of_module(&module))
}
