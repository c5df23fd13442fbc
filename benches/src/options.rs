//! The command line.

use std::path::PathBuf;

/// What failed, and about what, in one line.
pub type Result<T> = std::result::Result<T, String>;

pub const HELP: &str = "\
usage: cargo run --release -p wasmelt-bench -- [SECTION...] [OPTIONS]

sections, all by default:
  startup     from start to exit of hello world
  throughput  CPU time of the kernels, of loops over arrays, and of CoreMark, Lua, QuickJS and SQLite
  compile     CPU time and peak memory of a compilation
  size        bytes of hello world
  components  calls between components; start and compilation of big ones
  async       streams, timers and connections of WASI 0.3
  http        CPU time of a request, time to the first response
  threads     a sum on two threads, shared memory on one, starting threads
  gc          programs with garbage collection, against V8 and the JVM too

options:
  --rounds N    repeats of each measurement
  --pgo         `throughput` also measures builds that use a profile of the same run
  --kernel NAME only kernels, loops and programs whose name contains this; may be repeated
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
  WASMELT_BENCH_SERVERS     servers for `http`, separated by colons
  WASMELT_BENCH_JAR         the programs of `gc` for the JVM, which benches/gc/build.sh makes
  NODE                      node of version 25 or later for `gc`, node by default
  WASMELT_BENCH_COREMARK    the crate `coremark` compiled for wasm32-wasip1
";

/// What the command line says.
#[derive(Default)]
pub struct Options {
    pub sections: Vec<String>,
    pub rounds: Option<usize>,
    /// Builds with profiles are measured too.
    pub pgo: bool,
    pub kernels: Vec<String>,
    pub flags: Vec<String>,
    pub svg: Option<PathBuf>,
    pub save: Option<PathBuf>,
    pub load: Option<PathBuf>,
}

impl Options {
    /// Whether a kernel or program is to be measured.
    pub fn wants(&self, name: &str) -> bool {
        self.kernels.is_empty() || self.kernels.iter().any(|part| name.contains(part))
    }
}

/// `None` when help is wanted.
pub fn parse(words: impl Iterator<Item = String>) -> Result<Option<Options>> {
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
            "--pgo" => options.pgo = true,
            "--kernel" => options.kernels.push(value()?),
            "--flag" => options.flags.push(value()?),
            "--svg" => options.svg = Some(value()?.into()),
            "--save" => options.save = Some(value()?.into()),
            "--load" => options.load = Some(value()?.into()),
            "startup" | "throughput" | "compile" | "size" | "components" | "async" | "http"
            | "threads" | "gc" => {
                options.sections.push(word);
            }
            _ => return Err(format!("`{word}` is no section and no option\n\n{HELP}")),
        }
    }
    Ok(Some(options))
}
