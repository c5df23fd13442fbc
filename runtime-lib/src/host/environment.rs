//! The guest's arguments and environment: what was decided when the executable was built,
//! together with what the process was started with.

use wasmelt_abi::{Policy, PolicyFlags};

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
    inherited.chain(own.iter().filter_map(|ours| {
        let name = items(&ours.name);
        let value = match optional_text(&ours.value) {
            Some(value) => value,
            None => process_variables().find(|found| found.name == name)?.value,
        };
        Some(Variable { name, value })
    }))
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
