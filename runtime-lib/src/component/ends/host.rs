//! Ends that the host has: what a WASI function implements to be read from or written to by a
//! guest.
//!
//! All of them are asked with `poll_…` methods when a guest waits, as futures are: a method that
//! gives [`Poll::Pending`] has made sure that the waker of `cx` is woken when asking again makes
//! sense. Bytes move straight between the guest's memory and whatever the method calls.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::buffer::Buffer;
use crate::component::values::{Lift, Lower};
use crate::host::chunk::Chunk;
use crate::io::Handle;

/// The writable end of a `stream<u8>`.
pub trait ProduceBytes: 'static {
    /// Puts bytes into `into`, which is not empty, and says how many; 0 is the end of the stream.
    fn poll_produce(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<usize>;

    /// Whether there is something to produce, or the end: what a guest waits for that reads
    /// nothing.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// The guest no longer waits. What is awaited may be forgotten; it may ask again.
    fn cancel(&mut self) {}

    /// The descriptor of which it produces what is read, if it is one.
    fn descriptor(&self) -> Option<&Handle> {
        None
    }

    /// Whether it has its bytes in buffers that it can give away.
    fn gives_buffers(&self) -> bool {
        false
    }

    /// The next of these, of any length; an empty one is the end of the stream.
    fn poll_buffer(&mut self, _: &mut Context<'_>) -> Poll<Chunk> {
        Poll::Ready(Chunk::Bytes(Vec::new()))
    }

    /// These may be parcels from now on.
    fn give_parcels(&mut self) {}
}

/// The readable end of a `stream<u8>`.
pub trait ConsumeBytes: 'static {
    /// Takes bytes from the beginning of `from`, which is not empty, and says how many; 0 if it
    /// takes no more, which closes the stream.
    fn poll_consume(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<usize>;

    /// Whether something would be taken: what a guest waits for that writes nothing.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`ProduceBytes::cancel`].
    fn cancel(&mut self) {}

    /// The descriptor to which it writes what it takes, if it is one.
    fn descriptor(&self) -> Option<&Handle> {
        None
    }

    /// Whether it takes buffers as they are.
    fn takes_buffers(&self) -> bool {
        false
    }

    /// Takes one, after [`ConsumeBytes::poll_ready`]: `false` if it takes no more, as
    /// [`ConsumeBytes::poll_consume`] says by 0.
    fn consume_buffer(&mut self, _: Chunk) -> bool {
        false
    }

    /// Whether these may be parcels.
    fn takes_parcels(&self) -> bool {
        false
    }

    /// The other end is gone, and all that was written has been taken. Not called after
    /// [`ConsumeBytes::poll_consume`] has given 0.
    fn finish(self: Box<Self>) {}
}

/// The writable end of a stream of other elements.
pub trait Produce<T>: 'static {
    /// The next element; none at the end of the stream.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>>;

    /// As [`ProduceBytes::poll_ready`].
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// As [`ProduceBytes::cancel`].
    fn cancel(&mut self) {}
}

/// The readable end of a stream of other elements.
pub trait Consume<T>: 'static {
    /// Whether it takes another element: `false` if it takes no more, which closes the stream.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<bool> {
        Poll::Ready(true)
    }

    /// Takes an element, after [`Consume::poll_ready`] has said that it does.
    fn consume(&mut self, element: T);

    /// As [`ProduceBytes::cancel`].
    fn cancel(&mut self) {}

    /// As [`ConsumeBytes::finish`].
    fn finish(self: Box<Self>) {}
}

/// What an end of the host has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// It has moved elements, or says that it could.
    Moved,
    /// It is no longer there; elements may have been moved before.
    End,
}

/// A writable end of the host, of any element type.
pub(super) enum Source {
    Bytes(Box<dyn ProduceBytes>),
    Elements(Box<dyn AnyProduce>),
}

/// A readable end of the host, of any element type.
pub(super) enum Sink {
    Bytes(Box<dyn ConsumeBytes>),
    Elements(Box<dyn AnyConsume>),
}

impl Source {
    /// Fills as much of a guest's buffer as there is something for.
    pub(super) fn poll(&mut self, into: &mut Buffer, cx: &mut Context<'_>) -> Poll<Step> {
        if into.is_zero_length() {
            let ready = match self {
                Source::Bytes(producer) => producer.poll_ready(cx),
                Source::Elements(producer) => producer.poll_ready(cx),
            };
            return ready.map(|()| Step::Moved);
        }
        match self {
            Source::Bytes(producer) => {
                let produced = into.bytes_mut(|bytes| producer.poll_produce(cx, bytes));
                Poll::Ready(step(into, ready!(produced)))
            }
            Source::Elements(producer) => producer.fill(into, cx),
        }
    }

    pub(super) fn cancel(&mut self) {
        match self {
            Source::Bytes(producer) => producer.cancel(),
            Source::Elements(producer) => producer.cancel(),
        }
    }
}

