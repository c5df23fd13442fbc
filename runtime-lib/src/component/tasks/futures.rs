//! Futures of the host, polled by the scheduler. Wakers only note which future is to be polled by
//! a later tick.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::host::process::{Leaving, before_exit};
use crate::io;
use crate::vm::store::{self, Part, Store, place};

/// What a host function of async type returns.
pub type HostFuture<R> = Pin<Box<dyn Future<Output = R>>>;

/// A future that the scheduler polls. It is dropped together with this.
#[derive(Debug)]
pub struct HostTask {
    number: u64,
    store: &'static Store,
}

struct Entry {
    /// `None` while it is polled.
    future: Option<HostFuture<()>>,
    waker: Waker,
}

/// Those of one store, with which they end.
#[derive(Default)]
struct Hosts {
    futures: RefCell<BTreeMap<u64, Entry>>,
    woken: Arc<Woken>,
    /// How many [`Owed`] there are.
    owed: Cell<usize>,
}

// SAFETY: nothing else has this place.
const HOSTS: Part<Hosts> = unsafe { Part::at(place::FUTURES) };

/// Numbers of futures that are to be polled.
#[derive(Default)]
struct Woken(Mutex<Queues>);

#[derive(Default)]
struct Queues {
    /// Something has happened for these.
    events: VecDeque<u64>,
    /// These could go on for ever, and have let others have their turn: it would be a long way to
    /// the front for the others if these stood in the same queue.
    yielded: VecDeque<u64>,
    /// Who waits for one of them to be woken.
    waiting: Option<Waker>,
}

thread_local! {
    /// The future that is being polled, or 0.
    static POLLED: Cell<u64> = const { Cell::new(0) };

    /// The number that the last one has got: no two of a thread have the same, whatever their
    /// stores.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

struct HostWaker {
    number: u64,
    woken: Arc<Woken>,
}

impl Wake for HostWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock();
        match POLLED.get() == self.number {
            true => woken.yielded.push_back(self.number),
            false => woken.events.push_back(self.number),
        }
        let waiting = woken.waiting.take();
        drop(woken);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queues {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.yielded.is_empty()
    }
}

/// What the store has that runs in this thread, if it has something.
fn find<R>(look: impl FnOnce(&Hosts) -> R) -> Option<R> {
    let hosts = HOSTS.find(store::current())?;
    // SAFETY: it lives as long as what runs in the store.
    Some(look(unsafe { hosts.as_ref() }))
}

/// What the store has, made where it has nothing.
fn with<R>(look: impl FnOnce(&Hosts) -> R) -> R {
    let hosts = HOSTS.of(store::current(), Hosts::default);
    // SAFETY: as above.
    look(unsafe { hosts.as_ref() })
}

/// A number for a future, and its waker.
pub(super) fn new_waker() -> (u64, Waker) {
    with(|hosts| {
        let number = LAST.get() + 1;
        LAST.set(number);
        let woken = hosts.woken.clone();
        let waker = HostWaker { number, woken };
        (number, Waker::from(Arc::new(waker)))
    })
}

pub(super) fn insert(number: u64, waker: Waker, future: HostFuture<()>) -> HostTask {
    let entry = Entry {
        future: Some(future),
        waker,
    };
    with(|hosts| hosts.futures.borrow_mut().insert(number, entry));
    HostTask {
        number,
        store: store::current(),
    }
}

/// Has the scheduler poll a future, for the first time in a later tick.
pub fn spawn(future: impl Future<Output = ()> + 'static) -> HostTask {
    let (number, waker) = new_waker();
    waker.wake_by_ref();
    insert(number, waker, Box::pin(future))
}

/// Polls at once, and has the scheduler go on with it: nothing if it is ready.
pub fn start(mut poll: impl FnMut(&mut Context<'_>) -> Poll<()> + 'static) -> Option<HostTask> {
    let (number, waker) = new_waker();
    match poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(()) => None,
        Poll::Pending => Some(insert(number, waker, Box::pin(poll_fn(poll)))),
    }
}

