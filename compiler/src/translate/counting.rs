//! Counters of profiles, while a function is translated: their numbers, and what they have counted.
//!
//! The build that counts and the one that uses the counts number counters in the order in which
//! instructions have them (`profile::counters_of`), so that they are the same. Where there are counts, it
//! is known how often the block has run that is being filled: by a counter, or as what is left of another
//! block. What is made of that is in `counters`.

use crate::index::FuncId;
use crate::plan::Slot;
use crate::profile::{Counts, Profiling, counters_of};
use cranelift_codegen::ir::{Block, Inst};
use foldhash::HashMap;
use wasmparser::Operator;

/// How often each call of a function by name has run, where that is known.
pub type CallCounts = HashMap<Inst, u64>;

/// How often blocks have run, where that is known.
#[derive(Clone, Default, Debug)]
pub struct BlockCounts {
    /// How often the function was called.
    pub entry: u64,
    pub blocks: HashMap<Block, u64>,
}

/// How a function counts, and how far its translation has come.
#[derive(Default)]
pub(super) struct Counting<'a> {
    pub(super) how: How<'a>,
    /// The first counter of the instruction that is translated: at first, that of the function.
    pub(super) counter: u32,
    /// The first counter of the next one.
    next: u32,
    /// How often the block has run that is being filled.
    pub(super) now: u64,
    pub(super) calls: CallCounts,
    blocks: HashMap<Block, u64>,
}

#[derive(Default)]
pub(super) enum How<'a> {
    /// Not at all, as what is generated.
    #[default]
    None,
    Generate {
        /// Holds the address at which the address of the first counter of the program is.
        slot: Slot,
        /// The function's first counter.
        first: u64,
    },
    Use(&'a Counts),
}

impl<'a> Counting<'a> {
    /// Of a function of the input. `slot` is that of the plan.
    pub(super) fn new(profiling: Profiling<'a>, slot: Option<Slot>, id: FuncId) -> Counting<'a> {
        let how = match profiling {
            Profiling::None => None,
            Profiling::Generate(layout) => layout.find(id).map(|counters| How::Generate {
                slot: slot.expect("it is laid out for a profile"),
                first: counters.first,
            }),
            Profiling::Use(profile) => {
                let counts = profile.counts(id).filter(|counts| counts.entry() > 0);
                counts.map(How::Use)
            }
        };
        Counting {
            how: how.unwrap_or(How::None),
            ..Counting::default()
        }
    }

    /// Counters of this instruction come next.
    pub(super) fn begin(&mut self, op: &Operator<'_>) {
        if self.is_active() {
            // The function itself has the first.
            self.counter = self.next.max(1);
            self.next = self.counter + counters_of(op);
        }
    }

    /// Whether there are counters, whatever is done with them.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.how, How::None)
    }

    /// Whether code is to count.
    pub(super) fn generates(&self) -> bool {
        matches!(self.how, How::Generate { .. })
    }

    /// What the function has counted.
    pub(super) fn counts(&self) -> Option<&'a Counts> {
        match self.how {
            How::Use(counts) => Some(counts),
            _ => None,
        }
    }

    /// The value of a counter of the instruction.
    pub(super) fn count(&self, number: usize) -> u64 {
        let at = self.counter as usize + number;
        let count = self.counts().and_then(|counts| counts.values.get(at));
        count.copied().unwrap_or(0)
    }

    /// The functions that the instruction has called, and how often.
    pub(super) fn targets(&self) -> &'a [(FuncId, u64)] {
        let targets = self
            .counts()
            .and_then(|counts| counts.targets.get(&self.counter));
        targets.map_or(&[], Vec::as_slice)
    }

    /// Notes how often the block has run that is being filled.
    pub(super) fn note_block(&mut self, block: Option<Block>) {
        if let (How::Use(_), Some(block)) = (&self.how, block) {
            self.blocks.entry(block).or_insert(self.now);
        }
    }

    pub(super) fn finish(self) -> (CallCounts, BlockCounts) {
        let entry = self.counts().map_or(0, Counts::entry);
        let blocks = BlockCounts {
            entry,
            blocks: self.blocks,
        };
        (self.calls, blocks)
    }
}
