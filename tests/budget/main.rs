//! Hostile input must not exhaust the compiler: each shape is built within ten times the CPU time
//! and memory that validating it takes, and a constant; with and without optimisation.
//!
//! Shapes are small inputs that ask for much, or large ones that have very many of one thing. A
//! pass that is not linear in its input shows here.

mod component;
mod core;
mod debug;
mod machines;
mod objects;
mod shape;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use shape::{Outcome, Shape};
use wait4::Wait4;

/// What is paid beside ten times validating: linking, and what code costs more than bytes.
/// The command that is tested here is built without optimisation, and checks Cranelift's output;
/// two threads on one core, and a busy machine's caches, double what it takes.
const CPU_CONSTANT: Duration = Duration::from_secs(10);
const MEMORY_CONSTANT: u64 = 400 << 20;
const FACTOR: u32 = 10;

struct Cost {
    cpu: Duration,
    memory_bytes: u64,
    succeeded: bool,
    stderr: String,
}

/// Each shape is built a second time so, by other ways to say constants and to allocate registers. What
/// development builds check of the allocator's result is not linear.
const UNOPTIMIZED: &[&str] = &["-O0", "-C", "cranelift-debug-verifier=n"];

/// Names the shape that this process is to write to a file, and that file.
const MAKE: [&str; 2] = ["WASMELT_BUDGET_MAKE", "WASMELT_BUDGET_FILE"];

fn main() -> ExitCode {
    let mut shapes = core::shapes()
        .into_iter()
        .chain(component::shapes())
        .chain(debug::shapes())
        .chain(machines::shapes())
        .chain(objects::shapes());
    if let [Ok(name), Ok(file)] = MAKE.map(std::env::var) {
        let shape = shapes.find(|shape| shape.name == name);
        let wasm = (shape.expect("a shape of this test").make)();
        return match fs::write(file, wasm) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    let arguments = Arguments::from_args();
    let trials = shapes.map(|shape| Trial::test(shape.name, move || check(&shape)));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

fn check(shape: &Shape) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let wasm = folder.path().join("shape.wasm");
    // The memory of this process counts as its children's.
    let made = Command::new(std::env::current_exe()?)
        .env(MAKE[0], shape.name)
        .env(MAKE[1], &wasm)
        .status()?;
    if !made.success() {
        return Err("the shape could not be made".into());
    }
    let wasm_bytes = fs::metadata(&wasm)?.len();
    let validated = run(folder.path(), &["check", "-q", "shape.wasm"])?;
    for further in [&[][..], UNOPTIMIZED] {
        let mut arguments = vec!["build", "-q", "shape.wasm", "-o", "shape"];
        arguments.extend(shape.arguments);
        arguments.extend(further);
        let built = run(folder.path(), &arguments)?;
        match shape.outcome {
            Outcome::Built if !built.succeeded => return Err(built.stderr.into()),
            Outcome::Refused(message) if built.succeeded || !built.stderr.contains(message) => {
                return Err(format!("`{message}` is expected: {}", built.stderr).into());
            }
            _ => {}
        }
        let cpu_max = validated.cpu * FACTOR + CPU_CONSTANT;
        let memory_max = validated.memory_bytes * u64::from(FACTOR) + MEMORY_CONSTANT;
        let file = fs::metadata(folder.path().join("shape")).map_or(0, |file| file.len());
        let figures = format!(
            "{further:?}: {wasm_bytes} bytes, an executable of {file}: {:?} and {} KiB, validated in {:?} and {} KiB",
            built.cpu,
            built.memory_bytes >> 10,
            validated.cpu,
            validated.memory_bytes >> 10
        );
        if std::env::var_os("WASMELT_BUDGET_PRINT").is_some() {
            println!("{} {figures}", shape.name);
        }
        if built.cpu > cpu_max || built.memory_bytes > memory_max {
            return Err(figures.into());
        }
    }
    Ok(())
}

/// Runs the command; a panic of it is an error.
fn run(folder: &Path, arguments: &[&str]) -> Result<Cost, Failed> {
    let stderr = folder.join("stderr");
    let child = Command::new(env!("CARGO_BIN_EXE_wasmelt"))
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&stderr)?)
        .spawn()?;
    let used = child.wait4()?;
    let stderr = fs::read_to_string(&stderr)?;
    if !matches!(used.status.code(), Some(0 | 1)) {
        return Err(format!("{}: {stderr}", used.status).into());
    }
    Ok(Cost {
        cpu: used.rusage.utime + used.rusage.stime,
        memory_bytes: used.rusage.maxrss,
        succeeded: used.status.success(),
        stderr,
    })
}
