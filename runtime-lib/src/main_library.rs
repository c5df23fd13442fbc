//! A library: an embedder creates instances, calls their exports, and deletes them.
//!
//! An instance is a store, and the embedder's handle of it is the store's base, so that generated
//! functions need no lookup. Whatever ends a call (a trap, an exit) ends the instance too: what is
//! left of it may be anything. The embedder is told by a number, and reads the rest as text.
//!
//! Nothing here is used by executables.

mod begun;
mod blocks;
mod handles;
pub(crate) mod imports;
mod lift;
mod lower;
mod record;
mod values;

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::future::Future;
use std::pin::pin;
use std::ptr::{null, null_mut};
use std::sync::Once;
use std::task::Poll;

use crate::component::export::{self, Returned};
use crate::component::types::Type;
use crate::component::{Call, dynamic, tasks};
use crate::host::clocks::{Clock, now_ns};
use crate::io;
use crate::vm::message::Message;
use crate::vm::space::{NoSpace, PROCESS, header};
use crate::vm::store::{Store, of_memory, set_current};
use crate::vm::trap::{self, catch};
use crate::vm::{backtrace, note, process, profile, spaces, stack_limit, stacks, start};
use begun::{Done, Told};
use values::Checked;
use wasmelt_abi::{ComponentExport, LibraryConfig, LibraryStatus, Program};

/// Bytes of an embedder's stack that compiled code may use where nobody says.
const STACK_BYTES: u64 = 512 << 10;

/// More than any stack has.
const STACK_BYTES_MAX: u64 = 1 << 46;

thread_local! {
    /// Why the last instance that could not be created was not.
    static FAILURE: RefCell<CString> = RefCell::default();
}

/// Ticks that there are at least, however little time there is.
const TICKS_MIN: u32 = 64;

/// Somebody has linked a library's object as a program.
#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_library(_: &'static Program) -> ! {
    Message::new().text("error: this is a library, and has no main function\n");
    process::exit(1)
}

/// `NAME_new`: creates and instantiates an instance.
///
/// # Safety
/// `config` is null or a configuration, and `to` is a place for a handle.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasmelt_library_new(
    config: *const LibraryConfig,
    to: *mut *mut u8,
) -> LibraryStatus {
    // SAFETY: the caller vouches for it.
    let config = unsafe { config.as_ref() };
    drop(note::take());
    let program = process::program();
    prepare();
    let created = spaces::create(program).map_err(|failure| no_space(&failure));
    let instance = created.and_then(|store| instantiate(program, store, config).map(|()| store));
    let (handle, status, text) = match instance {
        Ok(store) => (store.base(), LibraryStatus::Ok, CString::default()),
        Err((status, text)) => (null_mut(), status, text),
    };
    FAILURE.set(text);
    // SAFETY: the caller vouches for it.
    unsafe { to.write(handle) };
    status
}

type Failure = (LibraryStatus, CString);

fn no_space(failure: &NoSpace) -> Failure {
    let text = format!("no memory for an instance: {failure}");
    (LibraryStatus::NoMemory, c_text(text.into_bytes()))
}

/// What the process does once.
fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        trap::know_components();
        process::adopt_environment();
        process::leave_with(trap::leave);
        start::take_signals();
        profile::begin_if_any(process::program());
    });
}

fn instantiate(
    program: &'static Program,
    store: &'static Store,
    config: Option<&LibraryConfig>,
) -> Result<(), Failure> {
    let number = |of: fn(&LibraryConfig) -> u64| config.map_or(0, of);
    if let Err(failure) = limit_memories(program, store, number(|it| it.memory_bytes_max)) {
        spaces::drop_store(store);
        return Err(failure);
    }
    let stack = match (number(|it| it.stack_bytes), program.policy.stack_bytes_max) {
        (0, 0) => STACK_BYTES,
        (0, built) => built,
        (bytes, _) => bytes,
    };
    stack_limit::set_bytes(store, stack.min(STACK_BYTES_MAX));
    let imports = config.map_or(null(), |config| config.imports);
    record::with(store, |record| record.imports = imports);
    let body = || {
        if let Some(host_init) = program.host_init {
            // SAFETY: the compiler wrote the address of a function of this library.
            unsafe { host_init(program) };
        }
        start::instantiate_all(program, store);
    };
    let status = run(store, body);
    if status == LibraryStatus::Ok {
        return Ok(());
    }
    let text = record::with(store, |record| record.text.clone());
    spaces::drop_store(store);
    Err((status, text))
}

