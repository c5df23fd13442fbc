//! `wasi:io/poll`: pollables, and waiting for them.

use std::rc::Rc;

use crate::io::{self, Wanted};

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
    io::is_ready(&subject.wanted()) && subject.settle()
}

/// As [`Pollable::block`].
pub fn wait(subject: &(impl Subscribe + ?Sized)) {
    loop {
        io::wait_one(&subject.wanted());
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
        let ready: Vec<u32> = io::wait_any(&wanted)
            .into_iter()
            .filter(|index| pollables.get(*index).is_some_and(|one| one.0.settle()))
            .filter_map(|index| u32::try_from(index).ok())
            .collect();
        if !ready.is_empty() {
            return ready;
        }
    }
}

impl Subscribe for Wanted {
    fn wanted(&self) -> Wanted {
        self.clone()
    }
}
