//! Compares host functions with the tables of `wasmelt_abi`.

use wasmelt_abi::{
    HostInterface, P2, P2_DRAFTS, P2_HTTP, P2_PREFIX, P3, P3_DRAFTS, P3_HTTP, P3_PREFIX,
    RESOURCE_DROP, SPECTEST, SPECTEST_PREFIX,
};

/// Symbols of tests begin with this, so that they do not meet those of the runtime library.
pub(super) const TEST_PREFIX: &str = "wasmelt_test:";

/// Interface and name of a resource.
type Place<'a> = (&'a str, &'a str);

/// Panics unless the functions (interface, name, type) and the destructors (where their symbol
/// says they belong, and where their type does) are those of the table with this prefix.
pub(crate) fn check_host_fns(
    prefix: &str,
    fns: &[(&str, &str, String)],
    destructors: &[(Place<'_>, Place<'_>)],
) {
    for (interface, name, ty) in fns {
        let table = interfaces(prefix, interface);
        let known = table.fns.iter().find(|(known, _)| known == name);
        let (_, expected) = known.unwrap_or_else(|| panic!("{interface} has no `{name}`"));
        // Acronyms in names are written in capital letters in WIT.
        let expected = expanded(prefix, table, expected).to_ascii_lowercase();
        assert_eq!(ty.to_ascii_lowercase(), expected, "{interface}#{name}");
    }
    for (symbol, resource) in destructors {
        assert_eq!(symbol, resource);
        let table = interfaces(prefix, symbol.0);
        assert!(table.types.contains(&(symbol.1, "resource")), "{symbol:?}");
    }
}

/// Panics unless the rows are all of these interfaces: functions and destructors.
pub(crate) fn check_complete(interfaces: &[HostInterface], rows: &[&[&str]]) {
    let mut expected = Vec::new();
    for interface in interfaces {
        let fns = interface.fns.iter().map(|(name, _)| (*name).to_owned());
        let resources = interface.types.iter().filter(|(_, ty)| *ty == "resource");
        let names = fns.chain(resources.map(|(name, _)| format!("{RESOURCE_DROP}{name}")));
        expected.extend(names.map(|name| format!("{}#{name}", interface.name)));
    }
    let mut found = rows.concat();
    expected.sort();
    found.sort_unstable();
    assert_eq!(found, expected);
}

fn interfaces(prefix: &str, name: &str) -> &'static HostInterface {
    let all = match prefix {
        P2_PREFIX | TEST_PREFIX => [P2, P2_HTTP, P2_DRAFTS],
        P3_PREFIX => [P3, P3_HTTP, P3_DRAFTS],
        SPECTEST_PREFIX => [SPECTEST, &[], &[]],
        _ => panic!("no table has the prefix `{prefix}`"),
    };
    let found = all.into_iter().flatten().find(|known| known.name == name);
    found.unwrap_or_else(|| panic!("there is no interface `{name}`"))
}

/// A type with the names in it replaced by what they stand for: resources by their full name. The
/// prefix says in which tables other interfaces are.
fn expanded(prefix: &str, interface: &HostInterface, ty: &str) -> String {
    let mut text = String::new();
    let mut rest = ty;
    while let Some((before, after)) = rest.split_once('$') {
        text.push_str(before);
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .unwrap_or(after.len());
        let (name, after) = after.split_at(end);
        text.push_str(&definition(prefix, interface, name));
        rest = after;
    }
    text + rest
}

fn definition(prefix: &str, interface: &HostInterface, name: &str) -> String {
    let known = interface.types.iter().find(|(known, _)| *known == name);
    let (_, ty) = known.unwrap_or_else(|| panic!("{} has no `{name}`", interface.name));
    if *ty == "resource" {
        return format!("{}.{name}", interface.name);
    }
    match ty.rsplit_once('.') {
        Some((other, name)) if other.contains('/') => {
            definition(prefix, interfaces(prefix, other), name)
        }
        _ => expanded(prefix, interface, ty),
    }
}

#[test]
fn names_are_expanded() {
    let table = interfaces(P2_PREFIX, "wasi:filesystem/types");
    assert_eq!(
        expanded(
            P2_PREFIX,
            table,
            "(borrow<$descriptor>)->result<own<$input-stream>,option<$datetime>>"
        ),
        "(borrow<wasi:filesystem/types.descriptor>)->result<own<wasi:io/streams.input-stream>,\
         option<record{seconds:u64,nanoseconds:u32}>>"
    );
    assert_eq!(expanded(P2_PREFIX, table, "$filesize"), "u64");
}
