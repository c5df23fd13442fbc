//! Ends of the host over pipes of the system, with the event loop.

use std::cell::Cell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::*;
use crate::component::ends::{Attempt, Mode, ReadEnd, StreamReader, WriteEnd};
use crate::component::tasks::run_host_tasks;
use crate::component::values::{Lift, Lower, Slots};
use crate::io::{self, Source};

pub(super) type Fd = Rc<Source<OwnedFd>>;

/// Both ends of a pipe, neither of which blocks.
pub(super) fn system_pipe() -> (Fd, Fd) {
    let (reader, writer) = pipe_with(PipeFlags::NONBLOCK).expect("the system has pipes");
    let [reader, writer] = [reader, writer].map(|fd| Rc::new(Source::new(fd)));
    (reader, writer)
}

pub(super) fn attempt(result: Result<usize, Errno>) -> Attempt {
    match result {
        Ok(0) => Attempt::End,
        Ok(count) => Attempt::Moved(count),
        Err(Errno::AGAIN) => Attempt::Again,
        Err(_) => Attempt::End,
    }
}

pub(super) fn read_end(fd: &Fd, mode: Mode) -> StreamReader<u8> {
    let reader = Rc::clone(fd);
    let read = move |into: &mut [u8]| attempt(rustix::io::read(&**reader, into));
    StreamReader::of_bytes(ReadEnd::new(fd.handle(), mode, read))
}

/// Has the host write what comes from a stream; says whether it has finished.
fn write_end(fd: &Fd, stream: StreamReader<u8>) -> Rc<Cell<bool>> {
    let writer = Rc::clone(fd);
    let write = move |from: &[u8]| attempt(rustix::io::write(&**writer, from));
    let finished = Rc::new(Cell::new(false));
    let over = Rc::clone(&finished);
    let end = WriteEnd::new(fd.handle(), Mode::NonBlocking, write, move |_| {
        over.set(true);
    });
    stream.consume_bytes(end);
    finished
}

impl Instance {
    pub(super) fn lowered(&mut self, stream: StreamReader<u8>) -> u32 {
        let mut slots = [0];
        stream.lower_flat(&mut self.guest.call(), &mut Slots::new(&mut slots));
        slots[0] as u32
    }

    fn lifted(&mut self, handle: u32) -> StreamReader<u8> {
        let mut slots = [handle.into()];
        StreamReader::lift_flat(&mut self.guest.call(), &mut Slots::new(&mut slots))
    }

    /// Runs the event loop until there is an event.
    pub(super) fn wait(&self, handle: u32) -> u32 {
        loop {
            run_host_tasks();
            if let Some((_, _, payload)) = self.event(handle) {
                return payload;
            }
            assert!(io::turn(true), "something is waited for");
        }
    }
}

#[test]
fn a_pipe_is_read() {
    for mode in [Mode::NonBlocking, Mode::Blocking] {
        let (reader, writer) = system_pipe();
        let (mut a, _) = pair(u8_stream());
        let end = a.lowered(read_end(&reader, mode));
        assert_eq!(a.stream_read(end, 0, 0), BLOCKED);
        rustix::io::write(&**writer, b"hello").expect("there is room");
        assert_eq!(a.wait(end), packed(COMPLETED, 0));
        assert_eq!(a.stream_read(end, 0, 4), packed(COMPLETED, 4));
        assert_eq!(a.stream_read(end, 4, 4), packed(COMPLETED, 1));
        assert_eq!(a.guest.read(0, 6), b"hello\0");
        assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
        rustix::io::write(&**writer, b"xy").expect("there is room");
        assert_eq!(a.wait(end), packed(COMPLETED, 2));
        assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
        drop(writer);
        assert_eq!(a.wait(end), packed(DROPPED, 0));
    }
}

#[test]
fn a_guest_that_gives_up_leaves_nothing_to_wait_for() {
    let (reader, writer) = system_pipe();
    let (mut a, _) = pair(u8_stream());
    let end = a.lowered(read_end(&reader, Mode::NonBlocking));
    assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
    run_host_tasks();
    assert_eq!(a.stream_cancel_read(end), packed(CANCELLED, 0));
    run_host_tasks();
    assert!(!io::turn(false), "nothing is waited for");
    rustix::io::write(&**writer, b"z").expect("there is room");
    assert_eq!(a.stream_read(end, 0, 4), packed(COMPLETED, 1));
    a.stream_drop_readable(end);
}

#[test]
fn a_pipe_is_written_as_fast_as_it_is_read() {
    let (reader, writer) = system_pipe();
    let (mut a, _) = pair(u8_stream());
    let (readable, writable) = a.stream();
    let stream = a.lifted(readable);
    let finished = write_end(&writer, stream);
    let bytes: Vec<u8> = (0..32 << 10).map(|index| (index % 251) as u8).collect();
    a.guest.write(0, &bytes);
    let (mut sent, mut received) = (0, Vec::new());
    while sent < 8 * bytes.len() {
        let at = (sent % bytes.len()) as u32;
        let payload = match a.stream_write(writable, at, bytes.len() as u32 - at) {
            BLOCKED => {
                let mut buffer = vec![0; 10_000];
                let count = rustix::io::read(&**reader, &mut buffer).expect("it is full");
                received.extend_from_slice(&buffer[..count]);
                a.wait(writable)
            }
            payload => payload,
        };
        assert_eq!(payload & 0xf, COMPLETED);
        sent += (payload >> 4) as usize;
    }
    assert!(!finished.get());
    a.stream_drop_writable(writable);
    assert!(finished.get());
    drop(writer);
    let mut rest = [0; 70_000];
    while let Ok(count @ 1..) = rustix::io::read(&**reader, &mut rest) {
        received.extend_from_slice(&rest[..count]);
    }
    assert_eq!(received.len(), sent);
    assert_eq!(received, bytes.repeat(8));
}

#[test]
fn a_closed_pipe_closes_the_stream() {
    let (reader, writer) = system_pipe();
    let (mut a, _) = pair(u8_stream());
    let (readable, writable) = a.stream();
    let stream = a.lifted(readable);
    let finished = write_end(&writer, stream);
    assert_eq!(a.stream_write(writable, 0, 5), packed(COMPLETED, 5));
    drop(reader);
    assert_eq!(a.stream_write(writable, 0, 5), packed(DROPPED, 0));
    assert!(!finished.get());
}

#[test]
fn a_pipe_flows_into_another() {
    let (reader, writer) = system_pipe();
    let (last_reader, last_writer) = system_pipe();
    let (mut a, _) = pair(u8_stream());
    // The guest only passes it on.
    let end = a.lowered(read_end(&reader, Mode::NonBlocking));
    let stream = a.lifted(end);
    let finished = write_end(&last_writer, stream);
    let mut received = Vec::new();
    for round in 0..20_u8 {
        let sent = rustix::io::write(&**writer, &[round; 5000]);
        assert_eq!(sent, Ok(5000));
        let mut buffer = [0; 5000];
        let mut left = 5000;
        while left > 0 {
            run_host_tasks();
            match rustix::io::read(&**last_reader, &mut buffer) {
                Ok(count) => {
                    received.extend_from_slice(&buffer[..count]);
                    left -= count;
                }
                Err(_) => assert!(io::turn(true), "something is waited for"),
            }
        }
    }
    let expected: Vec<u8> = (0..20).flat_map(|round| [round; 5000]).collect();
    assert_eq!(received, expected);
    drop(writer);
    while !finished.get() {
        run_host_tasks();
        assert!(finished.get() || io::turn(true), "something is waited for");
    }
}
