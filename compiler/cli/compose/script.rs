//! `--compose`: a script in wac's language says which components there are and who gets what.
//!
//! A package that the script names is, as for `wac compose`, the file that `--dep` gives for it or
//! `NAMESPACE/NAME.wasm` in the folder of dependencies, with the version as one more folder. Unlike
//! there, a file may also be in text form or a module that carries the type of a component.

use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use miette::SourceSpan;
use semver::Version;
use wac_graph::types::BorrowedPackageKey;
use wac_parser::lexer::{Lexer, Token};
use wac_parser::{Document, resolution};

use super::part::{component, encode_options};
use crate::diagnostic::{Diagnostic, Excerpt, Failure, printable};
use crate::input::{self, Input, InputPath};
use crate::requests::Composition;

/// A package that the script names, and its component.
struct Package {
    name: String,
    version: Option<Version>,
    bytes: Vec<u8>,
}

/// The component that the script at `path` composes.
///
/// # Errors
/// When the script is wrong, or a package is missing or no component.
pub(super) fn composed(path: &InputPath, composition: &Composition) -> Result<Input, Failure> {
    let name = path.shown();
    let Ok(text) = String::from_utf8(input::read_bytes(path)?) else {
        return Err(Failure::input(
            Diagnostic::error("this is no wac script: it is not text")
                .place(name)
                .help("components are given to `--dep` and `--plug`"),
        ));
    };
    let packages = packages(&text, composition)?;
    let document = Document::parse(&text).map_err(|error| fault(&error, &error, &text, &name))?;
    let by_key: IndexMap<BorrowedPackageKey<'_>, Vec<u8>> = packages
        .iter()
        .map(|package| {
            let key =
                BorrowedPackageKey::from_name_and_version(&package.name, package.version.as_ref());
            (key, package.bytes.clone())
        })
        .collect();
    let failure = |error| unresolved(&error, &text, &name, composition);
    let resolution = document.resolve(by_key).map_err(failure)?;
    let bytes = resolution.encode(encode_options()).map_err(failure)?;
    Ok(Input {
        name,
        bytes,
        is_text: false,
    })
}

/// The packages that the script names and that there is a file for.
fn packages(text: &str, composition: &Composition) -> Result<Vec<Package>, Failure> {
    let mut packages: Vec<Package> = Vec::new();
    let mut used = vec![false; composition.packages.len()];
    for (name, version) in references(text) {
        let is_known = |package: &Package| package.name == name && package.version == version;
        if packages.iter().any(is_known) {
            continue;
        }
        let full = full_name(&name, version.as_ref());
        let given = composition.packages.iter();
        let given = given.rev().position(|(dep, _)| *dep == full);
        let given = given.map(|from_end| composition.packages.len() - 1 - from_end);
        let path = match given {
            Some(index) => {
                used[index] = true;
                composition.packages[index].1.clone()
            }
            None => match in_folder(&composition.folder, &name, version.as_ref()) {
                Some(path) => path,
                // Reported at its place in the script, if it is needed.
                None => continue,
            },
        };
        let input = input::read(&InputPath::new(&path))?;
        packages.push(Package {
            bytes: component(&input)?,
            name,
            version,
        });
    }
    match used.iter().position(|used| !used) {
        Some(unused) => Err(Failure::usage(
            Diagnostic::error(format!(
                "the script names no package `{}`",
                composition.packages[unused].0
            ))
            .help("leave out this `--dep`, or check the name"),
        )),
        None => Ok(packages),
    }
}

/// Every name of a package in the script, whatever it is there for.
fn references(text: &str) -> Vec<(String, Option<Version>)> {
    let Ok(mut lexer) = Lexer::new(text) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    while let Some((token, span)) = lexer.next() {
        if !matches!(token, Ok(Token::PackageName | Token::PackagePath)) {
            continue;
        }
        // `namespace:name/path@version`
        let (path, version) = match lexer.source(span).split_once('@') {
            Some((path, version)) => (path, Version::parse(version).ok()),
            None => (lexer.source(span), None),
        };
        let name = path.split('/').next().unwrap_or_default();
        found.push((name.to_owned(), version));
    }
    found
}

fn full_name(name: &str, version: Option<&Version>) -> String {
    match version {
        Some(version) => format!("{name}@{version}"),
        None => name.to_owned(),
    }
}

/// Where `wac` looks for a package: `deps/ns/name.wasm` or `deps/ns/name/1.0.0.wasm`.
fn in_folder(folder: &Path, name: &str, version: Option<&Version>) -> Option<PathBuf> {
    let mut path = folder.to_owned();
    path.extend(name.split(':'));
    if let Some(version) = version {
        path.push(version.to_string());
    }
    let with_ending = |ending: &str| {
        let mut name = path.clone().into_os_string();
        name.push(ending);
        PathBuf::from(name)
    };
    [".wat", ".wasm"]
        .map(with_ending)
        .into_iter()
        .find(|path| path.is_file())
}

/// What is wrong with the meaning of the script.
fn unresolved(
    error: &resolution::Error,
    text: &str,
    name: &str,
    composition: &Composition,
) -> Failure {
    let mut failure = fault(error, error, text, name);
    let diagnostic = &mut failure.diagnostic;
    if let resolution::Error::UnknownPackage { name, .. } = error {
        let folder = composition.folder.join(name.replace(':', "/"));
        diagnostic.helps.push(format!(
            "give it with `--dep {name}=FILE`, or put it at `{}.wasm`",
            folder.display()
        ));
    }
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        diagnostic.notes.push(printable(&cause.to_string()));
        source = cause.source();
    }
    failure
}

/// An error of wac, at its place in the script.
fn fault(
    error: &dyn std::error::Error,
    places: &dyn miette::Diagnostic,
    text: &str,
    name: &str,
) -> Failure {
    let labels = places.labels().into_iter().flatten();
    let labels: Vec<_> = labels.collect();
    let label = labels
        .iter()
        .find(|label| label.primary())
        .or(labels.first());
    let mut diagnostic = Diagnostic::error(printable(&error.to_string())).place(name);
    diagnostic.excerpt = label.and_then(|label| excerpt(*label.inner(), text));
    diagnostic
        .helps
        .extend(places.help().map(|help| help.to_string()));
    Failure::input(diagnostic)
}

/// The line that `span` begins in.
fn excerpt(span: SourceSpan, text: &str) -> Option<Excerpt> {
    let before = text.get(..span.offset())?;
    let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
    Some(Excerpt {
        line: before.matches('\n').count() + 1,
        column: span.offset() - begin,
        text: text[begin..].lines().next().unwrap_or_default().to_owned(),
    })
}
