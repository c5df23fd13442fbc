//! The instances of a worker: stores whose guests run on fibers, and answer one request after the
//! other or several at a time.
//!
//! An instance begins when a request has come for which there is no other, and nothing else goes on:
//! of requests that come at once, each has the store of the one before, unless that has to wait. It
//! ends when it has had as many as it may, when it has trapped, or after a while in which none has
//! come. Its store is then reset and kept for the next one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use crate::host::http::server::{Asked, Guests};
use crate::host::http::transport::after_ns;
use crate::io::{self, Ended, sleep_until, spawn};
use crate::vm::fiber::{self, Fiber};
use crate::vm::store::Store;
use crate::vm::worker::Worker;
use crate::vm::{trap_line, watch};
use crate::wasi::p2::poll;

use super::inbox::{Inbox, Limits};
use super::labels::set_instance;
use super::running::{Running, TOO_LATE};

/// Requests that wait for an instance.
const WAITING_MAX: usize = 1024;

/// Stores that have not been needed for so long are dropped.
const TRIM_NS: u64 = 2_000_000_000;

/// What a guest's fiber runs: answers the inbox's requests until it is over.
pub(super) type Body = fn(&'static Store, &Inbox);

struct Instance {
    /// In the order of the worker's.
    number: u64,
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
    /// Whether one of those begins next, whoever else goes on.
    begins_next: Cell<bool>,
    ending: Cell<bool>,
    /// Stores are going to be dropped.
    trims: Cell<bool>,
    me: Weak<Instances>,
    /// Instances that there have been.
    count: Cell<u64>,
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
        watch::prepare(limits.request_ns);
        Rc::new_cyclic(|me| Instances {
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
            begins_next: Cell::new(false),
            ending: Cell::new(false),
            trims: Cell::new(false),
            me: Weak::clone(me),
            count: Cell::new(0),
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
        let inbox = Inbox::new(self.limits, self.ending.get());
        let (body, its) = (self.body, Rc::as_ptr(&inbox));
        // SAFETY: the instance has it while its fiber runs; a share on that stack would leak by a trap.
        match Fiber::new(move || body(store, unsafe { &*its })) {
            Ok(fiber) => Some(Instance {
                number: self.count.replace(self.count.get() + 1),
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

    /// Gives requests that wait to one instance, as many as it takes: to a new one if there is no
    /// other.
    fn begin_waiting(&self) {
        if self.waiting.borrow().is_empty() {
            return;
        }
        let Some(number) = self.find().or_else(|| self.make()) else {
            return;
        };
        while self.inbox(number).can_take() {
            let Some(request) = self.waiting.borrow_mut().pop_front() else {
                return;
            };
            self.place(number, request);
        }
    }

    /// Gives a request to an instance that takes it.
    fn place(&self, number: usize, request: (Asked, Rc<Running>)) {
        let inbox = self.inbox(number);
        inbox.put(request);
        if inbox.can_take() && !self.open.borrow().contains(&number) {
            self.open.borrow_mut().push_back(number);
        }
        self.wake(number);
    }

    /// Whether there are as many instances as there may be.
    fn is_full(&self) -> bool {
        self.free.borrow().is_empty() && self.all.borrow().len() >= self.limits.instances
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
            set_instance(instance.number);
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
            match watch::is_over() {
                true => inbox.fail("the server ends"),
                false => inbox.fail(&trap_line::last_trap()),
            }
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

    /// Takes leave of the instances that have ended.
    fn bury(&self) {
        while let Some(number) = self.ended.borrow_mut().pop() {
            let instance = self.all.borrow_mut().get_mut(number).and_then(Option::take);
            let Some(instance) = instance else {
                continue;
            };
            self.open.borrow_mut().retain(|open| *open != number);
            self.worker.give_back(instance.store);
            self.trim_later();
            self.free.borrow_mut().push(number);
            // What came too late for it goes to another one.
            let left = instance.inbox.take_new();
            let mut waiting = self.waiting.borrow_mut();
            left.into_iter()
                .rev()
                .for_each(|request| waiting.push_front(request));
        }
    }

    /// Has stores dropped that are no longer needed, as long as there may be some.
    fn trim_later(&self) {
        if self.trims.replace(true) {
            return;
        }
        let me = Weak::clone(&self.me);
        spawn(async move {
            loop {
                sleep_until(after_ns(TRIM_NS)).await;
                match me.upgrade() {
                    Some(instances) if instances.worker.trim() => {}
                    Some(instances) => return instances.trims.set(false),
                    None => return,
                }
            }
        })
        .detach();
    }

    fn next_woken(&self) -> Option<usize> {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.pop_front()
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
            return self.wake(number);
        }
        let is_other = |(_, other): &(Asked, Rc<Running>)| !Rc::ptr_eq(other, running);
        let before = self.waiting.borrow().len();
        self.waiting.borrow_mut().retain(is_other);
        if self.waiting.borrow().len() < before {
            running.complain(TOO_LATE);
            running.reply.cut(504);
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
        let mut waiting = instances.waiting.borrow_mut();
        match waiting.len() < WAITING_MAX || !instances.is_full() {
            true => waiting.push_back((asked, running)),
            false => running.reply.cut(503),
        }
    }

    fn go_on(&self) -> bool {
        let instances = &self.0;
        instances.bury();
        poll::go_on_with_errands();
        // Those that go on and those that begin take turns.
        let begins_next = instances.begins_next.get();
        instances.begins_next.set(!begins_next);
        let next = if begins_next {
            None
        } else {
            instances.next_woken()
        };
        let next = next.or_else(|| {
            instances.begin_waiting();
            instances.next_woken()
        });
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
            inbox.close();
            instances.wake(number);
        }
    }

    fn are_done(&self) -> bool {
        self.0.all.borrow().iter().all(Option::is_none)
    }
}
