//! RISC-V of 64 bits with the convention for hardware floating point.

use std::arch::{asm, naked_asm};

use crate::vm::trap::RecoveryPoint;
use wasmelt_abi::Exception;

/// The page size by which accesses are granted. The compiler lays out stores by it.
pub(in crate::vm) const PAGE_BYTES: u64 = 4 << 10;

pub(in crate::vm) use wasmelt_abi::features::RISCV64 as FEATURES;

/// The system call by which the kernel tells what the processor has, from Linux 6.4 on.
const SYS_RISCV_HWPROBE: libc::c_long = 258;
/// What it is asked for here: bits, one an extension.
const EXTENSIONS: i64 = 4;

/// `struct riscv_hwprobe` of the kernel.
#[repr(C)]
struct Probe {
    key: i64,
    value: u64,
}

/// Whether the processor has the feature with this position, as the kernel says; of what it says
/// nothing, that it has.
pub(in crate::vm) fn has_feature(position: usize) -> bool {
    let bit = match FEATURES[position] {
        "v" => 2,
        "zba" => 3,
        "zbb" => 4,
        "zbs" => 5,
        "zfa" => 32,
        "zicond" => 35,
        "zcb" => 44,
        other => unreachable!("no feature is called {other}"),
    };
    let mut probe = Probe {
        key: EXTENSIONS,
        value: 0,
    };
    // SAFETY: the kernel writes to one structure of its own layout.
    let result = unsafe { libc::syscall(SYS_RISCV_HWPROBE, &raw mut probe, 1, 0, 0, 0) };
    result != 0 || probe.key != EXTENSIONS || probe.value >> bit & 1 != 0
}

/// Positions in the kernel's list of general registers, where the program counter comes first.
const PC: usize = 0;
const SP: usize = 2;
const FP: usize = 8;

/// The general registers that compiled functions preserve, by the numbers that DWARF has for them.
pub(in crate::vm) const PRESERVED: &[u32] = &[9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];

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
        self.0.uc_mcontext.__gregs[PC] as usize
    }

    pub(in crate::vm) fn sp(&self) -> usize {
        self.0.uc_mcontext.__gregs[SP] as usize
    }

    pub(in crate::vm) fn fp(&self) -> usize {
        self.0.uc_mcontext.__gregs[FP] as usize
    }

    /// What is in a general register, by the number that DWARF has for it.
    pub(in crate::vm) fn by_number(&self, number: u32) -> Option<u64> {
        // In the place of the first, which is always zero, is the program counter.
        match number {
            0 => Some(0),
            _ => Some(*self.0.uc_mcontext.__gregs.get(number as usize)? as u64),
        }
    }

    /// Makes the thread continue at a recovery point when the handler returns.
    pub(in crate::vm) fn continue_at(&mut self, point: &RecoveryPoint) {
        let registers = &mut self.0.uc_mcontext.__gregs;
        registers[PC] = point.pc as _;
        registers[SP] = point.sp as _;
        registers[FP] = point.fp as _;
    }
}

/// What the kernel wants to know about a handler: `struct sigaction` of the kernel, not the one of
/// the C library. The kernel has a way back of its own.
#[repr(C)]
#[derive(Clone, Copy)]
pub(in crate::vm) struct KernelAction {
    pub(in crate::vm) handler: usize,
    pub(in crate::vm) flags: u64,
    mask: u64,
}

impl KernelAction {
    pub(in crate::vm) fn new(handler: usize, flags: u64) -> KernelAction {
        KernelAction {
            handler,
            flags,
            mask: 0,
        }
    }
}

/// Asks for the line of the cache that an address is in, which need not be mapped.
#[inline(always)]
pub(in crate::vm) fn prefetch(address: *const u8) {
    // Without the extension Zicbop it does nothing; assemblers know its name with that alone.
    // SAFETY: a hint, which reads nothing and never faults.
    unsafe { asm!("ori x0, {}, 1", in(reg) address, options(nostack, preserves_flags, readonly)) };
}

/// The frame pointer of the function that this is inlined into.
#[inline(always)]
pub(in crate::vm) fn frame_pointer() -> usize {
    let fp: usize;
    // SAFETY: reads a register.
    unsafe { asm!("mv {}, s0", out(reg) fp, options(nomem, nostack, preserves_flags)) };
    fp
}

/// Where the caller's frame pointer and the return address lie, of a frame with this frame pointer:
/// that of compiled code points to them, that of any other code behind them.
#[inline(always)]
pub(in crate::vm) fn frame_record(fp: usize, is_compiled: impl FnOnce() -> bool) -> usize {
    if is_compiled() {
        fp
    } else {
        fp.wrapping_sub(16)
    }
}

