//! Addresses that have been formed already. Code uses several fields of a structure one after the
//! other, and for each the same index would be extended and added to where the memory begins.
//! Optimisation finds that out by itself, later and for more; without it, each is an instruction of
//! its own.
//!
//! An address is there for where it was formed, and for what can only be reached from there: the
//! block, and the one in which it goes on where a conditional branch is not taken.

use crate::index::MemoryId;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{Block, Value};

/// So many are kept, each in the place that its index has.
const COUNT: usize = 32;

#[derive(Clone, Copy)]
struct Known {
    index: Value,
    memory: MemoryId,
    /// For which of the stretches of blocks.
    stretch: u32,
    formed: Formed,
}

/// What comes of an index.
#[derive(Clone, Copy)]
pub(super) struct Formed {
    /// The index in 64 bits.
    pub(super) index: Value,
    pub(super) address: Value,
}

/// The addresses of a function's memories that were formed last.
#[derive(Default)]
pub(super) struct FormedAddresses {
    known: [Option<Known>; COUNT],
    stretch: u32,
    /// The last block of the stretch.
    block: Option<Block>,
}

impl FormedAddresses {
    /// What has been formed of an index, which is no alias, if it is there in `block`.
    pub(super) fn find(&mut self, block: Block, index: Value, memory: MemoryId) -> Option<Formed> {
        if self.block != Some(block) {
            self.block = Some(block);
            self.stretch += 1;
            return None;
        }
        let known = self.known[index.index() % COUNT]?;
        let is_there = (known.index, known.memory, known.stretch) == (index, memory, self.stretch);
        is_there.then_some(known.formed)
    }

    /// Keeps what has been formed in the block that was asked for last.
    pub(super) fn keep(&mut self, index: Value, memory: MemoryId, formed: Formed) {
        self.known[index.index() % COUNT] = Some(Known {
            index,
            memory,
            stretch: self.stretch,
            formed,
        });
    }

    /// `next` can only be reached from the end of `block`.
    pub(super) fn go_on(&mut self, block: Block, next: Block) {
        if self.block == Some(block) {
            self.block = Some(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_there_where_only_its_block_leads_to() {
        let [first, next, other] = [1, 2, 3].map(Block::from_u32);
        let [index, address] = [7, 8].map(Value::from_u32);
        let memory = MemoryId::new(0);
        let mut formed = FormedAddresses::default();
        let is_known = |formed: &mut FormedAddresses, block| {
            let found = formed.find(block, index, memory);
            found.is_some_and(|found| found.address == address)
        };
        assert!(!is_known(&mut formed, first));
        formed.keep(index, memory, Formed { index, address });
        assert!(is_known(&mut formed, first));
        assert!(formed.find(first, address, memory).is_none());
        formed.go_on(first, next);
        assert!(is_known(&mut formed, next));
        // That is another arm of the branch.
        assert!(!is_known(&mut formed, other));
        assert!(!is_known(&mut formed, next));
        // What goes on from elsewhere does not concern it.
        formed.keep(index, memory, Formed { index, address });
        formed.go_on(first, other);
        assert!(!is_known(&mut formed, other));
    }
}
