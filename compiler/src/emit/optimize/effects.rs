//! Instructions that stay where they are because of what they do. Comes in: one whose operands stand for
//! themselves. Goes out: a simpler one, or none if it does nothing. Conditions that are known decide branches
//! here; what is unreachable then is left out by the walk.

use super::pass::Pass;
use crate::numbers::mask;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Block, BlockCall, Inst, InstructionData, Opcode, TrapCode, Type, Value, types,
};

/// So often a simpler condition is looked for.
const TRUTHS_MAX: u32 = 8;

/// What becomes of an instruction.
pub(super) enum Effect {
    Stays,
    /// It does nothing.
    Gone,
    /// All it does is to make this value.
    Value(Value),
}

impl Pass<'_> {
    /// Simplifies a branch or an instruction that may trap.
    pub(super) fn simplify_effect(&mut self, inst: Inst, block: Block) -> Effect {
        match self.func.dfg.insts[inst] {
            InstructionData::Brif { arg, blocks, .. } => {
                self.simplify_branch(inst, block, arg, blocks);
                Effect::Stays
            }
            InstructionData::BranchTable { arg, table, .. } => {
                if let Some(index) = self.number(arg) {
                    let table = &self.func.dfg.jump_tables[table];
                    let entry = usize::try_from(index).ok();
                    let entry = entry.and_then(|index| table.as_slice().get(index).copied());
                    let to = entry.unwrap_or_else(|| table.default_block());
                    self.jump_instead(inst, block, to);
                }
                Effect::Stays
            }
            InstructionData::CondTrap { opcode, arg, code } => {
                if let Some(number) = self.number(arg) {
                    let traps = (number != 0) == (opcode == Opcode::Trapnz);
                    return if traps { Effect::Stays } else { Effect::Gone };
                }
                let simpler = self.simplest_truth(arg);
                if simpler != arg {
                    self.func.dfg.insts[inst] = InstructionData::CondTrap {
                        opcode,
                        arg: simpler,
                        code,
                    };
                }
                Effect::Stays
            }
            InstructionData::IntAddTrap { args: [x, y], .. } => self.simplify_checked_sum([x, y]),
            InstructionData::Binary {
                opcode: opcode @ (Opcode::Udiv | Opcode::Sdiv | Opcode::Urem | Opcode::Srem),
                args,
            } => match self.simplify_division(opcode, args) {
                Some(value) => Effect::Value(value),
                None => Effect::Stays,
            },
            _ => Effect::Stays,
        }
    }

    fn simplest_truth(&mut self, mut value: Value) -> Value {
        for _ in 0..TRUTHS_MAX {
            match self.truth_of(value) {
                Some(simpler) => value = simpler,
                None => break,
            }
        }
        match self.apart_of(value) {
            Some(operands) => {
                let ty = self.type_of(value);
                self.compare(IntCC::NotEqual, ty, operands)
            }
            None => value,
        }
    }

    fn simplify_branch(
        &mut self,
        inst: Inst,
        block: Block,
        condition: Value,
        blocks: [BlockCall; 2],
    ) {
        if let Some(number) = self.number(condition) {
            let to = if number != 0 { blocks[0] } else { blocks[1] };
            self.jump_instead(inst, block, to);
            return;
        }
        // A branch to nothing but a trap is a trap with a condition.
        for (position, opcode) in [(0, Opcode::Trapnz), (1, Opcode::Trapz)] {
            let trapping = blocks[position].block(&self.func.dfg.value_lists);
            let Some(code) = self.only_traps(trapping) else {
                continue;
            };
            let arg = self.simplest_truth(condition);
            let location = self.func.srcloc(inst);
            let check = InstructionData::CondTrap { opcode, arg, code };
            let check = self.func.dfg.make_inst(check);
            self.func.layout.insert_inst(check, inst);
            if !location.is_default() {
                self.func.set_srcloc(check, location);
            }
            self.pass_by(false, true);
            self.place_operands(check, block);
            self.jump_instead(inst, block, blocks[1 - position]);
            return;
        }
        let simpler = self.simplest_truth(condition);
        if simpler != condition {
            self.func.dfg.insts[inst] = InstructionData::Brif {
                opcode: Opcode::Brif,
                arg: simpler,
                blocks,
            };
        }
    }

    /// The code of a block that only traps.
    fn only_traps(&self, block: Block) -> Option<TrapCode> {
        let first = self.func.layout.first_inst(block)?;
        match self.func.dfg.insts[first] {
            InstructionData::Trap {
                opcode: Opcode::Trap,
                code,
            } => Some(code),
            _ => None,
        }
    }

    /// Has a block end with a jump.
    fn jump_instead(&mut self, inst: Inst, block: Block, to: BlockCall) {
        self.forget_edges(block);
        let target = to.block(&self.func.dfg.value_lists);
        self.func.dfg.insts[inst] = InstructionData::Jump {
            opcode: Opcode::Jump,
            destination: to,
        };
        self.remember_edge(block, target);
        self.state.has_new_flow = true;
    }

    /// A sum that traps if it is too large, of numbers or of what is zero-extended.
    fn simplify_checked_sum(&mut self, [x, y]: [Value; 2]) -> Effect {
        let ty: Type = self.type_of(x);
        if let (Some(left), Some(right)) = (self.number(x), self.number(y)) {
            let sum = left.checked_add(right);
            let sum = sum.filter(|&sum| ty == types::I64 || sum <= mask(ty));
            return match sum {
                Some(sum) => Effect::Value(self.integer(ty, sum)),
                None => Effect::Stays,
            };
        }
        let is_extended = |value| self.operand_of(value, Opcode::Uextend).is_some();
        if is_extended(x) && is_extended(y) {
            return Effect::Value(self.binary(Opcode::Iadd, ty, [x, y]));
        }
        Effect::Stays
    }
}
