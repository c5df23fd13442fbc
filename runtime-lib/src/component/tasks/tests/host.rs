//! Host functions of async type, called by guests.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use super::guests::*;
use crate::component::tasks::{HostFuture, enter_async, spawn};
use crate::component::tests::trap_text;
use crate::component::{Borrow, Call, Own, RawSlots, Resource};
use crate::host::clocks::{Clock, now_ns};
use crate::io;
use crate::io::script::Script;
use crate::vm::Memory;

/// Says when its future is dropped.
struct Noisy;

impl Drop for Noisy {
    fn drop(&mut self) {
        log("dropped");
    }
}

/// Waits so many milliseconds; more than a day is for ever.
fn sleep(_: &mut Call<'_>, ms: u32) -> HostFuture<u32> {
    Box::pin(async move {
        let noisy = Noisy;
        match ms {
            0 => {}
            86_400_001.. => std::future::pending().await,
            _ => io::sleep_until(now_ns(Clock::Monotonic) + u64::from(ms) * 1_000_000).await,
        }
        std::mem::forget(noisy);
        ms + 1
    })
}

pub(super) const FOR_EVER: u32 = u32::MAX;

/// Calls [`sleep`] from the outer instance: status, or result.
pub(super) fn call_sleep(ms: u32, is_async: bool) -> u32 {
    call_host(sleep, ms, is_async)
}

/// As [`call_sleep`], of any function.
pub(super) fn call_host(
    function: fn(&mut Call<'_>, u32) -> HostFuture<u32>,
    param: u32,
    is_async: bool,
) -> u32 {
    let options = Box::leak(Box::new(options(OUTER, is_async)));
    let mut slots = [param.into(), RESULT];
    // SAFETY: the memory is that of a guest.
    let memory = unsafe { Memory::at(memory()) };
    enter_async(memory, options, RawSlots::new(slots.as_mut_ptr()), function);
    slots[0] as u32
}

#[test]
fn what_is_ready_returns() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            assert_eq!(call_sleep(0, true), RETURNED);
            assert_eq!(read_u32(RESULT), 1);
            task_return(call_sleep(0, false));
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(1));
}

#[test]
fn what_waits_is_a_subtask() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let status = call_sleep(5, true);
            assert_eq!(status & 0xf, STARTED);
            wait(set_of(OUTER, status >> 4))
        }

        fn callback(event: u32, index: u32, payload: u32) -> u32 {
            assert_eq!((event, payload), (SUBTASK, RETURNED));
            subtask_drop(OUTER, index);
            task_return(read_u32(RESULT));
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(6));
    assert!(logged().is_empty());
}

#[test]
fn a_synchronous_call_waits() {
    struct Outer<const ON_FIBER: bool>;
    impl<const ON_FIBER: bool> Code for Outer<ON_FIBER> {
        const INSTANCE: u32 = OUTER;
        const ON_FIBER: bool = ON_FIBER;

        fn start(_: u32) -> u32 {
            task_return(call_sleep(3, false));
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer<true>>(), Some(4));
    assert_eq!(invoke::<Outer<false>>(), Some(4));
}

#[test]
fn cancelling_drops_the_future() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let subtask = call_sleep(FOR_EVER, true) >> 4;
            assert!(logged().is_empty());
            assert_eq!(subtask_cancel(OUTER, 0, subtask), 4);
            assert_eq!(logged(), ["dropped"]);
            subtask_drop(OUTER, subtask);
            task_return(0);
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(0));
}

#[test]
fn a_future_that_nothing_wakes_is_a_deadlock() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            wait(set_of(OUTER, call_sleep(FOR_EVER, true) >> 4))
        }
    }
    new_store();
    assert_eq!(
        trap_text(|| _ = invoke::<Outer>()),
        "deadlock detected: event loop cannot make further progress"
    );
    crate::component::tasks::abandon_all(store());
    assert_eq!(logged(), ["dropped"]);
}

#[test]
fn thousands_of_timers() {
    const COUNT: u32 = 3000;
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let set = waitable_set_new(OUTER);
            for index in 0..COUNT {
                waitable_join(OUTER, call_sleep(1 + index % 20, true) >> 4, set);
            }
            wait(set)
        }

        fn callback(_: u32, index: u32, _: u32) -> u32 {
            waitable_join(OUTER, index, 0);
            subtask_drop(OUTER, index);
            context_set(0, context_get(0) + 1);
            if context_get(0) < COUNT {
                return wait(1);
            }
            task_return(context_get(0));
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(COUNT));
}

/// Waits for a byte of [`PIPE`].
pub(super) fn wait_for_byte(_: &mut Call<'_>, _: u32) -> HostFuture<u32> {
    let reader = PIPE.with(|(reader, _)| Rc::clone(reader));
    Box::pin(async move {
        io::ready(reader.handle(), io::Interest::Readable).await;
        rustix::io::read(&**reader, &mut [0]).unwrap() as u32
    })
}

