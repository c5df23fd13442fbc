//! The `key[=value]` lists of `-O`, `-C`, `-D`, `-W` and `-S`: one table a flag, from which lists
//! are read, help is printed, and shells complete.
//!
//! Keys have the names and meanings that they have in `wasmtime`. A key that only an engine can
//! have is accepted with a note, so that a `wasmtime run` line keeps working; one that would limit
//! what a program may do, and that an executable cannot honour, is an error.

mod code;
mod listing;
mod row;
mod value;
mod wasi;
mod wasm;

use wasmelt_compiler::{Gate, Options, Proposal, TARGETS, Target};

pub(crate) use code::{CODEGEN, DEBUG, OPTIMIZE};
pub(crate) use listing::{ListParser, closest_word, listing_of};
pub(crate) use row::{Flag, Settings};
pub(crate) use wasi::WASI;
pub(crate) use wasm::WASM;

use row::{Effect, Row};
use value::Value;

/// All flags that take lists of keys.
static FLAGS: [&Flag; 5] = [&OPTIMIZE, &CODEGEN, &DEBUG, &WASM, &WASI];

/// The lists of one command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lists<'a> {
    pub(crate) optimize: &'a [String],
    pub(crate) codegen: &'a [String],
    pub(crate) debug: &'a [String],
    pub(crate) wasm: &'a [String],
    pub(crate) wasi: &'a [String],
}

/// Why a list is not understood, and what would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct KeyError {
    pub(crate) message: String,
    /// It is known, and cannot be done.
    pub(crate) is_refused: bool,
    pub(crate) helps: Vec<String>,
}

/// Applies all lists to `settings`; later keys win.
pub(crate) fn apply(settings: &mut Settings, lists: Lists<'_>) -> Result<(), KeyError> {
    let all = [
        (&OPTIMIZE, lists.optimize),
        (&CODEGEN, lists.codegen),
        (&DEBUG, lists.debug),
        (&WASM, lists.wasm),
        (&WASI, lists.wasi),
    ];
    for (flag, values) in all {
        for list in values {
            apply_list(settings, flag, list)?;
        }
    }
    switch_proposals(settings);
    if settings.sockets_named && !settings.options.policy.inherit_network {
        settings.notes.push(String::from(
            "`-S tcp` and `-S udp` alone reach no address: `-S inherit-network` grants them",
        ));
    }
    Ok(())
}

/// The flag of this long name.
pub(crate) fn flag(long: &str) -> Option<&'static Flag> {
    FLAGS.into_iter().find(|flag| flag.long == long)
}

/// The flag that has this key.
pub(crate) fn flag_with(key: &str) -> Option<&'static Flag> {
    let has = |flag: &&Flag| flag.rows.iter().any(|row| row.key == key);
    FLAGS.into_iter().find(has)
}

/// Whether an item of the flag of this long name is a level alone.
pub(crate) fn is_level(long: &str, item: &str) -> bool {
    long == OPTIMIZE.long && code::LEVELS.contains(&item)
}

/// Finds what is wrong with one list for every target.
pub(crate) fn check(flag: &Flag, list: &str) -> Result<(), KeyError> {
    let checked = |target| {
        let options = Options {
            target,
            ..Options::default()
        };
        apply_list(&mut Settings::new(options), flag, list)
    };
    checked(Target::host()).or_else(|error| {
        let mut targets = TARGETS.iter();
        match targets.any(|target| checked(target).is_ok()) {
            true => Ok(()),
            false => Err(error),
        }
    })
}

/// The key of an item, and its value. `_` for `-` is understood as well.
fn key_of(item: &str) -> (String, Value<'_>) {
    match item.split_once('=') {
        Some((key, value)) => (key.replace('_', "-"), Value(Some(value))),
        None => (item.replace('_', "-"), Value(None)),
    }
}

fn row_of(flag: &Flag, name: &str) -> Result<&'static Row, KeyError> {
    let row = flag.rows.iter().find(|row| row.is_for(name));
    row.ok_or_else(|| unknown_key(flag, name))
}

