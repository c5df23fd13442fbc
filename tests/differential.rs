//! Random modules under our executables and under a reference: the same results, traps, globals
//! and memories.
//!
//! There are seven families of seeds. Those called `wasmi` run under that interpreter too; those
//! called `options` have exceptions, which it lacks, and are compiled in two ways; those called
//! `profile` count what they run, and are compiled again with the counts; those called `gc` have garbage
//! collection, and run under the engine that `WASMELT_ENGINE` names, if it does (`engine.rs`); those called
//! `bytes` are loops that look for a byte (`bytes.rs`), compiled with and without `-O byte-loops`; those
//! called `numbers` are what `-O byte-order` and `-O simplify` are about (`numbers.rs`), with and without;
//! those called `machines` are state machines (`machines.rs`), with and without `-O jump-threading`.
//! `WASMELT_DIFFERENTIAL=N` takes N seeds of the first two, and a third of it of the others; a filter such as `wasmi/17` takes one.
//! `WASMELT_DIFFERENTIAL_KEEP=FOLDER` writes the modules there.

#[path = "differential/bytes.rs"]
mod bytes;
#[path = "differential/driver.rs"]
mod driver;
#[path = "differential/engine.rs"]
mod engine;
#[path = "executables/mod.rs"]
mod executables;
#[path = "generated/mod.rs"]
mod generated;
#[path = "differential/interpreter.rs"]
mod interpreter;
#[path = "differential/machines.rs"]
mod machines;
#[path = "differential/numbers.rs"]
mod numbers;

use std::collections::HashMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use generated::Random;
use libtest_mimic::{Arguments, Failed, Trial};
use wasmelt_compiler::{
    DebugInfo, OptLevel, Options, ProfileFile, RegisterAllocation, ScriptItem, ScriptModule,
};
use wasmparser::{ExternalKind, Parser, Payload, ValType};

