//! What keeps the sources in shape: who may depend on whom, words and names that are not used,
//! sizes of files, and where unsafe code may be.

#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/owners.rs"]
mod owners;

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a source file; some are over the 500 that files should have, none by much.
const LINES_MAX: usize = 550;

/// Words with what to do instead. They are in two parts so that this file does not hold them.
const WORDS: &[(&str, &str, &str)] = &[
    ("FIX", "ME", "open an issue, or do it"),
    (
        "todo",
        "!(",
        "do it, or return an error that names what is unsupported",
    ),
    (
        "unimple",
        "mented!(",
        "return an error that names what is unsupported",
    ),
    ("db", "g!(", "remove it"),
    (
        "#[ig",
        "nore",
        "fix the test, or list it as expected to fail with its reason",
    ),
    ("allow(dead", "_code", "delete what is not used"),
    ("way", "s back", "the compiler's word is back edge"),
    ("goes ", "round", "the compiler's word is loop-carried"),
    (
        "/ro",
        "ot/",
        "paths of a machine do not belong into the project",
    ),
    (
        "/ho",
        "me/",
        "paths of a machine do not belong into the project",
    ),
    (
        "/wo",
        "rk/",
        "paths of a machine do not belong into the project",
    ),
];

/// Names that say nothing about what is in a file.
const FILE_NAMES: &[&str] = &["util", "utils", "common", "misc", "helper", "helpers"];

/// Manifests, and the crates of the workspace that each may name.
const CRATES: &[(&str, &[&str])] = &[
    ("runtime-lib/abi", &[]),
    ("linker/pack", &["wasmelt-pack"]),
    ("linker", &["wasmelt-pack"]),
    ("compiler/regalloc", &[]),
    ("compiler/registers", &[]),
    ("compiler", &["wasmelt-abi", "wasmelt-registers"]),
    ("runtime-lib", &["wasmelt-abi"]),
];

/// Folders and files of sources, and words that must not be in their code.
const INVARIANTS: &[(&str, &[&str])] = &[
    (
        "compiler/src/parse",
        &[
            "cranelift",
            "crate::plan",
            "crate::translate",
            "crate::emit",
            "wasi",
        ],
    ),
    (
        "compiler/src/plan",
        &["cranelift", "crate::translate", "crate::emit"],
    ),
    ("compiler/src/translate", &["object::", "crate::emit"]),
    (
        "compiler/src/emit",
        &["wasmparser::Operator", "wasmparser::Parser"],
    ),
    ("linker/src", &["wasmparser", "wasmelt_abi"]),
    ("compiler/cli", &["wasmparser::", "cranelift_"]),
    ("runtime-lib/src/vm", &["crate::wasi", "crate::host"]),
    ("runtime-lib/src/host", &["crate::wasi", "MemoryView"]),
    ("runtime-lib/src/wasi", &["libc::", "rustix::"]),
    ("runtime-lib/src", &["cap_primitives"]),
];

/// The root of each crate. Its modules never name each other in a ring: each can be read after those
/// that it names.
const CRATE_ROOTS: &[&str] = &[
    "runtime-lib/abi/src/lib.rs",
    "runtime-lib/src/lib.rs",
    "compiler/src/lib.rs",
    "compiler/regalloc/src/lib.rs",
    "compiler/registers/src/lib.rs",
    "compiler/cli/main.rs",
    "compiler/cargo/main.rs",
    "linker/src/lib.rs",
    "linker/pack/src/lib.rs",
    "benches/src/main.rs",
];

/// The crates and modules without unsafe code.
const SAFE: &[&str] = &[
    "compiler/src/lib.rs",
    "compiler/regalloc/src/lib.rs",
    "compiler/registers/src/lib.rs",
    "compiler/cli/main.rs",
    "compiler/cargo/main.rs",
    "linker/src/lib.rs",
    "linker/pack/src/lib.rs",
    "runtime-lib/src/host/mod.rs",
    "runtime-lib/src/wasi/mod.rs",
];

/// The page that strangers see first is read in two minutes.
const README_LINES_MAX: usize = 120;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below a folder whose names have one of the endings, as paths from the root.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the project") {
            let path = entry.expect("it can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with('.') || name == "target" {
                continue;
            }
            if path.is_dir() {
                open.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path.strip_prefix(root()).expect("below it").to_owned());
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(root().join(path)).expect("a file of the project"))
        .into_owned()
}

/// Fails with all that was found.
fn expect_none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn words_that_are_not_used() {
    let mut found = Vec::new();
    for path in files(
        "",
        &[".rs", ".toml", ".md", ".sh", ".txt", ".wat", ".c", ".py"],
    ) {
        for (number, line) in text(&path).lines().enumerate() {
            for (first, second, instead) in WORDS {
                let word = format!("{first}{second}");
                if line.contains(&word) {
                    let place = format!("{}:{}", path.display(), number + 1);
                    found.push(format!("{place}: `{word}`: {instead}"));
                }
            }
        }
    }
    expect_none(&found);
}

