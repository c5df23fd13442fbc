//! What composes needs to know of each part: its component, and what to say when there is none.

use wac_graph::EncodeOptions;

use crate::diagnostic::{Diagnostic, Failure};
use crate::input::Input;

/// `input` as the component that it is, or whose type it carries.
pub(super) fn encoded(input: Input) -> Result<Input, Failure> {
    let bytes = wasmelt_compiler::component_bytes(&input.bytes)
        .map_err(|error| Failure::compiler(error, &input))?;
    match bytes {
        Some(bytes) => Ok(Input {
            bytes: bytes.into_owned(),
            name: input.name,
            is_text: false,
        }),
        None => Err(Failure::input(
            Diagnostic::error("the module does not carry the type of a component")
                .place(&*input.name)
                .help("leave out `--component`, or build it as one, such as `cargo build --target wasm32-wasip2`"),
        )),
    }
}

/// The component that `input` is, binary.
pub(super) fn component(input: &Input) -> Result<Vec<u8>, Failure> {
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
pub(super) fn unreadable(input: &Input, reason: &str) -> Failure {
    match wasmelt_compiler::summarize(&input.bytes) {
        Err(error) => Failure::compiler(error, input),
        Ok(_) => Failure::input(
            Diagnostic::error(format!("this component cannot be composed: {reason}"))
                .place(&*input.name),
        ),
    }
}

/// The compiler validates the result, like any input.
pub(super) fn encode_options() -> EncodeOptions<'static> {
    EncodeOptions {
        validate: false,
        ..EncodeOptions::default()
    }
}
