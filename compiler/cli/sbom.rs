//! A bill of materials: what an executable is made of, in CycloneDX's JSON.
//!
//! It names the input with its digest, the components and modules in it with what they say of
//! themselves, the runtime library with its crates, and what the program is granted. The same input
//! and options give the same bytes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wasm_metadata::{Metadata, Payload};

use crate::digest::sha256;

/// The runtime library's crates, by the build script: name, version and licence a line.
const CRATES: &str = include_str!(concat!(env!("OUT_DIR"), "/runtime-crates.txt"));

const VERSION: &str = env!("CARGO_PKG_VERSION");
const LICENSE: &str = env!("CARGO_PKG_LICENSE");

/// What a bill is made from.
#[derive(Debug)]
pub(crate) struct Materials<'a> {
    /// Of the program.
    pub(crate) name: &'a str,
    pub(crate) target: &'a str,
    /// How the runtime library was built.
    pub(crate) provenance: &'a str,
    pub(crate) input_name: &'a str,
    /// Of the input.
    pub(crate) digest: &'a str,
    /// The input as a binary.
    pub(crate) binary: &'a [u8],
    /// What the program may do: a word and its value a line.
    pub(crate) policy: &'a str,
}

/// The bill as text.
pub(crate) fn bill(materials: &Materials<'_>) -> String {
    // What an input says of itself may be malformed; the rest holds all the same.
    let payload = Payload::from_binary(materials.binary).ok();
    let about = payload.as_ref().map(Payload::metadata);
    let mut program = described("application", materials.name, about);
    program["bom-ref"] = json!("program");
    program["properties"] = properties(materials);
    let mut input = described("file", materials.input_name, about);
    input["bom-ref"] = json!("input");
    input["hashes"] = json!([{ "alg": "SHA-256", "content": materials.digest }]);
    let mut parts = Parts::default();
    if let Some(payload) = &payload {
        parts.add_own(payload, "input");
    }
    if !parts.components.is_empty() {
        input["components"] = json!(parts.components);
    }
    let mut components = vec![input];
    let mut crates = Vec::new();
    for line in CRATES.lines() {
        let mut fields = line.splitn(3, ' ');
        let mut field = || fields.next().unwrap_or_default();
        let (name, version, license) = (field(), field(), field());
        let package = format!("pkg:cargo/{name}@{version}");
        components.push(json!({
            "type": "library",
            "bom-ref": &package,
            "name": name,
            "version": version,
            "licenses": [{ "expression": license }],
            "purl": &package,
        }));
        crates.push(package);
    }
    components.push(json!({
        "type": "library",
        "bom-ref": "runtime",
        "name": "wasmelt-runtime",
        "version": VERSION,
        "description": "what is linked into every executable, as far as the program uses it",
        "licenses": [{ "expression": LICENSE }],
        "properties": [{ "name": "wasmelt:built-with", "value": materials.provenance }],
    }));
    let mut dependencies = vec![
        json!({ "ref": "program", "dependsOn": ["input", "runtime"] }),
        json!({ "ref": "runtime", "dependsOn": crates }),
    ];
    dependencies.push(json!({ "ref": "input", "dependsOn": parts.names }));
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": serial_number(materials),
        "version": 1,
        "metadata": {
            "tools": {
                "components": [{ "type": "application", "name": "wasmelt", "version": VERSION }],
            },
            "component": program,
        },
        "components": components,
        "dependencies": dependencies,
    });
    format!("{bill:#}\n")
}

/// The labels of a container image: what the input says of itself, by the keys that OCI has for it.
pub(crate) fn labels(name: &str, binary: &[u8]) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut label = |key: &str, value: Option<String>| {
        let key = format!("org.opencontainers.image.{key}");
        value.map(|value| labels.insert(key, value));
    };
    label("title", Some(name.to_owned()));
    if let Ok(payload) = Payload::from_binary(binary) {
        let about = payload.metadata();
        label("authors", about.authors.as_ref().map(ToString::to_string));
        label(
            "description",
            about.description.as_ref().map(ToString::to_string),
        );
        label("licenses", about.licenses.as_ref().map(ToString::to_string));
        label("revision", about.revision.as_ref().map(ToString::to_string));
        label("source", about.source.as_ref().map(ToString::to_string));
        label("url", about.homepage.as_ref().map(ToString::to_string));
        label("version", about.version.as_ref().map(ToString::to_string));
    }
    labels
}

/// What is inside of an input, each with a reference of its own.
#[derive(Default)]
struct Parts {
    components: Vec<Value>,
    names: Vec<String>,
}

