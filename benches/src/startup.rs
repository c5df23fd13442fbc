//! From start to exit of hello world.

use crate::figures::Figures;
use crate::measure::{Cost, Invocation, interleaved, median};
use crate::options::{Options, Result};
use crate::tools::{Tools, kernels_dir};

const ROUNDS: usize = 500;

pub fn run(tools: &Tools, options: &Options, figures: &mut Figures) -> Result<()> {
    let wasm = kernels_dir().join("hello.wasm");
    let native = Invocation::new(tools.native_static(&kernels_dir().join("hello.c"))?, &[]);
    let mut rows = vec![
        ("static C", native),
        ("wasmelt", Invocation::new(tools.wasmelt(&wasm)?, &[])),
    ];
    rows.extend(
        tools
            .wasmtime(&wasm)?
            .map(|wasmtime| ("wasmtime precompiled", wasmtime)),
    );
    for (name, invocation) in &rows {
        let output = invocation.output()?;
        if output != b"Hello, world!\n" {
            return Err(format!(
                "{name} printed {:?}",
                String::from_utf8_lossy(&output)
            ));
        }
    }
    let rounds = options.rounds.unwrap_or(ROUNDS);
    let invocations: Vec<&Invocation> = rows.iter().map(|(_, invocation)| invocation).collect();
    let costs = interleaved(&invocations, rounds)?;
    println!(
        "{:22} {:>9} {:>9} {:>9} {:>9}",
        "", "wall us", "ratio", "CPU us", "ratio"
    );
    let micros = |costs: &[Cost]| {
        (
            median(costs, |c| c.wall) * 1e6,
            median(costs, Cost::cpu) * 1e6,
        )
    };
    let (floor_wall, floor_cpu) = micros(&costs[0]);
    for ((name, _), costs) in rows.iter().zip(&costs) {
        let (wall, cpu) = micros(costs);
        let (wall_ratio, cpu_ratio) = (wall / floor_wall, cpu / floor_cpu);
        figures.add("start", name, "wall", wall);
        figures.add("start", name, "CPU", cpu);
        println!("{name:22} {wall:9.0} {wall_ratio:9.2} {cpu:9.0} {cpu_ratio:9.2}");
    }
    if let [_, ours, theirs] = &costs[..] {
        let ratio = micros(theirs).1 / micros(ours).1;
        println!("wasmelt takes {ratio:.1} times less CPU than wasmtime precompiled");
    }
    println!("medians of {rounds} interleaved rounds");
    Ok(())
}
