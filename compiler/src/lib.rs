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

mod canonical;
mod emit;
mod encode;
mod error;
mod gate;
mod index;
mod options;
mod parse;
mod plan;
mod proposal;
mod summary;
mod translate;
mod wit;
mod withheld;

pub use error::{Error, ErrorKind, Result};
pub use gate::Gate;
pub use options::{
    Counts, Dir, Entry, EnvVar, OptLevel, Options, Policy, Preload, TargetCpu, TextKind,
    UnknownImports, WithheldStreams,
};
pub use proposal::Proposal;
pub use wit::wit;
pub use withheld::Withheld;

use crate::encode::Encode;
use crate::plan::{LinkPlan, Linked, component};
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use wasmparser::WasmFeatures;

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
    /// Names and times of the functions that took longest to compile.
    pub dearest_functions: Vec<(String, Duration)>,
    /// Host functions that code of the program calls, `module` and `name`.
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
    /// `module`, `name`, type as text. Of a component: the interface and the function, or the
    /// name of another import and nothing.
    pub imports: Vec<(String, String, String)>,
    /// `name`, type as text. A function of an interface is `interface#name`.
    pub exports: Vec<(String, String)>,
    pub functions: usize,
    pub memories: Vec<String>,
    pub tables: usize,
    pub globals: usize,
    pub data_bytes: u64,
    pub code_bytes: u64,
    /// Of a component: the core modules in it, at any depth.
    pub modules: Vec<ModuleSummary>,
    /// Of a component: how many components are in it, at any depth.
    pub components: usize,
    /// Custom sections: name and bytes.
    pub custom: Vec<(String, u64)>,
}

/// A core module inside a component.
#[derive(Clone, Default, Debug)]
pub struct ModuleSummary {
    /// From its name section; empty without one.
    pub name: String,
    pub bytes: u64,
    pub functions: usize,
}

/// Names of what a component imports and exports, with versions.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Externs {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
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
    planned(input, options, |plan, mut report| {
        emit::emit(plan, options, progress, &mut report)
    })
}

/// Does everything that can find a fault of an input, and makes nothing.
///
/// # Errors
/// As for [`compile`]; all that is unsupported is found at once.
pub fn check(input: &[u8], options: &Options) -> Result<()> {
    planned(input, options, |plan, _| emit::check(plan, options))
}

