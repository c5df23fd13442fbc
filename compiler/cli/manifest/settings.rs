//! A manifest → the words of a command line that say the same.
//!
//! In comes the text of a `wasmelt.toml`, out go settings with the words of each. There is no list of
//! keys here: a key is the long name of a flag of `wasmelt build`, `input` or `args`, so a manifest
//! can say what flags can say, and means the same. What a flag takes is asked of clap, what a list of
//! keys takes of `keys`.

use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::builder::ValueHint;
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::codes;
use crate::diagnostic::{Diagnostic, Excerpt, Failure, printable};
use crate::input::reason;
use crate::keys;

/// No manifest is larger than this.
const BYTES_MAX: u64 = 1 << 20;

/// Flags that are about one call of the command and not about a program.
const NO_SETTINGS: &[&str] = &["config", "print_config", "help", "version"];

/// Flags for messages, likewise.
const MESSAGES: &str = "Messages";

/// The arguments that are no flags.
pub(super) const INPUT: &str = "input";
pub(super) const ARGS: &str = "args";

/// A manifest that has been read.
#[derive(Debug)]
pub(super) struct Manifest {
    /// As messages show it.
    name: String,
    text: String,
    /// The folder that paths are relative to; empty for the current one.
    folder: PathBuf,
    pub(super) settings: Vec<Setting>,
}

/// What one key says.
#[derive(Debug)]
pub(super) struct Setting {
    /// What clap calls the flag.
    pub(super) id: String,
    /// With the flag's name; of [`INPUT`] and [`ARGS`] the values alone.
    pub(super) words: Vec<OsString>,
    /// The value, in bytes.
    at: Range<usize>,
}

/// Why a value cannot be taken.
struct Fault {
    at: Range<usize>,
    message: String,
    helps: Vec<String>,
}

