//! What is always ready does not keep others waiting.

use std::cell::Cell;
use std::task::{Context, Poll};

use super::guests::*;
use super::host::call_sleep;
use crate::component::Call;
use crate::component::ends::builtins::{stream_drop_readable, stream_read};
use crate::component::ends::{ConsumeBytes, ProduceBytes, StreamReader};
use crate::component::tasks::spawn;
use crate::component::values::{Lower, Slots};
use crate::io::script::Script;
use crate::io::sleep_until;
use wasmelt_abi::{BLOCKED, EndType, Slice, TypeDesc, TypeKind, TypeMember};

const STREAM_READ: u32 = 2;

thread_local! {
    /// How long each attempt takes.
    static MS: Cell<u64> = const { Cell::new(0) };
    static LATEST_MS: Cell<u64> = const { Cell::new(0) };
    static TIMERS: Cell<u64> = const { Cell::new(0) };
}

/// Always has something.
struct Zeros;

impl ProduceBytes for Zeros {
    fn poll_produce(&mut self, _: &mut Context<'_>, into: &mut [u8]) -> Poll<usize> {
        Script::pass(MS.get());
        Poll::Ready(into.len())
    }
}

/// Takes everything.
struct Null;

impl ConsumeBytes for Null {
    fn poll_consume(&mut self, _: &mut Context<'_>, from: &[u8]) -> Poll<usize> {
        Poll::Ready(from.len())
    }
}

/// A timer every five milliseconds, for so long.
fn start_timers(until_ms: u64) {
    let timers = async move {
        for ms in (5..=until_ms).step_by(5) {
            sleep_until(Script::ns(ms)).await;
            LATEST_MS.set(LATEST_MS.get().max(Script::ms() - ms));
            TIMERS.set(TIMERS.get() + 1);
        }
    };
    spawn(timers).detach();
}

fn leaked<T>(items: Vec<T>) -> Slice<T> {
    let items = Box::leak(items.into_boxed_slice());
    Slice {
        start: items.as_ptr(),
        len: items.len() as u64,
    }
}

fn type_of(kind: TypeKind, bytes: u32, members: Vec<TypeMember>) -> &'static TypeDesc {
    Box::leak(Box::new(TypeDesc {
        kind: kind as u32,
        len: 0,
        bytes: [bytes; 2],
        align: [bytes; 2],
        flat_len: 1,
        definer: 0,
        members: leaked(members),
    }))
}

/// Definitions of built-ins for `stream<u8>`.
fn definition(is_async: bool) -> *mut u8 {
    let member = TypeMember {
        name: leaked(Vec::new()),
        ty: type_of(TypeKind::U8, 1, Vec::new()),
    };
    let ty = type_of(TypeKind::Stream, 4, vec![member]);
    let options = options(OUTER, false);
    Box::into_raw(Box::new(EndType {
        ty,
        options,
        is_async: is_async.into(),
    }))
    .cast()
}

fn lowered(stream: StreamReader<u8>) -> i32 {
    let options = Box::leak(Box::new(options(OUTER, false)));
    let mut slots = [0];
    stream.lower_flat(
        &mut Call::of_export(store(), options),
        &mut Slots::new(&mut slots),
    );
    slots[0] as i32
}

/// Reads 400 times; gives how often it had to wait.
fn read_all(is_async: bool) -> u32 {
    let (end, definition) = (lowered(StreamReader::of_bytes(Zeros)), definition(is_async));
    let set = set_of(OUTER, end as u32);
    if !is_async {
        waitable_join(OUTER, end as u32, 0);
    }
    let mut waited = 0;
    for _ in 0..400 {
        // SAFETY: the memory is that of a guest, and the definition lives for ever.
        let mut result = unsafe { stream_read(memory(), definition, end, 1024, 64) } as u32;
        if result == BLOCKED {
            waited += 1;
            assert_eq!(waitable_set_wait(OUTER, 0, set, 16), STREAM_READ);
            result = read_u32(20);
        }
        assert_eq!(result, 64 << 4);
    }
    // SAFETY: as above.
    unsafe { stream_drop_readable(memory(), definition, end) };
    waited
}

struct Reader<const ASYNC: bool, const ON_FIBER: bool>;

impl<const ASYNC: bool, const ON_FIBER: bool> Code for Reader<ASYNC, ON_FIBER> {
    const INSTANCE: u32 = OUTER;
    const ON_FIBER: bool = ON_FIBER;

    fn start(_: u32) -> u32 {
        start_timers(300);
        task_return(read_all(ASYNC));
        EXIT
    }
}

/// Has a guest read with attempts that take so long: how often it waited.
fn read<const ASYNC: bool, const ON_FIBER: bool>(attempt_ms: u64) -> u32 {
    let _script = Script::start();
    new_store();
    MS.set(attempt_ms);
    LATEST_MS.set(0);
    TIMERS.set(0);
    invoke::<Reader<ASYNC, ON_FIBER>>().expect("it returns")
}

#[test]
fn a_reader_of_what_is_always_there_lets_timers_run() {
    let waited = read::<true, true>(1);
    assert_eq!((waited, TIMERS.get()), (200, 60));
    assert!(LATEST_MS.get() <= 2, "{} ms late", LATEST_MS.get());
    // Without `async`, the built-in itself waits.
    assert_eq!(read::<false, true>(1), 0);
    assert_eq!(TIMERS.get(), 60);
    assert!(LATEST_MS.get() <= 2, "{} ms late", LATEST_MS.get());
    read::<true, false>(1);
    assert_eq!(TIMERS.get(), 60);
}

/// 400 quick attempts: most of them do not wait.
#[test]
fn attempts_are_made_at_once_as_long_as_there_is_time() {
    assert_eq!(read::<true, true>(0), 6);
    assert_eq!(read::<false, true>(0), 0);
}

#[test]
fn what_is_passed_on_lets_timers_run() {
    struct Outer;
    impl Code for Outer {
        const INSTANCE: u32 = OUTER;
        const ON_FIBER: bool = true;

        fn start(_: u32) -> u32 {
            start_timers(200);
            for _ in 0..3 {
                StreamReader::of_bytes(Zeros).consume_bytes(Null);
            }
            call_sleep(210, false);
            task_return(TIMERS.get() as u32);
            EXIT
        }
    }
    let _script = Script::start();
    new_store();
    MS.set(1);
    assert_eq!(invoke::<Outer>(), Some(40));
    assert!(LATEST_MS.get() <= 2, "{} ms late", LATEST_MS.get());
    assert!(Script::ms() <= 215, "{}", Script::ms());
}
