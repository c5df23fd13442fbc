//! Active exception handlers, and how much they may cost.

use crate::index::TagId;
use cranelift_codegen::ir::{Block, Value};
use std::collections::VecDeque;

/// A handler.
#[derive(Clone, Copy)]
pub(super) struct Clause {
    /// The program-wide tag; any exception if none.
    pub(super) tag: Option<TagId>,
    pub(super) landing: Block,
}

/// The handlers of a place: a list that shares all but its first ones with the lists around it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Active(Option<usize>);

struct Entry {
    clause: Clause,
    around: Active,
    /// Some call lists it.
    is_listed: bool,
}

/// All handlers of a function, and those that are active.
#[derive(Default)]
pub(super) struct Handlers {
    entries: Vec<Entry>,
    pub(super) active: Active,
}

impl Handlers {
    pub(super) fn is_empty(&self) -> bool {
        self.active == Active::default()
    }

    /// A handler within all that are active.
    pub(super) fn push(&mut self, clause: Clause) {
        let entry = Entry {
            clause,
            around: self.active,
            is_listed: false,
        };
        self.active = Active(Some(self.entries.len()));
        self.entries.push(entry);
    }

    /// Ends the innermost one.
    pub(super) fn pop(&mut self) -> Option<Clause> {
        let entry = &self.entries[self.active.0?];
        self.active = entry.around;
        Some(entry.clause)
    }

    /// Ends those within `around`, the innermost first, each with whether a call lists it.
    pub(super) fn pop_to(&mut self, around: Active) -> Vec<(Clause, bool)> {
        let mut ended = Vec::new();
        while self.active != around
            && let Some(entry) = self.active.0.map(|at| &self.entries[at])
        {
            ended.push((entry.clause, entry.is_listed));
            self.active = entry.around;
        }
        ended
    }

    /// Goes over the active ones, the innermost first, while `list` says so by something. That says
    /// whether it lists the handler.
    pub(super) fn list(&mut self, mut list: impl FnMut(Clause) -> Option<bool>) {
        let mut next = self.active;
        while let Some(entry) = next.0.map(|at| &mut self.entries[at]) {
            let Some(is_listed) = list(entry.clause) else {
                return;
            };
            entry.is_listed |= is_listed;
            next = entry.around;
        }
    }
}

/// What follows the body of a `try`.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct TryShape {
    /// The tag of each clause; none is that of `catch_all`.
    pub(super) clauses: Vec<Option<u32>>,
    /// The label of the `delegate` that ends it.
    pub(super) delegate: Option<u32>,
    /// A `rethrow` names it.
    pub(super) is_rethrown: bool,
}

/// A `try` whose body or clause is translated.
pub(super) struct Try {
    pub(super) around: Active,
    /// The handlers of its body but for its own clauses.
    pub(super) base: Active,
    /// Behind the body: those that have not begun, each with whether anything gets there.
    pub(super) clauses: Option<VecDeque<(Clause, bool)>>,
    pub(super) is_rethrown: bool,
    /// By the clause that is translated.
    pub(super) caught: Option<Value>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn clause(number: u32) -> Clause {
        Clause {
            tag: Some(TagId(number)),
            landing: Block::from_u32(number),
        }
    }

    /// The tags of those that are active.
    fn active(handlers: &mut Handlers) -> Vec<u32> {
        let mut tags = Vec::new();
        handlers.list(|clause| {
            tags.extend(clause.tag.map(|tag| tag.0));
            Some(false)
        });
        tags
    }

    #[test]
    fn lists_share_what_is_around_them() {
        let mut handlers = Handlers::default();
        assert!(handlers.is_empty() && handlers.pop().is_none());
        handlers.push(clause(1));
        let outer = handlers.active;
        handlers.push(clause(2));
        handlers.push(clause(3));
        let inner = handlers.active;
        assert_eq!(active(&mut handlers), [3, 2, 1]);
        // As code does that delegates to a block further out, and to one within it again.
        handlers.active = outer;
        handlers.push(clause(4));
        assert_eq!(active(&mut handlers), [4, 1]);
        handlers.active = inner;
        handlers.list(|clause| (clause.tag != Some(TagId(2))).then_some(true));
        let ended = handlers.pop_to(outer);
        let ended: Vec<(u32, bool)> = ended
            .iter()
            .map(|(clause, is_listed)| (clause.landing.as_u32(), *is_listed))
            .collect();
        assert_eq!(ended, [(3, true), (2, false)]);
        assert_eq!(active(&mut handlers), [1]);
        assert_eq!(
            handlers.pop().map(|clause| clause.landing),
            Some(Block::from_u32(1))
        );
        assert!(handlers.is_empty());
    }
}
