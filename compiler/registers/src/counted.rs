//! How often blocks run where it has been counted, and what follows from that for the others.
//!
//! What has not been counted are mostly blocks of one edge, and those between the parts of what was
//! one instruction. What comes into a block goes out of it: so an edge has what the other edges of its
//! block leave over, and a block what comes into it.

use crate::flow::{Flow, ROUNDS};

/// No block runs less often: it could run.
const LEAST: f32 = 1e-9;

impl Flow {
    /// Takes what was counted, by block, in place of what is estimated. What is not known is NaN.
    pub(crate) fn count(&mut self, counted: &[f32]) {
        let estimated = std::mem::replace(&mut self.freq, Vec::with_capacity(counted.len()));
        self.freq.extend_from_slice(counted);
        self.inflow.fill(0.0);
        for block in 0..self.blocks() {
            let at = block as usize;
            if self.freq[at].is_nan() {
                self.freq[at] = self.guess(block);
            }
            self.freq[at] = self.freq[at].max(LEAST);
            self.share(block, &estimated);
        }
    }

    /// How often a block runs that has not been counted, from those before it.
    fn guess(&self, block: u32) -> f32 {
        let inflow = self.inflow[block as usize];
        match (block, self.is_head(block)) {
            (0, _) => 1.0,
            (_, true) => inflow * ROUNDS,
            (_, false) => inflow,
        }
    }

    /// Shares how often a block runs among the ways out of it.
    fn share(&mut self, block: u32, estimated: &[f32]) {
        let freq = self.freq[block as usize];
        let edges = self.succs.range(block);
        let mut left = freq;
        let mut unknown = 0.0;
        for edge in edges.clone() {
            let succ = self.succs.all[edge];
            let known = self.known(block, succ);
            self.likely[edge] = known.unwrap_or(f32::NAN);
            match known {
                Some(known) => left -= known,
                None => unknown += self.weight(block, succ, estimated),
            }
        }
        let mut sum = 0.0;
        for edge in edges.clone() {
            if self.likely[edge].is_nan() {
                let weight = self.weight(block, self.succs.all[edge], estimated);
                self.likely[edge] = left.max(0.0) * weight / unknown;
            }
            self.likely[edge] = self.likely[edge].max(LEAST * LEAST);
            sum += self.likely[edge];
        }
        for edge in edges {
            self.likely[edge] /= sum;
            let succ = self.succs.all[edge];
            self.inflow[succ as usize] += freq * self.likely[edge];
        }
    }

    /// How often an edge is taken whose other end nothing else leads to.
    fn known(&self, block: u32, succ: u32) -> Option<f32> {
        let is_only = self.preds.of(succ) == [block];
        // Of what comes later, `freq` still is what was counted.
        let freq = self.freq[succ as usize];
        (is_only && succ > block && !freq.is_nan()).then_some(freq)
    }

    /// What an edge is like to have of what the others leave over: as much as where it leads has.
    fn weight(&self, block: u32, succ: u32, estimated: &[f32]) -> f32 {
        let at = match (self.preds.of(succ), self.succs.of(succ)) {
            // A block of an edge.
            ([_], &[next]) => next,
            _ => succ,
        };
        let most = self.freq[block as usize];
        let freq = self.freq[at as usize];
        let freq = match freq.is_nan() {
            // By the same measure.
            true => most * estimated[at as usize] / estimated[block as usize],
            false => freq,
        };
        freq.clamp(LEAST, most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operands::Operands;
    use crate::program::{Body, Program};

    /// The flow of blocks with these ways out, of which so much is known.
    fn counted(ways: &[&[usize]], known: &[f32]) -> Flow {
        let mut program = Program::default();
        program.blocks.resize_with(ways.len(), Body::default);
        for (block, ways) in ways.iter().enumerate() {
            program.end_block(block, ways);
        }
        let mut operands = Operands::default();
        operands.read(&program).expect("it is a function");
        let mut flow = Flow::default();
        let result = flow.read(&program, &operands, known);
        result.expect("it is a function");
        flow
    }

    const UNKNOWN: f32 = f32::NAN;

    #[test]
    fn what_one_way_leaves_over_the_other_has() {
        let ways: [&[usize]; 4] = [&[1, 2], &[3], &[3], &[]];
        let flow = counted(&ways, &[1.0, UNKNOWN, 0.25, UNKNOWN]);
        assert_eq!(flow.freq, [1.0, 0.75, 0.25, 1.0]);
        assert_eq!(flow.likely[..2], [0.75, 0.25]);
    }

    #[test]
    fn a_loop_runs_as_often_as_was_counted() {
        // Its end leads back by a block of its own.
        let ways: [&[usize]; 5] = [&[1], &[2], &[3, 4], &[1], &[]];
        let flow = counted(&ways, &[1.0, UNKNOWN, 500.0, UNKNOWN, 1.0]);
        assert_eq!(flow.freq[3], 499.0);
        assert_eq!(flow.edge_freq(2, 1), 1.0);
    }

    #[test]
    fn what_leads_where_more_runs_has_more_of_what_is_left() {
        // Two edges with blocks of their own, to blocks to which others lead too.
        let ways: [&[usize]; 7] = [&[1, 2], &[3, 4], &[6], &[6], &[5], &[], &[5]];
        let flow = counted(&ways, &[10.0, 9.0, UNKNOWN, UNKNOWN, UNKNOWN, 9.0, UNKNOWN]);
        assert_eq!(flow.freq[2], 1.0);
        assert!((flow.freq[3] + flow.freq[4] - 9.0).abs() < 0.001);
    }

    #[test]
    fn counts_for_other_blocks_are_none() {
        let ways: [&[usize]; 4] = [&[1, 2], &[3], &[3], &[]];
        let flow = counted(&ways, &[1.0, 1.0, 0.0]);
        assert_eq!(flow.freq[1], flow.freq[2]);
    }
}
