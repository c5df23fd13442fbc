//! What SIMD operators compute: operands from the stack as vectors of the right lanes, CLIF, and
//! the result back.
//!
//! The forms chosen here are those that Cranelift's back ends recognize as one instruction
//! (`pmaddwd` for `dot`, `minps` for `pmin`, …); each says so.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F64X2, I8X16, I16X8, I32, I32X4, I64X2};
use cranelift_codegen::ir::{
    ConstantData, Endianness, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value,
    ValueDef,
};
use wasmparser::V128;

use super::builder::Append;
use super::translator::FuncTranslator;

/// Lane order is that of memory on every target: lane 0 first.
const LITTLE: MemFlagsData = MemFlagsData::new().with_endianness(Endianness::Little);

pub(super) type Unary = fn(Append<'_, '_>, Value) -> Value;
pub(super) type Binary = fn(Append<'_, '_>, Value, Value) -> Value;

/// How a narrow lane is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    Signed,
    Unsigned,
}

/// The two halves of a vector with lanes of twice the width.
#[derive(Clone, Copy, Debug)]
pub(super) struct Widen {
    pub(super) low: Unary,
    pub(super) high: Unary,
}

pub(super) const SIGNED: Widen = Widen {
    low: |i, a| i.swiden_low(a),
    high: |i, a| i.swiden_high(a),
};

pub(super) const UNSIGNED: Widen = Widen {
    low: |i, a| i.uwiden_low(a),
    high: |i, a| i.uwiden_high(a),
};

impl FuncTranslator<'_, '_> {
    pub(super) fn simd_unary(&mut self, ty: Type, build: Unary) {
        let a = self.pop_as(ty);
        let result = build(self.builder.ins(), a);
        self.push_v128(result);
    }

    pub(super) fn simd_binary(&mut self, ty: Type, build: Binary) {
        let (a, b) = self.pop2_as(ty);
        let result = build(self.builder.ins(), a, b);
        self.push_v128(result);
    }

    /// The count is an `i32`; CLIF takes it modulo the lane width, as wasm does.
    pub(super) fn simd_shift(&mut self, ty: Type, build: Binary) {
        let count = self.pop1();
        let a = self.pop_as(ty);
        let result = build(self.builder.ins(), a, count);
        self.push_v128(result);
    }

    pub(super) fn simd_icmp(&mut self, ty: Type, condition: IntCC) {
        let (a, b) = self.pop2_as(ty);
        let mask = self.builder.ins().icmp(condition, a, b);
        self.push_v128(mask);
    }

    pub(super) fn simd_fcmp(&mut self, ty: Type, condition: FloatCC) {
        let (a, b) = self.pop2_as(ty);
        let mask = self.builder.ins().fcmp(condition, a, b);
        self.push_v128(mask);
    }

    /// Bits of the first operand where the mask has ones, of the second elsewhere.
    ///
    /// A mask that a comparison made is used as the comparison gives it: Cranelift then knows
    /// that its bytes are all ones or all zeros and blends.
    pub(super) fn simd_bitselect(&mut self) {
        let mask = self.pop1();
        let mask = self.before_bitcast(mask);
        let ty = self.builder.func.dfg.value_type(mask);
        let (a, b) = self.pop2_as(ty);
        let result = self.builder.ins().bitselect(mask, a, b);
        self.push_v128(result);
    }

    /// The vector that `value` is a bitcast of, or `value`.
    pub(super) fn before_bitcast(&self, value: Value) -> Value {
        let dfg = &self.builder.func.dfg;
        let ValueDef::Result(inst, _) = dfg.value_def(value) else {
            return value;
        };
        match dfg.insts[inst] {
            InstructionData::LoadNoOffset {
                opcode: Opcode::Bitcast,
                arg,
                ..
            } if dfg.value_type(arg).is_vector() => arg,
            _ => value,
        }
    }

    pub(super) fn simd_any_true(&mut self) {
        let a = self.pop_as(I8X16);
        let any = self.builder.ins().vany_true(a);
        self.push_condition(any);
    }

    pub(super) fn simd_all_true(&mut self, ty: Type) {
        let a = self.pop_as(ty);
        let all = self.builder.ins().vall_true(a);
        self.push_condition(all);
    }

    pub(super) fn simd_bitmask(&mut self, ty: Type) {
        let a = self.pop_as(ty);
        let bits = self.builder.ins().vhigh_bits(I32, a);
        self.push1(bits);
    }

    /// Byte 0 of the constant is lane 0: wasm's order and CLIF's.
    pub(super) fn simd_const(&mut self, value: V128) {
        let constant = self.vconst(I8X16, value.bytes());
        self.push_v128(constant);
    }

    pub(super) fn simd_zero(&mut self, ty: Type) -> Value {
        self.vconst(ty, &[0; 16])
    }

    fn vconst(&mut self, ty: Type, bytes: &[u8; 16]) -> Value {
        let constant = self
            .builder
            .func
            .dfg
            .constants
            .insert(ConstantData::from(&bytes[..]));
        self.builder.ins().vconst(ty, constant)
    }

    pub(super) fn simd_shuffle(&mut self, lanes: [u8; 16]) {
        let (a, b) = self.pop2_as(I8X16);
        let mask = self
            .builder
            .func
            .dfg
            .immediates
            .push(ConstantData::from(&lanes[..]));
        let result = self.builder.ins().shuffle(a, b, mask);
        self.push_v128(result);
    }