/// No memory gets larger than so many bytes, or than it may be anyway for 0.
fn limit_memories(program: &'static Program, store: &Store, max: u64) -> Result<(), Failure> {
    for region in process::items(&program.regions) {
        // SAFETY: a region of a store that is in use has its header below its memory.
        let header = unsafe { &mut *header(store.base(), region) };
        if max == 0 || header.bytes_max <= max {
            continue;
        }
        if header.bytes > max {
            let text = format!(
                "a memory begins with {} bytes, and the limit is {max}",
                header.bytes
            );
            return Err((LibraryStatus::NoMemory, c_text(text.into_bytes())));
        }
        header.bytes_max = max;
    }
    Ok(())
}

/// `NAME_delete`.
///
/// # Safety
/// `handle` is null or that of an instance, in which nothing runs.
#[unsafe(no_mangle)]
unsafe extern "C" fn wasmelt_library_delete(handle: *mut u8) {
    // SAFETY: the caller vouches for it.
    if let Some(store) = unsafe { store_of(handle) } {
        stack_limit::set_bytes(store, 0);
        tell(store, LibraryStatus::Ended);
        let outer = set_current(store);
        spaces::drop_store(store);
        set_current(outer);
    }
}

/// `NAME_message`: how an instance has ended, as text; of null, why the last instance of this thread
/// that could not be created was not. Empty where there is nothing to tell.
///
/// # Safety
/// As for [`wasmelt_library_delete`].
#[unsafe(no_mangle)]
unsafe extern "C" fn wasmelt_library_message(handle: *mut u8) -> *const c_char {
    // SAFETY: the caller vouches for it.
    match unsafe { store_of(handle) } {
        None => FAILURE.with_borrow(|text| text.as_ptr()),
        Some(store) => record::with(store, |record| record.text.as_ptr()),
    }
}

/// `NAME_exit_code`: the code of a program that has exited; 0 for any other.
///
/// # Safety
/// As for [`wasmelt_library_delete`].
#[unsafe(no_mangle)]
unsafe extern "C" fn wasmelt_library_exit_code(handle: *mut u8) -> i32 {
    // SAFETY: the caller vouches for it.
    let store = unsafe { store_of(handle) };
    store.map_or(0, |store| record::with(store, |record| record.exit_code))
}

/// The store of a handle.
///
/// # Safety
/// `handle` is null or that of an instance.
unsafe fn store_of(handle: *mut u8) -> Option<&'static Store> {
    if handle.is_null() {
        return None;
    }
    let first = process::items(&PROCESS.program().regions).first()?;
    let memory = handle.wrapping_add(first.memory_offset as usize);
    // SAFETY: a handle is the base of a store that is in use.
    Some(unsafe { of_memory(memory) })
}

/// The runtime function `library_call`.
///
/// # Safety
/// `base` is a handle, and there are slots enough.
#[unsafe(export_name = "wasmelt_library_call")]
pub(crate) unsafe extern "C" fn library_call(base: *mut u8, export: i64, slots: *mut u8) -> i32 {
    // SAFETY: the caller vouches for it.
    let Some(store) = (unsafe { store_of(base) }) else {
        return LibraryStatus::Ended as i32;
    };
    let exports = process::items(&PROCESS.program().exports);
    let export = exports.get(export as usize);
    let export = export.expect("the compiler wrote the export");
    // SAFETY: compiled code for a store of this program; the caller vouches for the slots.
    run(store, || unsafe { (export.call)(base, slots.cast()) }) as i32
}