impl Parts {
    /// Adds what a component or module has in it: those inside, and the crates it was made from.
    fn add_own(&mut self, payload: &Payload, place: &str) {
        for package in payload.metadata().dependencies.iter().flat_map(packages) {
            self.add(package, format!("{place}/crate{}", self.names.len()));
        }
        if let Payload::Component { children, .. } = payload {
            for child in children {
                let kind = match child {
                    Payload::Component { .. } => "component",
                    Payload::Module(_) => "module",
                };
                let about = child.metadata();
                let name = about.name.as_deref().unwrap_or(kind);
                let reference = format!("{place}/{kind}{}", self.names.len());
                let mut part = described("library", name, Some(about));
                let mut own = Parts::default();
                own.add_own(child, &reference);
                if !own.components.is_empty() {
                    part["components"] = json!(own.components);
                }
                self.add(part, reference);
                self.names.append(&mut own.names);
            }
        }
    }

    fn add(&mut self, mut part: Value, reference: String) {
        part["bom-ref"] = json!(reference);
        self.components.push(part);
        self.names.push(reference);
    }
}

/// A component of the bill with what `about` says.
fn described(kind: &str, name: &str, about: Option<&Metadata>) -> Value {
    let mut component = json!({ "type": kind, "name": name });
    let Some(about) = about else {
        return component;
    };
    if let Some(version) = &about.version {
        component["version"] = json!(version.to_string());
    }
    if let Some(text) = &about.description {
        component["description"] = json!(text.to_string());
    }
    if let Some(authors) = &about.authors {
        component["authors"] = json!([{ "name": authors.to_string() }]);
    }
    if let Some(licenses) = &about.licenses {
        component["licenses"] = json!([{ "expression": licenses.to_string() }]);
    }
    let source = about.source.as_ref().map(|url| ("vcs", url.to_string()));
    let homepage = about.homepage.as_ref();
    let homepage = homepage.map(|url| ("website", url.to_string()));
    let links: Vec<Value> = source
        .into_iter()
        .chain(homepage)
        .map(|(kind, url)| json!({ "type": kind, "url": url }))
        .collect();
    if !links.is_empty() {
        component["externalReferences"] = json!(links);
    }
    let mut said = Vec::new();
    if let Some(revision) = &about.revision {
        said.push(property("wasm:revision", &revision.to_string()));
    }
    for (field, entries) in about
        .producers
        .iter()
        .flat_map(|producers| producers.iter())
    {
        for (name, version) in entries.iter() {
            said.push(property(&format!("wasm:{field}:{name}"), version));
        }
    }
    if !said.is_empty() {
        component["properties"] = json!(said);
    }
    component
}

/// The crates that a module says it was made from.
fn packages(dependencies: &wasm_metadata::Dependencies) -> Vec<Value> {
    let packages = &dependencies.version_info().packages;
    let component = |package: &auditable_serde::Package| {
        let version = package.version.to_string();
        let mut component = json!({
            "type": "library",
            "name": package.name,
            "version": version,
        });
        if package.source == auditable_serde::Source::CratesIo {
            component["purl"] = json!(format!("pkg:cargo/{}@{version}", package.name));
        }
        component
    };
    packages
        .iter()
        .filter(|package| !package.root)
        .map(component)
        .collect()
}

fn property(name: &str, value: &str) -> Value {
    json!({ "name": name, "value": value })
}

/// What the program is made for and what it may do.
fn properties(materials: &Materials<'_>) -> Value {
    let mut properties = vec![property("wasmelt:target", materials.target)];
    // The first line is the version of wasmelt, which stands elsewhere.
    for line in materials.policy.lines().skip(1) {
        let (word, value) = line.split_at_checked(14).unwrap_or((line, ""));
        let name = format!("wasmelt:{}", word.trim_end().replace(' ', "-"));
        properties.push(property(&name, value.trim_start()));
    }
    json!(properties)
}

/// An UUID of the form for digests, by which two bills of the same program are the same bill.
fn serial_number(materials: &Materials<'_>) -> String {
    let texts = [
        VERSION,
        materials.target,
        materials.digest,
        materials.policy,
        materials.provenance,
    ];
    let digest = sha256(texts.join("\n").as_bytes());
    format!(
        "urn:uuid:{}-{}-8{}-8{}-{}",
        &digest[..8],
        &digest[8..12],
        &digest[13..16],
        &digest[17..20],
        &digest[20..32]
    )
}