/// Has somebody write that byte.
pub(super) fn write_byte() {
    PIPE.with(|(_, writer)| rustix::io::write(writer, b"x").unwrap());
}

/// How many bytes have been written and not been read.
pub(super) fn bytes_written() -> u32 {
    PIPE.with(|(reader, _)| rustix::io::ioctl_fionread(&***reader).unwrap() as u32)
}

type Pipe = (Rc<io::Source<OwnedFd>>, OwnedFd);

thread_local! {
    static PIPE: Pipe = {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        (Rc::new(io::Source::new(reader)), writer)
    };
}

/// The event loop is asked now and then while there is something to run, and what it tells then
/// is heard, in whichever tick that is.
#[test]
fn events_are_heard_at_any_time() {
    const COUNT: u32 = 300;
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let status = call_host(wait_for_byte, 0, true);
            assert_eq!(status & 0xf, STARTED);
            write_byte();
            wait(set_of(OUTER, status >> 4))
        }

        fn callback(event: u32, index: u32, payload: u32) -> u32 {
            if event != SUBTASK {
                return Outer::start(0);
            }
            assert_eq!(payload, RETURNED);
            subtask_drop(OUTER, index);
            context_set(0, context_get(0) + 1);
            match context_get(0) {
                COUNT => {
                    task_return(COUNT);
                    EXIT
                }
                // The first event of a tick of each number.
                count if count.is_multiple_of(65) => YIELD,
                _ => Outer::start(0),
            }
        }
    }
    new_store();
    // If nothing were heard, the clock would go on at once.
    let _script = Script::start();
    let late = spawn(async {
        io::sleep_until(Script::ns(5000)).await;
        panic!("an event was not heard");
    });
    assert_eq!(invoke::<Outer>(), Some(COUNT));
    drop(late);
}

struct Thing;

impl Resource for Thing {
    const INTERFACE: &'static str = "wasi:io/error";
    const NAME: &'static str = "error";
}

/// Borrows, and waits.
fn look(_: &mut Call<'_>, _: Borrow<Thing>) -> HostFuture<u32> {
    Box::pin(async {
        io::sleep_until(now_ns(Clock::Monotonic) + 1_000_000).await;
        3
    })
}

#[test]
fn handles_are_lent_until_the_result_is_delivered() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            let options = Box::leak(Box::new(options(OUTER, true)));
            // SAFETY: the memory is that of a guest.
            let guest = || unsafe { Memory::at(memory()) };
            let own: Own<Thing> = Call::new(guest(), options).push(Thing);
            let rep = crate::component::Rep::rep(&own);
            let thing = Call::new(guest(), options).lower_own(Thing::NUMBER, rep);
            let mut slots = [thing.into(), RESULT];
            enter_async(guest(), options, RawSlots::new(slots.as_mut_ptr()), look);
            assert_eq!(slots[0] as u32 & 0xf, STARTED);
            let lent = || trap_text(|| _ = Call::new(guest(), options).lift_own(Thing::NUMBER, 1));
            assert_eq!(thing, 1);
            assert_eq!(lent(), "cannot remove owned resource while borrowed");
            wait(set_of(OUTER, slots[0] as u32 >> 4))
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            let options = options(OUTER, true);
            // SAFETY: the memory is that of a guest.
            let mut call = Call::new(unsafe { Memory::at(memory()) }, &options);
            assert_eq!(call.lift_own(Thing::NUMBER, 1), 0);
            task_return(read_u32(RESULT));
            EXIT
        }
    }
    new_store();
    assert_eq!(invoke::<Outer>(), Some(3));
}

#[test]
fn the_host_has_futures_of_its_own() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            YIELD
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            task_return(1);
            EXIT
        }
    }
    new_store();
    let count = Rc::new(Cell::new(0));
    let kept = {
        let count = count.clone();
        spawn(async move { count.set(count.get() + 1) })
    };
    let dropped = {
        let count = count.clone();
        spawn(async move { count.set(count.get() + 10) })
    };
    drop(dropped);
    assert_eq!(count.get(), 0);
    assert_eq!(invoke::<Outer>(), Some(1));
    assert_eq!(count.get(), 1);
    kept.detach();
}

#[test]
fn a_future_that_is_always_woken_lets_others_run() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;

        fn start(_: u32) -> u32 {
            wait(set_of(OUTER, call_sleep(2, true) >> 4))
        }

        fn callback(_: u32, _: u32, _: u32) -> u32 {
            task_return(read_u32(RESULT));
            EXIT
        }
    }
    new_store();
    let restless = spawn(std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    }));
    assert_eq!(invoke::<Outer>(), Some(3));
    drop(restless);
}
