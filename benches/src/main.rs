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
mod gc;
mod generate;
mod http;
mod measure;
mod options;
mod programs;
mod size;
mod startup;
mod streams;
mod threads;
mod throughput;
mod tools;

use std::process::ExitCode;

use figures::Figures;
use options::{HELP, Options, Result, parse};
use tools::Tools;

/// Measures and prints.
type Section = fn(&Tools, &Options, &mut Figures) -> Result<()>;

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
    let sections: [(&str, Section); 9] = [
        ("startup", startup::run),
        ("throughput", throughput::run),
        ("compile", compile::run),
        ("size", size::run),
        ("components", components::run),
        ("async", streams::run),
        ("http", http::run),
        ("threads", threads::run),
        ("gc", gc::run),
    ];
    for (name, section) in sections {
        if options.sections.is_empty() || options.sections.iter().any(|s| s == name) {
            println!("\n== {name}");
            section(&tools, options, figures)?;
        }
    }
    Ok(())
}
