//! `wasi:clocks`: what time it is, and waiting for times to come.

use crate::component::Call;
use crate::component::tasks::HostFuture;
use crate::host::clocks::{Clock, now_ns, resolution_ns};
use crate::host::stat::NS_PER_S;
use crate::io::sleep_until;
use crate::record;

pub use crate::wasi::p2::clocks::{monotonic_now, monotonic_resolution};

record! {
    /// `instant`: since 1970, or before.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Instant {
        seconds: i64,
        nanoseconds: u32,
    }
}

impl Instant {
    /// From nanoseconds since 1970.
    #[must_use]
    pub fn from_ns(ns: u64) -> Instant {
        Instant {
            seconds: (ns / NS_PER_S).cast_signed(),
            nanoseconds: (ns % NS_PER_S) as u32,
        }
    }
}

/// `wait-until`.
pub fn wait_until(_: &mut Call<'_>, when: u64) -> HostFuture<()> {
    Box::pin(sleep_until(when))
}

/// `wait-for`. What ends after the last moment of the clock never ends.
pub fn wait_for(call: &mut Call<'_>, how_long: u64) -> HostFuture<()> {
    wait_until(call, now_ns(Clock::Monotonic).saturating_add(how_long))
}

/// `system-clock.now`.
pub fn system_now(_: &mut Call<'_>) -> Instant {
    Instant::from_ns(now_ns(Clock::Realtime))
}

/// `system-clock.get-resolution`, in nanoseconds.
pub fn system_resolution(_: &mut Call<'_>) -> u64 {
    resolution_ns(Clock::Realtime)
}

/// `iana-id`: the guest lives in UTC, wherever the process does.
pub fn iana_id(_: &mut Call<'_>) -> Option<String> {
    Some("UTC".to_owned())
}

/// `utc-offset`, in nanoseconds.
pub fn utc_offset(_: &mut Call<'_>, _when: Instant) -> Option<i64> {
    Some(0)
}

/// `to-debug-string`.
pub fn to_debug_string(_: &mut Call<'_>) -> String {
    "UTC".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Guest;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn what_has_passed_is_not_waited_for() {
        let mut guest = Guest::new();
        let call = &mut guest.call();
        let cx = &mut Context::from_waker(Waker::noop());
        let start = monotonic_now(call);
        assert_eq!(wait_until(call, start).as_mut().poll(cx), Poll::Ready(()));
        assert_eq!(wait_for(call, 0).as_mut().poll(cx), Poll::Ready(()));
        assert_eq!(wait_for(call, u64::MAX).as_mut().poll(cx), Poll::Pending);
        let mut soon = wait_for(call, 2_000_000);
        while soon.as_mut().poll(cx).is_pending() {
            assert!(crate::io::turn(true));
        }
        assert!(monotonic_now(call) >= start + 2_000_000);
    }

    #[test]
    fn clocks_tell_the_time() {
        let mut guest = Guest::new();
        let call = &mut guest.call();
        let now = system_now(call);
        assert!(now.seconds > 1_600_000_000 && u64::from(now.nanoseconds) < NS_PER_S);
        assert!(system_resolution(call) > 0);
        assert_eq!(utc_offset(call, now), Some(0));
    }
}
