//! Values: where each is defined and used, and in which blocks it is alive.
//!
//! The input is in SSA form, so from each use one goes back to the definition, through blocks that
//! were not visited yet. That takes as long as the result is large.
//!
//! Points are halves of instructions: an instruction `i` reads at `2 * i` and writes at `2 * i + 1`.

use crate::flow::{Flow, Lists, NONE};
use crate::machine::{Machine, Mask, NO_REGISTER};
use regalloc2::{
    Block, Function, Inst, Operand, OperandConstraint, OperandKind, OperandPos, RegAllocError,
};

/// More are left to another allocator: they would take gigabytes.
const PIECES_MAX: usize = 1 << 26;
/// So many clobbered registers of a class make a call.
const CALL_REGISTERS_MIN: u32 = 3;

#[derive(Clone, Copy)]
pub struct Use {
    /// The instruction. What a block's end passes on is used behind its last.
    pub inst: u32,
    pub block: u32,
    /// The parameter of a following block that it becomes, or [`NONE`] for an instruction's use.
    pub param: u32,
    /// The register that it has to be in, or [`NO_REGISTER`].
    pub register: u8,
    /// Whether it has to be in a register until the instruction has written.
    pub is_late: bool,
}

/// A value in a block.
#[derive(Clone, Copy)]
pub struct Piece {
    pub value: u32,
    pub block: u32,
    /// The first and the last instruction that uses it, or [`NONE`]; edges do not count.
    pub first: u32,
    pub last: u32,
    /// Where it begins and ends, points.
    pub from: u32,
    pub to: u32,
    /// It is alive at the start; otherwise it is defined here.
    pub comes_in: bool,
    pub goes_out: bool,
    /// It becomes a parameter of a block that follows.
    pub is_passed: bool,
}

/// An instruction that clobbers registers.
#[derive(Clone, Copy)]
pub struct Clobber {
    pub inst: u32,
    pub mask: Mask,
    /// So many that it is a call.
    pub is_call: bool,
}

#[derive(Default)]
pub struct Values {
    pub class: Vec<u8>,
    /// The point of definition, or [`NONE`]. Parameters of blocks begin with their blocks.
    pub def: Vec<u32>,
    pub def_block: Vec<u32>,
    /// The register that the definition needs, or [`NO_REGISTER`].
    pub def_register: Vec<u8>,
    use_starts: Vec<u32>,
    uses: Vec<Use>,
    /// Of values that are alive in several blocks, or passed to them; value by value.
    pub pieces: Vec<Piece>,
    piece_starts: Vec<u32>,
    /// Numbers of pieces by block, by value in each.
    pub by_block: Lists<u32>,
    pub clobbers: Vec<Clobber>,
    /// Numbers of calls.
    pub calls: Vec<u32>,
    /// All that calls clobber.
    pub clobbered: Mask,
    /// The value that is defined in the register of another, or the parameter that it becomes: the
    /// last one, or [`NONE`].
    heir: Vec<u32>,
    /// What parameters become, by edge, in the order of successors.
    is_passed: Vec<bool>,
    /// The piece of each block that was made last.
    made: Vec<u32>,
    pending: Vec<u32>,
}

fn reset<T: Clone>(list: &mut Vec<T>, len: usize, value: T) {
    list.clear();
    list.resize(len, value);
}

impl Piece {
    /// From where to where it reaches, points.
    pub fn range(&self) -> (u32, u32) {
        (self.from, self.to)
    }
}

impl Values {
    /// # Errors
    /// When a value has no definition, or several, or too much is alive at the same time.
    pub fn read(
        &mut self,
        func: &dyn Function,
        machine: &Machine,
        flow: &Flow,
    ) -> Result<(), RegAllocError> {
        let values = func.num_vregs();
        reset(&mut self.class, values, 0);
        reset(&mut self.def, values, NONE);
        reset(&mut self.def_block, values, NONE);
        reset(&mut self.def_register, values, NO_REGISTER);
        reset(&mut self.is_passed, values, false);
        reset(&mut self.heir, values, NONE);
        reset(&mut self.use_starts, values + 1, 0);
        self.read_definitions(func, machine, flow)?;
        let mut sum = 0;
        for start in &mut self.use_starts {
            sum += std::mem::replace(start, sum);
        }
        let unused = Use {
            inst: 0,
            block: 0,
            param: NONE,
            register: NO_REGISTER,
            is_late: false,
        };
        reset(&mut self.uses, sum as usize, unused);
        self.read_uses(func, machine, flow)?;
        self.find_pieces(flow)?;
        self.sort_by_block(flow);
        Ok(())
    }

    fn define(
        &mut self,
        operand: (usize, usize),
        at: u32,
        block: u32,
        inst: u32,
    ) -> Result<(), RegAllocError> {
        let (value, class) = operand;
        if value >= self.def.len() || self.def[value] != NONE {
            let vreg = regalloc2::VReg::new(value, regalloc2::RegClass::Int);
            return Err(RegAllocError::SSA(vreg, Inst::new(inst as usize)));
        }
        self.def[value] = at;
        self.def_block[value] = block;
        self.class[value] = class as u8;
        Ok(())
    }

