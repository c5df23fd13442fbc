//! The first word of a command line: a command, or an input, for which `build` is meant.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::keys;

/// The words that are subcommands rather than inputs.
const SUBCOMMANDS: &[&str] = &[
    "build",
    "run",
    "serve",
    "inspect",
    "check",
    "init",
    "targets",
    "explain",
    "completions",
    "man",
    "help",
];

/// Commands of other tools, and what to do here.
const FOREIGN_COMMANDS: &[(&str, &str)] = &[
    ("compile", "`wasmelt build` compiles"),
    ("validate", "`wasmelt check` validates"),
    ("objdump", "`wasmelt build --emit asm` shows the code"),
    (
        "wit",
        "`wasmelt inspect --wit` prints the world of a component",
    ),
    (
        "plug",
        "`wasmelt build COMMAND.wasm --plug LIBRARY.wasm` composes and builds",
    ),
    (
        "compose",
        "`wasmelt build --compose FILE.wac` composes and builds",
    ),
];

/// What to say about a first word that is neither a command nor a file, if it is known what was
/// meant.
pub(crate) fn meant(words: &[OsString]) -> Option<Diagnostic> {
    let word = words.get(1)?.to_str()?;
    let is_word = word
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_word || word.starts_with('-') || SUBCOMMANDS.contains(&word) || Path::new(word).exists()
    {
        return None;
    }
    let foreign = FOREIGN_COMMANDS.iter().find(|(name, _)| *name == word);
    let help = match (
        foreign,
        keys::closest_word(word, SUBCOMMANDS.iter().copied()),
    ) {
        (Some((_, help)), _) => (*help).to_owned(),
        (None, Some(closest)) => format!("did you mean `{closest}`?"),
        (None, None) => return None,
    };
    let message = format!("`{word}` is neither a command of wasmelt nor a file");
    Some(Diagnostic::error(message).help(help))
}

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