/// The runtime function `library_lift`.
///
/// # Safety
/// `base` is a handle, and the parameters and the place of the result are as the header says.
#[unsafe(export_name = "wasmelt_library_lift")]
pub(crate) unsafe extern "C" fn library_lift(
    base: *mut u8,
    export: i64,
    slots: *mut u8,
    to: *mut u8,
) -> i32 {
    // SAFETY: the caller vouches for it.
    let (store, export) = match unsafe { checked(base, export, slots) } {
        Ok(found) => found,
        Err(status) => return status as i32,
    };
    // SAFETY: as above.
    let status = run(store, || unsafe { call_lifted(export, store, (slots, to)) });
    if status == LibraryStatus::Ok && !record::with(store, |record| record.blocks.give()) {
        return LibraryStatus::NoMemory as i32;
    }
    status as i32
}

/// What a component's export is called in, and the export, if that can be called with these arguments.
///
/// # Safety
/// As of [`library_lift`].
unsafe fn checked(
    base: *mut u8,
    export: i64,
    slots: *const u8,
) -> Result<(&'static Store, &'static ComponentExport), LibraryStatus> {
    // SAFETY: the caller vouches for it.
    let store = unsafe { store_of(base) }.ok_or(LibraryStatus::Ended)?;
    let exports = process::items(&PROCESS.program().component_exports);
    let export = exports.get(export as usize);
    let export = export.expect("the compiler wrote the export");
    if stack_limit::bytes(store) == 0 {
        return Err(LibraryStatus::Ended);
    }
    // The instances of a component are not entered while they wait for their embedder.
    if record::with(store, |record| record.is_running) {
        return Err(LibraryStatus::Invalid);
    }
    let mut checked = Checked::of(store);
    for (position, ty) in export::params(export).enumerate() {
        // SAFETY: the caller vouches for the parameters.
        let is_valid = unsafe { checked.check(ty, values::param(slots, position, ty)) };
        is_valid.map_err(|_| LibraryStatus::Invalid)?;
    }
    Ok((store, export))
}

/// The runtime function `library_drop`.
///
/// # Safety
/// `base` is a handle.
#[unsafe(export_name = "wasmelt_library_drop")]
pub(crate) unsafe extern "C" fn library_drop(
    base: *mut u8,
    export: i64,
    resource: i32,
    handle: i32,
) -> i32 {
    // SAFETY: the caller vouches for it.
    let Some(store) = (unsafe { store_of(base) }) else {
        return LibraryStatus::Ended as i32;
    };
    if stack_limit::bytes(store) == 0 {
        return LibraryStatus::Ended as i32;
    }
    let rep = record::with(store, |record| match record.is_running {
        true => None,
        false => record.handles.take(resource as u32, handle as u32),
    });
    let Some(rep) = rep else {
        return LibraryStatus::Invalid as i32;
    };
    let mut slot = u128::from(rep);
    // SAFETY: as above; the destructor has one slot.
    unsafe { library_call(base, export, (&raw mut slot).cast()) }
}

/// Calls a component's export with arguments that have been checked. What the result refers to is in
/// the blocks of the instance's record.
///
/// # Safety
/// As of [`library_lift`].
unsafe fn call_lifted(
    export: &'static ComponentExport,
    store: &'static Store,
    (slots, to): (*mut u8, *mut u8),
) {
    let lower = move |call: &mut Call<'_>, flat: &mut [u64]| {
        let flat = (export.flat_params, flat);
        // SAFETY: the caller vouches for the slots, and waits as long as the call lasts.
        unsafe { lower::lower_params(call, export::params(export), slots, flat) };
    };
    let lift = move |call: &mut Call<'_>, returned: Returned, flat: &[u64]| {
        if let Some(ty) = Type::at(export.result) {
            // SAFETY: as above, for the place of the result.
            unsafe { lift::lift_value(call, ty, (returned.is_flat(ty), flat), to) };
        }
    };
    export::call(export, store, lower, lift);
}

