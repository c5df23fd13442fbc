//! The end of a program that has had its time: a thread that waits for that, stops the main thread
//! where it is, and reports a trap in its place.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use windows_sys::Win32::Foundation::{DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE};
use windows_sys::Win32::System::Diagnostics::Debug::{CONTEXT_FULL_AMD64, GetThreadContext};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetCurrentThread, SuspendThread};

use crate::vm::arch::{Context, Registers};
use crate::vm::backtrace::{self, Frames};
use crate::vm::process;
use crate::vm::trap;

/// Nobody counts any more.
static IS_STOPPED: AtomicBool = AtomicBool::new(false);

/// Begins to count; 0 is for ever.
pub(crate) fn start(timeout_ns: u64) {
    if timeout_ns == 0 {
        return;
    }
    let watch = |thread: usize| {
        move || {
            std::thread::sleep(Duration::from_nanos(timeout_ns));
            if !IS_STOPPED.load(Ordering::Relaxed) {
                end(std::ptr::with_exposed_provenance_mut(thread));
            }
        }
    };
    let thread = own_thread().map(HANDLE::expose_provenance);
    let watcher = thread.map(|thread| std::thread::Builder::new().spawn(watch(thread)));
    if !matches!(watcher, Some(Ok(_))) {
        crate::vm::message::Message::new().text("error: no thread for the timeout\n");
        process::exit(1)
    }
}

/// Counts no longer: a server has time, and each of its requests so much.
pub(crate) fn stop() {
    IS_STOPPED.store(true, Ordering::Relaxed);
}

/// What others know the thread by that calls this, for good.
pub(super) fn own_thread() -> Option<HANDLE> {
    let mut thread: HANDLE = std::ptr::null_mut();
    // SAFETY: the system writes to a local.
    let done = unsafe {
        DuplicateHandle(
            GetCurrentProcess(),
            GetCurrentThread(),
            GetCurrentProcess(),
            &raw mut thread,
            0,
            0,
            DUPLICATE_SAME_ACCESS,
        )
    };
    (done != 0).then_some(thread)
}

fn end(thread: HANDLE) -> ! {
    let mut context = Context::new();
    context.0.ContextFlags = CONTEXT_FULL_AMD64;
    // SAFETY: the handle is that of the main thread, and the system writes to a local.
    unsafe {
        SuspendThread(thread);
        GetThreadContext(thread, &raw mut context.0);
    }
    // SAFETY: the thread is suspended.
    let registers = unsafe { Registers::new(&raw mut context.0) };
    // Its stack is walked here.
    backtrace::set_stack_end(backtrace::main_stack_end());
    let frames = Frames::new(registers.fp(), registers.sp(), registers.pc());
    trap::report_timeout(registers.pc(), frames)
}
