//! Calls between guests that never block on a stack.

use super::guests::*;
use crate::component::dynamic::{self, Value};
use crate::component::tasks::run_async;

/// Adds one, at once.
struct AddOne;

impl Code for AddOne {
    fn start(param: u32) -> u32 {
        task_return(param + 1);
        EXIT
    }
}

/// Adds one, after it has yielded twice.
struct AddOneLater;

impl Code for AddOneLater {
    fn start(param: u32) -> u32 {
        context_set(0, param);
        log(format!("{param} starts"));
        YIELD
    }

    fn callback(event: u32, _: u32, _: u32) -> u32 {
        assert_eq!(event, 0);
        let param = context_get(0);
        log(format!("{param} goes on"));
        context_set(1, context_get(1) + 1);
        if context_get(1) < 2 {
            return YIELD;
        }
        task_return(param + 1);
        EXIT
    }
}

struct AddOneSync;

impl Code for AddOneSync {
    const FLAGS: u64 = SYNC;

    fn start(param: u32) -> u32 {
        param + 1
    }
}

#[test]
fn what_returns_at_once_has_no_subtask() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            assert_eq!(call_async::<AddOne>(5), (RETURNED, 0));
            assert_eq!(read_u32(RESULT), 6);
            assert_eq!(call_async::<AddOneSync>(7), (RETURNED, 0));
            assert_eq!(read_u32(RESULT), 8);
            task_return(call_sync::<AddOne>(1) + call_sync::<AddOneSync>(2));
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(5));
}

#[test]
fn what_waits_is_a_subtask_with_events() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let (state, subtask) = call_async::<AddOneLater>(5);
            assert_eq!((state, subtask), (STARTED, 1));
            wait(set_of(OUTER, subtask))
        }

        fn callback(event: u32, index: u32, payload: u32) -> u32 {
            assert_eq!((event, index, payload), (SUBTASK, 1, RETURNED));
            waitable_join(OUTER, 1, 0);
            subtask_drop(OUTER, 1);
            waitable_set_drop(OUTER, 2);
            task_return(read_u32(RESULT));
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(6));
}

#[test]
fn tasks_take_turns_and_keep_their_context() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let set = waitable_set_new(OUTER);
            for param in [10, 20] {
                let (state, subtask) = call_async::<AddOneLater>(param);
                assert_eq!(state, STARTED);
                waitable_join(OUTER, subtask, set);
            }
            context_set(0, 2);
            wait(set)
        }

        fn callback(event: u32, _: u32, payload: u32) -> u32 {
            assert_eq!((event, payload), (SUBTASK, RETURNED));
            context_set(0, context_get(0) - 1);
            if context_get(0) > 0 {
                return wait(1);
            }
            task_return(0);
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(0));
    let expected = [
        "10 starts",
        "20 starts",
        "10 goes on",
        "20 goes on",
        "10 goes on",
        "20 goes on",
    ];
    assert_eq!(logged(), expected);
}

#[test]
fn back_pressure_holds_calls_back_in_order() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let set = waitable_set_new(OUTER);
            backpressure_inc(INNER);
            for param in [10, 20, 30] {
                let (state, subtask) = call_async::<AddOneLater>(param);
                assert_eq!(state, STARTING);
                waitable_join(OUTER, subtask, set);
            }
            assert!(logged().is_empty());
            backpressure_dec(INNER);
            context_set(0, 3);
            wait(set)
        }

        fn callback(_: u32, index: u32, payload: u32) -> u32 {
            if payload == STARTED {
                return wait(1);
            }
            log(format!("subtask {index} returned"));
            context_set(0, context_get(0) - 1);
            if context_get(0) > 0 {
                return wait(1);
            }
            task_return(0);
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(0));
    let log = logged();
    let starts: Vec<&String> = log.iter().filter(|line| line.ends_with("starts")).collect();
    assert_eq!(starts, ["10 starts", "20 starts", "30 starts"]);
    let returns: Vec<&String> = log
        .iter()
        .filter(|line| line.ends_with("returned"))
        .collect();
    assert_eq!(
        returns,
        [
            "subtask 2 returned",
            "subtask 3 returned",
            "subtask 4 returned"
        ]
    );
}

#[test]
fn many_tasks_at_a_time() {
    const COUNT: u32 = 5000;
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let set = waitable_set_new(OUTER);
            for _ in 0..COUNT {
                let (_, subtask) = call_async::<AddOneLater>(1);
                waitable_join(OUTER, subtask, set);
            }
            wait(set)
        }

        fn callback(_: u32, index: u32, payload: u32) -> u32 {
            assert_eq!(payload, RETURNED);
            waitable_join(OUTER, index, 0);
            subtask_drop(OUTER, index);
            context_set(0, context_get(0) + 1);
            if context_get(0) < COUNT {
                return wait(1);
            }
            waitable_set_drop(OUTER, 1);
            task_return(COUNT);
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(COUNT));
}

#[test]
fn polling_a_set_does_not_wait() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let (_, subtask) = call_async::<AddOneLater>(5);
            let set = set_of(OUTER, subtask);
            assert_eq!(waitable_set_poll(OUTER, 0, set, 16), 0);
            WORD.set(set);
            YIELD
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            match waitable_set_poll(OUTER, 0, WORD.get(), 16) {
                0 => YIELD,
                event => {
                    assert_eq!((event, read_u32(16), read_u32(20)), (SUBTASK, 1, RETURNED));
                    task_return(read_u32(RESULT));
                    EXIT
                }
            }
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(6));
}

#[test]
fn exports_are_called_with_values() {
    new_store();
    let call = |export| {
        let result = dynamic::call(export, store(), &[Value::Unsigned(5)]);
        result.map(|(_, value)| value)
    };
    for _ in 0..2 {
        assert_eq!(call(export::<AddOneLater>()), Some(Value::Unsigned(6)));
        assert_eq!(call(export::<AddOneSync>()), Some(Value::Unsigned(6)));
    }
}

#[test]
fn a_command_ends_when_its_function_has_returned() {
    struct Run;
    impl Code for Run {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            task_return(WORD.get());
            log("returns");
            YIELD
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            log("goes on");
            YIELD
        }
    }
    for (result, code) in [(0, 0), (1, 1)] {
        new_store();
        WORD.set(result);
        let lift = std::ptr::from_ref(lift::<Run>()).cast_mut();
        // SAFETY: the memory is that of a guest, and the record is right.
        assert_eq!(unsafe { run_async(memory(), lift.cast()) }, code);
        assert_eq!(logged(), ["returns"]);
    }
}
