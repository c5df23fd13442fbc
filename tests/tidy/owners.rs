//! Who owns the state of the runtime library: the process, the worker or the store.
//!
//! Comes in: the crate's root file, and the table of ARCHITECTURE.md. Goes out: what is in one of them
//! alone. A worker is a thread, so that what is thread-local is the worker's; any other `static` is
//! the process's, and what hangs on a store says so by its place.

use std::collections::BTreeSet;
use std::path::Path;

use super::modules;

/// Owner, module and name.
type State = BTreeSet<(String, String, String)>;

/// What is in the code and not in the table, or in the table and not in the code.
pub fn differences(root: &Path, table: &str) -> Vec<String> {
    let mut code = State::new();
    for (module, tokens) in modules::sources(root) {
        of_module(&module, &tokens, &mut code);
    }
    let table = of_table(table);
    let not_listed = code.difference(&table).map(|(owner, module, name)| {
        format!("{module}: `{name}` is the {owner}'s: ARCHITECTURE.md does not say so")
    });
    let gone = table.difference(&code).map(|(owner, module, name)| {
        format!("{module}: `{name}` is not the {owner}'s, as ARCHITECTURE.md says")
    });
    not_listed.chain(gone).collect()
}

fn of_module(module: &str, tokens: &[String], found: &mut State) {
    let mut add = |owner: &str, name: &str| {
        found.insert((owner.to_owned(), module.to_owned(), name.to_owned()));
    };
    // The end of the `thread_local!` that the position is in.
    let mut threads = 0;
    for at in 0..tokens.len() {
        let is = |ahead: usize, word: &str| tokens.get(at + ahead).is_some_and(|it| it == word);
        if is(0, "thread_local") {
            threads = at + block_len(&tokens[at..]);
        }
        if is(0, "Part") && is(1, "::") && is(2, "at") && is(4, "place") {
            add("store", &tokens[at + 6]);
        }
        // Not a lifetime, and not a symbol that the linker finds.
        let declared = is(0, "static") && is(2, ":") && is_constant_name(&tokens[at + 1]);
        if declared && !is_plain(&tokens[at + 3..]) {
            add(
                if at < threads { "worker" } else { "process" },
                &tokens[at + 1],
            );
        }
    }
}

fn block_len(tokens: &[String]) -> usize {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => return false,
        }
        depth == 0
    });
    end.expect("a block has an end")
}

fn is_constant_name(word: &str) -> bool {
    word.chars()
        .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Whether a type is that of bytes, which never change.
fn is_plain(ty: &[String]) -> bool {
    ty.starts_with(&["[".to_owned(), "u8".to_owned()])
}

/// Rows of owners: behind each module, what it has.
fn of_table(text: &str) -> State {
    let mut found = State::new();
    for owner in ["process", "worker", "store"] {
        let start = format!("| {owner} |");
        let row = text.lines().find(|line| line.starts_with(&start));
        let mut module = String::new();
        for word in row.unwrap_or_default().split('`').skip(1).step_by(2) {
            if is_constant_name(word) {
                found.insert((owner.to_owned(), module.clone(), word.to_owned()));
            } else {
                word.clone_into(&mut module);
            }
        }
    }
    found
}

#[test]
fn state_is_found() {
    let code = "static A: AtomicU32 = 0; fn f(x: &'static str) { static B: Mutex<u8> = C; } \
        thread_local! { static D: Cell<u8> = const { 1 }; } static E: [u8; 3] = [0; 3]; \
        static F: Cell<u8> = 0; const G: Part<u8> = Part::at(place::TASKS); \
        extern { static wasmelt_program: Program; }";
    let mut found = State::new();
    of_module("m", &modules::tokens(code), &mut found);
    let found: Vec<String> = found
        .into_iter()
        .map(|(owner, _, name)| format!("{owner} {name}"))
        .collect();
    assert_eq!(
        found,
        [
            "process A",
            "process B",
            "process F",
            "store TASKS",
            "worker D"
        ]
    );
    let table = of_table("| worker | `m` `D` `E`, `n::o` `F` (why) |");
    let table: Vec<String> = table
        .into_iter()
        .map(|(_, module, name)| format!("{module} {name}"))
        .collect();
    assert_eq!(table, ["m D", "m E", "n::o F"]);
}
