//! Composition before compilation: several components become one.
//!
//! Comes in: what `--compose`, `--dep`, `--deps-dir` and `--plug` say. Goes out: an [`Input`] as if
//! the composed component had been the file. The graph of instances, its types and its encoding
//! are wac's; what satisfies what is decided in `plug` and, for scripts, by wac's language.
//! Without these flags none of this runs.

mod plug;
mod script;

use std::path::PathBuf;

use wac_graph::EncodeOptions;

use crate::diagnostic::{Diagnostic, Failure};
use crate::input::{self, Input, InputPath};
use crate::pipeline::guarded;

/// What the command line says about composition.
#[derive(Clone, Default, Debug)]
pub(crate) struct Composition {
    /// The input is a wac script.
    pub(crate) is_script: bool,
    /// The packages of a script that `--dep` names: name and file.
    pub(crate) packages: Vec<(String, PathBuf)>,
    /// Where the other packages of a script are.
    pub(crate) folder: PathBuf,
    pub(crate) plugs: Vec<InputPath>,
}

/// Reads an input, and composes what is to be composed.
///
/// # Errors
/// When a part cannot be read or is no component, or they do not fit together.
pub(crate) fn read(path: &InputPath, composition: &Composition) -> Result<Input, Failure> {
    let input = if composition.is_script {
        guarded(|| script::composed(path, composition))??
    } else {
        input::read(path)?
    };
    if composition.plugs.is_empty() {
        return Ok(input);
    }
    guarded(|| plug::plugged(&input, &composition.plugs))?
}

/// The component that `input` is, binary.
fn component(input: &Input) -> Result<Vec<u8>, Failure> {
    let bytes = wasmelt_compiler::component_bytes(&input.bytes)
        .map_err(|error| Failure::compiler(error, input))?;
    let bytes = bytes.ok_or_else(|| {
        Failure::input(
            Diagnostic::error("this is a core module; only components can be composed")
                .place(&*input.name)
                .help("make it a component, such as `cargo build --target wasm32-wasip2`"),
        )
    })?;
    Ok(bytes.into_owned())
}

/// What wac says about a part that it cannot read; first what the compiler says.
fn unreadable(input: &Input, reason: &str) -> Failure {
    match wasmelt_compiler::summarize(&input.bytes) {
        Err(error) => Failure::compiler(error, input),
        Ok(_) => Failure::input(
            Diagnostic::error(format!("this component cannot be composed: {reason}"))
                .place(&*input.name),
        ),
    }
}

/// The compiler validates the result, like any input.
fn encode_options() -> EncodeOptions<'static> {
    EncodeOptions {
        validate: false,
        ..EncodeOptions::default()
    }
}
