//! The end of a program that has had its time.
//!
//! The time is that of the clock on the wall, whether the program computes or waits, as with
//! Wasmtime. The signal may interrupt anything: its handler reports a trap and ends the process.

use std::ffi::{c_int, c_void};

use crate::vm::arch::Registers;
use crate::vm::backtrace::Frames;
use crate::vm::kernel::set_timer;
use crate::vm::signal::set_action;
use crate::vm::trap;

const NANOSECONDS_PER_SECOND: u64 = 1_000_000_000;

/// Begins to count; 0 is for ever.
pub(crate) fn start(timeout_ns: u64) {
    if timeout_ns == 0 {
        return;
    }
    let handler = elapsed as *const () as usize;
    set_action(
        libc::SIGALRM,
        handler,
        (libc::SA_SIGINFO | libc::SA_ONSTACK) as u64,
    );
    let none = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    let timer = libc::itimerval {
        it_interval: none,
        it_value: libc::timeval {
            tv_sec: (timeout_ns / NANOSECONDS_PER_SECOND) as libc::time_t,
            // A timer of nothing would be none.
            tv_usec: ((timeout_ns % NANOSECONDS_PER_SECOND).div_ceil(1000)) as libc::suseconds_t,
        },
    };
    set_timer(&timer);
}

/// Counts no longer: a server has time, and each of its requests so much.
pub(crate) fn stop() {
    let none = libc::timeval {
        tv_sec: 0,
        tv_usec: 0,
    };
    let timer = libc::itimerval {
        it_interval: none,
        it_value: none,
    };
    set_timer(&timer);
}

unsafe extern "C" fn elapsed(_: c_int, _: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes the context of the thread that it interrupted.
    let registers = unsafe { Registers::new(context) };
    let frames = Frames::new(registers.fp(), registers.sp(), registers.pc());
    trap::report_timeout(registers.pc(), frames)
}
