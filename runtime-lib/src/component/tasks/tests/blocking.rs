//! Code that waits in a built-in: on a fiber, and with the scheduler on top of its stack.

use std::any::Any;
use std::rc::Rc;

use super::guests::*;
use crate::component::handles::kind;
use crate::component::state;
use crate::component::tasks::builtins::{sync_enter, sync_exit};
use crate::component::tasks::{Event, Waitable, WaitableState, set_pending_event};
use crate::component::tests::trap_text;
use wasmelt_abi::EventCode;

/// Adds one after it has yielded inside its code.
struct Yielding<const ON_FIBER: bool>;

impl<const ON_FIBER: bool> Code for Yielding<ON_FIBER> {
    const FLAGS: u64 = SYNC;
    const ON_FIBER: bool = ON_FIBER;

    fn start(param: u32) -> u32 {
        context_set(0, param);
        log(format!("{param} starts"));
        assert_eq!(thread_yield(INNER, 0), 0);
        log(format!("{param} goes on"));
        assert_eq!(context_get(0), param);
        param + 1
    }
}

/// Calls a function and waits for it in a built-in.
fn wait_for<C: Code>(param: u32) -> u32 {
    let (state, subtask) = call_async::<C>(param);
    if state == RETURNED {
        return read_u32(RESULT);
    }
    let set = set_of(OUTER, subtask);
    loop {
        assert_eq!(waitable_set_wait(OUTER, 0, set, 16), SUBTASK);
        assert_eq!(read_u32(16), subtask);
        if read_u32(20) == RETURNED {
            break;
        }
    }
    waitable_join(OUTER, subtask, 0);
    subtask_drop(OUTER, subtask);
    waitable_set_drop(OUTER, set);
    read_u32(RESULT)
}

#[test]
fn code_on_fibers_waits_for_events() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        const FLAGS: u64 = SYNC;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            context_set(1, 7);
            let sum = wait_for::<Yielding<true>>(5) + call_sync::<Yielding<true>>(6);
            sum + context_get(1)
        }
    }
    new_store();
    for _ in 0..3 {
        assert_eq!(invoke::<Outer>(), Some(6 + 7 + 7));
    }
    assert_eq!(logged().len(), 12);
}

#[test]
fn code_without_a_fiber_waits_below_the_scheduler() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        const FLAGS: u64 = SYNC;

        fn start(_: u32) -> u32 {
            wait_for::<Yielding<false>>(5) + call_sync::<Yielding<true>>(6)
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(13));
}

#[test]
fn a_task_that_blocks_keeps_others_out() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let (state, first) = call_async::<Yielding<true>>(1);
            assert_eq!(state, STARTED);
            let (state, second) = call_async::<Yielding<true>>(2);
            assert_eq!(state, STARTING);
            let set = set_of(OUTER, first);
            waitable_join(OUTER, second, set);
            WORD.set(second);
            wait(set)
        }

        fn callback(_: u32, index: u32, payload: u32) -> u32 {
            if (index, payload) == (WORD.get(), RETURNED) {
                task_return(0);
                return EXIT;
            }
            wait(3)
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(0));
    let expected = ["1 starts", "1 goes on", "2 starts", "2 goes on"];
    assert_eq!(logged(), expected);
}

/// What the code of [`Listening`] waits for.
#[derive(Default)]
struct Bell(WaitableState);

impl Waitable for Bell {
    fn state(&self) -> &WaitableState {
        &self.0
    }

    fn deliver(&self) -> Event {
        Event {
            code: EventCode::StreamRead,
            index: 1,
            payload: 0,
        }
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

thread_local! {
    static BELL: Rc<dyn Waitable> = Rc::new(Bell::default());
}

/// Waits for the bell inside its code.
struct Listening;

impl Code for Listening {
    const FLAGS: u64 = SYNC;
    const ON_FIBER: bool = true;

    fn start(param: u32) -> u32 {
        let bell = BELL.with(Rc::clone);
        let bell = state::with(store(), |state| {
            state.add_waitable(INNER, kind::STREAM_READABLE, bell)
        });
        let set = set_of(INNER, bell);
        log(format!("{param} waits"));
        waitable_set_wait(INNER, 0, set, 16);
        log(format!("{param} goes on"));
        param
    }
}

#[test]
fn a_task_that_has_an_event_goes_on_before_the_next_one_enters() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            assert_eq!(call_async::<Listening>(1).0, STARTED);
            BELL.with(set_pending_event);
            // Both wait for the bell, the second not for the first.
            assert_eq!(call_async::<Listening>(2).0, STARTED);
            assert_eq!(call_async::<Yielding<true>>(3).0, STARTING);
            task_return(7);
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(7));
    assert_eq!(logged(), ["1 waits", "1 goes on", "2 waits"]);
}

#[test]
fn synchronous_calls_cannot_block_and_have_a_context_of_their_own() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            context_set(0, 5);
            let (_, subtask) = call_async::<Yielding<true>>(1);
            let set = set_of(OUTER, subtask);
            sync_enter(memory());
            assert_eq!(context_get(0), 0);
            // To yield is not to block.
            assert_eq!(thread_yield(OUTER, 0), 0);
            context_set(0, 6);
            if WORD.get() == 0 {
                waitable_set_wait(OUTER, 0, set, 16);
            }
            sync_exit(memory());
            task_return(context_get(0));
            EXIT
        }
    }
    new_store();
    let trap = trap_text(|| _ = invoke::<Outer>());
    assert_eq!(trap, "cannot block a synchronous task before returning");
    crate::component::tasks::abandon_all(store());
    WORD.set(1);
    assert_eq!(invoke::<Outer>(), Some(5));
}

#[test]
fn a_trap_on_a_fiber_is_caught_outside() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        const FLAGS: u64 = SYNC;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            assert_eq!(call_sync::<Yielding<true>>(6), 7);
            crate::vm::raise(wasmelt_abi::TrapCode::Unreachable)
        }
    }
    new_store();
    for _ in 0..3 {
        let trap = trap_text(|| _ = invoke::<Outer>());
        assert_eq!(trap, "wasm `unreachable` instruction executed");
        crate::component::tasks::abandon_all(store());
    }
}

/// Uses up the stack.
fn recurse(depth: u64) -> u64 {
    let words = std::hint::black_box([depth; 32]);
    if std::hint::black_box(depth) == u64::MAX {
        return 0;
    }
    recurse(depth + 1) + words[0]
}

#[test]
fn a_fiber_that_runs_out_of_stack_traps() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        const FLAGS: u64 = SYNC;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            log("starts");
            if WORD.get() == 0 {
                return recurse(0) as u32;
            }
            call_sync::<Yielding<true>>(6)
        }
    }
    new_store();
    crate::vm::install_signal_handlers();
    for _ in 0..2 {
        let trap = trap_text(|| _ = invoke::<Outer>());
        assert_eq!(trap, "call stack exhausted");
        crate::component::tasks::abandon_all(store());
    }
    assert_eq!(logged(), ["starts", "starts"]);
    WORD.set(1);
    assert_eq!(invoke::<Outer>(), Some(7));
}
