//! What Linux tells of a processor and of a thread that it interrupts.

use std::arch::asm;

use super::FEATURES;
use crate::vm::trap::RecoveryPoint;

/// musl 1.2.3 does not know it.
const HWCAP2_I8MM: libc::c_ulong = 1 << 13;

/// Whether the processor has the feature with this position, as the kernel says.
pub(in crate::vm) fn has_feature(position: usize) -> bool {
    let has = |list: libc::c_ulong, bits: libc::c_ulong| {
        // SAFETY: reads what the kernel has passed to the process.
        unsafe { libc::getauxval(list) & bits == bits }
    };
    match FEATURES[position] {
        "lse" => has(libc::AT_HWCAP, libc::HWCAP_ATOMICS),
        "dotprod" => has(libc::AT_HWCAP, libc::HWCAP_ASIMDDP),
        "fp16" => has(libc::AT_HWCAP, libc::HWCAP_FPHP | libc::HWCAP_ASIMDHP),
        "i8mm" => has(libc::AT_HWCAP2, HWCAP2_I8MM),
        other => unreachable!("no feature is called {other}"),
    }
}

/// Positions in the kernel's list of general registers.
const FP: usize = 29;

/// The general registers that compiled functions preserve, by the numbers that DWARF has for them.
pub(in crate::vm) const PRESERVED: &[u32] = &[19, 20, 21, 22, 23, 24, 25, 26, 27, 28];

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
        self.0.uc_mcontext.pc as usize
    }

    pub(in crate::vm) fn sp(&self) -> usize {
        self.0.uc_mcontext.sp as usize
    }

    pub(in crate::vm) fn fp(&self) -> usize {
        self.0.uc_mcontext.regs[FP] as usize
    }

    /// What is in a general register, by the number that DWARF has for it.
    pub(in crate::vm) fn by_number(&self, number: u32) -> Option<u64> {
        self.0.uc_mcontext.regs.get(number as usize).copied()
    }

    /// Makes the thread continue at a recovery point when the handler returns.
    pub(in crate::vm) fn continue_at(&mut self, point: &RecoveryPoint) {
        let registers = &mut self.0.uc_mcontext;
        registers.pc = point.pc as _;
        registers.sp = point.sp as _;
        registers.regs[FP] = point.fp as _;
    }
}

/// What the kernel wants to know about a handler: `struct sigaction` of the kernel, not the one of
/// the C library. It has a way back of its own, so that the third field means nothing.
#[repr(C)]
#[derive(Clone, Copy)]
pub(in crate::vm) struct KernelAction {
    pub(in crate::vm) handler: usize,
    pub(in crate::vm) flags: u64,
    restorer: usize,
    mask: u64,
}

impl KernelAction {
    pub(in crate::vm) fn new(handler: usize, flags: u64) -> KernelAction {
        KernelAction {
            handler,
            flags,
            restorer: 0,
            mask: 0,
        }
    }
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
            "svc 0",
            in("x8") call,
            inlateout("x0") first => _,
            in("x1") second,
            in("x2") third,
            options(nostack),
        );
    }
}
