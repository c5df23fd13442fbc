//! `wasmelt.toml`: what is said once about a program, in place of flags.
//!
//! In come the words of a command line, out go those words completed by a manifest's, which come
//! first: clap reads both at once, and knows no difference. So flags override a manifest where they
//! can be given once, and add to it where they can be repeated.

mod print;
mod settings;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory};

use crate::args::Cli;
use crate::diagnostic::{Diagnostic, Failure};

pub(crate) use print::print;
use settings::{ARGS, INPUT, Manifest, Setting};

/// What a manifest is called where none is named.
pub(crate) const FILE_NAME: &str = "wasmelt.toml";

/// The commands that take a manifest, and what they call their inputs.
const COMMANDS: &[(&str, &str)] = &[
    ("build", INPUT),
    ("check", "inputs"),
    ("run", INPUT_AND_ARGS),
    ("serve", INPUT_AND_ARGS),
];

/// Flags that can be repeated, and that replace what a manifest says all the same.
const REPLACING: &[&str] = &["target"];

/// The input of `run`, and the program's arguments behind it.
const INPUT_AND_ARGS: &str = "input_and_args";

/// A command line with what a manifest adds.
#[derive(Debug)]
pub(crate) struct Completed {
    pub(crate) words: Vec<OsString>,
    /// The manifest.
    pub(crate) used: Option<PathBuf>,
    /// It was not asked for, but lies beside the input.
    pub(crate) is_beside: bool,
}

/// Completes a command line by the manifest that it names, the one in the current folder where there
/// is no input, or the one that lies beside the input and is for it.
///
/// # Errors
/// When there is a fault in the manifest.
pub(crate) fn completed(words: Vec<OsString>) -> Result<Completed, Failure> {
    let command = Cli::command();
    let without = |words| Completed {
        words,
        used: None,
        is_beside: false,
    };
    let name = words.get(1).and_then(|word| word.to_str());
    let known = COMMANDS.iter().find(|(known, _)| name == Some(known));
    let Some(&(name, input_id)) = known else {
        return Ok(without(words));
    };
    // What is wrong with the command line is said when it is read for good.
    let Ok(matches) = command.clone().try_get_matches_from(&words) else {
        return Ok(without(words));
    };
    let Some((_, given)) = matches.subcommand() else {
        return Ok(without(words));
    };
    let build = command.find_subcommand("build").expect("it is a command");
    let has_input = is_given(given, input_id) && !has_arguments_alone(&words, given);
    let Some((path, manifest)) = found(name, given, has_input, build)? else {
        return Ok(without(words));
    };
    let is_beside = given.get_one::<PathBuf>("config").is_none() && has_input;
    let own = command.find_subcommand(name).expect("it is a command");
    Ok(Completed {
        words: joined(words, &manifest, own, given, has_input),
        used: Some(path),
        is_beside,
    })
}

/// The manifest for a command line.
fn found(
    name: &str,
    given: &ArgMatches,
    has_input: bool,
    build: &Command,
) -> Result<Option<(PathBuf, Manifest)>, Failure> {
    if let Some(path) = given.get_one::<PathBuf>("config") {
        return Ok(Some((path.clone(), Manifest::read(path, build)?)));
    }
    if !has_input && !is_given(given, "compose") {
        let path = PathBuf::from(FILE_NAME);
        return match path.exists() {
            true => Ok(Some((path.clone(), Manifest::read(&path, build)?))),
            false => Ok(None),
        };
    }
    if name != "build" || !has_input {
        return Ok(None);
    }
    let input: &PathBuf = given.get_one(INPUT).expect("it is given");
    let path = input.parent().unwrap_or(Path::new("")).join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let manifest = Manifest::read(&path, build)?;
    let is_for = |named: &Path| {
        let (named, input) = (named.canonicalize(), input.canonicalize());
        named.is_ok_and(|named| input.is_ok_and(|input| input == named))
    };
    let is_for = manifest.input().is_some_and(is_for);
    Ok(is_for.then_some((path, manifest)))
}

/// Whether the command line itself has it.
fn is_given(given: &ArgMatches, id: &str) -> bool {
    let known = given.try_contains_id(id).is_ok();
    known && given.value_source(id) == Some(ValueSource::CommandLine)
}

/// Whether `run` has `--` where the input would be: what follows are arguments of the program.
fn has_arguments_alone(words: &[OsString], given: &ArgMatches) -> bool {
    let at = words.len() - arguments_of_run(given);
    at < words.len() && words[at - 1] == "--"
}

/// How many words at the end are the input of `run` and the program's arguments.
fn arguments_of_run(given: &ArgMatches) -> usize {
    let is_known = given.try_contains_id(INPUT_AND_ARGS).is_ok();
    let values = is_known.then(|| given.get_raw(INPUT_AND_ARGS)).flatten();
    values.map_or(0, |values| values.len())
}

/// The words of both. Flags of a manifest stand before those of the command line, its input and its
/// arguments before the arguments that the command line has.
fn joined(
    mut words: Vec<OsString>,
    manifest: &Manifest,
    command: &Command,
    given: &ArgMatches,
    has_input: bool,
) -> Vec<OsString> {
    let needs_input = !has_input && !is_given(given, "compose");
    let (mut inputs, mut arguments, mut flags) = (Vec::new(), Vec::new(), Vec::new());
    for setting in &manifest.settings {
        let part = match &*setting.id {
            INPUT if !needs_input => continue,
            INPUT => &mut inputs,
            ARGS => &mut arguments,
            _ if is_overridden(setting, command, given) => continue,
            _ => &mut flags,
        };
        part.extend(setting.words.iter().cloned());
    }
    match command.get_name() {
        "run" | "serve" => {
            let at = words.len() - arguments_of_run(given);
            let at = at + usize::from(has_input);
            words.splice(at..at, inputs.into_iter().chain(arguments));
        }
        "build" => {
            flags.splice(0..0, inputs);
            if !is_given(given, ARGS) && !arguments.is_empty() {
                words.push(OsString::from("--"));
                words.append(&mut arguments);
            }
        }
        _ => drop(flags.splice(0..0, inputs)),
    }
    words.splice(2..2, flags);
    words
}

/// Whether the command line has the same flag, one that excludes it, or the command has no such flag.
fn is_overridden(setting: &Setting, command: &Command, given: &ArgMatches) -> bool {
    let mut args = command.get_arguments();
    let Some(arg) = args.find(|arg| arg.get_id() == &*setting.id) else {
        // `run`, for one, writes no file that could have a name.
        return true;
    };
    let is_list = matches!(arg.get_action(), clap::ArgAction::Append);
    let replaces = !is_list || REPLACING.contains(&&*setting.id);
    if replaces && is_given(given, &setting.id) {
        return true;
    }
    let excludes = |one: &clap::Arg, other: &clap::Arg| {
        let conflicts = command.get_arg_conflicts_with(one);
        conflicts.iter().any(|it| it.get_id() == other.get_id())
    };
    let mut others = command.get_arguments();
    others.any(|other| {
        let is_it = is_given(given, other.get_id().as_str());
        is_it && (excludes(arg, other) || excludes(other, arg))
    })
}

/// What to say where there is nothing to work on.
pub(crate) fn no_input() -> Failure {
    Failure::usage(
        Diagnostic::error("there is no input")
            .help("give the path of a `.wasm` file")
            .help(format!(
                "or name it in a `{FILE_NAME}`, which `wasmelt init INPUT` writes"
            )),
    )
}
