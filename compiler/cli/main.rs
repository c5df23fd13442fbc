//! The `wasmelt` command.
//!
//! ```text
//! words ─manifest─▶ words ─args─▶ raw ─resolve─▶ requests ─▶ build | run | serve | inspect | check
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
mod codes;
mod compiler_errors;
mod compose;
mod debug_args;
mod debug_files;
mod diagnostic;
mod digest;
mod dirs;
mod embed;
mod exec;
mod explain;
mod graph;
mod guard;
mod image;
mod incremental;
mod init;
mod input;
mod inspect;
mod invoke;
mod keys;
mod man;
mod manifest;
mod multi_call;
mod output;
mod packs;
mod pipeline;
mod policy;
mod policy_flags;
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
mod size;
mod split_debug;
mod treemap;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{BuildArgs, Cli, Command};
use diagnostic::{ColorChoice, Console, Diagnostic, Exit, Failure};
use manifest::Completed;

/// `run` fails with this code, so that all others are the program's.
const RUN_FAILED: u8 = 125;

fn main() -> ExitCode {
    wasmelt_heap::return_large_blocks();
    let words: Vec<_> = std::env::args_os().collect();
    if let Some(diagnostic) = words::meant(&words) {
        Console::new(ColorChoice::Auto).show(&diagnostic);
        return ExitCode::from(Exit::Usage as u8);
    }
    let words = words::with_implied_build(words);
    let is_run = words
        .get(1)
        .is_some_and(|word| word == "run" || word == "serve");
    let completed = match manifest::completed(words) {
        Ok(completed) => completed,
        Err(failure) => {
            Console::new(ColorChoice::Auto).fail(&failure);
            return exit_code(failure.exit as u8, is_run);
        }
    };
    let cli = match Cli::try_parse_from(&completed.words) {
        Ok(cli) => cli,
        Err(error) => {
            if let Some(listing) = keys::listing_of(&error) {
                // As below.
                let _ = inspect::print(listing);
                return ExitCode::SUCCESS;
            }
            // Nobody is left to tell when that fails.
            let _ = error.print();
            return exit_code(u8::try_from(error.exit_code()).unwrap_or(2), is_run);
        }
    };
    let (console, result) = match cli.command {
        Command::Build(args) => {
            let console = resolve::console(&args.console);
            (console, build(args, &completed))
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
        Command::Inspect(args) => (Console::new(args.color.choice), inspect::inspect(&args)),
        Command::Check(args) => {
            let console = resolve::console(&args.console);
            let result = resolve::check(args).and_then(|resolved| inspect::check(&resolved));
            (console, result)
        }
        Command::Init(args) => {
            let console = Console::new(args.color.choice);
            (console, init::init(&args.input, &args.output))
        }
        Command::Targets => {
            let listing = packs::listing().and_then(|listing| inspect::print(&listing));
            (Console::new(ColorChoice::Auto), listing)
        }
        Command::Explain(args) => {
            let text = explain::explain(args.code.as_deref());
            let printed = text.and_then(|text| inspect::print(&text));
            (Console::new(ColorChoice::Auto), printed)
        }
        Command::Man(args) => (Console::new(ColorChoice::Auto), man::write(&args.directory)),
        Command::Completions(args) => (Console::new(ColorChoice::Auto), completions(args.shell)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(mut failure) => {
            if let (Exit::Usage, Some(path)) = (failure.exit, &completed.used) {
                let note = format!("`{}` has settings, too", path.display());
                failure.diagnostic.notes.push(note);
            }
            console.fail(&failure);
            exit_code(failure.exit as u8, is_run)
        }
    }
}

fn exit_code(code: u8, is_run: bool) -> ExitCode {
    ExitCode::from(match code {
        0 => 0,
        _ if is_run => RUN_FAILED,
        code => code,
    })
}

fn build(args: BuildArgs, completed: &Completed) -> Result<(), Failure> {
    let is_print = args.print_config;
    let resolved = resolve::build(args)?;
    if is_print {
        return inspect::print(&manifest::print(&completed.words, &resolved)?);
    }
    if let (true, Some(path)) = (completed.is_beside, &completed.used) {
        let message = format!("the settings in `{}` apply", path.display());
        resolved.console.show(&Diagnostic::information(message));
    }
    build::build(&resolved)
}

/// The script by which `shell` completes our command lines.
fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wasmelt", &mut script);
    inspect::print(&String::from_utf8_lossy(&script))
}
