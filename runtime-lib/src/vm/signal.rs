//! The signals by which the processor reports traps of compiled code.
//!
//! The handlers run on a stack of their own, because the one they interrupt may be exhausted.
//! They allocate nothing and lock nothing.

use std::ffi::{c_int, c_void};
use std::ptr::{null, null_mut, with_exposed_provenance_mut};
use std::sync::OnceLock;

use crate::sys::io::Errno;
use crate::sys::memory;
use crate::vm::arch::Registers;
use crate::vm::backtrace::Frames;
use crate::vm::fault::{Report, classify, say_lacking};
use crate::vm::kernel::{self, KernelAction, exchange_action, stack_limit};
use crate::vm::trap;
use wasmelt_abi::TrapCode;

/// The signals that report traps.
const TRAPPING: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];

/// No system has smaller pages.
const PAGE_BYTES_MIN: usize = 4 << 10;

/// Bytes of the handlers' stack. The frame of a signal takes up to 11 KiB with all of AVX-512
/// and AMX; pages that no signal touches cost nothing.
const HANDLER_STACK_BYTES: usize = 64 << 10;

/// Its alignment is that of a byte on purpose: a linker that sorts by alignment puts it behind
/// everything else, so that what is written at start-up shares one page.
struct HandlerStack(std::cell::UnsafeCell<[u8; HANDLER_STACK_BYTES]>);

// SAFETY: only the kernel writes to it, for the one thread that has it as its alternate stack.
unsafe impl Sync for HandlerStack {}

static HANDLER_STACK: HandlerStack =
    HandlerStack(std::cell::UnsafeCell::new([0; HANDLER_STACK_BYTES]));

/// Flags of the handler.
const FLAGS: u64 = (libc::SA_SIGINFO | libc::SA_ONSTACK) as u64;

/// Installs the handlers on the main thread, and makes writes to closed pipes, and those that make
/// a file larger than the process may, fail with an error.
pub(crate) fn install() {
    set_handler_stack(HANDLER_STACK.0.get().cast(), 0);
    let handler = handle as *const () as usize;
    for signal in TRAPPING {
        set_action(signal, handler, FLAGS);
    }
    for signal in [libc::SIGPIPE, libc::SIGXFSZ] {
        set_action(signal, libc::SIG_IGN, 0);
    }
}

/// The stack of the handlers in a further thread.
pub(super) struct ThreadsStack(usize);

impl ThreadsStack {
    /// # Errors
    /// When the system does not give it.
    pub(super) fn new() -> Result<ThreadsStack, Errno> {
        let stack = memory::reserve(HANDLER_STACK_BYTES)?;
        // SAFETY: it has just been reserved.
        unsafe { memory::make_accessible(stack, HANDLER_STACK_BYTES)? };
        Ok(ThreadsStack(stack.expose_provenance()))
    }

    /// Runs what has traps, in that thread.
    pub(super) fn run(self, body: impl FnOnce()) {
        let stack = with_exposed_provenance_mut(self.0);
        set_handler_stack(stack, 0);
        body();
        set_handler_stack(null_mut(), libc::SS_DISABLE);
    }
}

impl Drop for ThreadsStack {
    fn drop(&mut self) {
        let stack = with_exposed_provenance_mut(self.0);
        // SAFETY: no signal is handled on it. What the system does not take back is lost.
        let _ = unsafe { memory::release(stack, HANDLER_STACK_BYTES) };
    }
}

/// Has the handlers run on a stack, in this thread.
#[inline(always)]
fn set_handler_stack(start: *mut c_void, flags: c_int) {
    let stack = libc::stack_t {
        ss_sp: start,
        ss_flags: flags,
        ss_size: HANDLER_STACK_BYTES,
    };
    // SAFETY: the stack is there for as long as it is that of the handlers.
    unsafe { kernel::set_handler_stack(&stack) };
}

/// In a library: as [`install`], once, with the embedder's handlers behind ours. Compiled code has
/// a limit of its own for the stack, so that the handlers find room on it.
pub(crate) fn install_before_others() {
    for (signal, old) in TRAPPING.into_iter().zip(&OLD) {
        let handler = handle as *const () as usize;
        old.get_or_init(|| exchange_action(signal, handler, FLAGS));
    }
}

