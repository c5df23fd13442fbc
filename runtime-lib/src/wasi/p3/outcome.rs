//! How a stream has ended, which the future beside it tells.

use crate::component::ends::{FutureReader, Resolver};
use crate::component::{Lower, Value};

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
}

impl<E: Lower + 'static> Drop for Outcome<E> {
    fn drop(&mut self) {
        if let Some(resolver) = self.0.take() {
            resolver.resolve(Ok(()));
        }
    }
}
