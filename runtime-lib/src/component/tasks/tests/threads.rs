//! Threads that take turns: within a task, within a synchronous call, and across tasks.

use super::guests::*;
use crate::component::tests::trap_text;

/// A function of async type that has its code for itself.
macro_rules! outer {
    ($flags:expr, $body:expr) => {
        struct Outer;
        impl Code for Outer {
            const INSTANCE: u32 = OUTER;
            const FLAGS: u64 = $flags;
            const ON_FIBER: bool = true;

            fn start(_: u32) -> u32 {
                $body
            }
        }
        new_store();
    };
}

/// A synchronous function: its type is not `async`.
const PLAIN: u64 = 0;

#[test]
fn threads_take_turns() {
    fn begin(argument: u32) {
        log(format!("{argument} begins in {}", thread_index()));
        assert_eq!(context_get(0), 0);
        context_set(0, argument);
        assert_eq!(thread_suspend(), 0);
        log(format!("{} goes on", context_get(0)));
    }
    outer!(SYNC, {
        context_set(0, 9);
        assert_eq!(thread_index(), 1);
        let (two, three) = (thread_new(begin, 20), thread_new(begin, 30));
        thread_resume_later(OUTER, three);
        // Others have their turn while this one yields: the new thread, and who has waited.
        thread_switch(OUTER, 1, two);
        thread_yield(OUTER, 0);
        log("resumed");
        thread_resume_later(OUTER, two);
        thread_resume_later(OUTER, three);
        thread_yield(OUTER, 0);
        context_get(0)
    });
    assert_eq!(invoke::<Outer>(), Some(9));
    let expected = [
        "20 begins in 2",
        "30 begins in 3",
        "resumed",
        "20 goes on",
        "30 goes on",
    ];
    assert_eq!(logged(), expected);
}

#[test]
fn indices_are_used_again() {
    fn nothing(_: u32) {}
    outer!(SYNC, {
        for _ in 0..3 {
            let index = thread_new(nothing, 0);
            assert_eq!(index, 1);
            thread_switch(OUTER, 1, index);
        }
        thread_index()
    });
    assert_eq!(invoke::<Outer>(), Some(1));
}

#[test]
fn a_task_ends_with_its_last_thread() {
    fn answer(value: u32) {
        thread_yield(OUTER, 0);
        task_return(value);
    }
    // The first one leaves without a result.
    outer!(CALLBACK, {
        thread_resume_later(OUTER, thread_new(answer, 5));
        EXIT
    });
    assert_eq!(invoke::<Outer>(), Some(5));
}

#[test]
fn a_task_without_a_result_traps_when_its_last_thread_ends() {
    fn nothing(_: u32) {
        log("a thread ends");
    }
    outer!(CALLBACK, {
        thread_resume_later(OUTER, thread_new(nothing, 0));
        EXIT
    });
    let text = trap_text(|| _ = invoke::<Outer>());
    assert_eq!(text, "async-lifted export failed to produce a result");
    assert_eq!(logged(), ["a thread ends"]);
}

#[test]
fn promotion_is_of_threads_that_are_ready() {
    fn begin(argument: u32) {
        log(format!("{argument}"));
        thread_suspend();
    }
    outer!(SYNC, {
        let [one, two] = [1, 2].map(|argument| thread_new(begin, argument));
        thread_resume_later(OUTER, one);
        thread_resume_later(OUTER, two);
        // The second goes first.
        thread_promote(OUTER, 1, two);
        // It is suspended by now, which is not ready.
        thread_promote(OUTER, 1, two);
        0
    });
    assert_eq!(invoke::<Outer>(), Some(0));
    assert_eq!(logged(), ["2", "1"]);
}

