//! Futures of the host, polled by the scheduler. Wakers only note which future is to be polled by
//! a later tick.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::vm::store::{self, Part, Store, place};

/// What a host function of async type returns.
pub type HostFuture<R> = Pin<Box<dyn Future<Output = R>>>;

/// A future that the scheduler polls. It is dropped together with this.
#[derive(Debug)]
pub struct HostTask {
    number: u64,
}

struct Entry {
    /// `None` while it is polled.
    future: Option<HostFuture<()>>,
    waker: Waker,
    /// The store that it was begun in, which it ends with.
    store: &'static Store,
}

#[derive(Default)]
struct Hosts {
    futures: RefCell<BTreeMap<u64, Entry>>,
    next: RefCell<u64>,
    woken: Arc<Woken>,
}

thread_local! {
    static HOSTS: Hosts = Hosts::default();
}

/// That a store has futures: they go with it.
struct Owned(&'static Store);

// SAFETY: nothing else has this place.
const OWNED: Part<Owned> = unsafe { Part::at(place::FUTURES) };

impl Drop for Owned {
    fn drop(&mut self) {
        abandon_all(self.0);
    }
}

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
}

thread_local! {
    /// The future that is being polled, or 0.
    static POLLED: Cell<u64> = const { Cell::new(0) };
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
    }
}

impl Woken {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number for a future, and its waker.
pub(super) fn new_waker() -> (u64, Waker) {
    HOSTS.with(|hosts| {
        let mut next = hosts.next.borrow_mut();
        *next += 1;
        let waker = HostWaker {
            number: *next,
            woken: hosts.woken.clone(),
        };
        (*next, Waker::from(Arc::new(waker)))
    })
}

pub(super) fn insert(number: u64, waker: Waker, future: HostFuture<()>) -> HostTask {
    let store = store::current();
    OWNED.of(store, || Owned(store));
    let entry = Entry {
        future: Some(future),
        waker,
        store,
    };
    HOSTS.with(|hosts| hosts.futures.borrow_mut().insert(number, entry));
    HostTask { number }
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
        // A thread that ends has dropped all of them.
        let entry = HOSTS.try_with(|hosts| hosts.futures.borrow_mut().remove(&self.number));
        drop(entry);
    }
}

/// Whether [`run_woken`] would find something.
pub(super) fn has_woken() -> bool {
    HOSTS.with(|hosts| {
        let woken = hosts.woken.lock();
        !woken.events.is_empty() || !woken.yielded.is_empty()
    })
}

/// Polls the future that was woken first, and the one that has yielded first: whether there was
/// one.
pub(super) fn run_woken() -> bool {
    let next = HOSTS.with(|hosts| {
        let mut woken = hosts.woken.lock();
        [woken.events.pop_front(), woken.yielded.pop_front()]
    });
    next.into_iter().flatten().for_each(poll);
    next != [None; 2]
}

fn poll(number: u64) {
    let taken = HOSTS.with(|hosts| {
        let mut futures = hosts.futures.borrow_mut();
        let entry = futures.get_mut(&number)?;
        Some((entry.future.take()?, entry.waker.clone(), entry.store))
    });
    // It may have ended since it was woken.
    let Some((mut future, waker, store)) = taken else {
        return;
    };
    let outer_store = store::set_current(store);
    let outer = POLLED.replace(number);
    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    POLLED.set(outer);
    store::set_current(outer_store);
    let over = HOSTS.with(|hosts| {
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
    let is_its = |entry: &Entry| std::ptr::eq(entry.store, store);
    let futures = HOSTS.try_with(|hosts| {
        let mut futures = hosts.futures.borrow_mut();
        let (gone, kept) = std::mem::take(&mut *futures)
            .into_iter()
            .partition(|(_, entry)| is_its(entry));
        *futures = kept;
        gone
    });
    drop::<Result<BTreeMap<_, _>, _>>(futures);
}
