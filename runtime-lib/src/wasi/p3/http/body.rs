//! Bodies between a guest's stream and future, and the pipe of a connection.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use super::fields::Fields;
use crate::component::ends::{ConsumeBytes, FutureReader, ProduceBytes, Resolver, StreamReader};
use crate::component::tasks::New;
use crate::host::chunk::Chunk;
use crate::host::http::body::{Announced, BodyReader, BodyWriter, Kind, pipe};
use crate::host::http::fields::parse_length;
use crate::host::http::parcel::new_parcel;
use crate::host::http::{self, ErrorCode, Result};

/// What a guest writes to, or reads from, the future beside a body.
pub type Trailers = Result<Option<New<Fields>>>;

/// How sending a message has ended.
type Sent = Result<()>;

/// The body of a message.
pub(super) enum Content {
    /// That a guest has made.
    Made {
        stream: Option<StreamReader<u8>>,
        trailers: FutureReader<Trailers>,
        sent: Resolver<Sent>,
    },
    /// That has come from elsewhere.
    Received(BodyReader),
}

/// A body that a guest makes, and what tells it how sending has ended.
pub(super) fn made(
    stream: Option<StreamReader<u8>>,
    trailers: FutureReader<Trailers>,
) -> (Content, FutureReader<Sent>) {
    let (sent, told) = Resolver::new();
    let content = Content::Made {
        stream,
        trailers,
        sent,
    };
    (content, told)
}

impl Content {
    /// Gives the body to a guest, which says later what has become of it.
    pub(super) fn consume(
        self,
        result: FutureReader<Sent>,
    ) -> (StreamReader<u8>, FutureReader<Trailers>) {
        match self {
            Content::Made {
                stream,
                trailers,
                sent,
            } => {
                result.on_value(move |result| sent.resolve(result));
                let empty = || StreamReader::of_bytes(Nothing);
                (stream.unwrap_or_else(empty), trailers)
            }
            Content::Received(reader) => {
                // Nobody on the other side of the connection waits for it.
                result.on_value(drop);
                receive(reader)
            }
        }
    }

    /// What a connection reads.
    pub(super) fn send(self, kind: Kind, fields: &http::Fields) -> BodyReader {
        match self {
            Content::Received(reader) => reader,
            Content::Made {
                stream,
                trailers,
                sent,
            } => {
                let length = fields.values("content-length").next();
                let announced = Announced {
                    kind,
                    bytes: length.and_then(parse_length),
                };
                let (mut writer, reader) = pipe(Some(announced));
                writer.on_sent(move |result| sent.resolve(result));
                transmit(writer, stream, trailers);
                reader
            }
        }
    }

    /// The message is not going to be sent.
    pub(super) fn give_up(self) {
        if let Content::Made { sent, .. } = self {
            sent.resolve(Ok(()));
        }
    }
}

/// A stream without bytes.
struct Nothing;

impl ProduceBytes for Nothing {
    fn poll_produce(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<usize> {
        Poll::Ready(0)
    }
}

/// Both things that end a body: its stream has been closed, and there are trailers.
struct Transmission {
    writer: BodyWriter,
    closed: bool,
    trailers: Option<Option<http::Fields>>,
}

impl Transmission {
    fn complete(&mut self) {
        if self.closed
            && let Some(trailers) = self.trailers.take()
        {
            // Who sends the message hears of an error too.
            let _ = self.writer.finish(trailers);
        }
    }
}

/// Reads stream and trailers at the same time.
fn transmit(
    writer: BodyWriter,
    stream: Option<StreamReader<u8>>,
    trailers: FutureReader<Trailers>,
) {
    let transmission = Rc::new(RefCell::new(Transmission {
        writer,
        closed: stream.is_none(),
        trailers: None,
    }));
    if let Some(stream) = stream {
        stream.consume_bytes(Consumer(Rc::clone(&transmission)));
    }
    trailers.on_value(move |trailers| {
        let mut transmission = transmission.borrow_mut();
        match trailers {
            Ok(trailers) => {
                transmission.trailers = Some(trailers.map(|New(fields)| fields.0));
                transmission.complete();
            }
            Err(error) => transmission.writer.fail(error),
        }
    });
}

/// Takes the bytes of a guest's stream.
struct Consumer(Rc<RefCell<Transmission>>);

impl ConsumeBytes for Consumer {
    fn poll_consume(&mut self, cx: &mut Context<'_>, from: &[u8]) -> Poll<usize> {
        let writer = &mut self.0.borrow_mut().writer;
        ready!(writer.poll_room(cx));
        // An error closes the stream; why, whoever sends the message tells.
        Poll::Ready(writer.write_some(from).unwrap_or(0))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.borrow().writer.poll_room(cx)
    }

    fn takes_buffers(&self) -> bool {
        true
    }

    fn consume_buffer(&mut self, buffer: Chunk) -> bool {
        let writer = &mut self.0.borrow_mut().writer;
        writer.room().is_ok() && writer.write_chunk(buffer).is_ok()
    }

    fn takes_parcels(&self) -> bool {
        self.0.borrow().writer.takes_parcels()
    }

    fn finish(self: Box<Self>) {
        let mut transmission = self.0.borrow_mut();
        transmission.closed = true;
        transmission.complete();
    }
}

/// A body of which a guest has both ends.
struct Receipt {
    reader: RefCell<BodyReader>,
    /// The guest has let go of the stream.
    let_go: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

fn receive(reader: BodyReader) -> (StreamReader<u8>, FutureReader<Trailers>) {
    let receipt = Rc::new(Receipt {
        reader: RefCell::new(reader),
        let_go: Cell::new(false),
        waiting: Cell::new(None),
    });
    let stream = StreamReader::of_bytes(Producer(Rc::clone(&receipt)));
    let trailers = poll_fn(move |cx| receipt.poll_trailers(cx));
    (stream, FutureReader::of(trailers))
}

impl Receipt {
    fn poll_trailers(&self, cx: &mut Context<'_>) -> Poll<Trailers> {
        if let Poll::Ready(end) = self.reader.borrow().poll_end(cx) {
            return Poll::Ready(
                end.map(|fields| fields.map(|fields| New(Fields(fields.to_immutable())))),
            );
        }
        if self.let_go.get() {
            return Poll::Ready(Ok(None));
        }
        self.waiting.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

/// Gives a guest's stream its bytes.
struct Producer(Rc<Receipt>);

impl ProduceBytes for Producer {
    fn poll_produce(&mut self, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<usize> {
        let read = self.0.reader.borrow_mut().poll_read(cx, into);
        // Why there are no more bytes, the future beside the stream tells.
        read.map(|count| count.unwrap_or(0))
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.reader.borrow().poll_readable(cx)
    }

    fn gives_buffers(&self) -> bool {
        true
    }

    fn poll_buffer(&mut self, cx: &mut Context<'_>) -> Poll<Chunk> {
        let chunk = self.0.reader.borrow_mut().poll_chunk(cx);
        chunk.map(|chunk| chunk.unwrap_or(Chunk::Bytes(Vec::new())))
    }

    fn give_parcels(&mut self) {
        self.0.reader.borrow().give_parcels(new_parcel);
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let mut reader = self.0.reader.borrow_mut();
        if reader.end_now().is_none() {
            reader.refuse(ErrorCode::ConnectionTerminated);
            self.0.let_go.set(true);
        }
        drop(reader);
        if let Some(waker) = self.0.waiting.take() {
            waker.wake();
        }
    }
}
