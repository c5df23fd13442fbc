//! `wasmelt build`: one input to one output.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use wasmelt_compiler::{Compiled, Options, Report, System};
use wasmelt_linker::Linker;

use crate::capabilities;
use crate::compose;
use crate::debug_files;
use crate::diagnostic::{Diagnostic, Failure, printable};
use crate::digest::sha256;
use crate::image::{self, Image, Platform};
use crate::incremental;
use crate::input::{Input, reason};
use crate::multi_call;
use crate::output::{Pending, Purpose};
use crate::packs::{self, Kind, Pack};
use crate::pipeline;
use crate::policy;
use crate::preinit;
use crate::preload;
use crate::profile;
use crate::requests::{Build, Emit, OutputPath};
use crate::sbom::{self, Materials};
use crate::server;

/// # Errors
/// What is for Linux alone.
fn refuse_other_systems(build: &Build, options: &Options) -> Result<(), Failure> {
    let target = options.target;
    let what = match build.emit {
        _ if target.system == System::Linux => return Ok(()),
        Emit::Oci => "container images",
        _ if options.profile_generate.is_some() => "programs that count for a profile",
        _ if options.on_trap.key().is_some() => "`-D coredump` and `-D abort`",
        _ if build.split_debug.is_some() => "`--split-debug`",
        _ if build.link.linker != Linker::InProcess => "linkers given by `--linker`",
        _ if server::has_processes(&options.server) => {
            "`--server workers` of more than one and `--server shutdown-addr`"
        }
        _ => return Ok(()),
    };
    let message = format!("{what} are for Linux, not for {}", target.name);
    Err(Failure::usage(Diagnostic::error(message)))
}

/// Says what an option is not for where that is no reason to refuse it.
fn tell_what_is_left_out(build: &Build) {
    let target = build.options.target;
    if target.system == System::Macos && build.options.debug_info.is_on() {
        let message = format!(
            "executables for {} have no debug information for debuggers; backtraces have offsets and \
             lines",
            target.name
        );
        build.console.show(&Diagnostic::information(message));
    }
}

/// What is linked, if anything is.
fn kind(emit: Emit, options: &Options) -> Option<Kind> {
    match emit {
        Emit::Exe | Emit::Oci | Emit::Sbom => Some(Kind::of_executable(options)),
        Emit::Staticlib | Emit::Sharedlib | Emit::Rust => Some(Kind::Library),
        Emit::Header | Emit::Obj | Emit::Clif | Emit::Asm => None,
    }
}

/// # Errors
/// What may be loaded anywhere without being asked for.
fn refuse_pie(build: &Build) -> Result<(), Failure> {
    let what = match build.emit {
        _ if !build.options.position_independent => return Ok(()),
        Emit::Staticlib | Emit::Sharedlib | Emit::Rust | Emit::Header => "libraries",
        Emit::Obj => "objects",
        Emit::Exe | Emit::Oci | Emit::Sbom | Emit::Clif | Emit::Asm => return Ok(()),
    };
    Err(Failure::usage(
        Diagnostic::error(format!("`-C pie` is for executables, not for {what}"))
            .help("leave it out: their code may lie anywhere as it is"),
    ))
}

