//! What the compiler says about an input → the message for the user.

use wasmelt_compiler::{Error, ErrorKind, Gate};

use crate::codes::{self, Page};
use crate::diagnostic::{Diagnostic, Excerpt, Failure, Severity};
use crate::input::Input;

impl Failure {
    /// What the compiler says about `input`.
    pub(crate) fn compiler(mut error: Error, input: &Input) -> Failure {
        let others = std::mem::take(&mut error.others).into_iter();
        let others = others.map(|error| Diagnostic::of_compiler(error, input));
        Failure {
            others: others.collect(),
            ..Failure::input(Diagnostic::of_compiler(error, input))
        }
    }
}

impl Diagnostic {
    fn of_compiler(error: Error, input: &Input) -> Diagnostic {
        let name = &input.name;
        let (message, excerpt) = match excerpt(&error.message, input) {
            Some((message, excerpt)) => (message.to_owned(), Some(excerpt)),
            None => (named(&error.message, input), None),
        };
        let place = match error.offset {
            Some(offset) if input.is_text => {
                format!("{name}: byte offset {offset:#x} of its binary form")
            }
            Some(offset) => format!("{name}: byte offset {offset:#x}"),
            None => name.clone(),
        };
        let mut helps = error.helps;
        if helps.is_empty() {
            helps.extend(advice(error.kind, &message, input));
        }
        Diagnostic {
            severity: Severity::Error,
            page: page(error.kind, &message, input),
            message,
            place: Some(place),
            excerpt,
            notes: error.notes,
            helps,
        }
    }
}

/// What the compiler says of imports, exports and limits, by what is in it.
static FAULTS: [(&str, &Page); 12] = [
    ("nothing provides", &codes::NOTHING_PROVIDES),
    ("is withheld from", &codes::WITHHELD),
    ("has no function", &codes::NO_SUCH_FUNCTION),
    ("has no export", &codes::NO_SUCH_FUNCTION),
    ("wrong type", &codes::WRONG_TYPE),
    ("incompatible import type", &codes::WRONG_TYPE),
    ("mismatched resource types", &codes::WRONG_TYPE),
    ("is a library, not a program", &codes::LIBRARY),
    ("exports no function", &codes::NO_EXPORT),
    ("does not export a function", &codes::NO_EXPORT),
    ("more than `-W", &codes::LIMIT),
    ("which may still change", &codes::MAY_CHANGE),
];

/// The page about an error, for those that many meet.
fn page(kind: ErrorKind, message: &str, input: &Input) -> Option<&'static Page> {
    match kind {
        _ if Gate::of_message(message).is_some() => Some(&codes::MAY_CHANGE),
        ErrorKind::Unsupported => Some(&codes::UNSUPPORTED),
        ErrorKind::Invalid if input.is_text => Some(&codes::INVALID_TEXT),
        ErrorKind::Invalid => Some(&codes::INVALID),
        ErrorKind::Link | ErrorKind::Usage => {
            let fault = FAULTS.iter().find(|(words, _)| message.contains(words));
            fault.map(|(_, page)| *page)
        }
    }
}

/// What to do about an error for which the compiler knows nothing better.
fn advice(kind: ErrorKind, message: &str, input: &Input) -> Option<String> {
    if let Some(gate) = Gate::of_message(message) {
        let key = gate.key();
        return Some(format!("it may still change; `-W {key}` allows it"));
    }
    let advice = match kind {
        ErrorKind::Unsupported if message.contains("component model async") => {
            Some("build the program for WASI 0.2, such as `cargo build --target wasm32-wasip2`")
        }
        ErrorKind::Unsupported => Some("build the program without this feature"),
        // Who writes text by hand sees the place.
        ErrorKind::Invalid if input.is_text => None,
        ErrorKind::Invalid if message.contains("unexpected end") => {
            Some("it is not complete; make or download it again")
        }
        ErrorKind::Invalid => {
            Some("it is damaged, or the tool that made it is at fault; make it again")
        }
        ErrorKind::Link | ErrorKind::Usage => None,
    };
    advice.map(str::to_owned)
}

/// The assembler of the text form draws its own excerpt below the message, and says in it
/// `<anon>:LINE:COLUMN`. Ours looks like the rest.
fn excerpt<'a>(message: &'a str, input: &Input) -> Option<(&'a str, Excerpt)> {
    let (message, drawn) = message.split_once('\n').filter(|_| input.is_text)?;
    let (_, place) = drawn.lines().next()?.split_once("<anon>:")?;
    let (line, column) = place.split_once(':')?;
    let (line, column) = (line.parse::<usize>().ok()?, column.parse::<usize>().ok()?);
    let text = std::str::from_utf8(&input.bytes)
        .ok()?
        .lines()
        .nth(line.checked_sub(1)?)
        // Behind the last one, where more was expected.
        .unwrap_or_default();
    let column = column.checked_sub(1)?;
    let text = text.is_char_boundary(column).then(|| text.to_owned())?;
    Some((message, Excerpt { line, column, text }))
}

/// What the assembler says where it does not draw an excerpt that can be read: with the file's name
/// for the one that it uses for all.
fn named(message: &str, input: &Input) -> String {
    match input.is_text {
        true => message.replace("<anon>", &input.name),
        false => message.to_owned(),
    }
}
