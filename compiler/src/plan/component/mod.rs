//! Components to modules: what is left of a component when its instances are evaluated.
//!
//! Comes in: a validated component. Goes out: a [`Linked`] program: core modules in the order of
//! instantiation with every import resolved, the functions that `canon` definitions make, resource
//! types, and what the root exports. No nesting and no component-level name is left.

mod canon;
mod embedder;
mod evaluate;
mod host;
mod reentry;
mod space;
mod types;

pub use evaluate::link;
pub use host::HostImports;