#[test]
fn only_threads_that_are_suspended_are_resumed() {
    fn yielding(_: u32) {
        thread_yield(OUTER, 0);
    }
    const TEXT: &str = "cannot resume thread which is not suspended";
    outer!(SYNC, {
        let index = thread_new(yielding, 0);
        thread_switch(OUTER, 1, index);
        match WORD.get() {
            0 => thread_switch(OUTER, 0, index),
            1 => thread_switch(OUTER, 0, thread_index()),
            2 => {
                thread_resume_later(OUTER, index);
                0
            }
            _ => thread_switch(OUTER, 0, 77),
        }
    });
    for (word, text) in [TEXT, TEXT, TEXT, "unknown thread index"]
        .iter()
        .enumerate()
    {
        WORD.set(word as u32);
        assert_eq!(trap_text(|| _ = invoke::<Outer>()), *text);
        crate::component::tasks::abandon_all(store());
    }
}

#[test]
fn a_synchronous_call_goes_on_in_its_threads() {
    fn resume(thread: u32) {
        for _ in 0..3 {
            log("other");
            thread_resume_later(OUTER, thread);
            thread_suspend();
        }
    }
    outer!(PLAIN, {
        let other = thread_new(resume, thread_index());
        for _ in 0..3 {
            thread_switch(OUTER, 0, other);
            log("own");
        }
        // That the other one is suspended for ever is no fault.
        4
    });
    assert_eq!(invoke::<Outer>(), Some(4));
    assert_eq!(logged(), ["other", "own", "other", "own", "other", "own"]);
}

#[test]
fn a_synchronous_call_waits_for_nobody_else() {
    /// Its callback would run if the scheduler had its turn.
    struct Ready;
    impl Code for Ready {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            task_return(0);
            YIELD
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            unreachable!("a synchronous call is going on")
        }
    }
    fn ends(_: u32) {}
    outer!(PLAIN, {
        if WORD.get() == 0 {
            return thread_suspend();
        }
        thread_switch(OUTER, 0, thread_new(ends, 0))
    });
    for word in 0..2 {
        WORD.set(word);
        assert_eq!(invoke::<Ready>(), Some(0));
        let text = trap_text(|| _ = invoke::<Outer>());
        assert_eq!(text, "cannot block a synchronous task before returning");
        crate::component::tasks::abandon_all(store());
    }
}

#[test]
fn a_thread_that_is_ready_allows_to_block() {
    struct Eager;
    impl Code for Eager {
        const FLAGS: u64 = SYNC;

        fn start(param: u32) -> u32 {
            param + 1
        }
    }
    fn ends(_: u32) {}
    outer!(PLAIN, {
        if WORD.get() == 1 {
            thread_resume_later(OUTER, thread_new(ends, 0));
        }
        call_sync::<Eager>(42)
    });
    let text = trap_text(|| _ = invoke::<Outer>());
    assert_eq!(text, "cannot block a synchronous task before returning");
    crate::component::tasks::abandon_all(store());
    WORD.set(1);
    assert_eq!(invoke::<Outer>(), Some(43));
}

#[test]
fn threads_run_while_their_task_waits_and_others_do_not_enter() {
    fn busy(argument: u32) {
        for _ in 0..2 {
            log(format!("{argument}"));
            thread_yield(INNER, 0);
        }
    }
    struct Inner;
    impl Code for Inner {
        const FLAGS: u64 = SYNC;
        const ON_FIBER: bool = true;

        fn start(param: u32) -> u32 {
            thread_resume_later(INNER, thread_new(busy, param * 10));
            thread_yield(INNER, 0);
            thread_yield(INNER, 0);
            log(format!("{param}"));
            param
        }
    }
    outer!(SYNC, {
        let (state, first) = call_async::<Inner>(1);
        assert_eq!(state, STARTED);
        let (state, second) = call_async::<Inner>(2);
        assert_eq!(state, STARTING);
        let set = set_of(OUTER, first);
        waitable_join(OUTER, second, set);
        for _ in 0..4 {
            if waitable_set_wait(OUTER, 0, set, 0) == SUBTASK
                && (read_u32(0), read_u32(4)) == (second, RETURNED)
            {
                return 1;
            }
        }
        0
    });
    assert_eq!(invoke::<Outer>(), Some(1));
    assert_eq!(logged(), ["10", "10", "1", "20", "20", "2"]);
}
