//! Calls that an embedder has begun and does not wait for, and whom it wants to be told of their end.

use std::collections::BTreeMap;

use super::blocks::Blocks;
use wasmelt_abi::LibraryStatus;

/// `void done(void *user, status)` of an embedder.
pub(super) type Done = unsafe extern "C" fn(*mut u8, i32);

/// Who is told, if anybody is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) done: Option<Done>,
    pub(super) user: *mut u8,
}

impl Told {
    pub(super) fn tell(self, status: LibraryStatus) {
        if let Some(done) = self.done {
            // SAFETY: the embedder has said that this is a function of this type.
            unsafe { done(self.user, status as i32) }
        }
    }
}

/// Calls of an instance that have been begun, in that order.
#[derive(Debug, Default)]
pub(super) struct Calls {
    count: u64,
    pub(super) pending: BTreeMap<u64, Told>,
    /// Those that have ended of which nobody has been told, with what their results refer to.
    pub(super) ended: Vec<(Told, Blocks)>,
}

impl Calls {
    pub(super) fn begin(&mut self, told: Told) -> u64 {
        self.count += 1;
        self.pending.insert(self.count, told);
        self.count
    }

    pub(super) fn end(&mut self, number: u64, blocks: Blocks) {
        if let Some(told) = self.pending.remove(&number) {
            self.ended.push((told, blocks));
        }
    }
}
