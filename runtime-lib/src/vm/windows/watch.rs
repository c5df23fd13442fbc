//! The time that compiled code may take at once: a thread looks, from time to time while it runs,
//! whether that is over, and then has the code call what reports a trap, wherever it is. Code of the
//! runtime is left to return first. Nothing is paid by code that ends in time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Diagnostics::Debug::{
    CONTEXT_FULL_AMD64, GetThreadContext, SetThreadContext,
};
use windows_sys::Win32::System::Threading::{ResumeThread, SuspendThread};

use super::timeout::own_thread;
use crate::sys::time::{ClockId, clock_gettime};
use crate::vm::arch::{Context, Registers};
use crate::vm::backtrace::Frames;
use crate::vm::code_map;
use crate::vm::trap::{self, TrapInfo};
use wasmelt_abi::TrapCode;

/// When what runs has to have ended, by the monotonic clock; 0 where nothing runs that has to.
static DEADLINE_NS: AtomicU64 = AtomicU64::new(0);

/// Time between two looks.
static PERIOD_NS: AtomicU64 = AtomicU64::new(0);

/// The thread that looks; nothing where the system has no room for one.
static WATCHER: OnceLock<Option<Thread>> = OnceLock::new();

/// Looks are not further apart, and not closer together.
const PERIOD_NS_MAX: u64 = 100_000_000;
const PERIOD_NS_MIN: u64 = 1_000_000;

/// Bytes of the stack below what runs that the system may be using.
const KEPT_BYTES: usize = 512;

/// Prepares for limits of so many nanoseconds.
pub fn prepare(limit_ns: Option<u64>) {
    let period_ns = (limit_ns.unwrap_or_default() / 20).clamp(PERIOD_NS_MIN, PERIOD_NS_MAX);
    PERIOD_NS.store(period_ns, Ordering::Relaxed);
}

/// Runs compiled code, which is stopped when this time has come.
pub fn run_until(deadline_ns: u64, body: impl FnOnce()) {
    let before = DEADLINE_NS.swap(deadline_ns, Ordering::Relaxed);
    let watcher = WATCHER.get_or_init(start);
    if let (0, Some(watcher)) = (before, watcher) {
        watcher.unpark();
    }
    body();
    DEADLINE_NS.store(0, Ordering::Relaxed);
}

/// After a trap has ended what [`run_until`] has run.
pub fn forget() {
    DEADLINE_NS.store(0, Ordering::Relaxed);
}

/// Whether nothing is to run any more: a server that is to end at once is ended by the system.
pub fn is_over() -> bool {
    false
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

fn start() -> Option<Thread> {
    let thread = own_thread()?.expose_provenance();
    let watch = move || {
        loop {
            let deadline_ns = DEADLINE_NS.load(Ordering::Relaxed);
            match deadline_ns {
                0 => thread::park(),
                _ => thread::sleep(Duration::from_nanos(PERIOD_NS.load(Ordering::Relaxed))),
            }
            if deadline_ns != 0 && now_ns() >= deadline_ns {
                look(std::ptr::with_exposed_provenance_mut(thread));
            }
        }
    };
    let watcher = thread::Builder::new().spawn(watch).ok()?;
    Some(watcher.thread().clone())
}

/// Has compiled code trap, if that is what the thread runs, and is to have ended.
fn look(thread: HANDLE) {
    let mut context = Context::new();
    context.0.ContextFlags = CONTEXT_FULL_AMD64;
    // SAFETY: the handle is that of the thread that runs compiled code. Nothing is allocated and
    // nothing locked while it is suspended.
    unsafe {
        if SuspendThread(thread) == u32::MAX {
            return;
        }
        if GetThreadContext(thread, &raw mut context.0) != 0 && redirect(&mut context) {
            SetThreadContext(thread, &raw const context.0);
        }
        ResumeThread(thread);
    }
}

/// Whether the thread is to go on elsewhere than it is.
fn redirect(context: &mut Context) -> bool {
    // SAFETY: the thread is suspended.
    let mut registers = unsafe { Registers::new(&raw mut context.0) };
    let is_compiled = code_map::offset_of(code_map::of_program(), registers.pc()).is_some();
    let deadline_ns = DEADLINE_NS.load(Ordering::Relaxed);
    if !is_compiled || deadline_ns == 0 || now_ns() < deadline_ns {
        return false;
    }
    registers.call_on(registers.sp() - KEPT_BYTES, interrupted);
    true
}

extern "C" fn interrupted(pc: usize, sp: usize, fp: usize) -> ! {
    trap::stop(
        TrapInfo::new(TrapCode::Interrupted),
        pc,
        Frames::new(fp, sp, pc),
    )
}
