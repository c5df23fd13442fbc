//! Loads and stores of vectors and of single lanes.
//!
//! Each is one access of exactly the bytes that wasm names, so that it traps where wasm does and
//! before it has any effect.

use cranelift_codegen::ir::types::{F32X4, F64X2, I8X16, I32X4, I64X2};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use wasmparser::MemArg;

use super::builder::Append;
use super::translator::FuncTranslator;

/// Builds a load that widens its lanes: flags, address and offset as for any load.
type LoadExtend = fn(Append<'_, '_>, MemFlagsData, Value, i32) -> Value;

impl FuncTranslator<'_, '_> {
    pub(super) fn simd_load(&mut self, memarg: MemArg) {
        let value = self.load_scalar(memarg, I8X16);
        self.push_v128(value);
    }

    pub(super) fn simd_store(&mut self, memarg: MemArg) {
        let value = self.pop_as(I8X16);
        self.store_scalar(memarg, value);
    }

    /// Reads 8 bytes and widens them to 16.
    pub(super) fn simd_load_extend(&mut self, memarg: MemArg, build: LoadExtend) {
        let (flags, address, offset) = self.memory_operand(&memarg, 8);
        let value = build(self.builder.ins(), flags, address, offset);
        self.push_v128(value);
    }

    pub(super) fn simd_load_splat(&mut self, memarg: MemArg, ty: Type) {
        let lane = self.load_scalar(memarg, ty.lane_type());
        let value = self.builder.ins().splat(ty, lane);
        self.push_v128(value);
    }

    /// Lane 0 from memory, zero in the others.
    pub(super) fn simd_load_zero(&mut self, memarg: MemArg, ty: Type) {
        let lane = self.load_scalar(memarg, ty.lane_type());
        let value = self.builder.ins().scalar_to_vector(ty, lane);
        self.push_v128(value);
    }

    pub(super) fn simd_load_lane(&mut self, memarg: MemArg, ty: Type, index: u8) {
        let vector = self.pop_as(ty);
        let lane = self.load_scalar(memarg, ty.lane_type());
        let value = self.builder.ins().insertlane(vector, lane, index);
        self.push_v128(value);
    }

    /// Lane 0 is stored as a float where there is one of its width: no extraction is needed then.
    pub(super) fn simd_store_lane(&mut self, memarg: MemArg, ty: Type, index: u8) {
        let ty = match (ty, index) {
            (I32X4, 0) => F32X4,
            (I64X2, 0) => F64X2,
            _ => ty,
        };
        let vector = self.pop_as(ty);
        let lane = self.builder.ins().extractlane(vector, index);
        self.store_scalar(memarg, lane);
    }

    fn load_scalar(&mut self, memarg: MemArg, ty: Type) -> Value {
        let (flags, address, offset) = self.memory_operand(&memarg, ty.bytes());
        self.builder.ins().load(ty, flags, address, offset)
    }

    fn store_scalar(&mut self, memarg: MemArg, value: Value) {
        let bytes = self.builder.func.dfg.value_type(value).bytes();
        let (flags, address, offset) = self.memory_operand(&memarg, bytes);
        self.builder.ins().store(flags, value, address, offset);
    }
}
