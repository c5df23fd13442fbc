//! An input described for people: `check` and `inspect`.

mod component;
mod component_type;
mod description;
pub(crate) mod graph;

pub(crate) use component::{externs, of_component};
pub use description::{Externs, ModuleSummary, Summary};
pub use graph::{Graph, GraphNode, GraphNodeKind};

use crate::parse::{Extern, ImportKind, Module};
use crate::plan::type_text;

pub(crate) fn of_module(module: &Module<'_>) -> Summary {
    let imports = module.imports.iter().map(|import| {
        let ty = match import.kind {
            ImportKind::Func(func) => item_text(module, Extern::Func(func)),
            ImportKind::Table(table) => item_text(module, Extern::Table(table)),
            ImportKind::Memory(memory) => item_text(module, Extern::Memory(memory)),
            ImportKind::Global(global) => item_text(module, Extern::Global(global)),
            ImportKind::Tag(tag) => item_text(module, Extern::Tag(tag)),
        };
        (import.module.to_owned(), import.name.to_owned(), ty)
    });
    let exports = module
        .exports
        .iter()
        .map(|e| (e.name.to_owned(), item_text(module, e.item)));
    Summary {
        is_component: false,
        imports: imports.collect(),
        exports: exports.collect(),
        functions: module.bodies.len(),
        memories: module.memories.iter().map(memory_text).collect(),
        tables: module.tables.len(),
        globals: module.globals.len(),
        data_bytes: module.data.iter().map(|d| d.bytes.len() as u64).sum(),
        code_bytes: module
            .bodies
            .iter()
            .map(|b| b.body.range().end - b.body.range().start)
            .sum(),
        modules: Vec::new(),
        components: 0,
        custom: module
            .custom
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), *bytes))
            .collect(),
    }
}

fn item_text(module: &Module<'_>, item: Extern) -> String {
    match item {
        Extern::Func(func) => format!("func {}", type_text(module.func_type(func))),
        Extern::Table(table) => {
            let ty = &module.tables[table.index()].ty;
            let kind = if ty.table64 { "i64 " } else { "" };
            format!(
                "table {kind}{} {}",
                limits_text(ty.initial, ty.maximum),
                ty.element_type
            )
        }
        Extern::Memory(memory) => {
            format!("memory {}", memory_text(&module.memories[memory.index()]))
        }
        Extern::Global(global) => {
            let ty = &module.globals[global.index()].ty;
            let mutable = if ty.mutable { "mut " } else { "" };
            format!("global {mutable}{}", ty.content_type)
        }
        Extern::Tag(tag) => {
            format!(
                "tag {}",
                type_text(module.type_at(module.tags[tag.index()]))
            )
        }
    }
}

fn memory_text(ty: &wasmparser::MemoryType) -> String {
    let kind = if ty.memory64 { "i64" } else { "i32" };
    let shared = if ty.shared { " shared" } else { "" };
    format!("{kind} {}{shared}", limits_text(ty.initial, ty.maximum))
}

fn limits_text(initial: u64, maximum: Option<u64>) -> String {
    match maximum {
        Some(maximum) => format!("{initial}..{maximum}"),
        None => format!("{initial}.."),
    }
}
