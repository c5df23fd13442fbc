//! Descriptors that can be waited for.

use crate::sys::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use crate::host::descriptor::splice;
use crate::host::{Result, Stream};

/// A descriptor that the event loop can know. Whoever else needs it gets it by dereferencing.
///
/// The loop forgets the descriptor before it is closed: its number may become another's.
pub struct Source<F: AsFd + ?Sized> {
    registered: Cell<Option<Registration>>,
    inner: F,
}

/// Where the event loop knows a descriptor. Whatever has not been waited for in a crowd does not
/// refer to the event loop, so a program without crowds is linked without it.
#[derive(Clone, Copy)]
pub(super) struct Registration {
    pub(super) slot: usize,
    pub(super) forget: fn(usize, RawFd),
}

/// A share of something that can be waited for.
#[derive(Clone)]
pub enum Handle {
    Stream(Stream),
    Source(Rc<Source<dyn AsFd>>),
}

impl<F: AsFd> Source<F> {
    pub fn new(inner: F) -> Source<F> {
        Source {
            registered: Cell::new(None),
            inner,
        }
    }
}

impl<F: AsFd + 'static> Source<F> {
    /// For waiting; it keeps the descriptor open.
    pub fn handle(self: &Rc<Self>) -> Handle {
        Handle::Source(Rc::clone(self) as Rc<Source<dyn AsFd>>)
    }
}

impl<F: AsFd + ?Sized> Source<F> {
    pub(super) fn registration(&self) -> &Cell<Option<Registration>> {
        &self.registered
    }
}

impl<F: AsFd> Deref for Source<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.inner
    }
}

impl<F: AsFd + ?Sized> Drop for Source<F> {
    fn drop(&mut self) {
        if let Some(registration) = self.registered.get() {
            (registration.forget)(registration.slot, self.inner.as_fd().as_raw_fd());
        }
    }
}

impl Handle {
    /// Whether [`Handle::splice_to`] does what reading from it and writing to the other would, and
    /// never waits. Streams of files do not go by the descriptor's own position.
    #[must_use]
    pub fn can_splice_to(&self, to: &Handle) -> bool {
        match (self, to) {
            (Handle::Stream(from), Handle::Stream(to)) => {
                from.is_splice_source() && to.is_splice_target()
            }
            _ => false,
        }
    }

    /// As [`splice`].
    ///
    /// # Errors
    /// As those of [`splice`].
    pub fn splice_to(&self, to: &Handle) -> Result<usize> {
        splice(self.fd(), to.fd())
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Handle::Stream(stream) => stream.as_fd(),
            Handle::Source(source) => source.inner.as_fd(),
        }
    }
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.fd().fmt(f)
    }
}
