//! A clock and a poller for tests: whatever would wait for the system has the clock go on instead.
//!
//! While a [`Script`] runs in a thread, the monotonic clock stands still unless everything waits:
//! then it shows the next time at which something happens, which is an action of the script or a
//! time that somebody waits for. Actions make descriptors ready, as whoever is at their other end
//! would; the system reports that at once. So a test goes the same way each time, takes no time,
//! and knows what the clock shows at each step.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::host::clocks::SCRIPTED_NS;

const NS_PER_MS: u64 = 1_000_000;

/// What the clock shows first.
const START_NS: u64 = 1_000 * NS_PER_MS;

/// Runs until it is dropped.
pub(crate) struct Script(());

type Action = Box<dyn FnOnce()>;

thread_local! {
    /// What is going to happen, by its time.
    static ACTIONS: RefCell<BTreeMap<u64, Vec<Action>>> = RefCell::default();
}

impl Script {
    pub(crate) fn start() -> Script {
        assert!(!is_running(), "a thread has one script");
        SCRIPTED_NS.set(Some(START_NS));
        Script(())
    }

    /// Has something happen when so many milliseconds of the script are over.
    pub(crate) fn at(&self, ms: u64, action: impl FnOnce() + 'static) {
        ACTIONS.with_borrow_mut(|actions| {
            let then = actions.entry(Script::ns(ms)).or_default();
            then.push(Box::new(action));
        });
    }

    /// The time of the clock after so many milliseconds of the script.
    pub(crate) fn ns(ms: u64) -> u64 {
        START_NS + ms * NS_PER_MS
    }

    /// How many milliseconds of the script are over.
    pub(crate) fn ms() -> u64 {
        let now = SCRIPTED_NS.get().expect("a script runs");
        (now - START_NS) / NS_PER_MS
    }

    /// Has the clock go on while nothing waits, as it does for code that is slow.
    pub(crate) fn pass(ms: u64) {
        go_to(SCRIPTED_NS.get().expect("a script runs") + ms * NS_PER_MS);
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        SCRIPTED_NS.set(None);
        drop(ACTIONS.take());
    }
}

pub(super) fn is_running() -> bool {
    SCRIPTED_NS.get().is_some()
}

/// Waits up to a time for something that `poll`, which does not wait, finds.
pub(super) fn wait(deadline_ns: Option<u64>, mut poll: impl FnMut() -> bool) {
    while !poll() {
        let now = SCRIPTED_NS.get().expect("a script runs");
        if deadline_ns.is_some_and(|at_ns| at_ns <= now) {
            return;
        }
        let first = ACTIONS.with_borrow(|actions| actions.keys().next().copied());
        let next = first.into_iter().chain(deadline_ns).min();
        go_to(next.expect("something happens for which everything waits"));
    }
}

/// The clock shows a time; what was to happen until then happens.
fn go_to(at_ns: u64) {
    SCRIPTED_NS.set(Some(at_ns));
    loop {
        let due = ACTIONS.with_borrow_mut(|actions| {
            let first = actions.first_entry()?;
            (*first.key() <= at_ns).then(|| first.remove())
        });
        let Some(due) = due else {
            return;
        };
        due.into_iter().for_each(|action| action());
    }
}