fn wrong_value(flag: &Flag, item: &str, name: &str, reason: &str) -> KeyError {
    KeyError {
        message: format!("`-{} {item}`: `{name}` {reason}", flag.short),
        is_refused: false,
        helps: Vec::new(),
    }
}

fn apply_list(settings: &mut Settings, flag: &Flag, list: &str) -> Result<(), KeyError> {
    for item in list.split(',').filter(|item| !item.is_empty()) {
        // `-O2` is a level; `-O opt-level=2` and `-O inline` are keys.
        if flag.short == OPTIMIZE.short && code::opt_level(settings, Value(Some(item))).is_ok() {
            continue;
        }
        let (name, value) = key_of(item);
        let row = row_of(flag, &name)?;
        apply_row(settings, flag, row, item, value)
            .map_err(|reason| wrong_value(flag, item, &name, &reason))??;
    }
    Ok(())
}

/// The outer error is about the value, the inner one about the key.
fn apply_row(
    settings: &mut Settings,
    flag: &Flag,
    row: &Row,
    item: &str,
    value: Value<'_>,
) -> Result<Result<(), KeyError>, String> {
    let written = format!("`-{} {item}`", flag.short);
    if !matches!(row.effect, Effect::Apply(..)) {
        row.takes.check(value)?;
    }
    match &row.effect {
        Effect::Apply(_, apply) => apply(settings, value)?,
        Effect::Gate(gate) => switch_gate(settings, *gate, value.flag()?),
        Effect::Proposal(proposal) => {
            let allowed = value.flag()?;
            settings.proposals.insert(*proposal, allowed);
            if allowed && !proposal.is_compiled() {
                settings.notes.push(format!(
                    "{written} allows nothing: {} is not supported yet, and a program that needs \
                     it is refused",
                    proposal.name()
                ));
            }
        }
        Effect::Always if value.flag()? => {}
        Effect::Engine if value.flag() == Ok(false) => {}
        Effect::Always | Effect::Engine => settings
            .notes
            .push(format!("{written} has no effect in an executable")),
        Effect::Missing(_) | Effect::Refused(_) if value.flag() == Ok(false) => {}
        Effect::Missing(what) => settings.notes.push(format!(
            "{written} allows nothing: {what} is not supported, and a program that imports it is \
             refused"
        )),
        Effect::Refused(why) => {
            return Ok(Err(KeyError {
                message: format!("{written} cannot be honoured"),
                is_refused: true,
                helps: vec![(*why).to_owned()],
            }));
        }
    }
    Ok(Ok(()))
}

fn switch_gate(settings: &mut Settings, gate: Gate, allowed: bool) {
    if allowed {
        settings.options.gates.insert(gate);
    } else {
        settings.options.gates.remove(&gate);
    }
}

/// Those that were named as they were named, the others as `all-proposals` says.
fn switch_proposals(settings: &mut Settings) {
    if settings.all_proposals == Some(true) {
        settings.options.gates.extend(Gate::ALL);
    }
    let all = settings.all_proposals.unwrap_or(true);
    let is_off = |proposal: &&Proposal| !settings.proposals.get(*proposal).unwrap_or(&all);
    settings.options.proposals_off = Proposal::ALL.iter().filter(is_off).copied().collect();
}

fn unknown_key(flag: &Flag, key: &str) -> KeyError {
    let short = flag.short;
    let is_level = |key: &str| key.len() == 1 && key.chars().all(|c| c.is_ascii_alphanumeric());
    if short == OPTIMIZE.short && is_level(key) {
        return KeyError {
            message: format!("there is no level `{key}` of `-O`"),
            is_refused: false,
            helps: vec![format!("the levels are {}", value::listed(code::LEVELS))],
        };
    }
    let list = format!("`-{short} help` lists the keys");
    let other = FLAGS
        .iter()
        .find(|other| other.rows.iter().any(|row| row.is_for(key)));
    let help = match (listing::closest(flag, key), other) {
        (_, Some(other)) => format!("it is a key of `-{}`; {list}", other.short),
        (Some(closest), None) => format!("did you mean `{closest}`? {list}"),
        (None, None) => list,
    };
    KeyError {
        message: format!("unknown key `{key}` for `-{short}`"),
        is_refused: false,
        helps: vec![help],
    }
}
