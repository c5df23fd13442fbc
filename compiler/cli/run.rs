//! `wasmelt run`: builds into the cache, and becomes the program.

use std::convert::Infallible;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

use wasmelt_compiler::{self as compiler, Options};

use crate::build::{figures, times};
use crate::cache::Entry;
use crate::compose;
use crate::diagnostic::{Diagnostic, Failure};
use crate::input::{Input, reason};
use crate::invoke;
use crate::output::{Pending, Purpose};
use crate::pipeline;
use crate::requests::{OutputPath, Run};

/// Another process may remove the entry between finding it and running it, once and again.
const ATTEMPTS: usize = 3;

/// Runs the program in place of this process: exit code, signals and streams are the program's.
///
/// # Errors
/// Everything that keeps the program from being started.
pub(crate) fn run(run: &Run) -> Result<Infallible, Failure> {
    let input = compose::read(&run.input, &run.composition)?;
    let (options, args) = called(run, &input)?;
    let entry = Entry::of(&options, &run.link, &input.bytes)?;
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    for _ in 0..ATTEMPTS {
        if !entry.touch() {
            build_entry(run, &input, &options, &entry)?;
        } else if run.console.verbose {
            run.console
                .line(&format!("      Cached {}", entry.executable.display()));
        }
        error = Command::new(&entry.executable)
            .arg0(&run.argv0)
            .args(&args)
            .envs(run.env.iter().map(|(name, value)| (name, value)))
            .exec();
        if error.kind() != io::ErrorKind::NotFound {
            break;
        }
    }
    Err(Failure::input(not_started(&error, &entry)))
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

fn build_entry(run: &Run, input: &Input, options: &Options, entry: &Entry) -> Result<(), Failure> {
    let started = Instant::now();
    entry.create_folder()?;
    let output = OutputPath::File(entry.executable.clone());
    let pending = Pending::create(&output, &run.input, Purpose::CacheEntry)?;
    let options = pipeline::options_for(input, options)?;
    let compiled = pipeline::compile(input, &options, &run.console)?;
    let linked = pipeline::link(&compiled, &run.link, &pending)?;
    pending.finish()?;
    entry.prune_others();
    if run.console.time {
        run.console
            .line(&times(&compiled.report, Some(linked), started.elapsed()));
    }
    if run.console.verbose {
        run.console.line(&figures(&compiled.report));
    }
    Ok(())
}

fn not_started(error: &io::Error, entry: &Entry) -> Diagnostic {
    let shown = entry.executable.display();
    let diagnostic = Diagnostic::error(format!("cannot start `{shown}`: {}", reason(error)));
    match error.kind() {
        io::ErrorKind::PermissionDenied => diagnostic
            .note("the cache may be on a file system that is mounted `noexec`")
            .help("name a directory from which programs can be run: `WASMELT_CACHE_DIR=PATH`"),
        io::ErrorKind::ArgumentListTooLong => {
            diagnostic.help("give the program fewer arguments, or a smaller environment")
        }
        _ => diagnostic,
    }
}
