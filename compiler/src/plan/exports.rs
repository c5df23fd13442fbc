//! Which exports of components are called, and by what names they are found.

use super::{ComponentExportPlan, FuncKind, LinkPlan, Purpose};
use crate::error::{Error, Result};
use crate::index::LiftId;
use crate::options::Entry;

/// The interface that a command exports, without its version.
const RUN_INTERFACE: &str = "wasi:cli/run@0.2.";

/// Makes the functions that call the entry or the exports that are to be callable by name.
pub(super) fn choose_component_exports(plan: &mut LinkPlan<'_>) -> Result<()> {
    let exports = &plan.linked.exports;
    match plan.purpose.clone() {
        Purpose::Run(Entry::Command) => {
            // Of several versions the newest, which is the last one in the order of names as long
            // as patch numbers are compared as numbers.
            let run = exports.iter().filter_map(|e| {
                let version = e.name.strip_prefix(RUN_INTERFACE)?.strip_suffix("#run")?;
                Some((version.parse::<u32>().ok()?, e.lift))
            });
            let Some((_, lift)) = run.max_by_key(|r| r.0) else {
                return Err(no_run(plan));
            };
            plan.entry = Some(plan.add_func(FuncKind::EntryRun(lift)));
        }
        Purpose::Run(Entry::Invoke(name)) => {
            let (name, lift) = find(plan, &name)?;
            add(plan, 0, name, lift);
        }
        Purpose::Script => {
            for export in exports {
                add(plan, export.component, export.name.clone(), export.lift);
            }
        }
    }
    Ok(())
}

fn add(plan: &mut LinkPlan<'_>, component: usize, name: String, lift: LiftId) {
    let call = plan.func_of_kind(FuncKind::LiftCall(lift));
    let finish = plan.func_of_kind(FuncKind::LiftFinish(lift));
    plan.component_exports.push(ComponentExportPlan {
        component,
        name,
        lift,
        call,
        finish,
    });
}

/// The export of that name: `interface#name`, or `name` where only one has it.
fn find(plan: &LinkPlan<'_>, name: &str) -> Result<(String, LiftId)> {
    let exports = &plan.linked.exports;
    if let Some(export) = exports.iter().find(|e| e.name == name) {
        return Ok((export.name.clone(), export.lift));
    }
    let bare = |full: &str| full.rsplit_once('#').is_some_and(|(_, bare)| bare == name);
    let found: Vec<_> = exports.iter().filter(|e| bare(&e.name)).collect();
    match found[..] {
        [export] => Ok((export.name.clone(), export.lift)),
        [] => Err(listed(
            Error::usage(format!("the component exports no function `{name}`")),
            plan,
        )),
        _ => {
            let names = found.iter().map(|e| format!("`{}`", e.name));
            let names: Vec<_> = names.collect();
            Err(
                Error::usage(format!("several interfaces export a function `{name}`"))
                    .help(format!("say which: {}", names.join(", "))),
            )
        }
    }
}

fn no_run(plan: &LinkPlan<'_>) -> Error {
    let error = Error::usage(
        "the component does not export `wasi:cli/run`: it is a library, not a program",
    );
    listed(error, plan).help(
        "choose a function to run with `--invoke NAME`, or plug it into a command: \
         `wasmelt COMMAND.wasm --plug LIBRARY.wasm`",
    )
}

/// The error with a note of what there is instead.
fn listed(error: Error, plan: &LinkPlan<'_>) -> Error {
    let names = plan.linked.exports.iter();
    let names: Vec<_> = names.take(8).map(|e| format!("`{}`", e.name)).collect();
    match names.is_empty() {
        true => error.note("it exports no functions at all"),
        false => error.note(format!("it exports the functions {}", names.join(", "))),
    }
}
