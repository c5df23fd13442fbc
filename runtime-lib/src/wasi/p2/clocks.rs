//! `wasi:clocks`: what time it is, and pollables for times to come.

use std::rc::Rc;

use super::poll::Pollable;
use crate::component::{Call, Own};
use crate::host::clocks::{Clock, now_ns, resolution_ns};
use crate::host::stat::NS_PER_S;
use crate::io::Wanted;
use crate::record;

record! {
    /// `datetime`: since 1970.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Datetime {
        seconds: u64,
        nanoseconds: u32,
    }
}

record! {
    /// `timezone-display`.
    pub struct TimezoneDisplay {
        utc_offset: i32,
        name: String,
        in_daylight_saving_time: bool,
    }
}

impl Datetime {
    /// From nanoseconds since 1970.
    #[must_use]
    pub fn from_ns(ns: u64) -> Datetime {
        Datetime {
            seconds: ns / NS_PER_S,
            nanoseconds: (ns % NS_PER_S) as u32,
        }
    }
}

/// `monotonic-clock.now`.
pub fn monotonic_now(_: &mut Call<'_>) -> u64 {
    now_ns(Clock::Monotonic)
}

/// `monotonic-clock.resolution`.
pub fn monotonic_resolution(_: &mut Call<'_>) -> u64 {
    resolution_ns(Clock::Monotonic)
}

/// `subscribe-instant`.
pub fn subscribe_instant(call: &mut Call<'_>, when: u64) -> Own<Pollable> {
    call.push(Pollable::new(Rc::new(Wanted::Time { at_ns: when })))
}

/// `subscribe-duration`. What ends after the last moment of the clock never ends.
pub fn subscribe_duration(call: &mut Call<'_>, when: u64) -> Own<Pollable> {
    let at_ns = now_ns(Clock::Monotonic).saturating_add(when);
    subscribe_instant(call, at_ns)
}

/// `wall-clock.now`.
pub fn wall_now(_: &mut Call<'_>) -> Datetime {
    Datetime::from_ns(now_ns(Clock::Realtime))
}

/// `wall-clock.resolution`.
pub fn wall_resolution(_: &mut Call<'_>) -> Datetime {
    Datetime::from_ns(resolution_ns(Clock::Realtime))
}

/// `timezone.display`: the guest lives in UTC, wherever the process does.
pub fn timezone_display(call: &mut Call<'_>, when: Datetime) -> TimezoneDisplay {
    TimezoneDisplay {
        utc_offset: timezone_utc_offset(call, when),
        name: "UTC".to_owned(),
        in_daylight_saving_time: false,
    }
}

/// `timezone.utc-offset`, in seconds.
pub fn timezone_utc_offset(_: &mut Call<'_>, _when: Datetime) -> i32 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Guest;
    use crate::wasi::p2::poll::{poll, pollable_block, pollable_ready};

    #[test]
    fn times_are_waited_for() {
        let mut guest = Guest::new();
        let call = &mut guest.call();
        let start = monotonic_now(call);
        let soon = subscribe_duration(call, 20_000_000);
        let later = subscribe_instant(call, start + 40_000_000);
        let never = subscribe_duration(call, u64::MAX);
        assert!(!pollable_ready(call, soon.borrow()));
        let both = vec![never.borrow(), later.borrow(), soon.borrow()];
        assert_eq!(poll(call, both.clone()), [2]);
        assert!(monotonic_now(call) >= start + 20_000_000);
        pollable_block(call, later.borrow());
        assert!(monotonic_now(call) >= start + 40_000_000);
        assert_eq!(poll(call, both), [1, 2]);
        let past = subscribe_instant(call, 0);
        assert!(pollable_ready(call, past.borrow()));
    }

    #[test]
    fn clocks_tell_the_time() {
        let mut guest = Guest::new();
        let call = &mut guest.call();
        let now = wall_now(call);
        assert!(now.seconds > 1_600_000_000 && u64::from(now.nanoseconds) < NS_PER_S);
        assert_eq!(wall_resolution(call).seconds, 0);
        assert!(monotonic_resolution(call) > 0);
        assert_eq!(timezone_display(call, now).name, "UTC");
    }
}
