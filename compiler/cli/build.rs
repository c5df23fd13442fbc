//! `wasmelt build`: one input to one output.

use std::fmt::Write;
use std::time::{Duration, Instant};

use wasmelt_compiler::{Compiled, Options, Report};

use crate::args::Emit;
use crate::capabilities;
use crate::compose;
use crate::diagnostic::{Failure, printable};
use crate::input::Input;
use crate::multi_call;
use crate::output::{Pending, Purpose};
use crate::packs;
use crate::pipeline;
use crate::preload;
use crate::requests::{Build, OutputPath};

/// Builds what was asked for.
///
/// # Errors
/// Any fault of the input or of the output's place; there is no output then.
pub(crate) fn build(build: &Build) -> Result<(), Failure> {
    let started = Instant::now();
    let input = compose::read(&build.input, &build.composition)?;
    // Before the compilation, so that nobody waits for a file that cannot be written.
    let purpose = if build.emit == Emit::Exe {
        Purpose::Executable
    } else {
        Purpose::Data
    };
    let is_linked = build.emit == Emit::Exe;
    let find = || packs::find(build.options.target, &build.link.packs);
    let pack = is_linked.then(find).transpose()?;
    let pending = Pending::create(&build.output, &build.input, purpose)?;
    let options = Options {
        preloads: preload::read(&build.preloads)?,
        ..pipeline::options_for(&input, &build.options)?
    };
    let compiled = pipeline::compile(&input, &options, &build.console)?;
    let (output_bytes, linked) = match (build.emit, &pack) {
        (_, Some(pack)) => {
            let (executable, linked) = pipeline::link(&compiled, &build.link, pack)?;
            pending.write(&executable)?;
            (executable.len(), Some(linked))
        }
        (Emit::Obj, None) => {
            pending.write(&compiled.object)?;
            (compiled.object.len(), None)
        }
        (_, None) => {
            let text = compiled.text.as_deref().unwrap_or_default();
            pending.write(text.as_bytes())?;
            (text.len(), None)
        }
    };
    pending.finish()?;
    tell(
        build,
        &input,
        &compiled,
        output_bytes as u64,
        linked,
        started.elapsed(),
    );
    Ok(())
}

/// Everything that is said after a success.
fn tell(
    build: &Build,
    input: &Input,
    compiled: &Compiled,
    output_bytes: u64,
    linked: Option<Duration>,
    total: Duration,
) {
    let console = &build.console;
    let policy = &build.options.policy;
    if build.emit == Emit::Exe {
        let imports = &compiled.report.host_imports;
        if let Some(note) = capabilities::missing_grants(&build.options.name, imports, policy) {
            console.show(&note);
        }
        let argv0 = policy.argv0.as_deref();
        if let Some(hint) = multi_call::hint(&build.options.name, &input.bytes, argv0) {
            console.show(&hint);
        }
    }
    if console.time {
        console.line(&times(&compiled.report, linked, total));
    }
    if console.time && console.verbose {
        console.line(&dearest(&compiled.report));
    }
    if console.verbose {
        console.line(&figures(&compiled.report));
    }
    if console.verbose || (console.is_terminal && !console.quiet) {
        let name = match &build.output {
            OutputPath::Stdout => String::from("-"),
            OutputPath::File(path) => path.display().to_string(),
        };
        console.line(&format!(
            "    Finished {name} ({}, {}, {:.1} s)",
            build.options.target.name,
            size(output_bytes),
            total.as_secs_f64()
        ));
    }
}

/// The table of `--time`.
pub(crate) fn times(report: &Report, linked: Option<Duration>, total: Duration) -> String {
    let mut rows: Vec<(&str, Duration)> = report.phases.clone();
    rows.extend(linked.map(|time| ("link", time)));
    rows.push(("total", total));
    let mut text = String::new();
    for (phase, time) in rows {
        let _ = writeln!(text, "{phase:<12} {:>9.2} ms", time.as_secs_f64() * 1e3);
    }
    text.truncate(text.trim_end().len());
    text
}

/// The functions that `--time -v` names: in which a slow build spends its time.
fn dearest(report: &Report) -> String {
    let lines = report.dearest_functions.iter().map(|(name, time)| {
        let time = time.as_secs_f64() * 1e3;
        format!("{:<12} {time:>9.2} ms  `{}`", "  function", printable(name))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// What `-v` says about the code.
pub(crate) fn figures(report: &Report) -> String {
    let Report {
        wasm_bytes,
        functions_defined,
        functions_compiled,
        code_bytes,
        ..
    } = *report;
    format!(
        "    Compiled {functions_compiled} functions ({functions_defined} in the module), {} of wasm to {} of code, {} host functions",
        size(wasm_bytes),
        size(code_bytes),
        report.host_imports.len()
    )
}

/// Three digits and a unit.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 3] = ["KiB", "MiB", "GiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(value < 100.0);
    format!("{value:.decimals$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (102_400, "100 KiB"),
            (1 << 21, "2.0 MiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}