/// The runtime function `library_start`.
///
/// What has been begun goes on in [`library_poll`], and in calls that wait. That one has ended, its
/// embedder is told by [`library_poll`] alone, when nothing runs in the instance any more: so whoever
/// is told may call it.
///
/// # Safety
/// As of `library_lift`, for as long as the call lasts; `done` is null or a [`Done`].
#[unsafe(export_name = "wasmelt_library_start")]
pub(crate) unsafe extern "C" fn library_start(
    base: *mut u8,
    export: i64,
    slots: *mut u8,
    to: *mut u8,
    done: *mut u8,
    user: *mut u8,
) -> i32 {
    // SAFETY: the caller vouches for it.
    let (store, export) = match unsafe { checked(base, export, slots) } {
        Ok(found) => found,
        Err(status) => return status as i32,
    };
    // SAFETY: there is a slot for each parameter.
    let slots: Vec<u64> =
        unsafe { std::slice::from_raw_parts(slots.cast(), export::params(export).count()) }
            .to_vec();
    // SAFETY: the caller vouches for it; a null pointer is `None`.
    let done = unsafe { std::mem::transmute::<*mut u8, Option<Done>>(done) };
    let number = record::with(store, |record| record.calls.begin(Told { done, user }));
    let lower = move |call: &mut Call<'_>, flat: &mut [u64]| {
        let flat = (export.flat_params, flat);
        // SAFETY: the caller vouches for what the slots refer to.
        unsafe { lower::lower_params(call, export::params(export), slots.as_ptr().cast(), flat) };
    };
    let lift = move |call: &mut Call<'_>, returned: Returned, flat: &[u64]| {
        let begin = record::with(store, |record| record.blocks.len());
        if let Some(ty) = Type::at(export.result) {
            // SAFETY: as above, for the place of the result.
            unsafe { lift::lift_value(call, ty, (returned.is_flat(ty), flat), to) };
        }
        record::with(store, |record| {
            let blocks = record.blocks.split_off(begin);
            record.calls.end(number, blocks);
        });
    };
    let status = run(store, || export::begin(export, store, lower, lift));
    if status != LibraryStatus::Ok {
        record::with(store, |record| record.calls.pending.remove(&number));
    }
    status as i32
}

/// The runtime function `library_poll`.
///
/// # Safety
/// `base` is a handle; `pending` is null or a place for a number.
#[unsafe(export_name = "wasmelt_library_poll")]
pub(crate) unsafe extern "C" fn library_poll(
    base: *mut u8,
    timeout_ns: i64,
    pending: *mut u8,
) -> i32 {
    // SAFETY: the caller vouches for it.
    let Some(store) = (unsafe { store_of(base) }) else {
        return LibraryStatus::Ended as i32;
    };
    if record::with(store, |record| record.is_running) {
        return LibraryStatus::Invalid as i32;
    }
    let status = run(store, || go_on(store, timeout_ns));
    tell(store, status);
    // SAFETY: the caller vouches for the place.
    if let Some(pending) = unsafe { pending.cast::<usize>().as_mut() } {
        *pending = record::with(store, |record| record.calls.pending.len());
    }
    status as i32
}

/// Lets everything go on until a call has ended, or for as long as there is time. Where there is no
/// call, nothing is waited for.
fn go_on(store: &'static Store, timeout_ns: i64) {
    let is_any = record::with(store, |record| !record.calls.pending.is_empty());
    let wait_ns = match u64::try_from(timeout_ns) {
        _ if !is_any => Some(0),
        Ok(wait_ns) => Some(wait_ns),
        Err(_) => None,
    };
    let end_ns = wait_ns.map(|wait_ns| now_ns(Clock::Monotonic).saturating_add(wait_ns));
    let mut end = end_ns.map(io::sleep_until);
    io::turn(false);
    for ticks in 1_u64.. {
        if record::with(store, |record| !record.calls.ended.is_empty()) {
            return;
        }
        let mut is_over = false;
        tasks::tick_until(|cx| {
            let over = end.as_mut().map(|end| pin!(end).poll(cx));
            is_over = over == Some(Poll::Ready(()));
            over.unwrap_or(Poll::Pending)
        });
        let is_late = || end_ns.is_some_and(|end_ns| now_ns(Clock::Monotonic) >= end_ns);
        if is_over || ticks >= TICKS_MIN.into() && is_late() {
            return;
        }
    }
}

