//! Clocks. Times are nanoseconds; the realtime clock counts from 1970, the others from some
//! point of their own.

use crate::sys::time::{ClockId, Timespec, clock_getres, clock_gettime};

use super::stat::NS_PER_S;

/// A clock that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    Realtime,
    Monotonic,
    ProcessCpu,
    ThreadCpu,
}

/// The clock's time.
#[must_use]
pub fn now_ns(clock: Clock) -> u64 {
    #[cfg(test)]
    if let (Clock::Monotonic, Some(ns)) = (clock, SCRIPTED_NS.get()) {
        return ns;
    }
    nanoseconds(clock_gettime(id(clock)))
}

/// The smallest step of the clock.
#[must_use]
pub fn resolution_ns(clock: Clock) -> u64 {
    nanoseconds(clock_getres(id(clock)))
}

fn id(clock: Clock) -> ClockId {
    match clock {
        Clock::Realtime => ClockId::Realtime,
        Clock::Monotonic => ClockId::Monotonic,
        Clock::ProcessCpu => ClockId::ProcessCPUTime,
        Clock::ThreadCpu => ClockId::ThreadCPUTime,
    }
}

/// A time that a `u64` of nanoseconds cannot hold (before 1970, after 2554) becomes its nearest.
#[allow(clippy::unnecessary_cast)] // `tv_nsec` is of another type on other targets.
fn nanoseconds(time: Timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(NS_PER_S)
        .saturating_add(time.tv_nsec as u64)
}

#[cfg(test)]
thread_local! {
    /// What the monotonic clock shows while a test's `io::script` runs.
    pub(crate) static SCRIPTED_NS: std::cell::Cell<Option<u64>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_advance() {
        for clock in [
            Clock::Realtime,
            Clock::Monotonic,
            Clock::ProcessCpu,
            Clock::ThreadCpu,
        ] {
            let before = now_ns(clock);
            assert!(before > 0);
            assert!(now_ns(clock) >= before);
            assert!((1..=NS_PER_S).contains(&resolution_ns(clock)));
        }
        assert!(now_ns(Clock::Realtime) > 1_600_000_000 * NS_PER_S);
    }
}
