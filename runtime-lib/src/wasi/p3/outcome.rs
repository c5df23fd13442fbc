//! How a stream has ended, which the future beside it tells.

use std::task::{Context, Poll};

use crate::component::ends::{Attempt, FutureReader, ProduceBytes, Resolver, StreamReader};
use crate::component::{Lower, Value};
use crate::host::{self, Error};

/// Whoever reads or writes a stream for the guest has this: the future says `ok` when it is
/// dropped, unless an error was told before.
pub struct Outcome<E: Lower + 'static>(Option<Resolver<Result<(), E>>>);

/// `future<result<_, E>>`.
pub type Ended<E> = FutureReader<Result<(), E>>;

impl<E: Value + Lower + 'static> Outcome<E> {
    #[must_use]
    pub fn new() -> (Outcome<E>, Ended<E>) {
        let (resolver, future) = Resolver::new();
        (Outcome(Some(resolver)), future)
    }

    /// The stream has ended with an error. Only the first one counts.
    pub fn fail(&mut self, error: E) {
        if let Some(resolver) = self.0.take() {
            resolver.resolve(Err(error));
        }
    }

    /// What an attempt to read or write, of at least one byte, means to the stream.
    pub fn of_attempt(&mut self, moved: host::Result<usize>) -> Attempt
    where
        E: From<Error>,
    {
        match moved {
            Ok(0) => Attempt::End,
            Ok(count) => Attempt::Moved(count),
            Err(Error::WouldBlock) => Attempt::Again,
            Err(error) => {
                self.fail(error.into());
                Attempt::End
            }
        }
    }
}

impl<E: Lower + 'static> Drop for Outcome<E> {
    fn drop(&mut self) {
        if let Some(resolver) = self.0.take() {
            resolver.resolve(Ok(()));
        }
    }
}

/// A stream that has ended before it began, with an error.
pub fn closed<E: Lower + 'static>(error: E) -> (StreamReader<u8>, Ended<E>) {
    (
        StreamReader::of_bytes(Closed),
        FutureReader::ready(Err(error)),
    )
}

struct Closed;

impl ProduceBytes for Closed {
    fn poll_produce(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<usize> {
        Poll::Ready(0)
    }
}
