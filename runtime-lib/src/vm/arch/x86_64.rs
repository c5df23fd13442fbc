//! x86-64. What differs between the conventions of System V and Windows is in a file of its own.

use std::arch::asm;

use crate::vm::trap::RecoveryPoint;
use wasmelt_abi::Exception;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(unix)]
mod system_v;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(in crate::vm) use linux::*;
#[cfg(unix)]
pub(crate) use system_v::*;
#[cfg(windows)]
pub(crate) use windows::*;

/// The page size by which accesses are granted. The compiler lays out stores by it.
pub(in crate::vm) const PAGE_BYTES: u64 = 4 << 10;

pub(in crate::vm) use wasmelt_abi::features::X86_64 as FEATURES;

/// Whether the processor has the feature with this position.
pub(in crate::vm) fn has_feature(position: usize) -> bool {
    macro_rules! detected {
        ($($name:tt),*) => {
            match FEATURES[position] {
                $($name => std::arch::is_x86_feature_detected!($name),)*
                other => unreachable!("no feature is called {other}"),
            }
        };
    }
    wasmelt_abi::for_each_x86_64_feature!(detected)
}

/// Asks for the line of the cache that an address is in, which need not be mapped.
#[inline(always)]
pub(in crate::vm) fn prefetch(address: *const u8) {
    // SAFETY: a hint, which reads nothing and never faults.
    unsafe {
        asm!("prefetcht0 [{}]", in(reg) address, options(nostack, preserves_flags, readonly))
    };
}

/// The frame pointer of the function that this is inlined into.
#[inline(always)]
pub(in crate::vm) fn frame_pointer() -> usize {
    let fp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, rbp", out(reg) fp, options(nomem, nostack, preserves_flags)) };
    fp
}

/// Continues at a recovery point, dropping every frame below it.
///
/// # Safety
/// The point's `enter` has not returned.
pub(in crate::vm) unsafe fn continue_at(point: &RecoveryPoint) -> ! {
    // SAFETY: `enter` saved these; it restores everything else from its frame.
    unsafe {
        asm!(
            "mov rsp, {sp}",
            "mov rbp, {fp}",
            "jmp {pc}",
            sp = in(reg) point.sp,
            fp = in(reg) point.fp,
            pc = in(reg) point.pc,
            options(noreturn),
        )
    }
}

/// The registers that a callee preserves, as they are when it throws: `r15`, `r14`, `r13`, `r12`,
/// `rbx`.
pub(in crate::vm) type Preserved = [usize; 5];

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
    // `rax` and `rdx`.
    unsafe {
        asm!(
            "mov r15, [r8]",
            "mov r14, [r8 + 8]",
            "mov r13, [r8 + 16]",
            "mov r12, [r8 + 24]",
            "mov rbx, [r8 + 32]",
            "mov rsp, rcx",
            "mov rbp, rsi",
            "jmp rdi",
            in("rdi") landing,
            in("rcx") sp,
            in("rsi") fp,
            in("r8") preserved,
            in("rax") exception,
            in("rdx") 0_usize,
            options(noreturn),
        )
    }
}
