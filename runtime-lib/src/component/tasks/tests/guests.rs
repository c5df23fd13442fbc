//! Guests for tests: their code is Rust, called as compiled code is.

use std::cell::{Cell, RefCell};

use crate::component::tasks::builtins;
use crate::component::tasks::fiber::fiber_run;
use crate::component::tasks::threads;
use crate::component::tasks::{ExportCall, async_call, call_export};
use crate::component::tests::Guest;
use crate::vm::store;
use wasmelt_abi::{
    AsyncCall, AsyncLift, CanonOptions, ComponentExport, LiftFlags, Slice, TaskReturn, ThreadStart,
    TypeDesc, TypeKind,
};

/// Component instances: the one that the host calls, and one that it calls.
pub(super) const OUTER: u32 = 1;
pub(super) const INNER: u32 = 2;

/// What callbacks return.
pub(super) const EXIT: u32 = 0;
pub(super) const YIELD: u32 = 1;

pub(super) fn wait(set: u32) -> u32 {
    2 | set << 4
}

/// Of an event, and of a call.
pub(super) const SUBTASK: u32 = 1;
pub(super) const CANCELLED: u32 = 6;
pub(super) const STARTING: u32 = 0;
pub(super) const STARTED: u32 = 1;
pub(super) const RETURNED: u32 = 2;

/// Where a caller wants results.
pub(super) const RESULT: u64 = 64;

pub(super) const SYNC: u64 = LiftFlags::ASYNC_TYPE;
pub(super) const STACKFUL: u64 = LiftFlags::ASYNC_TYPE | LiftFlags::ASYNC;
pub(super) const CALLBACK: u64 = LiftFlags::ASYNC_TYPE | LiftFlags::ASYNC | LiftFlags::CALLBACK;

/// A function of a component: one parameter, one result.
pub(super) trait Code: 'static {
    const INSTANCE: u32 = INNER;
    const FLAGS: u64 = CALLBACK;
    const ON_FIBER: bool = false;
    /// Whether [`FLAGS`] are those of its instance.
    const ENTERED: bool = false;
    const POST_RETURN: bool = false;

    /// The core function; what it gives is the packed code, or the result.
    fn start(param: u32) -> u32;

    fn callback(_event: u32, _index: u32, _payload: u32) -> u32 {
        unreachable!("it never waits")
    }
}

thread_local! {
    static GUEST: RefCell<Option<Guest>> = const { RefCell::new(None) };
    static MEMORY: Cell<*mut u8> = const { Cell::new(std::ptr::null_mut()) };
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    /// Flags of a component instance.
    pub(super) static FLAGS: Cell<u8> = const { Cell::new(0) };
    /// A word for each test to remember something in.
    pub(super) static WORD: Cell<u32> = const { Cell::new(0) };
}

/// Makes the store of a test.
pub(super) fn new_store() {
    let mut guest = Guest::new();
    MEMORY.set(guest.memory().start());
    GUEST.set(Some(guest));
}

pub(super) fn memory() -> *mut u8 {
    MEMORY.get()
}

pub(super) fn store() -> &'static store::Store {
    // SAFETY: the memory is that of a guest.
    unsafe { store::of_memory(memory()) }
}

pub(super) fn read_u32(at: u64) -> u32 {
    GUEST.with_borrow_mut(|guest| {
        let bytes = guest.as_mut().unwrap().read(at as u32, 4);
        u32::from_le_bytes(bytes.try_into().unwrap())
    })
}

pub(super) fn log(text: impl Into<String>) {
    LOG.with_borrow_mut(|log| log.push(text.into()));
}

/// What has been logged since this was last called.
pub(super) fn logged() -> Vec<String> {
    LOG.take()
}

pub(super) fn options(instance: u32, is_async: bool) -> CanonOptions {
    CanonOptions {
        memory_offset: memory().expose_provenance() as u64,
        realloc: None,
        instance,
        encoding: 0,
        is_async: is_async.into(),
        ptr_type: 0,
    }
}

