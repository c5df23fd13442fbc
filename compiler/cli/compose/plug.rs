//! `--plug`: the exports of components satisfy the imports of another, and of each other.
//!
//! Beginning with the input, every import that the export of a plug has the name of is satisfied by
//! it; versions of one track (`0.2.x`, `1.x`) are one name, and an equal version is preferred. A
//! plug has one instance, which all that import from it share. Plugs that import what they export
//! (middleware) are a chain in the order in which they are given. What no plug exports stays an
//! import of the whole.

use std::collections::VecDeque;

use wac_graph::types::{ItemKind, Package, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeError, InstantiationArgumentError, NodeId, PackageId};

use super::part::{component, encode_options, unreadable};
use crate::diagnostic::{Diagnostic, Failure, printable};
use crate::input::{self, Input, InputPath};

/// The input or a plug.
struct Part {
    /// For messages.
    name: String,
    package: PackageId,
    instance: Option<NodeId>,
    /// Parts that satisfy its imports, with the name of an import that each satisfies.
    needs: Vec<(usize, String)>,
}

/// The position of the input among the parts; the plugs are behind it.
const SOCKET: usize = 0;

/// `input` with its imports satisfied by `plugs`.
///
/// # Errors
/// When a plug is no component, satisfies nothing, or does not fit; when several satisfy one
/// import, or need each other.
pub(super) fn plugged(input: &Input, plugs: &[InputPath]) -> Result<Input, Failure> {
    let mut plugging = Plugging::default();
    plugging.add(input)?;
    for path in plugs {
        plugging.add(&input::read(path)?)?;
    }
    plugging.connect()?;
    plugging.expect_every_plug_used()?;
    plugging.expect_no_circle()?;
    let bytes = plugging.encoded()?;
    let names: Vec<&str> = plugging.parts[1..].iter().map(|part| &*part.name).collect();
    Ok(Input {
        name: format!("{} with {}", input.name, names.join(", ")),
        bytes,
        is_text: false,
    })
}

#[derive(Default)]
struct Plugging {
    graph: CompositionGraph,
    parts: Vec<Part>,
}

impl Plugging {
    fn add(&mut self, input: &Input) -> Result<(), Failure> {
        let bytes = component(input)?;
        // Files of one name may be plugged in.
        let key = format!("part:part{}", self.parts.len());
        let package = Package::from_bytes(&key, None, bytes, self.graph.types_mut())
            .map_err(|error| unreadable(input, &format!("{error:#}")))?;
        let package = self
            .graph
            .register_package(package)
            .expect("the name has a number of its own");
        self.parts.push(Part {
            name: input.name.clone(),
            package,
            instance: None,
            needs: Vec::new(),
        });
        Ok(())
    }

    fn imports(&self, part: usize) -> impl Iterator<Item = (&str, ItemKind)> {
        let package = &self.graph[self.parts[part].package];
        let imports = self.graph.types()[package.ty()].imports.iter();
        imports.map(|(name, kind)| (name.as_str(), *kind))
    }

    fn exports(&self, part: usize) -> impl Iterator<Item = &str> {
        let package = &self.graph[self.parts[part].package];
        let exports = self.graph.types()[package.ty()].exports.keys();
        exports.map(String::as_str)
    }

    /// Instantiates the input, and whatever it needs from the plugs.
    fn connect(&mut self) -> Result<(), Failure> {
        self.instance(SOCKET);
        let mut open = VecDeque::from([SOCKET]);
        while let Some(part) = open.pop_front() {
            let imports: Vec<String> = self
                .imports(part)
                .map(|(name, _)| name.to_owned())
                .collect();
            for import in imports {
                let Some((plug, export)) = self.provider(part, &import)? else {
                    continue;
                };
                if self.parts[plug].instance.is_none() {
                    open.push_back(plug);
                }
                self.satisfy(part, &import, plug, &export)?;
            }
        }
        Ok(())
    }

