//! Connections that wait for their next request, and those that several requests share.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::connect::{Connection, Destination, Shared, Way, connect};
use crate::host::clocks::{Clock, now_ns};
use crate::host::http::Result;

/// No more connections than these are kept.
const IDLE_MAX: usize = 64;

/// They wait no longer than this: many servers close theirs after a minute.
const IDLE_NS: u64 = 50_000_000_000;

/// No more servers than these are remembered as those that share no connections.
const UNSHARED_MAX: usize = 256;

struct Idle {
    destination: Destination,
    way: Way,
    since_ns: u64,
}

#[derive(Default)]
struct Pool {
    /// The one that has waited longest first.
    idle: Vec<Idle>,
    /// Where somebody connects to, and who else wants to know what comes of it.
    connecting: Vec<(Destination, Vec<Waker>)>,
    /// Secure servers that speak HTTP/1.1 only.
    unshared: Vec<Destination>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A way to there: one that there is, or a new one. While somebody connects to a server that may
/// share its connection with others, they wait for that.
///
/// # Errors
/// Those of connecting.
pub(super) async fn find(destination: &Destination) -> Result<Way> {
    let connecting = poll_fn(|cx| {
        if let Some(way) = take(destination) {
            return Poll::Ready(Err(way));
        }
        POOL.with_borrow_mut(|pool| pool.poll_begin(cx, destination))
            .map(Ok)
    });
    let guard = match connecting.await {
        Ok(guard) => guard,
        Err(way) => return Ok(way),
    };
    let way = connect(destination).await?;
    if let Some(guard) = &guard {
        match &way {
            Way::Shared(session) => keep(destination, Way::Shared(Rc::clone(session))),
            Way::Own(_) => guard.is_unshared(),
        }
    }
    Ok(way)
}

/// As long as it is there, somebody connects.
struct Connecting(Destination);

impl Connecting {
    fn is_unshared(&self) {
        POOL.with_borrow_mut(|pool| {
            if pool.unshared.len() == UNSHARED_MAX {
                pool.unshared.remove(0);
            }
            pool.unshared.push(self.0.clone());
        });
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        // A thread that ends has nobody who waits.
        let waiting = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            let at = pool.connecting.iter().position(|(to, _)| *to == self.0);
            at.map(|at| pool.connecting.swap_remove(at).1)
        });
        let waiting = waiting.ok().flatten().unwrap_or_default();
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl Pool {
    /// Waits until nobody else connects to there, if that may be of use to others.
    fn poll_begin(
        &mut self,
        cx: &mut Context<'_>,
        destination: &Destination,
    ) -> Poll<Option<Connecting>> {
        if !destination.secure || self.unshared.contains(destination) {
            return Poll::Ready(None);
        }
        match self.connecting.iter_mut().find(|(to, _)| to == destination) {
            Some((_, waiting)) => {
                waiting.push(cx.waker().clone());
                Poll::Pending
            }
            None => {
                self.connecting.push((destination.clone(), Vec::new()));
                Poll::Ready(Some(Connecting(destination.clone())))
            }
        }
    }
}

/// A way to there that the other side has not closed, the youngest first.
fn take(destination: &Destination) -> Option<Way> {
    loop {
        let found = POOL.with_borrow_mut(|pool| {
            let is_there = |idle: &Idle| idle.destination == *destination;
            let at = pool.idle.iter().rposition(is_there)?;
            Some(pool.idle.remove(at))
        });
        let Idle { way, since_ns, .. } = found?;
        let is_young = now_ns(Clock::Monotonic).saturating_sub(since_ns) < IDLE_NS;
        match way {
            Way::Own(mut connection) => {
                if is_young && is_silent(&mut connection) {
                    return Some(Way::Own(connection));
                }
            }
            Way::Shared(session) if is_used(&session, is_young) && session.is_open() => {
                keep(destination, Way::Shared(Rc::clone(&session)));
                return Some(Way::Shared(session));
            }
            Way::Shared(_) => {}
        }
    }
}

/// Whether a shared connection is not idle for too long.
fn is_used(session: &Rc<dyn Shared>, is_young: bool) -> bool {
    is_young || Rc::strong_count(session) > 1
}

/// Whether nothing has come: neither the end nor bytes that nobody has asked for.
fn is_silent(connection: &mut Connection) -> bool {
    let cx = &mut Context::from_waker(Waker::noop());
    let filled = connection.buffer.poll_fill(cx, &mut *connection.transport);
    filled.is_pending()
}

/// Keeps a connection for the next request.
pub(super) fn put(destination: &Destination, mut connection: Connection) {
    connection.buffer.shrink();
    keep(destination, Way::Own(connection));
}

fn keep(destination: &Destination, way: Way) {
    let idle = Idle {
        destination: destination.clone(),
        way,
        since_ns: now_ns(Clock::Monotonic),
    };
    let dropped = POOL.with_borrow_mut(|pool| {
        let all = &mut pool.idle;
        all.push(idle);
        let old = |idle: &Idle| now_ns(Clock::Monotonic).saturating_sub(idle.since_ns) >= IDLE_NS;
        let expired = all.iter().take_while(|idle| old(idle)).count();
        let too_many = all.len().saturating_sub(IDLE_MAX);
        all.drain(..expired.max(too_many)).collect::<Vec<Idle>>()
    });
    drop(dropped);
}
