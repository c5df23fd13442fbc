//! Signals of Linux.

use std::arch::{asm, naked_asm};

use crate::vm::trap::RecoveryPoint;

/// The general registers that compiled functions preserve, by the numbers that DWARF has for them.
pub(in crate::vm) const PRESERVED: &[u32] = &[3, 12, 13, 14, 15];

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

    /// What is in a register, by the number that DWARF has for it: a general one, or the first half of a
    /// vector's.
    pub(in crate::vm) fn by_number(&self, number: u32) -> Option<u64> {
        const GENERAL: [libc::c_int; 16] = [
            libc::REG_RAX,
            libc::REG_RDX,
            libc::REG_RCX,
            libc::REG_RBX,
            libc::REG_RSI,
            libc::REG_RDI,
            libc::REG_RBP,
            libc::REG_RSP,
            libc::REG_R8,
            libc::REG_R9,
            libc::REG_R10,
            libc::REG_R11,
            libc::REG_R12,
            libc::REG_R13,
            libc::REG_R14,
            libc::REG_R15,
        ];
        /// Numbers of vectors begin there, and where the processor saves them, 16 bytes each.
        const VECTORS: u32 = 17;
        const VECTORS_OFFSET: usize = 160;
        let context = &self.0.uc_mcontext;
        if let Some(&general) = GENERAL.get(number as usize) {
            return Some(context.gregs[general as usize].cast_unsigned());
        }
        let vector = number.checked_sub(VECTORS).filter(|&vector| vector < 16)?;
        // SAFETY: behind the general registers the kernel has the address of the others.
        let saved = unsafe { (&raw const context.gregs).add(1).cast::<*const u8>().read() };
        if saved.is_null() {
            return None;
        }
        let place = VECTORS_OFFSET + 16 * vector as usize;
        // SAFETY: there it has what the instruction `fxsave` writes.
        Some(unsafe { saved.add(place).cast::<u64>().read_unaligned() })
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
