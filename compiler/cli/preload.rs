//! `--preload`: modules that provide imports of a module, under a name.

use wasmelt_compiler::Preload;

use crate::diagnostic::{Diagnostic, Failure};
use crate::input;
use crate::pipeline;
use crate::requests::PreloadFile;

/// Reads the modules. They are looked at here, so that what is wrong with one names its file.
///
/// # Errors
/// When one cannot be read, or is no valid module.
pub(crate) fn read(files: &[PreloadFile]) -> Result<Vec<Preload>, Failure> {
    let mut preloads = Vec::with_capacity(files.len());
    for file in files {
        let input = input::read(&file.path)?;
        if pipeline::summarize(&input)?.is_component {
            return Err(Failure::input(
                Diagnostic::error("this is a component; `--preload` takes modules")
                    .place(input.name)
                    .help("`--plug FILE` satisfies imports with what a component exports"),
            ));
        }
        preloads.push(Preload {
            name: file.name.clone(),
            bytes: input.bytes,
        });
    }
    Ok(preloads)
}
