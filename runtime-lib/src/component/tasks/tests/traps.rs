//! What guests must not do.

use super::guests::*;
use crate::component::tasks::abandon_all;
use crate::component::tests::trap_text;
use crate::vm::fiber::kept_stacks;

/// Waits for ever.
struct Waiting;

impl Code for Waiting {
    fn start(_: u32) -> u32 {
        wait(waitable_set_new(INNER))
    }
}

/// The text of the trap when `body` is the code of a task, or of its callback after a yield.
macro_rules! trap_of {
    ($body:expr) => {{
        struct Outer;
        impl Code for Outer {
            const INSTANCE: u32 = OUTER;
            const ON_FIBER: bool = true;

            fn start(_: u32) -> u32 {
                $body
            }
        }
        new_store();
        trap_text(|| _ = invoke::<Outer>())
    }};
}

#[test]
fn tasks_that_nobody_wakes() {
    const DEADLOCK: &str = "deadlock detected: event loop cannot make further progress";
    assert_eq!(trap_of!(wait(waitable_set_new(OUTER))), DEADLOCK);
    let in_code = trap_of!({
        let set = waitable_set_new(OUTER);
        waitable_set_wait(OUTER, 0, set, 16)
    });
    assert_eq!(in_code, DEADLOCK);
    assert_eq!(trap_of!(call_sync::<Waiting>(0)), DEADLOCK);
}

#[test]
fn results() {
    assert_eq!(
        trap_of!(EXIT),
        "async-lifted export failed to produce a result"
    );
    let twice = trap_of!({
        task_return(1);
        task_return(2);
        EXIT
    });
    let text = "`task.return` or `task.cancel` called more than once for current task";
    assert_eq!(twice, text);
    let cancelled = trap_of!({
        task_cancel();
        EXIT
    });
    assert_eq!(
        cancelled,
        "`task.cancel` called by task which has not been cancelled"
    );
    struct Sync;
    impl Code for Sync {
        const FLAGS: u64 = SYNC;

        fn start(_: u32) -> u32 {
            task_return(1);
            0
        }
    }
    new_store();
    assert_eq!(
        trap_text(|| _ = invoke::<Sync>()),
        "invalid `task.return` signature and/or options for current task"
    );
}

#[test]
fn callback_codes() {
    assert_eq!(trap_of!(3), "unsupported callback code");
    assert_eq!(trap_of!(wait(9)), "unknown handle index 9");
    let of_subtask = trap_of!({
        let (_, subtask) = call_async::<Waiting>(0);
        wait(subtask)
    });
    assert_eq!(
        of_subtask,
        "handle index 1 used with the wrong type, expected waitable set but found a subtask"
    );
}

#[test]
fn subtasks() {
    let dropped = trap_of!({
        let (_, subtask) = call_async::<Waiting>(0);
        subtask_drop(OUTER, subtask);
        EXIT
    });
    assert_eq!(dropped, "cannot drop a subtask which has not yet resolved");
    let in_set = trap_of!({
        let (_, subtask) = call_async::<Waiting>(0);
        set_of(OUTER, subtask);
        subtask_cancel(OUTER, 0, subtask)
    });
    assert_eq!(
        in_set,
        "waitable cannot be used synchronously while added to a waitable set"
    );
    struct Stubborn;
    impl Code for Stubborn {
        fn start(_: u32) -> u32 {
            wait(waitable_set_new(INNER))
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            wait(1)
        }
    }
    let twice = trap_of!({
        let (_, subtask) = call_async::<Stubborn>(0);
        assert_eq!(subtask_cancel(OUTER, 1, subtask), u32::MAX);
        subtask_cancel(OUTER, 1, subtask)
    });
    assert_eq!(
        twice,
        "`subtask.cancel` called after terminal status delivered"
    );
}

#[test]
fn sets_and_back_pressure() {
    let in_use = trap_of!({
        let (_, subtask) = call_async::<Waiting>(0);
        let set = set_of(OUTER, subtask);
        waitable_set_drop(OUTER, set);
        EXIT
    });
    assert_eq!(in_use, "cannot drop waitable set with waiters");
    let misaligned = trap_of!({
        let set = waitable_set_new(OUTER);
        waitable_set_poll(OUTER, 0, set, 6)
    });
    assert_eq!(misaligned, "pointer not aligned");
    let outside = trap_of!({
        let set = waitable_set_new(OUTER);
        waitable_set_poll(OUTER, 0, set, (64 << 10) - 4)
    });
    assert_eq!(outside, "pointer out of bounds of memory");
    let negative = trap_of!({
        backpressure_inc(OUTER);
        backpressure_dec(OUTER);
        backpressure_dec(OUTER);
        EXIT
    });
    assert_eq!(negative, "backpressure counter overflow");
    let much = trap_of!({
        for _ in 0..(1 << 16) - 1 {
            backpressure_inc(OUTER);
        }
        log("so far");
        backpressure_inc(OUTER);
        EXIT
    });
    assert_eq!(much, "backpressure counter overflow");
    assert_eq!(logged(), ["so far"]);
}

#[test]
fn outside_of_a_task_nothing_waits_for_a_call() {
    struct Ready;
    impl Code for Ready {
        fn start(_: u32) -> u32 {
            unreachable!("the trap comes first")
        }
    }
    new_store();
    let text = "cannot block a synchronous task before returning";
    // As from a `start` function.
    assert_eq!(trap_text(|| _ = call_sync::<Ready>(0)), text);
    assert_eq!(trap_text(|| _ = waitable_set_wait(OUTER, 0, 77, 0)), text);
    assert_eq!(trap_text(|| _ = subtask_cancel(OUTER, 0, 77)), text);
    let unknown = "unknown handle index 77";
    assert_eq!(trap_text(|| _ = subtask_cancel(OUTER, 1, 77)), unknown);
}

#[test]
fn stacks_that_a_trap_leaves_are_used_again() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        const FLAGS: u64 = STACKFUL;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            waitable_set_wait(OUTER, 0, waitable_set_new(OUTER), 16);
            EXIT
        }
    }
    for _ in 0..3 {
        new_store();
        let text = trap_text(|| _ = invoke::<Outer>());
        assert!(text.contains("deadlock"), "{text}");
        abandon_all(store());
        assert_eq!(kept_stacks(), 1);
    }
    assert!(crate::vm::stacks::others().is_empty());
}
