//! Raw arguments to resolved options: everything the command line decides, in plain structs.

mod host;
mod image;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use wasmelt_compiler::{
    Dir, Entry, EnvVar, Options, Policy, Protocols, System, TARGETS, Target, TextKind,
    WithheldStreams,
};
use wasmelt_linker::Linker;

use crate::args::{
    BuildArgs, CheckArgs, CodeArgs, ComposeArgs, ConsoleArgs, GrantArgs, PreloadArgs, RunArgs,
    ServeArgs,
};
use crate::codes;
use crate::diagnostic::{Console, Diagnostic, Failure};
use crate::dirs::host_and_guest;
use crate::embed;
use crate::input::InputPath;
use crate::keys::{self, Lists, Settings};
use crate::manifest::no_input;
use crate::requests::{Build, Check, Composition, Emit, LinkOptions, OutputPath, PreloadFile, Run};
use crate::server;
use crate::split_debug::split_debug;

/// Resolves the arguments of `build`.
///
/// # Errors
/// Arguments that contradict each other or mean nothing.
pub(crate) fn build(args: BuildArgs) -> Result<Build, Failure> {
    let console = console(&args.console);
    let input = args.compose.compose.as_ref().or(args.input.as_ref());
    let input = InputPath::new(input.ok_or_else(no_input)?);
    if let Some(second) = args.more.first() {
        return Err(two_inputs(&input, &InputPath::new(second)));
    }
    let composition = composition(args.compose)?;
    let preloads = preloads(&args.preload)?;
    let stem = input.stem();
    let mut all = Vec::new();
    let mut link = None;
    for target in targets(&args.target.target, args.emit)? {
        let notes = Console {
            quiet: console.quiet || !all.is_empty(),
            ..console
        };
        let (mut options, how) = code(target, &args.code, &args.grants, &notes)?;
        options.name.clone_from(&stem);
        options.policy.args.clone_from(&args.args);
        options.protocols = Protocols {
            http2: args.protocols.http2 || args.protocols.tls,
            tls: args.protocols.tls,
        };
        options.server = server::baked(&args.protocols.server)?;
        options.policy.argv0.clone_from(&args.grants.argv0);
        options.emit_text = match args.emit {
            Emit::Clif => Some(TextKind::Clif),
            Emit::Asm => Some(TextKind::Asm),
            _ => None,
        };
        options.portable_object = args.emit == Emit::Obj;
        all.push(options);
        link = Some(how);
    }
    let mut options = all.remove(0);
    let is_library = matches!(
        args.emit,
        Emit::Staticlib | Emit::Sharedlib | Emit::Header | Emit::Rust
    );
    let mut link = link.expect("there is a target");
    link.packs = args.target.runtime_pack;
    let image = image::image(&args.image, args.emit, &stem)?;
    if is_library {
        let entry = library_entry(&options, &link)?;
        for options in std::iter::once(&mut options).chain(&mut all) {
            options.entry = entry.clone();
        }
    }
    let output = match args.output {
        Some(path) if path == Path::new("-") => OutputPath::Stdout,
        Some(path) if path.as_os_str().is_empty() => {
            return Err(Failure::usage(Diagnostic::error(
                "the path of `-o` is empty",
            )));
        }
        Some(path) => OutputPath::File(path),
        None if input == InputPath::Stdin => {
            return Err(Failure::usage(
                Diagnostic::error("an input from standard input has no name")
                    .help("say where to write: `-o PATH`"),
            ));
        }
        None => OutputPath::File(PathBuf::from(match args.emit {
            Emit::Exe if options.target.system == System::Windows => stem + ".exe",
            Emit::Exe => stem,
            Emit::Obj => stem + ".o",
            Emit::Staticlib => format!("lib{stem}.a"),
            Emit::Sharedlib => format!("lib{stem}.so"),
            Emit::Header => stem + ".h",
            Emit::Rust => stem + "-rs",
            Emit::Clif => stem + ".clif",
            Emit::Asm => stem + ".s",
            Emit::Oci => stem + ".oci.tar",
            Emit::Sbom => stem + ".cdx.json",
        })),
    };
    let split_debug = split_debug(args.split_debug, &output, args.emit, &mut link)?;
    let generate = args.profile.generate_path(output.file_name());
    for options in std::iter::once(&mut options).chain(&mut all) {
        options.profile_generate.clone_from(&generate);
        name_core_dump(options, output.file_name());
    }
    Ok(Build {
        input,
        composition,
        preloads,
        profiles: args.profile.profile_use,
        output,
        emit: args.emit,
        options,
        others: all,
        link,
        image,
        preinit: args.preinit,
        incremental: args.incremental,
        split_debug,
        console,
    })
}

