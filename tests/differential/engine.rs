//! Random modules with garbage collection: with a collection at each allocation and without, compiled in
//! other ways, and under another engine.
//!
//! `WASMELT_ENGINE` is a command that runs modules of WASI 0.1, such as `wasmtime run`, and has options
//! like that one: `--preload random=FILE`. What it prints has to be what our executable answers. A trap
//! ends it, so both are asked anew, without the question that has trapped.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::Failed;
use wasm_smith::{InstructionKind as K, InstructionKinds};
use wasmelt_compiler::{Options, ScriptItem, ScriptModule};

use super::driver::Subject;
use super::executables::{self, Surroundings};
use super::{LIMIT, generated, keep, variants};

const FUEL: u32 = 2000;

/// How often both are asked: as many traps are seen.
const ROUNDS: usize = 6;

/// Bytes of objects; how many there may be is an engine's own choice.
const HEAP_BYTES_MAX: u64 = 64 << 20;

/// Where these begin, engines differ in what they have room for.
const LIMITS: [&str; 3] = [
    "GC heap out of memory",
    "allocation size too large",
    "call stack exhausted",
];

pub fn check(seed: u64, executable: &Path) -> Result<(), Failed> {
    let wasm = module(seed);
    keep(&wasm, &format!("gc-{seed}"))?;
    let subject = Subject::of(&wasm);
    let all: Vec<usize> = (0..subject.questions.len()).collect();
    let variants = variants();
    let plain = match Program::new(&wasm, &subject, seed, &variants[0], executable) {
        Err(error) if error.message().is_some_and(is_too_large) => return Ok(()),
        made => made?,
    };
    let wanted = plain.answers(&all, None)?;
    compare(
        &wanted,
        &plain.answers(&all, Some("stress"))?,
        "with stress",
    )?;
    if let Ok(engine) = std::env::var("WASMELT_ENGINE") {
        let engine = Engine {
            command: engine.split_whitespace().map(str::to_owned).collect(),
            files: executable.with_extension("files"),
        };
        std::fs::create_dir_all(&engine.files)?;
        std::fs::write(engine.files.join("random.wasm"), &wasm)?;
        let outcome = against(&plain, &engine, &subject, seed);
        std::fs::remove_dir_all(&engine.files)?;
        outcome?;
    }
    drop(plain);
    let other = Options {
        constant_fields: seed.is_multiple_of(3),
        ..variants[1 + seed as usize % (variants.len() - 1)].clone()
    };
    let other = Program::new(&wasm, &subject, seed, &other, executable)?;
    compare(&wanted, &other.answers(&all, None)?, "with other options")
}

/// Constants make objects of the image: a length may be one that no image can have.
fn is_too_large(message: &str) -> bool {
    message.ends_with("so large objects in constant expressions")
}

fn module(seed: u64) -> Vec<u8> {
    let mut module = generated::module(seed ^ 0x6c9a, |config| {
        config.canonicalize_nans = true;
        config.gc_enabled = true;
        config.reference_types_enabled = true;
        config.exceptions_enabled = seed % 2 == 1;
        config.max_types = 30;
        config.max_globals = 12;
        config.max_memories = 1;
        config.max_instructions = 400;
        // All that there is; more of what objects are for; little else.
        let kinds = [
            K::Reference,
            K::Parametric,
            K::Variable,
            K::Control,
            K::Aggregate,
        ];
        config.allowed_instructions = match seed % 3 {
            0 => InstructionKinds::all(),
            1 => InstructionKinds::new(&[&kinds[..], &[K::Numeric, K::Table]].concat()),
            _ => InstructionKinds::new(&[&kinds[..], &[K::NumericInt]].concat()),
        };
    });
    module
        .ensure_termination(FUEL)
        .expect("all functions were generated");
    module.to_bytes()
}

fn compare(wanted: &[String], given: &[String], how: &str) -> Result<(), Failed> {
    // What has run out of something has not done the rest.
    let limited = |answer: &String| LIMITS.iter().any(|limit| answer.contains(limit));
    let end = [wanted, given]
        .iter()
        .filter_map(|answers| answers.iter().position(limited))
        .min()
        .unwrap_or(usize::MAX);
    let (wanted, given) = (
        &wanted[..end.min(wanted.len())],
        &given[..end.min(given.len())],
    );
    match wanted
        .iter()
        .zip(given)
        .position(|(one, other)| one != other)
    {
        Some(at) => Err(format!(
            "{how}, answer {at}: expected `{}`, but `{}`",
            wanted[at], given[at]
        )
        .into()),
        None if wanted.len() != given.len() => {
            Err(format!("{how}: {} answers, but {}", wanted.len(), given.len()).into())
        }
        None => Ok(()),
    }
}

