//! The command line as it is written: clap's structures and nothing decided yet.
//!
//! `resolve` turns these into plain options. Help texts are the documentation of each flag.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::debug_args::DebugArgs;
use crate::diagnostic::ColorChoice;
use crate::dirs::DirArgs;
use crate::graph::GraphFormat;
use crate::keys::{self, ListParser};
use crate::profile::ProfileArgs;
use crate::requests::Emit;

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
    /// Compile a server of `wasi:http` into the cache and start it; takes the flags of
    /// `wasmtime serve`
    Serve(ServeArgs),
    /// Describe a component or module, or what an executable made by wasmelt may do
    Inspect(InspectArgs),
    /// Find what keeps components and modules from being built, and list what they import
    Check(CheckArgs),
    /// Write a manifest for a component or module, by which `wasmelt build` needs no flags
    Init(InitArgs),
    /// List what can be compiled for
    Targets,
    /// Explain an error by its code, such as `E006`; without one, list all codes
    Explain(ExplainArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Write manual pages into a directory
    Man(ManArgs),
}

#[derive(Args, Debug)]
pub(crate) struct BuildArgs {
    /// A component or module (`.wasm` or `.wat`), or `-` for standard input; by default that of the
    /// manifest `wasmelt.toml` in the current directory
    #[arg(conflicts_with = "compose")]
    pub(crate) input: Option<PathBuf>,

    /// Inputs that are too many
    #[arg(hide = true)]
    pub(crate) more: Vec<PathBuf>,

    /// Where to write; by default the input's name without `.wasm`, in the current directory
    #[arg(short, long, value_name = "PATH")]
    pub(crate) output: Option<PathBuf>,

    /// What to write
    #[arg(long, value_enum, default_value_t = Emit::Exe, value_name = "KIND")]
    pub(crate) emit: Emit,

    /// Compile only functions that have changed since the last build of this input, whose code the
    /// cache has (`WASMELT_CACHE_DIR`)
    #[arg(long)]
    pub(crate) incremental: bool,

    /// Call this export now, and let the program begin where that has ended; of a component, one of
    /// its core modules
    #[arg(
        long,
        value_name = "EXPORT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = wasmelt_compiler::PREINIT_EXPORT
    )]
    pub(crate) preinit: Option<String>,

    /// Write what debuggers and profilers read to PATH.debug instead; they find it beside the
    /// executable
    #[arg(long)]
    pub(crate) split_debug: bool,

    /// Print what the manifest and the flags say together, as a manifest, and build nothing
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Arguments that the program always gets before those of its command line
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) args: Vec<String>,

    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    #[command(flatten)]
    pub(crate) compose: ComposeArgs,

    #[command(flatten)]
    pub(crate) preload: PreloadArgs,

    #[command(flatten)]
    pub(crate) target: TargetArgs,

    #[command(flatten)]
    pub(crate) image: ImageArgs,

    #[command(flatten)]
    pub(crate) code: CodeArgs,

    #[command(flatten)]
    pub(crate) profile: ProfileArgs,

    #[command(flatten)]
    pub(crate) grants: GrantArgs,

    #[command(flatten)]
    pub(crate) protocols: ProtocolArgs,

    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
}

#[derive(Args, Debug)]
#[command(override_usage = "wasmelt run [OPTIONS] <INPUT> [ARGS]...")]
pub(crate) struct RunArgs {
    /// A component or module (`.wasm` or `.wat`, `-` for standard input), and the program's
    /// arguments: everything after the input belongs to the program
    #[arg(trailing_var_arg = true, value_name = "INPUT")]
    pub(crate) input_and_args: Vec<OsString>,

    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    #[command(flatten)]
    pub(crate) compose: ComposeArgs,

    #[command(flatten)]
    pub(crate) preload: PreloadArgs,

    #[command(flatten)]
    pub(crate) code: CodeArgs,

    #[command(flatten)]
    pub(crate) grants: GrantArgs,

    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
}

#[derive(Args, Debug)]
#[command(override_usage = "wasmelt serve [OPTIONS] <INPUT> [SERVER OPTIONS]...")]
pub(crate) struct ServeArgs {
    /// Where to listen: an address with a port, or `unix:PATH`
    #[arg(long, value_name = "ADDR", help_heading = "Server")]
    pub(crate) addr: Option<String>,

    /// Processes that serve; by default one for each processor
    #[arg(long, value_name = "N", help_heading = "Server")]
    pub(crate) workers: Option<String>,

    /// Requests that an instance serves
    #[arg(long, value_name = "N", help_heading = "Server")]
    pub(crate) max_instance_reuse_count: Option<String>,

    /// Requests that an instance serves at the same time
    #[arg(long, value_name = "N", help_heading = "Server")]
    pub(crate) max_instance_concurrent_reuse_count: Option<String>,

    /// How long an instance waits for its next request
    #[arg(long, value_name = "TIME", help_heading = "Server")]
    pub(crate) idle_instance_timeout: Option<String>,

