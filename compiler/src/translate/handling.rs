//! Active exception handlers, and how much they may cost.

use crate::index::TagId;
use cranelift_codegen::ir::Block;

/// An active handler.
#[derive(Clone, Copy)]
pub(super) struct Clause {
    /// The program-wide tag; any exception if none.
    pub(super) tag: Option<TagId>,
    pub(super) landing: Block,
}

/// How much all calls of one function together may have to do with handlers: `n` calls inside `n`
/// nested `try_table`s meet `n` squared.
#[derive(Default)]
pub(super) struct Handling {
    /// Handlers that were looked at, counted or not.
    pub(super) visited: usize,
    /// Those that an exception can reach, beyond a few for each call: each is an edge of the control
    /// flow.
    pub(super) listed: usize,
}

impl Handling {
    const VISITED_MAX: usize = 1_000_000;
    /// Handlers of a call that are not counted as listed.
    pub(super) const LISTED_FREE: usize = 8;
    /// Register allocation takes a second for this many, and ten times that for three times as many.
    const LISTED_MAX: usize = 20_000;

    pub(super) fn is_too_much(&self) -> bool {
        self.visited > Handling::VISITED_MAX || self.listed > Handling::LISTED_MAX
    }
}
