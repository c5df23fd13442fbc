//! Which stack is in use, and which others hold frames: fibers that are suspended, and the stacks
//! from which a fiber was entered.
//!
//! What walks frames ends where the current stack does; what looks for references looks through
//! all of them.

use std::cell::RefCell;

use crate::vm::{arch, backtrace};

/// The other stacks. Each has a place as long as it is one of them, so that thousands can come and
/// go in any order.
#[derive(Debug)]
struct Others {
    places: Vec<Place>,
    /// A place that is free, or one past the last.
    free: usize,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    /// The lowest word that the frames of a stack use, and its top.
    Stack(usize, usize),
    /// With the next place that is free.
    Free(usize),
}

thread_local! {
    static OTHERS: RefCell<Others> = const {
        RefCell::new(Others {
            places: Vec::new(),
            free: 0,
        })
    };
}

impl Others {
    fn add(&mut self, low: usize, end: usize) -> usize {
        let at = self.free;
        match self.places.get_mut(at) {
            Some(place) => {
                if let Place::Free(next) = *place {
                    self.free = next;
                }
                *place = Place::Stack(low, end);
            }
            None => {
                self.places.push(Place::Stack(low, end));
                self.free = self.places.len();
            }
        }
        at
    }

    fn remove(&mut self, at: usize) {
        if let Some(place) = self.places.get_mut(at) {
            *place = Place::Free(self.free);
            self.free = at;
        }
    }

    /// Removes a stack whose place nobody knows any more.
    fn remove_ending_at(&mut self, end: usize) {
        let is_it = |place: &Place| matches!(place, Place::Stack(_, other) if *other == end);
        if let Some(at) = self.places.iter().rposition(is_it) {
            self.remove(at);
        }
    }
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

/// Runs `body`, which is called by frames that are not walked, up to `outer`, where a stack ended until
/// then: compiled code is among them, and what it refers to is looked for.
pub(crate) fn run_above(outer: usize, body: impl FnOnce()) {
    set_aside(outer, body);
}

/// Runs `body`, which uses another stack than the current one, whose end is `end`.
fn set_aside(end: usize, body: impl FnOnce()) {
    arch::with_registers_on_stack(|low| {
        let at = OTHERS.with_borrow_mut(|others| others.add(low, end));
        body();
        OTHERS.with_borrow_mut(|others| others.remove(at));
    });
}

/// The stack that ends at `end` is in use no more.
pub(crate) fn forget(end: usize) {
    OTHERS.with_borrow_mut(|others| others.remove_ending_at(end));
}

/// After a trap, execution has gone on at a frame of the stack that ends at `end`.
pub(super) fn recover(end: usize) {
    if backtrace::stack_end() != end {
        backtrace::set_stack_end(end);
        forget(end);
    }
}

/// The bounds of the stacks other than the current one.
pub(crate) fn others() -> Vec<(usize, usize)> {
    let bounds = |place: &Place| match *place {
        Place::Stack(low, end) => Some((low, end)),
        Place::Free(_) => None,
    };
    OTHERS.with_borrow(|others| others.places.iter().filter_map(bounds).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stacks_leave_in_any_order() {
        let mut others = Others {
            places: Vec::new(),
            free: 0,
        };
        let places: Vec<usize> = (1..=4).map(|end| others.add(0, end)).collect();
        assert_eq!(places, [0, 1, 2, 3]);
        others.remove(places[1]);
        others.remove_ending_at(4);
        others.remove_ending_at(4);
        assert_eq!(
            [others.add(0, 5), others.add(0, 6), others.add(0, 7)],
            [3, 1, 4]
        );
        let ends: Vec<usize> = others
            .places
            .iter()
            .map(|place| match place {
                Place::Stack(_, end) => *end,
                Place::Free(_) => 0,
            })
            .collect();
        assert_eq!(ends, [1, 6, 3, 5, 7]);
    }
}
