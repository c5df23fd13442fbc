//! Integer and floating-point instructions of scalars.

use super::translator::FuncTranslator;
use cranelift_codegen::ir::{
    InstBuilder, InstructionData, MemFlagsData, Type, Value,
    condcodes::{FloatCC, IntCC},
    immediates::{Ieee32, Ieee64},
    types,
};
use wasmparser::Operator;

type Unary = fn(&mut FuncTranslator<'_, '_>, Value) -> Value;
type Binary = fn(&mut FuncTranslator<'_, '_>, Value, Value) -> Value;

impl FuncTranslator<'_, '_> {
    /// One arm an instruction.
    pub(super) fn numeric_operator(&mut self, op: &Operator<'_>) -> bool {
        self.constant_or_comparison(op) || self.integer_operator(op) || self.float_operator(op)
    }

    fn unary(&mut self, op: Unary) {
        let value = self.pop1();
        let result = op(self, value);
        self.push1(result);
    }

    fn binary(&mut self, op: Binary) {
        let (left, right) = self.pop2();
        let result = op(self, left, right);
        self.push1(result);
    }

    fn icmp(&mut self, condition: IntCC) {
        let (left, right) = self.pop2();
        let result = self.builder.ins().icmp(condition, left, right);
        self.push_condition(result);
    }

    fn fcmp(&mut self, condition: FloatCC) {
        let (left, right) = self.pop2();
        let result = self.builder.ins().fcmp(condition, left, right);
        self.push_condition(result);
    }

