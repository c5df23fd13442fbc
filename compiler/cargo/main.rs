//! `cargo wasmelt`: a crate becomes an executable.
//!
//! ```text
//! cargo wasmelt build [CARGO'S FLAGS]            cargo builds for WebAssembly, wasmelt for this machine
//! cargo wasmelt run|test [CARGO'S FLAGS] [-- ..] cargo does it, with `wasmelt run` as its runner
//! ```
//!
//! What a program may do is in the `wasmelt.toml` beside its `Cargo.toml`, or in the workspace's.
//! Nothing is decided here about either: cargo is asked what it has built and where, and `wasmelt`
//! is told where the manifest is.
#![forbid(unsafe_code)]

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};

use serde_json::Value;

const HELP: &str = "\
Builds crates for WebAssembly, and makes executables of them with wasmelt

Usage: cargo wasmelt build [CARGO'S FLAGS]
       cargo wasmelt run [CARGO'S FLAGS] [-- ARGS]
       cargo wasmelt test [CARGO'S FLAGS] [-- ARGS]

Flags are those of `cargo build`, `cargo run` and `cargo test`. The target is wasm32-wasip2 unless
`--target` says wasm32-wasip1. Executables are in `wasmelt` in the folder of what cargo builds
(`target/wasmelt/release/NAME`).

What a program may do is in `wasmelt.toml` beside its Cargo.toml, or in that of the workspace.";

const MANIFEST: &str = "wasmelt.toml";

/// The command by which cargo calls this program to run what it has built.
const RUNNER: &str = "as-runner";

/// How a step has ended that was not a success.
enum Stop {
    /// With this to say.
    Message(String),
    /// A program has said what there is to say.
    Status(ExitStatus),
}

impl From<String> for Stop {
    fn from(message: String) -> Stop {
        Stop::Message(message)
    }
}

fn main() -> ExitCode {
    let mut words: Vec<OsString> = env::args_os().skip(1).collect();
    // Cargo says the name of the command again.
    if words.first().is_some_and(|word| word == "wasmelt") {
        words.remove(0);
    }
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Status(status)) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            ExitCode::from(code.unwrap_or(101))
        }
        Err(Stop::Message(message)) => {
            eprintln!("error: {message}");
            ExitCode::from(101)
        }
    }
}

fn run(words: &[OsString]) -> Result<(), Stop> {
    let (command, rest) = match words.split_first() {
        Some((command, rest)) => (command.to_string_lossy(), rest),
        None => ("help".into(), words),
    };
    let flags = rest.split(|word| word == "--").next().unwrap_or_default();
    if flags.iter().any(|word| word == "-h" || word == "--help") {
        println!("{HELP}");
        return Ok(());
    }
    match &*command {
        "build" | "b" => build(flags),
        "run" | "r" => with_runner("run", rest),
        "test" | "t" => with_runner("test", rest),
        RUNNER => Err(start(rest)),
        "help" | "-h" | "--help" => {
            println!("{HELP}");
            Ok(())
        }
        "-V" | "--version" => {
            println!("cargo-wasmelt {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
        other => Err(Stop::from(format!(
            "`cargo wasmelt` has no command `{other}`: it has `build`, `run` and `test`"
        ))),
    }
}

/// What cargo has built: a file for WebAssembly, and the `Cargo.toml` of its package.
struct Built {
    wasm: PathBuf,
    manifest: PathBuf,
}

fn build(flags: &[OsString]) -> Result<(), Stop> {
    let with_target = with_target(flags)?;
    let layout = layout(flags)?;
    let mut cargo = cargo();
    cargo
        .arg("build")
        .args(with_target)
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().map_err(no_cargo)?;
    let mut built = Vec::new();
    let output = child.stdout.take().expect("it is piped");
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|error| format!("cannot read what cargo says: {error}"))?;
        built.extend(built_by(&line));
    }
    let status = child.wait();
    succeeded(status.map_err(|error| format!("cannot wait for cargo: {error}"))?)?;
    if built.is_empty() {
        return Err(Stop::from(String::from(
            "there is nothing to make an executable of: the package has no program (`src/main.rs`), \
             and no library with `crate-type = [\"cdylib\"]`",
        )));
    }
    for one in &built {
        let output = layout.executable(&one.wasm);
        let folder = output.parent().expect("it is in a folder");
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("cannot create `{}`: {error}", folder.display()))?;
        let mut wasmelt = wasmelt("build", layout.manifest(&one.manifest))?;
        wasmelt.arg("-o").arg(&output).arg(&one.wasm);
        succeeded(wasmelt.status().map_err(no_wasmelt)?)?;
        eprintln!("  Executable {}", output.display());
    }
    Ok(())
}

