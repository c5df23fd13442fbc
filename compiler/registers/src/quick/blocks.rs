//! Where blocks begin and end: what is in registers there.

use super::state::{Entry, IN_SLOT, NONE, NOWHERE, Quick};
use regalloc2::{Block, Function, Inst, OperandKind, ProgPoint, RegAllocError, VReg};

impl Quick {
    /// # Errors
    /// When the blocks before it are not known, as it is not reached from the first.
    pub(super) fn enter(&mut self, func: &dyn Function, block: Block) -> Result<(), RegAllocError> {
        let preds = func.block_preds(block);
        let first = func.block_insns(block).first();
        let entry = self.blocks[block.index()];
        match *preds {
            // What is in registers at the end of the block before stays there.
            [pred] if pred.index() + 1 == block.index() => {}
            _ => {
                self.forget();
                let range = entry.start as usize..(entry.start + entry.count) as usize;
                for place in range {
                    let (register, value) = self.entries[place];
                    if self.values[value as usize].uses > 0 {
                        self.put(value, register, first);
                    }
                }
            }
        }
        let params = func.block_params(block);
        match *preds {
            _ if block == func.entry_block() => {}
            [pred] => {
                if !entry.is_seen {
                    return Err(RegAllocError::Branch(first));
                }
                let last = func.block_insns(pred).last();
                if !params.is_empty() {
                    let args = func.branch_blockparams(pred, last, entry.way as usize);
                    self.rename(func, first, (params, args))?;
                }
            }
            _ => {
                for &param in params {
                    let value = self.values[param.vreg()];
                    if value.point == NONE {
                        return Err(RegAllocError::SSA(param, first));
                    }
                    if value.born != NOWHERE && value.uses > 0 {
                        self.put(param.vreg() as u32, value.born, first);
                    }
                }
            }
        }
        self.look_ahead(func, block);
        Ok(())
    }

    fn forget(&mut self) {
        for register in self.registers.busy.each() {
            let value = self.registers.held(register);
            self.values[value as usize].place = NOWHERE;
        }
        self.registers.busy = Default::default();
    }

    /// With one way to a block, its parameters are what is passed, under other names: they take over
    /// its register, or have the same slot. That is as good as one of their own, since what is passed
    /// is not defined again as long as they are used: their block is on all ways from there to them.
    fn rename(
        &mut self,
        func: &dyn Function,
        first: Inst,
        (params, args): (&[VReg], &[VReg]),
    ) -> Result<(), RegAllocError> {
        let point = ProgPoint::before(first).to_index();
        for (&param, &arg) in params.iter().zip(args) {
            let (new, old) = (param.vreg() as u32, arg.vreg() as u32);
            self.value(arg).uses -= 1;
            let place = self.value(arg).place;
            let is_used = self.value(param).uses > 0;
            if place != NOWHERE {
                if is_used || self.value(arg).uses == 0 {
                    self.free(place);
                }
                let value = self.value(param);
                value.born = place;
                value.point = point;
                if is_used {
                    self.put(new, place, first);
                }
            } else {
                if is_used {
                    let slot = self.slot(func, (old, arg.class()), first)?;
                    self.value(param).slot = slot;
                }
                self.value(param).point = IN_SLOT;
            }
        }
        Ok(())
    }

    /// What is passed to a block whose parameters have places is best made there.
    fn look_ahead(&mut self, func: &dyn Function, block: Block) {
        let &[succ] = func.block_succs(block) else {
            return;
        };
        if !self.blocks[succ.index()].is_seen {
            return;
        }
        let last = func.block_insns(block).last();
        let args = func.branch_blockparams(block, last, 0);
        for (&param, &arg) in func.block_params(succ).iter().zip(args) {
            let place = self.value(param).born;
            let value = self.value(arg);
            if place != NOWHERE && value.point == NONE {
                value.hint = place;
            }
        }
    }

    /// # Errors
    /// When there is no place for moves on the way to a block that follows.
    pub(super) fn leave(&mut self, func: &dyn Function, block: Block) -> Result<(), RegAllocError> {
        let succs = func.block_succs(block);
        if succs.is_empty() {
            return Ok(());
        }
        let last = func.block_insns(block).last();
        let operands = func.inst_operands(last);
        let defines = operands.iter().any(|operand| {
            operand.kind() == OperandKind::Def
                && operand.as_fixed_nonallocatable().is_none()
                && self.values[operand.vreg().vreg()].uses > 0
        });
        if let &[succ] = succs
            && func.block_preds(succ).len() > 1
        {
            if defines || !operands.is_empty() && !func.block_params(succ).is_empty() {
                return Err(RegAllocError::DisallowedBranchArg(last));
            }
            return self.pass(func, (block, succ), last);
        }
        if defines {
            self.stores.end_defines(last, block);
        }
        let start = self.entries.len() as u32;
        if succs.iter().any(|succ| succ.index() != block.index() + 1) {
            self.keep();
        }
        let count = self.entries.len() as u32 - start;
        for (way, &succ) in succs.iter().enumerate() {
            if func.block_preds(succ).len() > 1 {
                return Err(RegAllocError::CritEdge(block, succ));
            }
            self.blocks[succ.index()] = Entry {
                is_seen: true,
                start,
                count,
                way: way as u32,
                ..self.blocks[succ.index()]
            };
        }
        Ok(())
    }

    /// Notes what is in registers.
    pub(super) fn keep(&mut self) {
        let registers = &self.registers;
        let all = registers.busy.each();
        self.entries
            .extend(all.map(|register| (register, registers.held(register))));
    }

    /// Where a block with several ways to it begins, only that is known to be in registers which is on
    /// all ways.
    pub(super) fn meet(&mut self, succ: Block) {
        let entry = self.blocks[succ.index()];
        if !entry.is_seen {
            let start = self.entries.len() as u32;
            if !entry.is_head {
                self.keep();
            }
            self.blocks[succ.index()] = Entry {
                is_seen: true,
                start,
                count: self.entries.len() as u32 - start,
                ..entry
            };
            return;
        }
        let start = entry.start as usize;
        let mut end = start;
        for place in start..start + entry.count as usize {
            let (register, value) = self.entries[place];
            let is_same = self.registers.busy.has(register);
            if is_same && self.registers.held(register) == value {
                self.entries[end] = (register, value);
                end += 1;
            }
        }
        self.blocks[succ.index()].count = (end - start) as u32;
    }
}
