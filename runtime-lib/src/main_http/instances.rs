//! The instances of a worker: stores whose guests run on fibers, and answer one request after the
//! other or several at a time.
//!
//! An instance begins when a request comes for which there is no other, and ends when it has had as
//! many as it may, when it has trapped, or after a while in which none has come. Its store is then
//! reset and kept for the next one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::host::clocks::{Clock, now_ns};
use crate::host::http::server::{Asked, Guests};
use crate::io::{self, Ended, sleep_until, spawn};
use crate::vm::fiber::{self, Fiber};
use crate::vm::store::Store;
use crate::vm::worker::Worker;
use crate::vm::{trap_line, watch};
use crate::wasi::p2::poll;

use super::running::{Running, complain};

/// Requests that wait for an instance.
const WAITING_MAX: usize = 1024;

/// What instances do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Requests that an instance answers in all.
    pub(super) requests: u64,
    /// Requests that it answers at the same time.
    pub(super) at_once: usize,
    /// How long it waits for another.
    pub(super) idle_ns: u64,
    /// How long it may take for one.
    pub(super) request_ns: Option<u64>,
    /// Instances of the worker.
    pub(super) instances: usize,
}

/// Where an instance gets its requests from.
pub(super) struct Inbox {
    me: Weak<Inbox>,
    limits: Limits,
    new: RefCell<VecDeque<(Asked, Rc<Running>)>>,
    running: RefCell<Vec<Rc<Running>>>,
    /// Requests that it has got.
    count: Cell<u64>,
    closed: Cell<bool>,
    /// Since when it has none.
    idle_since_ns: Cell<Option<u64>>,
    waker: Cell<Option<Waker>>,
}

/// What a guest's fiber runs: answers the inbox's requests until it is over.
pub(super) type Body = fn(&'static Store, &Inbox);

struct Instance {
    store: &'static Store,
    inbox: Rc<Inbox>,
    /// Nothing while it runs.
    fiber: Option<Fiber>,
    /// It is to end.
    stopped: bool,
}

/// See the module's documentation.
pub(super) struct Instances {
    worker: Worker,
    body: Body,
    limits: Limits,
    /// By number.
    all: RefCell<Vec<Option<Instance>>>,
    wakers: RefCell<Vec<Arc<InstanceWaker>>>,
    free: RefCell<Vec<usize>>,
    /// Numbers of those that can take further requests.
    open: RefCell<VecDeque<usize>>,
    woken: Arc<Mutex<VecDeque<usize>>>,
    /// Numbers of those that have ended and whose stores are still to be reset.
    ended: RefCell<Vec<usize>>,
    waiting: RefCell<VecDeque<(Asked, Rc<Running>)>>,
    ending: Cell<bool>,
}

struct InstanceWaker {
    number: usize,
    is_woken: AtomicBool,
    woken: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for InstanceWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_woken.swap(true, Ordering::AcqRel) {
            let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
            woken.push_back(self.number);
        }
    }
}

thread_local! {
    /// Whether the fiber that goes on is to end.
    static STOPPED: Cell<bool> = const { Cell::new(false) };
}

fn leave() -> Result<(), Ended> {
    fiber::leave();
    match STOPPED.get() {
        true => Err(Ended::Stopped),
        false => Ok(()),
    }
}

impl Instances {
    pub(super) fn new(worker: Worker, body: Body, limits: Limits) -> Rc<Instances> {
        trap_line::note_traps();
        if let Some(request_ns) = limits.request_ns {
            watch::prepare(request_ns);
        }
        Rc::new(Instances {
            worker,
            body,
            limits,
            all: RefCell::default(),
            wakers: RefCell::default(),
            free: RefCell::default(),
            open: RefCell::default(),
            woken: Arc::default(),
            ended: RefCell::default(),
            waiting: RefCell::default(),
            ending: Cell::new(false),
        })
    }

