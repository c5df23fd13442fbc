//! `--preinit[=EXPORT]`: modules are run when compiling, and begin where that has ended.
//!
//! What runs is an executable like any other, in a process of its own. It has the files that are
//! embedded, and the directories that will be granted, with nothing in them: so that each descriptor
//! that C libraries remember has the number that it will have. It has no environment, no network and
//! no input. Time and memory have limits.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use wasmelt_compiler::{
    Dir, Entry, OptLevel, Options, PREINIT_MODULE, Policy, Preinit, Preload, Target, Uninitialised,
    UnknownImports,
};
use wasmelt_linker::{Linker, Strip};

use crate::diagnostic::{Console, Diagnostic, Failure};
use crate::exec;
use crate::guard::guarded;
use crate::input::{Input, reason};
use crate::packs;
use crate::pipeline;
use crate::requests::LinkOptions;

/// For an initialisation, unless `-W timeout` says otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

/// For each memory, unless `-W max-memory-size` says otherwise.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

/// The input after its initialisation by the function `export`.
///
/// # Errors
/// Where it cannot be initialised, or what it does then ends otherwise than by returning.
pub(crate) fn initialised(
    input: &Input,
    export: &str,
    options: &Options,
    console: &Console,
) -> Result<Input, Failure> {
    let failure = |error| Failure::compiler(error, input);
    if !options.preloads.is_empty() {
        let message = "`--preinit` is for a program without `--preload`";
        return Err(Failure::usage(Diagnostic::error(message)));
    }
    if let Some(dir) = options.policy.dirs.iter().find(|dir| dir.optional) {
        let message = format!(
            "`--preinit` is for folders that are there, and `{}` may be missing",
            dir.host.display()
        );
        return Err(Failure::usage(Diagnostic::error(message).help(
            "leave out the `?` behind it: the program may remember where its folders are",
        )));
    }
    let preinit = guarded(|| Preinit::new(&input.bytes, export, options))?.map_err(failure)?;
    let empty = tempfile::tempdir().map_err(|error| {
        let why = reason(&error);
        Failure::input(Diagnostic::error(format!(
            "cannot make an empty folder for the initialisation: {why}"
        )))
    })?;
    let policy = policy(&options.policy, empty.path());
    let mut outputs = Vec::new();
    for module in &preinit.modules {
        outputs.push(output(module, input, options, &policy, console)?);
    }
    let bytes = guarded(|| preinit.finish(&outputs))?.map_err(failure)?;
    Ok(Input {
        name: input.name.clone(),
        bytes,
        is_text: false,
    })
}

/// What the initialisation may do: `empty` is a directory with nothing in it.
fn policy(granted: &Policy, empty: &Path) -> Policy {
    let dir = |dir: &Dir| Dir {
        host: empty.to_owned(),
        guest: dir.guest.clone(),
        read_only: true,
        optional: false,
    };
    Policy {
        dirs: granted.dirs.iter().map(dir).collect(),
        embedded: granted.embedded.clone(),
        timeout: Some(granted.timeout.unwrap_or(TIMEOUT)),
        ..Policy::default()
    }
}

/// What the driver of a module writes.
fn output(
    module: &Uninitialised,
    input: &Input,
    options: &Options,
    policy: &Policy,
    console: &Console,
) -> Result<Vec<u8>, Failure> {
    let driver = Input {
        name: input.name.clone(),
        bytes: module.driver.clone().into_bytes(),
        is_text: true,
    };
    let own = Options {
        name: options.name.clone(),
        entry: Entry::Command,
        opt_level: OptLevel::None,
        preloads: vec![Preload {
            name: String::from(PREINIT_MODULE),
            bytes: module.module.clone(),
        }],
        memory_bytes_max: Some(options.memory_bytes_max.unwrap_or(MEMORY_BYTES_MAX)),
        stack_bytes_max: options.stack_bytes_max,
        // There is nobody yet whom an import could have to do with.
        unknown_imports: UnknownImports::Trap,
        policy: policy.clone(),
        ..Options::default()
    };
    let mut compiled = pipeline::compile(&driver, &own, console, None)?;
    let link = LinkOptions {
        linker: Linker::InProcess,
        strip: Strip::Internals,
        stack_bytes: own.stack_bytes_max,
        packs: Vec::new(),
        build_id: false,
    };
    let pack = packs::find(Target::host(), packs::Kind::Executable, &[])?;
    let (executable, _) = pipeline::link(&mut compiled, &link, &pack)?;
    let written = run(&options.name, &executable).map_err(|error| {
        let why = reason(&error);
        Failure::input(Diagnostic::error(format!(
            "cannot run the initialisation: {why}"
        )))
    })?;
    let end = match written.status.code() {
        Some(0) => None,
        Some(code) => Some(format!("it exited with {code}")),
        None => Some(String::from("it was killed")),
    };
    let printed = module.printed(&written.stdout);
    // Standard output may be what is built.
    let _ = std::io::stderr().write_all(printed.unwrap_or(&written.stdout));
    let _ = std::io::stderr().write_all(&written.stderr);
    match (end, printed) {
        (None, Some(_)) => Ok(written.stdout),
        (end, _) => {
            let why = end.unwrap_or_else(|| String::from("it exited"));
            let message = format!("the initialisation of `{}` did not return", input.name);
            Err(Failure::input(Diagnostic::error(message).note(why).note(
                "it has no files but embedded ones, no environment and no network, and what a component imports traps",
            )))
        }
    }
}

fn run(name: &str, executable: &[u8]) -> std::io::Result<std::process::Output> {
    let file = exec::in_memory(name, executable)?;
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Command::new(path)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
}