/// Calls of functions and loops that a module may make in all.
const FUEL: u32 = 2000;
/// How often each function is called.
const ROUNDS: usize = 3;
const LIMIT: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let seeds = std::env::var("WASMELT_DIFFERENTIAL")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(150);
    let folder = Arc::new(tempfile::tempdir().expect("there is a place for temporary files"));
    let mut trials = Vec::new();
    for seed in 0..seeds {
        let path = folder.path().join(format!("wasmi-{seed}"));
        trials.push(Trial::test(format!("wasmi/{seed}"), move || {
            against_wasmi(seed, &path)
        }));
        let path = folder.path().join(format!("options-{seed}"));
        trials.push(Trial::test(format!("options/{seed}"), move || {
            against_other_options(seed, &path)
        }));
    }
    for seed in 0..seeds / 3 {
        let path = folder.path().join(format!("profile-{seed}"));
        trials.push(Trial::test(format!("profile/{seed}"), move || {
            with_profile(seed, &path)
        }));
        let path = folder.path().join(format!("bytes-{seed}"));
        trials.push(Trial::test(format!("bytes/{seed}"), move || {
            byte_loops(seed, &path)
        }));
        let path = folder.path().join(format!("numbers-{seed}"));
        trials.push(Trial::test(format!("numbers/{seed}"), move || {
            simplified(seed, &path)
        }));
        let path = folder.path().join(format!("machines-{seed}"));
        trials.push(Trial::test(format!("machines/{seed}"), move || {
            threaded(seed, &path)
        }));
        let path = folder.path().join(format!("gc-{seed}"));
        trials.push(Trial::test(format!("gc/{seed}"), move || {
            engine::check(seed, &path)
        }));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn against_wasmi(seed: u64, executable: &Path) -> Result<(), Failed> {
    let wasm = module(seed, false);
    keep(&wasm, &format!("wasmi-{seed}"))?;
    let questions = questions(&wasm, seed);
    let wanted = interpreter::answers(&wasm, &questions)?;
    let variants = variants();
    let options = &variants[seed as usize % variants.len()];
    let given: Vec<String> = answers(&wasm, &questions, options, executable)?
        .into_iter()
        // The interpreter has one text for calls and for other uses of an element.
        .map(|answer| answer.replace("undefined element: ", ""))
        .collect();
    compare(&questions, &wanted, &given)
}

/// Every other time bounds are checked in code.
fn byte_loops(seed: u64, executable: &Path) -> Result<(), Failed> {
    let (wasm, questions) = bytes::module(seed);
    keep(&wasm, &format!("bytes-{seed}"))?;
    let wanted = interpreter::answers(&wasm, &questions)?;
    for byte_loops in [false, true] {
        let options = Options {
            byte_loops,
            memory_reservation_bytes: (seed % 2 == 1).then_some(4 << 16),
            verify: true,
            ..Options::default()
        };
        let given = answers(&wasm, &questions, &options, executable)?;
        compare(&questions, &wanted, &given)?;
    }
    Ok(())
}

/// Every fourth time bounds are checked in code.
fn simplified(seed: u64, executable: &Path) -> Result<(), Failed> {
    let (wasm, questions) = numbers::module(seed);
    keep(&wasm, &format!("numbers-{seed}"))?;
    let wanted = interpreter::answers(&wasm, &questions)?;
    for is_on in [false, true] {
        let options = Options {
            simplify: is_on,
            byte_order: is_on,
            memory_reservation_bytes: (seed % 4 == 1).then_some(4 << 16),
            verify: true,
            ..Options::default()
        };
        let given = answers(&wasm, &questions, &options, executable)?;
        compare(&questions, &wanted, &given)?;
    }
    Ok(())
}

/// Every fourth time what is known of locals is followed, too. The interpreter is not asked: wasmi 2.0 gives
/// other sums than Wasmtime for some of these.
fn threaded(seed: u64, executable: &Path) -> Result<(), Failed> {
    let (wasm, questions) = machines::module(seed);
    keep(&wasm, &format!("machines-{seed}"))?;
    let plain = Options {
        opt_level: OptLevel::None,
        ..Options::default()
    };
    let wanted = answers(&wasm, &questions, &plain, executable)?;
    for is_on in [false, true] {
        let options = Options {
            jump_threading: is_on,
            verify: true,
            debug_info: match seed % 4 {
                1 => DebugInfo::Full,
                _ => DebugInfo::None,
            },
            ..Options::default()
        };
        let given = answers(&wasm, &questions, &options, executable)?;
        compare(&questions, &wanted, &given)?;
    }
    Ok(())
}

fn against_other_options(seed: u64, executable: &Path) -> Result<(), Failed> {
    let wasm = module(seed ^ 0xe4c3, true);
    keep(&wasm, &format!("options-{seed}"))?;
    let questions = questions(&wasm, seed);
    let [plain, others @ ..] = variants();
    let wanted = answers(&wasm, &questions, &plain, executable)?;
    let other = &others[seed as usize % others.len()];
    let given = answers(&wasm, &questions, other, executable)?;
    compare(&questions, &wanted, &given)
}

fn with_profile(seed: u64, executable: &Path) -> Result<(), Failed> {
    let wasm = module(seed ^ 0x90f1, seed % 2 == 1);
    keep(&wasm, &format!("profile-{seed}"))?;
    let questions = questions(&wasm, seed);
    let plain = Options::default();
    let wanted = answers(&wasm, &questions, &plain, executable)?;
    let file = executable.with_extension("counts");
    let counting = Options {
        profile_generate: Some(file.clone()),
        ..plain.clone()
    };
    let given = answers(&wasm, &questions, &counting, executable)?;
    compare(&questions, &wanted, &given)?;
    let profile = ProfileFile {
        name: "counts".to_owned(),
        bytes: std::fs::read(&file)?,
    };
    let _ = std::fs::remove_file(file);
    let using = Options {
        profile_use: vec![profile],
        ..plain
    };
    let given = answers(&wasm, &questions, &using, executable)?;
    compare(&questions, &wanted, &given)
}

/// Ways of compiling that must not make a difference.
fn variants() -> [Options; 9] {
    let plain = Options::default();
    [
        plain.clone(),
        Options {
            inline_values_max: 0,
            ..plain.clone()
        },
        Options {
            opt_level: OptLevel::None,
            verify: true,
            ..plain.clone()
        },
        Options {
            memory_reservation_bytes: Some(10 << 16),
            inline_values_max: 500,
            ..plain.clone()
        },
        Options {
            spill_cleanup: false,
            ..plain.clone()
        },
        Options {
            short_encodings: false,
            ..plain.clone()
        },
        Options {
            branch_tables: false,
            byte_loops: false,
            byte_order: false,
            jump_threading: false,
            simplify: false,
            ..plain.clone()
        },
        Options {
            register_allocation: Some(RegisterAllocation::Backtracking),
            ..plain.clone()
        },
        Options {
            register_allocation: Some(RegisterAllocation::Backtracking),
            spill_cleanup: false,
            ..plain
        },
    ]
}

fn module(seed: u64, exceptions: bool) -> Vec<u8> {
    let mut module = generated::module(seed, |config| {
        config.canonicalize_nans = true;
        // The interpreter checks lanes that are stored to the second memory against the first.
        config.max_memories = if exceptions { 2 } else { 1 };
        config.memory64_enabled = true;
        config.max_memory64_bytes = 10 << 16;
        config.exceptions_enabled = exceptions;
        config.wide_arithmetic_enabled = !exceptions;
    });
    module
        .ensure_termination(FUEL)
        .expect("all functions were generated");
    module.to_bytes()
}

fn keep(wasm: &[u8], name: &str) -> Result<(), Failed> {
    if let Some(folder) = std::env::var_os("WASMELT_DIFFERENTIAL_KEEP") {
        std::fs::write(Path::new(&folder).join(name).with_extension("wasm"), wasm)?;
    }
    Ok(())
}

/// What is asked of a module.
#[derive(Debug)]
pub enum Question {
    Call {
        name: String,
        args: Vec<String>,
    },
    /// The value of a global.
    Global {
        name: String,
    },
    /// The sum over the bytes of a memory that [`interpreter::hash`] defines.
    Memory {
        name: String,
        /// The type of its addresses.
        index: &'static str,
    },
}

impl Question {
    /// A call of a function of 32-bit numbers, which is called as its kind and its number say.
    fn of_numbers(kind: &str, number: usize, args: &[u64]) -> Question {
        let args = args.iter().map(|&arg| format!("i32:{:08x}", arg as u32));
        Question::Call {
            name: format!("{kind}{number}"),
            args: args.collect(),
        }
    }
}

/// Calls of every exported function, then what they left behind.
fn questions(wasm: &[u8], seed: u64) -> Vec<Question> {
    let (calls, rest) = exports(wasm);
    let mut random = Random::new(!seed);
    let mut questions = Vec::new();
    for _ in 0..ROUNDS {
        for (name, params) in &calls {
            let args: Option<Vec<String>> =
                params.iter().map(|&ty| argument(ty, &mut random)).collect();
            if let Some(args) = args {
                let name = name.clone();
                questions.push(Question::Call { name, args });
            }
        }
    }
    questions.extend(rest);
    questions
}

type Calls = Vec<(String, Vec<ValType>)>;

fn exports(wasm: &[u8]) -> (Calls, Vec<Question>) {
    let mut types = Vec::new();
    let mut functions = Vec::new();
    let mut memories = Vec::new();
    let mut calls = Calls::new();
    let mut rest = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.expect("it was generated as a valid module") {
            Payload::TypeSection(reader) => types.extend(
                reader
                    .into_iter_err_on_gc_types()
                    .map(|ty| ty.expect("a function type")),
            ),
            Payload::FunctionSection(reader) => {
                functions.extend(reader.into_iter().map(|ty| ty.expect("valid") as usize));
            }
            Payload::MemorySection(reader) => {
                let index = |memory64| if memory64 { "i64" } else { "i32" };
                let types = reader.into_iter().map(|ty| ty.expect("valid"));
                memories.extend(types.map(|ty| index(ty.memory64)));
            }
            Payload::ExportSection(reader) => {
                for export in reader.into_iter().map(|export| export.expect("valid")) {
                    let name = export.name.to_owned();
                    match export.kind {
                        ExternalKind::Func => {
                            let ty: &wasmparser::FuncType =
                                &types[functions[export.index as usize]];
                            calls.push((name, ty.params().to_vec()));
                        }
                        ExternalKind::Global => rest.push(Question::Global { name }),
                        ExternalKind::Memory => rest.push(Question::Memory {
                            name,
                            index: memories[export.index as usize],
                        }),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    (calls, rest)
}

/// A value as the driver reads it: often small, sometimes at the edges of its type. None for
/// types whose values only wasm can make.
fn argument(ty: ValType, random: &mut Random) -> Option<String> {
    let edges = [0, 1, u64::MAX, 1 << 31, 1 << 63, 0x7ff0_0000_0000_0000, 100];
    let bits = match random.below(3) {
        0 => random.next(),
        1 => random.next() % 1000,
        _ => edges[random.below(edges.len())],
    };
    Some(match ty {
        ValType::I32 => format!("i32:{:08x}", bits as u32),
        ValType::I64 => format!("i64:{bits:016x}"),
        ValType::F32 => format!("f32:{:08x}", bits as u32),
        ValType::F64 => format!("f64:{bits:016x}"),
        ValType::V128 => format!("v128:{bits:016x}{:016x}", random.next()),
        ValType::Ref(wasmparser::RefType::FUNCREF) => "funcref:null".to_owned(),
        ValType::Ref(wasmparser::RefType::EXTERNREF) if bits == 0 => "externref:null".to_owned(),
        ValType::Ref(wasmparser::RefType::EXTERNREF) => format!("externref:{}", bits as u16),
        ValType::Ref(_) => return None,
    })
}

/// The answers of our executable: the first is that to the instantiation.
fn answers(
    wasm: &[u8],
    questions: &[Question],
    options: &Options,
    executable: &Path,
) -> Result<Vec<String>, Failed> {
    let mut modules = vec![ScriptItem::Module(ScriptModule {
        wasm,
        name: "random".to_owned(),
        providers: HashMap::new(),
    })];
    let summers: Vec<Vec<u8>> = questions.iter().filter_map(summer).collect();
    for summer in &summers {
        modules.push(ScriptItem::Module(ScriptModule {
            wasm: summer,
            name: "summer".to_owned(),
            providers: HashMap::from([("random".to_owned(), 0)]),
        }));
    }
    let compiled = executables::compile(&modules, options)?;
    executables::link(&compiled, executable)?;
    let mut commands = vec!["instantiate 0".to_owned()];
    let mut summers = 0;
    for question in questions {
        commands.push(match question {
            Question::Call { name, args } => {
                format!(
                    "invoke 0 {} {}",
                    executables::hex_name(name),
                    args.join(" ")
                )
            }
            Question::Global { name } => format!("get 0 {}", executables::hex_name(name)),
            Question::Memory { .. } => {
                summers += 1;
                format!("invoke {summers} {}", executables::hex_name("sum"))
            }
        });
    }
    let surroundings = executables::Surroundings::from_ours();
    let session = executables::obey(executable, &surroundings, &commands, LIMIT)?;
    let _ = std::fs::remove_file(executable);
    match session.fault {
        Some(fault) => Err(format!("after {} answers: {fault}", session.answers.len()).into()),
        None => Ok(session.answers),
    }
}

/// A module that computes over an imported memory what [`interpreter::hash`] does.
fn summer(question: &Question) -> Option<Vec<u8>> {
    let Question::Memory { name, index } = question else {
        return None;
    };
    let name: String = name.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let text = format!(
        r#"(module
          (import "random" "{name}" (memory {index} 0))
          (func (export "sum") (result i64)
            (local $sum i64) (local $at {index}) (local $end {index})
            (local.set $end ({index}.shl (memory.size) ({index}.const 16)))
            (loop $more
              (if ({index}.lt_u (local.get $at) (local.get $end))
                (then
                  (local.set $sum (i64.add
                    (i64.mul (local.get $sum) (i64.const 31))
                    (i64.load8_u (local.get $at))))
                  (local.set $at ({index}.add (local.get $at) ({index}.const 1)))
                  (br $more))))
            (local.get $sum)))"#
    );
    Some(wat::parse_str(text).expect("it is a module"))
}

fn compare(questions: &[Question], wanted: &[String], given: &[String]) -> Result<(), Failed> {
    // The interpreter says nothing more after an instantiation that has failed.
    let given = if wanted.len() == 1 {
        &given[..1]
    } else {
        given
    };
    if wanted == given {
        return Ok(());
    }
    let first = wanted
        .iter()
        .zip(given)
        .position(|(wanted, given)| wanted != given);
    let first = first.unwrap_or(wanted.len().min(given.len()));
    let asked = match first {
        0 => "the instantiation".to_owned(),
        after => format!("{:?}", questions[after - 1]),
    };
    let shown = |answers: &[String]| answers.get(first).cloned().unwrap_or_default();
    Err(format!(
        "{asked}: expected `{}`, but `{}`",
        shown(wanted),
        shown(given)
    )
    .into())
}