/// Builds what was asked for.
///
/// # Errors
/// Any fault of the input or of the output's place; there is no output then.
pub(crate) fn build(build: &Build) -> Result<(), Failure> {
    let started = Instant::now();
    refuse_pie(build)?;
    let mut input = compose::read(&build.input, &build.composition)?;
    if let Some(export) = &build.preinit {
        let options = Options {
            preloads: preload::read(&build.preloads)?,
            ..build.options.clone()
        };
        input = preinit::initialised(&input, export, &options, &build.console)?;
    }
    let purpose = match build.emit {
        Emit::Exe | Emit::Sharedlib => Purpose::Executable,
        _ => Purpose::Data,
    };
    // Both before the compilation, so that nobody waits for what cannot be linked or written.
    let mut packs = Vec::new();
    if let Some(kind) = kind(build.emit, &build.options) {
        for options in [&build.options].into_iter().chain(&build.others) {
            refuse_other_systems(build, options)?;
            packs.push(packs::find(options.target, kind, &build.link.packs)?);
        }
        tell_what_is_left_out(build);
    }
    if build.emit == Emit::Rust {
        return rust_crate(build, &input, &packs);
    }
    let pending = Pending::create(&build.output, &build.input, purpose)?;
    let product = match build.emit {
        Emit::Sbom => Product::of(bill(build, &input, &packs[0])?.into_bytes()),
        Emit::Oci => image(build, &input, &packs)?,
        Emit::Exe => {
            let mut product = linked(build, &build.options, &input, &packs[0])?;
            if let Some(path) = &build.split_debug {
                write_apart(build, path, &mut product)?;
            }
            product
        }
        Emit::Header => {
            let options = completed(build, &build.options, &input)?;
            Product::of(pipeline::header(&input, &options)?.into_bytes())
        }
        Emit::Staticlib | Emit::Sharedlib => library(build, &input, &packs[0])?,
        Emit::Rust => unreachable!("its folder has been written above"),
        Emit::Obj | Emit::Clif | Emit::Asm => {
            let compiled = compiled(build, &build.options, &input)?;
            let bytes = match &compiled.text {
                Some(text) => text.as_bytes().to_vec(),
                None => compiled.object,
            };
            Product {
                bytes,
                report: Some(compiled.report),
                linked: None,
            }
        }
    };
    pending.write(&product.bytes)?;
    pending.finish()?;
    tell(build, &input, &product, started.elapsed());
    Ok(())
}

/// Writes what debuggers read of an executable to a file of its own.
fn write_apart(build: &Build, path: &Path, product: &mut Product) -> Result<(), Failure> {
    let output = OutputPath::File(path.to_owned());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let pending = Pending::create(&output, &build.input, Purpose::Data)?;
    let split = pipeline::split_debug(&product.bytes, &name)?;
    pending.write(&split.debug)?;
    pending.finish()?;
    product.bytes = split.executable;
    Ok(())
}

/// Options with what only the input tells.
fn completed(build: &Build, options: &Options, input: &Input) -> Result<Options, Failure> {
    Ok(Options {
        debug_files: debug_files::read(input, options, &build.console),
        preloads: preload::read(&build.preloads)?,
        profile_use: profile::read(&build.profiles)?,
        ..pipeline::options_for(input, options)?
    })
}

/// A static library, or a shared one, which is loaded by the name of its file.
fn library(build: &Build, input: &Input, pack: &Pack) -> Result<Product, Failure> {
    let compiled = compiled(build, &build.options, input)?;
    let name = &build.options.name;
    let soname = build.output.file_name();
    let soname = soname.map(|name| name.to_string_lossy().into_owned());
    let soname = soname.unwrap_or_else(|| format!("lib{name}.so"));
    let shared = (build.emit == Emit::Sharedlib).then_some(soname);
    let (library, linked) = pipeline::library(&compiled, name, shared.as_deref(), pack)?;
    Ok(Product {
        bytes: library,
        report: Some(compiled.report),
        linked: Some(linked),
    })
}

/// Makes the folder of a Rust crate: its library for each target, and what says how it is called.
fn rust_crate(build: &Build, input: &Input, packs: &[Pack]) -> Result<(), Failure> {
    let OutputPath::File(folder) = &build.output else {
        return Err(Failure::usage(
            Diagnostic::error("a crate is a folder, which standard output cannot be")
                .help("say where to write: `-o DIR`"),
        ));
    };
    let name = wasmelt_compiler::library_name(&build.options.name);
    let mut files = Vec::new();
    for (options, pack) in [&build.options].into_iter().chain(&build.others).zip(packs) {
        let options = completed(build, options, input)?;
        if files.is_empty() {
            let source = pipeline::rust_source(input, &options)?;
            files.push(("src/lib.rs".to_owned(), source.into_bytes()));
        }
        let compiled = compiled_with(build, &options, input)?;
        let (library, _) = pipeline::library(&compiled, &options.name, None, pack)?;
        let place = format!("{}/lib{name}.a", options.target.name);
        files.push((place, library));
    }
    let targets: Vec<&str> = packs.iter().map(|pack| pack.pack().target()).collect();
    let manifest = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         links = \"{name}\"\n"
    );
    files.push(("Cargo.toml".to_owned(), manifest.into_bytes()));
    let script = build_script(&name, build, &targets);
    files.push(("build.rs".to_owned(), script.into_bytes()));
    for (file, bytes) in files {
        let path = folder.join(file);
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(|error| {
                let folder = above.display();
                Failure::input(Diagnostic::error(format!(
                    "cannot create `{folder}`: {}",
                    reason(&error)
                )))
            })?;
        }
        let pending = Pending::create(&OutputPath::File(path), &build.input, Purpose::Data)?;
        pending.write(&bytes)?;
        pending.finish()?;
    }
    Ok(())
}

