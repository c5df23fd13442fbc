//! Functions to allocate registers for.

use regalloc2::{
    Block, Function, Inst, InstRange, MachineEnv, Operand, PReg, PRegSet, RegClass, VReg,
};

#[derive(Default)]
pub struct Program {
    pub insts: Vec<Instruction>,
    pub blocks: Vec<Body>,
    pub vregs: usize,
}

#[derive(Default)]
pub struct Instruction {
    pub operands: Vec<Operand>,
    pub clobbers: PRegSet,
    /// The last of a block that others follow.
    pub is_branch: bool,
    pub is_ret: bool,
}

#[derive(Default)]
pub struct Body {
    /// Where its instructions end.
    pub end: usize,
    pub succs: Vec<Block>,
    pub preds: Vec<Block>,
    pub params: Vec<VReg>,
    /// What the parameters of its only successor become.
    pub args: Vec<VReg>,
}

impl Program {
    pub fn vreg(&mut self, class: RegClass) -> VReg {
        self.vregs += 1;
        VReg::new(self.vregs - 1, class)
    }

    /// Ends a block with the instructions so far.
    pub fn end_block(&mut self, block: usize, succs: &[usize]) {
        self.insts.push(Instruction {
            is_branch: !succs.is_empty(),
            is_ret: succs.is_empty(),
            ..Instruction::default()
        });
        self.blocks[block].end = self.insts.len();
        self.blocks[block].succs = succs.iter().map(|&succ| Block::new(succ)).collect();
        for &succ in succs {
            self.blocks[succ].preds.push(Block::new(block));
        }
    }
}

impl Function for Program {
    fn num_insts(&self) -> usize {
        self.insts.len()
    }

    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn entry_block(&self) -> Block {
        Block::new(0)
    }

    fn block_insns(&self, block: Block) -> InstRange {
        let start = match block.index() {
            0 => 0,
            index => self.blocks[index - 1].end,
        };
        InstRange::new(Inst::new(start), Inst::new(self.blocks[block.index()].end))
    }

    fn block_succs(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].succs
    }

    fn block_preds(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].preds
    }

    fn block_params(&self, block: Block) -> &[VReg] {
        &self.blocks[block.index()].params
    }

    fn is_ret(&self, inst: Inst) -> bool {
        self.insts[inst.index()].is_ret
    }

    fn is_branch(&self, inst: Inst) -> bool {
        self.insts[inst.index()].is_branch
    }

    fn branch_blockparams(&self, block: Block, _: Inst, _: usize) -> &[VReg] {
        &self.blocks[block.index()].args
    }

    fn inst_operands(&self, inst: Inst) -> &[Operand] {
        &self.insts[inst.index()].operands
    }

    fn inst_clobbers(&self, inst: Inst) -> PRegSet {
        self.insts[inst.index()].clobbers
    }

    fn num_vregs(&self) -> usize {
        self.vregs
    }

    fn spillslot_size(&self, class: RegClass) -> usize {
        match class {
            RegClass::Int => 1,
            _ => 2,
        }
    }
}

/// A small machine: eight registers for whole numbers, four others. Half of each are preferred.
pub fn machine() -> MachineEnv {
    let set = |class, numbers: std::ops::Range<usize>| {
        numbers.fold(PRegSet::empty(), |set, number| {
            set.with(PReg::new(number, class))
        })
    };
    MachineEnv {
        preferred_regs_by_class: [
            set(RegClass::Int, 0..4),
            set(RegClass::Float, 0..2),
            PRegSet::empty(),
        ],
        non_preferred_regs_by_class: [
            set(RegClass::Int, 4..8),
            set(RegClass::Float, 2..4),
            PRegSet::empty(),
        ],
        scratch_by_class: [None, None, None],
        fixed_stack_slots: Vec::new(),
    }
}

/// What calls leave nothing in: all but two registers of either class.
pub fn caller_saved() -> PRegSet {
    let ints = (0..6).map(|number| PReg::new(number, RegClass::Int));
    let floats = (0..2).map(|number| PReg::new(number, RegClass::Float));
    ints.chain(floats).fold(PRegSet::empty(), PRegSet::with)
}
