//! AArch64 with the procedure call standard of its makers.

use std::arch::{asm, naked_asm};

use crate::vm::trap::RecoveryPoint;
use wasmelt_abi::Exception;

/// The page size by which accesses are granted: the largest that a kernel may have. The compiler
/// lays out stores by it.
pub(in crate::vm) const PAGE_BYTES: u64 = 64 << 10;

pub(in crate::vm) use wasmelt_abi::features::AARCH64 as FEATURES;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(in crate::vm) use linux::*;

/// Whether the processor has the feature with this position, as the system says.
#[cfg(target_os = "macos")]
pub(in crate::vm) fn has_feature(position: usize) -> bool {
    use std::arch::is_aarch64_feature_detected as detected;
    match FEATURES[position] {
        "lse" => detected!("lse"),
        "dotprod" => detected!("dotprod"),
        "fp16" => detected!("fp16"),
        "i8mm" => detected!("i8mm"),
        other => unreachable!("no feature is called {other}"),
    }
}

/// Asks for the line of the cache that an address is in, which need not be mapped.
#[inline(always)]
pub(in crate::vm) fn prefetch(address: *const u8) {
    // SAFETY: a hint, which reads nothing and never faults.
    unsafe {
        asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly))
    };
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
