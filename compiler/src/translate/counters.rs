//! Code that counts, and what counts of an earlier run change.
//!
//! Blocks that have run seldom are moved out of the way of the others (`cold`), and calls are noted with
//! their counts for the inliner.

use super::clif::Alias;
use super::counting::How;
use super::translator::FuncTranslator;
use crate::plan::Slot;
use cranelift_codegen::ir::{Block, Inst, InstBuilder, Value, types};

/// A block is out of the way that runs less often than this part of the calls of its function.
const COLD_PART_OF_CALLS: u64 = 64;
/// The same for a part of the runs of the block that goes on with it.
const COLD_PART_OF_RUNS: u64 = 8;

impl FuncTranslator<'_, '_> {
    /// The block that is being filled runs whenever a counter of the instruction counts.
    ///
    /// ```text
    /// v1 = load.i64 notrap aligned readonly can_move context pointer+slot
    /// v2 = load.i64 notrap aligned readonly can_move context v1
    /// v3 = load.i64 notrap aligned profile v2+counter
    /// v4 = iadd_imm v3, 1
    /// store notrap aligned profile v4, v2+counter
    /// ```
    pub(super) fn run(&mut self, number: usize) {
        self.counting.now = self.counting.count(number);
        let How::Generate { slot, first } = self.counting.how else {
            return;
        };
        let (base, offset) = self.counter(slot, first, number);
        let flags = self.trusted(Alias::Profile);
        let count = self.builder.ins().load(types::I64, flags, base, offset);
        let count = self.builder.ins().iadd_imm_s(count, 1);
        self.builder.ins().store(flags, count, base, offset);
    }

    /// Counts which function the instruction calls.
    pub(super) fn count_target(&mut self, code: Value) {
        if let How::Generate { slot, first } = self.counting.how {
            let (base, offset) = self.counter(slot, first, 0);
            let counters = self.builder.ins().iadd_imm_s(base, i64::from(offset));
            self.call_runtime("profile_call", &[counters, code]);
        }
    }

    /// Where a counter of the instruction is: base and offset.
    fn counter(&mut self, slot: Slot, first: u64, number: usize) -> (Value, i32) {
        let flags = self.trusted(Alias::Context).with_readonly().with_can_move();
        let (base, offset) = self.slot(slot);
        let place = self.builder.ins().load(types::I64, flags, base, offset);
        let base = self.builder.ins().load(types::I64, flags, place, 0);
        let at = first + u64::from(self.counting.counter) + number as u64;
        (base, i32::try_from(at * 8).expect("the layout has a limit"))
    }

    /// Moves a block out of the way that has run seldom, compared with its function, and with the block
    /// before it, if it has one.
    pub(super) fn weigh(&mut self, block: Block, count: u64, before: Option<u64>) {
        let Some(counts) = self.counting.counts() else {
            return;
        };
        let is_part = |part: u64, of: u64| count.saturating_mul(part) < of;
        if count == 0
            || is_part(COLD_PART_OF_CALLS, counts.entry())
            || before.is_some_and(|before| is_part(COLD_PART_OF_RUNS, before))
        {
            self.builder.set_cold_block(block);
        }
    }

    /// Notes how often a call of a function by name has run.
    pub(super) fn note_call(&mut self, call: Inst) {
        if self.counting.counts().is_some() {
            let now = self.counting.now;
            self.counting.calls.insert(call, now);
        }
    }

    /// So many runs go to a label.
    pub(super) fn flow(&mut self, depth: u32, count: u64) {
        let position = self.control.len() - 1 - depth as usize;
        let end = &mut self.control[position].end_count;
        *end = end.saturating_add(count);
    }
}
