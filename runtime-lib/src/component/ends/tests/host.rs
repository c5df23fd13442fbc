//! Ends of the host: what they are asked, and what the guest hears.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use super::*;
use crate::component::ends::{
    Consume, ConsumeBytes, FutureReader, Produce, ProduceBytes, Resolver, StreamReader,
};
use crate::component::tasks::run_host_tasks;
use crate::component::values::{Lift, Lower, Slots, Value};

impl Instance {
    /// Lowers a result of a host function.
    fn receive(&mut self, value: impl Lower) -> u32 {
        let mut slots = [0];
        value.lower_flat(&mut self.guest.call(), &mut Slots::new(&mut slots));
        slots[0] as u32
    }

    /// Lifts a parameter of a host function.
    fn give<T: Lift>(&mut self, handle: u32) -> T {
        let mut slots = [handle.into()];
        T::lift_flat(&mut self.guest.call(), &mut Slots::new(&mut slots))
    }
}

/// What both sides of a test see: bytes or elements, and what has happened.
#[derive(Clone)]
struct Desk<T>(Rc<Inner<T>>);

struct Inner<T> {
    items: RefCell<VecDeque<T>>,
    waker: RefCell<Option<Waker>>,
    is_over: Cell<bool>,
    log: RefCell<Vec<&'static str>>,
}

impl<T> Desk<T> {
    fn new(items: impl IntoIterator<Item = T>) -> Desk<T> {
        Desk(Rc::new(Inner {
            items: RefCell::new(items.into_iter().collect()),
            waker: RefCell::new(None),
            is_over: Cell::new(false),
            log: RefCell::new(Vec::new()),
        }))
    }

    /// Puts items there, as if a device had sent them.
    fn send(&self, items: impl IntoIterator<Item = T>) {
        self.0.items.borrow_mut().extend(items);
        self.wake();
    }

    fn wake(&self) {
        if let Some(waker) = self.0.waker.take() {
            waker.wake();
        }
        run_host_tasks();
    }

    fn end(&self) {
        self.0.is_over.set(true);
        self.wake();
    }

    fn note(&self, what: &'static str) {
        self.0.log.borrow_mut().push(what);
    }

    fn log(&self) -> Vec<&'static str> {
        self.0.log.take()
    }

    /// Whether there are items, or an end.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_over.get() || !self.0.items.borrow().is_empty() {
            return Poll::Ready(());
        }
        self.0.waker.replace(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// The end of the host that a test made of a desk.
struct HostEnd<T>(Desk<T>);

impl<T> Drop for HostEnd<T> {
    fn drop(&mut self) {
        self.0.note("dropped");
    }
}

impl ProduceBytes for HostEnd<u8> {
    fn poll_produce(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<usize> {
        ready!(self.0.poll(cx));
        let mut items = self.0.0.items.borrow_mut();
        let count = items.len().min(into.len());
        for (place, byte) in into.iter_mut().zip(items.drain(..count)) {
            *place = byte;
        }
        Poll::Ready(count)
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }

    fn cancel(&mut self) {
        self.0.note("cancelled");
    }
}

/// Takes bytes two at a time, as often as the desk has an item.
impl ConsumeBytes for HostEnd<&'static str> {
    fn poll_consume(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<usize> {
        ready!(self.0.poll(cx));
        if self.0.0.items.borrow_mut().pop_front().is_none() {
            return Poll::Ready(0);
        }
        self.0.note(match &from[..from.len().min(2)] {
            b"ab" => "ab",
            b"cd" => "cd",
            b"e" => "e",
            _ => "other",
        });
        Poll::Ready(from.len().min(2))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll(cx)
    }

    fn cancel(&mut self) {
        self.0.note("cancelled");
    }

    fn finish(self: Box<Self>) {
        self.0.note("finished");
    }
}

impl<T: 'static> Produce<T> for HostEnd<T> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(self.0.poll(cx));
        Poll::Ready(self.0.0.items.borrow_mut().pop_front())
    }

    fn cancel(&mut self) {
        self.0.note("cancelled");
    }
}

/// Takes elements into the desk.
struct Collect<T>(Desk<T>);

impl<T: 'static> Consume<T> for Collect<T> {
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(!self.0.0.is_over.get())
    }

    fn consume(&mut self, element: T) {
        self.0.0.items.borrow_mut().push_back(element);
    }

    fn finish(self: Box<Self>) {
        self.0.note("finished");
    }
}

