//! Ends in waitable sets, and tasks that wait for them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::*;
use crate::component::ends::StreamReader;
use crate::component::ends::tests::pipes::{read_end, system_pipe};
use crate::component::ends::{Mode, Resolver};
use crate::component::tasks::{ExportCall, builtins, call_export, spawn};
use wasmelt_abi::{AsyncLift, LiftFlags};

const IN_SET: &str = "waitable cannot be used synchronously while added to a waitable set";

impl Instance {
    /// A new waitable set with this end.
    fn set_of(&mut self, end: u32) -> i32 {
        let (memory, instance) = (self.guest.memory().start(), self.instance());
        // SAFETY: the memory is that of a store.
        unsafe {
            let set = builtins::waitable_set_new(memory, instance);
            builtins::waitable_join(memory, instance, end.cast_signed(), set);
            set
        }
    }

    /// Takes an end out of its set.
    fn leave_set(&mut self, end: u32) {
        let (memory, instance) = (self.guest.memory().start(), self.instance());
        // SAFETY: the memory is that of a store.
        unsafe { builtins::waitable_join(memory, instance, end.cast_signed(), 0) };
    }

    /// `waitable-set.poll`: code, handle and payload of an event.
    fn poll(&mut self, set: i32) -> (u32, u32, u32) {
        let (memory, instance) = (self.guest.memory().start(), self.instance());
        // SAFETY: the memory is that of a store, and has room at 512.
        let code = unsafe { builtins::waitable_set_poll(memory, instance, 0, set, 512) };
        let mut word = |at| {
            let bytes = self.guest.read(at, 4).try_into();
            u32::from_le_bytes(bytes.expect("four bytes"))
        };
        (code.cast_unsigned(), word(512), word(516))
    }
}

#[test]
fn sets_give_the_events_of_ends() {
    let (mut a, mut b) = pair(u8_stream());
    let (readable, writable) = a.stream();
    let readable = b.take(&mut a, readable);
    let set = b.set_of(readable);
    assert_eq!(b.poll(set), (EventCode::None as u32, 0, 0));
    assert_eq!(b.stream_read(readable, 0, 6), BLOCKED);
    assert_eq!(a.stream_write(writable, 0, 4), packed(COMPLETED, 4));
    assert_eq!(a.stream_write(writable, 0, 1), packed(COMPLETED, 1));
    let event = (EventCode::StreamRead as u32, readable, packed(COMPLETED, 5));
    assert_eq!(b.poll(set), event);
    assert_eq!(b.poll(set).0, EventCode::None as u32);
    assert_eq!(b.stream_read(readable, 0, 6), BLOCKED);
    a.stream_drop_writable(writable);
    let event = (EventCode::StreamRead as u32, readable, packed(DROPPED, 0));
    assert_eq!(b.poll(set), event);
    b.stream_drop_readable(readable);
    // The set is empty again.
    let (memory, instance) = (b.guest.memory().start(), b.instance());
    // SAFETY: the memory is that of a store.
    unsafe { builtins::waitable_set_drop(memory, instance, set) };
}

#[test]
fn ends_in_sets_are_neither_lifted_nor_used_synchronously() {
    let (mut a, _) = pair(u8_stream());
    let (readable, writable) = a.stream();
    a.set_of(readable);
    let text = "cannot lift stream while it's in a waitable set";
    assert_eq!(trap_text(|| _ = a.lift(readable)), text);

    let (readable, writable_too) = a.stream();
    a.set_of(readable);
    a.set_of(writable);
    let (store, options) = (a.store, copied(&a.guest.options));
    as_task(store, options, move || {
        a.be_synchronous();
        assert_eq!(trap_text(|| _ = a.stream_read(readable, 0, 1)), IN_SET);
        assert_eq!(trap_text(|| _ = a.stream_write(writable, 0, 1)), IN_SET);
        a.be_synchronous();
        assert_eq!(a.stream_write(writable_too, 0, 1), BLOCKED);
        a.set_of(writable_too);
        a.be_synchronous();
        let text = trap_text(|| _ = a.stream_cancel_write(writable_too));
        assert_eq!(text, IN_SET);
        a.leave_set(writable_too);
        assert_eq!(a.stream_cancel_write(writable_too), packed(CANCELLED, 0));
    });

    let (mut a, _) = pair(future_of(None));
    let (readable, _) = a.future();
    a.set_of(readable);
    let text = "cannot lift future while it's in a waitable set";
    assert_eq!(trap_text(|| _ = a.lift(readable)), text);
}

