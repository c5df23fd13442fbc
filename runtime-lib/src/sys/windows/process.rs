//! Signals, which Windows has not: those that end a process do so here, and others do nothing.

use windows_sys::Win32::System::Threading::ExitProcess;

use super::errno::Result;

/// This process.
#[derive(Clone, Copy, Debug)]
pub struct Pid(());

/// By its number on Linux.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signal(u32);

macro_rules! signals {
    ($( $name:ident = $number:literal; )*) => {
        impl Signal {
            $( pub const $name: Signal = Signal($number); )*
        }
    };
}

signals! {
    HUP = 1; INT = 2; QUIT = 3; ILL = 4; TRAP = 5; ABORT = 6; BUS = 7; FPE = 8; KILL = 9;
    USR1 = 10; SEGV = 11; USR2 = 12; PIPE = 13; ALARM = 14; TERM = 15; CHILD = 17; CONT = 18;
    STOP = 19; TSTP = 20; TTIN = 21; TTOU = 22; URG = 23; XCPU = 24; XFSZ = 25; VTALARM = 26;
    PROF = 27; WINCH = 28; IO = 29; POWER = 30; SYS = 31;
}

/// What tells a process that power fails, or ends it.
pub const POWER: Signal = Signal::POWER;

/// Those that nobody has to do anything about.
const HARMLESS: [Signal; 10] = [
    Signal::CHILD,
    Signal::CONT,
    Signal::STOP,
    Signal::TSTP,
    Signal::TTIN,
    Signal::TTOU,
    Signal::URG,
    Signal::WINCH,
    Signal::PIPE,
    Signal::XFSZ,
];

#[must_use]
pub fn getpid() -> Pid {
    Pid(())
}

/// Ends the process as a shell of Unix would tell that it has been ended, if the signal does that.
///
/// # Errors
/// None.
pub fn kill_process(_: Pid, signal: Signal) -> Result<()> {
    if !HARMLESS.contains(&signal) {
        // SAFETY: has no precondition.
        unsafe { ExitProcess(128 + signal.0) }
    }
    Ok(())
}

/// There is no limit.
pub fn raise_limit_of_files() {}
