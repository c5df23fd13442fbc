//! `--print-config`: a command line, completed by a manifest, as a manifest that says all of it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};

use super::settings::{ARGS, name_of};
use crate::args::Cli;
use crate::diagnostic::{Diagnostic, Failure};
use crate::dirs::DirArgs;
use crate::keys;
use crate::requests::{Build, OutputPath};

/// The manifest for `words`, which ask for `build`.
///
/// # Errors
/// When a path is not UTF-8, which TOML is.
pub(crate) fn print(words: &[OsString], build: &Build) -> Result<String, Failure> {
    let command = Cli::command();
    let matches = command.clone().try_get_matches_from(words);
    let matches = matches.expect("they have been read before");
    let (_, given) = matches.subcommand().expect("`build`");
    let own = command.find_subcommand("build").expect("it is a command");
    let (mut top, mut tables) = (String::new(), String::new());
    let mut args: Vec<&Arg> = own.get_arguments().collect();
    // The input and the arguments belong together, at the beginning.
    args.sort_by_key(|arg| arg.get_long().is_some());
    for arg in args {
        let Some(name) = name_of(arg) else { continue };
        let resolved = resolved(name, build);
        if resolved.is_none() && !is_given(given, arg) {
            continue;
        }
        if keys::flag(name).is_some() {
            table(&mut tables, name, &texts(given, arg)?);
            continue;
        }
        let value = match name {
            "dir" => Some(directories(given)?),
            // Those are in the same list.
            "dir-ro" => match is_given(given, arg) && !given.contains_id("dir") {
                true => {
                    let _ = writeln!(top, "dir = {}", directories(given)?);
                    None
                }
                false => None,
            },
            _ => Some(match resolved {
                Some(value) => value,
                None => value(given, arg)?,
            }),
        };
        if let Some(value) = value {
            let _ = writeln!(top, "{name} = {value}");
        }
    }
    Ok(top + &tables)
}

/// What is decided also where nobody says it.
fn resolved(name: &str, build: &Build) -> Option<String> {
    match name {
        "output" => match &build.output {
            OutputPath::Stdout => Some(quoted("-")),
            OutputPath::File(path) => Some(quoted(path.to_str()?)),
        },
        "target" => {
            let all = [&build.options].into_iter().chain(&build.others);
            let names: Vec<String> = all.map(|it| quoted(it.target.name)).collect();
            Some(list(&names))
        }
        _ => None,
    }
}

fn is_given(given: &ArgMatches, arg: &Arg) -> bool {
    let source = given.value_source(arg.get_id().as_str());
    source.is_some_and(|source| source == ValueSource::CommandLine)
}

/// The value of a flag.
fn value(given: &ArgMatches, arg: &Arg) -> Result<String, Failure> {
    let texts = texts(given, arg)?;
    let is_optional = arg.get_num_args().is_some_and(|num| num.min_values() == 0);
    let is_list = matches!(arg.get_action(), ArgAction::Append) || arg.get_id() == ARGS;
    Ok(match &*texts {
        _ if matches!(arg.get_action(), ArgAction::SetTrue) => String::from("true"),
        all if is_list => list(&all.iter().map(|text| quoted(text)).collect::<Vec<_>>()),
        [text] if !(is_optional && text.is_empty()) => quoted(text),
        _ => String::from("true"),
    })
}

/// The values of a flag as they were written.
fn texts(given: &ArgMatches, arg: &Arg) -> Result<Vec<String>, Failure> {
    let values = given.get_raw(arg.get_id().as_str()).unwrap_or_default();
    values.map(text).collect()
}

fn text(value: &OsStr) -> Result<String, Failure> {
    value.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::usage(Diagnostic::error(format!(
            "`{}` is not UTF-8, which a manifest is",
            value.display()
        )))
    })
}

/// Both lists as one, in which the order is that of the command line.
fn directories(given: &ArgMatches) -> Result<String, Failure> {
    let dirs = DirArgs::from_arg_matches(given).expect("both flags are known");
    let mut items = Vec::new();
    for dir in &dirs.0 {
        let path = quoted(&text(&dir.spec)?);
        items.push(match dir.read_only {
            true => format!("{{ path = {path}, read-only = true }}"),
            false => path,
        });
    }
    Ok(list(&items))
}

/// The table of a flag that takes keys. What is said twice is a list, whose last one counts, or all.
fn table(tables: &mut String, name: &str, lists: &[String]) {
    let mut order: Vec<&str> = Vec::new();
    let mut values: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let items = lists.iter().flat_map(|list| list.split(','));
    for item in items.filter(|item| !item.is_empty()) {
        let (key, value) = match item.split_once('=') {
            Some((key, value)) => (key, quoted(value)),
            None if keys::is_level(name, item) => ("opt-level", quoted(item)),
            None => (item, String::from("true")),
        };
        if !values.contains_key(key) {
            order.push(key);
        }
        values.entry(key).or_default().push(value);
    }
    let _ = write!(tables, "\n[{name}]\n");
    for key in order {
        let value = match &*values[key] {
            [one] => one.clone(),
            several => list(several),
        };
        let _ = writeln!(tables, "{key} = {value}");
    }
}

fn list(items: &[String]) -> String {
    format!("[{}]", items.join(", "))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