    /// Requests that a worker answers at the same time
    #[arg(long, value_name = "N", help_heading = "Server")]
    pub(crate) max_concurrent_requests: Option<String>,

    /// Connections of a worker
    #[arg(long, value_name = "N", help_heading = "Server")]
    pub(crate) max_concurrent_connections: Option<String>,

    /// End when somebody connects to this address
    #[arg(long, value_name = "ADDR", help_heading = "Server")]
    pub(crate) shutdown_addr: Option<String>,

    /// Give each request this header field in the place of its own, `NAME: VALUE`, or those in a
    /// file (`@FILE`)
    #[arg(short = 'H', long, value_name = "HEADER", help_heading = "Server")]
    pub(crate) header: Vec<String>,

    /// Write what guests write as it is, without their instance before each line
    #[arg(long, help_heading = "Server")]
    pub(crate) no_logging_prefix: bool,

    /// Write a line for each request to standard error: `common` or `json`
    #[arg(
        long,
        value_name = "FORMAT",
        help_heading = "Server",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "common"
    )]
    pub(crate) access_log: Option<String>,

    /// Write these lines to the end of this file
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    pub(crate) access_log_file: Option<String>,

    /// Speak TLS with the certificates in this file (PEM), the server's first
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Server",
        requires = "tls_key"
    )]
    pub(crate) tls_cert: Option<OsString>,

    /// The key of the first one
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Server",
        requires = "tls_cert"
    )]
    pub(crate) tls_key: Option<OsString>,

    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Args, Debug)]
pub(crate) struct InspectArgs {
    /// A component or module, or an executable made by wasmelt
    pub(crate) file: PathBuf,

    /// Print the world of a component in WIT
    #[arg(long)]
    pub(crate) wit: bool,

    /// Draw what a component or module is made of: who uses whom
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "svg",
        conflicts_with_all = ["wit", "size"]
    )]
    pub(crate) graph: Option<GraphFormat>,

    /// Satisfy imports of the input with what this component exports, and draw both
    #[arg(long, value_name = "FILE", requires = "graph")]
    pub(crate) plug: Vec<PathBuf>,

    /// Say what takes the bytes of an executable: sections, modules, functions
    #[arg(long, conflicts_with = "wit")]
    pub(crate) size: bool,

    /// As a page with a rectangle for each
    #[arg(long, requires = "size")]
    pub(crate) html: bool,

    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Components and modules
    #[arg(value_name = "INPUT")]
    pub(crate) inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) config: ConfigArgs,

    /// Satisfy imports of each input with what this component exports
    #[arg(long, value_name = "FILE", help_heading = "Composition")]
    pub(crate) plug: Vec<PathBuf>,

    /// Make a component of each module that carries the type of one
    #[arg(long, help_heading = "Composition")]
    pub(crate) component: bool,

    #[command(flatten)]
    pub(crate) preload: PreloadArgs,

    #[command(flatten)]
    pub(crate) code: CodeArgs,

    #[command(flatten)]
    pub(crate) grants: GrantArgs,

    #[command(flatten)]
    pub(crate) console: ConsoleArgs,
}

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// A component or module
    pub(crate) input: PathBuf,

    /// Where to write
    #[arg(short, long, value_name = "PATH", default_value = "wasmelt.toml")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) color: ColorArgs,
}

/// Where settings are.
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// Read settings from this manifest, as from flags; by default from the `wasmelt.toml` of the
    /// current directory where there is no INPUT
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    pub(crate) code: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Where `man` finds them, such as `~/.local/share/man/man1`
    pub(crate) directory: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    pub(crate) shell: Shell,
}

/// Components that become one before they are compiled.
#[derive(Args, Debug)]
#[command(next_help_heading = "Composition")]
pub(crate) struct ComposeArgs {
    /// Make a module the component whose type it carries, also where it imports WASI 0.1 alone and
    /// could be compiled as it is
    #[arg(long, conflicts_with = "compose")]
    pub(crate) component: bool,

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

/// Modules that provide imports.
#[derive(Args, Debug)]
#[command(next_help_heading = "Composition")]
pub(crate) struct PreloadArgs {
    /// What a module imports from NAME is what this module exports; those before it may provide
    /// imports of it
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) preload: Vec<String>,
}

