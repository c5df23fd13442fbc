//! The convention of Windows, and its exceptions.
//!
//! Differs from System V: parameters are in `rcx`, `rdx`, `r8` and `r9`, with 32 bytes of the caller's
//! stack for them; `rsi`, `rdi` and `xmm6` to `xmm15` are preserved; a frame pointer points into the
//! middle of its frame, so that frames of the runtime library are walked by the tables that say how
//! each is laid out. Compiled code throws by the System V convention all the same: `throw` is its own.

use std::arch::{asm, naked_asm};
use std::ptr::null_mut;

use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT, RtlCaptureContext, RtlLookupFunctionEntry, RtlVirtualUnwind, UNW_FLAG_NHANDLER,
};

use crate::vm::trap::RecoveryPoint;

/// All registers of a thread, where the system saves and restores them.
#[repr(C, align(16))]
pub(in crate::vm) struct Context(pub(in crate::vm) CONTEXT);

impl Context {
    pub(in crate::vm) fn new() -> Context {
        // SAFETY: zeros are a value of the structure.
        Context(unsafe { std::mem::zeroed() })
    }
}

/// The registers of the thread that an exception interrupted.
pub(in crate::vm) struct Registers<'a>(&'a mut CONTEXT);

impl<'a> Registers<'a> {
    /// # Safety
    /// `context` is what an exception handler was given that is running now, or that of a thread that
    /// is suspended.
    pub(in crate::vm) unsafe fn new(context: *mut CONTEXT) -> Registers<'a> {
        // SAFETY: the caller vouches for it, and nothing else refers to it.
        Registers(unsafe { &mut *context })
    }

    pub(in crate::vm) fn pc(&self) -> usize {
        self.0.Rip as usize
    }

    pub(in crate::vm) fn sp(&self) -> usize {
        self.0.Rsp as usize
    }

    pub(in crate::vm) fn fp(&self) -> usize {
        self.0.Rbp as usize
    }

    /// Makes the thread continue at a recovery point when the handler returns.
    pub(in crate::vm) fn continue_at(&mut self, point: &RecoveryPoint) {
        self.0.Rip = point.pc as u64;
        self.0.Rsp = point.sp as u64;
        self.0.Rbp = point.fp as u64;
    }

    /// Makes the thread call a function on another stack, with where it is now, when the handler
    /// returns.
    pub(in crate::vm) fn call_on(
        &mut self,
        stack_end: usize,
        function: extern "C" fn(usize, usize, usize) -> !,
    ) {
        (self.0.Rcx, self.0.Rdx, self.0.R8) = (self.0.Rip, self.0.Rsp, self.0.Rbp);
        self.0.Rip = function as usize as u64;
        // Below the callee's 32 bytes, as if a return address had been pushed.
        self.0.Rsp = (stack_end as u64 & !15) - 40;
    }
}

/// Where a thread is, as far as walking its frames needs it.
#[derive(Clone, Copy, Debug)]
pub(in crate::vm) struct Place {
    pub(in crate::vm) pc: usize,
    pub(in crate::vm) sp: usize,
    pub(in crate::vm) fp: usize,
}

/// The caller's place.
#[inline(never)]
pub(in crate::vm) fn place_of_caller() -> Place {
    let mut context = Context::new();
    // SAFETY: the system writes to a local.
    unsafe { RtlCaptureContext(&raw mut context.0) };
    place_above(Place {
        pc: context.0.Rip as usize,
        sp: context.0.Rsp as usize,
        fp: context.0.Rbp as usize,
    })
}