/// Where things are, as cargo says.
struct Layout {
    target: PathBuf,
    workspace: PathBuf,
}

impl Layout {
    /// `target/wasm32-wasip2/release/app.wasm` becomes `target/wasmelt/release/app`.
    fn executable(&self, wasm: &Path) -> PathBuf {
        let profile = wasm.parent().and_then(Path::file_name);
        let folder = self.target.join("wasmelt");
        let folder = folder.join(profile.unwrap_or(OsStr::new("debug")));
        folder.join(wasm.file_stem().unwrap_or_default())
    }

    /// The settings for a package.
    fn manifest(&self, package: &Path) -> Option<PathBuf> {
        let own = package.parent().map(|folder| folder.join(MANIFEST));
        let shared = self.workspace.join(MANIFEST);
        [own, Some(shared)]
            .into_iter()
            .flatten()
            .find(|it| it.exists())
    }
}

fn layout(flags: &[OsString]) -> Result<Layout, Stop> {
    let mut cargo = cargo();
    cargo.args(["metadata", "--format-version=1", "--no-deps"]);
    let mut words = flags.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if text == "--manifest-path" {
            cargo.arg(word).args(words.next());
        } else if text.starts_with("--manifest-path=") {
            cargo.arg(word);
        }
    }
    let output = cargo.stderr(Stdio::inherit()).output().map_err(no_cargo)?;
    succeeded(output.status)?;
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`cargo metadata` says something else than JSON: {error}"))?;
    let folder = |name: &str| {
        let folder = metadata[name].as_str().map(PathBuf::from);
        folder.ok_or_else(|| Stop::from(format!("`cargo metadata` does not say `{name}`")))
    };
    // A profile's folder is below the one that flags name.
    let chosen = value_of(flags, "--target-dir").map(PathBuf::from);
    Ok(Layout {
        target: match chosen {
            Some(folder) => folder,
            None => folder("target_directory")?,
        },
        workspace: folder("workspace_root")?,
    })
}

/// What a message of cargo tells of, if it is something that can be an executable.
fn built_by(line: &str) -> Option<Built> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let program = message["executable"].as_str();
    let kinds = message["target"]["crate_types"].as_array();
    let is_library = kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind == "cdylib"));
    let files = message["filenames"].as_array()?.iter();
    let mut files = files.filter_map(Value::as_str);
    let wasm = match program {
        Some(program) => program,
        None if is_library => files.find(|file| file.ends_with(".wasm"))?,
        None => return None,
    };
    Some(Built {
        wasm: PathBuf::from(wasm),
        manifest: PathBuf::from(message["manifest_path"].as_str()?),
    })
}

/// `cargo run` and `cargo test`, with this program as their runner.
fn with_runner(command: &str, rest: &[OsString]) -> Result<(), Stop> {
    let flags = rest.split(|word| word == "--").next().unwrap_or_default();
    let target = target(flags)?;
    let own = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let own = own
        .to_str()
        .ok_or_else(|| format!("the path of `{}` is not UTF-8", own.display()))?;
    let runner = [own, RUNNER].map(|word| toml::Value::String(word.to_owned()).to_string());
    let setting = format!("target.{target}.runner=[{}]", runner.join(", "));
    let mut cargo = cargo();
    cargo.arg("--config").arg(setting).arg(command);
    cargo.args(with_target(flags)?).args(&rest[flags.len()..]);
    succeeded(cargo.status().map_err(no_cargo)?)
}

