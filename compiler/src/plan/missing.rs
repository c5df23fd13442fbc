//! What nothing provides, collected: the user is told of all of it at once.

use crate::error::{Error, Result};

/// So many names stand behind one message.
const NAMES_MAX: usize = 100;

/// Imports that cannot be satisfied.
#[derive(Default, Debug)]
pub(super) struct Missing(Vec<(String, Error)>);

impl Missing {
    /// Adds an import, with the error that would be reported if it were the only one.
    pub(super) fn push(&mut self, module: &str, name: &str, error: Error) {
        let shown = match module {
            "" => format!("`{name}`"),
            module => format!("`{module}` `{name}`"),
        };
        self.0.push((shown, error));
    }

    /// # Errors
    /// The first import that was added. Those about which the same is to be said are named in a
    /// note of it, the rest are errors of their own behind it.
    pub(super) fn check(self) -> Result<()> {
        // The first of those that are alike, and the names of all.
        let mut groups: Vec<(Error, Vec<String>)> = Vec::new();
        for (shown, error) in self.0 {
            let is_same = |(other, _): &&mut (Error, Vec<String>)| {
                (&other.notes, &other.helps) == (&error.notes, &error.helps)
            };
            match groups.iter_mut().find(is_same) {
                Some((_, names)) if !names.contains(&shown) => names.push(shown),
                Some(_) => {}
                None => groups.push((error, vec![shown])),
            }
        }
        let mut errors = groups.into_iter().map(|(mut error, names)| {
            if let [_, others @ ..] = &names[..]
                && !others.is_empty()
            {
                error.notes.insert(0, likewise(others));
            }
            error
        });
        match errors.next() {
            None => Ok(()),
            Some(first) => Err(Error {
                others: errors.collect(),
                ..first
            }),
        }
    }
}

fn likewise(names: &[String]) -> String {
    let shown = &names[..names.len().min(NAMES_MAX)];
    let rest = match names.len() - shown.len() {
        0 => String::new(),
        rest => format!(", and {rest} more"),
    };
    format!("the same is true of {}{rest}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_alike_is_told_together() {
        let mut missing = Missing::default();
        let error = |name: &str| Error::link(format!("no {name}")).help("define it");
        missing.push("m", "a", error("a"));
        missing.push(
            "m",
            "b",
            Error::link("b has the wrong type").note("it is (i32)"),
        );
        missing.push("m", "c", error("c"));
        missing.push("m", "c", error("c"));
        missing.push("m", "a", error("a"));
        let first = missing.check().unwrap_err();
        assert_eq!(first.message, "no a");
        assert_eq!(first.notes, ["the same is true of `m` `c`"]);
        assert_eq!(first.others.len(), 1);
        assert_eq!(first.others[0].message, "b has the wrong type");
        assert_eq!(Missing::default().check(), Ok(()));
    }

    #[test]
    fn lists_of_names_end() {
        let names: Vec<String> = (0..=NAMES_MAX).map(|n| format!("`{n}`")).collect();
        assert!(likewise(&names).ends_with("`99`, and 1 more"));
    }
}
