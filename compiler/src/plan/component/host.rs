//! What the host provides to components: names and types checked against the tables of
//! `wasmelt_abi`.
//!
//! An interface is found by its name without the version, on the track of the version, `0.2` or
//! `0.3`; a component may import from both.
//! Of a track there is one version, the newest, which has all functions of the older ones.

use super::embedder;
use crate::canonical::FuncTyId;
use crate::error::{Error, Result};
use crate::index::{OptionsId, ResourceId};
use crate::plan::function_name::import_name;
use crate::plan::host::withheld;
use crate::plan::linked::{CanonKind, Linked, Resource};
use crate::withheld::Withheld;
use wasmelt_abi::{
    GUEST_RESOURCES, HostInterface, P2, P2_DRAFTS, P2_HTTP, P2_PREFIX, P3, P3_DRAFTS, P3_HTTP,
    P3_PREFIX, RESOURCE_DROP, SPECTEST, SPECTEST_PREFIX, TrapCode, draft_versions, host_resource,
    host_resource_p3,
};

/// What a program may import from the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostImports {
    /// Test scripts import more.
    pub script: bool,
    /// What nothing provides traps when it is called (`-W unknown-imports-trap`).
    pub unknown_trap: bool,
    /// The embedder of a library provides what is not WASI's.
    pub embedder: bool,
    /// What a program is not to have although it is there.
    pub withheld: Withheld,
    /// The unstable interface of time zones (`-S clocks-timezone`).
    pub timezone: bool,
    /// That of TLS (`-S tls`).
    pub tls: bool,
}

/// Who provides a function.
#[derive(Debug)]
enum Provider {
    /// The runtime library, by its symbol.
    Runtime(String),
    /// The embedder of a library, by its position among what that provides.
    Embedder(u32),
    /// Nobody: a call traps.
    Nobody,
}

/// A function of the host.
#[derive(Debug)]
pub(super) struct HostFunc {
    interface: String,
    function: String,
    provider: Provider,
    pub(super) ty: FuncTyId,
}

impl HostFunc {
    /// For backtraces: the name of what is called in vain.
    pub(super) fn trap_name(&self) -> String {
        match self.provider {
            Provider::Nobody => import_name(&self.interface, &self.function),
            Provider::Runtime(_) | Provider::Embedder(_) => String::new(),
        }
    }

    pub(super) fn lowered(&self, options: OptionsId, blocks: bool) -> CanonKind {
        match &self.provider {
            Provider::Nobody => CanonKind::Trap(TrapCode::UnknownImport),
            Provider::Embedder(import) => CanonKind::Embedder {
                import: *import,
                options,
            },
            Provider::Runtime(symbol) => CanonKind::Host {
                interface: self.interface.clone(),
                function: self.function.clone(),
                symbol: symbol.clone(),
                options,
                blocks,
            },
        }
    }
}

/// A set of interfaces that refer to each other by their names without versions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Track {
    P2,
    P3,
    /// What test scripts import.
    Script,
}

impl Track {
    fn interfaces(self) -> impl Iterator<Item = &'static HostInterface> {
        let tables: [&[_]; 3] = match self {
            Track::P2 => [P2, P2_HTTP, P2_DRAFTS],
            Track::P3 => [P3, P3_HTTP, P3_DRAFTS],
            Track::Script => [SPECTEST, &[], &[]],
        };
        tables.into_iter().flatten()
    }

    fn interface(self, name: &str) -> Option<&'static HostInterface> {
        self.interfaces().find(|interface| interface.name == name)
    }

    /// The prefix of its symbols.
    fn prefix(self) -> &'static str {
        match self {
            Track::P2 => P2_PREFIX,
            Track::P3 => P3_PREFIX,
            Track::Script => SPECTEST_PREFIX,
        }
    }

    fn resource_number(self, interface: &HostInterface, name: &str) -> u32 {
        match self {
            Track::P2 | Track::Script => host_resource(interface.name, name),
            Track::P3 => host_resource_p3(interface.name, name),
        }
    }

    fn resource_name(self, interface: &HostInterface, name: &str) -> String {
        let version = if self == Track::P3 { "@0.3" } else { "" };
        format!("{}{version}.{name}", interface.name)
    }
}

