//! Very many tasks: nothing is searched for among all of them, which would take minutes, and nobody
//! who has left is kept.

use super::guests::*;
use crate::component::state;
use crate::component::tasks::running;
use crate::host::clocks::{Clock, now_ns};

const CROWD: u32 = 100_000;
const CANCELLED_BEFORE_STARTED: u32 = 3;

/// Calls `body` as the code of a task.
macro_rules! in_task {
    ($body:expr) => {{
        struct Outer;
        impl Code for Outer {
            const INSTANCE: u32 = OUTER;
            const ON_FIBER: bool = true;

            fn start(_: u32) -> u32 {
                $body;
                task_return(77);
                EXIT
            }
        }
        new_store();
        assert_eq!(invoke::<Outer>(), Some(77));
        assert_quick();
    }};
}

/// The thread of this test has not taken more CPU time than a slow machine does.
fn assert_quick() {
    const NS_MAX: u64 = 20_000_000_000;
    let ns = now_ns(Clock::ThreadCpu);
    assert!(ns < NS_MAX, "{ns} ns");
}

/// Returns after others have had their turn.
struct Later;

impl Code for Later {
    fn start(param: u32) -> u32 {
        context_set(0, param);
        YIELD
    }

    fn callback(_: u32, _: u32, _: u32) -> u32 {
        task_return(context_get(0));
        EXIT
    }
}

/// Waits until all of them have returned.
fn await_all(set: u32, count: u32) {
    let mut left = count;
    while left > 0 {
        assert_eq!(waitable_set_wait(OUTER, 0, set, 16), SUBTASK);
        if read_u32(20) == RETURNED {
            waitable_join(OUTER, read_u32(16), 0);
            subtask_drop(OUTER, read_u32(16));
            left -= 1;
        }
    }
}

fn call_all<C: Code>(set: u32, count: u32) -> Vec<u32> {
    let call = |param| {
        let (_, subtask) = call_async::<C>(param);
        waitable_join(OUTER, subtask, set);
        subtask
    };
    (0..count).map(call).collect()
}

#[test]
fn calls_that_go_on_at_the_same_time() {
    in_task!({
        let set = waitable_set_new(OUTER);
        call_all::<Later>(set, CROWD);
        await_all(set, CROWD);
        waitable_set_drop(OUTER, set);
    });
}

#[test]
fn calls_that_wait_to_enter() {
    in_task!({
        let set = waitable_set_new(OUTER);
        backpressure_inc(INNER);
        let subtasks = call_all::<Later>(set, CROWD);
        // The last first: all but two leave from the end of the queue.
        for &subtask in subtasks[2..].iter().rev() {
            assert_eq!(subtask_cancel(OUTER, 1, subtask), CANCELLED_BEFORE_STARTED);
            waitable_join(OUTER, subtask, 0);
            subtask_drop(OUTER, subtask);
        }
        // Who comes now waits behind those.
        call_all::<Later>(set, 1);
        backpressure_dec(INNER);
        await_all(set, 3);
    });
}

/// Waits for an event of a set that all of them wait for.
struct Waiter;

impl Code for Waiter {
    const INSTANCE: u32 = OUTER;

    fn start(_: u32) -> u32 {
        wait(WORD.get())
    }

    fn callback(event: u32, index: u32, payload: u32) -> u32 {
        assert_eq!((event, payload), (SUBTASK, RETURNED));
        waitable_join(OUTER, index, 0);
        subtask_drop(OUTER, index);
        task_return(0);
        EXIT
    }
}

#[test]
fn tasks_that_wait_for_one_set() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        // It does not have its instance for itself while it waits.
        const FLAGS: u64 = STACKFUL;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            WORD.set(waitable_set_new(OUTER));
            let set = waitable_set_new(OUTER);
            call_all::<Waiter>(set, CROWD);
            call_all::<Later>(WORD.get(), CROWD);
            await_all(set, CROWD);
            waitable_set_drop(OUTER, WORD.get());
            task_return(77);
            0
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(77));
    assert_quick();
}

#[test]
fn callbacks_that_wait_for_a_task_that_blocks() {
    /// Yields until nobody is before it, which takes as long as [`Holder`] does.
    struct Holder;
    impl Code for Holder {
        const FLAGS: u64 = SYNC;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            for _ in 0..3 {
                thread_yield(INNER, 0);
            }
            log("released");
            0
        }
    }
    in_task!({
        let set = waitable_set_new(OUTER);
        call_all::<Later>(set, CROWD);
        call_all::<Holder>(set, 1);
        await_all(set, CROWD + 1);
        assert_eq!(logged(), ["released"]);
    });
}

/// As [`Waiter`], to be cancelled.
struct Given;

impl Code for Given {
    const INSTANCE: u32 = OUTER;

    fn start(_: u32) -> u32 {
        wait(WORD.get())
    }

    fn callback(event: u32, _: u32, _: u32) -> u32 {
        assert_eq!(event, CANCELLED);
        task_cancel();
        EXIT
    }
}

const CANCELLED_BEFORE_RETURNED: u32 = 4;

#[test]
fn tasks_that_wait_for_one_set_are_cancelled_last_first() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        const FLAGS: u64 = STACKFUL;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            WORD.set(waitable_set_new(OUTER));
            let all: Vec<u32> = (0..CROWD).map(|_| call_async::<Given>(0).1).collect();
            for subtask in all.into_iter().rev() {
                assert_eq!(subtask_cancel(OUTER, 1, subtask), CANCELLED_BEFORE_RETURNED);
                subtask_drop(OUTER, subtask);
            }
            waitable_set_drop(OUTER, WORD.get());
            task_return(77);
            0
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(77));
    assert_quick();
}

/// As [`Later`], to be cancelled.
struct Yielding;

impl Code for Yielding {
    fn start(_: u32) -> u32 {
        YIELD
    }

    fn callback(event: u32, _: u32, _: u32) -> u32 {
        assert_eq!(event, CANCELLED);
        task_cancel();
        EXIT
    }
}

#[test]
fn what_is_cancelled_is_not_kept() {
    in_task!({
        backpressure_inc(INNER);
        // One that waits to enter, for all the time.
        let (_, first) = call_async::<Later>(0);
        for _ in 0..1000 {
            let (_, subtask) = call_async::<Later>(0);
            assert_eq!(subtask_cancel(OUTER, 1, subtask), CANCELLED_BEFORE_STARTED);
            subtask_drop(OUTER, subtask);
        }
        let instance = state::with(store(), |state| state.instance(INNER));
        assert!(instance.entering_places() < 100);
        backpressure_dec(INNER);
        await_all(set_of(OUTER, first), 1);
        for _ in 0..1000 {
            let (_, subtask) = call_async::<Yielding>(0);
            assert_eq!(subtask_cancel(OUTER, 1, subtask), CANCELLED_BEFORE_RETURNED);
            subtask_drop(OUTER, subtask);
        }
        assert!(running::places() < 100, "{}", running::places());
    });
}

/// Each on a stack of its own.
struct TakingTurns;

impl Code for TakingTurns {
    const FLAGS: u64 = STACKFUL;
    const ON_FIBER: bool = true;

    fn start(param: u32) -> u32 {
        for _ in 0..50 {
            thread_yield(INNER, 0);
        }
        task_return(param);
        0
    }
}

#[test]
fn stacks_that_take_turns() {
    const STACKS: u32 = 10_000;
    in_task!({
        let set = waitable_set_new(OUTER);
        call_all::<TakingTurns>(set, STACKS);
        await_all(set, STACKS);
    });
}
