//! Calls of Linux around which C libraries have more than is wanted.

use std::ffi::{c_int, c_long, c_void};
use std::ptr::null_mut;

pub(super) use crate::vm::arch::KernelAction;

/// Says of a signal that a process has sent it.
pub(super) const SI_USER: c_int = libc::SI_USER;

/// Bytes of the kernel's signal mask.
const MASK_BYTES: usize = 8;

/// Has handlers run on a stack, in this thread.
///
/// # Safety
/// The stack is there for as long as it is that of the handlers.
#[inline(always)]
pub(super) unsafe fn set_handler_stack(stack: &libc::stack_t) {
    // SAFETY: the caller vouches for the stack. The call cannot fail with these arguments.
    unsafe {
        libc::syscall(
            libc::SYS_sigaltstack,
            std::ptr::from_ref(stack),
            null_mut::<c_void>(),
        )
    };
}

/// What happens at a signal from now on. Gives the old action, in libraries.
#[inline]
pub(super) fn exchange_action(signal: c_int, handler: usize, flags: u64) -> KernelAction {
    // The C library's own `sigaction` would make one system call more.
    let action = KernelAction::new(handler, flags);
    let mut old = action;
    let to: *mut KernelAction = match cfg!(feature = "library") {
        true => &raw mut old,
        false => null_mut(),
    };
    // SAFETY: the kernel reads and writes structures that have its layout.
    unsafe {
        libc::syscall(
            libc::SYS_rt_sigaction,
            signal,
            &raw const action,
            to,
            MASK_BYTES,
        )
    };
    old
}

/// Sets the timer of the clock on the wall.
#[inline]
pub(super) fn set_timer(timer: &libc::itimerval) {
    // SAFETY: the kernel reads a structure of the type that it expects.
    unsafe {
        libc::syscall(
            libc::SYS_setitimer,
            libc::ITIMER_REAL,
            std::ptr::from_ref(timer),
            null_mut::<c_void>(),
        )
    };
}

/// # Safety
/// Each pointer is null or valid.
pub(super) unsafe fn stack_limit(new: *const libc::rlimit, old: *mut libc::rlimit) -> c_long {
    // SAFETY: 64-bit systems have one layout of the structure, which the caller passes.
    unsafe { libc::syscall(libc::SYS_prlimit64, 0, libc::RLIMIT_STACK, new, old) }
}
