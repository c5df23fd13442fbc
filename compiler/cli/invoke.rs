//! `--invoke` of a component by `run`: `'func(1, "x")'` as `wasmtime run` takes it.

/// A function's name, and the arguments that are written behind it, with their parentheses.
pub(crate) fn split(call: &str) -> (&str, Option<&str>) {
    match call.find('(') {
        Some(at) => (call[..at].trim(), Some(call[at..].trim())),
        None => (call, None),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn arguments_are_split_off() {
        assert_eq!(split("f"), ("f", None));
        assert_eq!(split("f(1, \"(\")"), ("f", Some("(1, \"(\")")));
        assert_eq!(split("a:b/c#f ()"), ("a:b/c#f", Some("()")));
    }
}