/// A core dump whose file was not named has the program's name.
fn name_core_dump(options: &mut Options, program: Option<&OsStr>) {
    if let Some(path) = &mut options.on_trap.core_dump
        && path.as_os_str().is_empty()
    {
        let mut name = program.unwrap_or(OsStr::new("program")).to_owned();
        name.push(".coredump");
        *path = PathBuf::from(name);
    }
}

/// A library is entered by whoever embeds it, and linked by them.
fn library_entry(options: &Options, link: &LinkOptions) -> Result<Entry, Failure> {
    let policy = &options.policy;
    let faults = [
        (
            options.entry != Entry::Command,
            "an entry (`--invoke`, `--command`)",
        ),
        (link.linker != Linker::InProcess, "`--linker`"),
        (policy.timeout.is_some(), "`-W timeout`"),
        (policy.is_hardened, "`--harden`"),
        (options.on_trap.core_dump.is_some(), "`-D coredump`"),
        (options.on_trap.aborts, "`-D abort`"),
        (
            policy.withheld_streams != WithheldStreams::default(),
            "`-S inherit-stdin=n` and its like",
        ),
    ];
    match faults.into_iter().find(|(is_given, _)| *is_given) {
        None => Ok(Entry::Library),
        Some((_, flag)) => Err(Failure::usage(Diagnostic::error(format!(
            "{flag} is for executables, and this is a library"
        )))),
    }
}

/// Resolves the arguments of `check`.
///
/// # Errors
/// Arguments that contradict each other or mean nothing.
pub(crate) fn check(args: CheckArgs) -> Result<Check, Failure> {
    if args.inputs.is_empty() {
        return Err(no_input());
    }
    let console = console(&args.console);
    let (options, _) = code(Target::host(), &args.code, &args.grants, &console)?;
    Ok(Check {
        composition: Composition {
            plugs: args.plug.iter().map(|path| InputPath::new(path)).collect(),
            is_component: args.component,
            ..Composition::default()
        },
        inputs: args
            .inputs
            .iter()
            .map(|path| InputPath::new(path))
            .collect(),
        preloads: preloads(&args.preload)?,
        options,
        console,
    })
}

fn two_inputs(first: &InputPath, second: &InputPath) -> Failure {
    let (first, second) = (first.shown(), second.shown());
    Failure::usage(
        Diagnostic::error(format!(
            "there are two inputs, `{first}` and `{second}`, and one program is made of one"
        ))
        .help(format!(
            "`--plug {second}` satisfies imports of the first with what the second exports"
        ))
        .help(format!(
            "arguments of the program stand behind `--`: `-- {second}`"
        )),
    )
}

/// Resolves the arguments of `run`.
///
/// # Errors
/// Arguments that contradict each other or mean nothing.
pub(crate) fn run(args: RunArgs) -> Result<Run, Failure> {
    let console = console(&args.console);
    let mut words = args.input_and_args.into_iter();
    let input = match &args.compose.compose {
        Some(script) => InputPath::new(script),
        None => InputPath::new(Path::new(&words.next().ok_or_else(no_input)?)),
    };
    let composition = composition(args.compose)?;
    let preloads = preloads(&args.preload)?;
    // Standard error is the program's; notes go there only when somebody reads them.
    let notes = Console {
        quiet: console.quiet || !(console.verbose || console.is_terminal),
        ..console
    };
    let (mut options, link) = code(Target::host(), &args.code, &args.grants, &notes)?;
    options.name = input.stem();
    name_core_dump(&mut options, Some(OsStr::new(&input.stem())));
    if options.entry == Entry::Command {
        options.entry = Entry::CommandOrLibrary;
    }
    let mut env: Vec<(String, String)> = Vec::new();
    for variable in &mut options.policy.env {
        if let Some(value) = variable.value.take() {
            env.push((variable.name.clone(), value));
        }
    }
    let argv0 = match args.grants.argv0 {
        Some(name) => OsString::from(name),
        None => input.file_name(),
    };
    Ok(Run {
        input,
        composition,
        preloads,
        options,
        link,
        console,
        argv0,
        args: words.collect(),
        env,
    })
}

