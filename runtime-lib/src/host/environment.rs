//! The guest's arguments and environment: what was decided when the executable was built,
//! together with what the process was started with.

use wasmelt_abi::{EnvVar, Policy, PolicyFlags, Slice};

use crate::vm::process::{args as process_args, environ, items, optional_text};

/// A variable of the guest's environment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Variable {
    pub name: &'static [u8],
    pub value: &'static [u8],
}

/// The arguments: the program's name, those of the policy, those of the command line.
pub fn args(policy: &'static Policy) -> impl Iterator<Item = &'static [u8]> {
    let own = optional_text(&policy.argv0);
    let first = own.or_else(|| process_args().next()).into_iter();
    first
        .chain(items(&policy.args).iter().map(items))
        .chain(process_args().skip(1))
}

/// The environment: the process's, where the policy hands it on, without the names that the
/// policy defines; then those of the policy that have a value, here or in the process.
pub fn variables(policy: &'static Policy) -> impl Iterator<Item = Variable> {
    let own = items(&policy.env);
    let inherit = policy.flags & PolicyFlags::INHERIT_ENV != 0;
    let inherited = inherit.then(process_variables).into_iter().flatten();
    let inherited =
        inherited.filter(move |found| own.iter().all(|ours| items(&ours.name) != found.name));
    inherited.chain(named(&policy.env))
}

/// Variables that the build has named, with its values or those that the process has.
pub fn named(variables: &'static Slice<EnvVar>) -> impl Iterator<Item = Variable> {
    items(variables).iter().filter_map(|ours| {
        let name = items(&ours.name);
        let value = match optional_text(&ours.value) {
            Some(value) => value,
            None => process_variable(name)?,
        };
        Some(Variable { name, value })
    })
}

/// The value of a variable of the process's own environment.
#[must_use]
pub fn variable(name: &[u8]) -> Option<&'static [u8]> {
    process_variable(name)
}

/// As [`variable`].
pub(super) fn process_variable(name: &[u8]) -> Option<&'static [u8]> {
    Some(process_variables().find(|found| found.name == name)?.value)
}

fn process_variables() -> impl Iterator<Item = Variable> {
    environ().filter_map(|text| {
        let equals = text.iter().position(|byte| *byte == b'=')?;
        Some(Variable {
            name: text.get(..equals)?,
            value: text.get(equals + 1..)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmelt_abi::Str;

    fn leak<T>(items: Vec<T>) -> Slice<T> {
        let items = Vec::leak(items);
        Slice {
            start: items.as_ptr(),
            len: items.len() as u64,
        }
    }

    fn none<T>() -> Slice<T> {
        Slice {
            start: std::ptr::null(),
            len: 0,
        }
    }

    fn text(text: &str) -> Str {
        leak(text.as_bytes().to_vec())
    }

    fn policy(argv0: Str, args: &[&str], env: Vec<EnvVar>) -> &'static Policy {
        Box::leak(Box::new(Policy {
            preopens: none(),
            env: leak(env),
            argv0,
            args: leak(args.iter().map(|arg| text(arg)).collect()),
            flags: 0,
            stack_bytes_max: 0,
        }))
    }

    #[test]
    fn built_in_arguments_come_first() {
        let own = policy(text("name"), &["a", ""], vec![]);
        let found: Vec<&[u8]> = args(own).collect();
        assert_eq!(found, [&b"name"[..], b"a", b""]);
        // Tests have no `main` that would have noted the arguments of the process.
        assert_eq!(args(policy(none(), &["a"], vec![])).count(), 1);
    }

    #[test]
    fn variables_without_a_value_are_left_out() {
        let set = |name, value| EnvVar {
            name: text(name),
            value,
        };
        let own = policy(none(), &[], vec![set("A", text("")), set("UNSET", none())]);
        let found: Vec<Variable> = variables(own).collect();
        assert_eq!(
            found,
            [Variable {
                name: b"A",
                value: b""
            }]
        );
    }
}
