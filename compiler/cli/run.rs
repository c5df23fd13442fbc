//! `wasmelt run`: builds into the cache, and becomes the program.

use std::convert::Infallible;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

use crate::build::{figures, times};
use crate::cache::Entry;
use crate::diagnostic::{Diagnostic, Failure};
use crate::input::{self, Input, reason};
use crate::output::{Pending, Purpose};
use crate::pipeline;
use crate::resolve::{OutputPath, Run};

/// Another process may remove the entry between finding it and running it, once and again.
const ATTEMPTS: usize = 3;

/// Runs the program in place of this process: exit code, signals and streams are the program's.
///
/// # Errors
/// Everything that keeps the program from being started.
pub(crate) fn run(run: &Run) -> Result<Infallible, Failure> {
    let input = input::read(&run.input)?;
    let entry = Entry::of(run, &input.bytes)?;
    let mut error = io::Error::from(io::ErrorKind::NotFound);
    for _ in 0..ATTEMPTS {
        if !entry.touch() {
            build_entry(run, &input, &entry)?;
        } else if run.console.verbose {
            run.console
                .line(&format!("      Cached {}", entry.executable.display()));
        }
        error = Command::new(&entry.executable)
            .arg0(&run.argv0)
            .args(&run.args)
            .envs(run.env.iter().map(|(name, value)| (name, value)))
            .exec();
        if error.kind() != io::ErrorKind::NotFound {
            break;
        }
    }
    Err(Failure::input(not_started(&error, &entry)))
}

fn build_entry(run: &Run, input: &Input, entry: &Entry) -> Result<(), Failure> {
    let started = Instant::now();
    entry.create_folder()?;
    let output = OutputPath::File(entry.executable.clone());
    let pending = Pending::create(&output, &run.input, Purpose::CacheEntry)?;
    let compiled = pipeline::compile(input, &run.options, &run.console)?;
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
