//! What `check` and `inspect` say of an input.

/// An input as `check` and `inspect` describe it.
#[derive(Clone, Default, Debug)]
pub struct Summary {
    pub is_component: bool,
    /// `module`, `name`, type as text. Of a component: the interface and the function, or the
    /// name of another import and nothing.
    pub imports: Vec<(String, String, String)>,
    /// `name`, type as text. A function of an interface is `interface#name`.
    pub exports: Vec<(String, String)>,
    pub functions: usize,
    pub memories: Vec<String>,
    pub tables: usize,
    pub globals: usize,
    pub data_bytes: u64,
    pub code_bytes: u64,
    /// Of a component: the core modules in it, at any depth.
    pub modules: Vec<ModuleSummary>,
    /// Of a component: how many components are in it, at any depth.
    pub components: usize,
    /// Custom sections: name and bytes.
    pub custom: Vec<(String, u64)>,
}

/// A core module inside a component.
#[derive(Clone, Default, Debug)]
pub struct ModuleSummary {
    /// From its name section; empty without one.
    pub name: String,
    pub bytes: u64,
    pub functions: usize,
}

/// Names of what a component imports and exports, with versions.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Externs {
    pub imports: Vec<String>,
    pub exports: Vec<String>,
}
