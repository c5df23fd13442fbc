//! Programs of WASI 0.3: bytes through streams, through a chain of components, many timers and
//! many connections.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};
use wait4::Wait4;

use crate::figures::Figures;
use crate::measure::{Cost, Invocation, interleaved, median, middle};
use crate::options::{Options, Result};
use crate::tools::Tools;

const STREAM_ROUNDS: usize = 5;
const STREAM_BYTES: u64 = 1 << 30;
const TIMERS: usize = 10_000;
const CONNECTIONS: usize = 1000;
/// What goes through each connection and back.
const ECHO_BYTES: usize = 4096;
/// How long an idle server is watched.
const REST: Duration = Duration::from_secs(2);

/// Who reads and writes what a program copies.
#[derive(Clone, Copy)]
enum Ends {
    /// A file, and nobody.
    File,
    /// A process each.
    Pipe,
}

pub fn run(tools: &Tools, options: &Options, figures: &mut Figures) -> Result<()> {
    let rounds = options.rounds.unwrap_or(STREAM_ROUNDS).min(STREAM_ROUNDS);
    let streams = guest("streams");
    let chain = chain(tools)?;
    println!(
        "{:34} {:>9} {:>9} {:>9} {:>10} {:>9} {:>9}",
        "1 GiB, MiB/s", "wasmelt", "wasmtime", "cat", "/wasmtime", "/cat", "CPU"
    );
    for (name, wasm, command, ends) in [
        ("copy, file to nowhere", &streams, "copy", Ends::File),
        ("copy, pipe to pipe", &streams, "copy", Ends::Pipe),
        ("pass on, file to nowhere", &streams, "pass", Ends::File),
        ("pass on, pipe to pipe", &streams, "pass", Ends::Pipe),
        (
            "three components, file to nowhere",
            &chain,
            "filter",
            Ends::File,
        ),
    ] {
        let rates = throughput(tools, name, wasm, command, ends, rounds)?;
        for (who, rate) in rates {
            figures.add("streams", name, who, rate);
        }
    }
    println!(
        "CPU: of wasmelt's executable against wasmtime's; medians of {rounds} interleaved rounds\n"
    );
    timers(tools, &streams, rounds, figures)?;
    println!();
    connections(tools, figures)
}

fn guest(name: &str) -> PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests");
    guests.join(format!("p3-{name}.wasm"))
}

/// A component by wasmelt, and by wasmtime if it is there.
fn both(tools: &Tools, wasm: &Path, args: &[&str]) -> Result<Vec<Invocation>> {
    let ours = tools.wasmelt_with(wasm, &["-Sinherit-network"])?;
    let mut all = vec![Invocation::new(ours, args)];
    if let Some(mut theirs) = tools.wasmtime(wasm)? {
        let flags = ["-Wcomponent-model-async=y", "-Sp3=y,inherit-network=y"];
        theirs.args.splice(1..1, flags.map(str::to_owned));
        theirs.args.extend(args.iter().map(|&arg| arg.to_owned()));
        all.push(theirs);
    }
    Ok(all)
}

/// Prints what a program moves, and returns it by who did: MiB a second.
fn throughput(
    tools: &Tools,
    name: &str,
    wasm: &Path,
    command: &str,
    ends: Ends,
    rounds: usize,
) -> Result<Vec<(&'static str, f64)>> {
    let mut all = both(tools, wasm, &[command])?;
    let has_wasmtime = all.len() > 1;
    all.push(Invocation::new("cat", &[]));
    let mut rates = vec![Vec::new(); all.len()];
    let mut cpus = vec![Vec::new(); all.len()];
    for _ in 0..rounds {
        for (who, invocation) in all.iter().enumerate() {
            let (wall, cpu) = copy(invocation, ends)?;
            rates[who].push((STREAM_BYTES >> 20) as f64 / wall.as_secs_f64());
            cpus[who].push(cpu.as_secs_f64());
        }
    }
    let rates: Vec<f64> = rates.into_iter().map(middle).collect();
    let cpus: Vec<f64> = cpus.into_iter().map(middle).collect();
    let (ours, cat) = (rates[0], rates[rates.len() - 1]);
    if has_wasmtime {
        println!(
            "{name:34} {ours:9.0} {:9.0} {cat:9.0} {:10.2} {:9.2} {:9.2}",
            rates[1],
            ours / rates[1],
            ours / cat,
            cpus[0] / cpus[1]
        );
        Ok(vec![
            ("wasmelt", ours),
            ("wasmtime", rates[1]),
            ("cat", cat),
        ])
    } else {
        println!(
            "{name:34} {ours:9.0} {:9} {cat:9.0} {:10} {:9.2}",
            "",
            "",
            ours / cat
        );
        Ok(vec![("wasmelt", ours), ("cat", cat)])
    }
}

