//! Libraries, used by programs in `tests/library`: in C, C++, Rust and Python, and by a CMake project.
//!
//! A C program includes the headers of the libraries that are made of the modules or components of
//! those names beside it, and is linked with the static libraries and with the shared ones; one with
//! several libraries with each kind in turn, too. Programs in other languages are called as the library is. Each
//! checks what it does itself, and says what is wrong.
//! What needs a tool that is not there is ignored, which the list of tests says.
//!
//! `WASMELT_TEST_TARGET=TARGET` makes libraries for another machine: then programs in C and those that
//! use crates are compiled, by a compiler for that machine and its C library (Debian's
//! `gcc-aarch64-linux-gnu`) and the standard library of Rust, and run by an emulator.

#[path = "emulation/mod.rs"]
mod emulation;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use wasmelt_compiler::Target;

const C_FLAGS: &[&str] = &["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"];
const CPP_FLAGS: &[&str] = &[
    "-xc++",
    "-std=c++17",
    "-fsyntax-only",
    "-Wall",
    "-Wextra",
    "-Werror",
];

type Test = fn(&Path, &str) -> Result<(), Failed>;

/// Endings of files, or their folder, with what is tested with them: its name, the tool that is needed, and the test.
const KINDS: &[(&str, &str, &str, Test)] = &[
    ("c", "staticlib", "cc", c),
    ("c", "sharedlib", "cc", c),
    ("c", MIXED, "cc", c),
    ("c", "header in C++", "c++", header_in_cpp),
    ("py", "sharedlib", "python3", python),
    ("rs", "staticlib", "rustc", rust),
    ("crate", "rust", "cargo", rust_crate),
    ("txt", "staticlib", "cmake", cmake),
];

/// The first library of a program is static, the second shared.
const MIXED: &str = "staticlib and sharedlib";

fn main() {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = Vec::new();
    for source in sources() {
        let name = source
            .strip_prefix(folder())
            .unwrap_or(&source)
            .display()
            .to_string();
        let is_crate = source
            .parent()
            .is_some_and(|parent| parent.ends_with("crate"));
        let kind = match is_crate {
            true => OsStr::new("crate"),
            false => source.extension().unwrap_or_default(),
        };
        for &(extension, what, tool, test) in KINDS {
            let is_of_one = || included(&source).is_ok_and(|libraries| libraries.len() < 2);
            if kind == extension && !(what == MIXED && is_of_one()) {
                let source = source.clone();
                let Some(tool) = tool_of_target(tool) else {
                    continue;
                };
                let is_there = is_there(&tool) && (tool != "cargo" || has_standard_library());
                let name = format!("{name} with {what}, needs {tool}");
                let trial = Trial::test(name, move || test(&source, what));
                trials.push(trial.with_ignored_flag(!is_there));
            }
        }
    }
    trials.sort_by(|left, right| left.name().cmp(right.name()));
    libtest_mimic::run(&arguments, trials).exit();
}

/// What makes programs for the target; none where a tool is for this machine alone.
fn tool_of_target(tool: &str) -> Option<String> {
    match emulation::emulator() {
        None => Some(tool.to_owned()),
        Some(_) if tool == "cc" => Some(format!("{}-gcc", gnu_name())),
        Some(_) if tool == "cargo" => Some(tool.to_owned()),
        Some(_) => None,
    }
}

/// What rustc calls the target.
fn triple() -> String {
    let triple = emulation::target().library_triple();
    triple.expect("libraries can be made for it")
}

/// Whether Rust's standard library for the target is installed.
fn has_standard_library() -> bool {
    let mut command = Command::new("rustc");
    let command = command.args(["--print", "target-libdir", "--target", &triple()]);
    let output = command.output().map(|output| output.stdout);
    let folder = output.map(|text| String::from_utf8_lossy(&text).trim().to_owned());
    folder.is_ok_and(|folder| Path::new(&folder).exists())
}

