//! The time that compiled code may take at once: a timer looks, from time to time while it runs,
//! whether that is over, and then the code is stopped as by a trap, wherever it is. Code of the
//! runtime is left to return first. Nothing is paid by code that ends in time.

use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::sys::time::{ClockId, clock_gettime};
use crate::vm::arch::Registers;
use crate::vm::backtrace::Frames;
use crate::vm::code_map;
use crate::vm::kernel;
use crate::vm::signal;
use crate::vm::trap::{self, TrapInfo};
use wasmelt_abi::TrapCode;

/// When what runs has to have ended, by the monotonic clock; 0 where nothing runs that has to.
static DEADLINE_NS: AtomicU64 = AtomicU64::new(0);

/// Whether the timer runs.
static TICKS: AtomicBool = AtomicBool::new(false);

/// Time between two looks.
static PERIOD_NS: AtomicU64 = AtomicU64::new(0);

/// Nothing is to run any more.
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// Looks are not further apart, and not closer together.
const PERIOD_NS_MAX: u64 = 100_000_000;
const PERIOD_NS_MIN: u64 = 1_000_000;

/// Prepares for limits of so many nanoseconds, and for a signal of the parent's that stops whatever
/// code runs.
pub fn prepare(limit_ns: Option<u64>) {
    let period_ns = (limit_ns.unwrap_or_default() / 20).clamp(PERIOD_NS_MIN, PERIOD_NS_MAX);
    PERIOD_NS.store(period_ns, Ordering::Relaxed);
    let handler = look as *const () as usize;
    let flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    signal::set_action(libc::SIGALRM, handler, flags as u64);
}

/// Runs compiled code, which is stopped when this time has come.
pub fn run_until(deadline_ns: u64, body: impl FnOnce()) {
    DEADLINE_NS.store(deadline_ns, Ordering::Relaxed);
    if !TICKS.swap(true, Ordering::Relaxed) {
        set_timer(PERIOD_NS.load(Ordering::Relaxed));
    }
    body();
    DEADLINE_NS.store(0, Ordering::Relaxed);
}

/// After a trap has ended what [`run_until`] has run.
pub fn forget() {
    DEADLINE_NS.store(0, Ordering::Relaxed);
}

/// Whether nothing is to run any more.
pub fn is_over() -> bool {
    IS_OVER.load(Ordering::Relaxed)
}

fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * 1_000_000_000 + now.tv_nsec.cast_unsigned()
}

fn set_timer(period_ns: u64) {
    let period = libc::timeval {
        tv_sec: 0,
        tv_usec: (period_ns / 1000) as libc::suseconds_t,
    };
    let value = libc::itimerval {
        it_interval: period,
        it_value: period,
    };
    kernel::set_timer(&value);
}

unsafe extern "C" fn look(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes what it knows of the signal.
    let is_sent = unsafe { (*info).si_code } == kernel::SI_USER;
    if is_sent && !IS_OVER.swap(true, Ordering::Relaxed) {
        // Code of the runtime is left to return.
        set_timer(PERIOD_NS.load(Ordering::Relaxed));
    }
    let is_over = is_over();
    let deadline_ns = DEADLINE_NS.load(Ordering::Relaxed);
    if deadline_ns == 0 && !is_over {
        // Nothing runs: the timer is started again when something does.
        TICKS.store(false, Ordering::Relaxed);
        return set_timer(0);
    }
    // SAFETY: the kernel passes the context of the thread that it interrupted.
    let mut registers = unsafe { Registers::new(context) };
    let (pc, sp) = (registers.pc(), registers.sp());
    let is_compiled = code_map::offset_of(code_map::of_program(), pc).is_some();
    if is_compiled && (is_over || now_ns() >= deadline_ns) {
        let frames = Frames::new(registers.fp(), sp, pc);
        trap::stop_interrupted(
            TrapInfo::new(TrapCode::Interrupted),
            &mut registers,
            pc,
            frames,
        );
    }
}
