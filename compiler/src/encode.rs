//! A core module that says for which world it was built → the component that it stands for.
//!
//! Tools that generate bindings leave the world's type in custom sections called
//! `component-type…`; wit-component makes a component of such a module. What such a module imports
//! from WASI 0.1 goes through the adapter that Wasmtime's project publishes. A module without
//! these sections is none of this: it is compiled as it is. So is one that has them by the way,
//! because a library brings bindings along: all that it imports is WASI 0.1, which is its world.

use std::borrow::Cow;
use std::fmt;
use std::panic::{self, AssertUnwindSafe};

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmparser::{Chunk, Parser, Payload};
use wit_component::ComponentEncoder;

use crate::error::{Error, Result};
use crate::parse::Module;

/// How the names of the custom sections with a world's type begin.
const COMPONENT_TYPE: &str = "component-type";

/// The older name of WASI 0.1, which the adapter does not know.
const WASI_UNSTABLE: &str = "wasi_unstable";

/// What the sections of a module say about the component that it stands for.
#[derive(Default, Debug)]
struct ModuleFacts {
    has_component_type: bool,
    imports_p1: bool,
    imports_other: bool,
    is_command: bool,
}

/// Which modules become components.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encode {
    /// Those that could not be linked otherwise.
    WhereNeeded,
    /// All that carry the type of one.
    Always,
    /// None, as other modules provide what they import.
    Never,
}

/// `wasm` itself, or the component that it stands for.
///
/// # Errors
/// A module whose imports and exports do not fit the world that it names.
pub(crate) fn component(wasm: Cow<'_, [u8]>, encode: Encode) -> Result<Cow<'_, [u8]>> {
    // What is wrong with the sections is reported when they are parsed.
    let facts = facts(&wasm).unwrap_or_default();
    let is_wanted = match encode {
        Encode::WhereNeeded => facts.imports_other,
        Encode::Always => true,
        Encode::Never => false,
    };
    if !facts.has_component_type || !is_wanted {
        return Ok(wasm);
    }
    // The encoder relies on a valid module.
    crate::parse::parse_module(&wasm, crate::parse::FEATURES)?;
    let encoded = caught(|| encoded(&wasm, &facts));
    let encoded = encoded.unwrap_or_else(|| Err(String::from("its description is damaged")));
    encoded.map(Cow::Owned).map_err(|reason| {
        Error::link("the module does not fit the world that it was built for")
            .note(reason)
            .help("generate its bindings and build it again with tools of one version")
    })
}

/// Whether a module says for which world it was built.
pub(crate) fn has_component_type(module: &Module<'_>) -> bool {
    let mut sections = module.custom.iter();
    sections.any(|(name, _)| name.starts_with(COMPONENT_TYPE))
}

/// What `work` gives; nothing where wit-component panics, which it does on a few inputs that no
/// tool makes.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Nothing that `work` has changed is looked at after a panic.
    panic::catch_unwind(AssertUnwindSafe(work)).ok()
}

fn encoded(wasm: &[u8], facts: &ModuleFacts) -> Result<Vec<u8>, String> {
    let text = |error: &dyn fmt::Display| format!("{error:#}");
    let mut encoder = ComponentEncoder::default();
    encoder.module(wasm).map_err(|error| text(&error))?;
    if facts.imports_p1 {
        let adapter = if facts.is_command {
            WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER
        } else {
            WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER
        };
        encoder
            .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, adapter)
            .map_err(|error| text(&error))?;
    }
    encoder.encode().map_err(|error| text(&error))
}

/// Reads the sections of a module, not the bodies; nothing for a component.
fn facts(wasm: &[u8]) -> wasmparser::Result<ModuleFacts> {
    let mut facts = ModuleFacts::default();
    if !Parser::is_core_wasm(wasm) {
        return Ok(facts);
    }
    let mut parser = Parser::new(0);
    let mut rest = wasm;
    loop {
        let Chunk::Parsed { payload, consumed } = parser.parse(rest, true)? else {
            unreachable!("the parser knows that these are all bytes");
        };
        let mut next = consumed;
        match payload {
            Payload::CustomSection(section) => {
                facts.has_component_type |= section.name().starts_with(COMPONENT_TYPE);
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import?.module {
                        WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME => facts.imports_p1 = true,
                        WASI_UNSTABLE => {}
                        _ => facts.imports_other = true,
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    facts.is_command |= export?.name == "_start";
                }
            }
            Payload::CodeSectionStart { size, .. } => {
                parser.skip_section();
                next += size as usize;
            }
            Payload::End(_) => return Ok(facts),
            _ => {}
        }
        rest = rest.get(next..).unwrap_or_default();
    }
}
