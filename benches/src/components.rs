//! Components: calls from one to another, and start and compilation of the big ones that languages
//! with a run time of their own are made into.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

use crate::compile;
use crate::figures::Figures;
use crate::measure::{Cost, Invocation, geomean, interleaved, median, middle};
use crate::options::{Options, Result};
use crate::tools::Tools;

const CALL_ROUNDS: usize = 5;
const START_ROUNDS: usize = 25;
const COMPILE_ROUNDS: usize = 3;

pub fn run(tools: &Tools, options: &Options, figures: &mut Figures) -> Result<()> {
    calls(tools, options, figures)?;
    let list = env::var_os("WASMELT_BENCH_COMPONENTS").unwrap_or_default();
    let wasms: Vec<PathBuf> = env::split_paths(&list)
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    if wasms.is_empty() {
        println!("WASMELT_BENCH_COMPONENTS=FILE:FILE names commands to start and to compile");
        return Ok(());
    }
    println!();
    starts(tools, &wasms, options, figures)?;
    println!();
    compile::heading();
    for wasm in &wasms {
        let rounds = options.rounds.unwrap_or(COMPILE_ROUNDS);
        compile::measure(tools, wasm, rounds.min(COMPILE_ROUNDS), figures)?;
    }
    Ok(())
}

/// The time of calls of which caller and callee are in different components.
fn calls(tools: &Tools, options: &Options, chart: &mut Figures) -> Result<()> {
    let wasm = pair(tools)?;
    let mut all = vec![Invocation::new(tools.wasmelt(&wasm)?, &["bench"])];
    if let Some(mut wasmtime) = tools.wasmtime(&wasm)? {
        wasmtime.args.push("bench".to_owned());
        all.push(wasmtime);
    }
    let rounds = options.rounds.unwrap_or(CALL_ROUNDS);
    // For each kind of call the nanoseconds of every round, by who made them.
    let mut kinds: BTreeMap<String, Vec<Vec<f64>>> = BTreeMap::new();
    let mut order = Vec::new();
    for _ in 0..rounds {
        for (who, invocation) in all.iter().enumerate() {
            for (name, ns) in figures(&invocation.output()?) {
                let figures = kinds.entry(name.clone()).or_insert_with(|| {
                    order.push(name);
                    vec![Vec::new(); all.len()]
                });
                figures[who].push(ns);
            }
        }
    }
    println!(
        "{:34} {:>9} {:>9} {:>9}",
        "ns a call", "wasmelt", "wasmtime", "faster"
    );
    let mut ratios = Vec::new();
    for name in order {
        let medians: Vec<f64> = kinds[&name].iter().cloned().map(middle).collect();
        match medians[..] {
            [ours, theirs] => {
                ratios.push(theirs / ours);
                chart.add("calls", &name, "wasmelt", theirs / ours);
                println!("{name:34} {ours:9.1} {theirs:9.1} {:9.1}", theirs / ours);
            }
            _ => println!("{name:34} {:9.1}", medians[0]),
        }
    }
    if !ratios.is_empty() {
        println!("{:34} {:19} {:9.1}", "geomean", "", geomean(&ratios));
        chart.add("calls", "geomean", "wasmelt", geomean(&ratios));
    }
    println!("medians of {rounds} interleaved rounds");
    Ok(())
}

/// Lines of a name and a number.
fn figures(output: &[u8]) -> Vec<(String, f64)> {
    let text = String::from_utf8_lossy(output);
    let figure = |line: &str| {
        let (name, ns) = line.split_once(' ')?;
        Some((name.to_owned(), ns.parse().ok()?))
    };
    text.lines()
        .filter(|line| !line.starts_with("checksum"))
        .filter_map(figure)
        .collect()
}

/// The component that is composed of the tests' caller and callee.
fn pair(tools: &Tools) -> Result<PathBuf> {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    let mut graph = CompositionGraph::new();
    let mut package = |name: &str| {
        let path = guests.join(format!("p2-{name}.wasm"));
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let package = Package::from_bytes(name, None, bytes, graph.types_mut());
        let package = package.map_err(|error| format!("{}: {error:#}", path.display()))?;
        graph
            .register_package(package)
            .map_err(|error| error.to_string())
    };
    let (caller, callee) = (package("caller")?, package("callee")?);
    wac_graph::plug(&mut graph, vec![callee], caller).map_err(|error| error.to_string())?;
    let bytes = graph
        .encode(EncodeOptions::default())
        .map_err(|error| error.to_string())?;
    let path = tools.path("pair.wasm");
    fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// From start to exit of commands that print the same by both.
fn starts(
    tools: &Tools,
    wasms: &[PathBuf],
    options: &Options,
    figures: &mut Figures,
) -> Result<()> {
    let rounds = options.rounds.unwrap_or(START_ROUNDS);
    println!(
        "{:34} {:>9} {:>9} {:>9}",
        "start to exit", "wall ms", "CPU ms", "peak MiB"
    );
    for wasm in wasms {
        let mut rows = vec![("wasmelt", Invocation::new(tools.wasmelt(wasm)?, &[]))];
        rows.extend(
            tools
                .wasmtime(wasm)?
                .map(|line| ("wasmtime precompiled", line)),
        );
        let expected = rows[0].1.output()?;
        for (who, invocation) in &rows[1..] {
            if invocation.output()? != expected {
                return Err(format!("{}: {who} prints something else", wasm.display()));
            }
        }
        let invocations: Vec<&Invocation> = rows.iter().map(|(_, line)| line).collect();
        let costs = interleaved(&invocations, rounds)?;
        println!("{}", compile::file_name(wasm));
        for ((who, _), costs) in rows.iter().zip(&costs) {
            let peak = costs.iter().map(|cost| cost.peak_bytes).max().unwrap_or(0) >> 20;
            let wall = median(costs, |cost| cost.wall) * 1e3;
            let cpu = median(costs, Cost::cpu) * 1e3;
            println!("  {who:32} {wall:9.1} {cpu:9.1} {peak:9}");
        }
        if let [ours, theirs] = &costs[..] {
            let ratio = median(ours, Cost::cpu) / median(theirs, Cost::cpu);
            println!("  {:42} {ratio:9.2}", "wasmelt/wasmtime");
            figures.add("component-start", &compile::file_name(wasm), "CPU", ratio);
        }
    }
    println!("medians of {rounds} interleaved rounds");
    Ok(())
}
