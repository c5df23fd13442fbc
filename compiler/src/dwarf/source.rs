//! What is known of the source of a module's code.

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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Function {
    /// Where its code begins, as that of rows.
    pub address: u32,
    pub name: String,
    /// As the linker knows it, where that is something else.
    pub linkage: Option<String>,
    /// Of [`Source::units`].
    pub unit: u32,
    pub declared: Position,
}

/// A function in the place of a call, by the compiler that made the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scope {
    /// As the linker knows it.
    pub name: String,
    /// The scope that it is called in; a function of the module if none.
    pub parent: Option<u32>,
    /// The call.
    pub call: Position,
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
    /// The function whose code begins within this part of the code: a body begins with its locals.
    #[must_use]
    pub fn function_in(&self, start: u32, end: u32) -> Option<&Function> {
        let first = self
            .functions
            .partition_point(|function| function.address < start);
        let function = self.functions.get(first)?;
        (function.address < end).then_some(function)
    }

    /// What is true at an address.
    #[must_use]
    pub fn row_at(&self, address: u32) -> Option<&Row> {
        let behind = self.rows.partition_point(|row| row.address <= address);
        self.rows.get(behind.checked_sub(1)?)
    }

    /// The rows that say something of this part of the code, with the one that is true at its start.
    #[must_use]
    pub fn rows_of(&self, start: u32, end: u32) -> &[Row] {
        let first = self.rows.partition_point(|row| row.address <= start);
        let last = self.rows.partition_point(|row| row.address < end);
        &self.rows[first.saturating_sub(1).min(last)..last]
    }
}