    fn instance(&mut self, part: usize) -> NodeId {
        let package = self.parts[part].package;
        let graph = &mut self.graph;
        *self.parts[part]
            .instance
            .get_or_insert_with(|| graph.instantiate(package))
    }

    /// The plug that satisfies an import, and by which export.
    fn provider(&self, part: usize, import: &str) -> Result<Option<(usize, String)>, Failure> {
        let mut found: Vec<(usize, String)> = Vec::new();
        for plug in 1..self.parts.len() {
            // A plug that exports what it imports itself is a layer above another one's.
            if plug == part {
                continue;
            }
            let exact = self.exports(plug).find(|export| *export == import);
            let export = exact.or_else(|| {
                let compatible = self
                    .exports(plug)
                    .filter(|export| are_semver_compatible(export, import));
                compatible.max_by_key(|export| version(export))
            });
            found.extend(export.map(|export| (plug, export.to_owned())));
        }
        if found.iter().any(|(_, export)| export == import) {
            found.retain(|(_, export)| export == import);
        }
        self.keep_next_layer(part, import, &mut found);
        match &*found {
            [] | [_] => Ok(found.pop()),
            several => {
                let names = several.iter().map(|(plug, export)| {
                    format!("`{}` exports `{export}`", self.parts[*plug].name)
                });
                let mut diagnostic = Diagnostic::error(format!(
                    "several plugs satisfy the import `{}` of `{}`",
                    printable(import),
                    self.parts[part].name
                ));
                diagnostic.notes.extend(names);
                Err(Failure::input(diagnostic.help(
                    "leave one out, put what imports the same itself first, or say who gets what in a \
                     script: `--compose FILE.wac`",
                )))
            }
        }
    }

    /// Of several that export what all but the last import too, each stands above the one behind it:
    /// the next one satisfies the import.
    fn keep_next_layer(&self, part: usize, import: &str, found: &mut Vec<(usize, String)>) {
        let is_layer = |part: usize| {
            let mut imports = self.imports(part);
            imports.any(|(name, _)| name == import || are_semver_compatible(name, import))
        };
        let is_one_of_them = self
            .exports(part)
            .any(|name| name == import || are_semver_compatible(name, import));
        let mut behind = found.clone();
        behind.retain(|(plug, _)| *plug > part || !is_one_of_them);
        if let [layers @ .., _] = &*behind
            && layers.iter().all(|(plug, _)| is_layer(*plug))
        {
            behind.truncate(1);
            *found = behind;
        }
    }

    fn satisfy(
        &mut self,
        part: usize,
        import: &str,
        plug: usize,
        export: &str,
    ) -> Result<(), Failure> {
        let importer = self.instance(part);
        let exporter = self.instance(plug);
        self.parts[part].needs.push((plug, import.to_owned()));
        let argument = self
            .graph
            .alias_instance_export(exporter, export)
            .expect("it is the instance of a part with this export");
        let set = self
            .graph
            .set_instantiation_argument(importer, import, argument);
        let Err(error) = set else {
            return Ok(());
        };
        let reason = match error {
            InstantiationArgumentError::ArgumentTypeMismatch { source, .. } => {
                format!("{source:#}")
            }
            error => error.to_string(),
        };
        let (part, plug) = (&self.parts[part].name, &self.parts[plug].name);
        let message = format!(
            "`{plug}` exports `{}`, which does not fit the import `{}` of `{part}`",
            printable(export),
            printable(import)
        );
        Err(Failure::input(
            Diagnostic::error(message)
                .note(printable(&reason))
                .help("build both for the same version of the interface"),
        ))
    }

