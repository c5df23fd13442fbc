//! The end of a program that has had its time: a thread that waits for that, stops the main thread
//! where it is, and reports a trap in its place.

use std::time::Duration;

use windows_sys::Win32::Foundation::{DUPLICATE_SAME_ACCESS, DuplicateHandle, HANDLE};
use windows_sys::Win32::System::Diagnostics::Debug::{CONTEXT_FULL_AMD64, GetThreadContext};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, GetCurrentThread, SuspendThread};

use crate::vm::arch::{Context, Registers};
use crate::vm::backtrace::{self, Frames};
use crate::vm::process;
use crate::vm::trap;

/// Begins to count; 0 is for ever.
pub(crate) fn start(timeout_ns: u64) {
    if timeout_ns == 0 {
        return;
    }
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
    let thread = thread.expose_provenance();
    let watch = move || {
        std::thread::sleep(Duration::from_nanos(timeout_ns));
        end(std::ptr::with_exposed_provenance_mut(thread));
    };
    if done == 0 || std::thread::Builder::new().spawn(watch).is_err() {
        crate::vm::message::Message::new().text("error: no thread for the timeout\n");
        process::exit(1)
    }
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
