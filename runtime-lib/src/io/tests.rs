//! Tests of the event loop.

use std::io::Write;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::script::Script;
use super::*;
use crate::host::clocks::{Clock, now_ns};

struct Pipe {
    reader: Rc<Source<OwnedFd>>,
    writer: Rc<Source<OwnedFd>>,
}

impl Pipe {
    fn new() -> Pipe {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        Pipe {
            reader: Rc::new(Source::new(reader)),
            writer: Rc::new(Source::new(writer)),
        }
    }

    fn readable(&self) -> Wanted {
        Wanted::Ready(self.reader.handle(), Interest::Readable)
    }

    fn writable(&self) -> Wanted {
        Wanted::Ready(self.writer.handle(), Interest::Writable)
    }

    fn put(&self) {
        assert_eq!(rustix::io::write(&**self.writer, b"x"), Ok(1));
    }

    fn take(&self) {
        assert!(rustix::io::read(&**self.reader, &mut [0; 8]).is_ok());
    }

    fn fill(&self) {
        let size = rustix::pipe::fcntl_getpipe_size(&**self.writer).unwrap();
        let written = rustix::io::write(&**self.writer, &vec![0; size]);
        assert_eq!(written, Ok(size));
    }
}

fn after(ms: u64) -> Wanted {
    Wanted::Time {
        at_ns: now_ns(Clock::Monotonic) + ms * 1_000_000,
    }
}

/// Few descriptors are waited for directly, many in the event loop: the same happens.
fn crowds() -> [Vec<Pipe>; 2] {
    [3, waiting::DIRECT_MAX + 10].map(|count| (0..count).map(|_| Pipe::new()).collect())
}

#[test]
fn ready_stays_ready_until_it_is_used_up() {
    for pipes in crowds() {
        let mut wanted: Vec<Wanted> = pipes.iter().map(Pipe::readable).collect();
        wanted.push(Wanted::Now);
        let last = pipes.len();
        assert_eq!(wait_any(&wanted), [last]);
        pipes[2].put();
        pipes[1].put();
        for _ in 0..3 {
            assert_eq!(wait_any(&wanted), [1, 2, last]);
        }
        pipes[1].put();
        pipes[1].take();
        pipes[2].take();
        // Two bytes were there, and `take` takes both.
        assert_eq!(wait_any(&wanted), [last]);
    }
}

#[test]
fn times_and_descriptors_are_waited_for_together() {
    for pipes in crowds() {
        let mut wanted: Vec<Wanted> = pipes.iter().map(Pipe::readable).collect();
        let start = Instant::now();
        wanted.push(after(60_000));
        wanted.push(after(20));
        assert_eq!(wait_any(&wanted), [pipes.len() + 1]);
        assert!(start.elapsed() >= Duration::from_millis(20));
        wanted.pop();
        let writer = rustix::io::dup(&**pipes[1].writer).unwrap();
        let sender = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            std::fs::File::from(writer).write_all(b"x").unwrap();
        });
        assert_eq!(wait_any(&wanted), [1]);
        sender.join().unwrap();
    }
}

#[test]
fn a_full_pipe_is_not_writable() {
    for pipes in crowds() {
        let mut wanted: Vec<Wanted> = pipes.iter().map(Pipe::writable).collect();
        for pipe in &pipes {
            assert!(is_ready(&pipe.writable()));
            pipe.fill();
            assert!(!is_ready(&pipe.writable()));
        }
        wanted.push(after(1));
        assert_eq!(wait_any(&wanted), [pipes.len()]);
        let mut room = vec![0; 8192];
        assert_eq!(rustix::io::read(&**pipes[2].reader, &mut room), Ok(8192));
        wanted.pop();
        assert_eq!(wait_any(&wanted), [2]);
    }
}

#[test]
fn an_end_is_ready() {
    for pipes in crowds() {
        let (readers, writers): (Vec<_>, Vec<_>) = pipes
            .into_iter()
            .map(|pipe| (pipe.reader, pipe.writer))
            .unzip();
        let readable =
            |reader: &Rc<Source<OwnedFd>>| Wanted::Ready(reader.handle(), Interest::Readable);
        let wanted: Vec<Wanted> = readers.iter().map(readable).collect();
        drop(writers);
        assert_eq!(wait_any(&wanted), (0..readers.len()).collect::<Vec<_>>());
    }
}

#[test]
fn files_never_wait() {
    let file = Rc::new(Source::new(tempfile::tempfile().unwrap()));
    for pipes in crowds() {
        let mut wanted: Vec<Wanted> = pipes.iter().map(Pipe::readable).collect();
        wanted.push(Wanted::Ready(file.handle(), Interest::Readable));
        wanted.push(Wanted::Ready(file.handle(), Interest::Writable));
        for _ in 0..2 {
            assert_eq!(wait_any(&wanted), [pipes.len(), pipes.len() + 1]);
        }
    }
}

