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
    TURN.with(|turn| {
        if turn.is_over.get() {
            return false;
        }
        let now = now_ns(Clock::Monotonic);
        let attempts = turn.attempts.get();
        if attempts == 0 {
            turn.began_ns.set(now);
        }
        turn.attempts.set(attempts + 1);
        let is_over =
            attempts == ATTEMPTS_MAX || now.saturating_sub(turn.began_ns.get()) >= ATTEMPTS_NS;
        turn.is_over.set(is_over);
        !is_over
    })
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