/// An instance, and the writable end of a stream that the host reads.
fn writer(consumer: HostEnd<&'static str>) -> (Instance, u32) {
    let (mut a, _) = pair(u8_stream());
    let (readable, writable) = a.stream();
    let reader: StreamReader<u8> = a.give(readable);
    reader.consume_bytes(consumer);
    a.guest.write(0, b"abcde");
    (a, writable)
}

#[test]
fn bytes_that_are_there_are_read_at_once() {
    let desk = Desk::new(*b"hello");
    let (mut a, _) = pair(u8_stream());
    let end = a.receive(StreamReader::of_bytes(HostEnd(desk.clone())));
    assert_eq!(a.stream_read(end, 0, 0), packed(COMPLETED, 0));
    assert_eq!(a.stream_read(end, 8, 3), packed(COMPLETED, 3));
    assert_eq!(a.stream_read(end, 11, 30), packed(COMPLETED, 2));
    assert_eq!(a.guest.read(8, 6), b"hello\0");
    desk.end();
    assert_eq!(desk.log(), [""; 0]);
    assert_eq!(a.stream_read(end, 0, 3), packed(DROPPED, 0));
    assert_eq!(desk.log(), ["dropped"]);
    let text = "cannot read after being notified that the writable end dropped";
    assert_eq!(trap_text(|| _ = a.stream_read(end, 0, 3)), text);
    a.stream_drop_readable(end);
}

#[test]
fn bytes_are_waited_for() {
    let desk = Desk::new([]);
    let (mut a, _) = pair(u8_stream());
    let end = a.receive(StreamReader::of_bytes(HostEnd(desk.clone())));
    assert_eq!(a.stream_read(end, 0, 0), BLOCKED);
    desk.wake();
    assert_eq!(a.event(end), None);
    desk.send(*b"ab");
    assert_eq!(a.payload(end), packed(COMPLETED, 0));
    assert_eq!(a.stream_read(end, 0, 2), packed(COMPLETED, 2));
    assert_eq!(a.stream_read(end, 2, 2), BLOCKED);
    desk.send(*b"cde");
    assert_eq!(a.payload(end), packed(COMPLETED, 2));
    assert_eq!(a.guest.read(0, 4), b"abcd");
    assert_eq!(a.stream_read(end, 0, 2), packed(COMPLETED, 1));
    assert_eq!(a.stream_read(end, 0, 2), BLOCKED);
    desk.end();
    assert_eq!(a.payload(end), packed(DROPPED, 0));
}

#[test]
fn a_guest_gives_up_reading() {
    let desk = Desk::new([]);
    let (mut a, _) = pair(u8_stream());
    let end = a.receive(StreamReader::of_bytes(HostEnd(desk.clone())));
    assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
    assert_eq!(a.stream_cancel_read(end), packed(CANCELLED, 0));
    assert_eq!(desk.log(), ["cancelled"]);
    // What comes now is not lost.
    desk.send(*b"ab");
    assert_eq!(a.stream_read(end, 0, 4), packed(COMPLETED, 2));
    assert_eq!(a.stream_read(end, 0, 4), BLOCKED);
    desk.send(*b"c");
    assert_eq!(a.stream_cancel_read(end), packed(CANCELLED, 1));
    a.stream_drop_readable(end);
    assert_eq!(desk.log(), ["dropped"]);
}

#[test]
fn a_producer_passes_through_instances() {
    let desk = Desk::new([]);
    let (mut a, mut b) = pair(u8_stream());
    let end = a.receive(StreamReader::of_bytes(HostEnd(desk.clone())));
    let end = b.take(&mut a, end);
    assert_eq!(b.stream_read(end, 0, 4), BLOCKED);
    desk.send(*b"abc");
    assert_eq!(b.payload(end), packed(COMPLETED, 3));
    // From the first use on, it is of one type.
    let mut other = Instance::new(a.store, 2, u8_stream());
    let text = "handle index used with the wrong type";
    assert_eq!(trap_text(|| _ = other.stream_read(end, 0, 4)), text);
}

#[test]
fn what_the_host_made_has_a_type() {
    let (mut a, _) = pair(stream_of(Some(number(TypeKind::S8, 1))));
    let end = a.receive(StreamReader::of_bytes(HostEnd(Desk::new([]))));
    let text = "handle index used with the wrong type";
    assert_eq!(trap_text(|| _ = a.stream_read(end, 0, 4)), text);
    let (mut a, _) = pair(u8_stream());
    let (readable, _) = a.stream();
    let misuse = trap_text(|| drop(a.give::<StreamReader<u64>>(readable)));
    assert_eq!(misuse, text);
}

