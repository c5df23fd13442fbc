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
mod compiled;
mod debug_files;
mod dwarf;
mod embedded;
mod emit;
mod encode;
mod error;
mod facts;
mod gate;
mod header;
mod index;
mod numbers;
mod options;
mod parse;
mod plan;
mod preinit;
mod profile;
mod proposal;
mod summary;
mod target;
mod translate;
mod wit;
mod withheld;
mod workers;

pub use compiled::{Compiled, IMAGE_SECTION, ImagePlacement, POLICY_SECTION, Progress, Report};
pub use debug_files::{DebugFiles, debug_files};
pub use embedded::{Embedded, EmbeddedItem, EmbeddedNode, FileContents};
pub use emit::CodeCache;
pub use error::{Error, ErrorKind, Result};
pub use gate::Gate;
pub use options::{
    Counts, DebugInfo, Dir, Entry, EnvVar, KeyValue, Log, LogLevel, OnTrap, OptLevel, Options,
    Policy, Preload, Protocols, RegisterAllocation, TextKind, UnknownImports, WithheldStreams,
};
pub use preinit::{PREINIT_EXPORT, PREINIT_MODULE, Preinit, Uninitialised};
pub use profile::{Matched, ProfileFile};
pub use proposal::Proposal;
pub use summary::{Externs, Graph, GraphNode, GraphNodeKind, ModuleSummary, Summary};
pub use target::{Arch, Feature, Level, System, TARGETS, Target, TargetCpu};
pub use wit::wit;
pub use withheld::Withheld;

use crate::encode::Encode;
use crate::plan::{LinkPlan, Linked, component};
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Instant;
use wasmparser::WasmFeatures;

/// What a file is, by its first bytes, for error messages and `inspect`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InputKind {
    Module,
    Component,
    Text,
    Unknown,
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

/// Compiles a module (binary or text) or component to an object file. What a cache has of an earlier
/// build is not compiled again; the result is the same.
///
/// # Errors
/// Any fault of the input: not wasm, invalid, unsupported, imports that nothing provides.
pub fn compile(
    input: &[u8],
    options: &Options,
    progress: &dyn Progress,
    cache: Option<&CodeCache>,
) -> Result<Compiled> {
    planned(input, options, |plan, mut report, wasm| {
        let cache = cache.map(|cache| (cache, wasm));
        emit::emit(plan, options, progress, cache, &mut report)
    })
}

/// The C header of the library that an input becomes.
///
/// # Errors
/// As for [`compile`].
pub fn header(input: &[u8], options: &Options) -> Result<String> {
    let wasm = binary(input, Encode::WhereNeeded)?;
    planned(&wasm, options, |plan, _, _| {
        header::header(plan, &options.name, &wasm)
    })
}

/// The source of a Rust crate over the library that an input becomes.
///
/// # Errors
/// As for [`compile`], and for what such a crate cannot have.
pub fn rust_source(input: &[u8], options: &Options) -> Result<String> {
    let wasm = binary(input, Encode::WhereNeeded)?;
    planned(&wasm, options, |plan, _, _| {
        header::rust::source(plan, &options.name, &wasm)
    })
}

/// The name of a library in C and Rust, which that of its input is made to.
#[must_use]
pub fn library_name(program: &str) -> String {
    plan::library_prefix(program)
}

/// The names of a library's functions that its runtime has, with those that embedders know.
#[must_use]
pub fn library_exports(program: &str) -> Vec<(String, String)> {
    let prefix = plan::library_prefix(program);
    let names = wasmelt_abi::LIBRARY_FNS.iter();
    names
        .map(|name| {
            let inside = format!("{}{name}", wasmelt_abi::LIBRARY_PREFIX);
            (inside, format!("{prefix}_{name}"))
        })
        .collect()
}

/// Does everything that can find a fault of an input, and makes nothing.
///
/// # Errors
/// As for [`compile`]; all that nothing provides and all that is unsupported is found at once.
pub fn check(input: &[u8], options: &Options) -> Result<()> {
    let check =
        |options: &Options| planned(input, options, |plan, _, _| emit::check(plan, options));
    let mut error = match check(options) {
        Err(error) if error.kind == ErrorKind::Link => error,
        other => return other,
    };
    // What is unsupported is in code that is compiled once somebody provides the imports.
    let provided = Options {
        unknown_imports: UnknownImports::Trap,
        ..options.clone()
    };
    if let Err(mut further) = check(&provided)
        && further.kind == ErrorKind::Unsupported
    {
        let others = std::mem::take(&mut further.others);
        error.others.push(further);
        error.others.extend(others);
    }
    Err(error)
}

/// The way from an input to a plan, for what is done with it and with the binary that it is of.
fn planned<T>(
    input: &[u8],
    options: &Options,
    work: impl FnOnce(&LinkPlan<'_>, Report, &[u8]) -> Result<T>,
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
        return work(&plan, report, &wasm);
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
    work(&plan, report, &wasm)
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
        embedder: options.entry == Entry::Library
            && options.unknown_imports != UnknownImports::Trap,
        withheld: options.withheld,
        timezone: options.clocks_timezone,
        tls: options.tls,
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
    emit::emit(&plan, options, progress, None, &mut report)
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

/// What an input is made of, to be drawn.
///
/// # Errors
/// As for [`summarize`], and when there is too much to draw.
pub fn graph(input: &[u8]) -> Result<Graph> {
    let wasm = binary(input, Encode::WhereNeeded)?;
    if input_kind(&wasm) == InputKind::Component {
        summarize(&wasm)?;
        return summary::graph::of_component(&wasm);
    }
    summary::graph::of_module(&parse::parse_module(&wasm, parse::FEATURES)?)
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
