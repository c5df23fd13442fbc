//! `wasi:io/poll`: pollables, and waiting for them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use wasmelt_abi::TrapCode;

use crate::component::{Borrow, Call, Resource};
use crate::host::clocks::{Clock, now_ns};
use crate::host::process;
use crate::io::{self, Ended, Event, Handle, Interest, Numbered, Waiting, Wanted};
use crate::vm::trap::raise;

/// What a pollable stands for.
pub trait Subscribe {
    /// What has to happen before it is ready. It is asked anew whenever somebody waits.
    fn wanted(&self) -> Wanted;

    /// Called when that has happened: whether it is ready now. If not, `wanted` says what has to
    /// happen next.
    fn settle(&self) -> bool {
        true
    }
}

/// A `pollable`. It holds a share of what it stands for.
#[derive(Clone)]
pub struct Pollable(Rc<dyn Subscribe>);

impl Resource for Pollable {
    const INTERFACE: &'static str = "wasi:io/poll";
    const NAME: &'static str = "pollable";
}

impl Pollable {
    #[must_use]
    pub fn new(subject: Rc<dyn Subscribe>) -> Pollable {
        Pollable(subject)
    }

    /// Whether waiting for it would return at once.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        is_ready(&*self.0)
    }

    /// Waits until it is ready.
    pub fn block(&self) {
        wait(&*self.0);
    }
}

/// As [`Pollable::is_ready`].
pub fn is_ready(subject: &(impl Subscribe + ?Sized)) -> bool {
    if let Some(turn) = DRIVING.get() {
        turn(false);
    }
    io::is_ready(&subject.wanted()) && subject.settle()
}

/// As [`Pollable::block`].
pub fn wait(subject: &(impl Subscribe + ?Sized)) {
    loop {
        let wanted = subject.wanted();
        match ATTENDING.get() {
            Some(wait_any) => drop(wait_any(vec![wanted])),
            None => io::wait_one(&wanted),
        }
        if subject.settle() {
            return;
        }
    }
}

/// Waits until at least one of the pollables, of which there is one, is ready, and returns the
/// indices of those that are, in ascending order. A pollable may be there several times.
#[must_use]
pub fn wait_any(pollables: &[Pollable]) -> Vec<u32> {
    loop {
        let wanted: Vec<Wanted> = pollables.iter().map(|one| one.0.wanted()).collect();
        let happened = match ATTENDING.get() {
            Some(wait_any) => wait_any(wanted),
            None => io::wait_any(&wanted),
        };
        let ready: Vec<u32> = happened
            .into_iter()
            .filter(|index| pollables.get(*index).is_some_and(|one| one.0.settle()))
            .filter_map(|index| u32::try_from(index).ok())
            .collect();
        if !ready.is_empty() {
            return ready;
        }
    }
}

/// Before a system call that may wait for what `wanted` says: where there are errands, does the
/// waiting.
pub fn attend_until(wanted: impl FnOnce() -> Wanted) {
    if let Some(wait_any) = ATTENDING.get() {
        wait_any(vec![wanted()]);
    }
}

/// As [`io::wait_any`], for whoever has to look after something else at the same time.
type WaitAny = fn(Vec<Wanted>) -> Vec<usize>;

/// As [`io::turn`].
type Turn = fn(bool) -> bool;

/// What goes on by the way, whatever is waited for.
pub trait Errand {
    /// What it waits for.
    fn awaited(&self) -> (Handle, Interest);

    /// There may be something new: goes on as far as it can, and says whether it is over.
    fn go_on(&self) -> bool;
}

#[derive(Default)]
struct Errands {
    known: Numbered<Known>,
    /// Those for which the event loop has no room.
    unregistered: usize,
}

struct Known {
    errand: Rc<dyn Errand>,
    /// Has the event loop say when there is something new.
    waiting: Option<Waiting>,
}

struct ErrandWaker(u64);

impl Wake for ErrandWaker {
    fn wake(self: Arc<Self>) {
        NEWS.with_borrow_mut(|news| news.push(self.0));
    }
}

thread_local! {
    static ERRANDS: RefCell<Errands> = RefCell::default();

    /// Numbers of errands for which there is something new.
    static NEWS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };

    /// [`wait_attending`], once there has been an errand. A program without errands that waits
    /// for one thing at a time does not refer to the event loop, and is linked without it.
    static ATTENDING: Cell<Option<WaitAny>> = const { Cell::new(None) };

    /// [`io::turn`], once there has been something that goes on by itself.
    static DRIVING: Cell<Option<Turn>> = const { Cell::new(None) };
}

/// From now on, what goes on by itself does so whenever somebody waits or asks: whoever makes a
/// pollable of an event calls this.
pub fn drive() {
    DRIVING.set(Some(io::turn));
    ATTENDING.set(Some(wait_driving));
}

/// There is something new for an errand.
struct News;

impl Event for News {
    fn poll(&self, _: &mut Context<'_>) -> Poll<()> {
        match NEWS.with_borrow(Vec::is_empty) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    }
}

/// As [`io::wait_any`], with events and errands.
fn wait_driving(wanted: Vec<Wanted>) -> Vec<usize> {
    if io::can_leave() {
        // Whoever runs fibers looks after errands.
        return io::wait_any_driving(&wanted).unwrap_or_else(|why| end(why));
    }
    let own = wanted.len();
    let mut all = wanted;
    loop {
        NEWS.take().into_iter().for_each(go_on);
        all.truncate(own);
        all.push(Wanted::Event(Rc::new(News)));
        let others = errands_that(|known| known.waiting.is_none());
        all.extend(others.iter().map(|(_, wanted)| wanted.clone()));
        let happened = io::wait_any_driving(&all);
        let mut happened = happened.unwrap_or_else(|why| end(why));
        let later = happened.split_off(happened.partition_point(|index| *index < own));
        for index in later.into_iter().filter(|index| *index > own) {
            others
                .get(index - own - 1)
                .iter()
                .for_each(|(number, _)| go_on(*number));
        }
        if !happened.is_empty() {
            return happened;
        }
    }
}

