//! Host functions of async type: Rust futures, polled by the scheduler.
//!
//! A future is polled once at the call. If it is ready, the call has returned; otherwise it
//! becomes a task of the host, and the caller has a subtask. Wakers only note which future is to
//! be polled by a later tick. A result is lowered, which runs the guest's `realloc`, when the
//! future has ended, by the same tick.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::lower;
use super::subtask::{Callee, Subtask};
use crate::component::Layout;
use crate::component::call::Call;
use crate::component::host_fn::{CallShape, RawSlots, store_result};
use crate::component::resource::{Own, Resource};
use crate::component::values::{Lift, Lower, Slots, Value};
use crate::vm::Memory;
use wasmelt_abi::CanonOptions;

/// What a host function of async type returns.
pub type HostFuture<R> = Pin<Box<dyn Future<Output = R>>>;

/// A function `fn(&mut Call, …) -> HostFuture<R>` whose parameters are those of the tuple `P`. It
/// takes out of the call what it needs: the future outlives it.
pub trait AsyncHostFn<P, R> {
    fn invoke(&self, call: &mut Call<'_>, params: P) -> HostFuture<R>;

    /// As `HostFn::describe`.
    #[cfg(test)]
    fn describe(&self) -> String;
}

/// A resource of the host that changes hands, as `own<T>`: it gets its place in the table when it
/// is lowered, and leaves it when it is lifted.
#[derive(Debug)]
pub struct New<T>(pub T);

impl<T: Resource> Value for New<T> {
    const LAYOUT: Layout = <Own<T> as Value>::LAYOUT;

    #[cfg(test)]
    fn describe(text: &mut String) {
        <Own<T> as Value>::describe(text);
    }
}

impl<T: Resource> Lift for New<T> {
    fn lift_flat(call: &mut Call<'_>, slots: &mut Slots<'_>) -> New<T> {
        let own = <Own<T> as Lift>::lift_flat(call, slots);
        New(call.take(own))
    }

    fn load(call: &mut Call<'_>, at: u64) -> New<T> {
        let own = <Own<T> as Lift>::load(call, at);
        New(call.take(own))
    }
}

impl<T: Resource> Lower for New<T> {
    fn lower_flat(self, call: &mut Call<'_>, slots: &mut Slots<'_>) {
        call.push(self.0).lower_flat(call, slots);
    }

    fn store(self, call: &mut Call<'_>, at: u64) {
        call.push(self.0).store(call, at);
    }
}

/// A future that the scheduler polls. It is dropped together with this.
#[derive(Debug)]
pub struct HostTask {
    number: u64,
}

struct Entry {
    /// `None` while it is polled.
    future: Option<HostFuture<()>>,
    waker: Waker,
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
fn new_waker() -> (u64, Waker) {
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

fn insert(number: u64, waker: Waker, future: HostFuture<()>) -> HostTask {
    let entry = Entry {
        future: Some(future),
        waker,
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
        Some((entry.future.take()?, entry.waker.clone()))
    });
    // It may have ended since it was woken.
    let Some((mut future, waker)) = taken else {
        return;
    };
    let outer = POLLED.replace(number);
    let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    POLLED.set(outer);
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

/// Drops all futures.
pub(super) fn abandon_all() {
    let futures = HOSTS.with(|hosts| hosts.futures.take());
    drop(futures);
}

/// `canon_lower` of a host function of async type.
pub fn enter_async<P: Lift, R: Lower + 'static>(
    memory: Memory,
    options: &'static CanonOptions,
    slots: RawSlots,
    function: impl AsyncHostFn<P, R>,
) {
    let shape = CallShape::new::<P, R>(options);
    let slots = shape.slots(slots);
    let mut call = Call::new(memory, options);
    let store = call.store();
    let params = shape.lift_params::<P>(&mut call, slots);
    let mut future = function.invoke(&mut call, params);
    let (number, waker) = new_waker();
    if let Poll::Ready(result) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
        store_result(&mut call, shape, result, slots);
        call.finish();
        return;
    }
    let lent = call.take_lent();
    let subtask = Subtask::new(store, slots);
    subtask.start();
    subtask.add_lenders(lent);
    let resolved = subtask.clone();
    let whole = async move {
        let result = future.await;
        let mut call = Call::of_export(store, options);
        let mut slots: Vec<u64> = resolved.values().collect();
        store_result(&mut call, shape, result, &mut slots);
        resolved.set_values(&slots);
        resolved.resolve(true);
    };
    let task = insert(number, waker, Box::pin(whole));
    drop(subtask.callee.replace(Some(Callee::Host(task))));
    let status = lower::finish(store, options, &subtask, slots);
    if options.is_async != 0 {
        slots[0] = u64::from(status as u32);
    }
}

macro_rules! async_host_fn {
    ($( ( $($type:ident $param:ident),* ) )*) => {
        $(
            impl<Function, Output, $($type),*> AsyncHostFn<($($type,)*), Output> for Function
            where
                Function: Fn(&mut Call<'_> $(, $type)*) -> HostFuture<Output>,
                Output: Value,
                $($type: Value),*
            {
                #[inline]
                fn invoke(&self, call: &mut Call<'_>, params: ($($type,)*)) -> HostFuture<Output> {
                    let ($($param,)*) = params;
                    self(call $(, $param)*)
                }

                #[cfg(test)]
                fn describe(&self) -> String {
                    let mut text = "async".to_owned();
                    crate::component::host_fn::describe(
                        &mut text,
                        &[$($type::describe),*],
                        Output::describe,
                    );
                    text
                }
            }
        )*
    };
}

async_host_fn! {
    ()
    (A a)
    (A a, B b)
    (A a, B b, C c)
    (A a, B b, C c, D d)
    (A a, B b, C c, D d, E e)
    (A a, B b, C c, D d, E e, F f)
    (A a, B b, C c, D d, E e, F f, G g)
    (A a, B b, C c, D d, E e, F f, G g, H h)
}
