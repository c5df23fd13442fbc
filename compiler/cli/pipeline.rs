//! The way from an input to an object and an executable: where the command meets the compiler and
//! the linker.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmelt_compiler::{CodeCache, Compiled, Entry, Graph, IMAGE_SECTION, Options, Summary};
use wasmelt_linker::{BUILD_ID_BYTES, ImageSection, LibraryRequest, LinkError, LinkRequest, Split};

use crate::diagnostic::{Console, Diagnostic, Failure};
use crate::guard::{bug, guarded};
use crate::input::{Input, reason};
use crate::invoke;
use crate::packs::Pack;
use crate::policy;
use crate::progress::ProgressLine;
use crate::requests::LinkOptions;

/// The options for compiling `input`, completed with what only the input tells.
///
/// # Errors
/// When arguments are given where only the name of a function can be.
pub(crate) fn options_for(input: &Input, options: &Options) -> Result<Options, Failure> {
    let mut options = options.clone();
    let externs = wasmelt_compiler::externs(&input.bytes);
    if let Entry::Invoke(call) = &options.entry
        && let (name, Some(values)) = invoke::split(call)
        && externs.is_some()
    {
        return Err(Failure::usage(
            Diagnostic::error("`--invoke` of a build takes the name of a function alone").help(
                format!("write `--invoke {name}`, and give `{values}` to the executable"),
            ),
        ));
    }
    options.policy_note = Some(policy::text(&options, externs.as_ref()));
    Ok(options)
}

/// Compiles `input`, with progress on a terminal, but for what `cache` has of an earlier build.
///
/// # Errors
/// What the compiler says about the input, and a report when it panics.
pub(crate) fn compile(
    input: &Input,
    options: &Options,
    console: &Console,
    cache: Option<&CodeCache>,
) -> Result<Compiled, Failure> {
    let progress = ProgressLine::new(&options.name, console.is_terminal && !console.quiet);
    let compiled = guarded(|| wasmelt_compiler::compile(&input.bytes, options, &progress, cache));
    progress.finish();
    compiled?.map_err(|error| Failure::compiler(error, input))
}

/// Finds what would keep `input` from being compiled.
///
/// # Errors
/// As for [`compile`].
pub(crate) fn check(input: &Input, options: &Options) -> Result<(), Failure> {
    let options = options_for(input, options)?;
    guarded(|| wasmelt_compiler::check(&input.bytes, &options))?
        .map_err(|error| Failure::compiler(error, input))
}

/// Validates and describes `input`.
///
/// # Errors
/// As for [`compile`].
pub(crate) fn summarize(input: &Input) -> Result<Summary, Failure> {
    guarded(|| wasmelt_compiler::summarize(&input.bytes))?
        .map_err(|error| Failure::compiler(error, input))
}

/// What `input` is made of.
///
/// # Errors
/// As for [`compile`], and when there is too much of it.
pub(crate) fn graph(input: &Input) -> Result<Graph, Failure> {
    guarded(|| wasmelt_compiler::graph(&input.bytes))?
        .map_err(|error| Failure::compiler(error, input))
}

/// The world of `input` in WIT.
///
/// # Errors
/// As for [`compile`], and when it has no world.
pub(crate) fn wit(input: &Input) -> Result<String, Failure> {
    guarded(|| wasmelt_compiler::wit(&input.bytes))?
        .map_err(|error| Failure::compiler(error, input))
}

/// The header of the library that `input` becomes.
///
/// # Errors
/// As for [`compile`].
pub(crate) fn header(input: &Input, options: &Options) -> Result<String, Failure> {
    guarded(|| wasmelt_compiler::header(&input.bytes, options))?
        .map_err(|error| Failure::compiler(error, input))
}

/// The source of the Rust crate over the library that `input` becomes.
///
/// # Errors
/// As for [`compile`].
pub(crate) fn rust_source(input: &Input, options: &Options) -> Result<String, Failure> {
    guarded(|| wasmelt_compiler::rust_source(&input.bytes, options))?
        .map_err(|error| Failure::compiler(error, input))
}

