//! What a row of the tables of keys is, and what lists of keys decide.

use std::collections::BTreeMap;

use wasmelt_compiler::{Gate, Options, Proposal};
use wasmelt_linker::Strip;

use super::value::{Takes, Value};

/// What lists of keys decide.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) options: Options,
    /// Unless it goes without saying.
    pub(crate) strip: Option<Strip>,
    /// What to say about keys that do not do what their names promise.
    pub(crate) notes: Vec<String>,
    /// Proposals that were switched by name.
    pub(super) proposals: BTreeMap<Proposal, bool>,
    /// Whether `-S tcp` or `-S udp` asks for sockets.
    pub(super) sockets_named: bool,
    /// `all-proposals`, which is for those that were not.
    pub(super) all_proposals: Option<bool>,
}

impl Settings {
    pub(crate) fn new(options: Options) -> Settings {
        Settings {
            options,
            strip: None,
            notes: Vec::new(),
            proposals: BTreeMap::new(),
            sockets_named: false,
            all_proposals: None,
        }
    }
}

/// A flag that takes lists of keys.
#[derive(Debug)]
pub(crate) struct Flag {
    pub(crate) short: char,
    pub(crate) long: &'static str,
    pub(super) rows: &'static [Row],
}

/// A key, or the beginning of keys where it ends in `*`.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) key: &'static str,
    pub(super) takes: Takes,
    pub(super) effect: Effect,
}

/// Sets what a key is about.
pub(super) type Apply = fn(&mut Settings, Value<'_>) -> Result<(), String>;

/// What a key does.
#[derive(Debug)]
pub(super) enum Effect {
    /// What for, as help says it.
    Apply(&'static str, Apply),
    /// Allows a feature that may still change.
    Gate(Gate),
    /// Allows a proposal of WebAssembly or of the component model, or switches it off.
    Proposal(Proposal),
    /// Part of every executable: only switching it off is worth a note.
    Always,
    /// Means something to an engine only.
    Engine,
    /// Asks for something that is not there; what.
    Missing(&'static str),
    /// Cannot be honoured; why.
    Refused(&'static str),
}

impl Row {
    pub(super) const fn new(key: &'static str, takes: Takes, effect: Effect) -> Row {
        Row { key, takes, effect }
    }

    /// A key that sets something.
    pub(super) const fn apply(
        key: &'static str,
        takes: Takes,
        about: &'static str,
        apply: Apply,
    ) -> Row {
        Row::new(key, takes, Effect::Apply(about, apply))
    }

    pub(super) const fn gate(key: &'static str, gate: Gate) -> Row {
        Row::new(key, Takes::Flag, Effect::Gate(gate))
    }

    pub(super) const fn proposal(key: &'static str, proposal: Proposal) -> Row {
        Row::new(key, Takes::Flag, Effect::Proposal(proposal))
    }

    pub(super) const fn always(key: &'static str) -> Row {
        Row::new(key, Takes::Flag, Effect::Always)
    }

    pub(super) const fn engine(key: &'static str, takes: Takes) -> Row {
        Row::new(key, takes, Effect::Engine)
    }

    pub(super) const fn missing(key: &'static str, takes: Takes, what: &'static str) -> Row {
        Row::new(key, takes, Effect::Missing(what))
    }

    pub(super) const fn refused(key: &'static str, takes: Takes, why: &'static str) -> Row {
        Row::new(key, takes, Effect::Refused(why))
    }

    /// Whether this row is the key's.
    pub(super) fn is_for(&self, key: &str) -> bool {
        match self.key.strip_suffix('*') {
            Some(beginning) => key.starts_with(beginning),
            None => self.key == key,
        }
    }
}
