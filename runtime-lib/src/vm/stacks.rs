//! Which stack is in use, and which others hold frames: fibers that are suspended, and the stacks
//! from which a fiber was entered.
//!
//! What walks frames ends where the current stack does; what looks for references looks through
//! all of them.

use std::cell::RefCell;

use crate::vm::{arch, backtrace};

thread_local! {
    /// Bounds of the other stacks: the lowest word that their frames use, and their top.
    static OTHERS: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

/// Runs `body`, which enters a fiber whose stack ends at `top` and returns when that is left.
pub(crate) fn run_on(top: usize, body: impl FnOnce()) {
    let outer = backtrace::stack_end();
    set_aside(outer, || {
        backtrace::set_stack_end(top);
        body();
        backtrace::set_stack_end(outer);
    });
}

/// Runs `body`, which leaves the current fiber and returns when that is entered again.
pub(crate) fn leave(body: impl FnOnce()) {
    set_aside(backtrace::stack_end(), body);
}

/// Runs `body`, which uses another stack than the current one, whose end is `end`.
fn set_aside(end: usize, body: impl FnOnce()) {
    arch::with_registers_on_stack(|low| {
        OTHERS.with_borrow_mut(|others| others.push((low, end)));
        body();
        forget(end);
    });
}

fn forget(end: usize) {
    OTHERS.with_borrow_mut(|others| {
        if let Some(at) = others.iter().rposition(|other| other.1 == end) {
            others.swap_remove(at);
        }
    });
}

/// After a trap, execution has gone on at a frame of the stack that ends at `end`.
pub(super) fn recover(end: usize) {
    if backtrace::stack_end() != end {
        backtrace::set_stack_end(end);
        forget(end);
    }
}

/// The bounds of the stacks other than the current one.
pub(super) fn others() -> Vec<(usize, usize)> {
    OTHERS.with_borrow(Clone::clone)
}
