//! Results of comparisons. In WebAssembly they are `i32`, in CLIF 8 bits; what branches or selects takes
//! either. So the topmost operand stays what it is until the next instruction shows whether a number of
//! 32 bits is wanted, which it seldom is: that leaves out an instruction a comparison, and two more where
//! `i32.eqz` negates it. Who decides on inlining is told how many.

use super::translator::FuncTranslator;
use cranelift_codegen::ir::condcodes::CondCode;
use cranelift_codegen::ir::{InstructionData, Value, ValueDef};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    /// Pushes the result of a comparison that nothing else uses.
    pub(super) fn push_condition(&mut self, condition: Value) {
        self.push1(condition);
        self.has_condition = true;
    }

    /// Before an instruction: makes a number of the topmost operand, if that is a condition which the
    /// instruction does not take.
    pub(super) fn prepare_condition(&mut self, next: &Operator<'_>) {
        let takes = match next {
            Operator::BrIf { .. }
            | Operator::If { .. }
            | Operator::Select
            | Operator::TypedSelect { .. } => true,
            Operator::I32Eqz => self.negate_condition(),
            _ => false,
        };
        if !takes {
            self.has_condition = false;
            let condition = self.pop1();
            self.push_bool(condition);
        }
    }

    /// Pops the operand of what takes a condition.
    pub(super) fn pop_condition(&mut self) -> Value {
        self.conditions += usize::from(self.has_condition);
        self.has_condition = false;
        self.pop1()
    }

    /// Makes the comparison that is the topmost operand its opposite. Nothing else has its result: it
    /// has been pushed by the instruction before.
    fn negate_condition(&mut self) -> bool {
        let condition = self.peek1();
        let dfg = &mut self.builder.func.dfg;
        let ValueDef::Result(comparison, _) = dfg.value_def(condition) else {
            return false;
        };
        match &mut dfg.insts[comparison] {
            InstructionData::IntCompare { cond, .. } => *cond = cond.complement(),
            InstructionData::FloatCompare { cond, .. } => *cond = cond.complement(),
            _ => return false,
        }
        // A comparison with zero, and making a number of it.
        self.conditions += 2;
        true
    }
}