/// What [`TRAPPING`] signals did before.
static OLD: [OnceLock<KernelAction>; 4] = [const { OnceLock::new() }; 4];

pub(super) fn set_action(signal: c_int, handler: usize, flags: u64) {
    exchange_action(signal, handler, flags);
}

/// The handler of all four signals.
unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes the context of the thread that it interrupted.
    let mut registers = unsafe { Registers::new(context) };
    // SAFETY: the kernel passes a valid structure, and all four signals carry an address.
    let address = unsafe { (*info).si_addr() } as usize;
    let (pc, sp) = (registers.pc(), registers.sp());
    let report = match signal {
        libc::SIGILL | libc::SIGFPE => Report::Instruction,
        _ => Report::Access(address),
    };
    match classify(report, pc, sp) {
        Some(trap) => {
            // Below the page of an access that ran out of stack, nothing is mapped. In libraries, code
            // looks how much is left, and an instruction says that it is too little.
            let is_access = !cfg!(feature = "library") || report != Report::Instruction;
            let low = if trap.code == TrapCode::StackOverflow && is_access {
                sp.max(address.saturating_add(PAGE_BYTES_MIN) & !(PAGE_BYTES_MIN - 1))
            } else {
                sp
            };
            let frames = Frames::new(registers.fp(), low, pc);
            trap::stop_interrupted(trap, &mut registers, pc, frames);
        }
        // SAFETY: these are the handler's own arguments.
        None if cfg!(feature = "library") => unsafe { pass_on(signal, info, context) },
        None => crash(signal),
    }
}

/// Does what an embedder's program does about a signal that is none of ours.
///
/// # Safety
/// The arguments are those of a handler.
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let mut slots = TRAPPING.into_iter().zip(&OLD);
    let old = slots.find(|(it, _)| *it == signal);
    let old = old.and_then(|(_, old)| old.get());
    let Some(old) = old.filter(|old| old.handler != libc::SIG_DFL) else {
        crash(signal);
        // SAFETY: as the caller says.
        if unsafe { (*info).si_code } <= 0 {
            // Somebody has sent it: no instruction will raise it again.
            // SAFETY: the signal is one that exists.
            unsafe { libc::raise(signal) };
        }
        return;
    };
    let address: *const () = std::ptr::with_exposed_provenance(old.handler);
    if old.handler == libc::SIG_IGN {
        // SAFETY: as the caller says.
        if unsafe { (*info).si_code } > 0 {
            crash(signal);
        }
    } else if old.flags & libc::SA_SIGINFO as u64 != 0 {
        type WithInfo = unsafe extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);
        // SAFETY: the embedder has said that this is its handler, and of which type.
        unsafe { std::mem::transmute::<*const (), WithInfo>(address)(signal, info, context) }
    } else {
        // SAFETY: as above.
        unsafe { std::mem::transmute::<*const (), unsafe extern "C" fn(c_int)>(address)(signal) }
    }
}

/// Lets the signal end the process in the system's way as soon as the handler returns and the
/// instruction is executed again.
fn crash(signal: c_int) {
    if signal == libc::SIGILL && !cfg!(feature = "library") {
        say_lacking();
    }
    set_action(signal, libc::SIG_DFL, 0);
}

/// The limit of a stack that the system does not limit.
pub(super) const STACK_BYTES_FINITE: u64 = 8 << 20;

/// Makes sure that the native stack has a limit, so that endless recursion ends as a trap.
/// `bytes_max` is the program's own limit, or 0.
pub(super) fn limit_stack(bytes_max: u64) {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel writes to a local of the type that it expects.
    if unsafe { stack_limit(null(), &raw mut limit) } != 0 {
        return;
    }
    let wanted = match (bytes_max, limit.rlim_cur) {
        (0, libc::RLIM_INFINITY) => STACK_BYTES_FINITE,
        (0, current) => current,
        (bytes_max, _) => bytes_max.min(limit.rlim_max),
    };
    if wanted != limit.rlim_cur {
        limit.rlim_cur = wanted;
        // SAFETY: the kernel reads a local of the type that it expects.
        unsafe { stack_limit(&raw const limit, null_mut()) };
    }
}
