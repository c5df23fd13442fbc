//! What is known of the source of a module's code.

use super::expression::{Located, Operation};
use super::types::{Namespace, Type};
use std::sync::Arc;

/// How much is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// Lines and functions.
    Lines,
    /// Blocks, variables and types, too.
    Full,
}

/// Where the code of a module is from.
#[derive(Default, Debug)]
pub struct Source {
    /// Paths of source files.
    pub files: Vec<String>,
    /// Inlined functions.
    pub scopes: Vec<Scope>,
    /// Ascending by address, and one for each at most.
    pub rows: Vec<Row>,
    pub units: Vec<SourceUnit>,
    /// Functions that are in the module, ascending by address.
    pub functions: Vec<Function>,
    /// Variables that are in no function.
    pub globals: Vec<Global>,
    /// What says where variables are.
    pub operations: Vec<Operation>,
    pub types: Vec<Type>,
    pub namespaces: Vec<Namespace>,
}

/// What was compiled at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SourceUnit {
    /// The path of the file that it began with, and the folder that paths are relative to.
    pub name: String,
    pub folder: String,
    /// One of `gimli::DW_LANG_*`.
    pub language: u16,
}

/// A function as the source has it.
#[derive(Clone, PartialEq, Debug)]
pub struct Function {
    /// Where its code begins, as that of rows.
    pub address: u32,
    pub name: Arc<str>,
    /// As the linker knows it, where that is something else.
    pub linkage: Option<Arc<str>>,
    /// Of [`Source::units`].
    pub unit: u32,
    pub declared: Position,
    /// Of what it gives; nothing if it gives nothing.
    pub result: Option<u32>,
    /// The address of its frame in memory.
    pub frame: Vec<Operation>,
    pub variables: Vec<Variable>,
}

/// A variable or parameter of a function, or of one that is inlined in it.
#[derive(Clone, PartialEq, Debug)]
pub struct Variable {
    pub name: Arc<str>,
    pub is_parameter: bool,
    /// Of [`Source::types`].
    pub ty: Option<u32>,
    /// Of [`Source::scopes`]; the function itself if none.
    pub scope: Option<u32>,
    pub declared: Position,
    pub locations: Vec<Located>,
    /// What it always is.
    pub constant: Option<i64>,
}

/// A variable that is there all the time.
#[derive(Clone, PartialEq, Debug)]
pub struct Global {
    /// Of [`Source::units`].
    pub unit: u32,
    pub namespace: Option<u32>,
    pub name: Arc<str>,
    pub linkage: Option<Arc<str>>,
    pub ty: Option<u32>,
    pub declared: Position,
    pub address: u64,
}

/// A function in the place of a call, by the compiler that made the module, or a block of a function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// As the linker knows it; nothing for a block.
    pub name: Option<Arc<str>>,
    /// The scope that it is called in; a function of the module if none.
    pub parent: Option<u32>,
    /// The call.
    pub call: Position,
}

/// A local of a wasm function that says where variables of the source are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NamedLocal {
    pub local: u32,
    /// The parts of the body where it does, in bytes from the start of the body: ascending and
    /// without overlaps. Where a location of a variable begins or ends, so does one of them.
    pub parts: Vec<(u32, u32)>,
}

impl Function {
    /// The locals of the wasm function that say where its variables are, ascending: by the operations of
    /// the source. Its body begins at `start`.
    #[must_use]
    pub fn locals(&self, start: u32, operations: &[Operation]) -> Vec<NamedLocal> {
        let located = self
            .variables
            .iter()
            .flat_map(|variable| &variable.locations)
            .map(|located| {
                (
                    located.within(start),
                    &operations[located.expression.clone()],
                )
            });
        let mut named = Vec::new();
        for ((from, to), expression) in located.chain([((0, u32::MAX), &*self.frame)]) {
            // What is in the frame is where that is.
            let by_frame = expression
                .iter()
                .any(|operation| matches!(operation, Operation::Frame(_)));
            let frame: &[Operation] = if by_frame { &self.frame } else { &[] };
            for operation in expression.iter().chain(frame) {
                if let Operation::Local(local) = operation
                    && from < to
                {
                    named.push((*local, from, to));
                }
            }
        }
        named.sort_unstable();
        named.dedup();
        let of_locals = named.chunk_by(|a, b| a.0 == b.0);
        let locals = of_locals.map(|of_local| NamedLocal {
            local: of_local[0].0,
            parts: parts(of_local.iter().map(|&(_, from, to)| (from, to))),
        });
        locals.collect()
    }
}

/// Cuts ranges where others begin and end.
fn parts(ranges: impl Iterator<Item = (u32, u32)>) -> Vec<(u32, u32)> {
    let mut bounds: Vec<(u32, i32)> = ranges
        .flat_map(|(from, to)| [(from, 1), (to, -1)])
        .collect();
    bounds.sort_unstable();
    let mut parts = Vec::new();
    let mut inside = 0;
    for (bound, next) in bounds.iter().zip(bounds.iter().skip(1)) {
        inside += bound.1;
        if inside > 0 && bound.0 < next.0 {
            parts.push((bound.0, next.0));
        }
    }
    parts
}

/// A place in a source file.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Position {
    /// Of [`Source::files`].
    pub file: Option<u32>,
    /// From 1 on; 0 is unknown.
    pub line: u32,
    /// From 1 on; 0 is unknown.
    pub column: u32,
}

/// What is true from an address on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Row {
    /// Bytes from the start of the code section's contents.
    pub address: u32,
    /// Of [`Source::scopes`].
    pub scope: Option<u32>,
    pub position: Position,
}

impl Source {
    /// The function that is inlined where a scope is, if one is: blocks are in that around them.
    #[must_use]
    pub fn inlined(&self, mut scope: Option<u32>) -> Option<u32> {
        while let Some(number) = scope
            && self.scopes[number as usize].name.is_none()
        {
            scope = self.scopes[number as usize].parent;
        }
        scope
    }

    /// The function whose code begins within this part of the code: a body begins with its locals.
    #[must_use]
    pub fn function_in(&self, start: u32, end: u32) -> Option<&Function> {
        let first = self
            .functions
            .partition_point(|function| function.address < start);
        let function = self.functions.get(first)?;
        (function.address < end).then_some(function)
    }

    /// The rows that say something of this part of the code, with the one that is true at its start.
    #[must_use]
    pub fn rows_of(&self, start: u32, end: u32) -> &[Row] {
        let first = self.rows.partition_point(|row| row.address <= start);
        let last = self.rows.partition_point(|row| row.address < end);
        &self.rows[first.saturating_sub(1).min(last)..last]
    }
}

/// Which of these rows is true at an address. Those that are asked for mostly ascend: `near` is where the
/// last one was.
#[must_use]
pub fn row_near<'r>(rows: &'r [Row], address: u32, near: &mut usize) -> Option<&'r Row> {
    let is_at = |at: usize| {
        let next = rows.get(at + 1);
        rows[at].address <= address && next.is_none_or(|next| address < next.address)
    };
    for at in [*near, *near + 1] {
        if at < rows.len() && is_at(at) {
            *near = at;
            return rows.get(at);
        }
    }
    let behind = rows.partition_point(|row| row.address <= address);
    *near = behind.checked_sub(1)?;
    rows.get(*near)
}
