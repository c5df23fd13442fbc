//! `wasmelt inspect` and `wasmelt check`: what an input is, without compiling it.

use std::io::{self, Write};

use wasmelt_compiler::{Options, Summary};

use crate::args::InspectArgs;
use crate::build::size as shown_size;
use crate::capabilities::{self, Capability};
use crate::compose;
use crate::diagnostic::{Diagnostic, Exit, Failure, printable};
use crate::graph;
use crate::input::{self, InputPath, reason};
use crate::pipeline;
use crate::policy;
use crate::policy_flags;
use crate::preload;
use crate::requests::{Check, Composition};
use crate::size;
use crate::treemap;

/// Describes a component or module, or what an executable may do; or prints a component's world, a
/// drawing of either, or what takes the bytes of an executable.
///
/// # Errors
/// When the file is none of these, is not valid, or has no world.
pub(crate) fn inspect(args: &InspectArgs) -> Result<(), Failure> {
    let path = InputPath::new(&args.file);
    if let Some(format) = args.graph {
        let composition = Composition {
            plugs: args.plug.iter().map(|path| InputPath::new(path)).collect(),
            ..Composition::default()
        };
        let input = compose::read(&path, &composition)?;
        let graph = pipeline::graph(&input)?;
        return print(&graph::drawn(&graph, &input.name, format));
    }
    let bytes = input::read_bytes(&path)?;
    let is_elf = bytes.starts_with(b"\x7fELF");
    // Another file for Windows or macOS is told what it is.
    let is_other = [&b"MZ"[..], b"\xcf\xfa\xed\xfe"];
    let is_other = is_other.iter().any(|start| bytes.starts_with(start));
    let is_ours = is_other && policy::of_executable(&bytes).is_some();
    if args.size {
        let measured = (is_elf || is_ours).then(|| size::measured(&path.shown(), &bytes));
        let Some(measured) = measured.flatten() else {
            return Err(Failure::input(
                Diagnostic::error("this is no executable, whose bytes could be told")
                    .place(path.shown())
                    .help("give an executable made by wasmelt"),
            ));
        };
        return print(&match args.html {
            true => treemap::page(&measured),
            false => size::tables(&measured),
        });
    }
    if !args.wit && (is_elf || is_ours) {
        return print(&executable(&path, &bytes)?);
    }
    let input = input::from_bytes(&path, bytes)?;
    if args.wit {
        return print(&pipeline::wit(&input)?);
    }
    let summary = pipeline::summarize(&input)?;
    let bytes = input.bytes.len() as u64;
    print(&if summary.is_component {
        described_component(&input.name, bytes, &summary)
    } else {
        described(&input.name, bytes, &summary)
    })
}

fn executable(path: &InputPath, bytes: &[u8]) -> Result<String, Failure> {
    let Some(text) = policy::of_executable(bytes) else {
        return Err(Failure::input(
            Diagnostic::error("this is an ELF file that wasmelt has not made")
                .place(path.shown())
                .help("give a component or module, or an executable made by wasmelt"),
        ));
    };
    let mut shown = format!(
        "{}: executable, {}\n",
        path.shown(),
        shown_size(bytes.len() as u64)
    );
    for line in text.lines() {
        shown.push_str(&format!("  {}\n", printable(line)));
    }
    if let Some(flags) = policy_flags::flags(&text) {
        shown.push_str(&format!("  {:<14} {}\n", "flags", printable(&flags)));
    }
    Ok(shown)
}

/// Finds what keeps inputs from being built, and lists what each imports.
///
/// # Errors
/// The last input that would not be built; the others are looked at all the same.
pub(crate) fn check(check: &Check) -> Result<(), Failure> {
    let console = &check.console;
    let preloads = preload::read(&check.preloads)?;
    let mut failures: Vec<Failure> = Vec::new();
    for path in &check.inputs {
        let checked = compose::read(path, &check.composition).and_then(|input| {
            let summary = pipeline::summarize(&input)?;
            if !console.quiet {
                print(&checked(&input.name, &summary))?;
            }
            let options = Options {
                name: path.stem(),
                preloads: preloads.clone(),
                ..check.options.clone()
            };
            pipeline::check(&input, &options)
        });
        if let Err(failure) = checked {
            failures.push(failure);
        }
    }
    let Some(last) = failures.pop() else {
        return Ok(());
    };
    for failure in &failures {
        console.fail(failure);
    }
    let exit = if failures.iter().any(|failure| failure.exit == Exit::Bug) {
        Exit::Bug
    } else {
        last.exit
    };
    Err(Failure { exit, ..last })
}