#[test]
fn bytes_are_consumed() {
    let desk = Desk::new(["", "", ""]);
    let (mut a, writable) = writer(HostEnd(desk.clone()));
    assert_eq!(a.stream_write(writable, 0, 0), packed(COMPLETED, 0));
    assert_eq!(a.stream_write(writable, 0, 5), packed(COMPLETED, 2));
    assert_eq!(a.stream_write(writable, 2, 3), packed(COMPLETED, 2));
    assert_eq!(a.stream_write(writable, 4, 1), packed(COMPLETED, 1));
    assert_eq!(a.stream_write(writable, 0, 4), BLOCKED);
    assert_eq!(a.stream_cancel_write(writable), packed(CANCELLED, 0));
    assert_eq!(a.stream_write(writable, 2, 2), BLOCKED);
    desk.send([""]);
    assert_eq!(a.payload(writable), packed(COMPLETED, 2));
    a.stream_drop_writable(writable);
    let log = ["ab", "cd", "e", "cancelled", "cd", "finished", "dropped"];
    assert_eq!(desk.log(), log);
}

#[test]
fn a_consumer_takes_no_more() {
    let desk = Desk::new([]);
    let (mut a, writable) = writer(HostEnd(desk.clone()));
    assert_eq!(a.stream_write(writable, 0, 4), BLOCKED);
    desk.end();
    assert_eq!(a.payload(writable), packed(DROPPED, 0));
    assert_eq!(desk.log(), ["dropped"]);
    let text = "cannot write after being notified that the readable end dropped";
    assert_eq!(trap_text(|| _ = a.stream_write(writable, 0, 4)), text);
}

#[test]
fn a_consumer_finds_a_writer_that_waits_or_has_left() {
    let (mut a, _) = pair(u8_stream());
    let (readable, writable) = a.stream();
    a.guest.write(0, b"abcde");
    assert_eq!(a.stream_write(writable, 0, 5), BLOCKED);
    let reader: StreamReader<u8> = a.give(readable);
    let desk = Desk::new([""]);
    reader.consume_bytes(HostEnd(desk.clone()));
    assert_eq!(a.payload(writable), packed(COMPLETED, 2));
    assert_eq!(desk.log(), ["ab"]);

    let (readable, writable) = a.stream();
    a.stream_drop_writable(writable);
    let reader: StreamReader<u8> = a.give(readable);
    let desk = Desk::new([""]);
    reader.consume_bytes(HostEnd(desk.clone()));
    assert_eq!(desk.log(), ["finished", "dropped"]);
}

#[test]
fn a_reader_that_the_host_drops_closes_the_stream() {
    let (mut a, _) = pair(u8_stream());
    let (readable, writable) = a.stream();
    assert_eq!(a.stream_write(writable, 0, 5), BLOCKED);
    drop(a.give::<StreamReader<u8>>(readable));
    assert_eq!(a.payload(writable), packed(DROPPED, 0));
    let desk = Desk::new(*b"x");
    drop(StreamReader::of_bytes(HostEnd(desk.clone())));
    assert_eq!(desk.log(), ["dropped"]);
}

fn string() -> &'static TypeDesc {
    sized(TypeKind::String, (8, 4), 0, &[])
}

#[test]
fn elements_are_produced() {
    let (mut a, _) = pair(stream_of(Some(string())));
    let desk = Desk::new(["one", "two", "three"].map(str::to_owned));
    let end = a.receive(StreamReader::of(HostEnd(desk.clone())));
    assert_eq!(a.stream_read(end, 0, 2), packed(COMPLETED, 2));
    let texts = |a: &mut Instance, count| -> Vec<String> {
        let call = &mut a.guest.call();
        (0..count)
            .map(|index| String::load(call, index * 8))
            .collect()
    };
    assert_eq!(texts(&mut a, 2), ["one", "two"]);
    // Fewer than asked for are there.
    assert_eq!(a.stream_read(end, 0, 9), packed(COMPLETED, 1));
    assert_eq!(texts(&mut a, 1), ["three"]);
    assert_eq!(desk.log(), ["cancelled"]);
    assert_eq!(a.stream_read(end, 0, 9), BLOCKED);
    desk.send(["four".to_owned()]);
    assert_eq!(a.payload(end), packed(COMPLETED, 1));
    desk.send(["five".to_owned()]);
    desk.end();
    assert_eq!(a.stream_read(end, 0, 9), packed(DROPPED, 1));
    assert_eq!(texts(&mut a, 1), ["five"]);
    let listed = StreamReader::of_iter(["x".to_owned()].into_iter());
    let end = a.receive(listed);
    assert_eq!(a.stream_read(end, 0, 1), packed(COMPLETED, 1));
    assert_eq!(a.stream_read(end, 0, 1), packed(DROPPED, 0));
}

