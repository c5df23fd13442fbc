//! Threads of the guest, by wasi-threads: each is one of the system's, with a store of its own. A
//! trap in any of them, an exit, and the return of the first end the process.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::vm::arch::Registers;
use crate::vm::backtrace::Frames;
use crate::vm::process::{self, items};
use crate::vm::signal::ThreadsStack;
use crate::vm::space::PROCESS;
use crate::vm::store::{Store, set_current};
use crate::vm::trap::{self, TrapInfo, catch};
use crate::vm::{backtrace, sharing, signal, start};
use wasmelt_abi::{Program, Threads};

/// Slots of the stores of threads.
struct Slots {
    /// Of threads that have ended.
    idle: Vec<usize>,
    /// All before this one have been in use; the first thread has the first.
    fresh: usize,
}

static SLOTS: Mutex<Slots> = Mutex::new(Slots {
    idle: Vec::new(),
    fresh: 1,
});

/// What a guest is told that cannot have another thread: `EAGAIN` of WASI 0.1, negated.
const AGAIN: i32 = -6;

/// How a program starts threads.
pub(crate) fn of(program: &'static Program) -> &'static Threads {
    // SAFETY: the compiler wrote the address of the structure in read-only data.
    let threads = process::rare(program).and_then(|rare| unsafe { rare.threads.as_ref() });
    threads.expect("a program that starts threads says how")
}

/// Runs what a thread is there for in its store.
pub(crate) fn run(store: &'static Store, body: impl FnOnce()) {
    set_current(store);
    trap::observe(end_process);
    let outcome = catch(body);
    debug_assert_eq!(outcome, Ok(()), "a trap has ended the process");
}

/// Is told of a trap where it happens. Of several threads, one ends the process.
fn end_process(trap: TrapInfo, pc: usize, frames: Frames, registers: Option<&Registers<'_>>) {
    static ENDING: AtomicBool = AtomicBool::new(false);
    if !ENDING.swap(true, Ordering::Relaxed) {
        trap::report_by_whom(trap, pc, frames, registers)
    }
    loop {
        thread::sleep(Duration::MAX);
    }
}

/// `thread-spawn` of wasi-threads: the number of a new thread, or less than 0.
///
/// # Safety
/// Compiled code calls it.
#[unsafe(export_name = "wasmelt_thread_spawn")]
unsafe extern "C" fn thread_spawn(_memory: *mut u8, argument: i32) -> i32 {
    spawn(argument).unwrap_or(AGAIN)
}

/// The number of a thread is that of its slot.
fn spawn(argument: i32) -> Option<i32> {
    let (slot, is_fresh) = take_slot()?;
    let number = i32::try_from(slot).ok()?;
    let store = match is_fresh {
        true => sharing::create(slot),
        false => sharing::create_again(slot),
    };
    let store = store.ok()?;
    let stack_bytes = match PROCESS.program().policy.stack_bytes_max {
        0 => signal::STACK_BYTES_FINITE,
        bytes_max => bytes_max,
    };
    let started = ThreadsStack::new().ok().and_then(|handlers| {
        let body = move || begin(store, handlers, [number, argument]);
        let thread = thread::Builder::new().stack_size(stack_bytes as usize);
        thread.spawn(body).ok()
    });
    if started.is_none() {
        give_slot_back(store, slot);
    }
    started.map(|_| number)
}

/// What a thread does, from its first function to its last: the values are its number and its
/// argument.
fn begin(store: &'static Store, handlers: ThreadsStack, values: [i32; 2]) {
    backtrace::set_stack_end(start::frame_address());
    let threads = of(PROCESS.program());
    handlers.run(|| {
        run(store, || {
            for instantiate in items(&threads.instantiate).iter().flatten() {
                // SAFETY: compiled code for a store of this program.
                unsafe { instantiate(store.base()) };
            }
            let mut slots = values.map(|value| u128::from(value.cast_unsigned()));
            // SAFETY: as above; the function takes two numbers and gives nothing.
            unsafe { (threads.start)(store.base(), slots.as_mut_ptr()) };
        });
    });
    give_slot_back(store, values[0] as usize);
}

/// Runs what catches its traps, in a further thread.
pub(crate) fn run_caught(body: impl FnOnce()) {
    backtrace::set_stack_end(start::frame_address());
    if let Ok(handlers) = ThreadsStack::new() {
        handlers.run(body);
    }
}

fn take_slot() -> Option<(usize, bool)> {
    let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(slot) = slots.idle.pop() {
        return Some((slot, false));
    }
    let slot = slots.fresh;
    if slot == PROCESS.stores().len() {
        return None;
    }
    slots.fresh = slot + 1;
    Some((slot, true))
}

fn give_slot_back(store: &'static Store, slot: usize) {
    if sharing::end(store).is_ok() {
        let mut slots = SLOTS.lock().unwrap_or_else(PoisonError::into_inner);
        slots.idle.push(slot);
    }
}