/// A module and its driver as an executable, which is removed in the end.
struct Program<'a> {
    executable: &'a Path,
}

impl<'a> Program<'a> {
    fn new(
        wasm: &[u8],
        subject: &Subject,
        seed: u64,
        options: &Options,
        executable: &'a Path,
    ) -> Result<Program<'a>, Failed> {
        let driver = subject.driver(seed, None);
        let random = ("random".to_owned(), 0);
        let module = |wasm, name: &str, providers| {
            ScriptItem::Module(ScriptModule {
                wasm,
                name: name.to_owned(),
                providers,
            })
        };
        let modules = [
            module(wasm, "random", HashMap::new()),
            module(&driver, "driver", HashMap::from([random])),
        ];
        let options = Options {
            gc_heap_bytes_max: Some(HEAP_BYTES_MAX),
            verify: true,
            ..options.clone()
        };
        let compiled = executables::compile(&modules, &options)?;
        executables::link(&compiled, executable)?;
        Ok(Program { executable })
    }

    /// To the instantiation, and to these questions.
    fn answers(&self, asked: &[usize], gc: Option<&str>) -> Result<Vec<String>, Failed> {
        let mut commands = vec!["instantiate 0".to_owned()];
        commands.extend(asked.iter().map(|position| {
            let name = executables::hex_name(&format!("q{position}"));
            format!("invoke 1 {name}")
        }));
        let mut surroundings = Surroundings::from_ours();
        surroundings.gc = gc.map(str::to_owned).or(surroundings.gc);
        let session = executables::obey(self.executable, &surroundings, &commands, LIMIT)?;
        match session.fault {
            Some(fault) => Err(format!("after {} answers: {fault}", session.answers.len()).into()),
            None => Ok(session.answers),
        }
    }
}

impl Drop for Program<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.executable);
    }
}

struct Engine {
    command: Vec<String>,
    /// Where its modules are.
    files: std::path::PathBuf,
}

fn against(
    plain: &Program<'_>,
    engine: &Engine,
    subject: &Subject,
    seed: u64,
) -> Result<(), Failed> {
    let mut asked: Vec<usize> = (0..subject.questions.len()).collect();
    for _ in 0..ROUNDS {
        let mut wanted = engine.answers(&subject.driver(seed, Some(&asked)))?;
        let mut given = plain.answers(&asked, None)?;
        let stopped = given.iter().position(|answer| !answer.starts_with("ok"));
        given.truncate(stopped.map_or(given.len(), |at| at + 1));
        // The text of an engine's trap is among others.
        if let (Some(theirs), Some(ours)) = (wanted.last_mut(), given.last())
            && let Some(text) = theirs.strip_prefix("stopped ")
        {
            let expected = match ours.as_str() {
                "exception" => "thrown Wasm exception",
                other => other.strip_prefix("trap ").unwrap_or(other),
            };
            *theirs = match text.contains(expected) {
                true => ours.clone(),
                false => text.to_owned(),
            };
        }
        compare(&wanted, &given, "under the engine")?;
        match stopped {
            Some(at) if at > 0 => {
                asked.remove(at - 1);
            }
            _ => return Ok(()),
        }
    }
    Ok(())
}

impl Engine {
    /// The answers up to the first trap.
    fn answers(&self, driver: &[u8]) -> Result<Vec<String>, Failed> {
        let file = |name: &str| self.files.join(name);
        std::fs::write(file("driver.wasm"), driver)?;
        let [program, arguments @ ..] = &self.command[..] else {
            return Err("WASMELT_ENGINE names no command".into());
        };
        let random = format!("random={}", file("random.wasm").display());
        let output = Command::new(program)
            .args(arguments)
            .args(["--preload", &random])
            .arg(file("driver.wasm"))
            .stdin(Stdio::null())
            .output()?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut answers: Vec<String> = printed
            .lines()
            .map(|line| format!("ok i64:{line}"))
            .collect();
        // What it prints before it asks is that the module is there.
        if let Some(first) = answers.first_mut() {
            "ok".clone_into(first);
        }
        let text = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            answers.push(format!("stopped {text}"));
        }
        Ok(answers)
    }
}
