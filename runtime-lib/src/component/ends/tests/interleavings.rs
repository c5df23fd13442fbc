//! When descriptors become ready between the steps of a copy. The clock and the descriptors are
//! those of a script.

use std::rc::Rc;

use rustix::io::Errno;

use super::pipes::{Fd, attempt, read_end, system_pipe};
use super::*;
use crate::component::ends::{Mode, ReadEnd, StreamReader};
use crate::component::tasks::{run_host_tasks, spawn};
use crate::io::script::Script;
use crate::io::{self, sleep_until};

fn put(writer: &Fd, bytes: &[u8]) {
    assert_eq!(rustix::io::write(&***writer, bytes), Ok(bytes.len()));
}

/// What `put` does at a time of the script.
fn put_at(script: &Script, ms: u64, writer: &Fd, bytes: &'static [u8]) {
    let writer = Rc::clone(writer);
    script.at(ms, move || put(&writer, bytes));
}

#[test]
fn bytes_are_heard_of_when_they_come() {
    for mode in [Mode::NonBlocking, Mode::Blocking] {
        let script = Script::start();
        let (reader, writer) = system_pipe();
        let (mut a, _) = pair(u8_stream());
        let end = a.lowered(read_end(&reader, mode));
        put_at(&script, 5, &writer, b"ab");
        put_at(&script, 7, &writer, b"c");
        script.at(9, move || drop(writer));
        for (ms, payload) in [
            (5, packed(COMPLETED, 2)),
            (7, packed(COMPLETED, 1)),
            (9, packed(DROPPED, 0)),
        ] {
            assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
            assert_eq!((a.wait(end), Script::ms()), (payload, ms));
        }
    }
}

/// The system says that there is nothing, and then there is, before anybody waits for it.
#[test]
fn what_comes_between_the_attempt_and_the_wait_is_heard_of() {
    let _script = Script::start();
    let (reader, writer) = system_pipe();
    let (mut a, _) = pair(u8_stream());
    let read = {
        let (reader, writer) = (Rc::clone(&reader), Rc::clone(&writer));
        move |into: &mut [u8]| {
            let moved = rustix::io::read(&**reader, into);
            if moved == Err(Errno::AGAIN) {
                put(&writer, b"x");
            }
            attempt(moved)
        }
    };
    let end = ReadEnd::new(reader.handle(), Mode::NonBlocking, read);
    let end = a.lowered(StreamReader::of_bytes(end));
    // The first time, the descriptor is not yet known to the event loop.
    for _ in 0..3 {
        assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
        assert_eq!(a.wait(end), packed(COMPLETED, 1));
        assert_eq!(Script::ms(), 0);
    }
}

/// What has been reported is gone when it is looked for: the read goes on waiting.
#[test]
fn what_another_takes_first_wakes_nobody_for_good() {
    let script = Script::start();
    let (reader, writer) = system_pipe();
    let (mut a, _) = pair(u8_stream());
    let end = a.lowered(read_end(&reader, Mode::NonBlocking));
    assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
    put_at(&script, 5, &writer, b"first");
    put_at(&script, 8, &writer, b"next");
    while Script::ms() < 5 {
        run_host_tasks();
        assert!(io::turn(true));
    }
    // It has been woken, and has not had its turn.
    assert_eq!(rustix::io::read(&**reader, &mut [0; 8]), Ok(5));
    run_host_tasks();
    assert_eq!(a.event(end), None);
    assert_eq!((a.wait(end), Script::ms()), (packed(COMPLETED, 4), 8));
}

/// A read is given up when its bytes are there and it has not had its turn: they stay there.
#[test]
fn a_read_that_is_given_up_takes_nothing() {
    let script = Script::start();
    let (reader, writer) = system_pipe();
    let (mut a, _) = pair(u8_stream());
    let end = a.lowered(read_end(&reader, Mode::NonBlocking));
    assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
    put_at(&script, 5, &writer, b"abc");
    while Script::ms() < 5 {
        run_host_tasks();
        assert!(io::turn(true));
    }
    assert_eq!(a.stream_cancel_read(end), packed(CANCELLED, 0));
    run_host_tasks();
    assert_eq!(a.stream_read(end, 0, 4), packed(COMPLETED, 3));
    assert_eq!(a.guest.read(0, 3), b"abc");
}

/// A turn of the event loop that a time ends leaves the descriptors to a later one.
#[test]
fn times_pass_while_nothing_comes() {
    let script = Script::start();
    let (reader, writer) = system_pipe();
    let (mut a, _) = pair(u8_stream());
    let end = a.lowered(read_end(&reader, Mode::NonBlocking));
    assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
    let _times = [3, 3, 6].map(|ms| spawn(sleep_until(Script::ns(ms))));
    put_at(&script, 7, &writer, b"z");
    let mut turns = Vec::new();
    let event = loop {
        run_host_tasks();
        if let Some(event) = a.event(end) {
            break event;
        }
        assert!(io::turn(true));
        turns.push(Script::ms());
    };
    assert_eq!(turns, [3, 6, 7]);
    let payload = packed(COMPLETED, 1);
    assert_eq!(event, (EventCode::StreamRead, end, payload));
}