/// Has a program copy: how long it takes, and its CPU time.
fn copy(invocation: &Invocation, ends: Ends) -> Result<(Duration, Duration)> {
    let failed = |error: std::io::Error| format!("{}: {error}", invocation.program);
    let mut command = Command::new(&invocation.program);
    command.args(&invocation.args).stderr(Stdio::null());
    match ends {
        Ends::File => {
            let input = tempfile::tempfile().map_err(failed)?;
            input.set_len(STREAM_BYTES).map_err(failed)?;
            command.stdin(input).stdout(Stdio::null());
        }
        Ends::Pipe => {
            command.stdin(Stdio::piped()).stdout(Stdio::piped());
        }
    }
    let started = Instant::now();
    let mut child = command.spawn().map_err(failed)?;
    let input = child.stdin.take();
    let writer = thread::spawn(move || input.map_or(Ok(()), write_zeros));
    if let Some(output) = child.stdout.take() {
        let count = count(output).map_err(failed)?;
        if count != STREAM_BYTES {
            return Err(format!("{} copied {count} bytes", invocation.program));
        }
    }
    let usage = child.wait4().map_err(failed)?;
    let wall = started.elapsed();
    let written = writer.join().map_err(|_| "the writer panicked")?;
    written.map_err(failed)?;
    if !usage.status.success() {
        return Err(format!("{} failed: {}", invocation.program, usage.status));
    }
    Ok((wall, usage.rusage.utime + usage.rusage.stime))
}

fn write_zeros(mut to: impl Write) -> std::io::Result<()> {
    let block = vec![0; 1 << 16];
    for _ in 0..STREAM_BYTES / block.len() as u64 {
        to.write_all(&block)?;
    }
    Ok(())
}

fn count(mut from: impl Read) -> std::io::Result<u64> {
    let mut block = vec![0; 1 << 16];
    let mut count = 0;
    loop {
        match from.read(&mut block)? {
            0 => return Ok(count),
            bytes => count += bytes as u64,
        }
    }
}

/// Many timers at the same time.
fn timers(tools: &Tools, wasm: &Path, rounds: usize, figures: &mut Figures) -> Result<()> {
    let all = both(tools, wasm, &["timers", &TIMERS.to_string()])?;
    let invocations: Vec<&Invocation> = all.iter().collect();
    let costs = interleaved(&invocations, rounds)?;
    println!(
        "{:34} {:>9} {:>9} {:>9}",
        format!("{TIMERS} timers"),
        "wasmelt",
        "wasmtime",
        "ratio"
    );
    let peak = |costs: &Vec<Cost>| {
        let peaks = costs.iter().map(|cost| cost.peak_bytes as f64);
        middle(peaks.collect()) / f64::from(1 << 20)
    };
    let peaks: Vec<f64> = costs.iter().map(peak).collect();
    print_row("peak MiB", &peaks);
    add_memory(figures, &format!("{TIMERS} timers"), &peaks);
    let cpu = |costs: &Vec<Cost>| median(costs, Cost::cpu) * 1e3;
    print_row("CPU ms", &costs.iter().map(cpu).collect::<Vec<_>>());
    Ok(())
}

/// Many connections to one component, which sends back what it gets.
fn connections(tools: &Tools, figures: &mut Figures) -> Result<()> {
    println!(
        "{:34} {:>9} {:>9} {:>9}",
        format!("{CONNECTIONS} TCP connections"),
        "wasmelt",
        "wasmtime",
        "ratio"
    );
    for (name, command) in [("echo", "echo"), ("pass on", "pass")] {
        let args = [command, &CONNECTIONS.to_string()];
        let mut peaks = Vec::new();
        let mut rests = Vec::new();
        for invocation in both(tools, &guest("tcp"), &args)? {
            let mut command = Command::new(&invocation.program);
            command.args(&invocation.args).stdout(Stdio::piped());
            let mut server = command
                .spawn()
                .map_err(|error| format!("{}: {error}", invocation.program))?;
            let served = serve(&mut server).map_err(|error| error.to_string());
            if served.is_err() {
                // It may have ended by itself.
                let _ = server.kill();
            }
            let status = server.wait().map_err(|error| error.to_string())?;
            let (peak_mib, rest_ms) = served?;
            if !status.success() {
                return Err(format!("{} failed: {status}", invocation.program));
            }
            peaks.push(peak_mib);
            rests.push(rest_ms);
        }
        print_row(&format!("{name}, peak MiB"), &peaks);
        let row = format!("{CONNECTIONS} TCP connections, {name}");
        add_memory(figures, &row, &peaks);
        print_row(&format!("{name}, CPU ms of 2 s at rest"), &rests);
    }
    Ok(())
}

