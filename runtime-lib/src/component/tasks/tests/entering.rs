//! Which instances a call enters.

use std::cell::Cell;

use super::guests::*;
use crate::component::tests::trap_text;

/// `may_leave` and `may_enter`.
const FREE: u8 = 3;

/// The flags of the inner instance.
fn flags() -> u8 {
    FLAGS.with(Cell::get)
}

#[test]
fn an_instance_is_not_entered_twice() {
    struct Inner;
    impl Code for Inner {
        const ENTERED: bool = true;

        fn start(param: u32) -> u32 {
            assert_eq!(flags(), FREE & !2);
            if param == 1 {
                // By way of another instance, as far as the flags say.
                call_async::<Inner>(2);
            }
            YIELD
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            assert_eq!(flags(), FREE & !2);
            task_return(9);
            EXIT
        }
    }
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let (state, subtask) = call_async::<Inner>(WORD.get());
            assert_eq!((state, flags()), (STARTED, FREE));
            wait(set_of(OUTER, subtask))
        }

        fn callback(_: u32, _: u32, payload: u32) -> u32 {
            assert_eq!((payload, flags()), (RETURNED, FREE));
            task_return(read_u32(RESULT));
            EXIT
        }
    }
    new_store();
    FLAGS.set(FREE);
    assert_eq!(invoke::<Outer>(), Some(9));
    WORD.set(1);
    assert_eq!(
        trap_text(|| _ = invoke::<Outer>()),
        "cannot enter component instance"
    );
}

#[test]
fn post_return_gets_the_results() {
    struct Sync;
    impl Code for Sync {
        const INSTANCE: u32 = OUTER;
        const FLAGS: u64 = SYNC;
        const POST_RETURN: bool = true;

        fn start(_: u32) -> u32 {
            41
        }
    }
    new_store();
    assert_eq!(invoke::<Sync>(), Some(41));
    assert_eq!(logged(), ["post-return of 41"]);
}

/// Who need not have the instance alone does not wait behind those who must.
#[test]
fn tasks_that_share_an_instance_enter_while_others_wait_for_it() {
    struct Holder;
    impl Code for Holder {
        const FLAGS: u64 = SYNC;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            for _ in 0..100 {
                thread_yield(INNER, 0);
                if WORD.get() == 1 {
                    log("left");
                    return 0;
                }
            }
            panic!("nobody has entered");
        }
    }
    struct Alone;
    impl Code for Alone {
        fn start(_: u32) -> u32 {
            log("alone");
            task_return(0);
            EXIT
        }
    }
    struct Sharing;
    impl Code for Sharing {
        const FLAGS: u64 = STACKFUL;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            log("sharing");
            WORD.set(1);
            task_return(0);
            0
        }
    }
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let set = waitable_set_new(OUTER);
            let calls = [
                call_async::<Holder>(0),
                call_async::<Alone>(0),
                call_async::<Sharing>(0),
            ];
            assert_eq!(calls.map(|(state, _)| state), [STARTED, STARTING, STARTING]);
            for (_, subtask) in calls {
                waitable_join(OUTER, subtask, set);
            }
            wait(set)
        }

        fn callback(_: u32, _: u32, payload: u32) -> u32 {
            let returned = context_get(0) + u32::from(payload == RETURNED);
            context_set(0, returned);
            if returned < 3 {
                return wait(1);
            }
            task_return(0);
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(0));
    assert_eq!(logged(), ["sharing", "left", "alone"]);
}
