//! Connections that wait for their next request.

use std::cell::RefCell;
use std::task::{Context, Waker};

use super::connect::{Connection, Destination};
use crate::host::clocks::{Clock, now_ns};

/// No more connections than these wait.
const IDLE_MAX: usize = 64;

/// They wait no longer than this: many servers close theirs after a minute.
const IDLE_NS: u64 = 50_000_000_000;

struct Idle {
    destination: Destination,
    connection: Connection,
    since_ns: u64,
}

thread_local! {
    /// The one that has waited longest first.
    static IDLE: RefCell<Vec<Idle>> = const { RefCell::new(Vec::new()) };
}

/// A connection to there that the other side has not closed, the youngest first.
pub(super) fn take(destination: &Destination) -> Option<Connection> {
    loop {
        let found = IDLE.with_borrow_mut(|idle| {
            let at = idle
                .iter()
                .rposition(|idle| idle.destination == *destination)?;
            Some(idle.remove(at))
        });
        let Idle {
            mut connection,
            since_ns,
            ..
        } = found?;
        let is_young = now_ns(Clock::Monotonic).saturating_sub(since_ns) < IDLE_NS;
        if is_young && is_silent(&mut connection) {
            return Some(connection);
        }
    }
}

/// Whether nothing has come: neither the end nor bytes that nobody has asked for.
fn is_silent(connection: &mut Connection) -> bool {
    let cx = &mut Context::from_waker(Waker::noop());
    let filled = connection.buffer.poll_fill(cx, &mut *connection.transport);
    filled.is_pending()
}

/// Keeps a connection for later.
pub(super) fn put(destination: &Destination, mut connection: Connection) {
    connection.buffer.shrink();
    let idle = Idle {
        destination: destination.clone(),
        connection,
        since_ns: now_ns(Clock::Monotonic),
    };
    let dropped = IDLE.with_borrow_mut(|all| {
        all.push(idle);
        let old = |idle: &Idle| now_ns(Clock::Monotonic).saturating_sub(idle.since_ns) >= IDLE_NS;
        let expired = all.iter().take_while(|idle| old(idle)).count();
        let too_many = all.len().saturating_sub(IDLE_MAX);
        all.drain(..expired.max(too_many)).collect::<Vec<Idle>>()
    });
    drop(dropped);
}
