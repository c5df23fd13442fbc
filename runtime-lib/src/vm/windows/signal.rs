//! The exceptions by which the processor reports traps of compiled code.
//!
//! A vectored handler is asked before all others. It runs on the stack that it interrupts, of which
//! little may be left: what is to be said about a stack that is exhausted is said on another. It
//! allocates nothing and locks nothing.

use std::cell::UnsafeCell;

use windows_sys::Win32::Foundation::{
    EXCEPTION_ACCESS_VIOLATION, EXCEPTION_GUARD_PAGE, EXCEPTION_ILLEGAL_INSTRUCTION,
    EXCEPTION_IN_PAGE_ERROR, EXCEPTION_INT_DIVIDE_BY_ZERO, EXCEPTION_INT_OVERFLOW,
    EXCEPTION_STACK_OVERFLOW,
};
use windows_sys::Win32::System::Diagnostics::Debug::{
    AddVectoredExceptionHandler, CONTEXT, EXCEPTION_CONTINUE_EXECUTION, EXCEPTION_CONTINUE_SEARCH,
    EXCEPTION_POINTERS, EXCEPTION_RECORD,
};
use windows_sys::Win32::System::Threading::SetThreadStackGuarantee;

use crate::sys::io::Errno;
use crate::vm::arch::Registers;
use crate::vm::backtrace::Frames;
use crate::vm::fault::{Report, classify, say_lacking};
use crate::vm::trap::{self, TrapInfo};
use wasmelt_abi::TrapCode;

/// Bytes of a stack that stay for the handler.
const KEPT_STACK_BYTES: u32 = 16 << 10;

/// Bytes of the stack on which it is said that another is exhausted.
const REPORT_STACK_BYTES: usize = 64 << 10;

struct ReportStack(UnsafeCell<[u8; REPORT_STACK_BYTES]>);

// SAFETY: one thread runs compiled code, and has its stack exhausted.
unsafe impl Sync for ReportStack {}

static REPORT_STACK: ReportStack = ReportStack(UnsafeCell::new([0; REPORT_STACK_BYTES]));

/// Installs the handler, and keeps room for it on the main thread's stack.
pub(crate) fn install() {
    let mut bytes = KEPT_STACK_BYTES;
    // SAFETY: the system reads and writes a local; the handler is there for as long as the process.
    unsafe {
        SetThreadStackGuarantee(&raw mut bytes);
        AddVectoredExceptionHandler(1, Some(handle));
    }
}

/// The stack of the handler in a further thread: it needs none.
pub(super) struct ThreadsStack;

impl ThreadsStack {
    /// # Errors
    /// None.
    pub(super) fn new() -> Result<ThreadsStack, Errno> {
        Ok(ThreadsStack)
    }

    /// Runs what has traps.
    pub(super) fn run(self, body: impl FnOnce()) {
        body();
    }
}

/// The stack of a thread that the system does not limit.
pub(super) const STACK_BYTES_FINITE: u64 = 8 << 20;

/// In a library: what is not a trap of its code goes on to others anyway.
pub(crate) fn install_before_others() {
    install();
}

/// The linker has written the stack's size into the executable: there is nothing to do.
pub(super) fn limit_stack(_bytes_max: u64) {}

unsafe extern "system" fn handle(exception: *mut EXCEPTION_POINTERS) -> i32 {
    // SAFETY: the system passes valid structures.
    let (record, context) = unsafe { (&*(*exception).ExceptionRecord, (*exception).ContextRecord) };
    if record.ExceptionCode == EXCEPTION_STACK_OVERFLOW {
        // SAFETY: as above.
        let mut registers = unsafe { Registers::new(context) };
        let stack = REPORT_STACK.0.get() as usize;
        registers.call_on(stack + REPORT_STACK_BYTES, stack_overflow);
        return EXCEPTION_CONTINUE_EXECUTION;
    }
    handle_other(record, context)
}

extern "C" fn stack_overflow(pc: usize, sp: usize, fp: usize) -> ! {
    trap::stop(
        TrapInfo::new(TrapCode::StackOverflow),
        pc,
        Frames::new(fp, sp, pc),
    )
}

#[inline(never)]
fn handle_other(record: &EXCEPTION_RECORD, context: *mut CONTEXT) -> i32 {
    let report = match record.ExceptionCode {
        EXCEPTION_ILLEGAL_INSTRUCTION | EXCEPTION_INT_DIVIDE_BY_ZERO | EXCEPTION_INT_OVERFLOW => {
            Report::Instruction
        }
        EXCEPTION_ACCESS_VIOLATION | EXCEPTION_IN_PAGE_ERROR | EXCEPTION_GUARD_PAGE => {
            Report::Access(record.ExceptionInformation[1])
        }
        _ => return EXCEPTION_CONTINUE_SEARCH,
    };
    // SAFETY: the system has passed it to the handler that is running.
    let mut registers = unsafe { Registers::new(context) };
    let (pc, sp) = (registers.pc(), registers.sp());
    match classify(report, pc, sp) {
        Some(trap) => {
            let frames = Frames::new(registers.fp(), sp, pc);
            trap::stop_interrupted(trap, &mut registers, pc, frames);
            EXCEPTION_CONTINUE_EXECUTION
        }
        None => {
            if report == Report::Instruction {
                say_lacking();
            }
            EXCEPTION_CONTINUE_SEARCH
        }
    }
}
