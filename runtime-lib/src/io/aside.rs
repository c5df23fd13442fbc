//! Waiting of code that runs on a fiber: it is left, and others go on meanwhile. Whoever runs
//! fibers says how; where nobody does, whoever waits turns the event loop.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

/// What is waited for does not come any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Nothing can happen: nobody does anything.
    Deadlock,
    /// Whoever runs the fiber wants it to end.
    Stopped,
}

/// Leaves the fiber that runs, and says when it goes on whether it is to end.
pub type Leave = fn() -> Result<(), Ended>;

thread_local! {
    static LEAVE: Cell<Option<Leave>> = const { Cell::new(None) };

    /// Has the fiber that runs go on.
    static WAKER: RefCell<Option<Waker>> = const { RefCell::new(None) };
}

/// A fiber runs from now on that `waker` has go on and that is left by `leave`; or none does.
pub fn set_fiber(fiber: Option<(Leave, Waker)>) {
    let (leave, waker) = fiber.unzip();
    LEAVE.set(leave);
    drop(WAKER.replace(waker));
}

/// Whether a fiber runs that can be left.
#[must_use]
pub fn can_leave() -> bool {
    LEAVE.get().is_some()
}

/// Waits until this is ready.
///
/// # Errors
/// Why it never is.
pub fn block_on<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Result<T, Ended> {
    // Without a fiber, whatever the event loop has woken is asked.
    let waker = WAKER.with_borrow(Clone::clone);
    let mut context = Context::from_waker(waker.as_ref().unwrap_or(Waker::noop()));
    loop {
        if let Poll::Ready(value) = poll(&mut context) {
            return Ok(value);
        }
        match LEAVE.get() {
            Some(leave) => leave()?,
            None if super::turn(true) => {}
            None => return Err(Ended::Deadlock),
        }
    }
}

/// Lets other fibers run before this one goes on.
///
/// # Errors
/// [`Ended::Stopped`].
pub fn take_turns() -> Result<(), Ended> {
    let mut has_left = !can_leave();
    block_on(|cx| {
        if std::mem::replace(&mut has_left, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}
