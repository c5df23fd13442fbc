//! The System V convention.

use std::arch::{asm, naked_asm};

use super::Preserved;
use crate::vm::trap::RecoveryPoint;

/// Where the caller's frame pointer and the return address lie, of a frame with this frame pointer.
#[inline(always)]
pub(in crate::vm) fn frame_record(fp: usize, _is_compiled: impl FnOnce() -> bool) -> usize {
    fp
}

/// Calls `look` with the address of the lowest word of the stack that callers use: the registers
/// that they have not saved themselves are at that address and above.
#[inline(never)]
pub(in crate::vm) fn with_registers_on_stack(look: impl FnOnce(usize)) {
    let mut registers: Preserved = [0; 5];
    // SAFETY: writes to the local alone.
    unsafe {
        asm!(
            "mov [{to}], rbx",
            "mov [{to} + 8], r12",
            "mov [{to} + 16], r13",
            "mov [{to} + 24], r14",
            "mov [{to} + 32], r15",
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
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 8",
        "lea rax, [rip + 2f]",
        "mov [rdi], rsp",
        "mov [rdi + 8], rbp",
        "mov [rdi + 16], rax",
        "mov rdi, rdx",
        "call rsi",
        "2:",
        "add rsp, 8",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rbx",
        "pop rbp",
        "ret",
    )
}

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
        "push rbp",
        "mov rbp, rsp",
        "push rbx",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "mov rsi, [rbp + 8]",
        "mov rdx, [rbp]",
        "mov rcx, rsp",
        "sub rsp, 8",
        "call {}",
        "ud2",
        sym crate::vm::exception::throw_from,
    )
}