/// The name of an argument of `wasmelt build` in a manifest, if it is a setting.
pub(super) fn name_of(arg: &Arg) -> Option<&str> {
    let id = arg.get_id().as_str();
    let is_setting = !arg.is_hide_set()
        && arg.get_help_heading() != Some(MESSAGES)
        && !NO_SETTINGS.contains(&id);
    match arg.get_long() {
        _ if !is_setting => None,
        None if id == INPUT || id == ARGS => Some(id),
        long => long,
    }
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, or says what no flag of `build` can say.
    pub(super) fn read(path: &Path, build: &Command) -> Result<Manifest, Failure> {
        let name = printable(&path.to_string_lossy());
        let fault = |why: &str| {
            let message = format!("cannot read the manifest `{name}`: {why}");
            Failure::input(Diagnostic::error(message).page(&codes::MANIFEST))
        };
        let length = std::fs::metadata(path).map(|metadata| metadata.len());
        if length.is_ok_and(|length| length > BYTES_MAX) {
            return Err(fault("it is larger than 1 MiB"));
        }
        let bytes = std::fs::read(path).map_err(|error| fault(&reason(&error)))?;
        let text = String::from_utf8(bytes).map_err(|_| fault("it is not UTF-8"))?;
        let mut manifest = Manifest {
            name,
            text,
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            settings: Vec::new(),
        };
        match manifest.settings(build) {
            Ok(settings) => manifest.settings = settings,
            Err(fault) => return Err(manifest.failure(fault)),
        }
        Ok(manifest)
    }

    /// The file that the manifest is for, if it names one.
    pub(super) fn input(&self) -> Option<&Path> {
        let input = self.settings.iter().find(|setting| setting.id == INPUT)?;
        input.words.first().map(Path::new)
    }

    fn settings(&self, build: &Command) -> Result<Vec<Setting>, Fault> {
        let table = DeTable::parse(&self.text).map_err(|error| Fault {
            at: error.span().unwrap_or_default(),
            message: error.message().to_owned(),
            helps: Vec::new(),
        })?;
        let mut settings = Vec::new();
        for (key, value) in table.get_ref() {
            let name = &**key.get_ref();
            let mut args = build.get_arguments();
            let Some(arg) = args.find(|arg| name_of(arg) == Some(name)) else {
                return Err(unknown_key(name, key.span(), build));
            };
            settings.push(Setting {
                id: arg.get_id().to_string(),
                words: self.words(name, arg, value)?,
                at: value.span(),
            });
        }
        check(&settings, build)?;
        Ok(settings)
    }

    /// The words for a key.
    fn words(
        &self,
        name: &str,
        arg: &Arg,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<OsString>, Fault> {
        let is_optional = arg.get_num_args().is_some_and(|num| num.min_values() == 0);
        let flag = OsString::from(format!("--{name}"));
        match (arg.get_action(), value.get_ref()) {
            (ArgAction::SetTrue, DeValue::Boolean(true)) => Ok(vec![flag]),
            (ArgAction::SetTrue, DeValue::Boolean(false)) => Ok(Vec::new()),
            (ArgAction::SetTrue, _) => Err(refused(name, value, "takes `true` or `false`")),
            (ArgAction::Set, DeValue::Boolean(is_on)) if is_optional => {
                Ok(is_on.then_some(flag).into_iter().collect())
            }
            (ArgAction::Append, DeValue::Array(items)) => {
                let words = items.iter().map(|item| self.item(name, arg, item));
                words.collect()
            }
            (ArgAction::Append, DeValue::Table(pairs)) if takes_pairs(arg) => {
                let mut words = Vec::new();
                for (key, value) in pairs {
                    words.extend(self.pairs(name, arg, key.get_ref(), value)?);
                }
                Ok(words)
            }
            (ArgAction::Append | ArgAction::Set, _) => Ok(vec![self.item(name, arg, value)?]),
            _ => Err(refused(name, value, "is nothing that a manifest can say")),
        }
    }

    /// The word for one value of a flag.
    fn item(&self, name: &str, arg: &Arg, value: &Spanned<DeValue<'_>>) -> Result<OsString, Fault> {
        if let (DeValue::Table(table), "dir") = (value.get_ref(), name) {
            return directory(table, value);
        }
        let Some(text) = scalar(value.get_ref()) else {
            let takes = match arg.get_action() {
                ArgAction::Append if takes_pairs(arg) => "takes texts, or a table of them",
                ArgAction::Append => "takes a text, or a list of texts",
                _ => "takes a text",
            };
            return Err(refused(name, value, takes));
        };
        if let Some(flag) = keys::flag(name) {
            keys::check(flag, &text).map_err(|error| Fault {
                at: value.span(),
                message: error.message,
                helps: error.helps,
            })?;
        }
        Ok(self.word(name, arg, &self.placed(arg, text)))
    }

    /// The words for a pair of a table, several where the value is a list.
    fn pairs(
        &self,
        name: &str,
        arg: &Arg,
        key: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<Vec<OsString>, Fault> {
        let flag = keys::flag(name);
        let item = match value.get_ref() {
            DeValue::Array(items) => {
                let mut words = Vec::new();
                for item in items.iter() {
                    if item.get_ref().is_array() {
                        return Err(refused(key, item, "takes no lists in a list"));
                    }
                    words.extend(self.pairs(name, arg, key, item)?);
                }
                return Ok(words);
            }
            DeValue::Boolean(true) => key.to_owned(),
            DeValue::Boolean(false) if flag.is_some() => format!("{key}=n"),
            other => match scalar(other) {
                Some(text) => format!("{key}={text}"),
                None => return Err(refused(key, value, "takes a text, a number or `true`")),
            },
        };
        if let Some(flag) = flag {
            if item.contains(',') {
                return Err(refused(key, value, "takes no comma"));
            }
            keys::check(flag, &item).map_err(|error| Fault {
                at: value.span(),
                message: error.message,
                helps: error.helps,
            })?;
        }
        Ok(vec![self.word(name, arg, &self.placed(arg, item))])
    }

    fn word(&self, name: &str, arg: &Arg, value: &str) -> OsString {
        OsString::from(match arg.get_long() {
            Some(_) => format!("--{name}={value}"),
            // No flag, and not to be taken for one.
            None if value.starts_with('-') && value != "-" && name == INPUT => format!("./{value}"),
            None => value.to_owned(),
        })
    }

    /// Paths of this machine, which are relative to the manifest, as they are from the current folder.
    fn placed(&self, arg: &Arg, value: String) -> String {
        let joined = |path: &str| self.folder.join(path).to_string_lossy().into_owned();
        let is_path = matches!(arg.get_value_hint(), ValueHint::AnyPath);
        match arg.get_id().as_str() {
            "embed" => match value.split_once("::") {
                Some((host, guest)) => format!("{}::{guest}", joined(host)),
                None if joined(&value) == value => value,
                None => format!("{}::{value}", joined(&value)),
            },
            "dep" | "preload" => match value.split_once('=') {
                Some((name, path)) => format!("{name}={}", joined(path)),
                None => value,
            },
            "linker" if !value.contains('/') => value,
            _ if is_path && value != "-" => joined(&value),
            _ => value,
        }
    }

    fn failure(&self, fault: Fault) -> Failure {
        let before = self.text.get(..fault.at.start).unwrap_or(&self.text);
        let line = before.matches('\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        let mut diagnostic = Diagnostic::error(fault.message)
            .page(&codes::MANIFEST)
            .place(&*self.name);
        diagnostic.excerpt = Some(Excerpt {
            line: line + 1,
            column,
            text: self.text.lines().nth(line).unwrap_or_default().to_owned(),
        });
        diagnostic.helps = fault.helps;
        Failure::input(diagnostic)
    }
}

/// `{ path = "data::/d", read-only = true }` in the list of `dir`.
fn directory(table: &DeTable<'_>, value: &Spanned<DeValue<'_>>) -> Result<OsString, Fault> {
    let (mut path, mut flag) = (None, "dir");
    for (key, value) in table {
        match (&**key.get_ref(), value.get_ref()) {
            ("path", DeValue::String(text)) => path = Some(text),
            ("read-only", DeValue::Boolean(is_on)) => flag = if *is_on { "dir-ro" } else { "dir" },
            ("path", _) => return Err(refused("path", value, "takes a text")),
            ("read-only", _) => return Err(refused("read-only", value, "takes `true` or `false`")),
            (other, _) => {
                let message = format!("unknown key `{other}` of a directory");
                let help = "it has `path`, as `--dir` takes it, and `read-only`";
                return Err(Fault::new(key.span(), message).help(help));
            }
        }
    }
    match path {
        Some(path) => Ok(OsString::from(format!("--{flag}={path}"))),
        None => Err(refused("dir", value, "needs a `path` in each table")),
    }
}

/// Finds what clap has against a value.
fn check(settings: &[Setting], build: &Command) -> Result<(), Fault> {
    let flags = settings.iter().filter(|it| it.id != INPUT && it.id != ARGS);
    for setting in flags {
        let words = setting.words.iter().cloned();
        let words = [OsString::from("build")].into_iter().chain(words);
        let Err(error) = build.clone().try_get_matches_from(words) else {
            continue;
        };
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default();
        let message = message.trim_start_matches("error: ").replace('\'', "`");
        let mut fault = Fault::new(setting.at.clone(), message);
        if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue) {
            let values: Vec<&str> = values.iter().map(|value| &**value).collect();
            fault = fault.help(format!("it is one of {}", values.join(", ")));
        }
        return Err(fault);
    }
    Ok(())
}

/// Whether a flag takes `NAME=VALUE`.
fn takes_pairs(arg: &Arg) -> bool {
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().any(|name| name.contains('='))
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

fn refused(name: &str, value: &Spanned<DeValue<'_>>, what: &str) -> Fault {
    Fault::new(value.span(), format!("`{name}` {what}"))
}

fn unknown_key(name: &str, at: Range<usize>, build: &Command) -> Fault {
    let fault = Fault::new(at, format!("unknown key `{name}`"));
    let names = build.get_arguments().filter_map(name_of);
    match (keys::flag_with(name), keys::closest_word(name, names)) {
        (Some(flag), _) => fault.help(format!("it is a key of `[{}]`", flag.long)),
        (None, Some(closest)) => fault.help(format!("did you mean `{closest}`?")),
        (None, None) => fault.help(
            "keys are the flags of `wasmelt build` without their dashes: `wasmelt build --help`",
        ),
    }
}

impl Fault {
    fn new(at: Range<usize>, message: String) -> Fault {
        let helps = Vec::new();
        Fault { at, message, helps }
    }

    fn help(mut self, help: impl Into<String>) -> Fault {
        self.helps.push(help.into());
        self
    }
}
