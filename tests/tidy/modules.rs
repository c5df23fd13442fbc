//! The graph of a crate's modules: which file names what of which other.
//!
//! Comes in: the crate's root file. Goes out: rings, that is, modules that reach each other. A name
//! counts for the module that defines it, not for one that passes it on; a module does not name
//! what it only passes on from the modules inside it. Tests do not count. This reads tokens, not
//! Rust: it knows `use`, paths and exported macros, which is all that the sources need.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Names from the crate's root to a module.
type Module = Vec<String>;

/// A path as it is written.
type Written = Vec<String>;

#[derive(Default)]
struct Crate {
    modules: BTreeMap<Module, Source>,
    /// Where macros are that the whole crate can use.
    macros: BTreeMap<String, Module>,
}

#[derive(Default)]
struct Source {
    /// Words and punctuation.
    tokens: Vec<String>,
    /// What it names, and whether it passes that on.
    names: Vec<(Written, bool)>,
    /// What it passes on, by name.
    passed_on: BTreeMap<String, Written>,
}

/// The rings of a crate whose root is this file: sorted names of their modules.
pub fn rings(root: &Path) -> Vec<Vec<String>> {
    let mut all = Crate::default();
    all.load(Vec::new(), root, true);
    all.read_names();
    let modules: Vec<&Module> = all.modules.keys().collect();
    let edges: BTreeMap<&Module, BTreeSet<Module>> = modules
        .iter()
        .map(|module| (*module, all.edges(module)))
        .collect();
    let reached: BTreeMap<&Module, BTreeSet<&Module>> = modules
        .iter()
        .map(|module| (*module, reachable(module, &edges)))
        .collect();
    let mut found = BTreeSet::new();
    for module in modules {
        let back = |other: &&Module| reached.get(other).is_some_and(|it| it.contains(module));
        let ring: Vec<String> = reached[module]
            .iter()
            .copied()
            .filter(back)
            .map(shown)
            .collect();
        if ring.len() > 1 {
            found.insert(ring);
        }
    }
    found.into_iter().collect()
}

/// The modules of a crate whose root is this file, with their words and punctuation.
pub fn sources(root: &Path) -> Vec<(String, Vec<String>)> {
    let mut all = Crate::default();
    all.load(Vec::new(), root, true);
    let modules = all.modules.into_iter();
    modules
        .map(|(module, source)| (shown(&module), source.tokens))
        .collect()
}

fn shown(module: &Module) -> String {
    match module.as_slice() {
        [] => "crate".to_owned(),
        names => names.join("::"),
    }
}

fn reachable<'e>(
    from: &Module,
    edges: &'e BTreeMap<&Module, BTreeSet<Module>>,
) -> BTreeSet<&'e Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Module> = edges[from].iter().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(&edges[next]);
        }
    }
    reached
}

impl Crate {
    fn load(&mut self, module: Module, file: &Path, is_root: bool) {
        let text = fs::read_to_string(file).expect("a source file");
        let tokens = without_tests(tokens(&text));
        let (folder, name) = (file.parent().expect("a file"), file.file_stem());
        let folder = match name.and_then(|name| name.to_str()) {
            Some("mod") => folder.to_owned(),
            _ if is_root => folder.to_owned(),
            name => folder.join(name.expect("UTF-8")),
        };
        let mut path = None;
        for (at, word) in tokens.iter().enumerate() {
            if word == "path" && at > 0 && tokens[at - 1] == "[" {
                path = tokens[at + 2].strip_prefix('"').map(str::to_owned);
            }
            let Some([name, end]) = tokens.get(at + 1..at + 3) else {
                continue;
            };
            if word == "mod" && end == ";" {
                let mut inner = module.clone();
                inner.push(name.clone());
                let candidates = [
                    path.take().map(|path| folder.join(path)),
                    Some(folder.join(format!("{name}.rs"))),
                    Some(folder.join(name).join("mod.rs")),
                ];
                let found = candidates.into_iter().flatten().find(|it| it.exists());
                let found: PathBuf = found.unwrap_or_else(|| panic!("no file of {inner:?}"));
                self.load(inner, &found, false);
            }
            if word == "macro_rules"
                && tokens[..at]
                    .iter()
                    .rev()
                    .take(4)
                    .any(|it| it == "macro_export")
            {
                self.macros.insert(tokens[at + 2].clone(), module.clone());
            }
        }
        let source = Source {
            tokens,
            ..Source::default()
        };
        self.modules.insert(module, source);
    }