/// What is waited for does not come.
fn end(why: Ended) -> ! {
    raise(match why {
        Ended::Deadlock => TrapCode::Deadlock,
        Ended::Stopped => TrapCode::Interrupted,
    })
}

/// Looks after errands for which there is something new: for whoever runs fibers.
pub fn go_on_with_errands() {
    NEWS.take().into_iter().for_each(go_on);
}

/// Has whoever waits from now on look after this, until it is over: its number.
pub fn attend(errand: Rc<dyn Errand>) -> u64 {
    if ATTENDING.get().is_none() {
        ATTENDING.set(Some(wait_attending));
    }
    process::before_exit(process::Leaving::First, finish);
    ERRANDS.with_borrow_mut(|errands| {
        let (handle, interest) = errand.awaited();
        let unregistered = &mut errands.unregistered;
        errands.known.insert_with(|number| {
            let waker = Waker::from(Arc::new(ErrandWaker(number)));
            let waiting = io::notify(&handle, interest, &waker);
            *unregistered += usize::from(waiting.is_none());
            Known { errand, waiting }
        })
    })
}

/// The errand with this number is over, however that has come.
pub fn forget(number: u64) {
    // A thread that ends has dropped all of them.
    let known = ERRANDS.try_with(|errands| {
        let mut errands = errands.borrow_mut();
        let known = errands.known.remove(number)?;
        errands.unregistered -= usize::from(known.waiting.is_none());
        Some(known)
    });
    drop(known);
}

/// Has an errand go on.
fn go_on(number: u64) {
    let errand = ERRANDS.with_borrow(|errands| {
        let known = errands.known.get(number)?;
        Some(Rc::clone(&known.errand))
    });
    if errand.is_some_and(|errand| errand.go_on()) {
        forget(number);
    }
}

/// As [`io::wait_any`], with the errands. Those that are silent cost nothing.
fn wait_attending(wanted: Vec<Wanted>) -> Vec<usize> {
    loop {
        NEWS.take().into_iter().for_each(go_on);
        let (count, unregistered) =
            ERRANDS.with_borrow(|errands| (errands.known.len(), errands.unregistered));
        let happened = match (count, unregistered) {
            (0, _) => Some(io::wait_any(&wanted)),
            (_, 0) => io::wait_any_or_news(&wanted),
            _ => None,
        };
        let happened = happened.unwrap_or_else(|| wait_directly(&wanted));
        if !happened.is_empty() {
            return happened;
        }
    }
}

/// The numbers of some errands, and what they wait for.
fn errands_that(are: impl Fn(&Known) -> bool) -> Vec<(u64, Wanted)> {
    ERRANDS.with_borrow(|errands| {
        let found = errands.known.iter().filter(|(_, known)| are(known));
        let wanted_of = |(number, known): (u64, &Known)| {
            let (handle, interest) = known.errand.awaited();
            (number, Wanted::Ready(handle, interest))
        };
        found.map(wanted_of).collect()
    })
}

/// As [`wait_attending`], by asking for all errands; nothing if only errands have gone on.
fn wait_directly(wanted: &[Wanted]) -> Vec<usize> {
    let errands = errands_that(|_| true);
    let of_errands = errands.iter().map(|(_, wanted)| wanted);
    let all: Vec<Wanted> = wanted.iter().chain(of_errands).cloned().collect();
    let mut happened = io::wait_any(&all);
    let later = happened.split_off(happened.partition_point(|index| *index < wanted.len()));
    for (number, _) in later
        .iter()
        .filter_map(|index| errands.get(index - wanted.len()))
    {
        go_on(*number);
    }
    happened
}

/// The errands that the end of the program waits for have so long.
const FINISH_NS: u64 = 30_000_000_000;

/// How many errands there are.
#[cfg(test)]
pub(super) fn errands() -> usize {
    ERRANDS.with_borrow(|errands| errands.known.len())
}

/// The program ends when its errands are over, but does not wait for ever for them.
pub(super) fn finish() {
    let at_ns = now_ns(Clock::Monotonic).saturating_add(FINISH_NS);
    while ERRANDS.with_borrow(|errands| !errands.known.is_empty()) {
        let news = io::wait_any_or_news(&[Wanted::Time { at_ns }]);
        let over = news.unwrap_or_else(|| wait_directly(&[Wanted::Time { at_ns }]));
        NEWS.take().into_iter().for_each(go_on);
        if !over.is_empty() {
            return;
        }
    }
}

/// `pollable.ready`.
pub fn pollable_ready(call: &mut Call<'_>, this: Borrow<Pollable>) -> bool {
    call.resource(&this).is_ready()
}

/// `pollable.block`.
pub fn pollable_block(call: &mut Call<'_>, this: Borrow<Pollable>) {
    call.resource(&this).block();
}

/// `poll`. What is there twice is waited for twice.
pub fn poll(call: &mut Call<'_>, pollables: Vec<Borrow<Pollable>>) -> Vec<u32> {
    if pollables.is_empty() {
        call.trap(TrapCode::EmptyPollList);
    }
    let resources = call.resources();
    let pollables: Vec<Pollable> = pollables
        .iter()
        .map(|one| resources.get(one).clone())
        .collect();
    wait_any(&pollables)
}

impl Subscribe for Wanted {
    fn wanted(&self) -> Wanted {
        self.clone()
    }
}