impl Sink {
    /// Takes as much of a guest's buffer as it wants.
    pub(super) fn poll(&mut self, from: &mut Buffer, cx: &mut Context<'_>) -> Poll<Step> {
        match self {
            Sink::Bytes(consumer) if from.is_zero_length() => {
                consumer.poll_ready(cx).map(|()| Step::Moved)
            }
            Sink::Bytes(consumer) => {
                let consumed = from.bytes(|bytes| consumer.poll_consume(cx, bytes));
                Poll::Ready(step(from, ready!(consumed)))
            }
            Sink::Elements(consumer) => consumer.drain(from, cx),
        }
    }

    /// Whether it is a standard stream of the process.
    pub(super) fn is_standard(&self) -> bool {
        match self {
            Sink::Bytes(consumer) => matches!(consumer.descriptor(), Some(Handle::Stream(_))),
            Sink::Elements(_) => false,
        }
    }

    pub(super) fn cancel(&mut self) {
        match self {
            Sink::Bytes(consumer) => consumer.cancel(),
            Sink::Elements(consumer) => consumer.cancel(),
        }
    }

    pub(super) fn finish(self) {
        match self {
            Sink::Bytes(consumer) => consumer.finish(),
            Sink::Elements(consumer) => consumer.finish(),
        }
    }
}

fn step(buffer: &mut Buffer, bytes: usize) -> Step {
    if bytes == 0 {
        return Step::End;
    }
    buffer.advance(bytes as u32);
    Step::Moved
}

/// [`Produce`] of a type that is not known.
pub(super) trait AnyProduce {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    fn fill(&mut self, into: &mut Buffer, cx: &mut Context<'_>) -> Poll<Step>;
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<dyn Any>>>;
    fn cancel(&mut self);
}

/// [`Consume`] of a type that is not known.
pub(super) trait AnyConsume {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool>;
    fn drain(&mut self, from: &mut Buffer, cx: &mut Context<'_>) -> Poll<Step>;
    fn consume(&mut self, element: Box<dyn Any>);
    fn cancel(&mut self);
    fn finish(self: Box<Self>);
}

/// Makes an [`AnyProduce`] of a [`Produce`], or an [`AnyConsume`] of a [`Consume`].
pub(super) struct Typed<P, T> {
    end: Box<P>,
    element: std::marker::PhantomData<fn() -> T>,
}

impl<P, T> Typed<P, T> {
    pub(super) fn new(end: P) -> Box<Typed<P, T>> {
        Box::new(Typed {
            end: Box::new(end),
            element: std::marker::PhantomData,
        })
    }
}

impl<T: Lower + 'static, P: Produce<T>> AnyProduce for Typed<P, T> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.end.poll_ready(cx)
    }

    fn fill(&mut self, into: &mut Buffer, cx: &mut Context<'_>) -> Poll<Step> {
        let mut call = into.call();
        while into.remain() > 0 {
            match ready!(self.end.poll_next(cx)) {
                Some(element) => element.store(&mut call, into.at()),
                None => return Poll::Ready(Step::End),
            }
            into.advance(1);
        }
        Poll::Ready(Step::Moved)
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<dyn Any>>> {
        let next = self.end.poll_next(cx);
        next.map(|element| element.map(|element| Box::new(element) as Box<dyn Any>))
    }

    fn cancel(&mut self) {
        self.end.cancel();
    }
}

impl<T: Lift + 'static, C: Consume<T>> AnyConsume for Typed<C, T> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        self.end.poll_ready(cx)
    }

    fn drain(&mut self, from: &mut Buffer, cx: &mut Context<'_>) -> Poll<Step> {
        let mut call = from.call();
        loop {
            if !ready!(self.end.poll_ready(cx)) {
                return Poll::Ready(Step::End);
            }
            if from.remain() == 0 {
                return Poll::Ready(Step::Moved);
            }
            let element = T::load(&mut call, from.at());
            from.advance(1);
            self.end.consume(element);
        }
    }

    fn consume(&mut self, element: Box<dyn Any>) {
        let element = element.downcast();
        self.end
            .consume(*element.expect("types of ends are compared before they meet"));
    }

    fn cancel(&mut self) {
        self.end.cancel();
    }

    fn finish(self: Box<Self>) {
        self.end.finish();
    }
}

/// The value of a future that the host resolves.
pub(super) struct Resolution<T>(Option<Pin<Box<dyn Future<Output = T>>>>);

impl<T> Resolution<T> {
    pub(super) fn new(future: impl Future<Output = T> + 'static) -> Resolution<T> {
        Resolution(Some(Box::pin(future)))
    }
}

impl<T: 'static> Produce<T> for Resolution<T> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(future) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let value = ready!(future.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(Some(value))
    }
}

/// The elements of an iterator, which are there without waiting.
pub(super) struct Elements<I>(pub(super) I);

impl<T, I: Iterator<Item = T> + 'static> Produce<T> for Elements<I> {
    fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Option<T>> {
        Poll::Ready(self.0.next())
    }
}

/// Takes the value of a guest's future.
pub(super) struct Receiver<F>(pub(super) Option<F>);

impl<T, F: FnOnce(T) + 'static> Consume<T> for Receiver<F> {
    fn consume(&mut self, value: T) {
        if let Some(then) = self.0.take() {
            then(value);
        }
    }
}