    fn read_definitions(
        &mut self,
        func: &dyn Function,
        machine: &Machine,
        flow: &Flow,
    ) -> Result<(), RegAllocError> {
        self.clobbers.clear();
        self.calls.clear();
        self.clobbered = 0;
        for block in 0..flow.blocks() {
            let [first, last] = [&flow.first, &flow.last].map(|list| list[block as usize]);
            for param in func.block_params(Block::new(block as usize)) {
                let operand = (param.vreg(), param.class() as usize);
                self.define(operand, 2 * first, block, first)?;
                self.is_passed[param.vreg()] = true;
            }
            for inst in first..=last {
                for &operand in func.inst_operands(Inst::new(inst as usize)) {
                    if operand.as_fixed_nonallocatable().is_some() {
                        continue;
                    }
                    let value = operand.vreg().vreg();
                    if operand.kind() == OperandKind::Use {
                        self.use_starts[value] += 1;
                        continue;
                    }
                    let at = 2 * inst + u32::from(operand.pos() == OperandPos::Late);
                    self.define((value, operand.class() as usize), at, block, inst)?;
                    self.def_register[value] = fixed(machine, operand)?;
                }
                let clobbers = func.inst_clobbers(Inst::new(inst as usize));
                if clobbers != regalloc2::PRegSet::empty() {
                    self.clobber(func, machine, inst, machine.mask(clobbers));
                }
            }
            for place in 0..flow.succs.of(block).len() {
                for &arg in flow.passed(block, place) {
                    self.use_starts[arg as usize] += 1;
                    self.is_passed[arg as usize] = true;
                }
            }
        }
        Ok(())
    }

    fn clobber(&mut self, func: &dyn Function, machine: &Machine, inst: u32, mask: Mask) {
        let many = |class: &Mask| (class & mask).count_ones() >= CALL_REGISTERS_MIN;
        let is_call = machine.of_class.iter().any(many);
        if is_call {
            self.calls.push(inst);
            self.clobbered |= mask;
            // Results are where other calls leave nothing either.
            for &operand in func.inst_operands(Inst::new(inst as usize)) {
                if let (OperandConstraint::FixedReg(register), OperandKind::Def) =
                    (operand.constraint(), operand.kind())
                {
                    let number = machine.number(register);
                    self.clobbered |= number.map_or(0, |number| 1 << number);
                }
            }
        }
        self.clobbers.push(Clobber {
            inst,
            mask,
            is_call,
        });
    }

    fn read_uses(
        &mut self,
        func: &dyn Function,
        machine: &Machine,
        flow: &Flow,
    ) -> Result<(), RegAllocError> {
        for block in 0..flow.blocks() {
            let [first, last] = [&flow.first, &flow.last].map(|list| list[block as usize]);
            for inst in first..=last {
                let operands = func.inst_operands(Inst::new(inst as usize));
                for &operand in operands {
                    if let OperandConstraint::Reuse(other) = operand.constraint() {
                        self.heir[operands[other].vreg().vreg()] = operand.vreg().vreg() as u32;
                    }
                    let is_use = operand.kind() == OperandKind::Use;
                    if is_use && operand.as_fixed_nonallocatable().is_none() {
                        let place = &mut self.use_starts[operand.vreg().vreg()];
                        self.uses[*place as usize] = Use {
                            inst,
                            block,
                            param: NONE,
                            register: fixed(machine, operand)?,
                            is_late: operand.pos() == OperandPos::Late,
                        };
                        *place += 1;
                    }
                }
            }
            for place in 0..flow.succs.of(block).len() {
                let params = flow.params.of(flow.succs.of(block)[place]);
                for (&param, &arg) in params.iter().zip(flow.passed(block, place)) {
                    let place = &mut self.use_starts[arg as usize];
                    self.uses[*place as usize] = Use {
                        inst: last + 1,
                        block,
                        param,
                        register: NO_REGISTER,
                        is_late: false,
                    };
                    *place += 1;
                    self.heir[arg as usize] = param;
                }
            }
        }
        // Each start is now where the next begins.
        self.use_starts.rotate_right(1);
        self.use_starts[0] = 0;
        Ok(())
    }

    pub fn uses(&self, value: u32) -> &[Use] {
        let value = value as usize;
        &self.uses[self.use_starts[value] as usize..self.use_starts[value + 1] as usize]
    }

    /// The value that can have the register of another once that is needed no longer.
    pub fn heir(&self, value: u32) -> Option<u32> {
        let heir = self.heir[value as usize];
        if heir == NONE {
            return None;
        }
        let last = self.uses(value).last()?;
        let is_last = last.param == heir || last.inst == self.def[heir as usize] / 2;
        is_last.then_some(heir)
    }

