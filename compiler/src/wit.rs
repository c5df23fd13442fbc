//! The world of a component as WIT text: `inspect --wit`.

use std::fmt;

use wasmparser::{Validator, WasmFeatures};
use wit_component::{DecodedWasm, WitPrinter};

use crate::encode::{self, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::{InputKind, input_kind};

/// The world of a component, or of a module that carries one, and all packages that it refers to.
///
/// # Errors
/// A module that carries no world, and a component whose types WIT cannot express.
pub fn wit(input: &[u8]) -> Result<String> {
    let wasm = crate::binary(input, Encode::Always)?;
    if input_kind(&wasm) == InputKind::Module {
        return Err(
            Error::new(ErrorKind::Usage, "this is a core module without a world")
                .note("its imports and exports are those that `wasmelt inspect` shows"),
        );
    }
    let inexpressible = |error: &dyn fmt::Display| {
        Error::new(
            ErrorKind::Unsupported,
            "WIT cannot express the types of this component",
        )
        .note(format!("{error:#}"))
        .help("`wasmelt inspect` shows them in another way")
    };
    // What is no valid component at all is told as such.
    let validated = || {
        Validator::new_with_features(WasmFeatures::all())
            .validate_all(&wasm)
            .map(drop)
    };
    let decoded = match encode::caught(|| wit_component::decode(&wasm)) {
        Some(Ok(decoded)) => decoded,
        Some(Err(error)) => {
            validated()?;
            return Err(inexpressible(&error));
        }
        None => {
            validated()?;
            return Err(inexpressible(&"a name and what has it do not fit together"));
        }
    };
    let main = decoded.package();
    let (DecodedWasm::Component(resolve, _) | DecodedWasm::WitPackage(resolve, _)) = &decoded;
    let others: Vec<_> = resolve
        .packages
        .iter()
        .map(|(id, _)| id)
        .filter(|&id| id != main)
        .collect();
    let mut printer = WitPrinter::default();
    printer
        .print(resolve, main, &others)
        .map_err(|error| inexpressible(&error))?;
    Ok(printer.output.to_string())
}
