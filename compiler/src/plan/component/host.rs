//! What the host provides to components: names and types checked against the tables of
//! `wasmelt_abi`.
//!
//! An interface is found by its name without the version, on the track of the version: `0.2`.
//! Of a track there is one version, the newest, which has all functions of the older ones.

use super::{CanonKind, Linked, Resource};
use crate::canonical::FuncTyId;
use crate::error::{Error, Result};
use crate::index::{OptionsId, ResourceId};
use wasmelt_abi::{
    GUEST_RESOURCES, HostInterface, P2, P2_HTTP, P2_PREFIX, RESOURCE_DROP, SPECTEST,
    SPECTEST_PREFIX, TrapCode, host_resource,
};

/// What a program may import from the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HostImports {
    /// Test scripts import more.
    pub script: bool,
    /// What nothing provides traps when it is called (`-W unknown-imports-trap`).
    pub unknown_trap: bool,
}

/// A function of the host.
#[derive(Debug)]
pub(super) struct HostFunc {
    interface: String,
    function: String,
    /// `None` when nothing provides it: then a call traps.
    symbol: Option<String>,
    pub(super) ty: FuncTyId,
}

impl HostFunc {
    pub(super) fn lowered(&self, options: OptionsId, blocks: bool) -> CanonKind {
        match &self.symbol {
            None => CanonKind::Trap(TrapCode::UnknownImport),
            Some(symbol) => CanonKind::Host {
                interface: self.interface.clone(),
                function: self.function.clone(),
                symbol: symbol.clone(),
                options,
                blocks,
            },
        }
    }
}

/// The interface that serves imports from `interface`.
fn find(interface: &str, imports: HostImports) -> Option<&'static HostInterface> {
    let in_table = |table: &'static [HostInterface], name: &str| {
        table.iter().find(|interface| interface.name == name)
    };
    if let Some((name, version)) = interface.split_once('@') {
        // Versions before a release match nothing but themselves.
        if !version.starts_with("0.2.") || version.contains(['-', '+']) {
            return None;
        }
        return in_table(P2, name).or_else(|| in_table(P2_HTTP, name));
    }
    if !imports.script {
        return None;
    }
    in_table(SPECTEST, interface)
}

/// A function that is imported from the host.
///
/// # Errors
/// `Link` when the host has none of that name and type.
pub(super) fn function(
    linked: &Linked<'_>,
    interface: &str,
    function: &str,
    ty: FuncTyId,
    imports: HostImports,
) -> Result<HostFunc> {
    let base = interface.split('@').next().unwrap_or_default();
    let func = |symbol| HostFunc {
        interface: base.to_owned(),
        function: function.to_owned(),
        symbol,
        ty,
    };
    let found = find(interface, imports);
    let row = found.and_then(|i| i.fns.iter().find(|(name, _)| *name == function));
    let (Some(interface_row), Some((_, expected))) = (found, row) else {
        if imports.unknown_trap {
            return Ok(func(None));
        }
        return Err(match found {
            Some(row) => unknown_function(interface, row, function),
            None => not_provided("function", interface, function),
        });
    };
    let resource = |id: ResourceId| match &linked.resources[id.index()] {
        Resource::Host { name, .. } | Resource::Missing { name } => name.clone(),
        Resource::Guest { .. } => String::from("another resource"),
    };
    let actual = linked.types.func_text(ty, &resource);
    let expected = expand(interface_row, expected);
    if actual != expected {
        return Err(Error::link(format!(
            "import `{interface}` `{function}` has the wrong type"
        ))
        .note(format!("imported as {actual}"))
        .note(format!("WASI defines {expected}"))
        .help("build the component with the WIT definitions that WASI has released"));
    }
    Ok(func(
        prefix(interface_row).map(|prefix| format!("{prefix}{base}#{function}")),
    ))
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
    let (row, name) = defining(find(interface, imports)?, name)?;
    let number = host_resource(row.name, name);
    if let Some(&id) = linked.host_resources.get(&number) {
        return Some(id);
    }
    let full_name = format!("{}.{name}", row.name);
    let resource = match prefix(row) {
        Some(prefix) => Resource::Host {
            number,
            name: full_name,
            drop_symbol: format!("{prefix}{}#{RESOURCE_DROP}{name}", row.name),
        },
        None => Resource::Missing { name: full_name },
    };
    let id = linked.add_resource(resource);
    debug_assert!(number < GUEST_RESOURCES);
    linked.host_resources.insert(number, id);
    Some(id)
}

