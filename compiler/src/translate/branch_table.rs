//! `br_table`: a jump through a table, or a few comparisons.

use super::control::block_args;
use super::translator::FuncTranslator;
use crate::error::Result;
use crate::profile::distinct;
use cranelift_codegen::ir::{self, Block, InstBuilder, JumpTableData, Value, condcodes::IntCC};
use std::cmp::Reverse;

/// A branch table becomes up to this many comparisons. A jump through a table takes eight
/// instructions, one of which is predicted worse.
const COMPARISONS_MAX: usize = 4;

impl FuncTranslator<'_, '_> {
    /// ```text
    /// br_table v1, default, [targets]
    /// ```
    ///
    /// in which what several entries go to is a block of its own: each would pass the operands by itself.
    /// Or, where few comparisons tell the targets apart, one for each of them:
    ///
    /// ```text
    /// v2 = icmp_imm eq v1, 3                              ; a range: v2 = iadd_imm v1, -first
    /// brif v2, target, next                               ;          v3 = icmp_imm ult v2, count
    /// ```
    pub(super) fn branch_table(&mut self, targets: &wasmparser::BrTable<'_>) -> Result<()> {
        let index = self.pop1();
        let depths: Vec<u32> = targets.targets().collect::<wasmparser::Result<_>>()?;
        let labels = distinct(targets);
        let counter = |depth| labels.binary_search(&depth).expect("it is one of them");
        if let Some((mut ranges, rest)) = comparisons(&depths, targets.default()) {
            // They exclude each other: the most frequent come first.
            ranges.sort_by_key(|range| Reverse(self.counting.count(counter(range.depth))));
            for range in ranges {
                let condition = self.is_in_range(index, range);
                self.branch_if(condition, range.depth, counter(range.depth));
            }
            self.run(counter(rest));
            self.branch(rest);
            return Ok(());
        }
        let mut entries = vec![0_usize; labels.len()];
        for &depth in depths.iter().chain([&targets.default()]) {
            entries[counter(depth)] += 1;
        }
        let counts = self.counting.generates();
        let is_own = |number: usize| counts || entries[number] > 1;
        let branches: Vec<(Block, Vec<Value>)> = (labels.iter().enumerate())
            .map(|(number, &depth)| self.counted_branch(depth, is_own(number)))
            .collect();
        let mut call = |depth| {
            let (block, args) = &branches[counter(depth)];
            self.builder.func.dfg.block_call(*block, &block_args(args))
        };
        let calls: Vec<ir::BlockCall> = depths.iter().map(|&depth| call(depth)).collect();
        let default = call(targets.default());
        let table = self
            .builder
            .create_jump_table(JumpTableData::new(default, &calls));
        self.builder.ins().br_table(index, table);
        for (number, (&depth, &(block, _))) in labels.iter().zip(&branches).enumerate() {
            self.flow(depth, self.counting.count(number));
            if is_own(number) {
                self.fill_branch(block, depth, number);
            }
        }
        self.set_unreachable();
        Ok(())
    }

    fn is_in_range(&mut self, index: Value, range: Range) -> Value {
        let first = i64::from(range.first);
        let ins = self.builder.ins();
        match range.last {
            None => ins.icmp_imm_u(IntCC::UnsignedGreaterThanOrEqual, index, first),
            Some(last) if last == range.first => ins.icmp_imm_u(IntCC::Equal, index, first),
            Some(last) => {
                let from_first = ins.iadd_imm_s(index, -first);
                let count = i64::from(last - range.first) + 1;
                self.builder
                    .ins()
                    .icmp_imm_u(IntCC::UnsignedLessThan, from_first, count)
            }
        }
    }
}

/// Indices of a branch table that go to one target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Range {
    first: u32,
    /// None: and all above.
    last: Option<u32>,
    depth: u32,
}

/// The ranges that have to be told from the rest, and where the rest goes; nothing if a jump
/// through a table is better.
fn comparisons(depths: &[u32], default: u32) -> Option<(Vec<Range>, u32)> {
    let mut ranges: Vec<Range> = Vec::new();
    for (index, &depth) in (0..).zip(depths.iter().chain([&default])) {
        let last = (index as usize != depths.len()).then_some(index);
        match ranges.last_mut() {
            Some(range) if range.depth == depth => range.last = last,
            _ => ranges.push(Range {
                first: index,
                last,
                depth,
            }),
        }
        if ranges.len() > 2 * COMPARISONS_MAX + 1 {
            return None;
        }
    }
    let count = |depth| ranges.iter().filter(|range| range.depth == depth).count();
    let rest = ranges
        .iter()
        .map(|range| range.depth)
        .max_by_key(|&depth| (count(depth), depth == default))
        .expect("the default, at least");
    ranges.retain(|range| range.depth != rest);
    (ranges.len() <= COMPARISONS_MAX).then_some((ranges, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: u32, last: impl Into<Option<u32>>, depth: u32) -> Range {
        Range {
            first,
            last: last.into(),
            depth,
        }
    }

    #[test]
    fn few_targets_are_told_apart_by_comparisons() {
        assert_eq!(comparisons(&[], 7), Some((vec![], 7)));
        assert_eq!(comparisons(&[7, 7], 7), Some((vec![], 7)));
        let one = (vec![range(0, 0, 1)], 0);
        assert_eq!(comparisons(&[1], 0), Some(one));
        let three = vec![range(0, 0, 1), range(2, 4, 2), range(6, 6, 1)];
        assert_eq!(comparisons(&[1, 0, 2, 2, 2, 0, 1], 0), Some((three, 0)));
        // What most ranges have in common is the rest, even if it is not the default.
        let others = vec![range(1, 1, 1), range(3, None, 2)];
        assert_eq!(comparisons(&[0, 1, 0], 2), Some((others, 0)));
    }

    #[test]
    fn many_targets_are_a_table() {
        assert_eq!(comparisons(&[1, 2, 3, 4, 5], 0), None);
        assert_eq!(comparisons(&[1, 0].repeat(5), 0), None);
        let depths: Vec<u32> = (0..1000).collect();
        assert_eq!(comparisons(&depths, 0), None);
    }
}