    fn read_names(&mut self) {
        let known: BTreeSet<Module> = self.modules.keys().cloned().collect();
        for (module, source) in &mut self.modules {
            let is_inner = |name: &String| {
                let mut inner = module.clone();
                inner.push(name.clone());
                known.contains(&inner)
            };
            read_names(source, is_inner);
        }
    }

    /// The modules whose names a module uses.
    fn edges(&self, module: &Module) -> BTreeSet<Module> {
        let mut edges = BTreeSet::new();
        for (written, passed_on) in &self.modules[module].names {
            let Some(to) = self.resolve(module, written, 0) else {
                continue;
            };
            if to != *module && !(*passed_on && to.starts_with(module)) {
                edges.insert(to);
            }
        }
        edges
    }

    /// The module that defines what a path in a module names; none for other crates'.
    fn resolve(&self, module: &Module, written: &[String], depth: usize) -> Option<Module> {
        let (mut at, mut rest) = (module.clone(), written);
        match written.first()?.as_str() {
            "crate" | "$crate" => at.clear(),
            "self" => {}
            "super" => {
                at.pop();
            }
            name => {
                at.push(name.to_owned());
                if !self.modules.contains_key(&at) {
                    return None;
                }
            }
        }
        rest = &rest[1..];
        while let Some((name, after)) = rest.split_first() {
            if name == "super" {
                at.pop();
                rest = after;
                continue;
            }
            let mut inner = at.clone();
            inner.push(name.clone());
            if self.modules.contains_key(&inner) {
                (at, rest) = (inner, after);
                continue;
            }
            if let Some(further) = self.modules[&at].passed_on.get(name)
                && depth < 8
                && let Some(found) = self.resolve(&at, further, depth + 1)
            {
                if after.is_empty() || found == at {
                    return Some(found);
                }
                let mut whole = vec!["crate".to_owned()];
                whole.extend(found);
                whole.extend_from_slice(after);
                return self.resolve(&Vec::new(), &whole, depth + 1);
            }
            if at.is_empty()
                && let Some(found) = self.macros.get(name)
            {
                return Some(found.clone());
            }
            break;
        }
        Some(at)
    }
}

/// Notes what a source names: in `use`, and as paths elsewhere.
fn read_names(source: &mut Source, is_inner: impl Fn(&String) -> bool) {
    let tokens = std::mem::take(&mut source.tokens);
    let mut at = 0;
    while at < tokens.len() {
        let word = &tokens[at];
        if word == "use" {
            let end = at + tokens[at..].iter().position(|it| it == ";").unwrap_or(0);
            let is_public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
            read_use(source, &tokens[at + 1..end], &Vec::new(), is_public);
            at = end + 1;
            continue;
        }
        let begins = matches!(word.as_str(), "crate" | "super" | "self") || is_inner(word);
        let continues = at > 0 && (tokens[at - 1] == "::" || tokens[at - 1] == ".");
        let is_path = tokens.get(at + 1).is_some_and(|next| next == "::");
        if begins && is_path && !continues {
            let mut written = vec![word.clone()];
            while let Some([separator, name]) = tokens.get(at + 1..at + 3)
                && separator == "::"
                && name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            {
                written.push(name.clone());
                at += 2;
            }
            source.names.push((written, false));
        }
        at += 1;
    }
}

