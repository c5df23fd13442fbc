//! Signals of Linux.

use std::arch::{asm, naked_asm};

use crate::vm::trap::RecoveryPoint;

/// The registers of the thread that a signal interrupted.
#[derive(Debug)]
pub(in crate::vm) struct Registers<'a>(&'a mut libc::ucontext_t);

impl<'a> Registers<'a> {
    /// # Safety
    /// `context` is the third argument of a handler that is running now.
    pub(in crate::vm) unsafe fn new(context: *mut libc::c_void) -> Registers<'a> {
        // SAFETY: the kernel passes a valid `ucontext_t` that nothing else refers to.
        Registers(unsafe { &mut *context.cast() })
    }

    pub(in crate::vm) fn pc(&self) -> usize {
        self.0.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
    }

    pub(in crate::vm) fn sp(&self) -> usize {
        self.0.uc_mcontext.gregs[libc::REG_RSP as usize] as usize
    }

    pub(in crate::vm) fn fp(&self) -> usize {
        self.0.uc_mcontext.gregs[libc::REG_RBP as usize] as usize
    }

    /// Makes the thread continue at a recovery point when the handler returns.
    pub(in crate::vm) fn continue_at(&mut self, point: &RecoveryPoint) {
        let registers = &mut self.0.uc_mcontext.gregs;
        registers[libc::REG_RIP as usize] = point.pc as i64;
        registers[libc::REG_RSP as usize] = point.sp as i64;
        registers[libc::REG_RBP as usize] = point.fp as i64;
    }
}

/// What the kernel wants to know about a handler: `struct sigaction` of the kernel, not the one of
/// the C library.
#[repr(C)]
#[derive(Clone, Copy)]
pub(in crate::vm) struct KernelAction {
    pub(in crate::vm) handler: usize,
    pub(in crate::vm) flags: u64,
    restorer: unsafe extern "C" fn(),
    mask: u64,
}

const SA_RESTORER: u64 = 0x0400_0000;

impl KernelAction {
    pub(in crate::vm) fn new(handler: usize, flags: u64) -> KernelAction {
        KernelAction {
            handler,
            flags: flags | SA_RESTORER,
            restorer: signal_return,
            mask: 0,
        }
    }
}

/// Where the kernel returns from a signal handler to.
#[unsafe(naked)]
unsafe extern "C" fn signal_return() {
    naked_asm!("mov eax, 15", "syscall")
}

/// A system call that takes three numbers, made from the function that this is inlined into.
///
/// # Safety
/// That of the call.
#[inline(always)]
pub(in crate::vm) unsafe fn system_call(
    call: libc::c_long,
    first: libc::c_long,
    second: libc::c_long,
    third: libc::c_long,
) {
    // SAFETY: as the caller says; the kernel changes no other registers.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") call => _,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            out("rcx") _,
            out("r11") _,
            options(nostack),
        );
    }
}
