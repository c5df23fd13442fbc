//! What of a module is to be seen, and what keeps a module from being initialised.

use crate::error::{Error, Result};
use crate::parse::{self, Extern, ImportKind, Module};
use wasmparser::{MemoryType, RefType, ValType};

/// What C libraries call the function that runs constructors, before any other export is called.
pub(super) const INITIALIZE: &str = "_initialize";

/// The module that a driver's imports are of.
pub const PREINIT_MODULE: &str = "initialised";

/// What of a module is to be seen.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) memories: Vec<MemoryType>,
    /// Those that may change: index, and type.
    pub(super) globals: Vec<(u32, ValType)>,
    /// If it exports [`INITIALIZE`], which is called where a driver begins, as of every module that
    /// another one imports: what takes its place then.
    pub(super) initialize: Option<EmptyFunction>,
    /// The name of the function that is called.
    pub(super) export: String,
    /// What names of exports for this purpose begin with.
    pub(super) prefix: String,
}

/// A function behind all others of a module that does nothing.
#[derive(Debug)]
pub(super) struct EmptyFunction {
    pub(super) index: u32,
    pub(super) ty: u32,
}

impl Shape {
    pub(super) fn of(module: &Module<'_>, export: &str) -> Result<Shape> {
        for import in &module.imports {
            let what = match import.kind {
                ImportKind::Func(_) | ImportKind::Tag(_) => continue,
                ImportKind::Table(_) => "table",
                ImportKind::Memory(_) => "memory",
                ImportKind::Global(_) => "global",
            };
            let (module, name) = (import.module, import.name);
            let message = format!("cannot initialise a module that imports a {what}");
            return Err(Error::usage(message).note(format!(
                "the {what} `{module}.{name}` is another module's, which is not there yet"
            )));
        }
        let changes = |body: &&parse::Body<'_>| {
            !body.facts.tables_written.is_empty() || !body.facts.tables_grown.is_empty()
        };
        if let Some(body) = module.bodies.iter().find(changes) {
            let message = "cannot initialise a module that changes its tables";
            return Err(Error::usage(message).at(body.body.range().start).note(
                "references in a table cannot be told from each other, so that it cannot be kept",
            ));
        }
        let mut globals = Vec::new();
        for (index, global) in (0..).zip(&module.globals) {
            if global.ty.mutable {
                globals.push((index, global.ty.content_type));
            }
        }
        let initialize = match module.export(INITIALIZE) {
            Some(Extern::Func(func)) if export != INITIALIZE => Some(EmptyFunction {
                index: module.functions.len() as u32,
                ty: module.functions[func.index()].index() as u32,
            }),
            _ => None,
        };
        let mut prefix = String::from("preinit:");
        while module.exports.iter().any(|e| e.name.starts_with(&prefix)) {
            prefix.push(':');
        }
        Ok(Shape {
            memories: module.memories.clone(),
            globals,
            initialize,
            export: export.to_owned(),
            prefix,
        })
    }
}

/// References, of which only null can be kept.
pub(super) fn reference(ty: ValType) -> Option<RefType> {
    match ty {
        ValType::Ref(ty) => Some(ty),
        _ => None,
    }
}