/// The request of `wasmelt serve`.
///
/// # Errors
/// As those of [`run`].
pub(crate) fn serve(args: ServeArgs) -> Result<Run, Failure> {
    let mut words = server::given(&args);
    let headers = server::headers(&args.header)?;
    words.extend(headers.into_iter().map(OsString::from));
    let tls = args.tls_cert.is_some();
    let mut run = run(args.run)?;
    run.options.entry = Entry::Serve;
    // Nobody looks at the size of what lies in the cache.
    run.options.protocols = Protocols { http2: true, tls };
    words.append(&mut run.args);
    run.args = words;
    Ok(run)
}

/// `--preload NAME=FILE`.
fn preloads(args: &PreloadArgs) -> Result<Vec<PreloadFile>, Failure> {
    let preload = |spec: &String| match spec.split_once('=') {
        Some((name, path)) if !path.is_empty() => Ok(PreloadFile {
            name: name.to_owned(),
            path: InputPath::new(Path::new(path)),
        }),
        _ => Err(Failure::usage(
            Diagnostic::error(format!("there is no name and file in `--preload {spec}`"))
                .help("write `--preload NAME=FILE`"),
        )),
    };
    args.preload.iter().map(preload).collect()
}

fn composition(args: ComposeArgs) -> Result<Composition, Failure> {
    if args.compose.is_none() && (!args.dep.is_empty() || args.deps_dir.is_some()) {
        return Err(Failure::usage(
            Diagnostic::error("`--dep` and `--deps-dir` are for the packages of a script")
                .help("give the script with `--compose FILE.wac`, or use `--plug FILE`"),
        ));
    }
    let mut packages = Vec::new();
    for spec in args.dep {
        match spec.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                packages.push((name.to_owned(), PathBuf::from(path)));
            }
            _ => {
                return Err(Failure::usage(
                    Diagnostic::error(format!("there is no package and file in `--dep {spec}`"))
                        .help("write `--dep NAMESPACE:NAME=FILE`"),
                ));
            }
        }
    }
    Ok(Composition {
        is_component: args.component,
        is_script: args.compose.is_some(),
        packages,
        folder: args.deps_dir.unwrap_or_else(|| PathBuf::from("deps")),
        plugs: args.plug.iter().map(|path| InputPath::new(path)).collect(),
    })
}

pub(crate) fn console(args: &ConsoleArgs) -> Console {
    Console {
        time: args.time,
        verbose: args.verbose,
        quiet: args.quiet,
        ..Console::new(args.color.choice)
    }
}

/// The targets of these names, or this machine's.
fn targets(names: &[String], emit: Emit) -> Result<Vec<&'static Target>, Failure> {
    let mut targets = Vec::new();
    for name in names {
        let target = target(name)?;
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    if targets.is_empty() {
        targets.push(Target::host());
    }
    if targets.len() > 1 && !matches!(emit, Emit::Oci | Emit::Rust) {
        return Err(Failure::usage(
            Diagnostic::error("there are several targets, and one file is for one").help(
                "build once for each, or for all a container image (`--emit oci`) or a crate \
                 (`--emit rust`)",
            ),
        ));
    }
    Ok(targets)
}

fn target(name: &str) -> Result<&'static Target, Failure> {
    Target::named(name).ok_or_else(|| {
        let known: Vec<String> = TARGETS.iter().map(|t| format!("`{}`", t.name)).collect();
        let mut diagnostic = Diagnostic::error(format!(
            "`--target {name}` is nothing that can be compiled for"
        ))
        .page(&codes::TARGET);
        let names = TARGETS.iter().map(|target| target.name);
        if let Some(reason) = Target::refusal(name) {
            diagnostic = diagnostic.note(reason);
        } else if let Some(closest) = keys::closest_word(name, names) {
            diagnostic = diagnostic.help(format!("did you mean `{closest}`?"));
        }
        Failure::usage(diagnostic.help(format!("the targets are {}", known.join(", "))))
    })
}