/// `check` on a valid input.
fn checked(name: &str, summary: &Summary) -> String {
    let mut text = format!(
        "{name}: valid {}, {} functions\n",
        kind(summary),
        summary.functions
    );
    import_lines(&mut text, summary);
    text
}

/// `inspect` on a module.
fn described(name: &str, bytes: u64, summary: &Summary) -> String {
    let mut text = format!("{name}: {}, {}\n", kind(summary), shown_size(bytes));
    let mut line = |name: &str, value: String| text.push_str(&format!("  {name:<10} {value}\n"));
    line(
        "functions",
        format!(
            "{}, {} of code",
            summary.functions,
            shown_size(summary.code_bytes)
        ),
    );
    for memory in &summary.memories {
        line("memory", printable(memory));
    }
    line("tables", summary.tables.to_string());
    line("globals", summary.globals.to_string());
    line("data", shown_size(summary.data_bytes));
    for (name, bytes) in &summary.custom {
        line(
            "custom",
            format!("{} ({})", printable(name), shown_size(*bytes)),
        );
    }
    for (name, ty) in &summary.exports {
        line("export", format!("{}: {}", printable(name), printable(ty)));
    }
    for (module, name, ty) in &summary.imports {
        line(
            "import",
            format!(
                "{}.{}: {}",
                printable(module),
                printable(name),
                printable(ty)
            ),
        );
    }
    text
}

/// `inspect` on a component: what an interface has is indented below it.
fn described_component(name: &str, bytes: u64, summary: &Summary) -> String {
    let mut text = format!("{name}: component, {}\n", shown_size(bytes));
    let mut line = |name: &str, value: &str| text.push_str(&format!("  {name:<10} {value}\n"));
    for module in &summary.modules {
        let name = if module.name.is_empty() {
            "without a name"
        } else {
            &module.name
        };
        line(
            "module",
            &format!(
                "{} ({}, {} functions)",
                printable(name),
                shown_size(module.bytes),
                module.functions
            ),
        );
    }
    line("components", &format!("{} inside", summary.components));
    for (name, bytes) in &summary.custom {
        line(
            "custom",
            &format!("{} ({})", printable(name), shown_size(*bytes)),
        );
    }
    for (name, ty) in &summary.exports {
        line("export", &format!("{}: {}", printable(name), printable(ty)));
    }
    let mut interface = None;
    for (module, name, ty) in &summary.imports {
        if name.is_empty() {
            line(
                "import",
                &format!("{}: {}", printable(module), printable(ty)),
            );
            continue;
        }
        if interface != Some(module) {
            line("import", &printable(module));
            interface = Some(module);
        }
        line("", &format!("  {}: {}", printable(name), printable(ty)));
    }
    text
}

fn kind(summary: &Summary) -> &'static str {
    if summary.is_component {
        "component"
    } else {
        "module"
    }
}

/// The imports, by the capability that they need.
fn import_lines(text: &mut String, summary: &Summary) {
    let imports: Vec<(String, String)> = summary
        .imports
        .iter()
        .map(|(module, name, _)| (module.clone(), name.clone()))
        .collect();
    let names_of = |capability: Option<Capability>| -> Vec<String> {
        let of = imports
            .iter()
            .filter(|(module, name)| Capability::of(module, name) == capability);
        of.map(|(module, name)| match (summary.is_component, &**name) {
            (true, "") => printable(module),
            (true, _) => printable(&format!("{module}#{name}")),
            (false, _) => printable(&format!("{module}.{name}")),
        })
        .collect()
    };
    for capability in capabilities::needed(&imports) {
        text.push_str(&format!(
            "  {} (grant with `{}`)\n",
            capability.name(),
            capability.flag()
        ));
        for name in names_of(Some(capability)) {
            text.push_str(&format!("    {name}\n"));
        }
    }
    let rest = names_of(None);
    if !rest.is_empty() {
        text.push_str("  imports that need no grant\n");
        for name in rest {
            text.push_str(&format!("    {name}\n"));
        }
    }
}

/// Writes to standard output. A reader that has seen enough is no failure.
///
/// # Errors
/// When it cannot be written to.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::input(Diagnostic::error(format!(
                "cannot write to standard output: {}",
                reason(&error)
            ))))
        }
        _ => Ok(()),
    }
}