/// The instances that a call of a function enters. Stores of tests begin at address 0.
fn entered<C: Code>() -> Slice<u64> {
    let flags = FLAGS.with(Cell::as_ptr).expose_provenance() as u64;
    let offsets: &[u64] = if C::ENTERED { &[flags] } else { &[] };
    Slice {
        start: Box::leak(Box::<[u64]>::from(offsets)).as_ptr(),
        len: offsets.len() as u64,
    }
}

unsafe extern "C" fn post_return(_: *mut u8, slots: *mut u64) {
    // SAFETY: a callee has slots.
    log(format!("post-return of {}", unsafe { *slots }));
}

unsafe extern "C" fn start<C: Code>(_: *mut u8, slots: *mut u64) {
    // SAFETY: a callee has slots.
    unsafe { *slots = C::start(*slots as u32).into() };
}

unsafe extern "C" fn callback<C: Code>(_: *mut u8, event: u32, index: u32, payload: u32) -> u32 {
    C::callback(event, index, payload)
}

pub(super) fn lift<C: Code>() -> &'static AsyncLift {
    Box::leak(Box::new(AsyncLift {
        start: start::<C>,
        callback: Some(callback::<C>),
        post_return: if C::POST_RETURN {
            Some(post_return)
        } else {
            None
        },
        flags: C::FLAGS,
        options: options(C::INSTANCE, false),
        result: std::ptr::null(),
        entered: entered::<C>(),
        fiber: if C::ON_FIBER { Some(fiber_run) } else { None },
    }))
}

unsafe extern "C" fn pass_params(_: *mut u8, from: *mut u64, to: *mut u64) {
    // SAFETY: both have slots.
    unsafe { *to = *from };
}

unsafe extern "C" fn pass_to_slot(_: *mut u8, from: *mut u64, to: *mut u64) {
    // SAFETY: both have slots.
    unsafe { *to = *from };
}

unsafe extern "C" fn pass_to_memory(_: *mut u8, from: *mut u64, to: *mut u64) {
    // SAFETY: the second of the caller's slots has an address in the memory.
    unsafe {
        let at = memory().add(*to.add(1) as usize);
        at.cast::<u32>().write(*from as u32);
    }
}

/// Calls a function from an instance: the status, or the result.
fn call<C: Code>(caller: u32, param: u32, is_async: bool) -> u32 {
    let record = Box::leak(Box::new(AsyncCall {
        lift: lift::<C>(),
        pass_params,
        pass_result: if is_async {
            pass_to_memory
        } else {
            pass_to_slot
        },
        out_slot: 1,
        slots: if is_async { 2 } else { 1 },
        options: options(caller, is_async),
        entered: entered::<C>(),
    }));
    let mut slots = [param.into(), RESULT];
    let record = std::ptr::from_mut(record).cast();
    // SAFETY: the record is right, and there are as many slots as it says.
    let status = unsafe { async_call(memory(), record, slots.as_mut_ptr().cast()) };
    match is_async {
        true => status as u32,
        false => slots[0] as u32,
    }
}

/// Calls a function, lowered with `async`, from the outer instance: state and handle.
pub(super) fn call_async<C: Code>(param: u32) -> (u32, u32) {
    let status = call::<C>(OUTER, param, true);
    (status & 0xf, status >> 4)
}

/// Calls a function, lowered without `async`, from the outer instance.
pub(super) fn call_sync<C: Code>(param: u32) -> u32 {
    call::<C>(OUTER, param, false)
}

/// The host calls a function: its result.
pub(super) fn invoke<C: Code>() -> Option<u32> {
    let call = ExportCall {
        lower: |_: &mut [u64]| {},
        lift: |slots: &[u64]| slots[0] as u32,
    };
    call_export(store(), lift::<C>(), call)
}

unsafe extern "C" fn never(_: *mut u8, _: *mut u64) {
    unreachable!("a function of async type is called as a task")
}

fn leaked<T>(items: Vec<T>) -> Slice<T> {
    let items = items.leak();
    Slice {
        start: items.as_ptr(),
        len: items.len() as u64,
    }
}

