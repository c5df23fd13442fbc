//! What happens at the same time, in each order. The clock and the descriptors are those of a
//! script.

use super::guests::*;
use super::host::{FOR_EVER, call_host, call_sleep, wait_for_byte, write_byte};
use crate::io::script::Script;

const CANCELLED_BEFORE_RETURNED: u32 = 4;

/// The handle of a subtask that sleeps.
fn sleeping(ms: u32) -> u32 {
    let status = call_sleep(ms, true);
    assert_eq!(status & 0xf, STARTED);
    status >> 4
}

/// A set of subtasks.
fn set_of_all(subtasks: impl IntoIterator<Item = u32>) -> u32 {
    let set = waitable_set_new(OUTER);
    for subtask in subtasks {
        waitable_join(OUTER, subtask, set);
    }
    set
}

#[test]
fn timers_fire_in_the_order_of_their_times() {
    const TIMES: [u32; 6] = [30, 10, 20, 10, 86_400_000, 20];
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            // Handles count from 1.
            wait(set_of_all(TIMES.map(sleeping)))
        }

        fn callback(_: u32, subtask: u32, _: u32) -> u32 {
            log(format!("{subtask} at {}", Script::ms()));
            subtask_drop(OUTER, subtask);
            context_set(0, context_get(0) + 1);
            if context_get(0) < TIMES.len() as u32 {
                return wait(TIMES.len() as u32 + 1);
            }
            task_return(0);
            EXIT
        }
    }
    new_store();
    let _script = Script::start();
    assert_eq!(invoke::<Outer>(), Some(0));
    let expected = ["2 at 10", "4 at 10", "3 at 20", "6 at 20", "1 at 30"];
    let mut logged = logged();
    assert_eq!(logged.pop().as_deref(), Some("5 at 86400000"));
    assert_eq!(logged, expected);
}

/// Two timers fire together. Where the first has been heard of, what becomes of the second when
/// it is cancelled, at once or after a turn of the others?
struct Racing<const YIELDS: bool>;

impl<const YIELDS: bool> Code for Racing<YIELDS> {
    const INSTANCE: u32 = OUTER;

    fn start(_: u32) -> u32 {
        wait(set_of_all([sleeping(10), sleeping(10)]))
    }

    fn callback(event: u32, subtask: u32, _: u32) -> u32 {
        assert_eq!(Script::ms(), 10);
        if event == SUBTASK {
            assert_eq!(subtask, 1);
            if YIELDS {
                return YIELD;
            }
        }
        waitable_join(OUTER, 2, 0);
        task_return(subtask_cancel(OUTER, 0, 2));
        subtask_drop(OUTER, 2);
        EXIT
    }
}

#[test]
fn a_timer_that_is_over_is_cancelled_before_its_turn() {
    new_store();
    let _script = Script::start();
    let state = invoke::<Racing<false>>();
    assert_eq!(state, Some(CANCELLED_BEFORE_RETURNED));
    assert_eq!(logged(), ["dropped"]);
}

#[test]
fn a_timer_that_has_had_its_turn_has_returned() {
    new_store();
    let _script = Script::start();
    assert_eq!(invoke::<Racing<true>>(), Some(RETURNED));
    assert!(logged().is_empty());
}

#[test]
fn code_that_is_slower_than_a_timer_may_cancel_it() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let subtask = sleeping(10);
            Script::pass(20);
            let state = subtask_cancel(OUTER, 0, subtask);
            assert_eq!(state, CANCELLED_BEFORE_RETURNED);
            subtask_drop(OUTER, subtask);
            // What has passed is not waited for.
            wait(set_of(OUTER, sleeping(1)))
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            task_return(Script::ms() as u32);
            EXIT
        }
    }
    new_store();
    let _script = Script::start();
    assert_eq!(invoke::<Outer>(), Some(21));
    assert_eq!(logged(), ["dropped"]);
}

/// A timer, and a byte: in which order they are heard of, and when.
struct TimerAndByte;

impl Code for TimerAndByte {
    const INSTANCE: u32 = OUTER;

    fn start(_: u32) -> u32 {
        let byte = call_host(wait_for_byte, 0, true) >> 4;
        wait(set_of_all([sleeping(10), byte]))
    }

    fn callback(_: u32, subtask: u32, payload: u32) -> u32 {
        assert_eq!(payload, RETURNED);
        let what = if subtask == 1 { "byte" } else { "timer" };
        log(format!("{what} at {}", Script::ms()));
        subtask_drop(OUTER, subtask);
        context_set(0, context_get(0) + 1);
        if context_get(0) < 2 {
            return wait(3);
        }
        task_return(0);
        EXIT
    }
}

#[test]
fn a_byte_and_a_timer_are_heard_of_when_they_are_there() {
    let cases = [
        (9, ["byte at 9", "timer at 10"]),
        (10, ["byte at 10", "timer at 10"]),
        (11, ["timer at 10", "byte at 11"]),
    ];
    for (at_ms, expected) in cases {
        new_store();
        let script = Script::start();
        script.at(at_ms, write_byte);
        assert_eq!(invoke::<TimerAndByte>(), Some(0));
        assert_eq!(logged(), expected);
    }
}

/// Cancels the wait for a byte when a timer is over.
struct GivesUp;

impl Code for GivesUp {
    const INSTANCE: u32 = OUTER;

    fn start(_: u32) -> u32 {
        let byte = call_host(wait_for_byte, 0, true) >> 4;
        let never = sleeping(FOR_EVER);
        wait(set_of_all([byte, never, sleeping(10)]))
    }

    fn callback(_: u32, subtask: u32, _: u32) -> u32 {
        assert_eq!((subtask, Script::ms()), (3, 10));
        let cancelled = [1, 2].map(|subtask| {
            waitable_join(OUTER, subtask, 0);
            subtask_cancel(OUTER, 0, subtask)
        });
        assert_eq!(cancelled, [CANCELLED_BEFORE_RETURNED; 2]);
        // The byte that comes next is another's.
        write_byte();
        assert_eq!(call_host(wait_for_byte, 0, true), RETURNED);
        task_return(read_u32(RESULT));
        EXIT
    }
}

#[test]
fn what_is_given_up_takes_nothing() {
    new_store();
    let _script = Script::start();
    assert_eq!(invoke::<GivesUp>(), Some(1));
    assert_eq!(logged(), ["dropped"]);
}

/// Calls of a component that wait for each other's turn.
#[test]
fn a_call_that_waits_inside_lets_timers_of_others_fire() {
    struct Inner;
    impl Code for Inner {
        const FLAGS: u64 = STACKFUL;
        const ON_FIBER: bool = true;

        fn start(ms: u32) -> u32 {
            assert_eq!(call_sleep(ms, false), ms + 1);
            log(format!("{ms} over at {}", Script::ms()));
            task_return(ms);
            EXIT
        }
    }
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let calls = [30, 10, 20].map(call_async::<Inner>);
            assert!(calls.iter().all(|(state, _)| *state == STARTED));
            wait(set_of_all(calls.map(|(_, subtask)| subtask)))
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            context_set(0, context_get(0) + 1);
            if context_get(0) < 3 {
                return wait(4);
            }
            task_return(0);
            EXIT
        }
    }
    new_store();
    let _script = Script::start();
    assert_eq!(invoke::<Outer>(), Some(0));
    assert_eq!(
        logged(),
        ["10 over at 10", "20 over at 20", "30 over at 30"]
    );
}
