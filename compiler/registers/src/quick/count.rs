//! What is read before the walk, from the last instruction to the first: how often each value is used,
//! and where it is best made, which is the register that it has to be in where it is used next, or that
//! of what is made in its place.

use super::state::{Entry, NOWHERE, Quick, UNKNOWN, Value};
use crate::lists::reset;
use regalloc2::{Block, Function, Operand, OperandConstraint, OperandKind, RegAllocError, VReg};

impl Quick {
    /// # Errors
    /// When an operand has a number that no value has.
    pub(super) fn count(&mut self, func: &dyn Function) -> Result<(), RegAllocError> {
        reset(&mut self.values, func.num_vregs(), UNKNOWN);
        reset(&mut self.blocks, func.num_blocks(), Entry::default());
        for block in (0..func.num_blocks()).rev().map(Block::new) {
            let insts = func.block_insns(block);
            for (way, succ) in func.block_succs(block).iter().enumerate() {
                if succ.index() <= block.index() {
                    self.blocks[succ.index()].is_head = true;
                }
                for &arg in func.branch_blockparams(block, insts.last(), way) {
                    self.value(arg).uses += 1;
                }
            }
            for inst in insts.iter().rev() {
                let operands = func.inst_operands(inst);
                for &operand in operands {
                    match (operand.constraint(), operand.kind()) {
                        (OperandConstraint::FixedReg(_), OperandKind::Use)
                            if operand.as_fixed_nonallocatable().is_some() => {}
                        (OperandConstraint::FixedReg(register), OperandKind::Use) => {
                            let value = self.value(operand.vreg());
                            value.uses += 1;
                            value.hint = register.index() as u8;
                        }
                        (OperandConstraint::Reuse(other), _) => {
                            self.hand_on(operand, operands.get(other).copied())?;
                        }
                        (_, OperandKind::Use) => self.value(operand.vreg()).uses += 1,
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    }

    #[inline]
    pub(super) fn value(&mut self, vreg: VReg) -> &mut Value {
        &mut self.values[vreg.vreg()]
    }

    /// What is made in place of another value tells where.
    fn hand_on(&mut self, made: Operand, used: Option<Operand>) -> Result<(), RegAllocError> {
        let used = used.ok_or(RegAllocError::TooManyOperands)?;
        let hint = self.value(made.vreg()).hint;
        if hint != NOWHERE && used.class() == made.class() {
            self.value(used.vreg()).hint = hint;
        }
        Ok(())
    }
}
