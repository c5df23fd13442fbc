//! CPU time of the kernels, of loops over arrays and of real programs, against native code and
//! `wasmtime`.

use crate::figures::Figures;
use crate::measure::{Invocation, geomean, interleaved, median};
use crate::options::{Options, Result};
use crate::programs::{self, Program};
use crate::tools::{Tools, kernels_dir, loops_dir};
use std::path::Path;

const ROUNDS: usize = 5;

/// One program, built in every way there is.
struct Kernel {
    name: String,
    native: Invocation,
    /// For any x86-64-v2.
    wasmelt: Invocation,
    /// For this processor, as `wasmtime` compiles.
    wasmelt_here: Invocation,
    wasmtime: Option<Invocation>,
    /// Made with the profile of one run.
    profiled: Option<Invocation>,
}

pub fn run(tools: &Tools, options: &Options, figures: &mut Figures) -> Result<()> {
    let rounds = options.rounds.unwrap_or(ROUNDS);
    println!("{:13} {:^39} {:^49}", "", "CPU seconds", "ratios");
    let seconds = ["native", "wasmelt", "here", "wasmtime"].map(|name| format!("{name:>9}"));
    let ratios = ["wasmelt/native", "wasmelt/wasmtime", "here/wasmtime"];
    let ratios = ratios.map(|name| format!("{name:>16}"));
    println!("{:13} {} {}", "", seconds.join(" "), ratios.join(" "));
    for (dir, mean) in [(kernels_dir(), "geomean"), (loops_dir(), "loops")] {
        let mut columns = Columns::default();
        for name in modules(&dir, options)? {
            let kernel = build(tools, options, &name, module(tools, &dir, &name)?)?;
            columns.measure(&kernel, rounds, figures)?;
        }
        columns.summary(mean, figures);
        columns.summary_of_profiles();
    }
    let mut columns = Columns::default();
    for name in programs::NAMES
        .into_iter()
        .filter(|name| options.wants(name))
    {
        if let Some(program) = programs::build(tools, name)? {
            let built = build(tools, options, name, program)?;
            columns.measure(&built, rounds, figures)?;
        }
    }
    columns.summary("programs", figures);
    columns.summary_of_profiles();
    println!("user CPU seconds of the whole process, medians of {rounds} interleaved rounds");
    println!("here: with `-C target-cpu=native`; wasmtime compiles for the machine it runs on");
    Ok(())
}

/// The names of the modules in a folder, in order.
fn modules(dir: &Path, options: &Options) -> Result<Vec<String>> {
    let entries = dir
        .read_dir()
        .map_err(|error| format!("{}: {error}", dir.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".wasm")?.to_owned()))
        .filter(|name| name != "hello" && options.wants(name))
        .collect();
    names.sort();
    Ok(names)
}

/// A module with its source beside it.
fn module(tools: &Tools, dir: &Path, name: &str) -> Result<Program> {
    Ok(Program {
        wasm: dir.join(format!("{name}.wasm")),
        native: tools.native(&dir.join(format!("{name}.c")), &[])?,
        args: &[],
    })
}

/// The executables of a program.
fn build(tools: &Tools, options: &Options, name: &str, program: Program) -> Result<Kernel> {
    let Program { wasm, native, args } = program;
    let wasmtime = tools.wasmtime(&wasm)?.map(|mut wasmtime| {
        wasmtime.args.extend(args.iter().map(|&arg| arg.to_owned()));
        wasmtime
    });
    let profiled = match options.pgo {
        true => Some(tools.wasmelt_profiled(&wasm, args)?),
        false => None,
    };
    let here = tools.wasmelt_with(&wasm, &["-C", "target-cpu=native"])?;
    Ok(Kernel {
        name: name.to_owned(),
        native: Invocation::new(native, args),
        wasmelt: Invocation::new(tools.wasmelt(&wasm)?, args),
        wasmelt_here: Invocation::new(here, args),
        wasmtime,
        profiled: profiled.map(|profiled| Invocation::new(profiled, args)),
    })
}

/// The ratios of a group so far.
#[derive(Default)]
struct Columns {
    /// wasmelt to native, wasmelt to wasmtime, the same for this processor.
    ratios: [Vec<f64>; 3],
    /// With a profile to native, with one to without.
    profiled: [Vec<f64>; 2],
}

impl Columns {
    fn measure(&mut self, kernel: &Kernel, rounds: usize, figures: &mut Figures) -> Result<()> {
        let mut all = vec![&kernel.native, &kernel.wasmelt, &kernel.wasmelt_here];
        all.extend(&kernel.wasmtime);
        all.extend(&kernel.profiled);
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
        let wasmtime = kernel.wasmtime.as_ref().map(|_| seconds[3]);
        let profiled = kernel.profiled.as_ref().map(|_| seconds[seconds.len() - 1]);
        let ratios = [
            Some(seconds[1] / seconds[0]),
            wasmtime.map(|theirs| seconds[1] / theirs),
            wasmtime.map(|theirs| seconds[2] / theirs),
        ];
        for (list, ratio) in self.ratios.iter_mut().zip(ratios) {
            list.extend(ratio);
        }
        let (native, plain) = (seconds[0], seconds[1]);
        print_row(
            &kernel.name,
            [Some(native), Some(plain), Some(seconds[2]), wasmtime],
            ratios,
        );
        if let Some(profiled) = profiled {
            let ratios = [profiled / native, profiled / plain];
            print_profiled(Some(profiled), ratios);
            for (list, ratio) in self.profiled.iter_mut().zip(ratios) {
                list.push(ratio);
            }
        }
        add(figures, &kernel.name, ratios);
        Ok(())
    }

    /// The means of kernels and programs with profiles, where there are any.
    fn summary_of_profiles(&self) {
        if !self.profiled[0].is_empty() {
            print_profiled(None, self.profiled.each_ref().map(|list| geomean(list)));
        }
    }

    fn summary(&self, name: &str, figures: &mut Figures) {
        if self.ratios.iter().all(Vec::is_empty) {
            return;
        }
        let means = self
            .ratios
            .each_ref()
            .map(|list| (!list.is_empty()).then(|| geomean(list)));
        print_row(name, [None; 4], means);
        add(figures, name, means);
    }
}

/// The line below that of a program.
fn print_profiled(seconds: Option<f64>, [native, plain]: [f64; 2]) {
    println!(
        "{:13} {:>19} with a profile: {native:.3} of native, {plain:.3} of without",
        "",
        cell(seconds, 3)
    );
}

/// For the charts.
fn add(figures: &mut Figures, name: &str, ratios: [Option<f64>; 3]) {
    let charts = [
        ("native", "wasmelt"),
        ("code", "wasmelt"),
        ("code", "wasmelt -C target-cpu=native"),
    ];
    for ((chart, series), ratio) in charts.into_iter().zip(ratios) {
        if let Some(ratio) = ratio {
            figures.add(chart, name, series, ratio);
        }
    }
}

fn print_row(name: &str, seconds: [Option<f64>; 4], ratios: [Option<f64>; 3]) {
    let seconds = seconds.map(|figure| format!("{:>9}", cell(figure, 3)));
    let ratios = ratios.map(|figure| format!("{:>16}", cell(figure, 3)));
    println!("{name:13} {} {}", seconds.join(" "), ratios.join(" "));
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