    fn expect_every_plug_used(&self) -> Result<(), Failure> {
        let unused = self.parts.iter().position(|part| part.instance.is_none());
        let Some(unused) = unused else {
            return Ok(());
        };
        let list = |names: &mut dyn Iterator<Item = &str>| {
            let names: Vec<String> = names.map(|name| format!("`{}`", printable(name))).collect();
            match &*names {
                [] => String::from("nothing"),
                names => names.join(", "),
            }
        };
        let mut diagnostic = Diagnostic::error(format!(
            "the plug `{}` satisfies no import",
            self.parts[unused].name
        ))
        .note(format!("it exports {}", list(&mut self.exports(unused))));
        let used = self.parts.iter().enumerate();
        for (index, part) in used.filter(|(_, part)| part.instance.is_some()) {
            let imports = list(&mut self.imports(index).map(|(name, _)| name));
            diagnostic = diagnostic.note(format!("`{}` imports {imports}", part.name));
        }
        let other_track = self.exports(unused).find_map(|export| {
            let name = export.split('@').next()?;
            (0..self.parts.len())
                .flat_map(|part| self.imports(part))
                .find(|(import, _)| import.split('@').next() == Some(name))
                .map(|(import, _)| (export, import))
        });
        Err(Failure::input(diagnostic.help(match other_track {
            Some((export, import)) => format!(
                "build it again: `{}` and `{}` are versions that do not fit together",
                printable(export),
                printable(import)
            ),
            None => String::from("leave it out, or check that it is the right file"),
        })))
    }

    /// Instances are made one after the other, so nobody can need somebody who needs them.
    fn expect_no_circle(&self) -> Result<(), Failure> {
        let mut done = vec![false; self.parts.len()];
        let mut path = Vec::new();
        let Some(circle) = self.circle(SOCKET, &mut path, &mut done) else {
            return Ok(());
        };
        let mut diagnostic =
            Diagnostic::error("the plugs need each other, and none can be instantiated first");
        for (index, &part) in circle.iter().enumerate() {
            let next = circle[(index + 1) % circle.len()];
            let needs = self.parts[part].needs.iter();
            let import = needs
                .filter(|(plug, _)| *plug == next)
                .map(|(_, import)| printable(import))
                .next()
                .unwrap_or_default();
            diagnostic = diagnostic.note(format!(
                "`{}` imports `{import}` from `{}`",
                self.parts[part].name, self.parts[next].name
            ));
        }
        Err(Failure::input(diagnostic.help(
            "leave one out, or plug in another that satisfies one of these",
        )))
    }

    /// The parts of a circle that can be reached from `part`; there are few parts.
    fn circle(&self, part: usize, path: &mut Vec<usize>, done: &mut [bool]) -> Option<Vec<usize>> {
        if let Some(at) = path.iter().position(|&open| open == part) {
            return Some(path[at..].to_vec());
        }
        if done[part] {
            return None;
        }
        path.push(part);
        for &(plug, _) in &self.parts[part].needs {
            if let Some(circle) = self.circle(plug, path, done) {
                return Some(circle);
            }
        }
        path.pop();
        done[part] = true;
        None
    }

    /// The composed component, which exports what the input exports.
    fn encoded(&mut self) -> Result<Vec<u8>, Failure> {
        let socket = self.instance(SOCKET);
        let exports: Vec<String> = self.exports(SOCKET).map(str::to_owned).collect();
        for name in exports {
            let export = self
                .graph
                .alias_instance_export(socket, &name)
                .expect("it is the instance of a part with this export");
            self.graph
                .export(export, &name)
                .expect("the names of the exports of one part differ");
        }
        self.graph.encode(encode_options()).map_err(|error| {
            let diagnostic = match error {
                EncodeError::ImportTypeMergeConflict { import, source, .. } => {
                    Diagnostic::error(format!(
                        "two parts import `{}` with types that do not fit together",
                        printable(&import)
                    ))
                    .note(printable(&format!("{source:#}")))
                    .help("build them for the same version of the interface")
                }
                error => Diagnostic::error(format!("the parts cannot be composed: {error}")),
            };
            Failure::input(diagnostic)
        })
    }
}

/// The version in a name, to find the newest.
fn version(name: &str) -> Option<semver::Version> {
    semver::Version::parse(name.split_once('@')?.1).ok()
}