impl HostTask {
    /// Lets the future run to its end, whatever happens to this.
    pub fn detach(self) {
        std::mem::forget(self);
    }
}

impl Drop for HostTask {
    fn drop(&mut self) {
        // What the store had may be gone already, this with it.
        if let Some(hosts) = HOSTS.find(self.store) {
            // SAFETY: it lives as long as what runs in the store.
            let entry = unsafe { hosts.as_ref() }
                .futures
                .borrow_mut()
                .remove(&self.number);
            drop(entry);
        }
    }
}

/// While a future has this, the program does not end: it does what the guest takes for done.
pub struct Owed {
    store: &'static Store,
}

/// Has the end of the program wait for whoever has what is returned.
pub fn owe() -> Owed {
    before_exit(Leaving::Second, settle);
    with(|hosts| hosts.owed.set(hosts.owed.get() + 1));
    Owed {
        store: store::current(),
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        // What the store had may be gone already.
        if let Some(hosts) = HOSTS.find(self.store) {
            // SAFETY: it lives as long as what runs in the store.
            let owed = unsafe { &hosts.as_ref().owed };
            owed.set(owed.get().saturating_sub(1));
        }
    }
}

/// Waits until nothing is owed. No code of the guest runs any more.
fn settle() {
    while find(|hosts| hosts.owed.get() > 0).unwrap_or(false) {
        if !run_woken() && io::block_on(poll_woken).is_err() {
            break;
        }
    }
}

/// Whether [`run_woken`] would find something.
pub(super) fn has_woken() -> bool {
    find(|hosts| !hosts.woken.lock().is_empty()).unwrap_or(false)
}

/// Waits until [`run_woken`] finds something.
pub(super) fn poll_woken(cx: &mut Context<'_>) -> Poll<()> {
    with(|hosts| {
        let mut woken = hosts.woken.lock();
        if !woken.is_empty() {
            return Poll::Ready(());
        }
        woken.waiting = Some(cx.waker().clone());
        Poll::Pending
    })
}

/// Whether there are any, which could be woken.
pub(super) fn has_any() -> bool {
    find(|hosts| !hosts.futures.borrow().is_empty()).unwrap_or(false)
}

/// Polls the future that was woken first, and the one that has yielded first: whether there was
/// one.
pub(super) fn run_woken() -> bool {
    let next = find(|hosts| {
        let mut woken = hosts.woken.lock();
        [woken.events.pop_front(), woken.yielded.pop_front()]
    });
    let next = next.unwrap_or_default();
    next.into_iter().flatten().for_each(poll);
    next != [None; 2]
}

fn poll(number: u64) {
    let taken = find(|hosts| {
        let mut futures = hosts.futures.borrow_mut();
        let entry = futures.get_mut(&number)?;
        Some((entry.future.take()?, entry.waker.clone()))
    });
    // It may have ended since it was woken.
    let Some((mut future, waker)) = taken.flatten() else {
        return;
    };
    let outer = POLLED.replace(number);
    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    POLLED.set(outer);
    let over = find(|hosts| {
        let mut futures = hosts.futures.borrow_mut();
        match (polled, futures.get_mut(&number)) {
            (Poll::Pending, Some(entry)) => {
                entry.future = Some(future);
                None
            }
            _ => Some((future, futures.remove(&number))),
        }
    });
    drop(over);
}

/// Polls all futures that have been woken, until none is.
#[cfg(test)]
pub(crate) fn run_host_tasks() {
    while run_woken() {}
}

/// Drops all futures of a store.
pub(super) fn abandon_all(store: &'static Store) {
    // SAFETY: it lives as long as what runs in the store.
    let hosts = HOSTS.find(store).map(|hosts| unsafe { hosts.as_ref() });
    let futures = hosts.map(|hosts| hosts.futures.take());
    drop(futures);
}
