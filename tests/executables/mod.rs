//! Executables of test scripts: several modules and components, one program whose driver obeys
//! commands.
//!
//! In go modules with the links between them, and components; out comes a file that can be started, and then the
//! answers to the commands that were written to its standard input. The runtime library's module
//! `main_script` defines both languages.
//!
//! `WASMELT_TEST_TARGET=TARGET` makes them for another machine; then they are run by an emulator.

#[path = "../emulation/mod.rs"]
pub mod emulation;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use wasmelt_compiler::{Compiled, Error, IMAGE_SECTION, Options, Progress, ScriptItem};
use wasmelt_linker::{ImageSection, LinkRequest, Linker, RuntimePack, Strip};

/// The runtime library for each target, packed by the build script; nothing where it could not.
static PACKS: [(&str, &[u8]); 4] = [
    (
        "x86_64-linux",
        include_bytes!(concat!(env!("OUT_DIR"), "/wasmelt-pack-x86_64-linux.lz4")),
    ),
    (
        "aarch64-linux",
        include_bytes!(concat!(env!("OUT_DIR"), "/wasmelt-pack-aarch64-linux.lz4")),
    ),
    (
        "riscv64-linux",
        include_bytes!(concat!(env!("OUT_DIR"), "/wasmelt-pack-riscv64-linux.lz4")),
    ),
    (
        "x86_64-windows",
        include_bytes!(concat!(env!("OUT_DIR"), "/wasmelt-pack-x86_64-windows.lz4")),
    ),
];

/// Nobody watches tests compile.
struct Silent;

impl Progress for Silent {
    fn functions(&self, _done: usize, _total: usize) {}
}

/// Compiles modules and components for the driver.
///
/// # Errors
/// What the compiler says.
pub fn compile(items: &[ScriptItem<'_>], options: &Options) -> Result<Compiled, Error> {
    let options = Options {
        target: emulation::target(),
        call_reach_bytes_max: call_reach_bytes_max(),
        memory_reservation_bytes: reservation_bytes(options),
        ..options.clone()
    };
    wasmelt_compiler::compile_script(items, &options, &Silent)
}

/// An emulator keeps books of each page that is reserved: there, memories with 64-bit indices get as
/// much as others.
fn reservation_bytes(options: &Options) -> Option<u64> {
    let emulated = emulation::emulator().map(|_| 4 << 30);
    options.memory_reservation_bytes.or(emulated)
}

/// How far calls reach at most: `WASMELT_TEST_CALL_REACH`, in bytes.
///
/// # Panics
/// When that is no number.
fn call_reach_bytes_max() -> Option<u64> {
    let bytes = env::var("WASMELT_TEST_CALL_REACH").ok()?;
    Some(
        bytes
            .parse()
            .expect("`WASMELT_TEST_CALL_REACH` is a number"),
    )
}

/// Links what was compiled to an executable at `output`.
///
/// # Errors
/// The linker's message.
pub fn link(compiled: &Compiled, output: &Path) -> Result<(), String> {
    let target = emulation::target();
    let pack = PACKS.iter().find(|(name, _)| *name == target.name);
    let pack = pack.map_or(&[][..], |(_, pack)| pack);
    let pack =
        RuntimePack::from_bytes(pack).map_err(|error| format!("{}: {error}", target.name))?;
    let executable = wasmelt_linker::link(LinkRequest {
        object: Arc::new(compiled.object.clone()),
        pack: &pack,
        image: compiled.image.as_ref().map(|image| ImageSection {
            section: String::from(IMAGE_SECTION),
            address: image.address,
            memory_bytes: image.memory_bytes,
            parts: &image.parts,
        }),
        linker: Linker::InProcess,
        strip: Strip::None,
        build_id: None,
        stack_bytes: None,
    });
    let executable = executable.map_err(|error| error.to_string())?;
    // One that ran before, perhaps still does, keeps its contents.
    let _ = fs::remove_file(output);
    let mut options = fs::OpenOptions::new();
    let file = options
        .write(true)
        .create_new(true)
        .mode(0o700)
        .open(output);
    file.and_then(|mut file| file.write_all(&executable))
        .map_err(|error| error.to_string())
}

/// What a driver said.
#[derive(Debug)]
pub struct Session {
    /// One for each command, in order; fewer when the driver ended early.
    pub answers: Vec<String>,
    /// How it ended, where that was not as it should be.
    pub fault: Option<String>,
}

/// The environment of an executable: none but for how it collects garbage.
#[derive(Debug)]
pub struct Surroundings {
    /// The value of [`GC_VARIABLE`], if it has one.
    pub gc: Option<String>,
}

const GC_VARIABLE: &str = "WASMELT_GC";

impl Surroundings {
    /// As the tests themselves have it.
    #[must_use]
    pub fn from_ours() -> Surroundings {
        Surroundings {
            gc: std::env::var(GC_VARIABLE).ok(),
        }
    }
}

/// Starts the executable, gives it the commands and collects the answers. It is ended when it has
/// not finished within `limit`, in an emulator within ten times that: it keeps books of each page
/// that is reserved.
///
/// # Errors
/// When it cannot be started.
pub fn obey(
    executable: &Path,
    surroundings: &Surroundings,
    commands: &[String],
    limit: Duration,
) -> Result<Session, String> {
    let limit = match emulation::emulator() {
        None => limit,
        Some(_) => limit * 10,
    };
    let mut child = start(executable, surroundings)?;
    let mut input = child.stdin.take().expect("it is a pipe");
    let output = child.stdout.take().expect("it is a pipe");
    let errors = child.stderr.take().expect("it is a pipe");
    let text = commands
        .iter()
        .fold(String::new(), |text, command| text + command + "\n");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        // A driver that has ended early has closed the pipe; its answers tell.
        let _ = input.write_all(text.as_bytes());
    });
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let said = std::thread::spawn(move || {
        BufReader::new(errors)
            .lines()
            .map_while(Result::ok)
            .collect::<Vec<_>>()
    });
    let deadline = Instant::now() + limit;
    let mut answers = Vec::with_capacity(commands.len());
    let mut fault = None;
    loop {
        match receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(answer) => answers.push(answer),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                fault = Some(format!("not finished after {} s", limit.as_secs()));
                let _ = child.kill();
                break;
            }
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if fault.is_none() && !status.success() {
        let mut text = status.to_string();
        for line in said.join().unwrap_or_default().iter().take(3) {
            let _ = write!(text, ": {line}");
        }
        fault = Some(text);
    }
    Ok(Session { answers, fault })
}

/// A file that was just written can still be open in a child that another thread is starting;
/// the system then says that the text file is busy.
fn start(executable: &Path, surroundings: &Surroundings) -> Result<Child, String> {
    let mut tries = 0;
    loop {
        let child = command(executable)
            .env_clear()
            .envs(surroundings.gc.iter().map(|value| (GC_VARIABLE, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        match child {
            Ok(child) => return Ok(child),
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy && tries < 200 => {
                tries += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(format!("cannot start it: {error}")),
        }
    }
}

/// A command that runs an executable.
fn command(executable: &Path) -> Command {
    match emulation::emulator() {
        None => Command::new(executable),
        Some(emulator) => {
            let mut command = Command::new(emulator);
            command.args(emulation::arguments()).arg(executable);
            command
        }
    }
}

/// An export's name, or the text of a component's value, as the driver reads it.
#[must_use]
pub fn hex_name(name: &str) -> String {
    if name.is_empty() {
        return String::from("-");
    }
    name.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