thread_local! {
    /// The instance whose code runs as a task, and an end of its.
    static RUNNING: RefCell<Option<Instance>> = const { RefCell::new(None) };
    static END: Cell<u32> = const { Cell::new(0) };
}

/// The code of a task: reads until the stream ends, waiting each time. Gives the number of bytes.
unsafe extern "C" fn read_all(_: *mut u8, slots: *mut u64) {
    let (memory, definition) = RUNNING.with_borrow_mut(|running| {
        let instance = running.as_mut().expect("a test has set it");
        (instance.guest.memory().start(), instance.synchronous)
    });
    let mut bytes = 0;
    loop {
        let end = END.get().cast_signed();
        // SAFETY: the memory is that of the options of the definition.
        let payload = unsafe { runtime::stream_read(memory, definition, end, 0, 100) };
        bytes += payload.cast_unsigned() >> 4;
        if payload.cast_unsigned() & 0xf == DROPPED {
            break;
        }
    }
    // SAFETY: there is a slot for the result.
    unsafe { *slots = bytes.into() };
}

unsafe extern "C" {
    /// The runtime's own, as compiled code refers to it.
    fn wasmelt_fiber_run(task: *mut u8);
}

/// Calls a function of the instance, whose code is `read_all`.
fn run_task(instance: Instance, end: u32, on_fiber: bool) -> Option<u32> {
    let (store, options) = (instance.store, copied(&instance.guest.options));
    END.set(end);
    RUNNING.set(Some(instance));
    call_task(store, options, read_all, on_fiber)
}

fn call_task(
    store: &'static Store,
    options: CanonOptions,
    start: unsafe extern "C" fn(*mut u8, *mut u64),
    on_fiber: bool,
) -> Option<u32> {
    let lift: &'static AsyncLift = Box::leak(Box::new(AsyncLift {
        start,
        callback: None,
        post_return: None,
        flags: LiftFlags::ASYNC_TYPE,
        options,
        result: null(),
        entered: leaked(Vec::new()),
        fiber: on_fiber.then_some(wasmelt_fiber_run as unsafe extern "C" fn(*mut u8)),
    }));
    let call = ExportCall {
        lower: |_: &mut [u64]| {},
        lift: |slots: &[u64]| slots[0] as u32,
    };
    call_export(store, lift, call)
}

thread_local! {
    static BODY: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

unsafe extern "C" fn run_body(_: *mut u8, _: *mut u64) {
    let body = BODY.take().expect("a test has set it");
    body();
}

/// Runs this as the code of a task, which may block.
pub(super) fn as_task(store: &'static Store, options: CanonOptions, body: impl FnOnce() + 'static) {
    BODY.set(Some(Box::new(body)));
    call_task(store, options, run_body, false);
}

#[test]
fn a_task_waits_for_a_pipe() {
    for on_fiber in [false, true] {
        let (reader, writer) = system_pipe();
        let (mut a, _) = pair(u8_stream());
        let end = a.lowered(read_end(&reader, Mode::NonBlocking));
        // Writes when everybody waits.
        spawn(async move {
            rustix::io::write(&**writer, b"hello").expect("there is room");
            crate::io::ready(writer.handle(), crate::io::Interest::Writable).await;
            rustix::io::write(&**writer, b"world").expect("there is room");
        })
        .detach();
        assert_eq!(run_task(a, end, on_fiber), Some(10));
    }
}

#[test]
fn a_task_waits_for_what_nobody_does() {
    let (mut a, _) = pair(u8_stream());
    let (readable, _writable) = a.stream();
    let text = trap_text(|| _ = run_task(a, readable, false));
    assert_eq!(
        text,
        "deadlock detected: event loop cannot make further progress"
    );
}

#[test]
fn a_resolver_wakes_who_waits() {
    let (mut a, _) = pair(u8_stream());
    let (resolver, future) = Resolver::<u32>::new();
    let seen = Rc::new(Cell::new(0));
    let noted = Rc::clone(&seen);
    future.on_value(move |value| noted.set(value));
    spawn(async move { resolver.resolve(9) }).detach();
    // The task runs until the stream ends, which it does at once.
    let nothing: StreamReader<u8> = StreamReader::of_bytes(Empty);
    let end = a.lowered(nothing);
    assert_eq!(run_task(a, end, false), Some(0));
    crate::component::tasks::run_host_tasks();
    assert_eq!(seen.get(), 9);
}

/// A stream that has ended.
struct Empty;

impl crate::component::ends::ProduceBytes for Empty {
    fn poll_produce(
        &mut self,
        _: &mut std::task::Context<'_>,
        _: &mut [u8],
    ) -> std::task::Poll<usize> {
        std::task::Poll::Ready(0)
    }
}