    /// Lanes narrower than 32 bits become an `i32`; `sign` means nothing for others.
    pub(super) fn simd_extract_lane(&mut self, ty: Type, lane: u8, sign: Sign) {
        let a = self.pop_as(ty);
        let value = self.builder.ins().extractlane(a, lane);
        let value = match sign {
            _ if ty.lane_bits() >= 32 => value,
            Sign::Signed => self.builder.ins().sextend(I32, value),
            Sign::Unsigned => self.builder.ins().uextend(I32, value),
        };
        self.push1(value);
    }

    pub(super) fn simd_replace_lane(&mut self, ty: Type, lane: u8) {
        let value = self.pop_lane(ty);
        let a = self.pop_as(ty);
        let result = self.builder.ins().insertlane(a, value, lane);
        self.push_v128(result);
    }

    pub(super) fn simd_splat(&mut self, ty: Type) {
        let value = self.pop_lane(ty);
        let result = self.builder.ins().splat(ty, value);
        self.push_v128(result);
    }

    /// A scalar from the stack, cut to the lanes of `ty`.
    fn pop_lane(&mut self, ty: Type) -> Value {
        let value = self.pop1();
        if ty.lane_bits() < 32 {
            self.builder.ins().ireduce(ty.lane_type(), value)
        } else {
            value
        }
    }

    /// Products of the halves that `widen` selects. Multiplying what was just widened is one
    /// multiplication of narrow lanes where the machine has it.
    pub(super) fn simd_extmul(&mut self, ty: Type, widen: Unary) {
        let (a, b) = self.pop2_as(ty);
        let a = widen(self.builder.ins(), a);
        let b = widen(self.builder.ins(), b);
        let result = self.builder.ins().imul(a, b);
        self.push_v128(result);
    }

    /// Sums of neighbours: the pairwise sum of both widened halves, in the form that becomes
    /// `pmaddubsw` and `pmaddwd`.
    pub(super) fn simd_extadd_pairwise(&mut self, ty: Type, widen: Widen) {
        let a = self.pop_as(ty);
        let low = (widen.low)(self.builder.ins(), a);
        let high = (widen.high)(self.builder.ins(), a);
        let result = self.builder.ins().iadd_pairwise(low, high);
        self.push_v128(result);
    }

    /// `i32x4.dot_i16x8_s`, in the form that becomes `pmaddwd`.
    pub(super) fn simd_dot(&mut self) {
        let (a, b) = self.pop2_as(I16X8);
        let [low, high] = [SIGNED.low, SIGNED.high].map(|half| {
            let a = half(self.builder.ins(), a);
            let b = half(self.builder.ins(), b);
            self.builder.ins().imul(a, b)
        });
        let result = self.builder.ins().iadd_pairwise(low, high);
        self.push_v128(result);
    }

    /// `b < a ? b : a`, in the form that becomes `minps` and `minpd`.
    pub(super) fn simd_pmin(&mut self, ty: Type) {
        let (a, b) = self.pop2_as(ty);
        self.simd_choose_less(ty, [b, a], [b, a]);
    }

    /// `a < b ? b : a`, in the form that becomes `maxps` and `maxpd`.
    pub(super) fn simd_pmax(&mut self, ty: Type) {
        let (a, b) = self.pop2_as(ty);
        self.simd_choose_less(ty, [a, b], [b, a]);
    }

    /// For each lane, the first of `choices` where `compared[0] < compared[1]`, else the second.
    pub(super) fn simd_choose_less(&mut self, ty: Type, compared: [Value; 2], choices: [Value; 2]) {
        let less = self
            .builder
            .ins()
            .fcmp(FloatCC::LessThan, compared[0], compared[1]);
        let mask = self.builder.ins().bitcast(ty, LITTLE, less);
        let result = self.builder.ins().bitselect(mask, choices[0], choices[1]);
        self.push_v128(result);
    }

    /// Two doubles to the low two lanes, zero in the others. Saturating to 64 bits and then to 32
    /// is the form that the back ends know.
    pub(super) fn simd_trunc_sat_zero(&mut self, sign: Sign) {
        let a = self.pop_as(F64X2);
        let zero = self.simd_zero(I64X2);
        let result = match sign {
            Sign::Signed => {
                let wide = self.builder.ins().fcvt_to_sint_sat(I64X2, a);
                self.builder.ins().snarrow(wide, zero)
            }
            Sign::Unsigned => {
                let wide = self.builder.ins().fcvt_to_uint_sat(I64X2, a);
                self.builder.ins().uunarrow(wide, zero)
            }
        };
        self.push_v128(result);
    }

    /// The low two lanes to doubles, through 64 bits; exact.
    pub(super) fn simd_convert_low(&mut self, sign: Sign) {
        let a = self.pop_as(I32X4);
        let result = match sign {
            Sign::Signed => {
                let wide = self.builder.ins().swiden_low(a);
                self.builder.ins().fcvt_from_sint(F64X2, wide)
            }
            Sign::Unsigned => {
                let wide = self.builder.ins().uwiden_low(a);
                self.builder.ins().fcvt_from_uint(F64X2, wide)
            }
        };
        self.push_v128(result);
    }
}
