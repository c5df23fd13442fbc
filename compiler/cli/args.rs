//! The command line as it is written: clap's structures and nothing decided yet.
//!
//! `resolve` turns these into plain options. Help texts are the documentation of each flag.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// The words that are subcommands rather than inputs.
const SUBCOMMANDS: &[&str] = &["build", "run", "inspect", "check", "completions", "help"];

/// Adds the implied `build`: `wasmelt app.wasm` is `wasmelt build app.wasm`.
pub(crate) fn with_implied_build(mut words: Vec<OsString>) -> Vec<OsString> {
    let implied = match words.get(1) {
        None => false,
        Some(first) => {
            let known = SUBCOMMANDS.iter().any(|name| first == OsStr::new(name));
            !known
                && !["-h", "--help", "-V", "--version"]
                    .iter()
                    .any(|flag| first == flag)
        }
    };
    if implied {
        words.insert(1, OsString::from("build"));
    }
    words
}

#[derive(Parser, Debug)]
#[command(
    name = "wasmelt",
    version,
    about = "Compiles WebAssembly ahead of time into one standalone native executable",
    after_help = "`wasmelt app.wasm` is short for `wasmelt build app.wasm`",
    arg_required_else_help = true,
    subcommand_required = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Compile a component or module into an executable
    Build(BuildArgs),
    /// Compile into the cache and run; takes the flags of `wasmtime run`
    Run(RunArgs),
    /// Describe a component or module, or what an executable made by wasmelt may do
    Inspect(InspectArgs),
    /// Validate components and modules and list what they import, without compiling
    Check(CheckArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct BuildArgs {
    /// A component or module (`.wasm` or `.wat`), or `-` for standard input
    #[arg(required_unless_present = "compose", conflicts_with = "compose")]
    pub(crate) input: Option<PathBuf>,

    /// Where to write; by default the input's name without `.wasm`, in the current directory
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,

    /// What to write
    #[arg(long, value_enum, default_value_t = Emit::Exe, value_name = "KIND")]
    pub(crate) emit: Emit,

    /// Arguments that the program always gets before those of its command line
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,

    #[command(flatten)]
    pub(crate) compose: ComposeArgs,

    #[command(flatten)]
    pub(crate) code: CodeArgs,

    #[command(flatten)]
    pub(crate) grants: GrantArgs,

    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
}

#[derive(Args, Debug)]
#[command(override_usage = "wasmelt run [OPTIONS] <INPUT> [ARGS]...")]
pub(crate) struct RunArgs {
    /// A component or module (`.wasm` or `.wat`, `-` for standard input), and the program's
    /// arguments: everything after the input belongs to the program
    #[arg(
        required_unless_present = "compose",
        trailing_var_arg = true,
        value_name = "INPUT"
    )]
    pub(crate) input_and_args: Vec<OsString>,

    #[command(flatten)]
    pub(crate) compose: ComposeArgs,

    #[command(flatten)]
    pub(crate) code: CodeArgs,

    #[command(flatten)]
    pub(crate) grants: GrantArgs,

    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
}

#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// A component or module, or an executable made by wasmelt
    pub(crate) file: PathBuf,

    /// Print the world of a component in WIT
    #[arg(long)]
    pub(crate) wit: bool,

    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Components and modules to validate
    #[arg(required = true, value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    /// Print errors only
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    pub(crate) shell: Shell,
}

/// Components that become one before they are compiled.
#[derive(Args, Debug)]
#[command(next_help_heading = "Composition")]
pub(crate) struct ComposeArgs {
    /// Satisfy imports of the input, and of other plugs, with what this component exports
    #[arg(long, value_name = "FILE")]
    pub(crate) plug: Vec<PathBuf>,

    /// Compose the program as this script in wac's language says, in place of an input
    #[arg(long, value_name = "FILE.wac")]
    pub(crate) compose: Option<PathBuf>,

    /// The component that is the package NAME of the script
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) dep: Vec<String>,

    /// Where the other packages of the script are, as NAMESPACE/NAME.wasm; by default `deps`
    #[arg(long, value_name = "DIR")]
    pub(crate) deps_dir: Option<PathBuf>,
}

