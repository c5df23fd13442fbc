//! The `wasmelt` command.
//!
//! ```text
//! words ─args─▶ raw ─resolve─▶ requests ─▶ build | run | serve | inspect | check
//! ```
//!
//! No two files name each other: what is said (`diagnostic`), read (`input`) and asked for
//! (`requests`) comes first, then what works on it, then the subcommands.
//!
//! Everything that concerns WebAssembly is decided by the compiler, everything that concerns native
//! code by the compiler and the linker; here are arguments, files and messages.
#![forbid(unsafe_code)]

mod args;
mod build;
mod cache;
mod capabilities;
mod compiler_errors;
mod compose;
mod debug_args;
mod debug_files;
mod diagnostic;
mod digest;
mod dirs;
mod embed;
mod exec;
mod guard;
mod image;
mod incremental;
mod input;
mod inspect;
mod invoke;
mod keys;
mod multi_call;
mod output;
mod packs;
mod pipeline;
mod policy;
mod preinit;
mod preload;
mod profile;
mod progress;
mod requests;
mod resolve;
mod run;
mod sbom;
mod server;
mod signals;
mod split_debug;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Cli, Command};
use diagnostic::{ColorChoice, Console, Exit, Failure};

/// `run` fails with this code, so that all others are the program's.
const RUN_FAILED: u8 = 125;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    if let Some(diagnostic) = args::meant(&words) {
        Console::new(ColorChoice::Auto).show(&diagnostic);
        return ExitCode::from(Exit::Usage as u8);
    }
    let words = args::with_implied_build(words);
    let is_run = words
        .get(1)
        .is_some_and(|word| word == "run" || word == "serve");
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => {
            if let Some(listing) = keys::listing_of(&error) {
                // As below.
                let _ = inspect::print(listing);
                return ExitCode::SUCCESS;
            }
            // Nobody is left to tell when that fails.
            let _ = error.print();
            let code = u8::try_from(error.exit_code()).unwrap_or(2);
            return ExitCode::from(if is_run && code != 0 {
                RUN_FAILED
            } else {
                code
            });
        }
    };
    let (console, result) = match cli.command {
        Command::Build(args) => {
            let console = resolve::console(&args.console);
            (
                console,
                resolve::build(args).and_then(|resolved| build::build(&resolved)),
            )
        }
        Command::Run(args) => {
            let console = resolve::console(&args.console);
            let result = resolve::run(args).and_then(|resolved| run::run(&resolved));
            (console, result.map(|never| match never {}))
        }
        Command::Serve(args) => {
            let console = resolve::console(&args.run.console);
            let result = resolve::serve(args).and_then(|resolved| run::run(&resolved));
            (console, result.map(|never| match never {}))
        }
        Command::Inspect(args) => (
            Console::new(args.color.choice),
            inspect::inspect(&args.file, args.wit),
        ),
        Command::Check(args) => {
            let console = resolve::console(&args.console);
            let result = resolve::check(args).and_then(|resolved| inspect::check(&resolved));
            (console, result)
        }
        Command::Targets => {
            let listing = packs::listing().and_then(|listing| inspect::print(&listing));
            (Console::new(ColorChoice::Auto), listing)
        }
        Command::Completions(args) => (Console::new(ColorChoice::Auto), completions(args.shell)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.fail(&failure);
            ExitCode::from(if is_run {
                RUN_FAILED
            } else {
                failure.exit as u8
            })
        }
    }
}

/// The script by which `shell` completes our command lines.
fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wasmelt", &mut script);
    inspect::print(&String::from_utf8_lossy(&script))
}