#[test]
fn a_number_that_is_used_again_is_another_descriptor() {
    let crowd: Vec<Pipe> = (0..waiting::DIRECT_MAX).map(|_| Pipe::new()).collect();
    for _ in 0..100 {
        let pipe = Pipe::new();
        let mut wanted: Vec<Wanted> = crowd.iter().map(Pipe::readable).collect();
        wanted.push(pipe.readable());
        wanted.push(after(0));
        assert_eq!(wait_any(&wanted), [waiting::DIRECT_MAX + 1]);
        pipe.put();
        assert_eq!(
            wait_any(&wanted),
            [waiting::DIRECT_MAX, waiting::DIRECT_MAX + 1]
        );
    }
}

#[test]
fn one_thing_alone() {
    let pipe = Pipe::new();
    assert!(!is_ready(&pipe.readable()));
    pipe.put();
    wait_one(&pipe.readable());
    assert!(is_ready(&pipe.readable()));
    let later = after(10);
    assert!(!is_ready(&later));
    wait_one(&later);
    assert!(is_ready(&later));
    wait_one(&Wanted::Now);
    assert_eq!(wait_any(&[later, Wanted::Now]), [0, 1]);
}

/// Counts how often it was woken.
#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls a future once.
fn is_over(future: &mut (impl Future<Output = ()> + Unpin), counter: &Arc<Counter>) -> bool {
    let waker = Waker::from(counter.clone());
    let polled = Pin::new(future).poll(&mut Context::from_waker(&waker));
    polled.is_ready()
}

#[test]
fn futures_are_woken_by_their_descriptors_alone() {
    check_futures();
}

#[test]
fn what_one_wait_is_told_of_wakes_others() {
    let [_, crowd] = crowds();
    let counter = Arc::new(Counter::default());
    let other = Pipe::new();
    let mut ready = ready(other.reader.handle(), Interest::Readable);
    assert!(!is_over(&mut ready, &counter));
    other.put();
    crowd[0].put();
    let wanted: Vec<Wanted> = crowd.iter().map(Pipe::readable).collect();
    assert_eq!(wait_any(&wanted), [0]);
    assert_eq!(counter.0.load(Ordering::Relaxed), 1);
    assert!(is_over(&mut ready, &counter));
}

#[test]
fn futures_do_without_an_event_loop() {
    reactor::have_no_room();
    check_futures();
    for pipes in crowds() {
        pipes[1].put();
        let wanted: Vec<Wanted> = pipes.iter().map(Pipe::readable).collect();
        assert_eq!(wait_any(&wanted), [1]);
    }
    // An end is reported, though it is not what was asked for.
    let Pipe { reader, writer } = Pipe::new();
    let mut readable = ready(reader.handle(), Interest::Readable);
    let counter = Arc::<Counter>::default();
    assert!(!is_over(&mut readable, &counter));
    assert!(turn(false));
    assert_eq!(counter.0.load(Ordering::Relaxed), 0);
    drop(writer);
    assert!(turn(true));
    assert_eq!(counter.0.load(Ordering::Relaxed), 1);
    assert!(is_over(&mut readable, &counter));
    // A time ends the waiting for a descriptor.
    let script = Script::start();
    let (pipe, mut time) = (Pipe::new(), sleep_until(Script::ns(5)));
    let mut readable = ready(pipe.reader.handle(), Interest::Readable);
    let writer = Rc::clone(&pipe.writer);
    script.at(7, move || {
        assert_eq!(rustix::io::write(&**writer, b"x"), Ok(1))
    });
    let counters = [Arc::<Counter>::default(), Arc::<Counter>::default()];
    assert!(!is_over(&mut time, &counters[0]) && !is_over(&mut readable, &counters[1]));
    let woken = || [0, 1].map(|at| counters[at].0.load(Ordering::Relaxed));
    assert!(turn(true));
    assert_eq!((woken(), Script::ms()), ([1, 0], 5));
    assert!(turn(true));
    assert_eq!((woken(), Script::ms()), ([1, 1], 7));
}

#[test]
fn what_has_been_used_up_is_tried_again_when_something_comes() {
    let context = &mut Context::from_waker(Waker::noop());
    let pipe = Pipe::new();
    let mut changes = Changes::new(pipe.reader.handle(), Interest::Readable);
    assert!(changes.may_try());
    changes.note_drained();
    for _ in 0..2 {
        assert!(!changes.may_try() && changes.poll(context).is_pending());
        assert!(turn(false) && !changes.may_try());
        pipe.put();
        assert!(turn(true) && changes.may_try());
        pipe.take();
        changes.note_drained();
    }
    // An end that has come together with something is not reported once more.
    assert!(changes.poll(context).is_pending());
    pipe.put();
    drop(pipe.writer);
    assert!(turn(true));
    assert_eq!(rustix::io::read(&**pipe.reader, &mut [0; 8]), Ok(1));
    changes.note_drained();
    assert!(changes.may_try());
}

#[test]
fn without_an_event_loop_everything_is_tried() {
    reactor::have_no_room();
    let pipe = Pipe::new();
    let mut changes = Changes::new(pipe.reader.handle(), Interest::Readable);
    changes.note_drained();
    assert!(changes.may_try());
}