/// A function as an export of the root, from one number to another.
pub(super) fn export<C: Code>() -> &'static ComponentExport {
    let number: &TypeDesc = Box::leak(Box::new(TypeDesc {
        kind: TypeKind::U32 as u32,
        len: 0,
        bytes: [4; 2],
        align: [4; 2],
        flat_len: 1,
        definer: 0,
        members: leaked(Vec::new()),
    }));
    Box::leak(Box::new(ComponentExport {
        component: 0,
        name: leaked(Vec::new()),
        call: never,
        finish: never,
        options: options(C::INSTANCE, false),
        param_names: leaked(Vec::new()),
        params: leaked(vec![std::ptr::from_ref(number)]),
        result: number,
        flat_params: 1,
        lift: lift::<C>(),
    }))
}

/// `task.return` of an instance.
pub(super) fn task_return(value: u32) {
    let mut slots = [u64::from(value)];
    let record = Box::leak(Box::new(TaskReturn {
        result: std::ptr::null(),
        options: options(0, false),
        slots: 1,
    }));
    let record: *mut TaskReturn = record;
    // SAFETY: the record is right, and there is one slot.
    unsafe { builtins::task_return(memory(), record.cast(), slots.as_mut_ptr().cast()) };
}

macro_rules! builtins {
    ($( $name:ident ( $($param:ident),* ) -> $result:ty; )*) => {
        $(
            pub(super) fn $name($($param: u32),*) -> $result {
                // SAFETY: the memory is that of a guest.
                unsafe { builtins::$name(memory() $(, ($param as i32).into())*) as $result }
            }
        )*
    };
}

builtins! {
    waitable_set_new(instance) -> u32;
    waitable_set_wait(instance, cancellable, set, out) -> u32;
    waitable_set_poll(instance, cancellable, set, out) -> u32;
    waitable_set_drop(instance, set) -> ();
    waitable_join(instance, waitable, set) -> ();
    subtask_cancel(instance, is_async, subtask) -> u32;
    subtask_drop(instance, subtask) -> ();
    backpressure_inc(instance) -> ();
    backpressure_dec(instance) -> ();
    thread_yield(instance, cancellable) -> u32;
}

/// A new set with one waitable.
pub(super) fn set_of(instance: u32, waitable: u32) -> u32 {
    let set = waitable_set_new(instance);
    waitable_join(instance, waitable, set);
    set
}

pub(super) fn context_get(slot: i32) -> u32 {
    builtins::context_get(memory(), slot) as u32
}

pub(super) fn context_set(slot: i32, value: u32) {
    builtins::context_set(memory(), slot, value.into());
}

pub(super) fn task_cancel() {
    builtins::task_cancel(memory(), 0);
}

/// What `thread.new-indirect` finds in a table: a function of the argument.
pub(super) type ThreadFn = fn(u32);

unsafe extern "C" fn start_thread(_: *mut u8, function: *mut u8, _: *mut u8, argument: u64) {
    // SAFETY: `thread_new` has put it there.
    let function: ThreadFn = unsafe { std::mem::transmute(function) };
    function(argument as u32);
}

/// `thread.new-indirect`: the index of a thread that is suspended.
pub(super) fn thread_new(function: ThreadFn, argument: u32) -> u32 {
    static RECORD: ThreadStart = ThreadStart {
        start: start_thread,
    };
    let record = std::ptr::from_ref(&RECORD).cast_mut().cast();
    let none = std::ptr::null_mut();
    // SAFETY: the record takes such a function.
    unsafe {
        let (function, argument) = (function as *mut u8, argument.into());
        threads::thread_new_indirect(memory(), record, function, none, argument) as u32
    }
}

pub(super) fn thread_index() -> u32 {
    threads::thread_index(memory(), 0) as u32
}

pub(super) fn thread_suspend() -> u32 {
    threads::thread_suspend(memory(), 0) as u32
}

macro_rules! thread_builtins {
    ($( $name:ident ( $($param:ident),* ) -> $result:ty; )*) => {
        $(
            pub(super) fn $name($($param: u32),*) -> $result {
                // SAFETY: the memory is that of a guest.
                unsafe { threads::$name(memory() $(, $param as i32)*) as $result }
            }
        )*
    };
}

thread_builtins! {
    thread_resume_later(instance, thread) -> ();
    thread_switch(instance, yields, thread) -> u32;
    thread_promote(instance, yields, thread) -> u32;
}