/// What middleware imports, never from the host.
const HANDLER: &str = "wasi:http/handler";

impl HostImports {
    /// By which key an interface is allowed that is not yet.
    fn switch_of(self, interface: &str) -> Option<&'static str> {
        let switches = [
            ("wasi:clocks/timezone", self.timezone, "clocks-timezone"),
            ("wasi:tls/types", self.tls, "tls"),
            ("wasi:tls/client", self.tls, "tls"),
        ];
        let mut switches = switches.into_iter();
        let (_, _, key) = switches.find(|(name, is_on, _)| *name == interface && !is_on)?;
        Some(key)
    }
}

/// The interface that serves imports from `interface`.
fn find(interface: &str, imports: HostImports) -> Option<(Track, &'static HostInterface)> {
    let base = interface.split('@').next().unwrap_or_default();
    let mut drafts = draft_versions(base).peekable();
    if drafts.peek().is_some() {
        let version = interface.split_once('@').map_or("", |(_, version)| version);
        let draft = drafts.find(|draft| draft.version == version)?;
        let name = format!("{}{}", draft.row, &base[draft.package.len()..]);
        let track = match version.starts_with("0.3.") {
            true => Track::P3,
            false => Track::P2,
        };
        return Some((track, track.interface(&name)?));
    }
    let (name, track) = match interface.split_once('@') {
        // Versions before a release match nothing but themselves.
        Some((_, version)) if version.contains(['-', '+']) => return None,
        Some((name, version)) if version.starts_with("0.2.") => (name, Track::P2),
        Some((name, version)) if version.starts_with("0.3.") => (name, Track::P3),
        Some(_) => return None,
        None if imports.script => (interface, Track::Script),
        None => return None,
    };
    Some((track, track.interface(name)?))
}

/// A function that is imported from the host.
///
/// # Errors
/// `Link` when the host has none of that name and type.
pub(super) fn function(
    linked: &mut Linked<'_>,
    interface: &str,
    function: &str,
    ty: FuncTyId,
    imports: HostImports,
) -> Result<HostFunc> {
    let base = interface.split('@').next().unwrap_or_default();
    let func = |provider| HostFunc {
        interface: base.to_owned(),
        function: function.to_owned(),
        provider,
        ty,
    };
    if imports.embedder && embedder::provides(interface) {
        let import = embedder::function(linked, interface, function, ty)?;
        return Ok(func(Provider::Embedder(import)));
    }
    if let Some(key) = imports.withheld.key_of(interface, function) {
        return match imports.unknown_trap {
            true => Ok(func(Provider::Nobody)),
            false => Err(withheld(interface, function, key)),
        };
    }
    if let Some(key) = imports.switch_of(base) {
        if imports.unknown_trap {
            return Ok(func(Provider::Nobody));
        }
        let message = format!("import `{interface}` `{function}` is of an unstable interface");
        let help = format!("it may still change; `-S {key}` allows it");
        return Err(Error::link(message).help(help));
    }
    let found = find(interface, imports);
    let row = found.and_then(|(_, i)| i.fns.iter().find(|(name, _)| *name == function));
    let (Some((track, interface_row)), Some((_, expected))) = (found, row) else {
        if imports.unknown_trap {
            return Ok(func(Provider::Nobody));
        }
        return Err(match found {
            Some((_, row)) => unknown_function(interface, row, function),
            None => not_provided("function", interface, function),
        });
    };
    let resource = |id: ResourceId| match &linked.resources[id.index()] {
        Resource::Host { name, .. } | Resource::Missing { name } => name.clone(),
        Resource::Guest { .. } | Resource::Embedder { .. } => String::from("another resource"),
    };
    let actual = linked.types.func_text(ty, &resource);
    let expected = expand(track, interface_row, expected);
    if actual != expected {
        return Err(Error::link(format!(
            "import `{interface}` `{function}` has the wrong type"
        ))
        .note(format!("imported as {actual}"))
        .note(format!("WASI defines {expected}"))
        .help("build the component with the WIT definitions that WASI has released"));
    }
    let symbol = format!("{}{}#{function}", track.prefix(), interface_row.name);
    Ok(func(Provider::Runtime(symbol)))
}