/// The interface that defines a resource type, and its name there.
fn defining(
    interface: &'static HostInterface,
    name: &str,
) -> Option<(&'static HostInterface, &'static str)> {
    let (name, definition) = interface.types.iter().find(|(known, _)| *known == name)?;
    if *definition == "resource" {
        return Some((interface, name));
    }
    let (other, name) = definition.rsplit_once('.')?;
    let mut all = P2.iter().chain(P2_HTTP).chain(SPECTEST);
    defining(all.find(|interface| interface.name == other)?, name)
}

/// The prefix of an interface's symbols; none for what compiles but is not there yet.
fn prefix(interface: &HostInterface) -> Option<&'static str> {
    let is_in = |table: &[HostInterface]| table.iter().any(|row| row.name == interface.name);
    match interface {
        _ if is_in(P2) => Some(P2_PREFIX),
        _ if is_in(SPECTEST) => Some(SPECTEST_PREFIX),
        _ => None,
    }
}

/// The root has functions of these names, which are imported as instances.
///
/// # Errors
/// `Link` when it has a function of this name.
pub(super) fn refuse_function_as_instance(name: &str, imports: HostImports) -> Result<()> {
    let root = find("", imports).map_or(&[][..], |root| root.fns);
    if root.iter().any(|(known, _)| *known == name) {
        let message = format!("`{name}` is imported as an instance, but it is a function");
        return Err(Error::link(message));
    }
    Ok(())
}

/// A type of the table with the names in it replaced by what they stand for.
fn expand(interface: &HostInterface, text: &str) -> String {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        expanded.push_str(&definition(interface, &rest[..end]));
        rest = &rest[end..];
    }
    expanded + rest
}

/// What a type of an interface is: a resource's full name, or its definition, expanded.
fn definition(interface: &HostInterface, name: &str) -> String {
    let definition = interface.types.iter().find(|(n, _)| *n == name);
    let (_, text) = definition.expect("the table defines every name it uses");
    if *text == "resource" {
        return format!("{}.{name}", interface.name);
    }
    let other = text.rsplit_once('.').filter(|_| text.starts_with("wasi:"));
    match other {
        Some((other, name)) => {
            let other = P2.iter().chain(P2_HTTP).find(|i| i.name == other);
            let other = other.expect("the table has every interface it refers to");
            self::definition(other, name)
        }
        None => expand(interface, text),
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
        let names = P2.iter().chain(P2_HTTP).map(|interface| interface.name);
        let distance = |name: &&str| crate::plan::host::edit_distance(name, base);
        let error = match names.min_by_key(distance) {
            Some(name) if name == base => error.note(format!(
                "WASI 0.2 is provided, the import asks for version {version}"
            )),
            Some(name) if distance(&name) <= base.len() / 4 => {
                error.help(format!("the closest name of an interface is `{name}`"))
            }
            _ => error.note(format!("WASI 0.2 has no interface `{base}`")),
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
        for interface in P2.iter().chain(P2_HTTP).chain(SPECTEST) {
            for (_, ty) in interface.fns {
                let text = expand(interface, ty);
                assert!(!text.contains('$'), "{text}");
            }
        }
        let streams = P2.iter().find(|i| i.name == "wasi:io/streams").unwrap();
        assert_eq!(
            expand(streams, "result<_,$stream-error>"),
            "result<_,variant{last-operation-failed:own<wasi:io/error.error>,closed}>"
        );
    }
}
