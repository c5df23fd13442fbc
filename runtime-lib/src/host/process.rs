//! The end of the process, and signals to it.

use crate::sys::process::{POWER, Signal, getpid, kill_process};

use super::{Error, Result};

pub use crate::vm::process::exit;
pub(crate) use crate::vm::process::{Leaving, before_exit, finish};

/// The signals of WASI, in its order.
const SIGNALS: [Signal; 30] = [
    Signal::HUP,
    Signal::INT,
    Signal::QUIT,
    Signal::ILL,
    Signal::TRAP,
    Signal::ABORT,
    Signal::BUS,
    Signal::FPE,
    Signal::KILL,
    Signal::USR1,
    Signal::SEGV,
    Signal::USR2,
    Signal::PIPE,
    Signal::ALARM,
    Signal::TERM,
    Signal::CHILD,
    Signal::CONT,
    Signal::STOP,
    Signal::TSTP,
    Signal::TTIN,
    Signal::TTOU,
    Signal::URG,
    Signal::XCPU,
    Signal::XFSZ,
    Signal::VTALARM,
    Signal::PROF,
    Signal::WINCH,
    Signal::IO,
    POWER,
    Signal::SYS,
];

/// Sends the process the signal with WASI's number; number 0 is no signal.
///
/// # Errors
/// [`Error::Invalid`] for a number that no signal has.
pub fn raise(number: u32) -> Result<()> {
    let Some(index) = number.checked_sub(1) else {
        return Ok(());
    };
    let signal = SIGNALS.get(index as usize).ok_or(Error::Invalid)?;
    Ok(kill_process(getpid(), *signal)?)
}

/// Lets other threads run.
pub fn yield_now() {
    crate::sys::thread::sched_yield();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_numbers() {
        assert_eq!(raise(0), Ok(()));
        assert_eq!(raise(31), Err(Error::Invalid));
        // Nothing happens to a process that gets these, unless it asked.
        for (index, signal) in (1..).zip(SIGNALS) {
            if [Signal::URG, Signal::CHILD, Signal::WINCH, Signal::CONT].contains(&signal) {
                assert_eq!(raise(index), Ok(()));
            }
        }
    }
}