/// In place of a function that nothing provides, while what else is missing is looked for.
pub(super) fn stand_in(ty: FuncTyId) -> HostFunc {
    HostFunc {
        interface: String::new(),
        function: String::new(),
        provider: Provider::Nobody,
        ty,
    }
}

/// A resource type that is imported from the host. One that nothing provides has no values, and so
/// does no harm; but test scripts have to be told.
///
/// # Errors
/// `Link` when a test script imports one that the host does not have.
pub(super) fn resource(
    linked: &mut Linked<'_>,
    interface: &str,
    name: &str,
    imports: HostImports,
) -> Result<ResourceId> {
    if let Some(id) = known_resource(linked, interface, name, imports) {
        return Ok(id);
    }
    if imports.embedder && embedder::provides(interface) {
        return Ok(embedder::resource(linked, interface, name));
    }
    if imports.script && !interface.contains('@') {
        return Err(not_provided("resource", interface, name));
    }
    let name = format!("{interface}.{name}");
    Ok(linked.add_resource(Resource::Missing { name }))
}

/// A resource type that the host has.
pub(super) fn known_resource(
    linked: &mut Linked<'_>,
    interface: &str,
    name: &str,
    imports: HostImports,
) -> Option<ResourceId> {
    let (track, row) = find(interface, imports)?;
    let (row, name) = defining(track, row, name)?;
    let number = track.resource_number(row, name);
    if let Some(&id) = linked.host_resources.get(&number) {
        return Some(id);
    }
    let full_name = track.resource_name(row, name);
    let resource = Resource::Host {
        number,
        name: full_name,
        drop_symbol: format!("{}{}#{RESOURCE_DROP}{name}", track.prefix(), row.name),
    };
    let id = linked.add_resource(resource);
    debug_assert!(number < GUEST_RESOURCES);
    linked.host_resources.insert(number, id);
    Some(id)
}

/// The interface that defines a resource type, and its name there.
fn defining(
    track: Track,
    interface: &'static HostInterface,
    name: &str,
) -> Option<(&'static HostInterface, &'static str)> {
    let (name, definition) = interface.types.iter().find(|(known, _)| *known == name)?;
    if *definition == "resource" {
        return Some((interface, name));
    }
    let (other, name) = definition.rsplit_once('.')?;
    defining(track, track.interface(other)?, name)
}

/// The root has functions of these names, which are imported as instances.
///
/// # Errors
/// `Link` when it has a function of this name.
pub(super) fn refuse_function_as_instance(name: &str, imports: HostImports) -> Result<()> {
    let root = find("", imports).map_or(&[][..], |(_, root)| root.fns);
    if root.iter().any(|(known, _)| *known == name) {
        let message = format!("`{name}` is imported as an instance, but it is a function");
        return Err(Error::link(message));
    }
    Ok(())
}

/// A type of the table with the names in it replaced by what they stand for.
fn expand(track: Track, interface: &HostInterface, text: &str) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        expanded.push_str(&definition(track, interface, &rest[..end]));
        rest = &rest[end..];
    }
    expanded + rest
}

