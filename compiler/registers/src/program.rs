//! Functions to allocate registers for, as tests build them.

use regalloc2::{
    Block, Function, Inst, InstRange, MachineEnv, Operand, PReg, PRegSet, RegClass, VReg,
};

#[derive(Default)]
pub struct Program {
    pub insts: Vec<Instruction>,
    pub blocks: Vec<Body>,
    pub vregs: usize,
    /// Values, where they have a label, and which.
    pub labels: Vec<(VReg, Inst, Inst, u32)>,
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
    /// What the parameters of each successor become.
    pub args: Vec<Vec<VReg>>,
}

impl Program {
    pub fn vreg(&mut self, class: RegClass) -> VReg {
        self.vregs += 1;
        VReg::new(self.vregs - 1, class)
    }

    /// An instruction without clobbers.
    pub fn push(&mut self, operands: &[Operand]) {
        self.insts.push(Instruction {
            operands: operands.to_vec(),
            ..Instruction::default()
        });
    }

    /// A new value of a class, in any register.
    pub fn define(&mut self, class: RegClass) -> VReg {
        let new = self.vreg(class);
        self.push(&[Operand::reg_def(new)]);
        new
    }

    /// Ends a block with the instructions so far.
    pub fn end_block(&mut self, block: usize, succs: &[usize]) {
        self.end_block_with(block, succs, Instruction::default());
    }

    /// The same, with operands of the last instruction.
    pub fn end_block_with(&mut self, block: usize, succs: &[usize], last: Instruction) {
        self.insts.push(Instruction {
            is_branch: !succs.is_empty(),
            is_ret: succs.is_empty(),
            ..last
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

    fn branch_blockparams(&self, block: Block, _: Inst, succ: usize) -> &[VReg] {
        let args = &self.blocks[block.index()].args;
        args.get(succ).map_or(&[], Vec::as_slice)
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

    fn debug_value_labels(&self) -> &[(VReg, Inst, Inst, u32)] {
        &self.labels
    }

    fn spillslot_size(&self, class: RegClass) -> usize {
        match class {
            RegClass::Int => 1,
            _ => 2,
        }
    }
}

/// A small machine: eight registers of either class. Half of them are preferred.
pub fn machine() -> MachineEnv {
    let set = |class, numbers: std::ops::Range<usize>| {
        numbers.fold(PRegSet::empty(), |set, number| {
            set.with(PReg::new(number, class))
        })
    };
    let halves = |numbers: std::ops::Range<usize>| {
        [
            set(RegClass::Int, numbers.clone()),
            set(RegClass::Float, numbers),
            PRegSet::empty(),
        ]
    };
    MachineEnv {
        preferred_regs_by_class: halves(0..4),
        non_preferred_regs_by_class: halves(4..8),
        scratch_by_class: [None, None, None],
        fixed_stack_slots: Vec::new(),
    }
}

/// What calls leave nothing in: all floats, and all but two registers for whole numbers.
pub fn caller_saved() -> PRegSet {
    let ints = (0..6).map(|number| PReg::new(number, RegClass::Int));
    let floats = (0..8).map(|number| PReg::new(number, RegClass::Float));
    ints.chain(floats).fold(PRegSet::empty(), PRegSet::with)
}

/// Numbers that look random: a counter, mixed.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }

    pub fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    pub fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }
}

/// Classes of values, as often as there are such.
pub const CLASSES: [RegClass; 3] = [RegClass::Int, RegClass::Int, RegClass::Float];
