//! Relaxed SIMD: operators of which the specification allows several results for some operands.
//!
//! Each takes what is fastest on the processors that are compiled for, or the result that every
//! processor has (`-W relaxed-simd-deterministic`). What is chosen depends on the options alone,
//! not on the machine that compiles or runs.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, Type, Value};
use wasmparser::Operator as Op;

use super::simd_lanes::{SIGNED, Sign};
use super::translator::FuncTranslator;
use crate::target::Arch;
use crate::{Error, Result};

impl FuncTranslator<'_, '_> {
    /// Translates one operator of relaxed SIMD.
    ///
    /// # Errors
    /// `unsupported` for any other.
    pub(super) fn translate_relaxed_simd(&mut self, op: &Op<'_>, offset: u64) -> Result<()> {
        match *op {
            Op::I8x16RelaxedSwizzle => self.relaxed_swizzle(),
            Op::I32x4RelaxedTruncF32x4S => self.relaxed_trunc(),
            Op::I32x4RelaxedTruncF32x4U => {
                self.simd_unary(F32X4, |i, a| i.fcvt_to_uint_sat(I32X4, a))
            }
            Op::I32x4RelaxedTruncF64x2SZero => self.relaxed_trunc_zero(),
            Op::I32x4RelaxedTruncF64x2UZero => self.simd_trunc_sat_zero(Sign::Unsigned),
            Op::F32x4RelaxedMadd => self.relaxed_multiply_add(F32X4, false),
            Op::F32x4RelaxedNmadd => self.relaxed_multiply_add(F32X4, true),
            Op::F64x2RelaxedMadd => self.relaxed_multiply_add(F64X2, false),
            Op::F64x2RelaxedNmadd => self.relaxed_multiply_add(F64X2, true),
            Op::I8x16RelaxedLaneselect => self.relaxed_laneselect(I8X16),
            Op::I16x8RelaxedLaneselect => self.relaxed_laneselect(I16X8),
            Op::I32x4RelaxedLaneselect => self.relaxed_laneselect(I32X4),
            Op::I64x2RelaxedLaneselect => self.relaxed_laneselect(I64X2),
            Op::F32x4RelaxedMin => self.relaxed_min(F32X4),
            Op::F32x4RelaxedMax => self.relaxed_max(F32X4),
            Op::F64x2RelaxedMin => self.relaxed_min(F64X2),
            Op::F64x2RelaxedMax => self.relaxed_max(F64X2),
            Op::I16x8RelaxedQ15mulrS => self.relaxed_q15mulr(),
            Op::I16x8RelaxedDotI8x16I7x16S => self.relaxed_dot(),
            Op::I32x4RelaxedDotI8x16I7x16AddS => self.relaxed_dot_add(),
            _ => {
                let what = format_args!("operator `{op:?}`");
                return Err(Error::unsupported(what, offset));
            }
        }
        Ok(())
    }

    fn is_deterministic(&self) -> bool {
        self.translation.options.relaxed_simd_deterministic
    }

    /// Whether instructions of x86-64 may give what only they give.
    fn takes_x86_results(&self) -> bool {
        !self.is_deterministic() && self.translation.options.target.arch == Arch::X86_64
    }

    /// Lanes beyond the last one are zero, or by `pshufb` lanes modulo 16 up to index 127.
    fn relaxed_swizzle(&mut self) {
        let is_short = self.takes_x86_results() && self.translation.isa.has_x86_pshufb_lowering();
        if is_short {
            self.simd_binary(I8X16, |i, a, b| i.x86_pshufb(a, b));
        } else {
            self.simd_binary(I8X16, |i, a, b| i.swizzle(a, b));
        }
    }

    /// What does not fit saturates, and is the least number by `cvttps2dq`.
    fn relaxed_trunc(&mut self) {
        if self.takes_x86_results() {
            self.simd_unary(F32X4, |i, a| i.x86_cvtt2dq(I32X4, a));
        } else {
            self.simd_unary(F32X4, |i, a| i.fcvt_to_sint_sat(I32X4, a));
        }
    }

    /// As [`Self::relaxed_trunc`], by `cvttpd2dq`.
    fn relaxed_trunc_zero(&mut self) {
        if !self.takes_x86_results() {
            return self.simd_trunc_sat_zero(Sign::Signed);
        }
        let a = self.pop_as(F64X2);
        let wide = self.builder.ins().x86_cvtt2dq(I64X2, a);
        let zero = self.simd_zero(I64X2);
        let result = self.builder.ins().snarrow(wide, zero);
        self.push_v128(result);
    }