    /// None of values that are in one block alone.
    pub fn pieces(&self, value: u32) -> &[Piece] {
        let value = value as usize;
        &self.pieces[self.piece_starts[value] as usize..self.piece_starts[value + 1] as usize]
    }

    /// The number of the first piece of a value, that of its definition.
    pub fn first_piece(&self, value: u32) -> u32 {
        self.piece_starts[value as usize]
    }

    fn find_pieces(&mut self, flow: &Flow) -> Result<(), RegAllocError> {
        self.pieces.clear();
        self.piece_starts.clear();
        reset(&mut self.made, flow.blocks() as usize, NONE);
        for value in 0..self.def.len() {
            let start = self.pieces.len() as u32;
            self.piece_starts.push(start);
            let uses = self.use_starts[value] as usize..self.use_starts[value + 1] as usize;
            let block = self.def_block[value];
            let is_here = |place: usize| self.uses[place].block == block;
            if block == NONE {
                if !uses.is_empty() {
                    let vreg = regalloc2::VReg::new(value, regalloc2::RegClass::Int);
                    let inst = Inst::new(self.uses[uses.start].inst as usize);
                    return Err(RegAllocError::SSA(vreg, inst));
                }
                continue;
            }
            if !self.is_passed[value] && uses.clone().all(is_here) {
                continue;
            }
            let from = self.def[value];
            let own = self.piece(value as u32, block, (from, from + 1));
            self.pieces[own].comes_in = false;
            self.pending.clear();
            for place in uses {
                let one = self.uses[place];
                let to = match one.inst > flow.last[one.block as usize] {
                    true => 2 * one.inst,
                    false => 2 * one.inst + 1 + u32::from(one.is_late),
                };
                let mut at = self.made[one.block as usize];
                if at == NONE || at < start {
                    let from = 2 * flow.first[one.block as usize];
                    at = self.piece(value as u32, one.block, (from, to)) as u32;
                    self.pending.push(one.block);
                }
                let piece = &mut self.pieces[at as usize];
                piece.to = piece.to.max(to);
                if one.param != NONE {
                    piece.is_passed = true;
                    continue;
                }
                piece.first = piece.first.min(one.inst);
                piece.last = match piece.last {
                    NONE => one.inst,
                    last => last.max(one.inst),
                };
            }
            while let Some(block) = self.pending.pop() {
                if block == 0 {
                    return Err(RegAllocError::EntryLivein);
                }
                for place in flow.preds.range(block) {
                    let pred = flow.preds.all[place];
                    let mut at = self.made[pred as usize];
                    if at == NONE || at < start {
                        let from = 2 * flow.first[pred as usize];
                        at = self.piece(value as u32, pred, (from, 0)) as u32;
                        self.pending.push(pred);
                    }
                    let piece = &mut self.pieces[at as usize];
                    piece.to = 2 * flow.last[pred as usize] + 2;
                    piece.goes_out = true;
                }
            }
            if self.pieces.len() > PIECES_MAX {
                return Err(RegAllocError::TooManyLiveRegs);
            }
        }
        self.piece_starts.push(self.pieces.len() as u32);
        Ok(())
    }

    fn piece(&mut self, value: u32, block: u32, (from, to): (u32, u32)) -> usize {
        self.made[block as usize] = self.pieces.len() as u32;
        self.pieces.push(Piece {
            value,
            block,
            first: NONE,
            last: NONE,
            from,
            to,
            comes_in: true,
            goes_out: false,
            is_passed: false,
        });
        self.pieces.len() - 1
    }

    fn sort_by_block(&mut self, flow: &Flow) {
        let blocks = flow.blocks() as usize;
        let counts = &mut self.made;
        reset(counts, blocks + 1, 0);
        for piece in &self.pieces {
            counts[piece.block as usize + 1] += 1;
        }
        for block in 0..blocks {
            counts[block + 1] += counts[block];
        }
        self.by_block.fill(counts, self.pieces.len());
        for (number, piece) in self.pieces.iter().enumerate() {
            let place = &mut counts[piece.block as usize];
            self.by_block.all[*place as usize] = number as u32;
            *place += 1;
        }
    }

    /// Whether there is a call between two points, before and after which a value is alive.
    pub fn crosses_call(&self, (from, to): (u32, u32)) -> bool {
        let next = self.calls.partition_point(|&call| 2 * call < from);
        self.calls.get(next).is_some_and(|&call| 2 * call + 1 < to)
    }

    /// The first call behind an instruction, and whether it is before another.
    pub fn is_call_between(&self, inst: u32, end: u32) -> bool {
        let next = self.calls.partition_point(|&call| call <= inst);
        self.calls.get(next).is_some_and(|&call| call < end)
    }
}

fn fixed(machine: &Machine, operand: Operand) -> Result<u8, RegAllocError> {
    match operand.constraint() {
        OperandConstraint::FixedReg(register) => machine
            .number(register)
            .ok_or(RegAllocError::TooManyOperands),
        _ => Ok(NO_REGISTER),
    }
}