/// What Debian calls the target's compiler, and the folder of its C library.
fn gnu_name() -> String {
    format!("{}-gnu", emulation::target().name)
}

/// An emulator keeps books of each page that is reserved: there, programs make fewer instances.
const EMULATED_C_FLAGS: &[&str] = &["-DINSTANCES=16", "-DTHREAD_INSTANCES=2"];

/// Libraries of the tests pass vectors, which RISC-V has in an extension only.
fn code_flags() -> &'static [&'static str] {
    match emulation::target().name {
        "riscv64-linux" => &["-C", "target-feature=+v"],
        _ => &[],
    }
}

/// What runs a program, with the target's C library.
fn emulator_arguments() -> Vec<String> {
    let mut arguments = emulation::arguments();
    if !code_flags().is_empty() {
        arguments.extend(["-cpu", "rv64,v=true"].map(str::to_owned));
    }
    arguments.extend(["-L".to_owned(), format!("/usr/{}", gnu_name())]);
    arguments
}

fn is_there(tool: &str) -> bool {
    let mut command = Command::new(tool);
    let command = command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/library")
}

fn sources() -> Vec<PathBuf> {
    let files = |folder: PathBuf| {
        let entries = fs::read_dir(folder).expect("the folder of the tests is there");
        entries.map(|entry| entry.expect("it can be read").path())
    };
    files(folder())
        .chain(files(folder().join("crate")))
        .chain([folder().join("cmake/CMakeLists.txt")])
        .collect()
}

/// What a library is made of.
fn input(library: &str) -> Result<PathBuf, Failed> {
    ["wat", "wasm"]
        .map(|extension| folder().join(format!("{library}.{extension}")))
        .into_iter()
        .find(|path| path.exists())
        .ok_or_else(|| "there is nothing to make the library of".into())
}

/// The libraries whose headers a program includes.
fn included(source: &Path) -> Result<Vec<String>, Failed> {
    let text = fs::read_to_string(source)?;
    let name = |line: &str| {
        let name = line.strip_prefix("#include \"")?.strip_suffix(".h\"")?;
        Some(name.to_owned())
    };
    let names: Vec<String> = text.lines().filter_map(name).collect();
    match names.is_empty() {
        true => Err("it includes no header of a library".into()),
        false => Ok(names),
    }
}

fn make(library: &str, emit: &str, dir: &Path) -> Result<(), Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmelt"));
    let command = command.current_dir(dir).args(["build", "--emit", emit]);
    // What may still change is tested all the same.
    command.args(["-W", "component-model-async-stackful"]);
    command.args(["--target", emulation::target().name]);
    command.args(code_flags());
    step(command.arg(input(library)?))
}

fn c(source: &Path, kind: &str) -> Result<(), Failed> {
    let libraries = included(source)?;
    let dir = tempfile::tempdir()?;
    for (position, library) in libraries.iter().enumerate() {
        let emit = match (kind, position) {
            (MIXED, 0) => "staticlib",
            (MIXED, _) => "sharedlib",
            (kind, _) => kind,
        };
        make(library, emit, dir.path())?;
        make(library, "header", dir.path())?;
    }
    let emulator = emulation::emulator();
    let mut command = Command::new(tool_of_target("cc").ok_or("C is for every target")?);
    if emulator.is_some() {
        command.args(EMULATED_C_FLAGS);
    }
    let command = command
        .current_dir(&dir)
        .args(C_FLAGS)
        .arg("-I.")
        .arg("-I")
        .arg(folder())
        .arg(source);
    let command = command.args(["-pthread", "-L.", "-o", "program"]);
    let flags = libraries.iter().map(|library| format!("-l{library}"));
    step(command.args(flags).arg("-lm"))?;
    let program = dir.path().join("program");
    let Some(emulator) = emulator else {
        let mut program = Command::new(program);
        return step(program.current_dir(&dir).env("LD_LIBRARY_PATH", dir.path()));
    };
    let mut command = Command::new(emulator);
    let command = command.current_dir(&dir).args(emulator_arguments());
    let libraries = format!("LD_LIBRARY_PATH={}", dir.path().display());
    step(command.args(["-E", &libraries]).arg(program))
}