/// Tells of the calls that have ended, and, if the instance has ended in some way, of all others.
fn tell(store: &'static Store, status: LibraryStatus) {
    let ended = record::with(store, |record| std::mem::take(&mut record.calls.ended));
    for (told, mut blocks) in ended {
        told.tell(match blocks.give() {
            true => LibraryStatus::Ok,
            false => LibraryStatus::NoMemory,
        });
    }
    if status != LibraryStatus::Ok {
        let pending = record::with(store, |record| std::mem::take(&mut record.calls.pending));
        pending.into_values().for_each(|told| told.tell(status));
    }
}

/// Runs something of an instance; if a trap or an exit ends it, the instance has ended.
#[inline(never)]
fn run(store: &'static Store, body: impl FnOnce()) -> LibraryStatus {
    let bytes = stack_limit::bytes(store);
    if bytes == 0 {
        return LibraryStatus::Ended;
    }
    let frame = start::frame_address();
    let outer_end = backtrace::stack_end();
    backtrace::set_stack_end(frame);
    let outer_store = set_current(store);
    let is_outermost = !record::with(store, |record| record.is_running);
    let before = match is_outermost {
        true => stack_limit::set(store, (frame as u64).saturating_sub(bytes)),
        false => 0,
    };
    record::with(store, |record| record.is_running = true);
    let mut outcome = Ok(());
    match outer_end {
        0 => outcome = catch(body),
        // A function of the embedder's has been called by somebody.
        _ => stacks::run_above(outer_end, || outcome = catch(body)),
    }
    if is_outermost {
        record::with(store, |record| record.is_running = false);
        stack_limit::set(store, before);
    }
    set_current(outer_store);
    backtrace::set_stack_end(outer_end);
    match outcome {
        Ok(()) => LibraryStatus::Ok,
        Err(_) => ended(store),
    }
}

/// An instance has ended, as has been noted.
fn ended(store: &'static Store) -> LibraryStatus {
    stack_limit::set_bytes(store, 0);
    // Functions of the store that have called somebody who has ended it trap when they go on.
    stack_limit::set(store, u64::MAX);
    let (exit, text) = note::take();
    let (status, code, text) = match exit {
        Some(code) => (
            LibraryStatus::Exit,
            code,
            c_text(format!("the program has exited with code {code}").into_bytes()),
        ),
        None => (LibraryStatus::Trap, 0, c_text(text)),
    };
    if PROCESS.program().component_instances > 0 {
        dynamic::abandon(store);
    }
    record::with(store, |record| {
        (record.exit_code, record.text) = (code, text);
        record.blocks.free();
    });
    status
}

/// What is noted is written for a terminal: the first word goes, and the last end of a line.
fn c_text(text: Vec<u8>) -> CString {
    let text = text
        .strip_prefix(b"error: ")
        .unwrap_or(&text)
        .trim_ascii_end();
    CString::new(text).unwrap_or_default()
}

/// The runtime function `library_refused`.
#[unsafe(export_name = "wasmelt_library_refused")]
pub(crate) extern "C" fn library_refused(base: *mut u8) -> i32 {
    debug_assert!(!base.is_null(), "a handle is never null");
    LibraryStatus::Ended as i32
}

/// The runtime function `library_ended`.
///
/// # Safety
/// `base` is a handle.
#[unsafe(export_name = "wasmelt_library_ended")]
pub(crate) unsafe extern "C" fn library_ended(base: *mut u8) -> i32 {
    // SAFETY: the caller vouches for it.
    let store = unsafe { store_of(base) };
    store.map_or(LibraryStatus::Ended, ended) as i32
}