/// What `build` and `run` have in common.
fn code(
    target: &'static Target,
    code: &CodeArgs,
    grants: &GrantArgs,
    console: &Console,
) -> Result<(Options, LinkOptions), Failure> {
    let mut options = Options {
        policy: granted(grants)?,
        target,
        ..Options::default()
    };
    options.debug_info = code.debug.level();
    if let Some(function) = &grants.invoke {
        options.entry = Entry::Invoke(function.clone());
    }
    if grants.command {
        options.entry = Entry::Run;
    }
    if grants.harden && target.system != System::Linux {
        let message = format!(
            "`--harden` is what Linux can, and this is for {}",
            target.name
        );
        return Err(Failure::usage(Diagnostic::error(message)));
    }
    let mut settings = Settings::new(options);
    let lists = Lists {
        optimize: &code.optimize,
        codegen: &code.codegen,
        debug: &code.debug_keys,
        wasm: &code.wasm,
        wasi: &grants.wasi,
    };
    keys::apply(&mut settings, lists).map_err(|error| {
        let page = match error.is_refused {
            true => &codes::HONOUR,
            false => &codes::KEY,
        };
        let mut diagnostic = Diagnostic::error(error.message).page(page);
        diagnostic.helps.extend(error.helps);
        Failure::usage(diagnostic)
    })?;
    for note in std::mem::take(&mut settings.notes) {
        console.show(&Diagnostic::information(note));
    }
    let linker = match &code.linker {
        Some(path) => Linker::System(path.clone()),
        None => Linker::InProcess,
    };
    let link = LinkOptions {
        linker,
        strip: code.debug.strip(&settings),
        build_id: settings.options.debug_info.is_on(),
        stack_bytes: settings.options.stack_bytes_max,
        packs: Vec::new(),
    };
    Ok((settings.options, link))
}

fn granted(grants: &GrantArgs) -> Result<Policy, Failure> {
    let mut policy = Policy {
        is_hardened: grants.harden,
        compress_embedded: grants.compress_embedded,
        ..Policy::default()
    };
    for arg in &grants.dirs.0 {
        let dir = directory(&arg.spec, arg.read_only)?;
        // The last of several for one path in the guest is the one that counts.
        policy.dirs.retain(|other| other.guest != dir.guest);
        policy.dirs.push(dir);
    }
    for spec in &grants.embed {
        policy.embedded.push(embed::read(spec)?);
    }
    for spec in &grants.env {
        let variable = environment_variable(spec)?;
        policy.env.retain(|other| other.name != variable.name);
        policy.env.push(variable);
    }
    for name in &grants.allow_host {
        if !host::is_host(name) {
            return Err(Failure::usage(
                Diagnostic::error(format!("`--allow-host {name}` names no host"))
                    .page(&codes::GRANT)
                    .help("write `HOST`, `HOST:PORT` or `*.HOST`, without a scheme or a path"),
            ));
        }
        policy.http_hosts.push(name.clone());
    }
    if grants.allow_all {
        for path in ["/", "."] {
            if policy.dirs.iter().all(|dir| dir.guest != path) {
                policy.dirs.push(Dir {
                    host: PathBuf::from(path),
                    guest: path.to_owned(),
                    read_only: false,
                    optional: false,
                });
            }
        }
        policy.inherit_env = true;
        policy.inherit_network = true;
        policy.allow_ip_name_lookup = true;
    }
    Ok(policy)
}

/// `HOST[::GUEST][?]`.
fn directory(spec: &OsStr, read_only: bool) -> Result<Dir, Failure> {
    let flag = if read_only { "--dir-ro" } else { "--dir" };
    let bytes = spec.as_bytes();
    let (bytes, optional) = match bytes.strip_suffix(b"?") {
        Some(bytes) => (bytes, true),
        None => (bytes, false),
    };
    let (host, guest) = host_and_guest(flag, spec, bytes)?;
    Ok(Dir {
        host,
        guest,
        read_only,
        optional,
    })
}

fn environment_variable(spec: &str) -> Result<EnvVar, Failure> {
    let (name, value) = match spec.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (spec, None),
    };
    if name.is_empty() || spec.contains('\0') {
        return Err(Failure::usage(
            Diagnostic::error(format!("there is no variable's name in `--env {spec}`"))
                .page(&codes::GRANT)
                .help("write `--env NAME` or `--env NAME=VALUE`"),
        ));
    }
    Ok(EnvVar {
        name: name.to_owned(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_split_at_the_first_separator() {
        let dir = directory(OsStr::new("data::/d::e?"), true).unwrap();
        assert_eq!(dir.host, Path::new("data"));
        assert_eq!(dir.guest, "/d::e");
        assert!(dir.optional && dir.read_only);
        assert!(directory(OsStr::new("::x"), false).is_err());
        assert!(directory(OsStr::new("x::"), false).is_err());
    }
}