#[test]
fn elements_are_consumed() {
    let (mut a, _) = pair(stream_of(Some(number(TypeKind::U32, 4))));
    let (readable, writable) = a.stream();
    let desk = Desk::new([]);
    let reader: StreamReader<u32> = a.give(readable);
    reader.consume(Collect(desk.clone()));
    a.guest.write(0, &[1, 0, 0, 0, 2, 0, 0, 0]);
    assert_eq!(a.stream_write(writable, 0, 0), packed(COMPLETED, 0));
    assert_eq!(a.stream_write(writable, 0, 2), packed(COMPLETED, 2));
    assert_eq!(*desk.0.items.borrow(), [1, 2]);
    desk.end();
    assert_eq!(a.stream_write(writable, 0, 2), packed(DROPPED, 0));
    a.stream_drop_writable(writable);
    assert_eq!(desk.log(), [""; 0]);
}

#[test]
fn futures_of_the_host() {
    let (mut a, _) = pair(future_of(Some(number(TypeKind::U32, 4))));
    let end = a.receive(FutureReader::ready(0x0403_0201_u32));
    assert_eq!(a.future_read(end, 8), COMPLETED);
    assert_eq!(a.guest.read(8, 4), [1, 2, 3, 4]);
    a.future_drop_readable(end);

    let (resolver, future) = Resolver::new();
    let end = a.receive(future);
    assert_eq!(a.future_read(end, 8), BLOCKED);
    assert_eq!(a.future_cancel_read(end), CANCELLED);
    assert_eq!(a.future_read(end, 8), BLOCKED);
    resolver.resolve(5_u32);
    run_host_tasks();
    assert_eq!(a.payload(end), COMPLETED);
    assert_eq!(a.guest.read(8, 4), [5, 0, 0, 0]);

    let (resolver, future) = Resolver::new();
    let end = a.receive(future);
    a.future_drop_readable(end);
    resolver.resolve(5_u32);
}

#[test]
fn futures_of_guests() {
    let (mut a, _) = pair(future_of(Some(number(TypeKind::U32, 4))));
    let (readable, writable) = a.future();
    let desk = Desk::new([]);
    let seen = desk.clone();
    let future: FutureReader<u32> = a.give(readable);
    future.on_value(move |value| seen.send([value]));
    a.guest.write(0, &[7, 0, 0, 0]);
    assert_eq!(a.future_write(writable, 0), COMPLETED);
    a.future_drop_writable(writable);
    assert_eq!(*desk.0.items.borrow(), [7]);

    let (readable, writable) = a.future();
    drop(a.give::<FutureReader<u32>>(readable));
    assert_eq!(a.future_write(writable, 0), DROPPED);
}

#[test]
fn a_guest_passes_on_what_the_host_made() {
    let (mut a, _) = pair(u8_stream());
    let (source, sink) = (Desk::new([]), Desk::new([""; 3]));
    let end = a.receive(StreamReader::of_bytes(HostEnd(source.clone())));
    let reader: StreamReader<u8> = a.give(end);
    reader.consume_bytes(HostEnd(sink.clone()));
    source.send(*b"abc");
    assert_eq!(sink.log(), ["ab", "other"]);
    source.send(*b"e");
    source.end();
    assert_eq!(sink.log(), ["e", "finished", "dropped"]);
    assert_eq!(source.log(), ["dropped"]);

    let (source, sink) = (Desk::new([1_u32, 2]), Desk::new([]));
    StreamReader::of(HostEnd(source.clone())).consume(Collect(sink.clone()));
    source.end();
    assert_eq!(*sink.0.items.borrow(), [1, 2]);
    assert_eq!(sink.log(), ["finished"]);

    let value = Desk::new([]);
    let seen = value.clone();
    FutureReader::ready(9_u32).on_value(move |value| seen.send([value]));
    run_host_tasks();
    assert_eq!(*value.0.items.borrow(), [9]);
}

#[test]
fn texts_of_types() {
    let describe = |describe: fn(&mut String)| {
        let mut text = String::new();
        describe(&mut text);
        text
    };
    assert_eq!(describe(StreamReader::<u8>::describe), "stream<u8>");
    assert_eq!(
        describe(FutureReader::<Result<(), u32>>::describe),
        "future<result<_,u32>>"
    );
}
