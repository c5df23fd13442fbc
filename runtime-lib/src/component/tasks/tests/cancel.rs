//! Cancellation of subtasks, in every state.

use super::guests::*;

const CANCELLED_BEFORE_STARTED: u32 = 3;
const CANCELLED_BEFORE_RETURNED: u32 = 4;
const BLOCKED: u32 = u32::MAX;

/// Waits for an event that never comes, until it is cancelled.
struct Waiting;

impl Code for Waiting {
    fn start(_: u32) -> u32 {
        log("starts");
        wait(waitable_set_new(INNER))
    }

    fn callback(event: u32, _: u32, _: u32) -> u32 {
        assert_eq!(event, CANCELLED);
        log("is cancelled");
        if WORD.get() == 2 {
            task_return(5);
        } else {
            task_cancel();
        }
        EXIT
    }
}

/// As [`Waiting`], inside its code.
struct Blocking;

impl Code for Blocking {
    const ON_FIBER: bool = true;

    fn start(_: u32) -> u32 {
        let set = waitable_set_new(INNER);
        let event = waitable_set_wait(INNER, 1, set, 16);
        assert_eq!((event, read_u32(16), read_u32(20)), (CANCELLED, 0, 0));
        task_cancel();
        EXIT
    }
}

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
    }};
}

#[test]
fn before_it_has_started() {
    in_task!({
        backpressure_inc(INNER);
        let (state, first) = call_async::<Waiting>(0);
        assert_eq!(state, STARTING);
        let (_, second) = call_async::<Waiting>(0);
        assert_eq!(subtask_cancel(OUTER, 0, first), CANCELLED_BEFORE_STARTED);
        subtask_drop(OUTER, first);
        assert_eq!(subtask_cancel(OUTER, 1, second), CANCELLED_BEFORE_STARTED);
        subtask_drop(OUTER, second);
        backpressure_dec(INNER);
        assert!(logged().is_empty());
        let (state, _) = call_async::<Waiting>(0);
        assert_eq!(state, STARTED);
    });
}

#[test]
fn while_it_waits() {
    in_task!({
        let (state, subtask) = call_async::<Waiting>(0);
        assert_eq!(state, STARTED);
        let state = subtask_cancel(OUTER, 1, subtask);
        assert_eq!(state, CANCELLED_BEFORE_RETURNED);
        subtask_drop(OUTER, subtask);
        let (_, subtask) = call_async::<Blocking>(0);
        let state = subtask_cancel(OUTER, 0, subtask);
        assert_eq!(state, CANCELLED_BEFORE_RETURNED);
        subtask_drop(OUTER, subtask);
    });
}

#[test]
fn it_may_return_all_the_same() {
    in_task!({
        let (_, subtask) = call_async::<Waiting>(0);
        WORD.set(2);
        assert_eq!(subtask_cancel(OUTER, 1, subtask), RETURNED);
        WORD.set(0);
        assert_eq!(read_u32(RESULT), 5);
        subtask_drop(OUTER, subtask);
    });
}

/// Yields when it is told to end, and then cancels itself.
struct Slow;

impl Code for Slow {
    fn start(_: u32) -> u32 {
        wait(waitable_set_new(INNER))
    }

    fn callback(event: u32, _: u32, _: u32) -> u32 {
        if event == CANCELLED {
            return YIELD;
        }
        task_cancel();
        EXIT
    }
}

#[test]
fn it_may_take_its_time() {
    in_task!({
        let (_, subtask) = call_async::<Slow>(0);
        assert_eq!(subtask_cancel(OUTER, 0, subtask), CANCELLED_BEFORE_RETURNED);
        let (_, subtask) = call_async::<Slow>(0);
        assert_eq!(subtask_cancel(OUTER, 1, subtask), BLOCKED);
        let set = set_of(OUTER, subtask);
        assert_eq!(waitable_set_wait(OUTER, 0, set, 16), SUBTASK);
        assert_eq!(read_u32(20), CANCELLED_BEFORE_RETURNED);
    });
}

/// Does not hear of its cancellation before it waits where it can be cancelled.
struct Deaf;

impl Code for Deaf {
    const ON_FIBER: bool = true;

    fn start(_: u32) -> u32 {
        assert_eq!(thread_yield(INNER, 0), 0);
        assert_eq!(thread_yield(INNER, 1), 1);
        task_cancel();
        EXIT
    }
}

#[test]
fn it_may_hear_of_it_later() {
    in_task!({
        let (_, subtask) = call_async::<Deaf>(0);
        assert_eq!(subtask_cancel(OUTER, 0, subtask), CANCELLED_BEFORE_RETURNED);
        subtask_drop(OUTER, subtask);
    });
}
