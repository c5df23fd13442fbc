//! The system's clocks, read without a system call where it offers that. The C library finds out how
//! anyway, for its locks; rustix's own way of doing so would be 5 KB more in every program that has
//! a clock.

use rustix::time::{ClockId, Timespec};

/// What a clock shows.
pub fn time(clock: ClockId) -> Timespec {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the C library writes to a local. It fails for no clock that there is.
    unsafe { libc::clock_gettime(clock as libc::clockid_t, &raw mut time) };
    Timespec {
        tv_sec: time.tv_sec,
        tv_nsec: time.tv_nsec,
    }
}