/// The way from an input to a plan, for what is done with it.
fn planned<T>(
    input: &[u8],
    options: &Options,
    work: impl FnOnce(&LinkPlan<'_>, Report) -> Result<T>,
) -> Result<T> {
    let encode = match options.preloads.is_empty() {
        true => Encode::WhereNeeded,
        false => Encode::Never,
    };
    let wasm = binary(input, encode)?;
    let mut report = Report {
        wasm_bytes: wasm.len() as u64,
        ..Report::default()
    };
    let purpose = plan::Purpose::Run(options.entry.clone());
    let start = Instant::now();
    let mut linked = Linked::default();
    if input_kind(&wasm) == InputKind::Component {
        if !options.preloads.is_empty() {
            let message = "`--preload` is for modules, and this is a component";
            return Err(Error::usage(message)
                .help("satisfy its imports with what a component exports: `--plug FILE`"));
        }
        if options.unknown_imports == UnknownImports::Default {
            let message = "`-W unknown-imports-default` is for modules, and this is a component";
            return Err(Error::usage(message).help("trap instead: `-W unknown-imports-trap`"));
        }
        let component = parse::parse_component(&wasm, component_features(options));
        let component = component.map_err(|error| with_proposals_off(error, options))?;
        report.phases.push(("parse", start.elapsed()));
        let bodies = component.modules.iter().map(|m| m.bodies.len());
        report.functions_defined = bodies.sum();
        let imports = host_imports(options, false);
        component::link(&mut linked, &component, &options.name, 0, imports)?;
        let plan = plan_linked(&linked, purpose, options, &mut report)?;
        return work(&plan, report);
    }
    let preloads: Vec<Cow<'_, [u8]>> = options
        .preloads
        .iter()
        .map(|preload| binary(&preload.bytes, Encode::Never))
        .collect::<Result<_>>()?;
    let preloads: Vec<parse::Module<'_>> = preloads
        .iter()
        .map(|wasm| parse::parse_module(wasm, features(options)))
        .collect::<Result<_>>()?;
    let module = parse::parse_module(&wasm, features(options));
    let module = module.map_err(|error| with_proposals_off(error, options))?;
    report.phases.push(("parse", start.elapsed()));
    report.functions_defined = module.bodies.len();
    let mut providers = HashMap::new();
    for (preload, module) in options.preloads.iter().zip(&preloads) {
        linked.add_preload(module, &preload.name, &mut providers)?;
    }
    linked.add_module(&module, &options.name, &providers);
    let plan = plan_linked(&linked, purpose, options, &mut report)?;
    work(&plan, report)
}

/// What a module may use.
fn features(options: &Options) -> WasmFeatures {
    let off = options.proposals_off.iter().map(|p| p.features());
    parse::FEATURES.difference(off.collect())
}

/// What a component, and the modules in it, may use.
fn component_features(options: &Options) -> WasmFeatures {
    let gates = options.gates.iter().map(|gate| gate.features());
    let off = options.proposals_off.iter().map(|p| p.features());
    parse::FEATURES
        .union(parse::COMPONENT_FEATURES)
        .union(gates.collect())
        .difference(off.collect())
}

/// An error that may be due to what the options switch off says so.
fn with_proposals_off(error: Error, options: &Options) -> Error {
    if error.kind != ErrorKind::Unsupported || options.proposals_off.is_empty() {
        return error;
    }
    let off = options.proposals_off.iter();
    let keys: Vec<_> = off.map(|p| format!("`-W {}=n`", p.key())).collect();
    match &*keys {
        [key] => error.note(format!("{key} refuses what needs it")),
        _ => error.note("the command line switches proposals off (`-W`)"),
    }
}

fn host_imports(options: &Options, script: bool) -> component::HostImports {
    component::HostImports {
        script,
        unknown_trap: options.unknown_imports == UnknownImports::Trap,
        withheld: options.withheld,
        timezone: options.clocks_timezone,
    }
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

/// What a test script instantiates.
#[derive(Debug)]
pub enum ScriptItem<'a> {
    Module(ScriptModule<'a>),
    /// An instance of a component, whose imports the host provides. Numbered by themselves.
    Component {
        /// Binary.
        wasm: &'a [u8],
        name: String,
    },
}

/// Compiles what a test script instantiates into one program whose driver instantiates and calls
/// it piece by piece. What nobody provides is looked up in the host, `spectest` included.
///
/// # Errors
/// As for [`compile`]; a note says which module it was.
pub fn compile_script(
    items: &[ScriptItem<'_>],
    options: &Options,
    progress: &dyn Progress,
) -> Result<Compiled> {
    enum Parsed<'a> {
        Module(Box<parse::Module<'a>>),
        Component(parse::ComponentBinary<'a>),
    }
    let parsed: Vec<Parsed<'_>> = items
        .iter()
        .map(|item| match item {
            ScriptItem::Module(module) => Ok(Parsed::Module(Box::new(parse::parse_module(
                module.wasm,
                features(options),
            )?))),
            ScriptItem::Component { wasm, .. } => Ok(Parsed::Component(parse::parse_component(
                wasm,
                component_features(options),
            )?)),
        })
        .collect::<Result<_>>()?;
    let mut linked = Linked::default();
    let mut units = Vec::with_capacity(items.len());
    let mut components = 0;
    for (item, parsed) in items.iter().zip(&parsed) {
        units.push(linked.units.len());
        match (item, parsed) {
            (ScriptItem::Module(item), Parsed::Module(module)) => {
                let providers = item.providers.iter();
                let providers = providers.map(|(name, &at)| (name.clone(), units[at]));
                linked.add_module(module, &item.name, &providers.collect());
            }
            (ScriptItem::Component { name, .. }, Parsed::Component(component)) => {
                let imports = host_imports(options, true);
                component::link(&mut linked, component, name, components, imports)?;
                components += 1;
            }
            _ => unreachable!("parsed from these very items"),
        }
    }
    let mut report = Report::default();
    let plan = plan_linked(&linked, plan::Purpose::Script, options, &mut report)?;
    emit::emit(&plan, options, progress, &mut report)
}

fn plan_linked<'a>(
    linked: &'a Linked<'a>,
    purpose: plan::Purpose,
    options: &Options,
    report: &mut Report,
) -> Result<LinkPlan<'a>> {
    let start = Instant::now();
    let plan = plan::plan(linked, purpose, options)?;
    report.phases.push(("plan", start.elapsed()));
    Ok(plan)
}

/// The input as a binary module or component: text is assembled, and a module that carries the
/// type of a component is made one if `encode` says so.
fn binary(input: &[u8], encode: Encode) -> Result<Cow<'_, [u8]>> {
    match input_kind(input) {
        InputKind::Module | InputKind::Component => encode::component(Cow::Borrowed(input), encode),
        InputKind::Text => {
            let assembled = wat::parse_bytes(input)
                .map_err(|e| Error::new(ErrorKind::Invalid, e.to_string().trim_end().to_owned()))?;
            encode::component(assembled, encode)
        }
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

/// Validates an input and describes it without compiling.
///
/// # Errors
/// As for [`compile`], but unresolved imports are fine.
pub fn summarize(input: &[u8]) -> Result<Summary> {
    let wasm = binary(input, Encode::WhereNeeded)?;
    if input_kind(&wasm) == InputKind::Component {
        let gated = Options {
            gates: Gate::ALL.into_iter().collect(),
            ..Options::default()
        };
        return summary::of_component(&wasm, component_features(&gated));
    }
    let module = parse::parse_module(&wasm, parse::FEATURES)?;
    Ok(summary::of_module(&module))
}

/// The component that an input is, or whose type it carries, binary: text is assembled, and a module
/// with such a type is made one. Nothing for another module.
///
/// # Errors
/// As for [`compile`], but a component is not validated.
pub fn component_bytes(input: &[u8]) -> Result<Option<Cow<'_, [u8]>>> {
    let wasm = binary(input, Encode::Always)?;
    Ok((input_kind(&wasm) == InputKind::Component).then_some(wasm))
}

/// The names of what a component imports and exports, as far as they can be read: nothing is
/// validated. Nothing for what [`compile`] compiles as a module.
#[must_use]
pub fn externs(input: &[u8]) -> Option<Externs> {
    let wasm = binary(input, Encode::WhereNeeded).ok()?;
    (input_kind(&wasm) == InputKind::Component).then(|| summary::externs(&wasm))
}
