//! Futures that go on by themselves, whatever else the thread waits for: what looks after
//! connections. They never run guest code.
//!
//! They go on whenever the thread turns its event loop, and wherever it waits. Programs that have
//! none are linked without this.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use super::numbered::Numbered;

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// A future that goes on until this is dropped.
#[derive(Debug)]
pub struct Task(u64);

struct Entry {
    /// Nothing while it is polled.
    work: Option<Work>,
    waker: Waker,
}

#[derive(Default)]
struct Tasks {
    entries: RefCell<Numbered<Entry>>,
    woken: Arc<Woken>,
}

/// Numbers of the tasks that go on next. Wakers may be woken by other threads.
#[derive(Default)]
struct Woken(Mutex<VecDeque<u64>>);

struct TaskWaker {
    number: u64,
    woken: Arc<Woken>,
}

thread_local! {
    static TASKS: Tasks = Tasks::default();

    /// [`run`], once there has been a task.
    static RUN: Cell<Option<fn() -> bool>> = const { Cell::new(None) };
}

impl Woken {
    fn push(&self, number: u64) {
        let mut woken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        woken.push_back(number);
    }

    fn pop(&self) -> Option<u64> {
        let mut woken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        woken.pop_front()
    }
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.push(self.number);
    }
}

/// Has a future go on by itself, from the next turn of the event loop on.
pub fn spawn(work: impl Future<Output = ()> + 'static) -> Task {
    RUN.set(Some(run));
    TASKS.with(|tasks| {
        let work: Work = Box::pin(work);
        let number = tasks.entries.borrow_mut().insert_with(|number| {
            let woken = Arc::clone(&tasks.woken);
            Entry {
                work: Some(work),
                waker: Waker::from(Arc::new(TaskWaker { number, woken })),
            }
        });
        tasks.woken.push(number);
        Task(number)
    })
}

impl Task {
    /// Lets the future go on to its end, whatever happens to this.
    pub fn detach(self) {
        std::mem::forget(self);
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        // A thread that ends has dropped all of them.
        let entry = TASKS.try_with(|tasks| tasks.entries.borrow_mut().remove(self.0));
        drop(entry);
    }
}

/// Lets all tasks go on that can: whether any did.
pub fn run_woken() -> bool {
    RUN.get().is_some_and(|run| run())
}

fn run() -> bool {
    let mut any = false;
    while let Some(number) = TASKS.with(|tasks| tasks.woken.pop()) {
        any = true;
        run_one(number);
    }
    any
}

fn run_one(number: u64) {
    let taken = TASKS.with(|tasks| {
        let mut entries = tasks.entries.borrow_mut();
        let entry = entries.get_mut(number)?;
        Some((entry.work.take()?, entry.waker.clone()))
    });
    // It may have ended since it was woken.
    let Some((mut work, waker)) = taken else {
        return;
    };
    let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
    let over = TASKS.with(|tasks| {
        let mut entries = tasks.entries.borrow_mut();
        match (polled, entries.get_mut(number)) {
            (Poll::Pending, Some(entry)) => {
                entry.work = Some(work);
                None
            }
            _ => Some((work, entries.remove(number))),
        }
    });
    drop(over);
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;
    use crate::io::{Pause, turn};

    #[test]
    fn tasks_go_on_when_they_are_woken_and_end_when_they_are_dropped() {
        let steps = Rc::new(Cell::new(0));
        let waiting: Rc<RefCell<Option<Waker>>> = Rc::default();
        let (counted, left) = (Rc::clone(&steps), Rc::clone(&waiting));
        let task = spawn(poll_fn(move |cx| {
            counted.set(counted.get() + 1);
            *left.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        }));
        assert!(run_woken() && !run_woken());
        waiting.take().unwrap().wake();
        assert!(run_woken());
        assert_eq!((steps.get(), Rc::strong_count(&steps)), (2, 2));
        drop(task);
        assert_eq!(Rc::strong_count(&steps), 1);
        waiting.take().unwrap().wake();
        run_woken();
        assert_eq!(steps.get(), 2);
    }

    #[test]
    fn who_pauses_goes_on_after_the_event_loop_was_asked() {
        let steps = Rc::new(Cell::new(0));
        let counted = Rc::clone(&steps);
        spawn(async move {
            for step in 1..3 {
                counted.set(step);
                Pause::default().await;
            }
        })
        .detach();
        while run_woken() {}
        assert_eq!(steps.get(), 1, "tasks alone do not end a pause");
        while turn(true) {}
        assert_eq!(steps.get(), 2);
    }

    #[test]
    fn tasks_may_make_and_drop_others() {
        let done = Rc::new(Cell::new(false));
        let inner = Rc::clone(&done);
        spawn(async move {
            drop(spawn(async { panic!("it is dropped before it begins") }));
            spawn(async move { inner.set(true) }).detach();
        })
        .detach();
        assert!(run_woken());
        assert!(done.get());
    }
}
