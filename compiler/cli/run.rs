//! `wasmelt run`: builds into the cache, and becomes the program.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Instant;

use wasmelt_compiler::{self as compiler, Options};

use crate::build::{figures, times};
use crate::cache::{self, Cache, Entry};
use crate::compose;
use crate::debug_files;
use crate::diagnostic::{Diagnostic, Failure};
use crate::exec;
use crate::incremental;
use crate::input::{Input, reason};
use crate::invoke;
use crate::packs::{self, Kind};
use crate::pipeline;
use crate::preload;
use crate::requests::Run;

/// What is going to run.
struct Program {
    file: File,
    /// None for a file in memory.
    path: Option<PathBuf>,
}

impl From<Entry> for Program {
    fn from(entry: Entry) -> Program {
        Program {
            file: entry.file,
            path: Some(entry.path),
        }
    }
}

/// Runs the program in place of this process: exit code, signals and streams are the program's.
///
/// # Errors
/// Everything that keeps the program from being started.
pub(crate) fn run(run: &Run) -> Result<Infallible, Failure> {
    let input = compose::read(&run.input, &run.composition)?;
    let (mut options, args) = called(run, &input)?;
    options.preloads = preload::read(&run.preloads)?;
    let key = cache::key(&options, &run.link, &input.bytes);
    let cache = Cache::open();
    let found = cache.as_ref().ok().and_then(|cache| cache.find(&key));
    let program = match found {
        Some(entry) => {
            if run.console.verbose {
                run.console
                    .line(&format!("      Cached {}", entry.path.display()));
            }
            Program::from(entry)
        }
        None => kept(run, cache, &key, &built(run, &input, &options)?)?,
    };
    let words: Vec<OsString> = std::iter::once(run.argv0.clone()).chain(args).collect();
    let never = exec::replace(&program.file, &words, &run.env);
    never.map_err(|error| Failure::input(not_started(&error, &program)))
}

/// The options and the program's arguments, after `--invoke 'func(1, "x")'` of a component has been
/// taken apart.
fn called(run: &Run, input: &Input) -> Result<(Options, Vec<OsString>), Failure> {
    let mut options = run.options.clone();
    let mut args = run.args.clone();
    if let compiler::Entry::Invoke(call) = &run.options.entry
        && let (name, Some(values)) = invoke::split(call)
        && wasmelt_compiler::externs(&input.bytes).is_some()
    {
        if !args.is_empty() {
            return Err(Failure::usage(
                Diagnostic::error("the function's arguments are given twice").help(format!(
                    "leave them out behind the input, or write `--invoke {name}`"
                )),
            ));
        }
        args.push(OsString::from(values));
        options.entry = compiler::Entry::Invoke(name.to_owned());
    }
    Ok((options, args))
}

fn built(run: &Run, input: &Input, options: &Options) -> Result<Vec<u8>, Failure> {
    let started = Instant::now();
    let options = Options {
        debug_files: debug_files::read(input, options, &run.console),
        ..pipeline::options_for(input, options)?
    };
    let mut compiled = incremental::compile(input, &run.input, &options, &run.console)?;
    let pack = packs::find(
        options.target,
        Kind::of_executable(&options),
        &run.link.packs,
    )?;
    let (executable, linked) = pipeline::link(&mut compiled, &run.link, &pack)?;
    if run.console.time {
        run.console
            .line(&times(&compiled.report, Some(linked), started.elapsed()));
    }
    if run.console.verbose {
        run.console.line(&figures(&compiled.report));
    }
    Ok(executable)
}

/// Keeps the executable in the cache, or where there is none for this run alone.
fn kept(
    run: &Run,
    cache: Result<Cache, String>,
    key: &str,
    executable: &[u8],
) -> Result<Program, Failure> {
    let why = match cache.and_then(|cache| cache.add(key, executable)) {
        Ok(entry) => return Ok(Program::from(entry)),
        Err(why) => why,
    };
    // Standard error is the program's; notes go there only when somebody reads them.
    if run.console.verbose || run.console.is_terminal {
        run.console.show(
            &Diagnostic::information("what was compiled is not kept for the next run")
                .note(why)
                .help("name a directory that only you can write to: `WASMELT_CACHE_DIR=PATH`"),
        );
    }
    let file = exec::in_memory(&run.options.name, executable).map_err(|error| {
        Failure::input(Diagnostic::error(format!(
            "cannot hold the program in memory: {}",
            reason(&error)
        )))
    })?;
    Ok(Program { file, path: None })
}

fn not_started(error: &io::Error, program: &Program) -> Diagnostic {
    let shown = match &program.path {
        Some(path) => format!("`{}`", path.display()),
        None => String::from("the program in memory"),
    };
    let diagnostic = Diagnostic::error(format!("cannot start {shown}: {}", reason(error)));
    match (error.kind(), &program.path) {
        (io::ErrorKind::PermissionDenied, Some(_)) => diagnostic
            .note("the cache may be on a file system that is mounted `noexec`")
            .help("name a directory from which programs can be run: `WASMELT_CACHE_DIR=PATH`"),
        (io::ErrorKind::PermissionDenied, None) => diagnostic
            .note("the system may forbid to run what is in memory: `sysctl vm.memfd_noexec`")
            .help("name a directory for a cache: `WASMELT_CACHE_DIR=PATH`"),
        (io::ErrorKind::ArgumentListTooLong, _) => {
            diagnostic.help("give the program fewer arguments, or a smaller environment")
        }
        _ => diagnostic,
    }
}
