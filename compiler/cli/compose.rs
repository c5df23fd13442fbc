//! Composition before compilation: several components become one.
//!
//! Comes in: what `--compose`, `--dep`, `--deps-dir`, `--plug` and `--component` say. Goes out: an [`Input`] as if
//! the composed component had been the file. The graph of instances, its types and its encoding
//! are wac's; what satisfies what is decided in `plug` and, for scripts, by wac's language.
//! Without these flags none of this runs.

mod part;
mod plug;
mod script;

use crate::diagnostic::Failure;
use crate::guard::guarded;
use crate::input::{self, Input, InputPath};
use crate::requests::Composition;

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
    if !composition.plugs.is_empty() {
        return guarded(|| plug::plugged(&input, &composition.plugs))?;
    }
    if composition.is_component {
        return guarded(|| part::encoded(input))?;
    }
    Ok(input)
}
