//! Fixed-width SIMD: every operator of the proposal's section "SIMD instructions" to CLIF.
//!
//! Comes in: one operator, with its operands on the translator's stack. Goes out: CLIF that
//! leaves the result there. A `v128` is an `I8X16` on the stack; each operator looks at it as the
//! lanes it works on. This file is the table of operators; how lanes are computed is in
//! `simd_lanes`, how they are loaded and stored in `simd_memory`.

use cranelift_codegen::ir::InstBuilder;
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I16X8, I32X4, I64X2};
use wasmparser::Operator as Op;

use super::simd_lanes::{SIGNED, Sign, UNSIGNED};
use super::translator::FuncTranslator;
use crate::{Error, Result};

impl FuncTranslator<'_, '_> {
    /// Translates one SIMD operator. The length of this function is that of the table.
    ///
    /// # Errors
    /// `unsupported` for an operator that is not of fixed-width SIMD.
    pub(super) fn translate_simd(&mut self, op: &Op<'_>, offset: u64) -> Result<()> {
        match *op {
            // Memory.
            Op::V128Load { memarg } => self.simd_load(memarg),
            Op::V128Load8x8S { memarg } => {
                self.simd_load_extend(memarg, |i, flags, p, o| i.sload8x8(flags, p, o))
            }
            Op::V128Load8x8U { memarg } => {
                self.simd_load_extend(memarg, |i, flags, p, o| i.uload8x8(flags, p, o))
            }
            Op::V128Load16x4S { memarg } => {
                self.simd_load_extend(memarg, |i, flags, p, o| i.sload16x4(flags, p, o))
            }
            Op::V128Load16x4U { memarg } => {
                self.simd_load_extend(memarg, |i, flags, p, o| i.uload16x4(flags, p, o))
            }
            Op::V128Load32x2S { memarg } => {
                self.simd_load_extend(memarg, |i, flags, p, o| i.sload32x2(flags, p, o))
            }
            Op::V128Load32x2U { memarg } => {
                self.simd_load_extend(memarg, |i, flags, p, o| i.uload32x2(flags, p, o))
            }
            Op::V128Load8Splat { memarg } => self.simd_load_splat(memarg, I8X16),
            Op::V128Load16Splat { memarg } => self.simd_load_splat(memarg, I16X8),
            Op::V128Load32Splat { memarg } => self.simd_load_splat(memarg, I32X4),
            Op::V128Load64Splat { memarg } => self.simd_load_splat(memarg, I64X2),
            Op::V128Load32Zero { memarg } => self.simd_load_zero(memarg, I32X4),
            Op::V128Load64Zero { memarg } => self.simd_load_zero(memarg, I64X2),
            Op::V128Store { memarg } => self.simd_store(memarg),
            Op::V128Load8Lane { memarg, lane } => self.simd_load_lane(memarg, I8X16, lane),
            Op::V128Load16Lane { memarg, lane } => self.simd_load_lane(memarg, I16X8, lane),
            Op::V128Load32Lane { memarg, lane } => self.simd_load_lane(memarg, I32X4, lane),
            Op::V128Load64Lane { memarg, lane } => self.simd_load_lane(memarg, I64X2, lane),
            Op::V128Store8Lane { memarg, lane } => self.simd_store_lane(memarg, I8X16, lane),
            Op::V128Store16Lane { memarg, lane } => self.simd_store_lane(memarg, I16X8, lane),
            Op::V128Store32Lane { memarg, lane } => self.simd_store_lane(memarg, I32X4, lane),
            Op::V128Store64Lane { memarg, lane } => self.simd_store_lane(memarg, I64X2, lane),

            // Constants and lanes.
            Op::V128Const { value } => self.simd_const(value),
            Op::I8x16Shuffle { lanes } => self.simd_shuffle(lanes),
            Op::I8x16Swizzle => self.simd_binary(I8X16, |i, a, b| i.swizzle(a, b)),
            Op::I8x16ExtractLaneS { lane } => self.simd_extract_lane(I8X16, lane, Sign::Signed),
            Op::I8x16ExtractLaneU { lane } => self.simd_extract_lane(I8X16, lane, Sign::Unsigned),
            Op::I8x16ReplaceLane { lane } => self.simd_replace_lane(I8X16, lane),
            Op::I8x16Splat => self.simd_splat(I8X16),
            Op::I16x8ExtractLaneS { lane } => self.simd_extract_lane(I16X8, lane, Sign::Signed),
            Op::I16x8ExtractLaneU { lane } => self.simd_extract_lane(I16X8, lane, Sign::Unsigned),
            Op::I16x8ReplaceLane { lane } => self.simd_replace_lane(I16X8, lane),
            Op::I16x8Splat => self.simd_splat(I16X8),
            Op::I32x4ExtractLane { lane } => self.simd_extract_lane(I32X4, lane, Sign::Signed),
            Op::I32x4ReplaceLane { lane } => self.simd_replace_lane(I32X4, lane),
            Op::I32x4Splat => self.simd_splat(I32X4),
            Op::I64x2ExtractLane { lane } => self.simd_extract_lane(I64X2, lane, Sign::Signed),
            Op::I64x2ReplaceLane { lane } => self.simd_replace_lane(I64X2, lane),
            Op::I64x2Splat => self.simd_splat(I64X2),
            Op::F32x4ExtractLane { lane } => self.simd_extract_lane(F32X4, lane, Sign::Signed),
            Op::F32x4ReplaceLane { lane } => self.simd_replace_lane(F32X4, lane),
            Op::F32x4Splat => self.simd_splat(F32X4),
            Op::F64x2ExtractLane { lane } => self.simd_extract_lane(F64X2, lane, Sign::Signed),
            Op::F64x2ReplaceLane { lane } => self.simd_replace_lane(F64X2, lane),
            Op::F64x2Splat => self.simd_splat(F64X2),

            // Comparisons.
            Op::I8x16Eq => self.simd_icmp(I8X16, IntCC::Equal),
            Op::I8x16Ne => self.simd_icmp(I8X16, IntCC::NotEqual),
            Op::I8x16LtS => self.simd_icmp(I8X16, IntCC::SignedLessThan),
            Op::I8x16LtU => self.simd_icmp(I8X16, IntCC::UnsignedLessThan),
            Op::I8x16GtS => self.simd_icmp(I8X16, IntCC::SignedGreaterThan),
            Op::I8x16GtU => self.simd_icmp(I8X16, IntCC::UnsignedGreaterThan),
            Op::I8x16LeS => self.simd_icmp(I8X16, IntCC::SignedLessThanOrEqual),
            Op::I8x16LeU => self.simd_icmp(I8X16, IntCC::UnsignedLessThanOrEqual),
            Op::I8x16GeS => self.simd_icmp(I8X16, IntCC::SignedGreaterThanOrEqual),
            Op::I8x16GeU => self.simd_icmp(I8X16, IntCC::UnsignedGreaterThanOrEqual),
            Op::I16x8Eq => self.simd_icmp(I16X8, IntCC::Equal),
            Op::I16x8Ne => self.simd_icmp(I16X8, IntCC::NotEqual),
            Op::I16x8LtS => self.simd_icmp(I16X8, IntCC::SignedLessThan),
            Op::I16x8LtU => self.simd_icmp(I16X8, IntCC::UnsignedLessThan),
            Op::I16x8GtS => self.simd_icmp(I16X8, IntCC::SignedGreaterThan),
            Op::I16x8GtU => self.simd_icmp(I16X8, IntCC::UnsignedGreaterThan),
            Op::I16x8LeS => self.simd_icmp(I16X8, IntCC::SignedLessThanOrEqual),
            Op::I16x8LeU => self.simd_icmp(I16X8, IntCC::UnsignedLessThanOrEqual),
            Op::I16x8GeS => self.simd_icmp(I16X8, IntCC::SignedGreaterThanOrEqual),
            Op::I16x8GeU => self.simd_icmp(I16X8, IntCC::UnsignedGreaterThanOrEqual),
            Op::I32x4Eq => self.simd_icmp(I32X4, IntCC::Equal),
            Op::I32x4Ne => self.simd_icmp(I32X4, IntCC::NotEqual),
            Op::I32x4LtS => self.simd_icmp(I32X4, IntCC::SignedLessThan),
            Op::I32x4LtU => self.simd_icmp(I32X4, IntCC::UnsignedLessThan),
            Op::I32x4GtS => self.simd_icmp(I32X4, IntCC::SignedGreaterThan),
            Op::I32x4GtU => self.simd_icmp(I32X4, IntCC::UnsignedGreaterThan),
            Op::I32x4LeS => self.simd_icmp(I32X4, IntCC::SignedLessThanOrEqual),
            Op::I32x4LeU => self.simd_icmp(I32X4, IntCC::UnsignedLessThanOrEqual),
            Op::I32x4GeS => self.simd_icmp(I32X4, IntCC::SignedGreaterThanOrEqual),
            Op::I32x4GeU => self.simd_icmp(I32X4, IntCC::UnsignedGreaterThanOrEqual),
            Op::I64x2Eq => self.simd_icmp(I64X2, IntCC::Equal),
            Op::I64x2Ne => self.simd_icmp(I64X2, IntCC::NotEqual),
            Op::I64x2LtS => self.simd_icmp(I64X2, IntCC::SignedLessThan),
            Op::I64x2GtS => self.simd_icmp(I64X2, IntCC::SignedGreaterThan),
            Op::I64x2LeS => self.simd_icmp(I64X2, IntCC::SignedLessThanOrEqual),
            Op::I64x2GeS => self.simd_icmp(I64X2, IntCC::SignedGreaterThanOrEqual),
            Op::F32x4Eq => self.simd_fcmp(F32X4, FloatCC::Equal),
            Op::F32x4Ne => self.simd_fcmp(F32X4, FloatCC::NotEqual),
            Op::F32x4Lt => self.simd_fcmp(F32X4, FloatCC::LessThan),
            Op::F32x4Gt => self.simd_fcmp(F32X4, FloatCC::GreaterThan),
            Op::F32x4Le => self.simd_fcmp(F32X4, FloatCC::LessThanOrEqual),
            Op::F32x4Ge => self.simd_fcmp(F32X4, FloatCC::GreaterThanOrEqual),
            Op::F64x2Eq => self.simd_fcmp(F64X2, FloatCC::Equal),
            Op::F64x2Ne => self.simd_fcmp(F64X2, FloatCC::NotEqual),
            Op::F64x2Lt => self.simd_fcmp(F64X2, FloatCC::LessThan),
            Op::F64x2Gt => self.simd_fcmp(F64X2, FloatCC::GreaterThan),
            Op::F64x2Le => self.simd_fcmp(F64X2, FloatCC::LessThanOrEqual),
            Op::F64x2Ge => self.simd_fcmp(F64X2, FloatCC::GreaterThanOrEqual),

            // Bits.
            Op::V128Not => self.simd_unary(I8X16, |i, a| i.bnot(a)),
            Op::V128And => self.simd_binary(I8X16, |i, a, b| i.band(a, b)),
            Op::V128AndNot => self.simd_binary(I8X16, |i, a, b| i.band_not(a, b)),
            Op::V128Or => self.simd_binary(I8X16, |i, a, b| i.bor(a, b)),
            Op::V128Xor => self.simd_binary(I8X16, |i, a, b| i.bxor(a, b)),
            Op::V128Bitselect => self.simd_bitselect(),
            Op::V128AnyTrue => self.simd_any_true(),
            Op::I8x16AllTrue => self.simd_all_true(I8X16),
            Op::I16x8AllTrue => self.simd_all_true(I16X8),
            Op::I32x4AllTrue => self.simd_all_true(I32X4),
            Op::I64x2AllTrue => self.simd_all_true(I64X2),
            Op::I8x16Bitmask => self.simd_bitmask(I8X16),
            Op::I16x8Bitmask => self.simd_bitmask(I16X8),
            Op::I32x4Bitmask => self.simd_bitmask(I32X4),
            Op::I64x2Bitmask => self.simd_bitmask(I64X2),
            Op::I8x16Shl => self.simd_shift(I8X16, |i, a, n| i.ishl(a, n)),
            Op::I8x16ShrS => self.simd_shift(I8X16, |i, a, n| i.sshr(a, n)),
            Op::I8x16ShrU => self.simd_shift(I8X16, |i, a, n| i.ushr(a, n)),
            Op::I16x8Shl => self.simd_shift(I16X8, |i, a, n| i.ishl(a, n)),
            Op::I16x8ShrS => self.simd_shift(I16X8, |i, a, n| i.sshr(a, n)),
            Op::I16x8ShrU => self.simd_shift(I16X8, |i, a, n| i.ushr(a, n)),
            Op::I32x4Shl => self.simd_shift(I32X4, |i, a, n| i.ishl(a, n)),
            Op::I32x4ShrS => self.simd_shift(I32X4, |i, a, n| i.sshr(a, n)),
            Op::I32x4ShrU => self.simd_shift(I32X4, |i, a, n| i.ushr(a, n)),
            Op::I64x2Shl => self.simd_shift(I64X2, |i, a, n| i.ishl(a, n)),
            Op::I64x2ShrS => self.simd_shift(I64X2, |i, a, n| i.sshr(a, n)),
            Op::I64x2ShrU => self.simd_shift(I64X2, |i, a, n| i.ushr(a, n)),

            // Integers.
            Op::I8x16Abs => self.simd_unary(I8X16, |i, a| i.iabs(a)),
            Op::I8x16Neg => self.simd_unary(I8X16, |i, a| i.ineg(a)),
            Op::I8x16Popcnt => self.simd_unary(I8X16, |i, a| i.popcnt(a)),
            Op::I8x16Add => self.simd_binary(I8X16, |i, a, b| i.iadd(a, b)),
            Op::I8x16Sub => self.simd_binary(I8X16, |i, a, b| i.isub(a, b)),
            Op::I8x16AddSatS => self.simd_binary(I8X16, |i, a, b| i.sadd_sat(a, b)),
            Op::I8x16AddSatU => self.simd_binary(I8X16, |i, a, b| i.uadd_sat(a, b)),
            Op::I8x16SubSatS => self.simd_binary(I8X16, |i, a, b| i.ssub_sat(a, b)),
            Op::I8x16SubSatU => self.simd_binary(I8X16, |i, a, b| i.usub_sat(a, b)),
            Op::I8x16AvgrU => self.simd_binary(I8X16, |i, a, b| i.avg_round(a, b)),
            Op::I8x16MinS => self.simd_binary(I8X16, |i, a, b| i.smin(a, b)),
            Op::I8x16MinU => self.simd_binary(I8X16, |i, a, b| i.umin(a, b)),
            Op::I8x16MaxS => self.simd_binary(I8X16, |i, a, b| i.smax(a, b)),
            Op::I8x16MaxU => self.simd_binary(I8X16, |i, a, b| i.umax(a, b)),
            Op::I16x8Abs => self.simd_unary(I16X8, |i, a| i.iabs(a)),
            Op::I16x8Neg => self.simd_unary(I16X8, |i, a| i.ineg(a)),
            Op::I16x8Add => self.simd_binary(I16X8, |i, a, b| i.iadd(a, b)),
            Op::I16x8Sub => self.simd_binary(I16X8, |i, a, b| i.isub(a, b)),
            Op::I16x8AddSatS => self.simd_binary(I16X8, |i, a, b| i.sadd_sat(a, b)),
            Op::I16x8AddSatU => self.simd_binary(I16X8, |i, a, b| i.uadd_sat(a, b)),
            Op::I16x8SubSatS => self.simd_binary(I16X8, |i, a, b| i.ssub_sat(a, b)),
            Op::I16x8SubSatU => self.simd_binary(I16X8, |i, a, b| i.usub_sat(a, b)),
            Op::I16x8AvgrU => self.simd_binary(I16X8, |i, a, b| i.avg_round(a, b)),
            Op::I16x8Mul => self.simd_binary(I16X8, |i, a, b| i.imul(a, b)),
            Op::I16x8Q15MulrSatS => self.simd_binary(I16X8, |i, a, b| i.sqmul_round_sat(a, b)),
            Op::I16x8MinS => self.simd_binary(I16X8, |i, a, b| i.smin(a, b)),
            Op::I16x8MinU => self.simd_binary(I16X8, |i, a, b| i.umin(a, b)),
            Op::I16x8MaxS => self.simd_binary(I16X8, |i, a, b| i.smax(a, b)),
            Op::I16x8MaxU => self.simd_binary(I16X8, |i, a, b| i.umax(a, b)),
            Op::I32x4Abs => self.simd_unary(I32X4, |i, a| i.iabs(a)),
            Op::I32x4Neg => self.simd_unary(I32X4, |i, a| i.ineg(a)),
            Op::I32x4Add => self.simd_binary(I32X4, |i, a, b| i.iadd(a, b)),
            Op::I32x4Sub => self.simd_binary(I32X4, |i, a, b| i.isub(a, b)),
            Op::I32x4Mul => self.simd_binary(I32X4, |i, a, b| i.imul(a, b)),
            Op::I32x4MinS => self.simd_binary(I32X4, |i, a, b| i.smin(a, b)),
            Op::I32x4MinU => self.simd_binary(I32X4, |i, a, b| i.umin(a, b)),
            Op::I32x4MaxS => self.simd_binary(I32X4, |i, a, b| i.smax(a, b)),
            Op::I32x4MaxU => self.simd_binary(I32X4, |i, a, b| i.umax(a, b)),
            Op::I64x2Abs => self.simd_unary(I64X2, |i, a| i.iabs(a)),
            Op::I64x2Neg => self.simd_unary(I64X2, |i, a| i.ineg(a)),
            Op::I64x2Add => self.simd_binary(I64X2, |i, a, b| i.iadd(a, b)),
            Op::I64x2Sub => self.simd_binary(I64X2, |i, a, b| i.isub(a, b)),
            Op::I64x2Mul => self.simd_binary(I64X2, |i, a, b| i.imul(a, b)),

            // From narrower or wider integers.
            Op::I8x16NarrowI16x8S => self.simd_binary(I16X8, |i, a, b| i.snarrow(a, b)),
            Op::I8x16NarrowI16x8U => self.simd_binary(I16X8, |i, a, b| i.unarrow(a, b)),
            Op::I16x8NarrowI32x4S => self.simd_binary(I32X4, |i, a, b| i.snarrow(a, b)),
            Op::I16x8NarrowI32x4U => self.simd_binary(I32X4, |i, a, b| i.unarrow(a, b)),
            Op::I16x8ExtendLowI8x16S => self.simd_unary(I8X16, SIGNED.low),
            Op::I16x8ExtendHighI8x16S => self.simd_unary(I8X16, SIGNED.high),
            Op::I16x8ExtendLowI8x16U => self.simd_unary(I8X16, UNSIGNED.low),
            Op::I16x8ExtendHighI8x16U => self.simd_unary(I8X16, UNSIGNED.high),
            Op::I32x4ExtendLowI16x8S => self.simd_unary(I16X8, SIGNED.low),
            Op::I32x4ExtendHighI16x8S => self.simd_unary(I16X8, SIGNED.high),
            Op::I32x4ExtendLowI16x8U => self.simd_unary(I16X8, UNSIGNED.low),
            Op::I32x4ExtendHighI16x8U => self.simd_unary(I16X8, UNSIGNED.high),
            Op::I64x2ExtendLowI32x4S => self.simd_unary(I32X4, SIGNED.low),
            Op::I64x2ExtendHighI32x4S => self.simd_unary(I32X4, SIGNED.high),
            Op::I64x2ExtendLowI32x4U => self.simd_unary(I32X4, UNSIGNED.low),
            Op::I64x2ExtendHighI32x4U => self.simd_unary(I32X4, UNSIGNED.high),
            Op::I16x8ExtMulLowI8x16S => self.simd_extmul(I8X16, SIGNED.low),
            Op::I16x8ExtMulHighI8x16S => self.simd_extmul(I8X16, SIGNED.high),
            Op::I16x8ExtMulLowI8x16U => self.simd_extmul(I8X16, UNSIGNED.low),
            Op::I16x8ExtMulHighI8x16U => self.simd_extmul(I8X16, UNSIGNED.high),
            Op::I32x4ExtMulLowI16x8S => self.simd_extmul(I16X8, SIGNED.low),
            Op::I32x4ExtMulHighI16x8S => self.simd_extmul(I16X8, SIGNED.high),
            Op::I32x4ExtMulLowI16x8U => self.simd_extmul(I16X8, UNSIGNED.low),
            Op::I32x4ExtMulHighI16x8U => self.simd_extmul(I16X8, UNSIGNED.high),
            Op::I64x2ExtMulLowI32x4S => self.simd_extmul(I32X4, SIGNED.low),
            Op::I64x2ExtMulHighI32x4S => self.simd_extmul(I32X4, SIGNED.high),
            Op::I64x2ExtMulLowI32x4U => self.simd_extmul(I32X4, UNSIGNED.low),
            Op::I64x2ExtMulHighI32x4U => self.simd_extmul(I32X4, UNSIGNED.high),
            Op::I16x8ExtAddPairwiseI8x16S => self.simd_extadd_pairwise(I8X16, SIGNED),
            Op::I16x8ExtAddPairwiseI8x16U => self.simd_extadd_pairwise(I8X16, UNSIGNED),
            Op::I32x4ExtAddPairwiseI16x8S => self.simd_extadd_pairwise(I16X8, SIGNED),
            Op::I32x4ExtAddPairwiseI16x8U => self.simd_extadd_pairwise(I16X8, UNSIGNED),
            Op::I32x4DotI16x8S => self.simd_dot(),

            // Floating point.
            Op::F32x4Ceil => self.simd_unary(F32X4, |i, a| i.ceil(a)),
            Op::F32x4Floor => self.simd_unary(F32X4, |i, a| i.floor(a)),
            Op::F32x4Trunc => self.simd_unary(F32X4, |i, a| i.trunc(a)),
            Op::F32x4Nearest => self.simd_unary(F32X4, |i, a| i.nearest(a)),
            Op::F32x4Abs => self.simd_unary(F32X4, |i, a| i.fabs(a)),
            Op::F32x4Neg => self.simd_unary(F32X4, |i, a| i.fneg(a)),
            Op::F32x4Sqrt => self.simd_unary(F32X4, |i, a| i.sqrt(a)),
            Op::F32x4Add => self.simd_binary(F32X4, |i, a, b| i.fadd(a, b)),
            Op::F32x4Sub => self.simd_binary(F32X4, |i, a, b| i.fsub(a, b)),
            Op::F32x4Mul => self.simd_binary(F32X4, |i, a, b| i.fmul(a, b)),
            Op::F32x4Div => self.simd_binary(F32X4, |i, a, b| i.fdiv(a, b)),
            Op::F32x4Min => self.simd_binary(F32X4, |i, a, b| i.fmin(a, b)),
            Op::F32x4Max => self.simd_binary(F32X4, |i, a, b| i.fmax(a, b)),
            Op::F32x4PMin => self.simd_pmin(F32X4),
            Op::F32x4PMax => self.simd_pmax(F32X4),
            Op::F64x2Ceil => self.simd_unary(F64X2, |i, a| i.ceil(a)),
            Op::F64x2Floor => self.simd_unary(F64X2, |i, a| i.floor(a)),
            Op::F64x2Trunc => self.simd_unary(F64X2, |i, a| i.trunc(a)),
            Op::F64x2Nearest => self.simd_unary(F64X2, |i, a| i.nearest(a)),
            Op::F64x2Abs => self.simd_unary(F64X2, |i, a| i.fabs(a)),
            Op::F64x2Neg => self.simd_unary(F64X2, |i, a| i.fneg(a)),
            Op::F64x2Sqrt => self.simd_unary(F64X2, |i, a| i.sqrt(a)),
            Op::F64x2Add => self.simd_binary(F64X2, |i, a, b| i.fadd(a, b)),
            Op::F64x2Sub => self.simd_binary(F64X2, |i, a, b| i.fsub(a, b)),
            Op::F64x2Mul => self.simd_binary(F64X2, |i, a, b| i.fmul(a, b)),
            Op::F64x2Div => self.simd_binary(F64X2, |i, a, b| i.fdiv(a, b)),
            Op::F64x2Min => self.simd_binary(F64X2, |i, a, b| i.fmin(a, b)),
            Op::F64x2Max => self.simd_binary(F64X2, |i, a, b| i.fmax(a, b)),
            Op::F64x2PMin => self.simd_pmin(F64X2),
            Op::F64x2PMax => self.simd_pmax(F64X2),

            // Conversions.
            Op::I32x4TruncSatF32x4S => self.simd_unary(F32X4, |i, a| i.fcvt_to_sint_sat(I32X4, a)),
            Op::I32x4TruncSatF32x4U => self.simd_unary(F32X4, |i, a| i.fcvt_to_uint_sat(I32X4, a)),
            Op::F32x4ConvertI32x4S => self.simd_unary(I32X4, |i, a| i.fcvt_from_sint(F32X4, a)),
            Op::F32x4ConvertI32x4U => self.simd_unary(I32X4, |i, a| i.fcvt_from_uint(F32X4, a)),
            Op::I32x4TruncSatF64x2SZero => self.simd_trunc_sat_zero(Sign::Signed),
            Op::I32x4TruncSatF64x2UZero => self.simd_trunc_sat_zero(Sign::Unsigned),
            Op::F64x2ConvertLowI32x4S => self.simd_convert_low(Sign::Signed),
            Op::F64x2ConvertLowI32x4U => self.simd_convert_low(Sign::Unsigned),
            Op::F32x4DemoteF64x2Zero => self.simd_unary(F64X2, |i, a| i.fvdemote(a)),
            Op::F64x2PromoteLowF32x4 => self.simd_unary(F32X4, |i, a| i.fvpromote_low(a)),

            _ => {
                return Err(Error::unsupported(
                    format_args!("operator `{op:?}`"),
                    offset,
                ));
            }
        }
        Ok(())
    }
}