/// The place in the caller of a function of the runtime library or of the system, by the table that
/// says how its frame is laid out.
pub(in crate::vm) fn place_above(place: Place) -> Place {
    // `enter` has no such table, but a frame record.
    let begin = enter as *const () as usize;
    if (begin..begin + ENTER_BYTES).contains(&place.pc) {
        let record: *const [usize; 2] = std::ptr::with_exposed_provenance(place.fp);
        // SAFETY: whoever called from there had its frame pointer.
        let [fp, pc] = unsafe { record.read() };
        let sp = place.fp + 16;
        return Place { pc, sp, fp };
    }
    let mut context = Context::new();
    let Context(context) = &mut context;
    context.Rip = place.pc as u64;
    context.Rsp = place.sp as u64;
    context.Rbp = place.fp as u64;
    let mut base = 0;
    // SAFETY: looks into tables of the process.
    let entry = unsafe { RtlLookupFunctionEntry(context.Rip, &raw mut base, null_mut()) };
    if entry.is_null() {
        // A function that calls nothing and has no frame.
        let return_address: *const usize = std::ptr::with_exposed_provenance(place.sp);
        // SAFETY: the caller has pushed it.
        let pc = unsafe { return_address.read() };
        let sp = place.sp + 8;
        return Place { pc, sp, ..place };
    }
    let (mut data, mut frame) = (null_mut(), 0);
    // SAFETY: the frame is live, and all of it mapped.
    unsafe {
        RtlVirtualUnwind(
            UNW_FLAG_NHANDLER,
            base,
            context.Rip,
            entry,
            &raw mut *context,
            &raw mut data,
            &raw mut frame,
            null_mut(),
        )
    };
    Place {
        pc: context.Rip as usize,
        sp: context.Rsp as usize,
        fp: context.Rbp as usize,
    }
}

/// Calls `look` with the address of the lowest word of the stack that callers use: the registers
/// that they have not saved themselves are at that address and above.
#[inline(never)]
pub(in crate::vm) fn with_registers_on_stack(look: impl FnOnce(usize)) {
    let mut registers = [0_usize; 7];
    // SAFETY: writes to the local alone.
    unsafe {
        asm!(
            "mov [{to}], rbx",
            "mov [{to} + 8], r12",
            "mov [{to} + 16], r13",
            "mov [{to} + 24], r14",
            "mov [{to} + 32], r15",
            "mov [{to} + 40], rsi",
            "mov [{to} + 48], rdi",
            to = in(reg) &raw mut registers,
            options(nostack, preserves_flags),
        )
    };
    look((&raw const registers).expose_provenance());
}

/// How far what follows [`enter`] is behind its beginning: it is aligned so, and shorter.
const ENTER_BYTES: usize = 256;

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
        "push rsi",
        "push rdi",
        "push r12",
        "push r13",
        "push r14",
        "push r15",
        "sub rsp, 200",
        "movaps [rsp + 32], xmm6",
        "movaps [rsp + 48], xmm7",
        "movaps [rsp + 64], xmm8",
        "movaps [rsp + 80], xmm9",
        "movaps [rsp + 96], xmm10",
        "movaps [rsp + 112], xmm11",
        "movaps [rsp + 128], xmm12",
        "movaps [rsp + 144], xmm13",
        "movaps [rsp + 160], xmm14",
        "movaps [rsp + 176], xmm15",
        "lea rax, [rip + 2f]",
        "mov [rcx], rsp",
        "mov [rcx + 8], rbp",
        "mov [rcx + 16], rax",
        "mov rcx, r8",
        "call rdx",
        "2:",
        "movaps xmm6, [rsp + 32]",
        "movaps xmm7, [rsp + 48]",
        "movaps xmm8, [rsp + 64]",
        "movaps xmm9, [rsp + 80]",
        "movaps xmm10, [rsp + 96]",
        "movaps xmm11, [rsp + 112]",
        "movaps xmm12, [rsp + 128]",
        "movaps xmm13, [rsp + 144]",
        "movaps xmm14, [rsp + 160]",
        "movaps xmm15, [rsp + 176]",
        "add rsp, 200",
        "pop r15",
        "pop r14",
        "pop r13",
        "pop r12",
        "pop rdi",
        "pop rsi",
        "pop rbx",
        "pop rbp",
        "ret",
        // What follows begins so far behind.
        ".p2align 8",
    )
}

/// The runtime function `throw`, which takes its parameter by the System V convention: hands on the
/// caller's return address, frame pointer and the registers that the caller relies on if it has the
/// handler itself: to it, this is a call of that convention. Frames further up rely on nothing, as
/// theirs are calls of compiled code.
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
        "mov rcx, rdi",
        "mov rdx, [rbp + 8]",
        "mov r8, [rbp]",
        "mov r9, rsp",
        "sub rsp, 40",
        "call {}",
        "ud2",
        sym crate::vm::exception::throw_from,
    )
}