/// The build script of a crate: it says where the library for cargo's target is, or that there is
/// none.
fn build_script(name: &str, build: &Build, triples: &[&str]) -> String {
    let targets = [&build.options].into_iter().chain(&build.others);
    let mut rows = String::new();
    for (options, triple) in targets.zip(triples) {
        let (processor, _) = triple.split_once('-').unwrap_or((triple, ""));
        let processor = processor.trim_end_matches("gc");
        let (_, libc) = triple.rsplit_once('-').unwrap_or(("", triple));
        let folder = options.target.name;
        let _ = writeln!(
            rows,
            "    (\"{processor}\", \"linux\", \"{libc}\", \"{folder}\"),"
        );
    }
    let names: Vec<&str> = [&build.options]
        .into_iter()
        .chain(&build.others)
        .map(|options| options.target.name)
        .collect();
    let names = names.join(", ");
    format!(
        r#"//! Says where the library is that the crate is made of.

use std::env;

/// Processor, system and C library, and the folder of the library for them.
const LIBRARIES: &[(&str, &str, &str, &str)] = &[
{rows}];

fn main() {{
    let value = |name: &str| env::var(format!("CARGO_CFG_TARGET_{{name}}")).unwrap_or_default();
    let target = [value("ARCH"), value("OS"), value("ENV")];
    let found = LIBRARIES
        .iter()
        .find(|&&(arch, os, env, _)| target == [arch, os, env]);
    let Some((.., folder)) = found else {{
        let target = env::var("TARGET").unwrap_or_default();
        println!("cargo::error=this crate has no library for {{target}}, but for {names}");
        println!("cargo::error=make it with `wasmelt --emit rust --target TARGET`");
        return;
    }};
    let folder = format!("{{}}/{{folder}}", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed={{folder}}/lib{name}.a");
    println!("cargo::rustc-link-search=native={{folder}}");
    println!("cargo::rustc-link-lib=static={name}");
}}
"#
    )
}

/// What is written, and what is told about it.
struct Product {
    bytes: Vec<u8>,
    /// Of the compilation, if there was one.
    report: Option<Report>,
    /// How long linking took.
    linked: Option<Duration>,
}

impl Product {
    fn of(bytes: Vec<u8>) -> Product {
        Product {
            bytes,
            report: None,
            linked: None,
        }
    }
}

fn compiled(build: &Build, options: &Options, input: &Input) -> Result<Compiled, Failure> {
    compiled_with(build, &completed(build, options, input)?, input)
}

/// Compiles with completed options.
fn compiled_with(build: &Build, options: &Options, input: &Input) -> Result<Compiled, Failure> {
    match build.incremental {
        true => incremental::compile(input, &build.input, options, &build.console),
        false => pipeline::compile(input, options, &build.console, None),
    }
}

/// An executable.
fn linked(
    build: &Build,
    options: &Options,
    input: &Input,
    pack: &Pack,
) -> Result<Product, Failure> {
    let mut compiled = compiled(build, options, input)?;
    let (executable, linked) = pipeline::link(&mut compiled, &build.link, pack)?;
    Ok(Product {
        bytes: executable,
        report: Some(compiled.report),
        linked: Some(linked),
    })
}

/// A container image for all targets; what is told is told of the first.
fn image(build: &Build, input: &Input, packs: &[Pack]) -> Result<Product, Failure> {
    let mut platforms = Vec::new();
    let mut first = None;
    for (options, pack) in [&build.options].into_iter().chain(&build.others).zip(packs) {
        let product = linked(build, options, input, pack)?;
        platforms.push(Platform {
            architecture: options.target.oci_architecture,
            executable: product.bytes,
        });
        first.get_or_insert((product.report, product.linked));
    }
    let mut labels = sbom::labels(&build.options.name, &binary(input));
    labels.extend(build.image.labels.clone());
    let externs = wasmelt_compiler::externs(&input.bytes);
    let directories = build.options.policy.dirs.iter().filter(|dir| !dir.optional);
    let is_server = policy::is_server(&build.options, externs.as_ref());
    let image = Image {
        file_name: &build.options.name,
        reference: &build.image.reference,
        labels: &labels,
        user: build.image.user.as_deref(),
        port: is_server
            .then(|| server::port(&build.options.server))
            .flatten(),
        directories: directories.map(|dir| &*dir.host).collect(),
    };
    let bytes = image::archive(&image, &platforms).map_err(|error| {
        let why = reason(&error);
        Failure::input(Diagnostic::error(format!("cannot make the image: {why}")))
    })?;
    let (report, linked) = first.expect("there is a target");
    Ok(Product {
        bytes,
        report,
        linked,
    })
}

/// A bill of materials. The input is checked, not compiled.
fn bill(build: &Build, input: &Input, pack: &Pack) -> Result<String, Failure> {
    pipeline::check(input, &build.options)?;
    let options = pipeline::options_for(input, &build.options)?;
    Ok(sbom::bill(&Materials {
        name: &options.name,
        target: options.target.name,
        provenance: pack.pack().provenance(),
        input_name: &build.input.file_name().to_string_lossy(),
        digest: &sha256(&input.bytes),
        binary: &binary(input),
        policy: options.policy_note.as_deref().unwrap_or_default(),
    }))
}

/// The input as a binary. What cannot be assembled is reported by the compiler.
fn binary(input: &Input) -> Cow<'_, [u8]> {
    wat::parse_bytes(&input.bytes).unwrap_or(Cow::Borrowed(&input.bytes))
}

