//! AArch64 with the procedure call standard of its makers.

use std::arch::{asm, naked_asm};

use crate::vm::trap::RecoveryPoint;
use wasmelt_abi::Exception;

/// The page size by which accesses are granted: the largest that a kernel may have. The compiler
/// lays out stores by it.
pub(in crate::vm) const PAGE_BYTES: u64 = 64 << 10;

pub(in crate::vm) use wasmelt_abi::features::AARCH64 as FEATURES;

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

/// The frame pointer of the function that this is inlined into.
#[inline(always)]
pub(in crate::vm) fn frame_pointer() -> usize {
    let fp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, x29", out(reg) fp, options(nomem, nostack, preserves_flags)) };
    fp
}

/// Where the caller's frame pointer and the return address lie, of a frame with this frame pointer.
#[inline(always)]
pub(in crate::vm) fn frame_record(fp: usize, _is_compiled: impl FnOnce() -> bool) -> usize {
    fp
}

/// Calls `look` with the address of the lowest word of the stack that callers use: the registers
/// that they have not saved themselves are at that address and above.
#[inline(never)]
pub(in crate::vm) fn with_registers_on_stack(look: impl FnOnce(usize)) {
    let mut registers = [0_usize; 10];
    // SAFETY: writes to the local alone.
    unsafe {
        asm!(
            "stp x19, x20, [{to}]",
            "stp x21, x22, [{to}, #16]",
            "stp x23, x24, [{to}, #32]",
            "stp x25, x26, [{to}, #48]",
            "stp x27, x28, [{to}, #64]",
            to = in(reg) &raw mut registers,
            options(nostack, preserves_flags),
        )
    };
    look((&raw const registers).expose_provenance());
}

/// Calls `body(data)` with a recovery point set up in `point`. Returns when `body` returns, or
/// when something continues at the point.
///
/// # Safety
/// `point` and `data` are valid, and the point is not continued at after this has returned.
#[unsafe(naked)]
pub(in crate::vm) unsafe extern "C" fn enter(
    point: *mut RecoveryPoint,
    body: unsafe extern "C" fn(*mut u8),
    data: *mut u8,
) {
    naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "mov x9, sp",
        "adr x10, 2f",
        "stp x9, x29, [x0]",
        "str x10, [x0, #16]",
        "mov x0, x2",
        "blr x1",
        "2:",
        "ldp x19, x20, [sp, #16]",
        "ldp x21, x22, [sp, #32]",
        "ldp x23, x24, [sp, #48]",
        "ldp x25, x26, [sp, #64]",
        "ldp x27, x28, [sp, #80]",
        "ldp d8, d9, [sp, #96]",
        "ldp d10, d11, [sp, #112]",
        "ldp d12, d13, [sp, #128]",
        "ldp d14, d15, [sp, #144]",
        "ldp x29, x30, [sp], #160",
        "ret",
    )
}

/// Continues at a recovery point, dropping every frame below it.
///
/// # Safety
/// The point's `enter` has not returned.
pub(in crate::vm) unsafe fn continue_at(point: &RecoveryPoint) -> ! {
    // SAFETY: `enter` saved these; it restores everything else from its frame.
    unsafe {
        asm!(
            "mov sp, {sp}",
            "mov x29, {fp}",
            "br {pc}",
            sp = in(reg) point.sp,
            fp = in(reg) point.fp,
            pc = in(reg) point.pc,
            options(noreturn),
        )
    }
}

/// The registers that a callee preserves, as they are when it throws: `x19` to `x28`, `d8` to `d15`.
pub(in crate::vm) type Preserved = [u64; 18];

/// The runtime function `throw`: hands on the caller's return address, frame pointer and the
/// registers that the caller relies on if it has the handler itself: to it, this is a call of the
/// C convention. Frames further up rely on nothing, as theirs are calls of compiled code.
///
/// # Safety
/// Called by compiled code only, with an exception from `exception_new`.
#[unsafe(naked)]
#[unsafe(export_name = "wasmelt_throw")]
pub(crate) unsafe extern "C" fn throw(exception: *mut u8) -> ! {
    naked_asm!(
        "stp x29, x30, [sp, #-160]!",
        "mov x1, x30",
        "mov x2, x29",
        "mov x29, sp",
        "stp x19, x20, [sp, #16]",
        "stp x21, x22, [sp, #32]",
        "stp x23, x24, [sp, #48]",
        "stp x25, x26, [sp, #64]",
        "stp x27, x28, [sp, #80]",
        "stp d8, d9, [sp, #96]",
        "stp d10, d11, [sp, #112]",
        "stp d12, d13, [sp, #128]",
        "stp d14, d15, [sp, #144]",
        "add x3, sp, #16",
        "bl {}",
        "udf #0",
        sym crate::vm::exception::throw_from,
    )
}

/// Continues in compiled code at an exception's landing.
///
/// # Safety
/// `sp` and `fp` are those of a live frame whose call has a handler at `landing`; `preserved` is
/// what `throw` handed on.
pub(in crate::vm) unsafe fn land(
    landing: usize,
    sp: usize,
    fp: usize,
    exception: *mut Exception,
    preserved: *const Preserved,
) -> ! {
    // SAFETY: at a handler, compiled code relies on these registers and on the payload registers
    // `x0` and `x1`.
    unsafe {
        asm!(
            "ldp x19, x20, [x4]",
            "ldp x21, x22, [x4, #16]",
            "ldp x23, x24, [x4, #32]",
            "ldp x25, x26, [x4, #48]",
            "ldp x27, x28, [x4, #64]",
            "ldp d8, d9, [x4, #80]",
            "ldp d10, d11, [x4, #96]",
            "ldp d12, d13, [x4, #112]",
            "ldp d14, d15, [x4, #128]",
            "mov sp, x2",
            "mov x29, x3",
            "br x5",
            in("x0") exception,
            in("x1") 0_usize,
            in("x2") sp,
            in("x3") fp,
            in("x4") preserved,
            in("x5") landing,
            options(noreturn),
        )
    }
}
