//! Initialisation when compiling (`--preinit`): a core module runs its initialisation, and what is
//! in its memories and globals then becomes what it begins with.
//!
//! The module is compiled as any other, with exports of all that is to be seen ([`instrument`]), and
//! run by a driver ([`driver`]), a module of WASI 0.1 that imports them: it calls the initialisation
//! and writes everything to standard output. From that the module is written anew ([`rewrite`]), so
//! that whatever is done with it later knows nothing of this.
//!
//! Of a component, each core module that exports the initialisation is initialised by itself. What
//! a module imports traps when it is called: there is nobody yet whom it could have to do with. So
//! there are no handles, resources and tasks that would have to be kept.

mod binary;
mod driver;
mod instrument;
mod rewrite;
mod shape;

pub use shape::PREINIT_MODULE;

use crate::encode::Encode;
use crate::error::{Error, Result};
use crate::options::Options;
use crate::parse::{self, Extern};
use crate::{InputKind, binary as assembled, component_features, features, input_kind};
use binary::spliced;
use shape::Shape;
use std::ops::Range;
use wasmparser::{Parser, Payload};

/// What initialises a module if nothing else is said; that of other tools, too.
pub const PREINIT_EXPORT: &str = "wizer-initialize";

/// An input in which modules are to be initialised.
#[derive(Debug)]
pub struct Preinit {
    wasm: Vec<u8>,
    is_component: bool,
    pub modules: Vec<Uninitialised>,
}

/// A module that is to be initialised.
#[derive(Debug)]
pub struct Uninitialised {
    /// Where in the input it is.
    range: Range<usize>,
    shape: Shape,
    /// With exports of all that is to be seen: what [`PREINIT_MODULE`] stands for.
    pub module: Vec<u8>,
    /// The program that initialises it and writes what becomes of it.
    pub driver: String,
}

impl Preinit {
    /// Finds what is to be initialised, by an export with this name.
    ///
    /// # Errors
    /// Where nothing exports it, the input is no WebAssembly, or a module cannot be written anew.
    pub fn new(input: &[u8], export: &str, options: &Options) -> Result<Preinit> {
        let wasm = assembled(input, Encode::Never)?.into_owned();
        let is_component = input_kind(&wasm) == InputKind::Component;
        let features = match is_component {
            true => component_features(options),
            false => features(options),
        };
        let mut modules = Vec::new();
        for range in core_modules(&wasm, is_component)? {
            let bytes = &wasm[range.clone()];
            let module = parse::parse_module(bytes, features)?;
            let Some(Extern::Func(func)) = module.export(export) else {
                continue;
            };
            let ty = module.func_type(func);
            if !ty.params().is_empty() || !ty.results().is_empty() {
                let message = format!("the export `{export}` takes or gives values");
                return Err(Error::usage(message)
                    .note("a function that initialises a module takes and gives nothing"));
            }
            let shape = Shape::of(&module, export)?;
            let instrumented = instrument::instrumented(bytes, &shape)?;
            modules.push(Uninitialised {
                driver: driver::driver(&shape),
                module: instrumented,
                range,
                shape,
            });
        }
        if modules.is_empty() {
            let what = match is_component {
                true => "no core module in the component exports",
                false => "the module does not export",
            };
            return Err(
                Error::usage(format!("{what} a function `{export}` to be initialised by"))
                    .help("name the function: `--preinit=EXPORT`"),
            );
        }
        Ok(Preinit {
            wasm,
            is_component,
            modules,
        })
    }

    /// The input, initialised: `outputs` is what the drivers have written.
    ///
    /// # Errors
    /// Where an output is not complete, or something in it cannot be kept.
    pub fn finish(&self, outputs: &[Vec<u8>]) -> Result<Vec<u8>> {
        let mut replaced = Vec::new();
        for (module, output) in self.modules.iter().zip(outputs) {
            let state = driver::State::read(output, &module.shape)?;
            let bytes = &self.wasm[module.range.clone()];
            let keep_export = self.is_component;
            let rewritten = rewrite::rewritten(bytes, &module.shape, &state, keep_export)?;
            replaced.push((module.range.start, rewritten));
        }
        match (self.is_component, replaced.pop()) {
            (false, Some((_, module))) => Ok(module),
            (_, last) => {
                replaced.extend(last);
                Ok(spliced(&self.wasm, 0, &replaced))
            }
        }
    }
}

impl Uninitialised {
    /// What of an output the module itself has written; nothing if the driver has not come to its
    /// end.
    #[must_use]
    pub fn printed<'a>(&self, output: &'a [u8]) -> Option<&'a [u8]> {
        let (printed, _) = driver::split(output)?;
        Some(printed)
    }
}

/// Where core modules are.
fn core_modules(wasm: &[u8], is_component: bool) -> Result<Vec<Range<usize>>> {
    let mut found = Vec::new();
    if !is_component {
        found.push(0..wasm.len());
        return Ok(found);
    }
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::ModuleSection {
            unchecked_range, ..
        } = payload?
        {
            found.push(unchecked_range.start as usize..unchecked_range.end as usize);
        }
    }
    Ok(found)
}
