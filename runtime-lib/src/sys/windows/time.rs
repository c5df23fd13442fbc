//! Clocks.

use windows_sys::Win32::Foundation::FILETIME;
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::SystemInformation::GetSystemTimePreciseAsFileTime;
use windows_sys::Win32::System::Threading::{
    GetCurrentProcess, GetCurrentThread, GetProcessTimes, GetThreadTimes,
};

const NS_PER_S: u64 = 1_000_000_000;

/// Windows counts times in steps of 100 ns.
const NS_PER_STEP: u64 = 100;
const STEPS_PER_S: i64 = (NS_PER_S / NS_PER_STEP) as i64;

/// Seconds from where Windows counts, 1601, to 1970.
const SECONDS_BEFORE_1970: i64 = 11_644_473_600;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClockId {
    Realtime,
    Monotonic,
    ProcessCPUTime,
    ThreadCPUTime,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timespec {
    pub tv_sec: i64,
    pub tv_nsec: i64,
}

const NEVER: FILETIME = FILETIME {
    dwLowDateTime: 0,
    dwHighDateTime: 0,
};

/// The smallest step that a clock shows.
#[must_use]
pub fn clock_getres(clock: ClockId) -> Timespec {
    let ns = match clock {
        ClockId::Monotonic => (NS_PER_S / frequency()).max(1),
        _ => NS_PER_STEP,
    };
    timespec(ns)
}

/// What a clock shows.
#[must_use]
pub fn clock_gettime(clock: ClockId) -> Timespec {
    match clock {
        ClockId::Realtime => {
            let mut now = NEVER;
            // SAFETY: the system writes to a local.
            unsafe { GetSystemTimePreciseAsFileTime(&raw mut now) };
            let (tv_sec, tv_nsec) = since_1970(steps(now));
            Timespec { tv_sec, tv_nsec }
        }
        ClockId::Monotonic => {
            let mut count = 0;
            // SAFETY: the system writes to a local, and has had this since Windows XP.
            unsafe { QueryPerformanceCounter(&raw mut count) };
            let (count, frequency) = (count.cast_unsigned(), frequency());
            let rest = count % frequency * NS_PER_S / frequency;
            Timespec {
                tv_sec: (count / frequency).cast_signed(),
                tv_nsec: rest.cast_signed(),
            }
        }
        ClockId::ProcessCPUTime => {
            let (mut made, mut ended, mut kernel, mut user) = (NEVER, NEVER, NEVER, NEVER);
            // SAFETY: the system writes to locals.
            unsafe {
                GetProcessTimes(
                    GetCurrentProcess(),
                    &raw mut made,
                    &raw mut ended,
                    &raw mut kernel,
                    &raw mut user,
                )
            };
            cpu_time(kernel, user)
        }
        ClockId::ThreadCPUTime => {
            let (mut made, mut ended, mut kernel, mut user) = (NEVER, NEVER, NEVER, NEVER);
            // SAFETY: the system writes to locals.
            unsafe {
                GetThreadTimes(
                    GetCurrentThread(),
                    &raw mut made,
                    &raw mut ended,
                    &raw mut kernel,
                    &raw mut user,
                )
            };
            cpu_time(kernel, user)
        }
    }
}

fn cpu_time(kernel: FILETIME, user: FILETIME) -> Timespec {
    timespec((steps(kernel) + steps(user)).cast_unsigned() * NS_PER_STEP)
}

fn frequency() -> u64 {
    let mut frequency = 0;
    // SAFETY: the system writes to a local.
    unsafe { QueryPerformanceFrequency(&raw mut frequency) };
    frequency.cast_unsigned().max(1)
}

fn timespec(ns: u64) -> Timespec {
    Timespec {
        tv_sec: (ns / NS_PER_S).cast_signed(),
        tv_nsec: (ns % NS_PER_S).cast_signed(),
    }
}

pub(super) fn steps(time: FILETIME) -> i64 {
    i64::from(time.dwHighDateTime) << 32 | i64::from(time.dwLowDateTime)
}

/// Seconds and nanoseconds.
pub(super) fn since_1970(steps: i64) -> (i64, i64) {
    let rest = steps.rem_euclid(STEPS_PER_S) * NS_PER_STEP as i64;
    (steps.div_euclid(STEPS_PER_S) - SECONDS_BEFORE_1970, rest)
}

/// The other way round, where Windows has the time.
pub(super) fn steps_from_1970(seconds: i64, nanoseconds: i64) -> Option<i64> {
    let seconds = seconds.checked_add(SECONDS_BEFORE_1970)?;
    let steps = seconds.checked_mul(STEPS_PER_S)?;
    steps
        .checked_add(nanoseconds / NS_PER_STEP as i64)
        .filter(|steps| *steps >= 0)
}