    fn constant_or_comparison(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::I32Const { value } => {
                let value = self.integer(types::I32, i64::from(value));
                self.push1(value);
            }
            Operator::I64Const { value } => {
                let value = self.integer(types::I64, value);
                self.push1(value);
            }
            Operator::F32Const { value } => {
                let value = self.builder.ins().f32const(Ieee32::with_bits(value.bits()));
                self.push1(value);
            }
            Operator::F64Const { value } => {
                let value = self.builder.ins().f64const(Ieee64::with_bits(value.bits()));
                self.push1(value);
            }
            // It has negated the comparison.
            Operator::I32Eqz if self.has_condition => {}
            Operator::I32Eqz | Operator::I64Eqz => {
                let value = self.pop1();
                let zero = self.integer(self.builder.func.dfg.value_type(value), 0);
                let result = self.builder.ins().icmp(IntCC::Equal, value, zero);
                self.push_condition(result);
            }
            Operator::I32Eq | Operator::I64Eq => self.icmp(IntCC::Equal),
            Operator::I32Ne | Operator::I64Ne => self.icmp(IntCC::NotEqual),
            Operator::I32LtS | Operator::I64LtS => self.icmp(IntCC::SignedLessThan),
            Operator::I32LtU | Operator::I64LtU => self.icmp(IntCC::UnsignedLessThan),
            Operator::I32GtS | Operator::I64GtS => self.icmp(IntCC::SignedGreaterThan),
            Operator::I32GtU | Operator::I64GtU => self.icmp(IntCC::UnsignedGreaterThan),
            Operator::I32LeS | Operator::I64LeS => self.icmp(IntCC::SignedLessThanOrEqual),
            Operator::I32LeU | Operator::I64LeU => self.icmp(IntCC::UnsignedLessThanOrEqual),
            Operator::I32GeS | Operator::I64GeS => self.icmp(IntCC::SignedGreaterThanOrEqual),
            Operator::I32GeU | Operator::I64GeU => self.icmp(IntCC::UnsignedGreaterThanOrEqual),
            Operator::F32Eq | Operator::F64Eq => self.fcmp(FloatCC::Equal),
            Operator::F32Ne | Operator::F64Ne => self.fcmp(FloatCC::NotEqual),
            Operator::F32Lt | Operator::F64Lt => self.fcmp(FloatCC::LessThan),
            Operator::F32Gt | Operator::F64Gt => self.fcmp(FloatCC::GreaterThan),
            Operator::F32Le | Operator::F64Le => self.fcmp(FloatCC::LessThanOrEqual),
            Operator::F32Ge | Operator::F64Ge => self.fcmp(FloatCC::GreaterThanOrEqual),
            _ => return false,
        }
        true
    }

    fn integer_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::I32Clz | Operator::I64Clz => self.unary(|t, v| t.builder.ins().clz(v)),
            Operator::I32Ctz | Operator::I64Ctz => self.unary(|t, v| t.builder.ins().ctz(v)),
            Operator::I32Popcnt | Operator::I64Popcnt => {
                self.unary(|t, v| t.builder.ins().popcnt(v));
            }
            Operator::I32Add | Operator::I64Add => {
                self.binary(|t, a, b| t.builder.ins().iadd(a, b))
            }
            Operator::I32Sub | Operator::I64Sub => self.binary(|t, a, b| t.subtract(a, b)),
            Operator::I32Mul | Operator::I64Mul => {
                self.binary(|t, a, b| t.builder.ins().imul(a, b))
            }
            Operator::I32DivS | Operator::I64DivS => {
                self.binary(|t, a, b| t.builder.ins().sdiv(a, b));
            }
            Operator::I32DivU | Operator::I64DivU => {
                self.binary(|t, a, b| t.builder.ins().udiv(a, b));
            }
            Operator::I32RemS | Operator::I64RemS => {
                self.binary(|t, a, b| t.builder.ins().srem(a, b));
            }
            Operator::I32RemU | Operator::I64RemU => {
                self.binary(|t, a, b| t.builder.ins().urem(a, b));
            }
            Operator::I32And | Operator::I64And => {
                self.binary(|t, a, b| t.builder.ins().band(a, b))
            }
            Operator::I32Or | Operator::I64Or => self.binary(|t, a, b| t.builder.ins().bor(a, b)),
            Operator::I32Xor | Operator::I64Xor => {
                self.binary(|t, a, b| t.builder.ins().bxor(a, b))
            }
            Operator::I32Shl | Operator::I64Shl => {
                self.binary(|t, a, b| t.builder.ins().ishl(a, b))
            }
            Operator::I32ShrS | Operator::I64ShrS => {
                self.binary(|t, a, b| t.builder.ins().sshr(a, b));
            }
            Operator::I32ShrU | Operator::I64ShrU => {
                self.binary(|t, a, b| t.builder.ins().ushr(a, b));
            }
            Operator::I32Rotl | Operator::I64Rotl => {
                self.binary(|t, a, b| t.builder.ins().rotl(a, b));
            }
            Operator::I32Rotr | Operator::I64Rotr => {
                self.binary(|t, a, b| t.builder.ins().rotr(a, b));
            }
            Operator::I32WrapI64 => self.unary(|t, v| t.builder.ins().ireduce(types::I32, v)),
            Operator::I64ExtendI32S => self.unary(|t, v| t.builder.ins().sextend(types::I64, v)),
            Operator::I64ExtendI32U => self.unary(|t, v| t.builder.ins().uextend(types::I64, v)),
            Operator::I32Extend8S => self.sign_extend(types::I8, types::I32),
            Operator::I32Extend16S => self.sign_extend(types::I16, types::I32),
            Operator::I64Extend8S => self.sign_extend(types::I8, types::I64),
            Operator::I64Extend16S => self.sign_extend(types::I16, types::I64),
            Operator::I64Extend32S => self.sign_extend(types::I32, types::I64),
            Operator::I64Add128 => self.wide_add(false),
            Operator::I64Sub128 => self.wide_add(true),
            Operator::I64MulWideS => self.wide_multiply(true),
            Operator::I64MulWideU => self.wide_multiply(false),
            _ => return false,
        }
        true
    }

    /// A constant is added negated, also if it is not right in front.
    fn subtract(&mut self, left: Value, right: Value) -> Value {
        match self.made_by(right) {
            Some(InstructionData::UnaryImm { imm, .. }) if !self.is_loaded(left) => {
                let negated = imm.bits().wrapping_neg();
                self.builder.ins().iadd_imm_s(left, negated)
            }
            _ => self.builder.ins().isub(left, right),
        }
    }

    fn sign_extend(&mut self, from: Type, to: Type) {
        let value = self.pop1();
        let narrow = self.builder.ins().ireduce(from, value);
        let result = self.builder.ins().sextend(to, narrow);
        self.push1(result);
    }

    /// `i64.add128` and `i64.sub128`: two pairs of low and high halves.
    fn wide_add(&mut self, subtract: bool) {
        let (right_low, right_high) = self.pop2();
        let (left_low, left_high) = self.pop2();
        let left = self.builder.ins().iconcat(left_low, left_high);
        let right = self.builder.ins().iconcat(right_low, right_high);
        let result = if subtract {
            self.builder.ins().isub(left, right)
        } else {
            self.builder.ins().iadd(left, right)
        };
        let (low, high) = self.builder.ins().isplit(result);
        self.push1(low);
        self.push1(high);
    }

    fn wide_multiply(&mut self, signed: bool) {
        let (left, right) = self.pop2();
        let low = self.builder.ins().imul(left, right);
        let high = if signed {
            self.builder.ins().smulhi(left, right)
        } else {
            self.builder.ins().umulhi(left, right)
        };
        self.push1(low);
        self.push1(high);
    }

    fn float_operator(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::F32Abs | Operator::F64Abs => self.unary(|t, v| t.builder.ins().fabs(v)),
            Operator::F32Neg | Operator::F64Neg => self.unary(|t, v| t.builder.ins().fneg(v)),
            Operator::F32Ceil | Operator::F64Ceil => self.unary(|t, v| t.builder.ins().ceil(v)),
            Operator::F32Floor | Operator::F64Floor => self.unary(|t, v| t.builder.ins().floor(v)),
            Operator::F32Trunc | Operator::F64Trunc => self.unary(|t, v| t.builder.ins().trunc(v)),
            Operator::F32Nearest | Operator::F64Nearest => {
                self.unary(|t, v| t.builder.ins().nearest(v));
            }
            Operator::F32Sqrt | Operator::F64Sqrt => self.unary(|t, v| t.builder.ins().sqrt(v)),
            Operator::F32Add | Operator::F64Add => {
                self.binary(|t, a, b| t.builder.ins().fadd(a, b))
            }
            Operator::F32Sub | Operator::F64Sub => {
                self.binary(|t, a, b| t.builder.ins().fsub(a, b))
            }
            Operator::F32Mul | Operator::F64Mul => {
                self.binary(|t, a, b| t.builder.ins().fmul(a, b))
            }
            Operator::F32Div | Operator::F64Div => {
                self.binary(|t, a, b| t.builder.ins().fdiv(a, b))
            }
            Operator::F32Min | Operator::F64Min => {
                self.binary(|t, a, b| t.builder.ins().fmin(a, b))
            }
            Operator::F32Max | Operator::F64Max => {
                self.binary(|t, a, b| t.builder.ins().fmax(a, b))
            }
            Operator::F32Copysign | Operator::F64Copysign => {
                self.binary(|t, a, b| t.builder.ins().fcopysign(a, b));
            }
            Operator::F32DemoteF64 => self.unary(|t, v| t.builder.ins().fdemote(types::F32, v)),
            Operator::F64PromoteF32 => self.unary(|t, v| t.builder.ins().fpromote(types::F64, v)),
            Operator::I32ReinterpretF32 => self.reinterpret(types::I32),
            Operator::I64ReinterpretF64 => self.reinterpret(types::I64),
            Operator::F32ReinterpretI32 => self.reinterpret(types::F32),
            Operator::F64ReinterpretI64 => self.reinterpret(types::F64),
            _ => return self.conversion(op),
        }
        true
    }

    fn reinterpret(&mut self, ty: Type) {
        let value = self.pop1();
        let result = self.builder.ins().bitcast(ty, MemFlagsData::new(), value);
        self.push1(result);
    }

    fn conversion(&mut self, op: &Operator<'_>) -> bool {
        match *op {
            Operator::I32TruncF32S | Operator::I32TruncF64S => {
                self.unary(|t, v| t.builder.ins().fcvt_to_sint(types::I32, v));
            }
            Operator::I32TruncF32U | Operator::I32TruncF64U => {
                self.unary(|t, v| t.builder.ins().fcvt_to_uint(types::I32, v));
            }
            Operator::I64TruncF32S | Operator::I64TruncF64S => {
                self.unary(|t, v| t.builder.ins().fcvt_to_sint(types::I64, v));
            }
            Operator::I64TruncF32U | Operator::I64TruncF64U => {
                self.unary(|t, v| t.builder.ins().fcvt_to_uint(types::I64, v));
            }
            Operator::I32TruncSatF32S | Operator::I32TruncSatF64S => {
                self.unary(|t, v| t.builder.ins().fcvt_to_sint_sat(types::I32, v));
            }
            Operator::I32TruncSatF32U | Operator::I32TruncSatF64U => {
                self.unary(|t, v| t.builder.ins().fcvt_to_uint_sat(types::I32, v));
            }
            Operator::I64TruncSatF32S | Operator::I64TruncSatF64S => {
                self.unary(|t, v| t.builder.ins().fcvt_to_sint_sat(types::I64, v));
            }
            Operator::I64TruncSatF32U | Operator::I64TruncSatF64U => {
                self.unary(|t, v| t.builder.ins().fcvt_to_uint_sat(types::I64, v));
            }
            Operator::F32ConvertI32S | Operator::F32ConvertI64S => {
                self.unary(|t, v| t.builder.ins().fcvt_from_sint(types::F32, v));
            }
            Operator::F32ConvertI32U | Operator::F32ConvertI64U => {
                self.unary(|t, v| t.builder.ins().fcvt_from_uint(types::F32, v));
            }
            Operator::F64ConvertI32S | Operator::F64ConvertI64S => {
                self.unary(|t, v| t.builder.ins().fcvt_from_sint(types::F64, v));
            }
            Operator::F64ConvertI32U | Operator::F64ConvertI64U => {
                self.unary(|t, v| t.builder.ins().fcvt_from_uint(types::F64, v));
            }
            _ => return false,
        }
        true
    }
}
