//! Programs with garbage collection: twelve in Kotlin, and binary trees by hand; against Wasmtime,
//! node's V8 and the JVM, each where it is installed.
//!
//! What is compared is the CPU time of a process, less that of one that does nothing. So the time
//! that V8 and the JVM take to compile is in theirs.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::compile;
use crate::figures::Figures;
use crate::measure::{Cost, Invocation, geomean, interleaved, median};
use crate::options::{Options, Result};
use crate::tools::{Tools, version};

const ROUNDS: usize = 5;

/// A program, how often it is done, and by how much less often by Wasmtime.
const PROGRAMS: [(&str, u32, u32); 12] = [
    ("trees", 40, 1),
    ("strings", 40, 1),
    ("maps", 60, 1),
    ("exceptions", 80, 40),
    ("sorting", 10, 1),
    ("casts", 100, 1),
    ("collisions", 50, 1),
    ("graph", 12, 1),
    ("json", 100, 1),
    ("nbody", 25, 1),
    ("mandelbrot", 20, 2),
    ("coroutines", 60, 2),
];

/// Exceptions that the program of that name throws each time.
const THROWS: f64 = 20_000.0;

/// How often `garbage` is done: it allocates 1.8 GB each time.
const GARBAGE_TIMES: u32 = 60;

/// Who runs the programs.
struct Engine {
    name: &'static str,
    line: Invocation,
}

pub fn run(tools: &Tools, options: &Options, figures: &mut Figures) -> Result<()> {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let wasm = dir().join("programs.wasm");
    if env::var("WASMELT_BENCH_JAR").is_err() {
        println!("the JVM is left out: WASMELT_BENCH_JAR names no programs for it");
    }
    let engines = engines(tools, &wasm)?;
    programs(&engines, rounds, options, figures)?;
    println!();
    by_hand(tools, rounds, figures)?;
    memory(&engines[0].line, figures)?;
    println!();
    compile::heading();
    compile::measure(tools, &wasm, rounds.min(3), figures).map(drop)
}

fn dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("gc")
}

/// wasmelt first.
fn engines(tools: &Tools, wasm: &Path) -> Result<Vec<Engine>> {
    let mut engines = vec![Engine {
        name: "wasmelt",
        line: Invocation::new(tools.wasmelt(wasm)?, &[]),
    }];
    let mut add = |name, line: Option<Invocation>| {
        engines.extend(line.map(|line| Engine { name, line }));
    };
    add("wasmtime", tools.wasmtime(wasm)?);
    add("V8", node(wasm));
    let jar = env::var("WASMELT_BENCH_JAR").unwrap_or_default();
    let jvm = ["-cp", &jar, "gc.JvmKt"];
    add(
        "JVM",
        (!jar.is_empty()).then(|| Invocation::new("java", &jvm)),
    );
    Ok(engines)
}

/// How node runs a module, if it can run those with garbage collection.
fn node(wasm: &Path) -> Option<Invocation> {
    let node = env::var("NODE").unwrap_or_else(|_| "node".to_owned());
    let major = version(std::slice::from_ref(&node))?
        .trim_start_matches('v')
        .split('.')
        .next()?
        .parse::<u32>()
        .ok()?;
    if major < 25 {
        println!("`{node}` is older than version 25 and left out; NODE names another");
        return None;
    }
    let script = dir().join("run.mjs").display().to_string();
    let wasm = wasm.display().to_string();
    Some(Invocation::new(node, &["--no-warnings", &script, &wasm]))
}

/// The line with a program and a number of times.
fn of(engine: &Engine, program: &str, times: u32) -> Invocation {
    let mut line = engine.line.clone();
    line.args.extend([program.to_owned(), times.to_string()]);
    line
}

