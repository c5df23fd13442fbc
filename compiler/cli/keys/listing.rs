//! Views of the tables of keys: help, what shells complete, and what a misspelt key may mean.

use std::ffi::OsStr;
use std::fmt::Write;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::code::{LEVELS, OPTIMIZE};
use super::row::{Effect, Flag, Row};

/// Width of the keys' column; longer ones have a line of their own.
const KEY_COLUMNS: usize = 38;

/// How different a word may be from the one that it is taken for.
const SIMILARITY_MIN: f64 = 0.75;

/// Takes a list as text; `help` prints the keys, as with `wasmtime`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListParser(pub(crate) &'static Flag);

impl TypedValueParser for ListParser {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let list = StringValueParser::new().parse_ref(command, arg, value)?;
        if list == "help" || list == "help-long" {
            let mut listing = clap::Error::new(ErrorKind::DisplayHelp);
            listing.insert(ContextKind::Custom, ContextValue::String(help(self.0)));
            return Err(listing);
        }
        Ok(list)
    }

    /// For completion; the list is longer than these.
    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let levels: &[&str] = if self.0.short == OPTIMIZE.short {
            LEVELS
        } else {
            &[]
        };
        let levels = levels.iter().map(|level| PossibleValue::new(*level));
        let keys = self.0.rows.iter().filter(|row| !row.key.ends_with('*'));
        let keys = keys.filter(|row| is_useful(row)).flat_map(|row| {
            let about = about(row);
            let completions = row.takes.completions(row.key).into_iter();
            completions.map(move |text| PossibleValue::new(text).help(about.clone()))
        });
        let help = PossibleValue::new("help").help("list the keys");
        Some(Box::new(levels.chain(keys).chain([help])))
    }
}

/// Whether a key does something.
fn is_useful(row: &Row) -> bool {
    matches!(
        row.effect,
        Effect::Apply(..) | Effect::Gate(_) | Effect::Proposal(_)
    )
}

/// What a key does.
fn about(row: &Row) -> String {
    match &row.effect {
        Effect::Apply(about, _) => (*about).to_owned(),
        Effect::Gate(gate) => format!("{}, which may still change", gate.name()),
        Effect::Proposal(proposal) if proposal.is_compiled() => {
            format!("{}; allowed unless `={}`", proposal.name(), "n")
        }
        Effect::Proposal(proposal) => format!("{}: not supported yet", proposal.name()),
        Effect::Refused(why) => (*why).to_owned(),
        Effect::Missing(what) => format!("{what} is not supported"),
        Effect::Always | Effect::Engine => String::new(),
    }
}

/// The listing of keys that an error of clap stands for.
pub(crate) fn listing_of(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::Custom)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

/// All keys of a flag.
fn help(flag: &Flag) -> String {
    let mut text = format!("Keys of -{}, --{}:\n\n", flag.short, flag.long);
    if flag.short == OPTIMIZE.short {
        described(&mut text, &LEVELS.join("|"), "as `opt-level`");
    }
    let rows = |wanted: fn(&Row) -> bool| flag.rows.iter().filter(move |row| wanted(row));
    for row in rows(is_useful) {
        described(&mut text, &row.takes.shown(row.key), &about(row));
    }
    let refused = |row: &Row| matches!(row.effect, Effect::Refused(_) | Effect::Missing(_));
    if rows(refused).next().is_some() {
        text.push_str("\nWhat an executable cannot do:\n\n");
    }
    for row in rows(refused) {
        described(&mut text, &row.takes.shown(row.key), &about(row));
    }
    let idle = |row: &Row| matches!(row.effect, Effect::Always | Effect::Engine);
    if rows(idle).next().is_some() {
        text.push_str("\nAccepted, and without effect in an executable:\n\n");
    }
    for row in rows(idle) {
        let _ = writeln!(text, "  {}", row.takes.shown(row.key));
    }
    text
}

fn described(text: &mut String, key: &str, about: &str) {
    if key.len() >= KEY_COLUMNS {
        let _ = writeln!(text, "  {key}\n  {:KEY_COLUMNS$} {about}", "");
    } else {
        let _ = writeln!(text, "  {key:KEY_COLUMNS$} {about}");
    }
}

/// The key of a flag that a word was probably meant to be.
pub(super) fn closest(flag: &Flag, word: &str) -> Option<&'static str> {
    let rows = flag.rows.iter().filter(|row| !row.key.ends_with('*'));
    let useful = rows.clone().filter(|row| is_useful(row));
    closest_word(word, useful.map(|row| row.key))
        .or_else(|| closest_word(word, rows.map(|row| row.key)))
}

/// The one of some words that another was probably meant to be.
pub(crate) fn closest_word<'a>(
    word: &str,
    words: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let similar = words.map(|other| (strsim::normalized_damerau_levenshtein(word, other), other));
    let (similarity, closest) = similar.max_by(|a, b| a.0.total_cmp(&b.0))?;
    let begins = closest.starts_with(word) && word.len() >= 3;
    (similarity >= SIMILARITY_MIN || begins).then_some(closest)
}