    /// An instance that can take one more request.
    fn find(&self) -> Option<usize> {
        let mut open = self.open.borrow_mut();
        while let Some(number) = open.front() {
            let all = self.all.borrow();
            if let Some(Some(instance)) = all.get(*number)
                && instance.inbox.can_take()
            {
                return Some(*number);
            }
            open.pop_front();
        }
        None
    }

    /// A new instance, if there is room for it.
    fn make(&self) -> Option<usize> {
        let free = self.free.borrow_mut().pop();
        let number = match free {
            Some(number) => number,
            None if self.all.borrow().len() < self.limits.instances => {
                let number = self.all.borrow().len();
                self.all.borrow_mut().push(None);
                self.wakers.borrow_mut().push(Arc::new(InstanceWaker {
                    number,
                    is_woken: AtomicBool::new(false),
                    woken: Arc::clone(&self.woken),
                }));
                number
            }
            None => return None,
        };
        match self.begin() {
            Some(instance) => {
                *self.all.borrow_mut().get_mut(number)? = Some(instance);
                Some(number)
            }
            None => {
                self.free.borrow_mut().push(number);
                None
            }
        }
    }

    fn begin(&self) -> Option<Instance> {
        let store = self.worker.take().ok()?;
        let inbox = Rc::new_cyclic(|me| Inbox {
            me: Weak::clone(me),
            limits: self.limits,
            new: RefCell::default(),
            running: RefCell::default(),
            count: Cell::new(0),
            closed: Cell::new(self.ending.get()),
            idle_since_ns: Cell::new(None),
            waker: Cell::new(None),
        });
        let (body, its) = (self.body, Rc::as_ptr(&inbox));
        // SAFETY: the instance has it while its fiber runs; a share on that stack would leak by a trap.
        match Fiber::new(move || body(store, unsafe { &*its })) {
            Ok(fiber) => Some(Instance {
                store,
                inbox,
                fiber: Some(fiber),
                stopped: false,
            }),
            Err(_) => {
                self.worker.give_back(store);
                None
            }
        }
    }

    /// Gives a request to an instance, or back if there is none for it.
    fn place(&self, request: (Asked, Rc<Running>)) -> Option<(Asked, Rc<Running>)> {
        let Some(number) = self.find().or_else(|| self.make()) else {
            return Some(request);
        };
        let inbox = self.inbox(number);
        inbox.put(request);
        if inbox.can_take() && !self.open.borrow().contains(&number) {
            self.open.borrow_mut().push_back(number);
        }
        self.wake(number);
        None
    }

    fn inbox(&self, number: usize) -> Rc<Inbox> {
        let all = self.all.borrow();
        let instance = all.get(number).and_then(Option::as_ref);
        Rc::clone(&instance.expect("the instance has been found").inbox)
    }

    fn waker(&self, number: usize) -> Arc<InstanceWaker> {
        Arc::clone(&self.wakers.borrow()[number])
    }

    fn wake(&self, number: usize) {
        self.waker(number).wake();
    }

    /// Lets an instance go on until it waits or ends.
    fn resume(&self, number: usize) {
        let taken = self.all.borrow_mut().get_mut(number).and_then(|place| {
            let instance = place.as_mut()?;
            let fiber = instance.fiber.take()?;
            Some((
                instance.store,
                fiber,
                instance.stopped,
                Rc::clone(&instance.inbox),
            ))
        });
        // It may have ended since it was woken.
        let Some((store, mut fiber, stopped, inbox)) = taken else {
            return;
        };
        STOPPED.set(stopped);
        io::set_fiber(Some((leave, Waker::from(self.waker(number)))));
        let mut has_ended = false;
        let outcome = self.worker.run(store, || match inbox.deadline_ns() {
            Some(deadline_ns) => watch::run_until(deadline_ns, || has_ended = fiber.resume()),
            None => has_ended = fiber.resume(),
        });
        io::set_fiber(None);
        if outcome.is_err() {
            watch::forget();
            inbox.fail(&trap_line::last_trap());
        }
        if has_ended || outcome.is_err() {
            fiber.end();
            self.ended.borrow_mut().push(number);
        } else if let Some(Some(instance)) = self.all.borrow_mut().get_mut(number) {
            instance.fiber = Some(fiber);
            if inbox.can_take() && !self.open.borrow().contains(&number) {
                self.open.borrow_mut().push_back(number);
            }
        }
    }

