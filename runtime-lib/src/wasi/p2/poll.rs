//! `wasi:io/poll`: pollables, and waiting for them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasmelt_abi::TrapCode;

use crate::component::{Borrow, Call, Resource};
use crate::io::{self, Wanted};
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

thread_local! {
    /// What is settled by the way, whatever is waited for.
    static ERRANDS: RefCell<Vec<Rc<dyn Subscribe>>> = const { RefCell::new(Vec::new()) };

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

/// As [`io::wait_any`], with events and errands.
fn wait_driving(wanted: Vec<Wanted>) -> Vec<usize> {
    wait_with_errands(wanted, |all| {
        io::wait_any_driving(all).unwrap_or_else(|| raise(TrapCode::Deadlock))
    })
}

/// Has this settled by whoever waits from now on, until it is ready.
pub fn attend(errand: Rc<dyn Subscribe>) {
    if ATTENDING.get().is_none() {
        ATTENDING.set(Some(wait_attending));
    }
    ERRANDS.with_borrow_mut(|errands| {
        if !errands.iter().any(|known| Rc::ptr_eq(known, &errand)) {
            errands.push(errand);
        }
    });
}

/// As [`io::wait_any`], with the errands.
fn wait_attending(wanted: Vec<Wanted>) -> Vec<usize> {
    wait_with_errands(wanted, io::wait_any)
}

fn wait_with_errands(
    wanted: Vec<Wanted>,
    wait_any: impl Fn(&[Wanted]) -> Vec<usize>,
) -> Vec<usize> {
    let own = wanted.len();
    let mut all = wanted;
    loop {
        let errands = ERRANDS.with_borrow(Vec::clone);
        all.truncate(own);
        all.extend(errands.iter().map(|errand| errand.wanted()));
        let mut ready = wait_any(&all);
        let happened = ready.split_off(ready.partition_point(|index| *index < own));
        for errand in happened.iter().filter_map(|index| errands.get(index - own)) {
            if errand.settle() {
                ERRANDS.with_borrow_mut(|known| known.retain(|one| !Rc::ptr_eq(one, errand)));
            }
        }
        if !ready.is_empty() {
            return ready;
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
