//! Two ends of the host on one stream or future, when a guest has passed on what it got: the host
//! moves the elements by itself.

use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::end::Family;
use super::host::{AnyConsume, AnyProduce, ConsumeBytes, ProduceBytes, Sink, Source};

/// The bytes that are between the ends at most.
const BUFFER_BYTES: usize = 64 << 10;

/// How often something is moved before others have their turn.
const ROUNDS_MAX: usize = 16;

/// Runs until one of the ends is gone.
pub(super) struct Pipe {
    family: Family,
    /// None once it has run.
    ends: Option<(Source, Sink)>,
    buffer: Vec<u8>,
    /// What of it has been produced and not yet consumed.
    filled: Range<usize>,
}

impl Pipe {
    pub(super) fn new(family: Family, source: Source, sink: Sink) -> Pipe {
        Pipe {
            family,
            ends: Some((source, sink)),
            buffer: Vec::new(),
            filled: 0..0,
        }
    }

    /// Moves something: whether there may be more, or how the pipe ends.
    fn poll_round(&mut self, cx: &mut Context<'_>) -> Poll<Round> {
        match &mut self.ends {
            Some((Source::Bytes(source), Sink::Bytes(sink))) => move_bytes(
                &mut **source,
                &mut **sink,
                (&mut self.buffer, &mut self.filled),
                cx,
            ),
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
        for _ in 0..ROUNDS_MAX {
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

fn move_bytes(
    source: &mut dyn ProduceBytes,
    sink: &mut dyn ConsumeBytes,
    (buffer, filled): (&mut Vec<u8>, &mut Range<usize>),
    cx: &mut Context<'_>,
) -> Poll<Round> {
    if filled.start == filled.end {
        buffer.resize(BUFFER_BYTES, 0);
        let produced = ready!(source.poll_produce(cx, buffer));
        if produced == 0 {
            return Poll::Ready(Round::Finished);
        }
        *filled = 0..produced;
    }
    let bytes = buffer.get(filled.clone());
    let bytes = bytes.expect("no more is produced than fits");
    let consumed = ready!(sink.poll_consume(cx, bytes));
    filled.start += consumed;
    Poll::Ready(if consumed == 0 {
        Round::Closed
    } else {
        Round::More
    })
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