/// How the code is made.
#[derive(Args, Debug)]
#[command(next_help_heading = "Code")]
pub(crate) struct CodeArgs {
    /// A level (0, 1, 2, 3, s), or how the code is made: `-O help` lists the keys
    #[arg(short = 'O', long = "optimize", value_name = "LEVEL|KEY=VAL,..",
        value_parser = ListParser(&keys::OPTIMIZE), hide_possible_values = true)]
    pub(crate) optimize: Vec<String>,

    #[command(flatten)]
    pub(crate) debug: DebugArgs,

    /// The processor, symbols: `-C help` lists the keys
    #[arg(short = 'C', long = "codegen", value_name = "KEY=VAL,..",
        value_parser = ListParser(&keys::CODEGEN), hide_possible_values = true)]
    pub(crate) codegen: Vec<String>,

    /// `-D debug-info` is the same as `-g`: `-D help` lists the keys
    #[arg(short = 'D', long = "debug", value_name = "KEY[=VAL],..",
        value_parser = ListParser(&keys::DEBUG), hide_possible_values = true)]
    pub(crate) debug_keys: Vec<String>,

    /// Limits, unknown imports, and what of WebAssembly is allowed: `-W help` lists the keys
    #[arg(short = 'W', long = "wasm", value_name = "KEY[=VAL],..",
        value_parser = ListParser(&keys::WASM), hide_possible_values = true)]
    pub(crate) wasm: Vec<String>,

    /// Link with this linker instead of the built-in one: `cc`, or the path of one
    #[arg(long, value_name = "PATH|cc")]
    pub(crate) linker: Option<PathBuf>,
}

/// What a server speaks besides HTTP/1.1.
#[derive(Args, Debug)]
#[command(next_help_heading = "Server")]
pub(crate) struct ProtocolArgs {
    /// The server also speaks HTTP/2, to clients that begin with it
    #[arg(long)]
    pub(crate) http2: bool,

    /// The server can be started with a certificate (`--tls-cert`), and speaks HTTP/2 too
    #[arg(long)]
    pub(crate) tls: bool,

    /// Start with this option of the server, as if it stood first on its command line:
    /// `--server workers=4`
    #[arg(long, value_name = "OPTION[=VAL]")]
    pub(crate) server: Vec<String>,
}

/// What is compiled for.
#[derive(Args, Debug)]
#[command(next_help_heading = "Code")]
pub(crate) struct TargetArgs {
    /// Compile for another machine than this one, such as `aarch64-linux`: `wasmelt targets` lists
    /// them, and which have been tried. Executables for macOS are linked and checked, and have never
    /// been run there. A container image or a Rust crate can be for several
    #[arg(long, value_name = "TARGET")]
    pub(crate) target: Vec<String>,

    /// Link with the runtime library from this file, which was built for the target
    #[arg(long, value_name = "PATH")]
    pub(crate) runtime_pack: Vec<PathBuf>,
}

/// What a container image says of itself.
#[derive(Args, Debug)]
#[command(next_help_heading = "Container image")]
pub(crate) struct ImageArgs {
    /// What the image is called where it is loaded; by default the input's name, and `latest`
    #[arg(long, value_name = "NAME[:TAG]")]
    pub(crate) image_name: Option<String>,

    /// Label the image
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) image_label: Vec<String>,

    /// Run as this user, by number
    #[arg(long, value_name = "UID[:GID]")]
    pub(crate) image_user: Option<String>,
}

/// What the program may do.
#[derive(Args, Debug)]
#[command(next_help_heading = "What the program may do")]
pub(crate) struct GrantArgs {
    #[command(flatten)]
    pub(crate) dirs: DirArgs,

    /// Put a directory, or a file, into the executable: the program sees it as GUEST, by default as
    /// HOST, and can read it
    #[arg(long, value_name = "HOST[::GUEST]")]
    pub(crate) embed: Vec<OsString>,

    /// Compress what is embedded: the executable gets smaller, and reading takes longer
    #[arg(long, requires = "embed")]
    pub(crate) compress_embedded: bool,

    /// Set an environment variable; without VAL, to the value it has when the program starts
    #[arg(long, value_name = "NAME[=VAL]")]
    pub(crate) env: Vec<String>,

    /// The environment, the network, parts of WASI: `-S help` lists the keys
    #[arg(short = 'S', long = "wasi", value_name = "KEY[=VAL],..",
        value_parser = ListParser(&keys::WASI), hide_possible_values = true)]
    pub(crate) wasi: Vec<String>,

    /// Grant requests of HTTP to this host, and to no others that are not named; `*.HOST` are all
    /// names below it
    #[arg(long, value_name = "HOST[:PORT]")]
    pub(crate) allow_host: Vec<String>,

    /// Grant what a native program has: `/` and the current directory, environment, network
    #[arg(short = 'A', long)]
    pub(crate) allow_all: bool,

    /// Have the kernel keep the program to its grants, where it can (Linux: seccomp, Landlock)
    #[arg(long)]
    pub(crate) harden: bool,

    /// The program's name as it sees it
    #[arg(long, value_name = "NAME")]
    pub(crate) argv0: Option<String>,

    /// Call this exported function, with the command line's arguments, instead of `_start` or
    /// `wasi:cli/run`. Of a component, `run` takes the arguments also here: 'FUNCTION(1, "x")'
    #[arg(long, value_name = "FUNCTION", conflicts_with = "command")]
    pub(crate) invoke: Option<String>,

    /// Make it a program that runs once, also if the component exports a handler of HTTP requests
    #[arg(long)]
    pub(crate) command: bool,
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