    /// `a * b + c`, or `c - a * b`: rounded once, or twice where the processor would need a call
    /// for each lane.
    fn relaxed_multiply_add(&mut self, ty: Type, is_negated: bool) {
        let (a, b, c) = self.pop3();
        let [a, b, c] = [a, b, c].map(|value| self.as_vector(value, ty));
        let is_fused = self.is_deterministic() || self.translation.has_fma;
        let ins = self.builder.ins();
        let a = match is_negated {
            true => ins.fneg(a),
            false => a,
        };
        let result = match is_fused {
            true => self.builder.ins().fma(a, b, c),
            false => {
                let product = self.builder.ins().fmul(a, b);
                self.builder.ins().fadd(product, c)
            }
        };
        self.push_v128(result);
    }

    /// As `v128.bitselect`, or lanes by the highest bit of the mask's.
    fn relaxed_laneselect(&mut self, ty: Type) {
        if !self.takes_x86_results() || !self.translation.isa.has_blendv_lowering(ty) {
            return self.simd_bitselect();
        }
        let (a, b, mask) = self.pop3();
        let [a, b, mask] = [a, b, mask].map(|value| self.as_vector(value, ty));
        let result = self.builder.ins().blendv(mask, a, b);
        self.push_v128(result);
    }

    /// Which of two zeros, and what of NaNs, is left open: so `minps` will do.
    fn relaxed_min(&mut self, ty: Type) {
        if !self.takes_x86_results() {
            return self.simd_binary(ty, |i, a, b| i.fmin(a, b));
        }
        let (a, b) = self.pop2_as(ty);
        self.simd_choose_less(ty, [a, b], [a, b]);
    }

    /// As [`Self::relaxed_min`], by `maxps`.
    fn relaxed_max(&mut self, ty: Type) {
        if !self.takes_x86_results() {
            return self.simd_binary(ty, |i, a, b| i.fmax(a, b));
        }
        let (a, b) = self.pop2_as(ty);
        self.simd_choose_less(ty, [b, a], [a, b]);
    }

    /// -1 by -1 saturates, and stays -1 by `pmulhrsw`.
    fn relaxed_q15mulr(&mut self) {
        let is_short = self.takes_x86_results() && self.translation.isa.has_x86_pmulhrsw_lowering();
        if is_short {
            self.simd_binary(I16X8, |i, a, b| i.x86_pmulhrsw(a, b));
        } else {
            self.simd_binary(I16X8, |i, a, b| i.sqmul_round_sat(a, b));
        }
    }

    /// Whether `pmaddubsw` does for sums of products: it takes lanes without a sign, which is left
    /// open for those above 127, and saturates.
    fn is_dot_short(&self) -> bool {
        self.takes_x86_results() && self.translation.isa.has_x86_pmaddubsw_lowering()
    }

    /// Products of the low and of the high lanes.
    fn products(&mut self, a: Value, b: Value) -> [Value; 2] {
        [SIGNED.low, SIGNED.high].map(|half| {
            let a = half(self.builder.ins(), a);
            let b = half(self.builder.ins(), b);
            self.builder.ins().imul(a, b)
        })
    }

    /// Sums of two products each.
    fn relaxed_dot(&mut self) {
        let (a, b) = self.pop2_as(I8X16);
        let sums = if self.is_dot_short() {
            self.builder.ins().x86_pmaddubsw(a, b)
        } else {
            let [low, high] = self.products(a, b);
            self.builder.ins().iadd_pairwise(low, high)
        };
        self.push_v128(sums);
    }

    /// Sums of four products each, and of the lanes of a third operand.
    fn relaxed_dot_add(&mut self) {
        let (a, b, c) = self.pop3();
        let [a, b] = [a, b].map(|value| self.as_vector(value, I8X16));
        let c = self.as_vector(c, I32X4);
        let sums = if self.is_dot_short() {
            let sums = self.builder.ins().x86_pmaddubsw(a, b);
            self.sums_of_neighbours(sums)
        } else {
            let [low, high] = self.products(a, b);
            let low = self.sums_of_neighbours(low);
            let high = self.sums_of_neighbours(high);
            self.builder.ins().iadd_pairwise(low, high)
        };
        let result = self.builder.ins().iadd(sums, c);
        self.push_v128(result);
    }

    /// In lanes of twice the width.
    fn sums_of_neighbours(&mut self, lanes: Value) -> Value {
        let low = (SIGNED.low)(self.builder.ins(), lanes);
        let high = (SIGNED.high)(self.builder.ins(), lanes);
        self.builder.ins().iadd_pairwise(low, high)
    }
}