/// Calls `look` with the address of the lowest word of the stack that callers use: the registers
/// that they have not saved themselves are at that address and above.
#[inline(never)]
pub(in crate::vm) fn with_registers_on_stack(look: impl FnOnce(usize)) {
    let mut registers = [0_usize; 11];
    // SAFETY: writes to the local alone.
    unsafe {
        asm!(
            "sd s1, 0({to})",
            "sd s2, 8({to})",
            "sd s3, 16({to})",
            "sd s4, 24({to})",
            "sd s5, 32({to})",
            "sd s6, 40({to})",
            "sd s7, 48({to})",
            "sd s8, 56({to})",
            "sd s9, 64({to})",
            "sd s10, 72({to})",
            "sd s11, 80({to})",
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
        "addi sp, sp, -208",
        "sd ra, 200(sp)",
        "sd s0, 192(sp)",
        "addi s0, sp, 208",
        "sd s1, 0(sp)",
        "sd s2, 8(sp)",
        "sd s3, 16(sp)",
        "sd s4, 24(sp)",
        "sd s5, 32(sp)",
        "sd s6, 40(sp)",
        "sd s7, 48(sp)",
        "sd s8, 56(sp)",
        "sd s9, 64(sp)",
        "sd s10, 72(sp)",
        "sd s11, 80(sp)",
        "fsd fs0, 88(sp)",
        "fsd fs1, 96(sp)",
        "fsd fs2, 104(sp)",
        "fsd fs3, 112(sp)",
        "fsd fs4, 120(sp)",
        "fsd fs5, 128(sp)",
        "fsd fs6, 136(sp)",
        "fsd fs7, 144(sp)",
        "fsd fs8, 152(sp)",
        "fsd fs9, 160(sp)",
        "fsd fs10, 168(sp)",
        "fsd fs11, 176(sp)",
        "lla t0, 2f",
        "sd sp, 0(a0)",
        "sd s0, 8(a0)",
        "sd t0, 16(a0)",
        "mv a0, a2",
        "jalr a1",
        "2:",
        "ld s1, 0(sp)",
        "ld s2, 8(sp)",
        "ld s3, 16(sp)",
        "ld s4, 24(sp)",
        "ld s5, 32(sp)",
        "ld s6, 40(sp)",
        "ld s7, 48(sp)",
        "ld s8, 56(sp)",
        "ld s9, 64(sp)",
        "ld s10, 72(sp)",
        "ld s11, 80(sp)",
        "fld fs0, 88(sp)",
        "fld fs1, 96(sp)",
        "fld fs2, 104(sp)",
        "fld fs3, 112(sp)",
        "fld fs4, 120(sp)",
        "fld fs5, 128(sp)",
        "fld fs6, 136(sp)",
        "fld fs7, 144(sp)",
        "fld fs8, 152(sp)",
        "fld fs9, 160(sp)",
        "fld fs10, 168(sp)",
        "fld fs11, 176(sp)",
        "ld s0, 192(sp)",
        "ld ra, 200(sp)",
        "addi sp, sp, 208",
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
            "mv sp, {sp}",
            "mv s0, {fp}",
            "jr {pc}",
            sp = in(reg) point.sp,
            fp = in(reg) point.fp,
            pc = in(reg) point.pc,
            options(noreturn),
        )
    }
}

/// The registers that a callee preserves, as they are when it throws: `s1` to `s11`, `fs0` to
/// `fs11`.
pub(in crate::vm) type Preserved = [u64; 23];

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
        "addi sp, sp, -208",
        "sd ra, 200(sp)",
        "sd s0, 192(sp)",
        "mv a1, ra",
        "mv a2, s0",
        "addi s0, sp, 208",
        "sd s1, 0(sp)",
        "sd s2, 8(sp)",
        "sd s3, 16(sp)",
        "sd s4, 24(sp)",
        "sd s5, 32(sp)",
        "sd s6, 40(sp)",
        "sd s7, 48(sp)",
        "sd s8, 56(sp)",
        "sd s9, 64(sp)",
        "sd s10, 72(sp)",
        "sd s11, 80(sp)",
        "fsd fs0, 88(sp)",
        "fsd fs1, 96(sp)",
        "fsd fs2, 104(sp)",
        "fsd fs3, 112(sp)",
        "fsd fs4, 120(sp)",
        "fsd fs5, 128(sp)",
        "fsd fs6, 136(sp)",
        "fsd fs7, 144(sp)",
        "fsd fs8, 152(sp)",
        "fsd fs9, 160(sp)",
        "fsd fs10, 168(sp)",
        "fsd fs11, 176(sp)",
        "mv a3, sp",
        "call {}",
        "unimp",
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
    // `a0` and `a1`.
    unsafe {
        asm!(
            "ld s1, 0(a4)",
            "ld s2, 8(a4)",
            "ld s3, 16(a4)",
            "ld s4, 24(a4)",
            "ld s5, 32(a4)",
            "ld s6, 40(a4)",
            "ld s7, 48(a4)",
            "ld s8, 56(a4)",
            "ld s9, 64(a4)",
            "ld s10, 72(a4)",
            "ld s11, 80(a4)",
            "fld fs0, 88(a4)",
            "fld fs1, 96(a4)",
            "fld fs2, 104(a4)",
            "fld fs3, 112(a4)",
            "fld fs4, 120(a4)",
            "fld fs5, 128(a4)",
            "fld fs6, 136(a4)",
            "fld fs7, 144(a4)",
            "fld fs8, 152(a4)",
            "fld fs9, 160(a4)",
            "fld fs10, 168(a4)",
            "fld fs11, 176(a4)",
            "mv sp, a2",
            "mv s0, a3",
            "jr a5",
            in("a0") exception,
            in("a1") 0_usize,
            in("a2") sp,
            in("a3") fp,
            in("a4") preserved,
            in("a5") landing,
            options(noreturn),
        )
    }
}

/// A system call that takes three numbers, made from the function that this is inlined into.
///
/// # Safety
/// That of the call.
#[inline(always)]
pub(crate) unsafe fn system_call(
    call: libc::c_long,
    first: libc::c_long,
    second: libc::c_long,
    third: libc::c_long,
) {
    // SAFETY: as the caller says; the kernel changes no other registers.
    unsafe {
        asm!(
            "ecall",
            in("a7") call,
            inlateout("a0") first => _,
            in("a1") second,
            in("a2") third,
            options(nostack),
        );
    }
}
