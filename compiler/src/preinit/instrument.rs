//! A module with exports of all its memories, and of the globals that may change.

use super::binary::{EXPORT, exports_with, list, put_bytes, put_number, put_section, sections};
use super::shape::Shape;
use crate::error::Result;

/// What an export is of.
pub(super) const OF_MEMORY: u8 = 2;
pub(super) const OF_GLOBAL: u8 = 3;

pub(super) fn instrumented(wasm: &[u8], shape: &Shape) -> Result<Vec<u8>> {
    let export = |name: String, kind: u8, index: usize| {
        let mut item = Vec::new();
        put_bytes(&mut item, name.as_bytes());
        item.push(kind);
        put_number(&mut item, index as u64);
        item
    };
    let mut seen = Vec::new();
    for index in 0..shape.memories.len() {
        seen.push(export(shape.memory_name(index), OF_MEMORY, index));
    }
    for &(index, _) in &shape.globals {
        seen.push(export(shape.global_name(index), OF_GLOBAL, index as usize));
    }
    let mut out = wasm[..8].to_vec();
    for (id, range) in sections(wasm)? {
        match id {
            EXPORT => {
                // What a command is entered by is not for other modules.
                let is_entry = |name: &str| matches!(name, "_start" | "");
                let own = |name: &str, index| (!is_entry(name)).then_some(index);
                let mut items = exports_with(&wasm[range], own)?;
                items.append(&mut seen);
                put_section(&mut out, id, &list(&items));
            }
            _ => put_section(&mut out, id, &wasm[range]),
        }
    }
    Ok(out)
}

impl Shape {
    pub(super) fn memory_name(&self, index: usize) -> String {
        format!("{}m{index}", self.prefix)
    }

    pub(super) fn global_name(&self, index: u32) -> String {
        format!("{}g{index}", self.prefix)
    }
}