    /// Takes leave of the instances that have ended, and gives their places to requests that wait.
    fn bury(&self) {
        while let Some(number) = self.ended.borrow_mut().pop() {
            let instance = self.all.borrow_mut().get_mut(number).and_then(Option::take);
            let Some(instance) = instance else {
                continue;
            };
            self.open.borrow_mut().retain(|open| *open != number);
            self.worker.give_back(instance.store);
            self.free.borrow_mut().push(number);
            // What came too late for it goes to another one.
            let left = instance.inbox.new.take();
            let mut waiting = self.waiting.borrow_mut();
            left.into_iter()
                .rev()
                .for_each(|request| waiting.push_front(request));
        }
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            let Some(next) = next else {
                return;
            };
            if let Some(back) = self.place(next) {
                return self.waiting.borrow_mut().push_front(back);
            }
        }
    }

    /// Ends what answers a request, which has taken too long.
    fn stop(&self, running: &Rc<Running>) {
        let mut all = self.all.borrow_mut();
        let answers = |place: &Option<Instance>| {
            let instance = place.as_ref();
            instance.is_some_and(|instance| instance.inbox.is_running(running))
        };
        if let Some(number) = all.iter().position(answers)
            && let Some(Some(instance)) = all.get_mut(number)
        {
            instance.stopped = true;
            drop(all);
            self.wake(number);
        }
    }
}

/// Those of a worker, which its connections share.
pub(super) struct Shared(pub(super) Rc<Instances>);

impl Guests for Shared {
    fn take(&self, asked: Asked) {
        let instances = &self.0;
        let running = Rc::new(Running::new(&asked, instances.limits.request_ns));
        if let Some(deadline_ns) = running.deadline_ns {
            let (instances, running) = (Rc::clone(instances), Rc::downgrade(&running));
            spawn(async move {
                sleep_until(deadline_ns).await;
                if let Some(running) = running.upgrade() {
                    instances.stop(&running);
                }
            })
            .detach();
        }
        if let Some(back) = instances.place((asked, running)) {
            let mut waiting = instances.waiting.borrow_mut();
            match waiting.len() < WAITING_MAX {
                true => waiting.push_back(back),
                false => back.1.reply.cut(503),
            }
        }
    }

    fn go_on(&self) -> bool {
        let instances = &self.0;
        instances.bury();
        let next = {
            let mut woken = instances
                .woken
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            woken.pop_front()
        };
        poll::go_on_with_errands();
        let Some(number) = next else {
            return false;
        };
        instances
            .waker(number)
            .is_woken
            .store(false, Ordering::Release);
        instances.resume(number);
        true
    }

    fn end(&self) {
        let instances = &self.0;
        instances.ending.set(true);
        let inboxes: Vec<(usize, Rc<Inbox>)> = {
            let all = instances.all.borrow();
            let numbered = all.iter().enumerate();
            numbered
                .filter_map(|(number, place)| Some((number, Rc::clone(&place.as_ref()?.inbox))))
                .collect()
        };
        for (number, inbox) in inboxes {
            inbox.closed.set(true);
            instances.wake(number);
        }
    }

    fn are_done(&self) -> bool {
        self.0.all.borrow().iter().all(Option::is_none)
    }
}

impl Inbox {
    fn can_take(&self) -> bool {
        let running = self.running.borrow().len() + self.new.borrow().len();
        !self.closed.get()
            && self.count.get() < self.limits.requests
            && running < self.limits.at_once
    }

