//! Calls of macOS for signals, by its C library: the system promises no others.

use std::ffi::{c_int, c_long};
use std::ptr::null_mut;

/// Says of a signal that a process has sent it.
pub(super) const SI_USER: c_int = 0x1_0001;

/// What happens at a signal.
#[derive(Clone, Copy)]
pub(super) struct KernelAction {
    pub(super) handler: usize,
    pub(super) flags: u64,
}

/// Has handlers run on a stack, in this thread.
///
/// # Safety
/// The stack is there for as long as it is that of the handlers.
pub(super) unsafe fn set_handler_stack(stack: &libc::stack_t) {
    // SAFETY: the caller vouches for the stack.
    unsafe { libc::sigaltstack(stack, null_mut()) };
}

/// What happens at a signal from now on. Gives the old action.
pub(super) fn exchange_action(signal: c_int, handler: usize, flags: u64) -> KernelAction {
    let action = libc::sigaction {
        sa_sigaction: handler,
        sa_mask: 0,
        sa_flags: flags as c_int,
    };
    let mut old = action;
    // SAFETY: the C library reads and writes locals of the type that it expects.
    unsafe { libc::sigaction(signal, &raw const action, &raw mut old) };
    KernelAction {
        handler: old.sa_sigaction,
        flags: old.sa_flags as u64,
    }
}

/// Sets the timer of the clock on the wall.
pub(super) fn set_timer(timer: &libc::itimerval) {
    unsafe extern "C" {
        fn setitimer(which: c_int, new: *const libc::itimerval, old: *mut libc::itimerval)
        -> c_int;
    }
    /// `ITIMER_REAL`
    const REAL: c_int = 0;
    // SAFETY: the C library reads a structure of the type that it expects.
    unsafe { setitimer(REAL, timer, null_mut()) };
}

/// # Safety
/// Each pointer is null or valid.
pub(super) unsafe fn stack_limit(new: *const libc::rlimit, old: *mut libc::rlimit) -> c_long {
    let mut result = 0;
    if !old.is_null() {
        // SAFETY: the caller vouches for the pointer.
        result = unsafe { libc::getrlimit(libc::RLIMIT_STACK, old) };
    }
    if result == 0 && !new.is_null() {
        // SAFETY: as above.
        result = unsafe { libc::setrlimit(libc::RLIMIT_STACK, new) };
    }
    result.into()
}
