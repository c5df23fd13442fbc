//! CPU time and peak memory of a compilation of big modules, against `wasmtime compile`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::figures::Figures;
use crate::generate;
use crate::measure::{Cost, Invocation, geomean, interleaved, median};
use crate::options::{Options, Result};
use crate::tools::{Tools, wasmtime_line};

const ROUNDS: usize = 5;
/// Functions of the generated module: some two and a half megabytes.
const FUNCTIONS: u32 = 3000;

pub fn run(tools: &Tools, options: &Options, figures: &mut Figures) -> Result<()> {
    let rounds = options.rounds.unwrap_or(ROUNDS).min(25);
    heading();
    let mut ratios = Vec::new();
    for wasm in modules(tools)? {
        ratios.extend(measure(tools, &wasm, rounds, figures)?);
    }
    if ratios.len() > 1 {
        println!("{:34} {:9.2}", "geomean", geomean(&ratios));
    }
    println!("medians of {rounds} interleaved rounds; wasmelt's time includes linking");
    Ok(())
}

/// Prints what the columns of [`measure`] are.
pub fn heading() {
    println!(
        "{:34} {:>9} {:>9} {:>9} {:>9}",
        "", "CPU s", "wall s", "peak MiB", "MB out"
    );
}

/// Compiles a module or component by both; returns the ratio of the CPU seconds.
pub fn measure(
    tools: &Tools,
    wasm: &Path,
    rounds: usize,
    figures: &mut Figures,
) -> Result<Option<f64>> {
    let output = tools.path("compiled");
    let line = tools.wasmelt_line(wasm, &output);
    let mut rows = vec![("wasmelt", invocation(line), output)];
    if tools.wasmtime.is_some() {
        let output = tools.path("compiled.cwasm");
        let line = wasmtime_line(wasm, &output);
        rows.push(("wasmtime", invocation(line), output));
    }
    let invocations: Vec<&Invocation> = rows.iter().map(|(_, line, _)| line).collect();
    let costs = interleaved(&invocations, rounds)?;
    println!("{}, {:.2} MB", file_name(wasm), megabytes(wasm)?);
    for ((who, _, output), costs) in rows.iter().zip(&costs) {
        let peak = peak_bytes(costs) >> 20;
        let (cpu, wall) = (median(costs, Cost::cpu), median(costs, |cost| cost.wall));
        let out = megabytes(output)?;
        println!("  {who:32} {cpu:9.2} {wall:9.2} {peak:9} {out:9.2}");
    }
    let [ours, theirs] = &costs[..] else {
        return Ok(None);
    };
    let ratio = median(ours, Cost::cpu) / median(theirs, Cost::cpu);
    println!("  {:32} {ratio:9.2}", "wasmelt/wasmtime");
    let memory = peak_bytes(ours) as f64 / peak_bytes(theirs) as f64;
    figures.add("compile", &file_name(wasm), "CPU", ratio);
    figures.add("compile", &file_name(wasm), "peak memory", memory);
    Ok(Some(ratio))
}

fn peak_bytes(costs: &[Cost]) -> u64 {
    costs.iter().map(|cost| cost.peak_bytes).max().unwrap_or(0)
}

pub fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn invocation(line: Vec<String>) -> Invocation {
    let mut words = line.into_iter();
    let program = words.next().expect("a command has a program");
    Invocation {
        program,
        args: words.collect(),
    }
}

/// The modules that the environment names; without any, one that is made up.
fn modules(tools: &Tools) -> Result<Vec<PathBuf>> {
    let given = env::var_os("WASMELT_BENCH_MODULES").filter(|list| !list.is_empty());
    if let Some(list) = given {
        return Ok(env::split_paths(&list).collect());
    }
    let path = tools.path("generated.wasm");
    fs::write(&path, generate::module(FUNCTIONS)).map_err(|error| error.to_string())?;
    Ok(vec![path])
}

fn megabytes(path: &Path) -> Result<f64> {
    let metadata = fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(metadata.len() as f64 / 1e6)
}
