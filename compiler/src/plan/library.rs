//! What an embedder of a library calls, as data, and how names are in C.

use crate::index::{FuncId, GlobalId};
use wasmparser::{FuncType, ValType};

/// Something that an embedder calls.
#[derive(Clone, Debug)]
pub struct LibraryFn {
    /// The name of the export.
    pub name: String,
    pub symbol: String,
    /// The function that the embedder calls.
    pub func: FuncId,
    pub item: LibraryItem,
}

/// What an export is to an embedder.
#[derive(Clone, Debug)]
pub enum LibraryItem {
    Func {
        params: Vec<ValType>,
        results: Vec<ValType>,
    },
    /// A function of a component.
    Lift,
    /// The same of a function of async type, which is begun.
    Start,
    /// Has what was begun go on.
    Poll,
    /// Ends a resource of a component.
    Drop,
    /// The address and the length of a memory.
    Memory,
    /// The value of a global.
    Global(GlobalId),
}

/// A function that the embedder provides.
#[derive(Clone, Debug)]
pub struct LibraryImport {
    pub(super) module: String,
    pub(super) name: String,
    /// What the header calls it.
    pub field: String,
    pub ty: FuncType,
    pub(super) func: FuncId,
}

/// A function that the embedder provides to a component.
#[derive(Clone, Debug)]
pub struct ComponentImport {
    /// `name`, or `interface#name`; of a function, or of a resource type whose end it is told.
    pub name: String,
    /// What the header calls it.
    pub field: String,
}

/// The library that a program is.
#[derive(Clone, Default, Debug)]
pub struct Library {
    pub fns: Vec<LibraryFn>,
    pub imports: Vec<LibraryImport>,
    pub component_imports: Vec<ComponentImport>,
    /// Exports that C has no type for, or that nobody can do anything with.
    pub left_out: Vec<String>,
    /// Functions are called without the runtime: nothing that they call has to know of a call.
    pub is_direct: bool,
}

/// The prefix of a library's names: that of its input in C's letters.
#[must_use]
pub fn prefix(name: &str) -> String {
    let name = c_name(name);
    match name.bytes().next() {
        None => "lib".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("lib{name}"),
        Some(_) => name,
    }
}

pub(super) fn c_name(name: &str) -> String {
    let in_c = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' => c,
        _ => '_',
    };
    name.chars().map(in_c).collect()
}

#[cfg(test)]
mod tests {
    use super::prefix;

    #[test]
    fn names_are_those_of_c() {
        for (name, expected) in [
            ("app", "app"),
            ("my-app.v2", "my_app_v2"),
            ("3d", "lib3d"),
            ("", "lib"),
            ("größe", "gr__e"),
        ] {
            assert_eq!(prefix(name), expected);
        }
    }
}
