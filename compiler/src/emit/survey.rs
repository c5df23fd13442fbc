//! What passes over optimised CLIF begin with: the instructions of the few kinds that they look for, found for
//! all of them in one walk. Most functions have nothing for most passes, which then look at nothing.

use crate::facts::{Uses, each_use};
use cranelift_codegen::ir::{Function, Inst, Opcode};

/// Each list is in the order of the code.
#[derive(Default)]
pub struct Survey {
    /// `bor`
    pub joins: Vec<Inst>,
    /// `band`
    pub masks: Vec<Inst>,
    /// `uextend`
    pub extensions: Vec<Inst>,
    /// `br_table`
    pub tables: Vec<Inst>,
    /// As it was before any pass has changed something.
    pub uses: Uses,
}

impl Survey {
    pub fn of(func: &Function) -> Survey {
        let mut this = Survey::default();
        this.uses.resize(func.dfg.num_values());
        let mut next_block = func.layout.entry_block();
        while let Some(block) = next_block {
            let mut next_inst = func.layout.first_inst(block);
            while let Some(inst) = next_inst {
                this.list(inst, func.dfg.insts[inst].opcode());
                each_use(func, inst, |value| this.uses[value] += 1);
                next_inst = func.layout.next_inst(inst);
            }
            next_block = func.layout.next_block(block);
        }
        this
    }

    /// Makes the lists again when instructions have been added.
    pub fn list_again(&mut self, func: &Function) {
        for list in [
            &mut self.joins,
            &mut self.masks,
            &mut self.extensions,
            &mut self.tables,
        ] {
            list.clear();
        }
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                self.list(inst, func.dfg.insts[inst].opcode());
            }
        }
    }

    fn list(&mut self, inst: Inst, opcode: Opcode) {
        match opcode {
            Opcode::Bor => self.joins.push(inst),
            Opcode::Band => self.masks.push(inst),
            Opcode::Uextend => self.extensions.push(inst),
            Opcode::BrTable => self.tables.push(inst),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::ir::{InstBuilder, types};

    #[test]
    fn what_is_looked_for_is_found_in_order() {
        let mut func = Function::new();
        let [block, last] = [(); 2].map(|()| func.dfg.make_block());
        let any = func.dfg.append_block_param(block, types::I32);
        let passed = func.dfg.append_block_param(last, types::I32);
        let mut cursor = FuncCursor::new(&mut func);
        cursor.insert_block(block);
        let masked = cursor.ins().band(any, any);
        let wide = cursor.ins().uextend(types::I64, masked);
        let wider = cursor.ins().uextend(types::I64, any);
        cursor.ins().bor(wide, wider);
        cursor.ins().jump(last, &[masked.into()]);
        cursor.insert_block(last);
        cursor.ins().return_(&[passed]);
        let survey = Survey::of(&func);
        let made_by = |value| func.dfg.value_def(value).unwrap_inst();
        assert_eq!(survey.masks, [made_by(masked)]);
        assert_eq!(survey.extensions, [made_by(wide), made_by(wider)]);
        assert_eq!((survey.joins.len(), survey.tables.len()), (1, 0));
        let uses = [any, masked, wide, passed].map(|value| survey.uses[value]);
        assert_eq!(uses, [3, 2, 1, 1]);
    }
}