fn check_futures() {
    assert!(!turn(true), "nobody waits for anything");
    let pipes = [Pipe::new(), Pipe::new()];
    let counters = [Arc::<Counter>::default(), Arc::<Counter>::default()];
    let woken = || [0, 1].map(|at| counters[at].0.swap(0, Ordering::Relaxed));
    let mut futures = [0, 1].map(|at: usize| ready(pipes[at].reader.handle(), Interest::Readable));
    for _ in 0..3 {
        for (future, counter) in futures.iter_mut().zip(&counters) {
            assert!(!is_over(future, counter));
        }
        // What the registration itself reports is no change.
        assert!(turn(false));
        woken();
        pipes[1].put();
        assert!(turn(true));
        assert_eq!(woken(), [0, 1]);
        assert!(!is_over(&mut futures[0], &counters[0]));
        assert!(is_over(&mut futures[1], &counters[1]));
        pipes[1].take();
    }
    let mut writable = ready(pipes[0].writer.handle(), Interest::Writable);
    assert!(is_over(&mut writable, &counters[0]));
    pipes[0].fill();
    assert!(!is_over(&mut writable, &counters[0]));
    drop(futures);
    pipes[0].take();
    drop(writable);
    assert!(!turn(false), "nobody waits any more");
}

#[test]
fn futures_of_times_are_woken_in_order() {
    let counters: Vec<Arc<Counter>> = (0..3).map(|_| Arc::default()).collect();
    let _script = Script::start();
    let mut times = [30, 10, 60_000].map(|ms| sleep_until(Script::ns(ms)));
    for (time, counter) in times.iter_mut().zip(&counters) {
        assert!(!is_over(time, counter));
    }
    let woken = || -> Vec<usize> {
        let counts = counters
            .iter()
            .map(|counter| counter.0.load(Ordering::Relaxed));
        counts.collect()
    };
    assert!(turn(false));
    assert_eq!((woken(), Script::ms()), (vec![0, 0, 0], 0));
    assert!(turn(true));
    assert_eq!((woken(), Script::ms()), (vec![0, 1, 0], 10));
    assert!(is_over(&mut times[1], &counters[1]));
    assert!(turn(true));
    assert_eq!((woken(), Script::ms()), (vec![1, 1, 0], 30));
    drop(times);
    assert!(!turn(false));
}

#[test]
fn times_that_nobody_waits_for_are_forgotten() {
    let counter = Arc::<Counter>::default();
    let mut kept = sleep_until(u64::MAX);
    assert!(!is_over(&mut kept, &counter));
    for _ in 0..10_000 {
        let mut time = sleep_until(u64::MAX - 1);
        assert!(!is_over(&mut time, &counter));
    }
    assert!(futures::heap_len() < 5_000);
}

#[test]
fn work_apart_keeps_nothing_from_going_on() {
    let gate = Arc::new(std::sync::Mutex::new(()));
    let closed = gate.lock().unwrap();
    let cx = &mut Context::from_waker(Waker::noop());
    let behind = |number| {
        let gate = Arc::clone(&gate);
        Box::pin(apart(move || {
            drop(gate.lock());
            number
        }))
    };
    let mut waiting: Vec<_> = (0..apart::THREADS_MAX).map(behind).collect();
    for work in &mut waiting {
        assert!(work.as_mut().poll(cx).is_pending());
    }
    // There are no more threads.
    let mut now = Box::pin(apart(|| 100));
    assert_eq!(now.as_mut().poll(cx), Poll::Ready(100));

    drop(waiting.pop());
    drop(closed);
    for (number, work) in waiting.iter_mut().enumerate() {
        let done = loop {
            match work.as_mut().poll(cx) {
                Poll::Ready(done) => break done,
                Poll::Pending => assert!(turn(true)),
            }
        };
        assert_eq!(done, number);
    }
}

/// Whichever way something is waited for, the clock of a script goes on to it.
#[test]
fn scripts_are_waited_for() {
    for pipes in crowds() {
        let script = Script::start();
        let mut wanted: Vec<Wanted> = pipes.iter().map(Pipe::readable).collect();
        wanted.push(Wanted::Time {
            at_ns: Script::ns(3),
        });
        let writers = [0, 1].map(|at: usize| Rc::clone(&pipes[at].writer));
        for (writer, ms) in writers.into_iter().zip([2, 6]) {
            script.at(ms, move || {
                assert_eq!(rustix::io::write(&**writer, b"x"), Ok(1))
            });
        }
        assert_eq!((wait_any(&wanted), Script::ms()), (vec![0], 2));
        pipes[0].take();
        let last = wanted.len() - 1;
        assert_eq!((wait_any(&wanted), Script::ms()), (vec![last], 3));
        wait_one(&Wanted::Time {
            at_ns: Script::ns(5),
        });
        wanted.pop();
        assert_eq!((wait_any(&wanted), Script::ms()), (vec![1], 6));
    }
}