    fn put(&self, request: (Asked, Rc<Running>)) {
        self.count.set(self.count.get() + 1);
        self.idle_since_ns.set(None);
        self.new.borrow_mut().push_back(request);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// The next request, if there is one.
    pub(super) fn take(&self) -> Option<(Asked, Rc<Running>)> {
        let (asked, running) = self.new.borrow_mut().pop_front()?;
        self.running.borrow_mut().push(Rc::clone(&running));
        Some((asked, running))
    }

    /// Whether there is something to do about it: a request has come, or none comes any more.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.new.borrow().is_empty() || self.is_over() {
            return Poll::Ready(());
        }
        self.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// The next request; nothing if none comes any more.
    pub(super) fn next(&self) -> Option<(Asked, Rc<Running>)> {
        if self.is_over() {
            return None;
        }
        let mut idle = pin!(sleep_until(self.idle_until_ns()));
        let waited = io::block_on(|cx| match self.poll(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => idle.as_mut().poll(cx),
        });
        waited.ok().and_then(|()| self.take())
    }

    /// When it has been idle for long enough.
    pub(super) fn idle_until_ns(&self) -> u64 {
        let since_ns = self.idle_since_ns.get();
        let since_ns = since_ns.unwrap_or_else(|| now_ns(Clock::Monotonic));
        self.idle_since_ns.set(Some(since_ns));
        since_ns.saturating_add(self.limits.idle_ns)
    }

    /// Whether requests have come, and no more do, and all are over.
    pub(super) fn is_over(&self) -> bool {
        let takes = !self.closed.get() && self.count.get() < self.limits.requests;
        !takes && self.is_idle()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.running.borrow().is_empty() && self.new.borrow().is_empty()
    }

    /// The inbox, for what may outlive a call.
    pub(super) fn shared(&self) -> Rc<Inbox> {
        self.me.upgrade().expect("the instance has it")
    }

    /// The guest has done what it does about the only request.
    pub(super) fn finish_first(&self) {
        let first = self.running.borrow().first().cloned();
        if let Some(first) = first {
            self.finish(&first);
            first.reply.end();
        }
    }

    /// The guest has done what it does about a request.
    pub(super) fn finish(&self, running: &Rc<Running>) {
        let is_other = |other: &Rc<Running>| !Rc::ptr_eq(other, running);
        self.running.borrow_mut().retain(is_other);
        // A client that waits now would wait for ever.
        if running.reply.is_awaited() {
            running.complain("the guest has returned and not answered");
            running.reply.cut(500);
        }
        // The last may end while the instance waits for another.
        if self.is_idle()
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }

    /// Whether there is nothing left of its requests but bodies of responses.
    pub(super) fn have_all_returned(&self) -> bool {
        let running = self.running.borrow();
        !running.is_empty() && running.iter().all(|running| running.has_returned.get())
    }

    /// The guest does nothing more about the requests that it has.
    pub(super) fn end_all(&self) {
        let all = self.running.take();
        all.iter().for_each(|running| running.reply.end());
    }

    fn is_running(&self, running: &Rc<Running>) -> bool {
        let (here, new) = (self.running.borrow(), self.new.borrow());
        let mut all = here.iter().chain(new.iter().map(|(_, running)| running));
        all.any(|other| Rc::ptr_eq(other, running))
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.limits.request_ns?;
        let running = self.running.borrow();
        let new = self.new.borrow();
        let all = running.iter().chain(new.iter().map(|(_, running)| running));
        all.filter_map(|running| running.deadline_ns).min()
    }

    /// All that it has to do ends here.
    fn fail(&self, why: &str) {
        self.closed.set(true);
        let now = now_ns(Clock::Monotonic);
        let new = self.new.take().into_iter().map(|(_, running)| running);
        let all: Vec<Rc<Running>> = self.running.take().into_iter().chain(new).collect();
        if all.is_empty() {
            complain(why);
        }
        for (index, running) in all.iter().enumerate() {
            let is_late = running.deadline_ns.is_some_and(|at_ns| at_ns <= now);
            if is_late {
                running.complain("the request has taken too long");
            } else if index == 0 {
                running.complain(why);
            } else {
                running.has_failed.set(true);
            }
            running.reply.cut(if is_late { 504 } else { 500 });
        }
    }
}