/// Reads a tree of `use`: what follows a prefix.
fn read_use(source: &mut Source, tree: &[String], prefix: &Written, is_public: bool) {
    let mut written = prefix.clone();
    let mut at = 0;
    while at < tree.len() {
        match tree[at].as_str() {
            "::" => {}
            "{" => {
                for part in parts(&tree[at + 1..tree.len() - 1]) {
                    read_use(source, part, &written, is_public);
                }
                return;
            }
            "as" => break,
            name => written.push(name.to_owned()),
        }
        at += 1;
    }
    if written.last().is_some_and(|name| name == "self") && written.len() > 1 {
        written.pop();
    }
    if is_public && let Some(name) = tree.last() {
        let name = if name == "self" {
            written.last()
        } else {
            Some(name)
        };
        source
            .passed_on
            .extend(name.map(|name| (name.clone(), written.clone())));
    }
    source.names.push((written, is_public));
}

/// What stands between commas, outside of braces.
fn parts(list: &[String]) -> Vec<&[String]> {
    let (mut found, mut start, mut depth) = (Vec::new(), 0, 0);
    for (at, token) in list.iter().enumerate() {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 0 => {
                found.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&list[start..]);
    found.retain(|part| !part.is_empty());
    found
}

/// Words and punctuation of a source, without comments. Of a text, what is in it behind a quote.
pub fn tokens(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if first.is_alphanumeric() || first == '_' || first == '$' {
            let raw = rest
                .strip_prefix('r')
                .filter(|it| it.starts_with(['"', '#']));
            match raw.and_then(raw_text) {
                Some(len) => len + 1,
                None => {
                    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
                    let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                    found.push(rest[..len].to_owned());
                    len
                }
            }
        } else if first == '"' {
            let len = text_len(rest);
            found.push(rest[..len - 1].to_owned());
            len
        } else if first == '\'' {
            character_len(rest)
        } else if rest.starts_with("::") {
            found.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                found.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[len..];
    }
    found
}

/// The length of a raw text behind its `r`, if it is one.
fn raw_text(rest: &str) -> Option<usize> {
    let hashes = rest.find(|c| c != '#')?;
    let body = rest[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(hashes + 1 + body.find(&end)? + end.len())
}

fn text_len(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    panic!("a text has an end")
}

/// A character, or the quote of a lifetime.
fn character_len(rest: &str) -> usize {
    let body = &rest[1..];
    if let Some(escape) = body.strip_prefix('\\') {
        let end = escape.char_indices().skip(1).find(|(_, c)| *c == '\'');
        return end.map_or(1, |(at, _)| at + 3);
    }
    let mut chars = body.char_indices();
    match (chars.next(), chars.next()) {
        (Some(_), Some((at, '\''))) => at + 2,
        _ => 1,
    }
}

/// Without what only tests have: the item behind `#[cfg(test)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mark = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().take(mark.len()).eq(mark.iter()) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += mark.len();
        let mut depth = 0;
        while at < tokens.len() {
            match tokens[at].as_str() {
                "{" | "(" | "[" => depth += 1,
                // The end of what the item is in.
                "}" | ")" | "]" if depth == 0 => break,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            let ends = matches!(tokens[at].as_str(), "}" | ";" | ",");
            at += 1;
            if depth == 0 && ends {
                break;
            }
        }
        // That of `use a::{b};`.
        if tokens.get(at).is_some_and(|next| next == ";") {
            at += 1;
        }
    }
    kept
}

#[test]
fn names_are_found() {
    let mut source = Source {
        tokens: tokens(
            "pub use self::a::{self, b as c, d::*}; use super::e; // use super::no;\n\
             fn f<'x>(it: &'x str) { g::h::<T>(); \"super::no\"; '\"'; x.g::no; crate::i!() }",
        ),
        ..Source::default()
    };
    read_names(&mut source, |name| name == "g");
    let names: Vec<String> = source.names.iter().map(|(it, _)| it.join("::")).collect();
    let expected = [
        "self::a",
        "self::a::b",
        "self::a::d::*",
        "super::e",
        "g::h",
        "crate::i",
    ];
    assert_eq!(names, expected);
    let passed_on: Vec<&String> = source.passed_on.keys().collect();
    assert_eq!(passed_on, ["*", "a", "c"]);
}

#[test]
fn tests_do_not_count() {
    let text =
        "mod a; #[cfg(test)] mod b; #[cfg(test)] fn c() { d(); } #[cfg(test)] use e::{f, g}; h";
    assert_eq!(without_tests(tokens(text)).concat(), "moda;h");
}
