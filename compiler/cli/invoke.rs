//! `--invoke` of a component: which function is meant, and with which arguments.
//!
//! A command line says `func`, `interface#func` or, as for `wasmtime run`, `interface.func`, where
//! an interface may be written without its version or by its last word alone; `run` also takes the
//! arguments there, `'func(1, "x")'`. The compiler knows `func` and `ns:package/interface@1.0.0#func`.

use wasmelt_compiler::Summary;

use crate::diagnostic::{Diagnostic, Failure, printable};

/// A function's name, and the arguments that are written behind it, with their parentheses.
pub(crate) fn split(call: &str) -> (&str, Option<&str>) {
    match call.find('(') {
        Some(at) => (call[..at].trim(), Some(call[at..].trim())),
        None => (call, None),
    }
}

/// The name that the compiler knows for `name`; `name` itself if there is none.
///
/// # Errors
/// When `name` may be several functions.
pub(crate) fn export_name(name: &str, component: &Summary) -> Result<String, Failure> {
    let functions = component
        .exports
        .iter()
        .filter(|(_, ty)| ty.starts_with("func") || ty.starts_with("async func"))
        .map(|(export, _)| export.as_str());
    let meant: Vec<&str> = functions.filter(|export| is_named(export, name)).collect();
    if meant.contains(&name) {
        return Ok(name.to_owned());
    }
    match &*meant {
        [] => Ok(name.to_owned()),
        [one] => Ok((*one).to_owned()),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|name| format!("`{}`", printable(name)))
                .collect();
            Err(Failure::usage(
                Diagnostic::error(format!("the component exports several functions `{name}`"))
                    .help(format!("say which one: {}", names.join(", "))),
            ))
        }
    }
}

/// Whether `name` is a way to write the name of an export.
fn is_named(export: &str, name: &str) -> bool {
    let Some((interface, function)) = export.split_once('#') else {
        return export == name;
    };
    let Some(before) = name.strip_suffix(function) else {
        return false;
    };
    if before.is_empty() {
        return true;
    }
    let unversioned = interface.split('@').next().unwrap_or(interface);
    let word = unversioned.rsplit('/').next().unwrap_or(unversioned);
    before
        .strip_suffix(['#', '.'])
        .is_some_and(|before| [interface, unversioned, word].contains(&before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_split_off() {
        assert_eq!(split("f"), ("f", None));
        assert_eq!(split("f(1, \"(\")"), ("f", Some("(1, \"(\")")));
        assert_eq!(split("a:b/c#f ()"), ("a:b/c#f", Some("()")));
    }

    #[test]
    fn functions_are_found_by_shorter_names() {
        let export = |name: &str| (name.to_owned(), String::from("func()"));
        let component = Summary {
            exports: vec![
                export("add"),
                export("a:b/c@1.0.0#sub"),
                export("a:b/d@1.0.0#sub"),
                export("a:b/d@1.0.0#mul"),
                (String::from("a:b/d@1.0.0"), String::from("types")),
            ],
            ..Summary::default()
        };
        let cases = [
            ("add", "add"),
            ("a:b/c@1.0.0#sub", "a:b/c@1.0.0#sub"),
            ("a:b/c#sub", "a:b/c@1.0.0#sub"),
            ("c.sub", "a:b/c@1.0.0#sub"),
            ("mul", "a:b/d@1.0.0#mul"),
            ("b.mul", "b.mul"),
            ("div", "div"),
        ];
        for (name, found) in cases {
            assert_eq!(export_name(name, &component).unwrap(), found, "{name}");
        }
        let failure = export_name("sub", &component).unwrap_err();
        assert_eq!(
            failure.diagnostic.helps,
            ["say which one: `a:b/c@1.0.0#sub`, `a:b/d@1.0.0#sub`"]
        );
    }
}