fn programs(
    engines: &[Engine],
    rounds: usize,
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let nothing: Vec<Invocation> = engines.iter().map(|it| of(it, "nothing", 1)).collect();
    let nothing = interleaved(&nothing.iter().collect::<Vec<_>>(), rounds)?;
    let nothing: Vec<f64> = nothing.iter().map(|it| median(it, Cost::cpu)).collect();
    print!("{:12}", "CPU ms");
    for engine in engines {
        print!(" {:>9}", engine.name);
    }
    for engine in &engines[1..] {
        print!(" {:>9}", format!("/{}", engine.name));
    }
    println!();
    row("nothing", &nothing, &[]);
    let mut ratios = vec![Vec::new(); engines.len() - 1];
    for (program, times, fewer) in PROGRAMS {
        if !options.wants(program) {
            continue;
        }
        let times = |engine: &Engine| match engine.name {
            "wasmtime" => times / fewer,
            _ => times,
        };
        agree(engines, program)?;
        let lines: Vec<Invocation> = engines
            .iter()
            .map(|engine| of(engine, program, times(engine)))
            .collect();
        let costs = interleaved(&lines.iter().collect::<Vec<_>>(), rounds)?;
        let mut seconds = Vec::new();
        for ((engine, costs), nothing) in engines.iter().zip(&costs).zip(&nothing) {
            let own = (median(costs, Cost::cpu) - nothing).max(1e-6);
            seconds.push(own / f64::from(times(engine)));
        }
        let of_program: Vec<f64> = seconds[1..].iter().map(|it| seconds[0] / it).collect();
        for (at, (ratio, engine)) in of_program.iter().zip(&engines[1..]).enumerate() {
            ratios[at].push(*ratio);
            figures.add("gc", program, engine.name, *ratio);
        }
        row(program, &seconds, &of_program);
        if program == "exceptions" {
            println!("{:12} {:9.3} us a throw", "", seconds[0] / THROWS * 1e6);
        }
    }
    print!("{:width$}", "geomean", width = 12 + 10 * engines.len());
    for (ratios, engine) in ratios.iter().zip(&engines[1..]) {
        print!(" {:9.3}", geomean(ratios));
        figures.add("gc", "geomean", engine.name, geomean(ratios));
    }
    println!("\nmedians of {rounds} interleaved rounds, less that of nothing");
    Ok(())
}

fn row(name: &str, seconds: &[f64], ratios: &[f64]) {
    print!("{name:12}");
    seconds.iter().for_each(|it| print!(" {:9.3}", it * 1e3));
    ratios.iter().for_each(|it| print!(" {it:9.3}"));
    println!();
}

/// All have to print the same.
fn agree(engines: &[Engine], program: &str) -> Result<()> {
    let expected = of(&engines[0], program, 1).output()?;
    for engine in &engines[1..] {
        if of(engine, program, 1).output()? != expected {
            return Err(format!("{program}: {} prints something else", engine.name));
        }
    }
    Ok(())
}

/// The binary trees of `trees.wat`, of which 2,097,151 nodes are live.
fn by_hand(tools: &Tools, rounds: usize, figures: &mut Figures) -> Result<()> {
    let wasm = dir().join("trees.wasm");
    let engines = [
        ("wasmelt", Some(Invocation::new(tools.wasmelt(&wasm)?, &[]))),
        ("wasmtime", tools.wasmtime(&wasm)?),
        ("V8", node(&wasm)),
    ];
    let engines: Vec<_> = engines
        .into_iter()
        .filter_map(|(name, line)| Some((name, line?)))
        .collect();
    let lines: Vec<&Invocation> = engines.iter().map(|(_, line)| line).collect();
    let costs = interleaved(&lines, rounds)?;
    println!("binary trees by hand       CPU ms  peak bytes a node that is live");
    let first = median(&costs[0], Cost::cpu);
    for ((name, _), costs) in engines.iter().zip(&costs) {
        let peak = costs.iter().map(|it| it.peak_bytes).max().unwrap_or(0);
        let (cpu, bytes) = (median(costs, Cost::cpu), peak as f64 / 2_097_151.0);
        println!("{name:20} {:12.1} {bytes:11.1}", cpu * 1e3);
        figures.add("gc trees", "bytes a node", name, bytes);
        figures.add("gc trees", "CPU", name, first / cpu);
    }
    Ok(())
}

/// What is live and what is garbage: pauses, and how much memory it takes.
fn memory(wasmelt: &Invocation, figures: &mut Figures) -> Result<()> {
    let mut command = Command::new(&wasmelt.program);
    command.args(["live", "1"]).env("WASMELT_GC", "stats");
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let number = |line: &str, unit: &str| -> Option<f64> {
        line.split_once(unit)?.0.rsplit(' ').next()?.parse().ok()
    };
    let most = |unit: &str| {
        let numbers = said.lines().filter_map(|line| number(line, unit));
        numbers.fold(0.0, f64::max)
    };
    let pause = most(" us") / 1e3;
    let live = most(" bytes live") / 1e6;
    println!("{live:.0} MB live: no pause above {pause:.1} ms");
    figures.add("gc memory", "pause", "ms", pause);
    let mut garbage = wasmelt.clone();
    garbage
        .args
        .extend(["garbage".to_owned(), GARBAGE_TIMES.to_string()]);
    let cost = garbage.cost()?;
    let peak = cost.peak_bytes as f64 / 1e6;
    let seconds = cost.cpu().as_secs_f64();
    println!("108 GB of garbage: {seconds:.2} s of CPU, peak memory {peak:.1} MB");
    figures.add("gc memory", "garbage", "MB", peak);
    Ok(())
}
