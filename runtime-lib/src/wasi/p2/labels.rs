//! What a guest writes to the standard streams, where it is not written as it is.

use std::cell::Cell;
use std::rc::Rc;

use crate::host::Stream;

/// Something that stands before each line.
pub trait Labels {
    /// What is written for these bytes of the guest: perhaps more, and perhaps a part of it later.
    fn label(&self, bytes: &[u8]) -> Vec<u8>;
}

/// Gives the labels of the store that runs.
type LabelsOf = fn(Stream) -> Rc<dyn Labels>;

thread_local! {
    static LABELS: Cell<Option<LabelsOf>> = const { Cell::new(None) };
}

/// What guests of this thread write is labelled from now on.
pub fn set_labels(labels: LabelsOf) {
    LABELS.set(Some(labels));
}

/// The labels of a stream of the guest that runs, if there are some.
pub fn labels_of(stream: Stream) -> Option<Rc<dyn Labels>> {
    LABELS.get().map(|labels| labels(stream))
}