fn header_in_cpp(source: &Path, _: &str) -> Result<(), Failed> {
    for library in included(source)? {
        let dir = tempfile::tempdir()?;
        make(&library, "header", dir.path())?;
        let mut command = Command::new("c++");
        let command = command.current_dir(&dir).args(CPP_FLAGS);
        let command = command.args(["-include", "stdlib.h"]);
        step(command.arg(format!("{library}.h")))?;
    }
    Ok(())
}

fn python(source: &Path, kind: &str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    make(&stem(source), kind, dir.path())?;
    step(Command::new("python3").current_dir(&dir).arg(source))
}

fn rust(source: &Path, kind: &str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    make(&stem(source), kind, dir.path())?;
    let mut command = Command::new("rustc");
    let command = command
        .current_dir(&dir)
        .args(["--edition", "2024", "-L.", "-o", "program"]);
    step(command.arg(source))?;
    step(Command::new(dir.path().join("program")).current_dir(&dir))
}

/// A package that depends on the crate by its path. For another machine, the crate is for this one
/// as well, where both have the same features.
fn rust_crate(source: &Path, _: &str) -> Result<(), Failed> {
    let library = stem(source);
    let dir = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmelt"));
    let command = command
        .current_dir(&dir)
        .args(["build", "--emit", "rust", "-o", "made"]);
    if emulation::emulator().is_some() {
        command.args(["--target", emulation::target().name]);
        match code_flags() {
            [] => command.args(["--target", Target::host().name]),
            flags => command.args(flags),
        };
    }
    step(command.arg(input(&library)?))?;
    let package = dir.path().join("package");
    fs::create_dir_all(package.join("src"))?;
    fs::copy(source, package.join("src/main.rs"))?;
    let manifest = format!(
        "[package]\nname = \"user\"\nedition = \"2024\"\n\n[workspace]\n\n\
         [dependencies]\n{library} = {{ path = \"../made\" }}\n"
    );
    fs::write(package.join("Cargo.toml"), manifest)?;
    let mut command = Command::new("cargo");
    let command = command
        .current_dir(&package)
        .args(["run", "--quiet", "--offline"]);
    if let Some(emulator) = emulation::emulator() {
        let triple = triple();
        command.args(["--target", &triple]);
        let variable = |name: &str| {
            let target = triple.to_uppercase().replace('-', "_");
            format!("CARGO_TARGET_{target}_{name}")
        };
        let arguments = emulator_arguments().join(" ");
        let runner = format!("{} {arguments}", emulator.display());
        command.env(variable("LINKER"), format!("{}-gcc", gnu_name()));
        command.env(variable("RUNNER"), runner);
    }
    step(command.env("CARGO_TARGET_DIR", dir.path().join("target")))
}

fn cmake(source: &Path, _: &str) -> Result<(), Failed> {
    let project = source.parent().ok_or("a file lies in a folder")?;
    let dir = tempfile::tempdir()?;
    let mut command = Command::new("cmake");
    let command = command.arg("-S").arg(project).arg("-B").arg(dir.path());
    step(command.arg(concat!("-DWASMELT=", env!("CARGO_BIN_EXE_wasmelt"))))?;
    step(Command::new("cmake").arg("--build").arg(dir.path()))?;
    step(&mut Command::new(dir.path().join("program")))
}

fn stem(source: &Path) -> String {
    source
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

fn step(command: &mut Command) -> Result<(), Failed> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let mut message = format!("{command:?}: {}\n", output.status);
    message.push_str(&String::from_utf8_lossy(&output.stdout));
    message.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(message.into())
}
