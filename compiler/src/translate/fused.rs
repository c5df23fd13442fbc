//! Instructions that are translated together with those behind them. As each of CLIF costs thousands of
//! the processor's to compile, what would be of no use a moment later is not made:
//!
//! ```text
//! i32.const 8  i32.sub                                            ; iadd v1, -8, and not 8 as well
//! i64.const 8  i32.wrap_i64                                       ; 8
//! i64.extend_i32_u  i64.const 8  i64.add  i32.wrap_i64            ; iadd v1, 8
//! ```
//!
//! The last is how Go's compiler forms the address of whatever lies on a stack: a fifth of its
//! instructions in CLIF were for that.

use super::ahead::{I32_SUB, I32_WRAP_I64, I64_SUB};
use super::translator::FuncTranslator;
use cranelift_codegen::ir::{InstBuilder, InstructionData, Type, Value, types};
use wasmparser::Operator;

impl FuncTranslator<'_, '_> {
    /// Translates what begins with this instruction, if that is known.
    pub(super) fn with_next_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::I32Const { value } if self.ahead.is(I32_SUB) => {
                self.subtract_number(types::I32, value.wrapping_neg().into())
            }
            Operator::I64Const { value } if self.ahead.is(I64_SUB) => {
                self.subtract_number(types::I64, value.wrapping_neg())
            }
            Operator::I64Const { value } if self.ahead.is(I32_WRAP_I64) => {
                self.ahead.done = 1;
                let number = self.integer(types::I32, (value as i32).into());
                self.push1(number);
                true
            }
            Operator::I64ExtendI32U => {
                let Some(number) = self.ahead.added_and_wrapped() else {
                    return false;
                };
                self.ahead.done = 3;
                self.add_number(types::I32, (number as i32).into());
                true
            }
            _ => false,
        }
    }

    /// A sum can be part of an address or have a register of its own. Not so of what has just been loaded:
    /// that would be added to the number, from memory.
    fn subtract_number(&mut self, ty: Type, negated: i64) -> bool {
        let is_sum = !self.is_loaded(self.peek1());
        if is_sum {
            self.ahead.done = 1;
            self.add_number(ty, negated);
        }
        is_sum
    }

    fn add_number(&mut self, ty: Type, number: i64) {
        let number = self.integer(ty, number);
        let value = self.pop1();
        let sum = self.builder.ins().iadd(value, number);
        self.push1(sum);
    }

    pub(super) fn is_loaded(&self, value: Value) -> bool {
        let data = self.made_by(value);
        data.is_some_and(|data| data.opcode().can_load())
    }

    /// The instruction that a value is the result of.
    pub(super) fn made_by(&self, value: Value) -> Option<InstructionData> {
        let dfg = &self.builder.func.dfg;
        dfg.value_def(value).inst().map(|inst| dfg.insts[inst])
    }
}
