//! CPU time of the kernels and of CoreMark, against native code and `wasmtime`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::{Invocation, geomean, interleaved, median};
use crate::tools::{Tools, kernels_dir, succeed};
use crate::{Options, Result};

const ROUNDS: usize = 5;

/// CoreMark in Rust: one package for both builds.
const COREMARK: &str = "coremark@1.0.0";
/// Three seeds, then the number of iterations: a third of a second.
const COREMARK_ARGS: [&str; 4] = ["0", "0", "0", "6000"];

/// One program, built in every way there is.
struct Kernel {
    name: String,
    native: Option<Invocation>,
    wasmelt: Invocation,
    wasmtime: Option<Invocation>,
}

pub fn run(tools: &Tools, options: &Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let mut columns = Columns::default();
    println!(
        "{:12} {:>9} {:>9} {:>9} {:>15} {:>15} {:>16}",
        "",
        "native s",
        "wasmelt s",
        "wasmtime",
        "wasmelt/native",
        "wasmtime/native",
        "wasmelt/wasmtime"
    );
    for name in names(options)? {
        if let Some(kernel) = build(tools, &name)? {
            columns.measure(&kernel, rounds)?;
        }
    }
    columns.summary();
    println!("user CPU seconds of the whole process, medians of {rounds} interleaved rounds");
    Ok(())
}

/// The kernels' names, in order, and CoreMark.
fn names(options: &Options) -> Result<Vec<String>> {
    let dir = kernels_dir();
    let entries = dir
        .read_dir()
        .map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".wasm")?.to_owned()))
        .filter(|name| name != "hello")
        .collect();
    names.sort();
    names.push("coremark".to_owned());
    let wanted = |name: &String| {
        options.kernels.is_empty() || options.kernels.iter().any(|part| name.contains(part))
    };
    names.retain(wanted);
    Ok(names)
}

/// All builds of a kernel; `None`, with a word about why, for one that cannot be had.
fn build(tools: &Tools, name: &str) -> Result<Option<Kernel>> {
    let (wasm, native, args) = if name == "coremark" {
        let Some(wasm) = coremark_wasm(tools)? else {
            println!("coremark: needs the target wasm32-wasip1, or WASMELT_BENCH_COREMARK=FILE");
            return Ok(None);
        };
        (wasm, coremark(tools, &[])?, &COREMARK_ARGS[..])
    } else {
        let native = tools.native(&kernels_dir().join(format!("{name}.c")))?;
        (kernels_dir().join(format!("{name}.wasm")), native, &[][..])
    };
    let wasmtime = tools.wasmtime(&wasm)?.map(|mut wasmtime| {
        wasmtime.args.extend(args.iter().map(|&arg| arg.to_owned()));
        wasmtime
    });
    Ok(Some(Kernel {
        name: name.to_owned(),
        native: Some(Invocation::new(native, args)),
        wasmelt: Invocation::new(tools.wasmelt(&wasm)?, args),
        wasmtime,
    }))
}

/// The module that the environment names, or one that cargo compiles.
fn coremark_wasm(tools: &Tools) -> Result<Option<PathBuf>> {
    const TARGET: &str = "wasm32-wasip1";
    if let Some(path) = env::var_os("WASMELT_BENCH_COREMARK").filter(|path| !path.is_empty()) {
        return Ok(Some(path.into()));
    }
    let libdir = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let libdir = libdir.map_err(|error| format!("`rustc`: {error}"))?;
    if !Path::new(String::from_utf8_lossy(&libdir.stdout).trim()).exists() {
        return Ok(None);
    }
    Ok(Some(
        coremark(tools, &["--target", TARGET])?.with_extension("wasm"),
    ))
}

/// Lets cargo fetch and compile CoreMark; returns the executable.
fn coremark(tools: &Tools, args: &[&str]) -> Result<PathBuf> {
    let root = tools.path(&format!("coremark{}", args.concat()));
    let mut line: Vec<String> = ["cargo", "install", "-q", "--root"]
        .map(str::to_owned)
        .to_vec();
    line.push(root.display().to_string());
    line.extend(args.iter().map(|&arg| arg.to_owned()));
    line.push(COREMARK.to_owned());
    succeed(&line)?;
    Ok(root.join("bin/coremark"))
}

/// The ratios of the kernels so far.
#[derive(Default)]
struct Columns {
    to_native: Vec<f64>,
    wasmtime_to_native: Vec<f64>,
    to_wasmtime: Vec<f64>,
}

impl Columns {
    fn measure(&mut self, kernel: &Kernel, rounds: usize) -> Result<()> {
        let mut all: Vec<&Invocation> = vec![&kernel.wasmelt];
        all.extend(kernel.native.iter().chain(&kernel.wasmtime));
        let expected = result_of(all[0])?;
        for other in &all[1..] {
            let printed = result_of(other)?;
            if printed != expected {
                return Err(format!(
                    "{}: `{}` printed {printed:?}, not {expected:?}",
                    kernel.name, other.program
                ));
            }
        }
        let costs = interleaved(&all, rounds)?;
        let mut seconds = costs.iter().map(|costs| median(costs, |cost| cost.user));
        let ours = seconds.next().expect("wasmelt is always measured");
        let native = kernel.native.as_ref().and_then(|_| seconds.next());
        let wasmtime = kernel.wasmtime.as_ref().and_then(|_| seconds.next());
        let ratio = |list: &mut Vec<f64>, a: Option<f64>, b: Option<f64>| {
            let ratio = a? / b?;
            list.push(ratio);
            Some(ratio)
        };
        let to_native = ratio(&mut self.to_native, Some(ours), native);
        let theirs = ratio(&mut self.wasmtime_to_native, wasmtime, native);
        let to_wasmtime = ratio(&mut self.to_wasmtime, Some(ours), wasmtime);
        println!(
            "{:12} {:>9} {:>9} {:>9} {:>15} {:>15} {:>16}",
            kernel.name,
            cell(native, 3),
            cell(Some(ours), 3),
            cell(wasmtime, 3),
            cell(to_native, 2),
            cell(theirs, 2),
            cell(to_wasmtime, 2),
        );
        Ok(())
    }

    fn summary(&self) {
        let mean = |ratios: &Vec<f64>| cell((!ratios.is_empty()).then(|| geomean(ratios)), 3);
        println!(
            "{:12} {:>9} {:>9} {:>9} {:>15} {:>15} {:>16}",
            "geomean",
            "",
            "",
            "",
            mean(&self.to_native),
            mean(&self.wasmtime_to_native),
            mean(&self.to_wasmtime),
        );
    }
}

fn cell(figure: Option<f64>, digits: usize) -> String {
    figure.map_or_else(|| "-".to_owned(), |figure| format!("{figure:.digits$}"))
}

/// What must be equal: the output, and of CoreMark, which also prints times, the check sums.
fn result_of(invocation: &Invocation) -> Result<String> {
    let output = String::from_utf8_lossy(&invocation.output()?).into_owned();
    let sums: Vec<&str> = output.lines().filter(|line| line.contains("crc")).collect();
    Ok(if sums.is_empty() {
        output
    } else {
        sums.join("\n")
    })
}
