//! Connections that wait for their next request, and those that several requests share.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::connect::{Connection, Destination, Shared, Way, connect};
use crate::host::clocks::{Clock, now_ns};
use crate::host::http::Result;
use crate::io::{sleep_until, spawn};

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
    /// There is a task that closes shared connections.
    is_watched: bool,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// A way to there: one that there is, or a new one. While somebody connects to a server that may
/// share its connection with others, they wait for that.
///
/// # Errors
/// Those of connecting.
pub(super) async fn find(destination: &Destination, limit_ns: u64) -> Result<Way> {
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
    let way = connect(destination, limit_ns).await?;
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
    watch();
}

/// A request on a shared connection to there is over.
pub(super) fn release(destination: &Destination) {
    POOL.with_borrow_mut(|pool| {
        let is_there =
            |idle: &Idle| idle.destination == *destination && matches!(idle.way, Way::Shared(_));
        if let Some(at) = pool.idle.iter().rposition(is_there) {
            let mut idle = pool.idle.remove(at);
            idle.since_ns = now_ns(Clock::Monotonic);
            pool.idle.push(idle);
        }
    });
}

/// Has shared connections closed that nobody uses: those keep a task and the other side busy.
fn watch() {
    let begins = POOL.with_borrow_mut(|pool| {
        let begins = !pool.is_watched && pool.next_look_ns().is_some();
        pool.is_watched |= begins;
        begins
    });
    if begins {
        spawn(async {
            while let Some(at_ns) = POOL.with_borrow(Pool::next_look_ns) {
                sleep_until(at_ns).await;
                drop(POOL.with_borrow_mut(Pool::take_unused));
            }
            POOL.with_borrow_mut(|pool| pool.is_watched = false);
        })
        .detach();
    }
}

impl Pool {
    /// When a shared connection may have been unused for long enough.
    fn next_look_ns(&self) -> Option<u64> {
        let is_shared = |idle: &&Idle| matches!(idle.way, Way::Shared(_));
        let since = self.idle.iter().filter(is_shared).map(|idle| idle.since_ns);
        since.min().map(|since_ns| since_ns.saturating_add(IDLE_NS))
    }

    /// Takes out the shared connections that are not used any more; the others count as used now.
    fn take_unused(&mut self) -> Vec<Idle> {
        let now = now_ns(Clock::Monotonic);
        let all = std::mem::take(&mut self.idle).into_iter();
        let (unused, mut left): (Vec<_>, Vec<_>) = all.partition(|idle| match &idle.way {
            Way::Own(_) => false,
            Way::Shared(session) => !is_used(session, now.saturating_sub(idle.since_ns) < IDLE_NS),
        });
        for idle in &mut left {
            if let Way::Shared(session) = &idle.way
                && Rc::strong_count(session) > 1
            {
                idle.since_ns = now;
            }
        }
        left.sort_by_key(|idle| idle.since_ns);
        self.idle = left;
        unused
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Exchanging, Request, Response, Timeouts};
    use super::*;
    use crate::io::script::Script;
    use crate::io::turn;

    struct Silent;

    impl Shared for Silent {
        fn is_open(&self) -> bool {
            true
        }

        fn exchange(
            self: Rc<Self>,
            _: Request,
            _: Timeouts,
            _: Rc<Answer<Response>>,
        ) -> Exchanging {
            Box::pin(async { Ok(()) })
        }
    }

    #[test]
    fn shared_connections_are_closed_when_nobody_uses_them() {
        let _script = Script::start();
        let destination = Destination {
            secure: true,
            host: "a.example".to_owned(),
            port: 1,
        };
        let session = Rc::new(Silent);
        let kept = Rc::downgrade(&session);
        keep(&destination, Way::Shared(Rc::<Silent>::clone(&session)));
        while Script::ms() < 200_000 {
            assert!(turn(true), "somebody looks at it");
        }
        assert_eq!(kept.strong_count(), 2, "it is used");
        release(&destination);
        drop(session);
        while kept.upgrade().is_some() {
            assert!(turn(true), "somebody looks at it");
        }
        assert!((250_000..=300_000).contains(&Script::ms()));
        assert!(!turn(true), "and nobody once it is gone");
    }
}
