//! Measures executables that wasmelt makes against native code and against `wasmtime`, if there
//! is one on `PATH`: `cargo run --release -p wasmelt-bench [-- SECTION... OPTIONS]`.
//!
//! Every figure that matters is a ratio of medians of one run, whose repeats are interleaved:
//! machines differ, and one machine differs from minute to minute. What is not measured is said.

#![forbid(unsafe_code)]

mod charts;
mod compile;
mod components;
mod figures;
mod generate;
mod measure;
mod programs;
mod size;
mod startup;
mod streams;
mod throughput;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

use figures::Figures;
use tools::Tools;

/// What failed, and about what, in one line.
pub type Result<T> = std::result::Result<T, String>;

const HELP: &str = "\
usage: cargo run --release -p wasmelt-bench -- [SECTION...] [OPTIONS]

sections, all by default:
  startup     from start to exit of hello world
  throughput  CPU time of the kernels, CoreMark, Lua and SQLite
  compile     CPU time and peak memory of a compilation
  size        bytes of hello world
  components  calls between components; start and compilation of big ones
  async       streams, timers and connections of WASI 0.3

options:
  --rounds N    repeats of each measurement
  --kernel NAME only kernels and programs whose name contains this; may be repeated
  --flag FLAG   passed to `wasmelt build`; may be repeated
  --svg DIR     draws a chart for each of what was measured
  --save FILE   keeps the figures
  --load FILE   begins with the figures of this file, and measures only the sections that are named

environment:
  WASMELT                   the command to measure; by default it is built first
  CC                        the native compiler, cc by default
  MUSL_CC                   a compiler that links musl statically, musl-gcc by default
  WASI_CC                   a C compiler for WASI, `python3 -m ziglang cc -target wasm32-wasi`
                            by default
  WASMELT_BENCH_MODULES     modules for `compile`, separated by colons
  WASMELT_BENCH_COMPONENTS  commands for `components`, separated by colons
  WASMELT_BENCH_COREMARK    the crate `coremark` compiled for wasm32-wasip1
";

/// Measures and prints.
type Section = fn(&Tools, &Options, &mut Figures) -> Result<()>;

/// What the command line says.
#[derive(Default)]
pub struct Options {
    sections: Vec<String>,
    pub rounds: Option<usize>,
    pub kernels: Vec<String>,
    pub flags: Vec<String>,
    svg: Option<PathBuf>,
    save: Option<PathBuf>,
    load: Option<PathBuf>,
}

impl Options {
    /// Whether a kernel or program is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.kernels.is_empty() || self.kernels.iter().any(|part| name.contains(part))
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let Some(options) = parse(std::env::args().skip(1))? else {
        print!("{HELP}");
        return Ok(());
    };
    let mut figures = Figures::new(&figures::commit());
    if let Some(path) = &options.load {
        figures.load(path)?;
    }
    if options.load.is_none() || !options.sections.is_empty() {
        measure(&options, &mut figures)?;
    }
    if let Some(path) = &options.save {
        figures.save(path)?;
    }
    if let Some(folder) = &options.svg {
        charts::draw(&figures, folder)?;
    }
    Ok(())
}

/// Runs the sections that are named, or all.
fn measure(options: &Options, figures: &mut Figures) -> Result<()> {
    let tools = Tools::find(options)?;
    tools.describe();
    let sections: [(&str, Section); 6] = [
        ("startup", startup::run),
        ("throughput", throughput::run),
        ("compile", compile::run),
        ("size", size::run),
        ("components", components::run),
        ("async", streams::run),
    ];
    for (name, section) in sections {
        if options.sections.is_empty() || options.sections.iter().any(|s| s == name) {
            println!("\n== {name}");
            section(&tools, options, figures)?;
        }
    }
    Ok(())
}

/// `None` when help is wanted.
fn parse(words: impl Iterator<Item = String>) -> Result<Option<Options>> {
    let mut options = Options::default();
    let mut words = words;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("`{word}` needs a value"));
        match word.as_str() {
            "--help" | "-h" => return Ok(None),
            "--rounds" => {
                let rounds = value()?.parse().ok().filter(|&rounds| rounds > 0);
                options.rounds = Some(rounds.ok_or("`--rounds` takes a number above zero")?);
            }
            "--kernel" => options.kernels.push(value()?),
            "--flag" => options.flags.push(value()?),
            "--svg" => options.svg = Some(value()?.into()),
            "--save" => options.save = Some(value()?.into()),
            "--load" => options.load = Some(value()?.into()),
            "startup" | "throughput" | "compile" | "size" | "components" | "async" => {
                options.sections.push(word);
            }
            _ => return Err(format!("`{word}` is no section and no option\n\n{HELP}")),
        }
    }
    Ok(Some(options))
}
