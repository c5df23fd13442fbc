//! Two ends of the host on one stream or future, when a guest has passed on what it got: the host
//! moves the elements by itself.

use std::cell::Cell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::host::{AnyConsume, AnyProduce, ConsumeBytes, ProduceBytes, Sink, Source};
use super::model::Family;
use crate::component::tasks;
use crate::host::Error;

/// The bytes that are between the ends at most.
const BUFFER_BYTES: usize = 64 << 10;

thread_local! {
    /// Where bytes are on their way. All pipes use it in turn: one that waits has none, or only
    /// what is left.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// How often something is moved before others have their turn, if they do not have to have it
/// earlier.
const ROUNDS_MAX: usize = 16;

/// Runs until one of the ends is gone.
pub(super) struct Pipe {
    family: Family,
    /// None once it has run.
    ends: Option<(Source, Sink)>,
    left: Left,
    /// The system may be able to move bytes from descriptor to descriptor.
    can_splice: bool,
}

/// What has been produced and not consumed at once.
#[derive(Default)]
struct Left {
    bytes: Vec<u8>,
    consumed: usize,
}

impl Pipe {
    pub(super) fn new(family: Family, source: Source, sink: Sink) -> Pipe {
        let descriptors = match (&source, &sink) {
            (Source::Bytes(source), Sink::Bytes(sink)) => {
                source.descriptor().zip(sink.descriptor())
            }
            _ => None,
        };
        Pipe {
            family,
            can_splice: descriptors.is_some_and(|(from, to)| from.can_splice_to(to)),
            ends: Some((source, sink)),
            left: Left::default(),
        }
    }

    /// Moves something: whether there may be more, or how the pipe ends.
    fn poll_round(&mut self, cx: &mut Context<'_>) -> Poll<Round> {
        match &mut self.ends {
            Some((Source::Bytes(source), Sink::Bytes(sink))) => {
                if !self.left.bytes.is_empty() {
                    return self.left.consume(&mut **sink, cx);
                }
                if self.can_splice {
                    match splice(&mut **source, &mut **sink, cx) {
                        Spliced::Moved(round) => return round,
                        Spliced::NotNow => {}
                        Spliced::Not => self.can_splice = false,
                    }
                }
                if source.gives_buffers() && sink.takes_buffers() {
                    return move_buffer(&mut **source, &mut **sink, cx);
                }
                move_bytes(&mut **source, &mut **sink, &mut self.left, cx)
            }
            Some((Source::Elements(source), Sink::Elements(sink))) => {
                let round = ready!(move_element(&mut **source, &mut **sink, cx));
                Poll::Ready(match (round, self.family) {
                    (Round::More, Family::Future) => Round::Finished,
                    (round, _) => round,
                })
            }
            None => Poll::Ready(Round::Closed),
            Some(_) => unreachable!("types of ends are compared before they meet"),
        }
    }
}

enum Round {
    More,
    /// There is nothing left to produce.
    Finished,
    /// Nothing more is consumed.
    Closed,
}

impl Future for Pipe {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        for round in 0..ROUNDS_MAX {
            // One of them in any case.
            let is_time = tasks::may_attempt();
            if round > 0 && !is_time {
                break;
            }
            match ready!(self.poll_round(cx)) {
                Round::More => {}
                Round::Finished => {
                    if let Some((_, sink)) = self.ends.take() {
                        sink.finish();
                    }
                    return Poll::Ready(());
                }
                Round::Closed => {
                    self.ends = None;
                    return Poll::Ready(());
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// What became of splicing.
enum Spliced {
    Moved(Poll<Round>),
    /// Both ends say that they are ready, and the system that one is not.
    NotNow,
    /// The system does not splice these, or there is an error: the ends find out which.
    Not,
}

/// Has the system move bytes from descriptor to descriptor.
fn splice(
    source: &mut dyn ProduceBytes,
    sink: &mut dyn ConsumeBytes,
    cx: &mut Context<'_>,
) -> Spliced {
    let (Some(from), Some(to)) = (source.descriptor(), sink.descriptor()) else {
        return Spliced::Not;
    };
    match from.splice_to(to) {
        Ok(0) => Spliced::Moved(Poll::Ready(Round::Finished)),
        Ok(_) => Spliced::Moved(Poll::Ready(Round::More)),
        Err(Error::WouldBlock) => match (source.poll_ready(cx), sink.poll_ready(cx)) {
            (Poll::Ready(()), Poll::Ready(())) => Spliced::NotNow,
            _ => Spliced::Moved(Poll::Pending),
        },
        Err(_) => Spliced::Not,
    }
}

/// Passes a buffer on, once there is room for one.
fn move_buffer(
    source: &mut dyn ProduceBytes,
    sink: &mut dyn ConsumeBytes,
    cx: &mut Context<'_>,
) -> Poll<Round> {
    ready!(sink.poll_ready(cx));
    if sink.takes_parcels() {
        source.give_parcels();
    }
    let buffer = ready!(source.poll_buffer(cx));
    Poll::Ready(match buffer.bytes() {
        0 => Round::Finished,
        _ if sink.consume_buffer(buffer) => Round::More,
        _ => Round::Closed,
    })
}

fn move_bytes(
    source: &mut dyn ProduceBytes,
    sink: &mut dyn ConsumeBytes,
    left: &mut Left,
    cx: &mut Context<'_>,
) -> Poll<Round> {
    let mut buffer = BUFFER.take();
    buffer.resize(BUFFER_BYTES, 0);
    let produced = source.poll_produce(cx, &mut buffer);
    let round = produced.map(|count| match buffer.get(..count) {
        Some([]) => Round::Finished,
        Some(bytes) => match sink.poll_consume(cx, bytes) {
            Poll::Ready(0) => Round::Closed,
            Poll::Ready(consumed) => left.put(bytes.get(consumed..)),
            Poll::Pending => left.put(Some(bytes)),
        },
        None => unreachable!("no more is produced than fits"),
    });
    BUFFER.set(buffer);
    round
}

impl Left {
    /// There is more to do: these first.
    fn put(&mut self, bytes: Option<&[u8]>) -> Round {
        let bytes = bytes.expect("no more is consumed than there is");
        self.bytes.extend_from_slice(bytes);
        Round::More
    }

    fn consume(&mut self, sink: &mut dyn ConsumeBytes, cx: &mut Context<'_>) -> Poll<Round> {
        let bytes = self.bytes.get(self.consumed..).unwrap_or(&[]);
        let consumed = ready!(sink.poll_consume(cx, bytes));
        self.consumed += consumed;
        if self.consumed >= self.bytes.len() {
            *self = Left::default();
        }
        Poll::Ready(if consumed == 0 {
            Round::Closed
        } else {
            Round::More
        })
    }
}

fn move_element(
    source: &mut dyn AnyProduce,
    sink: &mut dyn AnyConsume,
    cx: &mut Context<'_>,
) -> Poll<Round> {
    if !ready!(sink.poll_ready(cx)) {
        return Poll::Ready(Round::Closed);
    }
    let element = ready!(source.poll_next(cx));
    Poll::Ready(match element {
        Some(element) => {
            sink.consume(element);
            Round::More
        }
        None => Round::Finished,
    })
}
