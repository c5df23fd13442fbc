//! Who has had enough for the moment.
//!
//! What is ready at once could go on for ever without anything else getting its turn: a guest that
//! copies from a stream that always has something, or a pipe between two such streams. So after
//! so many attempts, or so much time, since the event loop was last asked, an attempt has to wait
//! for its turn in the scheduler's queue, and the event loop is asked before that.

use std::cell::Cell;

use crate::host::clocks::{Clock, now_ns};

/// After so many ticks, the event loop is asked even if there is more to run.
const TICKS_MAX: u32 = 64;
/// So many attempts are made before it is asked.
const ATTEMPTS_MAX: u32 = 64;
/// And none later than this after the first.
const ATTEMPTS_NS: u64 = 250_000;

/// What has happened since the event loop was last asked.
struct Turn {
    ticks: Cell<u32>,
    attempts: Cell<u32>,
    /// When the first attempt was made.
    began_ns: Cell<u64>,
    is_over: Cell<bool>,
}

thread_local! {
    static TURN: Turn = const {
        Turn {
            ticks: Cell::new(0),
            attempts: Cell::new(0),
            began_ns: Cell::new(0),
            is_over: Cell::new(false),
        }
    };
}

/// Before an attempt at what may be ready at once: whether there is still time for it.
pub(in crate::component) fn may_attempt() -> bool {
    TURN.with(|turn| !turn.is_over.get() && turn.attempt() && !turn.is_over.get())
}

/// Before an attempt at output: only their number counts. A guest may well return without waiting for
/// it, and then loses what it has queued behind it; that must not depend on how long its own code took.
pub(super) fn may_attempt_output() -> bool {
    TURN.with(Turn::attempt)
}

impl Turn {
    /// Counts an attempt: whether there may be so many.
    fn attempt(&self) -> bool {
        let attempts = self.attempts.get();
        if attempts >= ATTEMPTS_MAX {
            self.is_over.set(true);
            return false;
        }
        let now = now_ns(Clock::Monotonic);
        if attempts == 0 {
            self.began_ns.set(now);
        }
        self.attempts.set(attempts + 1);
        if now.saturating_sub(self.began_ns.get()) >= ATTEMPTS_NS {
            self.is_over.set(true);
        }
        true
    }
}

/// At each tick: whether the event loop is to be asked now.
pub(super) fn is_over() -> bool {
    TURN.with(|turn| {
        turn.ticks.set(turn.ticks.get() + 1);
        turn.is_over.get() || turn.ticks.get() >= TICKS_MAX
    })
}

/// The event loop is being asked.
pub(super) fn begin() {
    TURN.with(|turn| {
        turn.ticks.set(0);
        turn.attempts.set(0);
        turn.is_over.set(false);
    });
}

/// The event loop is to be asked at the next tick.
#[cfg(test)]
pub(super) fn end() {
    TURN.with(|turn| turn.is_over.set(true));
}
