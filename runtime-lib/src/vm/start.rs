//! What every way of running a program does first.

use crate::vm::space::{NoSpace, PROCESS};
use crate::vm::store::Store;
use crate::vm::worker::Worker;
use crate::vm::{arch, backtrace, process, signal, stores};
use wasmelt_abi::Program;

/// Prepares the process and creates its first store. Nothing before it allocates.
#[inline(always)]
pub fn start(program: &'static Program) -> &'static Store {
    // Everything that is walked later is called from the function that this is inlined into; its
    // own frame record is two words from its frame pointer.
    backtrace::set_stack_end(arch::frame_pointer() + 16);
    let store = stores::create_or_exit(program);
    prepare(program);
    store
}

/// As [`start`], for up to so many stores.
#[inline(always)]
pub fn start_several(program: &'static Program, slots: usize) -> Worker {
    backtrace::set_stack_end(arch::frame_pointer() + 16);
    if let Err(failure) = PROCESS.open(program, slots) {
        stores::fail(failure)
    }
    prepare(program);
    Worker::new(&PROCESS, slots)
}

/// As [`start`], for processes that are forked from this one, each with up to so many stores: for
/// how many there is address space.
#[inline(always)]
pub fn start_server(program: &'static Program, slots: usize) -> usize {
    backtrace::set_stack_end(arch::frame_pointer() + 16);
    let slots = open(program, slots);
    prepare(program);
    slots
}

/// As [`start`], for up to so many threads with a store each: for how many there is address space.
/// The first store is the one that `create` makes.
#[inline(always)]
pub fn start_threads(
    program: &'static Program,
    slots: usize,
    create: impl FnOnce() -> Result<&'static Store, NoSpace>,
) -> &'static Store {
    backtrace::set_stack_end(arch::frame_pointer() + 16);
    open(program, slots);
    let store = create().unwrap_or_else(|failure| stores::fail(failure));
    prepare(program);
    store
}

/// Reserves address space for up to so many stores: for how many.
fn open(program: &'static Program, slots: usize) -> usize {
    let mut slots = slots;
    while let Err(failure) = PROCESS.open(program, slots) {
        if slots == 1 {
            stores::fail(failure)
        }
        slots /= 2;
    }
    slots
}

/// Where the frame of the function begins that this is inlined into: everything that it calls lies
/// below.
#[inline(always)]
pub fn frame_address() -> usize {
    arch::frame_pointer() + 16
}

/// In a library: signals that report traps are ours, all others go where they went before.
pub(crate) fn take_signals() {
    signal::install_before_others();
}

#[inline(always)]
fn prepare(program: &'static Program) {
    signal::install();
    signal::limit_stack(program.policy.stack_bytes_max);
    if let Some(host_init) = program.host_init {
        // SAFETY: the compiler wrote the address of a function of this library.
        unsafe { host_init(program) };
    }
}

/// Instantiates every instance in order. A trap goes its usual way.
pub fn instantiate_all(program: &'static Program, store: &'static Store) {
    for instance in process::items(&program.instances) {
        if let Some(instantiate) = instance.instantiate {
            // SAFETY: compiled code for a store of this program.
            unsafe { instantiate(store.base()) };
        }
    }
}