/// Everything that is said after a success.
fn tell(build: &Build, input: &Input, product: &Product, total: Duration) {
    let console = &build.console;
    let policy = &build.options.policy;
    if let (Some(report), Some(_)) = (&product.report, product.linked) {
        let imports = &report.host_imports;
        if let Some(note) = capabilities::missing_grants(&build.options.name, imports, policy) {
            console.show(&note);
        }
        let argv0 = policy.argv0.as_deref();
        if let Some(hint) = multi_call::hint(&build.options.name, &input.bytes, argv0) {
            console.show(&hint);
        }
    }
    let matched = product.report.as_ref().and_then(|report| report.profile);
    if let Some(warning) = matched.and_then(profile::warning) {
        console.show(&warning);
    }
    if let Some(report) = &product.report {
        if console.time {
            console.line(&times(report, product.linked, total));
        }
        if console.time && console.verbose {
            console.line(&dearest(report));
        }
        if console.verbose {
            console.line(&figures(report));
        }
    }
    if console.verbose || (console.is_terminal && !console.quiet) {
        let name = match &build.output {
            OutputPath::Stdout => String::from("-"),
            OutputPath::File(path) => path.display().to_string(),
        };
        let all = [&build.options].into_iter().chain(&build.others);
        let targets: Vec<&str> = all.map(|options| options.target.name).collect();
        console.line(&format!(
            "    Finished {name} ({}, {}, {:.1} s)",
            targets.join(", "),
            size(product.bytes.len() as u64),
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
        functions_reused,
        code_bytes,
        ..
    } = *report;
    let reused = match functions_reused {
        0 => String::new(),
        _ => format!(", {functions_reused} as in the last build"),
    };
    format!(
        "    Compiled {functions_compiled} functions ({functions_defined} in the module{reused}), {} of wasm to {} of code, {} host functions",
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
