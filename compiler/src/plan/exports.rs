//! Which exports of components are called, and by what names they are found.

use super::embedding;
use super::link_plan::{ComponentExportPlan, FuncKind, LinkPlan, Purpose, Server};
use crate::error::{Error, Result};
use crate::index::LiftId;
use crate::options::{Entry, Options, Protocols};

/// The interface that a command exports, without its version.
const RUN_INTERFACE: &str = "wasi:cli/run@0.";

/// The functions that a server exports, without the version between.
const HANDLER_P2: &str = "wasi:http/incoming-handler@0.2.";
const HANDLER_P3: &str = "wasi:http/handler@0.3.";
const HANDLE: &str = "#handle";

/// Makes the functions that call the entry or the exports that are to be callable by name.
pub(super) fn choose_component_exports(plan: &mut LinkPlan<'_>, program: &str) -> Result<()> {
    if matches!(
        plan.purpose,
        Purpose::Run(Entry::Command | Entry::CommandOrLibrary | Entry::Serve)
    ) && let Some((server, name, lift)) = handler(plan)
    {
        plan.server = Some(server);
        add(plan, 0, name, lift);
        return Ok(());
    }
    let exports = &plan.linked.exports;
    match plan.purpose.clone() {
        Purpose::Run(Entry::Serve) => return Err(no_handler()),
        Purpose::Run(Entry::Library) => {
            for export in exports {
                add(plan, 0, export.name.clone(), export.lift);
            }
            embedding::choose_lifts(plan, program)?;
        }
        Purpose::Run(Entry::Command | Entry::CommandOrLibrary | Entry::Run) => {
            // Of several versions the newest.
            let run = exports.iter().filter_map(|e| {
                let version = e.name.strip_prefix(RUN_INTERFACE)?.strip_suffix("#run")?;
                let (minor, patch) = version.split_once('.')?;
                let minor = minor.parse::<u32>().ok().filter(|m| matches!(m, 2 | 3))?;
                Some(((minor, patch.parse::<u32>().ok()?), e.lift))
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

/// The component's handler of requests, of several versions the newest.
fn handler(plan: &LinkPlan<'_>) -> Option<(Server, String, LiftId)> {
    let found = plan.linked.exports.iter().filter_map(|export| {
        let name = export.name.strip_suffix(HANDLE)?;
        let (server, patch) = match name.strip_prefix(HANDLER_P3) {
            Some(patch) => (Server::P3, patch),
            None => (Server::P2, name.strip_prefix(HANDLER_P2)?),
        };
        Some(((server, patch.parse::<u32>().ok()?), export))
    });
    let ((server, _), export) = found.max_by_key(|(version, _)| *version)?;
    Some((server, export.name.clone(), export.lift))
}

fn add(plan: &mut LinkPlan<'_>, component: usize, name: String, lift: LiftId) {
    let kinds = match plan.linked.is_task(lift) {
        // Called through its record.
        true => [FuncKind::TaskStart(lift), FuncKind::TaskStart(lift)],
        false => [FuncKind::LiftCall(lift), FuncKind::LiftFinish(lift)],
    };
    let [call, finish] = kinds.map(|kind| plan.func_of_kind(kind));
    plan.component_exports.push(ComponentExportPlan {
        component,
        name,
        lift,
        call,
        finish,
    });
}

/// The export of that name: `interface#name`, or a shorter way to write it where that is clear.
fn find(plan: &LinkPlan<'_>, name: &str) -> Result<(String, LiftId)> {
    let exports = &plan.linked.exports;
    if let Some(export) = exports.iter().find(|e| e.name == name) {
        return Ok((export.name.clone(), export.lift));
    }
    let found: Vec<_> = exports.iter().filter(|e| is_named(&e.name, name)).collect();
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

/// Whether `name` is a way to write the name of an export: `function`, or `interface#function` and
/// `interface.function` with the interface's version or without it, or with its last word alone;
/// or `interface.function@version`, as items of WIT are named.
fn is_named(export: &str, name: &str) -> bool {
    let Some((interface, function)) = export.split_once('#') else {
        return export == name;
    };
    if let Some((item, version)) = name.rsplit_once('@')
        && !version.contains('#')
        && item.ends_with(function)
    {
        let has = interface.split_once('@').map(|(_, version)| version);
        return has.is_some_and(|has| are_compatible(has, version)) && is_named(export, item);
    }
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

/// Whether two versions are of one track, so that either serves for the other.
fn are_compatible(a: &str, b: &str) -> bool {
    /// Up to the first number that is not 0; of a version before a release, all of it.
    fn track(version: &str) -> &str {
        if version.contains(['-', '+']) {
            return version;
        }
        let mut end = 0;
        for number in version.split('.') {
            end += number.len();
            if number != "0" {
                break;
            }
            end += 1;
        }
        &version[..end.min(version.len())]
    }
    track(a) == track(b)
}

/// Refuses what is for servers where there is none, and what is for others where there is one.
pub(super) fn check_protocols(plan: &LinkPlan<'_>, options: &Options) -> Result<()> {
    if let Some(key) = options.on_trap.key()
        && plan.server.is_some()
    {
        return Err(Error::usage(format!(
            "`-D {key}` is for programs that a trap ends, and this is a server, which goes on"
        )));
    }
    let flag = match options.protocols {
        Protocols { tls: true, .. } => "--tls",
        Protocols { http2: true, .. } => "--http2",
        _ if !options.server.is_empty() => "--server",
        _ => return Ok(()),
    };
    match plan.server {
        Some(_) => Ok(()),
        None => Err(Error::usage(format!(
            "`{flag}` is for servers, and this is none"
        ))),
    }
}

pub(super) fn no_handler() -> Error {
    Error::usage("there is no handler of `wasi:http` among the exports: it is not a server").help(
        "export `wasi:http/incoming-handler@0.2` or `wasi:http/handler@0.3`, or run it: `wasmelt run`",
    )
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

#[cfg(test)]
mod tests {
    use super::is_named;

    #[test]
    fn names_may_be_shorter() {
        let export = "a:b/c@1.0.0#sub";
        for name in [export, "a:b/c#sub", "a:b/c.sub", "c.sub", "c#sub", "sub"] {
            assert!(is_named(export, name), "{name}");
        }
        for name in ["ub", ".sub", "b.sub", "a:b/c@1.0.0", "a:b/d#sub", "csub"] {
            assert!(!is_named(export, name), "{name}");
        }
        assert!(is_named("add", "add") && !is_named("add", "c.add"));
        for name in ["a:b/c.sub@1.0.0", "a:b/c.sub@1.2.3", "c.sub@1.0.0"] {
            assert!(is_named(export, name), "{name}");
        }
        for name in [
            "a:b/c.sub@2.0.0",
            "a:b/d.sub@1.0.0",
            "a:b/c.sub@1.0.0-rc",
            "@1.0.0",
        ] {
            assert!(!is_named(export, name), "{name}");
        }
        let run = "wasi:cli/run@0.2.12#run";
        assert!(
            is_named(run, "wasi:cli/run.run@0.2.0") && !is_named(run, "wasi:cli/run.run@0.3.0")
        );
    }
}
