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
    native: Invocation,
    /// For any x86-64-v2.
    wasmelt: Invocation,
    /// For this processor, as `wasmtime` compiles.
    wasmelt_here: Invocation,
    wasmtime: Option<Invocation>,
}

pub fn run(tools: &Tools, options: &Options) -> Result<()> {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let mut columns = Columns::default();
    println!("{:12} {:^39} {:^49}", "", "CPU seconds", "ratios");
    let seconds = ["native", "wasmelt", "here", "wasmtime"].map(|name| format!("{name:>9}"));
    let ratios = ["wasmelt/native", "wasmelt/wasmtime", "here/wasmtime"];
    let ratios = ratios.map(|name| format!("{name:>16}"));
    println!("{:12} {} {}", "", seconds.join(" "), ratios.join(" "));
    for name in names(options)? {
        if let Some(kernel) = build(tools, &name)? {
            columns.measure(&kernel, rounds)?;
        }
    }
    columns.summary();
    println!("user CPU seconds of the whole process, medians of {rounds} interleaved rounds");
    println!("here: with `-C target-cpu=native`; wasmtime compiles for the machine it runs on");
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
    let here = tools.wasmelt_with(&wasm, &["-C", "target-cpu=native"])?;
    Ok(Some(Kernel {
        name: name.to_owned(),
        native: Invocation::new(native, args),
        wasmelt: Invocation::new(tools.wasmelt(&wasm)?, args),
        wasmelt_here: Invocation::new(here, args),
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

/// The ratios of the kernels so far: wasmelt to native, wasmelt to wasmtime, the same for this
/// processor.
#[derive(Default)]
struct Columns([Vec<f64>; 3]);

impl Columns {
    fn measure(&mut self, kernel: &Kernel, rounds: usize) -> Result<()> {
        let mut all = vec![&kernel.native, &kernel.wasmelt, &kernel.wasmelt_here];
        all.extend(&kernel.wasmtime);
        let expected = result_of(all[0])?;
        for other in &all[1..] {
            let printed = result_of(other)?;
            if printed != expected {
                let who = &other.program;
                return Err(format!(
                    "{}: `{who}` printed {printed:?}, not {expected:?}",
                    kernel.name
                ));
            }
        }
        let costs = interleaved(&all, rounds)?;
        let seconds: Vec<f64> = costs
            .iter()
            .map(|costs| median(costs, |cost| cost.user))
            .collect();
        let wasmtime = seconds.get(3).copied();
        let ratios = [
            Some(seconds[1] / seconds[0]),
            wasmtime.map(|theirs| seconds[1] / theirs),
            wasmtime.map(|theirs| seconds[2] / theirs),
        ];
        for (list, ratio) in self.0.iter_mut().zip(ratios) {
            list.extend(ratio);
        }
        let seconds = [
            Some(seconds[0]),
            Some(seconds[1]),
            Some(seconds[2]),
            wasmtime,
        ];
        print_row(&kernel.name, seconds, ratios);
        Ok(())
    }

    fn summary(&self) {
        let means = self
            .0
            .each_ref()
            .map(|list| (!list.is_empty()).then(|| geomean(list)));
        print_row("geomean", [None; 4], means);
    }
}

fn print_row(name: &str, seconds: [Option<f64>; 4], ratios: [Option<f64>; 3]) {
    let seconds = seconds.map(|figure| format!("{:>9}", cell(figure, 3)));
    let ratios = ratios.map(|figure| format!("{:>16}", cell(figure, 3)));
    println!("{name:12} {} {}", seconds.join(" "), ratios.join(" "));
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
