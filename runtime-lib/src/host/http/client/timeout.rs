//! How long things may take.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use crate::host::clocks::{Clock, now_ns};
use crate::host::http::{ErrorCode, RequestOptions, Result};
use crate::io::{Sleep, sleep_until};

/// Where the guest does not say.
const DEFAULT_NS: u64 = 600_000_000_000;

/// A request's, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub(super) connect_ns: u64,
    pub(super) first_byte_ns: u64,
    pub(super) between_bytes_ns: u64,
}

/// How long the other side may say nothing.
pub struct Silence {
    between_bytes_ns: u64,
    /// When it must have said something; never, while it is somebody else's turn.
    deadline_ns: u64,
    /// With its own time: one that is too early is followed by another.
    sleep: Option<(u64, Sleep)>,
}

impl Silence {
    /// Until the first byte.
    #[must_use]
    pub fn new(timeouts: Timeouts) -> Silence {
        Silence {
            between_bytes_ns: timeouts.between_bytes_ns,
            deadline_ns: deadline_ns(timeouts.first_byte_ns),
            sleep: None,
        }
    }

    /// The other side has said something, or it is its turn again.
    pub fn touch(&mut self) {
        self.deadline_ns = deadline_ns(self.between_bytes_ns);
    }

    /// It is not the other side's turn.
    pub fn hold(&mut self) {
        self.deadline_ns = u64::MAX;
    }

    #[must_use]
    pub fn is_held(&self) -> bool {
        self.deadline_ns == u64::MAX
    }

    /// Waits until it has lasted too long.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.is_held() {
                self.sleep = None;
                return Poll::Pending;
            }
            let at_ns = self.deadline_ns;
            if self
                .sleep
                .as_ref()
                .is_some_and(|(late_ns, _)| *late_ns > at_ns)
            {
                self.sleep = None;
            }
            let sleep = self
                .sleep
                .get_or_insert_with(|| (at_ns, sleep_until(at_ns)));
            ready!(Pin::new(&mut sleep.1).poll(cx));
            self.sleep = None;
            if deadline_ns(0) >= self.deadline_ns {
                return Poll::Ready(());
            }
        }
    }
}

impl Timeouts {
    #[must_use]
    pub fn new(options: RequestOptions) -> Timeouts {
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
