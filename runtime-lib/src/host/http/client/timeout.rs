//! How long things may take.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::host::clocks::{Clock, now_ns};
use crate::host::http::{ErrorCode, RequestOptions, Result};
use crate::io::sleep_until;

/// Where the guest does not say.
const DEFAULT_NS: u64 = 600_000_000_000;

/// A request's, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    pub(super) connect_ns: u64,
    pub(super) first_byte_ns: u64,
    pub(super) between_bytes_ns: u64,
}

impl Timeouts {
    pub(super) fn new(options: RequestOptions) -> Timeouts {
        Timeouts {
            connect_ns: options.connect_timeout_ns.unwrap_or(DEFAULT_NS),
            first_byte_ns: options.first_byte_timeout_ns.unwrap_or(DEFAULT_NS),
            between_bytes_ns: options.between_bytes_timeout_ns.unwrap_or(DEFAULT_NS),
        }
    }
}

/// The time at which so many nanoseconds are over.
pub(super) fn deadline_ns(timeout_ns: u64) -> u64 {
    now_ns(Clock::Monotonic).saturating_add(timeout_ns)
}

/// What comes of it, unless that time comes first.
pub(super) async fn until<T>(
    at_ns: u64,
    error: ErrorCode,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = pin!(work);
    let mut sleep = pin!(sleep_until(at_ns));
    poll_fn(|cx| {
        if let Poll::Ready(result) = work.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        sleep.as_mut().poll(cx).map(|()| Err(error.clone()))
    })
    .await
}
