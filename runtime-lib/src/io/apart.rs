//! Work that makes a thread wait and that no event tells the end of, done by a thread of its own.
//!
//! A thread is made for each piece of work and ends with it: that is cheap beside what waits for
//! a disk, and a program that is not doing such work has one thread. Programs that never do any
//! are linked without this.

use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::{Interest, Source, ready};
use crate::sys::fd::OwnedFd;
use crate::sys::notice;

/// No more threads than these at the same time. What comes then is done at once.
pub(super) const THREADS_MAX: usize = 16;

/// Nothing here needs more.
const STACK_BYTES: usize = 64 << 10;

static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Work, and then its result.
struct Job<W, T> {
    work: Mutex<Option<W>>,
    result: Mutex<Option<T>>,
}

/// Does the work while other things go on, unless the system has no room for a thread.
pub async fn apart<T, W>(work: W) -> T
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let job = Arc::new(Job {
        work: Mutex::new(Some(work)),
        result: Mutex::new(None),
    });
    let Some(done) = start(&job) else {
        job.run();
        return job.take().expect("the work has been done");
    };
    let done = Rc::new(Source::new(done));
    loop {
        ready(done.handle(), Interest::Readable).await;
        if let Some(result) = job.take() {
            return result;
        }
    }
}

/// A thread that does the job: what becomes readable when it is done.
fn start<T, W>(job: &Arc<Job<W, T>>) -> Option<Arc<OwnedFd>>
where
    T: Send + 'static,
    W: FnOnce() -> T + Send + 'static,
{
    let place = Place::take()?;
    let done = notice::new().ok()?;
    let done = Arc::new(done);
    let (job, told) = (Arc::clone(job), Arc::clone(&done));
    let run = move || {
        job.run();
        drop(place);
        notice::give(told);
    };
    let thread = thread::Builder::new().stack_size(STACK_BYTES).spawn(run);
    thread.ok().map(|_| done)
}

impl<T, W: FnOnce() -> T> Job<W, T> {
    fn run(&self) {
        let work = self
            .work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(work) = work {
            let result = work();
            *self.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
        }
    }

    /// The result, once it is there.
    fn take(&self) -> Option<T> {
        self.result
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }
}

/// One of the threads.
struct Place;

impl Place {
    fn take() -> Option<Place> {
        let place = Place;
        (THREADS.fetch_add(1, Ordering::Relaxed) < THREADS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}