/// What a type of an interface is: a resource's full name, or its definition, expanded.
fn definition(track: Track, interface: &HostInterface, name: &str) -> String {
    let definition = interface.types.iter().find(|(n, _)| *n == name);
    let (_, text) = definition.expect("the table defines every name it uses");
    if *text == "resource" {
        return track.resource_name(interface, name);
    }
    let other = text.rsplit_once('.').filter(|_| text.starts_with("wasi:"));
    match other {
        Some((other, name)) => {
            let other = track.interface(other);
            let other = other.expect("the table has every interface it refers to");
            self::definition(track, other, name)
        }
        None => expand(track, interface, text),
    }
}

pub(super) fn not_provided(kind: &str, interface: &str, name: &str) -> Error {
    let what = match interface {
        "" => format!("`{name}`"),
        interface => format!("`{interface}` `{name}`"),
    };
    let error = Error::link(format!("nothing provides the imported {kind} {what}"));
    if let Some((base, version)) = interface.split_once('@')
        && interface.starts_with("wasi:")
    {
        let (track, number) = match version.starts_with("0.3") {
            true => (Track::P3, "0.3"),
            false => (Track::P2, "0.2"),
        };
        let drafts = draft_versions(base).filter(|draft| !draft.version.is_empty());
        let versions: Vec<String> = drafts.map(|draft| format!("`{}`", draft.version)).collect();
        if !versions.is_empty() {
            return error.note(format!(
                "of this draft version {} is provided, the import asks for `{version}`",
                versions.join(" or ")
            ));
        }
        if base == HANDLER {
            return error
                .note("a handler is what another component exports")
                .help("name that component: `--plug FILE`");
        }
        let names = track.interfaces().map(|interface| interface.name);
        let distance = |name: &&str| crate::plan::host::edit_distance(name, base);
        let error = match names.min_by_key(distance) {
            Some(name) if name == base => error.note(format!(
                "WASI {number} is provided, the import asks for version {version}"
            )),
            Some(name) if distance(&name) <= base.len() / 4 => {
                error.help(format!("the closest name of an interface is `{name}`"))
            }
            _ => error.note(format!("WASI {number} has no interface `{base}`")),
        };
        return error.help("trap when it is called: `-W unknown-imports-trap`");
    }
    error
        .help("name a component that exports it: `--plug FILE`")
        .help("or trap when it is called: `-W unknown-imports-trap`")
}

fn unknown_function(interface: &str, row: &HostInterface, name: &str) -> Error {
    let error = Error::link(format!("`{interface}` has no function `{name}`"));
    let distance = |other: &str| crate::plan::host::edit_distance(other, name);
    match row.fns.iter().min_by_key(|(other, _)| distance(other)) {
        Some((other, _)) if distance(other) <= name.len() / 2 => {
            error.help(format!("the closest name is `{other}`"))
        }
        _ => error.help("trap when it is called: `-W unknown-imports-trap`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_tables_expands() {
        for track in [Track::P2, Track::P3, Track::Script] {
            for interface in track.interfaces() {
                for (_, ty) in interface.fns {
                    let text = expand(track, interface, ty);
                    assert!(!text.contains('$'), "{text}");
                }
            }
        }
        let expanded = |track: Track, interface, ty| {
            let interface = track.interface(interface).unwrap();
            expand(track, interface, ty)
        };
        assert_eq!(
            expanded(Track::P2, "wasi:io/streams", "result<_,$stream-error>"),
            "result<_,variant{last-operation-failed:own<wasi:io/error.error>,closed}>"
        );
        assert_eq!(
            expanded(Track::P3, "wasi:filesystem/preopens", "own<$descriptor>"),
            "own<wasi:filesystem/types@0.3.descriptor>"
        );
    }

    #[test]
    fn resources_have_numbers_of_their_own() {
        let mut numbers = std::collections::BTreeSet::new();
        for track in [Track::P2, Track::P3, Track::Script] {
            for interface in track.interfaces() {
                for (name, definition) in interface.types {
                    if *definition == "resource" {
                        let number = track.resource_number(interface, name);
                        assert!(number < GUEST_RESOURCES);
                        assert!(numbers.insert(number), "{}.{name}", interface.name);
                    }
                }
            }
        }
    }
}
