//! Frames of structured control.
//!
//! A frame's values lie on the operand stack from `height` on. The block where a frame ends takes
//! its results as parameters; a loop's header takes the loop's parameters.

use super::handling::{Active, Try};
use cranelift_codegen::ir::{Block, Inst, Value};

pub(super) struct Frame {
    pub(super) kind: FrameKind,
    /// Operands below the frame's parameters.
    pub(super) height: usize,
    pub(super) params: usize,
    pub(super) results: usize,
    /// Where control goes after the frame; takes the results.
    pub(super) end: Block,
    /// Those that are active in it, but for frames in it.
    pub(super) handlers: Active,
    /// Something branches to `end`.
    pub(super) end_reached: bool,
    /// How often that has happened in a profile.
    pub(super) end_count: u64,
}

pub(super) enum FrameKind {
    Function,
    Block,
    /// Takes the parameters.
    Loop {
        header: Block,
    },
    If {
        /// To `else_block`, if the condition does not hold.
        branch: Inst,
        else_block: Block,
        /// Operands that the other arm starts with.
        params: Vec<Value>,
        has_else: bool,
        /// How often the other arm has run in a profile.
        else_count: u64,
    },
    TryTable {
        /// The handlers around it.
        around: Active,
    },
    Try(Try),
}
