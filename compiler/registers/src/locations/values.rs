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

/// As a rule there are no more.
const EDGES_PER_BLOCK: usize = 2;

impl Values {
    pub(super) fn new(func: &dyn Function) -> Values {
        let mut edges = Vec::with_capacity(1 + EDGES_PER_BLOCK * func.num_blocks());
        edges.push(0);
        let mut values = Values {
            numbers: vec![NONE; func.num_vregs()],
            count: 0,
            labels: Vec::with_capacity(func.debug_value_labels().len()),
            labelled: 0,
            passed: Vec::new(),
            edges,
            blocks: Vec::with_capacity(func.num_blocks()),
        };
        for &(vreg, _, _, label) in func.debug_value_labels() {
            let number = values.add(vreg);
            values.labels.push((label, number));
        }
        values.labels.sort_unstable();
        values.labels.dedup();
        values.labelled = values.count;
        values.read_edges(func);
        values.add_arguments(func);
        values.keep_followed();
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

    /// What all edges pass, as virtual registers.
    fn read_edges(&mut self, func: &dyn Function) {
        let register = |vreg: VReg| number(vreg.vreg());
        for block in 0..func.num_blocks() {
            self.blocks.push(number(self.edges.len() - 1));
            let block = Block::new(block);
            for (edge, &to) in func.block_succs(block).iter().enumerate() {
                let params = func.block_params(to);
                if !params.is_empty() {
                    let last = func.block_insns(block).last();
                    let arguments = func.branch_blockparams(block, last, edge);
                    let pairs = params.iter().zip(arguments);
                    self.passed.extend(
                        pairs.map(|(&param, &argument)| (register(param), register(argument))),
                    );
                }
                self.edges.push(number(self.passed.len()));
            }
        }
    }

    /// Follows what is passed for parameters that are followed.
    fn add_arguments(&mut self, func: &dyn Function) {
        // Of each register the last pair in which it is a parameter, and of each pair the one before.
        let mut last = vec![NONE; func.num_vregs()];
        let mut before = Vec::with_capacity(self.passed.len());
        for (pair, &(param, _)) in (0..).zip(&self.passed) {
            before.push(std::mem::replace(&mut last[param as usize], pair));
        }
        let labelled = func.debug_value_labels().iter();
        let mut pending: Vec<u32> = labelled.map(|label| number(label.0.vreg())).collect();
        while let Some(param) = pending.pop() {
            // Once is enough.
            let mut next = std::mem::replace(&mut last[param as usize], NONE);
            while next != NONE {
                let argument = self.passed[next as usize].1;
                if self.numbers[argument as usize] == NONE {
                    self.numbers[argument as usize] = self.count;
                    self.count += 1;
                    pending.push(argument);
                }
                next = before[next as usize];
            }
        }
    }

    /// Leaves what is passed to followed parameters, by the numbers of values.
    fn keep_followed(&mut self) {
        let (mut from, mut kept) = (0, 0);
        for end in self.edges.iter_mut().skip(1) {
            for pair in from..*end as usize {
                let (param, argument) = self.passed[pair];
                let param = self.numbers[param as usize];
                if param != NONE {
                    self.passed[kept] = (param, self.numbers[argument as usize]);
                    kept += 1;
                }
            }
            from = *end as usize;
            *end = number(kept);
        }
        self.passed.truncate(kept);
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

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("as many as operands at most")
}