/// Makes a library of what has been compiled as one, and says how long it took: a shared library
/// that is known by a name, or a static one.
///
/// # Errors
/// When the linker fails.
pub(crate) fn library(
    compiled: &Compiled,
    name: &str,
    shared: Option<&str>,
    pack: &Pack,
) -> Result<(Vec<u8>, Duration), Failure> {
    let started = Instant::now();
    let linked = guarded(|| {
        let request = LibraryRequest {
            object: &compiled.object,
            pack: pack.pack(),
            exports: wasmelt_compiler::library_exports(name),
        };
        match shared {
            Some(soname) => wasmelt_linker::shared_library(&request, soname),
            None => wasmelt_linker::static_library(&request, &format!("{name}.o")),
        }
    });
    let failure = |error| link_failure(error, pack.path.as_deref());
    let library = linked?.map_err(failure)?;
    Ok((library, started.elapsed()))
}

/// Links an executable of the object, which is no longer there then, and says how long it took.
///
/// # Errors
/// When the linker fails.
pub(crate) fn link(
    compiled: &mut Compiled,
    options: &LinkOptions,
    pack: &Pack,
) -> Result<(Vec<u8>, Duration), Failure> {
    let started = Instant::now();
    let build_id = options.build_id.then(|| build_id(compiled));
    let object = Arc::new(std::mem::take(&mut compiled.object));
    wasmelt_heap::return_free_pages();
    let linked = guarded(|| {
        wasmelt_linker::link(LinkRequest {
            object,
            pack: pack.pack(),
            image: compiled.image.as_ref().map(|image| ImageSection {
                section: String::from(IMAGE_SECTION),
                address: image.address,
                memory_bytes: image.memory_bytes,
                parts: &image.parts,
            }),
            linker: options.linker.clone(),
            strip: options.strip,
            build_id,
            stack_bytes: options.stack_bytes,
        })
    });
    let failure = |error| link_failure(error, pack.path.as_deref());
    let executable = linked?.map_err(failure)?;
    Ok((executable, started.elapsed()))
}

/// Takes an executable apart.
///
/// # Errors
/// When it is none of ELF.
pub(crate) fn split_debug(executable: &[u8], name: &str) -> Result<Split, Failure> {
    let split = guarded(|| wasmelt_linker::split_debug(executable, name))?;
    split.map_err(|error| link_failure(error, None))
}

/// Made of all that the executable is made of, but for the runtime pack, whose version is in it.
fn build_id(compiled: &Compiled) -> [u8; BUILD_ID_BYTES] {
    let mut hash = blake3::Hasher::new();
    hash.update(&compiled.object);
    for (offset, bytes) in compiled.image.iter().flat_map(|image| &image.parts) {
        hash.update(&offset.to_le_bytes());
        hash.update(bytes);
    }
    let mut id = [0; BUILD_ID_BYTES];
    hash.finalize_xof().fill(&mut id);
    id
}

/// `pack` is the path that the pack was read from, if it was given.
fn link_failure(error: LinkError, pack: Option<&Path>) -> Failure {
    let text = error.to_string();
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let mut diagnostic = Diagnostic::error(first.trim_end_matches(':'));
    if !rest.trim().is_empty() {
        diagnostic = diagnostic.note(rest.trim_end());
    }
    match error {
        LinkError::Write { path, source } => Failure::input(
            Diagnostic::error(format!(
                "cannot write `{}`: {}",
                path.display(),
                reason(&source)
            ))
            .help("name another directory for temporary files: `TMPDIR=PATH`"),
        ),
        LinkError::ToolMissing { .. } => Failure::usage(
            diagnostic
                .help("give the path of a linker, or leave out `--linker` to use the built-in one"),
        ),
        LinkError::TooLarge { .. } | LinkError::OutOfReach(_) => Failure::input(diagnostic),
        LinkError::ToolFailed { .. } => {
            Failure::input(diagnostic.help("leave out `--linker` to use the built-in one"))
        }
        LinkError::UndefinedSymbols(_) if let Some(path) = pack => {
            let message = format!(
                "the runtime pack `{}` is not of this version of wasmelt",
                path.display()
            );
            Failure::input(Diagnostic::error(message).note(text))
        }
        LinkError::UndefinedSymbols(_) | LinkError::Failed(_) | LinkError::Internal(_) => {
            bug(diagnostic)
        }
    }
}
