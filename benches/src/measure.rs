//! Runs of child processes, and what is made of their figures.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use wait4::Wait4;

use crate::options::Result;

/// A program and its arguments.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub program: String,
    pub args: Vec<String>,
}

impl Invocation {
    pub fn new(program: impl AsRef<Path>, args: &[&str]) -> Invocation {
        Invocation {
            program: program.as_ref().display().to_string(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.args)
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// What it prints.
    pub fn output(&self) -> Result<Vec<u8>> {
        let mut stdout = tempfile::tempfile().map_err(|error| error.to_string())?;
        let theirs = stdout.try_clone().map_err(|error| error.to_string())?;
        self.run(theirs.into())?;
        let mut bytes = Vec::new();
        stdout.rewind().map_err(|error| error.to_string())?;
        stdout
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// What it costs, its output thrown away.
    pub fn cost(&self) -> Result<Cost> {
        let null = File::options().write(true).open("/dev/null");
        self.run(null.map_err(|error| error.to_string())?.into())
    }

    /// The standard library starts children by `posix_spawn`: nothing of this process is copied.
    fn run(&self, stdout: Stdio) -> Result<Cost> {
        let mut command = self.command();
        command.stdout(stdout);
        let started = Instant::now();
        let child = command
            .spawn()
            .map_err(|error| format!("{}: {error}", self.program))?;
        let result = child
            .wait4()
            .map_err(|error| format!("{}: {error}", self.program))?;
        let wall = started.elapsed();
        if !result.status.success() {
            let line = format!("{} {}", self.program, self.args.join(" "));
            return Err(format!("`{line}` failed: {}", result.status));
        }
        let usage = result.rusage;
        Ok(Cost {
            wall,
            user: usage.utime,
            system: usage.stime,
            peak_bytes: usage.maxrss,
        })
    }
}

/// What one run took.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    pub wall: Duration,
    pub user: Duration,
    pub system: Duration,
    /// Largest resident set; not below that of this process.
    pub peak_bytes: u64,
}

impl Cost {
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// Runs everything `rounds` times, one after the other in each round, and returns the costs of
/// each in the order of `invocations`.
pub fn interleaved(invocations: &[&Invocation], rounds: usize) -> Result<Vec<Vec<Cost>>> {
    let mut costs = vec![Vec::with_capacity(rounds); invocations.len()];
    for _ in 0..rounds {
        for (position, invocation) in invocations.iter().enumerate() {
            costs[position].push(invocation.cost()?);
        }
    }
    Ok(costs)
}

/// The median of a figure in seconds.
pub fn median(costs: &[Cost], figure: impl Fn(&Cost) -> Duration) -> f64 {
    let values = costs.iter().map(|cost| figure(cost).as_secs_f64());
    middle(values.collect())
}

/// The median of numbers.
pub fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

/// The geometric mean.
pub fn geomean(ratios: &[f64]) -> f64 {
    (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp()
}