/// Uses a server: its peak memory in MiB, and its CPU time in milliseconds while nothing happens.
fn serve(server: &mut Child) -> std::io::Result<(f64, f64)> {
    let stdout = server.stdout.take().expect("it is piped");
    let mut port = String::new();
    BufReader::new(stdout).read_line(&mut port)?;
    let port: u16 = port.trim().parse().map_err(std::io::Error::other)?;
    let connect = |_| TcpStream::connect(("127.0.0.1", port));
    let mut clients = (0..CONNECTIONS)
        .map(connect)
        .collect::<std::io::Result<Vec<_>>>()?;
    let sent = vec![7; ECHO_BYTES];
    for client in &mut clients {
        client.write_all(&sent)?;
    }
    let mut received = vec![0; ECHO_BYTES];
    for client in &mut clients {
        client.read_exact(&mut received)?;
        if received != sent {
            return Err(std::io::Error::other("it sends back something else"));
        }
    }
    let before = cpu_ms(server.id())?;
    thread::sleep(REST);
    let rest = cpu_ms(server.id())? - before;
    let peak = peak_mib(server.id())?;
    Ok((peak, rest))
}

/// The largest resident set of a process so far.
fn peak_mib(process: u32) -> std::io::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next());
    let kib: f64 = kib
        .and_then(|kib| kib.parse().ok())
        .ok_or_else(|| std::io::Error::other("no VmHWM"))?;
    Ok(kib / 1024.0)
}

/// The CPU time of a process so far, in steps of 10 ms.
fn cpu_ms(process: u32) -> std::io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name before may contain anything; user and system time are fields 14 and 15.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2);
    Ok(ticks
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        * 10.0)
}

/// For the chart.
fn add_memory(figures: &mut Figures, row: &str, peaks: &[f64]) {
    for (who, peak) in ["wasmelt", "wasmtime"].into_iter().zip(peaks) {
        figures.add("async-memory", row, who, *peak);
    }
}

/// Prints a figure of ours, and if there is one of wasmtime's beside it.
fn print_row(name: &str, figures: &[f64]) {
    match figures {
        [ours, theirs] if *theirs > 0.0 => {
            println!("{name:34} {ours:9.1} {theirs:9.1} {:9.2}", ours / theirs);
        }
        [ours, theirs] => println!("{name:34} {ours:9.1} {theirs:9.1}"),
        _ => println!("{name:34} {:9.1}", figures[0]),
    }
}

/// A command whose streams pass through two other components.
fn chain(tools: &Tools) -> Result<PathBuf> {
    let mut graph = CompositionGraph::new();
    let mut instances = Vec::new();
    for name in ["relay", "stage", "chain"] {
        let path = guest(name);
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let bytes = fs::read(&path).map_err(|error| failed(&error))?;
        let package = Package::from_bytes(name, None, bytes, graph.types_mut());
        let package = package.map_err(|error| failed(&error))?;
        let package = graph.register_package(package);
        let instance = graph.instantiate(package.map_err(|error| failed(&error))?);
        if let Some(provider) = instances.last() {
            let filter = graph.alias_instance_export(*provider, FILTER);
            let filter = filter.map_err(|error| failed(&error))?;
            let set = graph.set_instantiation_argument(instance, FILTER, filter);
            set.map_err(|error| failed(&error))?;
        }
        instances.push(instance);
    }
    let run = instances
        .last()
        .map(|chain| graph.alias_instance_export(*chain, RUN));
    let run = run
        .expect("there are instances")
        .map_err(|error| error.to_string())?;
    graph.export(run, RUN).map_err(|error| error.to_string())?;
    let bytes = graph.encode(EncodeOptions::default());
    let path = tools.path("chain.wasm");
    fs::write(&path, bytes.map_err(|error| error.to_string())?)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}

/// What the components of the chain give each other.
const FILTER: &str = "wasmelt:relay/filter";

/// What makes it a command.
const RUN: &str = "wasi:cli/run@0.3.2";
