//! Which exports of core modules are called.

use super::embedding;
use super::exports::{choose_component_exports, no_handler};
use super::host::type_text;
use super::{ExportPlan, FuncKind, LinkPlan, Purpose};
use crate::encode;
use crate::error::{Error, Result};
use crate::index::{FuncIndex, InstanceIndex};
use crate::options::Entry;
use crate::parse::{Extern, Module};

/// Finds the entry of a command, or the exports that are to be callable by name, and makes the
/// functions that call them.
pub(super) fn choose_exports(plan: &mut LinkPlan<'_>, program: &str) -> Result<()> {
    if plan.linked.has_components {
        choose_component_exports(plan, program)?;
        if plan.purpose != Purpose::Script {
            return Ok(());
        }
    }
    let last = InstanceIndex::new(plan.instances.len().saturating_sub(1));
    match plan.purpose.clone() {
        Purpose::Run(Entry::Serve) => return Err(no_handler()),
        Purpose::Run(Entry::Library) => return embedding::choose_exports(plan, last, program),
        Purpose::Run(entry @ (Entry::Command | Entry::CommandOrLibrary | Entry::Run)) => {
            let module = plan.module(last);
            // Old modules are entered by an export without a name.
            let start = ["", "_start"]
                .iter()
                .find_map(|name| match module.export(name) {
                    Some(Extern::Func(func)) => Some((*name, func)),
                    _ => None,
                });
            let func = match start {
                Some((name, func)) => {
                    expect_no_values(module, name, func)?;
                    func
                }
                None if entry == Entry::CommandOrLibrary => return Ok(()),
                None => return Err(no_entry(module)),
            };
            let callee = plan.instances[last.index()].funcs[func.index()];
            plan.entry = Some(plan.add_func(FuncKind::EntryCommand {
                callee,
                instance: last,
            }));
        }
        Purpose::Run(Entry::Invoke(name)) => match plan.module(last).export(&name) {
            Some(Extern::Func(func)) => plan.add_export(last, &name, Extern::Func(func)),
            _ => return Err(no_such_export(plan.module(last), &name)),
        },
        Purpose::Script => {
            for index in 0..plan.instances.len() {
                if plan.units[index].component.is_some() {
                    continue;
                }
                let instance = InstanceIndex::new(index);
                let exports: Vec<_> = plan
                    .module(instance)
                    .exports
                    .iter()
                    .map(|e| (e.name.to_owned(), e.item))
                    .collect();
                for (name, item) in exports {
                    plan.add_export(instance, &name, item);
                }
            }
        }
    }
    Ok(())
}

/// # Errors
/// `Usage` when a function that is called before anything else takes or gives values.
pub(super) fn expect_no_values(module: &Module<'_>, name: &str, func: FuncIndex) -> Result<()> {
    let ty = module.func_type(func);
    if ty.params().is_empty() && ty.results().is_empty() {
        return Ok(());
    }
    Err(
        Error::usage(format!("the export `{name}` has the wrong type"))
            .note(format!("its type is {}", type_text(ty)))
            .note("a function that starts a module takes and gives nothing"),
    )
}

impl LinkPlan<'_> {
    /// Makes an exported function or global callable by name; other kinds are left out.
    fn add_export(&mut self, instance: InstanceIndex, name: &str, item: Extern) {
        let (kind, params, results) = match item {
            Extern::Func(func) => {
                let sig = self.func_sig(instance, func);
                let ty = self.sigs[sig].clone();
                let callee = self.instances[instance.index()].funcs[func.index()];
                let kind = FuncKind::ExportCall {
                    callee,
                    instance,
                    sig,
                };
                (kind, ty.params().to_vec(), ty.results().to_vec())
            }
            Extern::Global(global) => {
                let global = self.instances[instance.index()].globals[global.index()];
                let ty = self.globals[global.index()].ty;
                (FuncKind::ExportGlobal { global }, Vec::new(), vec![ty])
            }
            Extern::Table(_) | Extern::Memory(_) | Extern::Tag(_) => return,
        };
        let call = self.add_func(kind);
        self.exports.push(ExportPlan {
            instance,
            name: name.to_owned(),
            call,
            params,
            results,
        });
    }
}

fn exported_functions(module: &Module<'_>) -> Vec<String> {
    let functions = module
        .exports
        .iter()
        .filter(|e| matches!(e.item, Extern::Func(_)));
    functions.map(|e| format!("`{}`", e.name)).take(8).collect()
}

fn no_entry(module: &Module<'_>) -> Error {
    let functions = exported_functions(module);
    let error = Error::usage("the module exports no `_start`: it is a library, not a program");
    let error = if module.export("_initialize").is_some() {
        error.note("it exports `_initialize`: it was built as a reactor")
    } else {
        error
    };
    let error = with_component_type(error, module);
    if functions.is_empty() {
        return error.note("it exports no functions at all");
    }
    error
        .note(format!("it exports the functions {}", functions.join(", ")))
        .help("choose one to run with `--invoke NAME`, or build it as a command")
}

/// A module that could be a component may export by other names as one.
fn with_component_type(error: Error, module: &Module<'_>) -> Error {
    if encode::has_component_type(module) {
        return error.help("it carries the type of a component: `--component` makes it one");
    }
    error
}

fn no_such_export(module: &Module<'_>, name: &str) -> Error {
    let functions = exported_functions(module);
    let error = Error::usage(format!("the module exports no function `{name}`"));
    let error = with_component_type(error, module);
    if functions.is_empty() {
        return error.note("it exports no functions at all");
    }
    error.help(format!("it exports the functions {}", functions.join(", ")))
}