/// Runs what cargo has built: cargo says of which package it is. Returns when that has failed.
fn start(words: &[OsString]) -> Stop {
    let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let manifest = folder.and_then(|folder| {
        let mut above = folder.ancestors();
        let is_root = |folder: &&Path| folder.join(MANIFEST).exists();
        // That of the workspace is above the package's.
        above.find(is_root).map(|folder| folder.join(MANIFEST))
    });
    match wasmelt("run", manifest) {
        Ok(mut wasmelt) => {
            let error = wasmelt.args(words).exec();
            Stop::from(no_wasmelt(error))
        }
        Err(stop) => stop,
    }
}

/// The flags, with a target.
fn with_target(flags: &[OsString]) -> Result<Vec<OsString>, Stop> {
    let target = target(flags)?;
    let mut words = flags.to_vec();
    if value_of(flags, "--target").is_none() {
        words.push(OsString::from("--target"));
        words.push(OsString::from(target));
    }
    Ok(words)
}

fn target(flags: &[OsString]) -> Result<String, Stop> {
    let Some(target) = value_of(flags, "--target") else {
        return Ok(String::from("wasm32-wasip2"));
    };
    if !target.starts_with("wasm32-") {
        return Err(Stop::from(format!(
            "`--target {target}` is no WebAssembly: it is wasm32-wasip1 or wasm32-wasip2, and the \
             executable's own target is a setting in `{MANIFEST}`"
        )));
    }
    Ok(target)
}

/// The value of a flag, in the next word or behind `=`.
fn value_of(flags: &[OsString], name: &str) -> Option<String> {
    let mut words = flags.iter().map(|word| word.to_string_lossy());
    while let Some(word) = words.next() {
        if word == name {
            return words.next().map(|value| value.into_owned());
        }
        if let Some(value) = word.strip_prefix(name)
            && let Some(value) = value.strip_prefix('=')
        {
            return Some(value.to_owned());
        }
    }
    None
}

/// The cargo that has called this program.
fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")))
}

/// The `wasmelt` beside this program, or the one in the path.
fn wasmelt(command: &str, manifest: Option<PathBuf>) -> Result<Command, Stop> {
    let own = env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let beside = own.with_file_name("wasmelt");
    let mut wasmelt = match beside.exists() {
        true => Command::new(beside),
        false => Command::new("wasmelt"),
    };
    wasmelt.arg(command);
    if let Some(manifest) = manifest {
        wasmelt.arg("--config").arg(manifest);
    }
    Ok(wasmelt)
}

fn succeeded(status: ExitStatus) -> Result<(), Stop> {
    match status.success() {
        true => Ok(()),
        false => Err(Stop::Status(status)),
    }
}

fn no_cargo(error: std::io::Error) -> String {
    format!("cannot run cargo: {error}")
}

fn no_wasmelt(error: std::io::Error) -> String {
    format!("cannot run wasmelt: {error}; install it: `cargo install --path .` in its sources")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_libraries_are_built() {
        let message = |executable: &str, kind: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/p/Cargo.toml",
                "target":{{"crate_types":["{kind}"]}},"executable":{executable},
                "filenames":["/t/a.rlib","/t/a.wasm"]}}"#
            )
        };
        let wasm = |line: String| built_by(&line).map(|built| built.wasm);
        let expected = Some(PathBuf::from("/t/a.wasm"));
        assert_eq!(wasm(message("\"/t/a.wasm\"", "bin")), expected);
        assert_eq!(wasm(message("null", "cdylib")), expected);
        assert_eq!(wasm(message("null", "lib")), None);
        assert_eq!(wasm(String::from("not JSON")), None);
    }

    #[test]
    fn targets_are_of_webassembly() {
        let words = |text: &str| -> Vec<OsString> { text.split(' ').map(OsString::from).collect() };
        let found = |text| target(&words(text)).ok();
        assert_eq!(found("--release").as_deref(), Some("wasm32-wasip2"));
        let given = found("--target wasm32-wasip1");
        assert_eq!(given.as_deref(), Some("wasm32-wasip1"));
        assert_eq!(found("--target=x86_64-unknown-linux-gnu"), None);
    }

    #[test]
    fn executables_are_by_profile() {
        let layout = Layout {
            target: PathBuf::from("/t"),
            workspace: PathBuf::from("/w"),
        };
        let wasm = Path::new("/t/wasm32-wasip2/release/app.wasm");
        assert_eq!(layout.executable(wasm), Path::new("/t/wasmelt/release/app"));
    }
}
