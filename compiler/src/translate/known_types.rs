//! What is known of the types of references.
//!
//! Where a value is defined its type is known for good: that of a parameter, a result, a field. What
//! an instruction has shown is true from there on, which is used in the block of the instruction
//! alone.

use crate::plan;
use cranelift_codegen::ir::{Block, Value};
use foldhash::HashMap;
use std::sync::Arc;
use wasmparser::RefType;

/// Types are in the program's numbers.
#[derive(Default)]
pub(super) struct KnownTypes {
    pub(super) defined: HashMap<Value, RefType>,
    pub(super) shown: HashMap<Value, (RefType, Block)>,
    /// What values can be: one of these. It holds wherever they are.
    pub(super) contents: HashMap<Value, Arc<[plan::Value]>>,
}
