//! A program that leaves something behind when it traps: a core dump of WebAssembly, or the signal of
//! which the system makes one of the process. See `wasmelt_abi::OnTrap`.

use crate::vm::arch::{self, Registers};
use crate::vm::backtrace::Frames;
use crate::vm::process;
use crate::vm::trap::{self, TrapInfo, catch};
use wasmelt_abi::{OnTrap, Program, TrapCode};

/// A trap, as what writes core dumps is told of it.
pub(super) struct Place<'a> {
    pub(super) on_trap: &'static OnTrap,
    pub(super) pc: usize,
    pub(super) frames: Frames,
    /// There is no more stack.
    pub(super) is_exhausted: bool,
    /// If a signal has interrupted it there.
    pub(super) registers: Option<&'a Registers<'a>>,
}

fn of(program: &'static Program) -> Option<&'static OnTrap> {
    // SAFETY: the compiler wrote null or the address of the structure in read-only data.
    process::rare(program).and_then(|rare| unsafe { rare.on_trap.as_ref() })
}

/// Runs the program like any other. What is told of a trap that is caught is told where it happens, so
/// everything is caught here, and nothing ever continues.
#[unsafe(no_mangle)]
extern "C" fn wasmelt_main_on_trap(program: &'static Program) -> ! {
    let on_trap = of(program).expect("the compiler wrote what a trap leaves behind");
    trap::report_with(report);
    trap::observe(report);
    let outcome = catch(|| {
        // SAFETY: the compiler wrote the address of one of the other `wasmelt_main_*` functions.
        unsafe { (on_trap.main)(program) }
    });
    unreachable!("a trap has ended the process: {outcome:?}")
}

/// Says what happened, leaves behind what is to be left, and ends the process.
fn report(trap: TrapInfo, pc: usize, frames: Frames, registers: Option<&Registers<'_>>) {
    trap::describe(trap, pc, frames.clone());
    if let Some(on_trap) = of(process::program()) {
        if let Some(write) = on_trap.write {
            let place = Place {
                on_trap,
                pc,
                frames,
                is_exhausted: trap.code == TrapCode::StackOverflow,
                registers,
            };
            // SAFETY: the compiler wrote the address of a function that takes this.
            unsafe { write((&raw const place).cast()) }
        }
        if on_trap.aborts != 0 {
            abort();
        }
    }
    process::exit(trap::EXIT_CODE)
}

/// Ends the process by its signal, from here: the C library's functions have frames that debuggers do
/// not see through.
fn abort() {
    // SAFETY: these calls take nothing.
    let [process, thread] =
        [libc::SYS_getpid, libc::SYS_gettid].map(|call| unsafe { libc::syscall(call) });
    // SAFETY: the call takes numbers alone.
    unsafe { arch::system_call(libc::SYS_tgkill, process, thread, libc::SIGABRT.into()) }
}