#[test]
fn files_say_what_they_are_and_are_not_long() {
    let mut found = Vec::new();
    for path in files("", &[".rs"]) {
        let text = text(&path);
        if !text.starts_with("//!") {
            found.push(format!("{}: begins without `//!`", path.display()));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            found.push(format!(
                "{}: {lines} lines, at most {LINES_MAX}",
                path.display()
            ));
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let folders = path.iter().map(|part| part.to_string_lossy());
        if FILE_NAMES.contains(&&*stem)
            || folders.into_iter().any(|part| FILE_NAMES.contains(&&*part))
        {
            found.push(format!("{}: name it for what is in it", path.display()));
        }
    }
    expect_none(&found);
}

#[test]
fn crates_depend_in_one_direction() {
    let mut found = Vec::new();
    for (folder, allowed) in CRATES {
        let manifest = text(&Path::new(folder).join("Cargo.toml"));
        let dependencies = manifest
            .lines()
            .skip_while(|line| !line.contains("dependencies]"))
            .filter_map(|line| line.split(['.', ' ', '=']).next());
        for name in dependencies.filter(|name| name.starts_with("wasmelt")) {
            if !allowed.contains(&name) {
                found.push(format!("{folder} must not depend on {name}"));
            }
        }
    }
    let abi = text(Path::new("runtime-lib/abi/Cargo.toml"));
    if abi.contains("dependencies]") {
        found.push("runtime-lib/abi has no dependencies".to_owned());
    }
    expect_none(&found);
}

#[test]
fn modules_keep_to_their_layer() {
    let mut found = Vec::new();
    for (folder, words) in INVARIANTS {
        // Tests make what their layer is given, pipes for instance.
        let is_test = |path: &PathBuf| path.ends_with("tests.rs");
        for path in files(folder, &[".rs"])
            .into_iter()
            .filter(|path| !is_test(path))
        {
            for (number, line) in text(&path).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                for word in words.iter().filter(|word| code.contains(**word)) {
                    let place = format!("{}:{}", path.display(), number + 1);
                    found.push(format!("{place}: `{word}` does not belong into {folder}"));
                }
            }
        }
    }
    expect_none(&found);
}

#[test]
fn modules_do_not_name_each_other_in_rings() {
    let mut found = Vec::new();
    for crate_root in CRATE_ROOTS {
        let rings = modules::rings(&root().join(crate_root));
        found.extend(rings.iter().map(|ring| format!("{crate_root}: {ring:?}")));
    }
    expect_none(&found);
}

#[test]
fn all_state_of_the_runtime_has_an_owner() {
    let architecture = text(Path::new("ARCHITECTURE.md"));
    let crate_root = root().join("runtime-lib/src/lib.rs");
    expect_none(&owners::differences(&crate_root, &architecture));
}

#[test]
fn unsafe_code_is_forbidden_where_it_is_not_needed() {
    for path in SAFE {
        assert!(
            text(Path::new(path)).contains("#![forbid(unsafe_code)]"),
            "{path} has to forbid unsafe code"
        );
    }
    let mut found = Vec::new();
    for path in files("tests", &[".rs"])
        .into_iter()
        .chain(files("benches", &[".rs"]))
    {
        // One says the word, the other is a program that calls a library of C.
        let is_exempt = ["tests/tidy.rs", "tests/library/numbers.rs"].map(Path::new);
        if !is_exempt.contains(&&*path) && text(&path).contains("unsafe ") {
            found.push(format!(
                "{}: tests and benches need no unsafe code",
                path.display()
            ));
        }
    }
    expect_none(&found);
}

#[test]
fn the_runtime_does_not_know_the_compiler() {
    let manifest = text(Path::new("runtime-lib/Cargo.toml"));
    for name in [
        "cranelift",
        "wasmparser",
        "wasmelt-compiler",
        "wasmelt-linker",
    ] {
        assert!(
            !manifest.contains(name),
            "runtime-lib must not depend on {name}"
        );
    }
}

/// The files in Markdown, with each line that is not code.
fn prose() -> Vec<(PathBuf, Vec<String>)> {
    let lines = |path: PathBuf| {
        let text = text(&path);
        let lines = text.lines().filter(|line| !line.starts_with("    "));
        let lines = lines.map(str::to_owned).collect();
        (path, lines)
    };
    files("", &[".md"]).into_iter().map(lines).collect()
}

/// The name that a heading has in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    let pages = prose();
    let mut found = Vec::new();
    for (page, lines) in &pages {
        let targets = lines.iter().flat_map(|line| line.split("](").skip(1));
        for target in targets.filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            let (path, section) = target.split_once('#').unwrap_or((target, ""));
            let folder = page.parent().expect("a file is in a folder");
            let path = if path.is_empty() {
                page.clone()
            } else {
                folder.join(path)
            };
            if !root().join(&path).exists() {
                found.push(format!("{}: `{target}` does not exist", page.display()));
            } else if !section.is_empty() {
                let headings = pages.iter().filter(|(other, _)| *other == path);
                let mut headings = headings.flat_map(|(_, lines)| lines);
                let is_it = |line: &String| {
                    let text = line.trim_start_matches('#');
                    line.starts_with('#') && anchor(text.trim()) == section
                };
                if !headings.any(is_it) {
                    found.push(format!(
                        "{}: `{target}` has no such section",
                        page.display()
                    ));
                }
            }
        }
    }
    expect_none(&found);
}

#[test]
fn the_readme_is_short_and_its_examples_are_tested() {
    let readme = text(Path::new("README.md"));
    let count = readme.lines().count();
    assert!(
        count <= README_LINES_MAX,
        "{count} lines: move what is long to `docs`"
    );
    let examples = readme
        .lines()
        .skip_while(|line| *line != "## Five examples")
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    let examples: Vec<&str> = examples
        .filter_map(|line| line.strip_prefix("    "))
        .collect();
    assert_eq!(examples.len(), 5);
    let transcript = text(Path::new("tests/cli/readme.txt"));
    for example in examples {
        let step = format!("--- run {example}");
        assert!(
            transcript.lines().any(|line| line == step),
            "tests/cli/readme.txt does not run `{example}`"
        );
    }
}

#[test]
fn manifests_name_no_repository() {
    for path in files("", &["Cargo.toml"]) {
        let is_named = text(&path)
            .lines()
            .any(|line| line.starts_with("repository"));
        assert!(
            !is_named,
            "{}: there is no public repository",
            path.display()
        );
    }
}
