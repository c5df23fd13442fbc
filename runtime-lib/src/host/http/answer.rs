//! A value that somebody is going to have, once.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use crate::io::Event;

/// The value, until it is taken.
pub struct Answer<T>(RefCell<State<T>>);

enum State<T> {
    Awaited(Vec<Waker>),
    Known(T),
    Taken,
}

impl<T> Answer<T> {
    #[must_use]
    pub fn new() -> Rc<Answer<T>> {
        Rc::new(Answer(RefCell::new(State::Awaited(Vec::new()))))
    }

    /// Gives the value, unless there has been one.
    pub fn give(&self, value: T) {
        let mut state = self.0.borrow_mut();
        let State::Awaited(wakers) = &mut *state else {
            return;
        };
        let wakers = std::mem::take(wakers);
        *state = State::Known(value);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// The value, if it is there.
    pub fn take(&self) -> Option<T> {
        let mut state = self.0.borrow_mut();
        if !matches!(*state, State::Known(_)) {
            return None;
        }
        match std::mem::replace(&mut *state, State::Taken) {
            State::Known(value) => Some(value),
            State::Awaited(_) | State::Taken => None,
        }
    }

    #[must_use]
    pub fn is_awaited(&self) -> bool {
        matches!(*self.0.borrow(), State::Awaited(_))
    }

    #[must_use]
    pub fn is_taken(&self) -> bool {
        matches!(*self.0.borrow(), State::Taken)
    }

    /// Waits for the value, which has not been taken.
    pub async fn wait(&self) -> T {
        std::future::poll_fn(|cx| {
            if Event::poll(self, cx).is_pending() {
                return Poll::Pending;
            }
            Poll::Ready(self.take().expect("nobody else takes it"))
        })
        .await
    }
}

impl<T> Event for Answer<T> {
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.0.borrow_mut();
        let State::Awaited(wakers) = &mut *state else {
            return Poll::Ready(());
        };
        if !wakers.iter().any(|known| known.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
