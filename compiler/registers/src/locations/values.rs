//! The values that are followed: those with labels, and what becomes one of them at a block's start.

use regalloc2::{Block, Function, VReg};

pub(super) struct Values {
    /// Of each virtual register, or [`NONE`].
    numbers: Vec<u32>,
    count: u32,
    /// Labels, and the values that have them. Values with labels come before all others.
    pub(super) labels: Vec<(u32, u32)>,
    labelled: u32,
    /// What edges pass to followed parameters, by edge: parameters, and arguments or [`NONE`].
    passed: Vec<(u32, u32)>,
    /// Where that of each edge begins, and the end.
    edges: Vec<u32>,
    /// The first edge of each block.
    blocks: Vec<u32>,
}

pub(super) const NONE: u32 = u32::MAX;

impl Values {
    pub(super) fn new(func: &dyn Function) -> Values {
        let mut values = Values {
            numbers: vec![NONE; func.num_vregs()],
            count: 0,
            labels: Vec::with_capacity(func.debug_value_labels().len()),
            labelled: 0,
            passed: Vec::new(),
            edges: vec![0],
            blocks: Vec::with_capacity(func.num_blocks()),
        };
        for &(vreg, _, _, label) in func.debug_value_labels() {
            let number = values.add(vreg);
            values.labels.push((label, number));
        }
        values.labels.sort_unstable();
        values.labels.dedup();
        values.labelled = values.count;
        values.add_arguments(func);
        values.read_edges(func);
        values
    }

    fn add(&mut self, vreg: VReg) -> u32 {
        let number = &mut self.numbers[vreg.vreg()];
        if *number == NONE {
            *number = self.count;
            self.count += 1;
        }
        *number
    }

    /// Follows what is passed for parameters that are followed.
    fn add_arguments(&mut self, func: &dyn Function) {
        let mut pairs: Vec<(VReg, VReg)> = Vec::new();
        for block in 0..func.num_blocks() {
            for edge in 0..func.block_succs(Block::new(block)).len() {
                pairs.extend(passed(func, Block::new(block), edge));
            }
        }
        pairs.sort_unstable();
        let mut pending: Vec<VReg> = func.debug_value_labels().iter().map(|l| l.0).collect();
        while let Some(param) = pending.pop() {
            let first = pairs.partition_point(|pair| pair.0 < param);
            for &(_, argument) in pairs[first..].iter().take_while(|pair| pair.0 == param) {
                if self.numbers[argument.vreg()] == NONE {
                    self.add(argument);
                    pending.push(argument);
                }
            }
        }
    }

    fn read_edges(&mut self, func: &dyn Function) {
        for block in 0..func.num_blocks() {
            self.blocks.push(number(self.edges.len() - 1));
            for edge in 0..func.block_succs(Block::new(block)).len() {
                let numbers = &self.numbers;
                let pairs = passed(func, Block::new(block), edge);
                let pairs = pairs
                    .map(|(param, argument)| (numbers[param.vreg()], numbers[argument.vreg()]));
                self.passed.extend(pairs.filter(|pair| pair.0 != NONE));
                self.edges.push(number(self.passed.len()));
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count as usize
    }

    pub(super) fn number(&self, vreg: VReg) -> Option<u32> {
        let number = self.numbers[vreg.vreg()];
        (number != NONE).then_some(number)
    }

    pub(super) fn has_label(&self, value: u32) -> bool {
        value < self.labelled
    }

    /// The followed parameters of where an edge out of a block goes, and what is passed for each.
    pub(super) fn passed(&self, block: usize, edge: usize) -> &[(u32, u32)] {
        let edge = self.blocks[block] as usize + edge;
        &self.passed[self.edges[edge] as usize..self.edges[edge + 1] as usize]
    }
}

/// Each parameter of where an edge out of a block goes, and what is passed for it.
fn passed(func: &dyn Function, block: Block, edge: usize) -> impl Iterator<Item = (VReg, VReg)> {
    let params = func.block_params(func.block_succs(block)[edge]);
    let arguments = match params {
        [] => &[],
        _ => func.branch_blockparams(block, func.block_insns(block).last(), edge),
    };
    params.iter().copied().zip(arguments.iter().copied())
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("as many as operands at most")
}