/// How the code is made.
#[derive(Args, Debug)]
#[command(next_help_heading = "Code")]
pub(crate) struct CodeArgs {
    /// A level (0, 1, 2, 3, s), or settings: opt-level=LEVEL, inline=N (largest callee that is
    /// inlined; 0 for none), memory-reservation=BYTES (address space of each memory; below 4 GiB, or
    /// for a 64-bit memory below what it may grow to, bounds are checked in code and it never grows
    /// beyond it, so that the program runs where address space is limited)
    #[arg(short = 'O', value_name = "LEVEL|KEY=VAL,..")]
    pub(crate) optimize: Vec<String>,

    /// Backtraces give the byte offset in the input of each call
    #[arg(short = 'g')]
    pub(crate) debug: bool,

    /// target-cpu=x86-64|x86-64-v2|x86-64-v3|native, strip=none|symbols
    #[arg(short = 'C', long = "codegen", value_name = "KEY=VAL,..")]
    pub(crate) codegen: Vec<String>,

    /// debug-info (the same as -g)
    #[arg(short = 'D', value_name = "KEY[=VAL],..")]
    pub(crate) debug_keys: Vec<String>,

    /// max-memory-size=BYTES, max-wasm-stack=BYTES, unknown-imports-trap, and what may change of
    /// the component model: component-model-fixed-length-lists, component-model-async-stackful,
    /// component-model-more-async-builtins, component-model-threading,
    /// component-model-error-context, component-model-memory64
    #[arg(short = 'W', long = "wasm", value_name = "KEY[=VAL],..")]
    pub(crate) wasm: Vec<String>,

    /// Link with this linker instead of the built-in one: `cc`, or the path of one
    #[arg(long, value_name = "PATH|cc")]
    pub(crate) linker: Option<PathBuf>,
}

/// What the program may do.
#[derive(Args, Debug)]
#[command(next_help_heading = "What the program may do")]
pub(crate) struct GrantArgs {
    /// Grant a directory; the program sees it as GUEST, by default as HOST. A relative HOST is
    /// relative to where the program is started. With `?` at the end, it is left out when it does
    /// not exist
    #[arg(long, value_name = "HOST[::GUEST][?]")]
    pub(crate) dir: Vec<OsString>,

    /// Grant a directory for reading only
    #[arg(long, value_name = "HOST[::GUEST][?]")]
    pub(crate) dir_ro: Vec<OsString>,

    /// Set an environment variable; without VAL, to the value it has when the program starts
    #[arg(long, value_name = "NAME[=VAL]")]
    pub(crate) env: Vec<String>,

    /// inherit-env, inherit-network, allow-ip-name-lookup
    #[arg(short = 'S', long = "wasi", value_name = "KEY[=VAL],..")]
    pub(crate) wasi: Vec<String>,

    /// Grant what a native program has: `/` and the current directory, environment, network
    #[arg(short = 'A', long)]
    pub(crate) allow_all: bool,

    /// The program's name as it sees it
    #[arg(long, value_name = "NAME")]
    pub(crate) argv0: Option<String>,

    /// Call this exported function, with the command line's arguments, instead of `_start` or
    /// `wasi:cli/run`. Of a component, `run` takes the arguments also here: 'FUNCTION(1, "x")'
    #[arg(long, value_name = "FUNCTION")]
    pub(crate) invoke: Option<String>,
}

/// What the command itself prints.
#[derive(Args, Debug)]
#[command(next_help_heading = "Messages")]
pub(crate) struct ConsoleArgs {
    /// Print how long each phase took
    #[arg(long)]
    pub(crate) time: bool,

    /// Say more about what is done
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,

    /// Print errors only
    #[arg(short, long)]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ColorArgs {
    /// When to colour messages
    #[arg(long = "color", value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    pub(crate) choice: ColorChoice,
}

/// `--emit`.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Emit {
    /// An executable
    Exe,
    /// An object file, to be linked by other means
    Obj,
    /// Cranelift's intermediate representation
    Clif,
    /// Assembly
    Asm,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ColorChoice {
    Auto,
    Always,
    Never,
}
